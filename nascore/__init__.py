"""nascore: a reproducible companion to five papers on differentiable neural architecture search."""

from nascore.base.config import override as override
from nascore.base.errors import ConfigError as ConfigError
from nascore.base.errors import DataError as DataError
from nascore.base.errors import GenotypeError as GenotypeError
from nascore.base.errors import NascoreError as NascoreError
from nascore.base.errors import RunError as RunError
from nascore.base.version import __version__ as __version__
from nascore.networks.benchmark_cells import BenchmarkCell as BenchmarkCell
from nascore.networks.benchmark_network import BenchmarkNetwork as BenchmarkNetwork
from nascore.networks.cell_network import CellNetwork as CellNetwork
from nascore.networks.cells import Cell as Cell
from nascore.networks.cells import Genotype as Genotype
from nascore.networks.counting import count as count
from nascore.networks.published import PUBLISHED as PUBLISHED
from nascore.records.record import Run as Run
from nascore.records.record import load_run as load_run
from nascore.runs import keep as keep
from nascore.runs import run as run
