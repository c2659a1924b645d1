"""nascore: a reproducible companion to five papers on differentiable neural architecture search."""

from nascore.config import override as override
from nascore.errors import ConfigError as ConfigError
from nascore.errors import DataError as DataError
from nascore.errors import GenotypeError as GenotypeError
from nascore.errors import NascoreError as NascoreError
from nascore.errors import RunError as RunError
from nascore.genotypes import PUBLISHED as PUBLISHED
from nascore.genotypes import Cell as Cell
from nascore.genotypes import Genotype as Genotype
from nascore.nasbench201 import BenchmarkCell as BenchmarkCell
from nascore.networks import BenchmarkNetwork as BenchmarkNetwork
from nascore.networks import CellNetwork as CellNetwork
from nascore.networks import count as count
from nascore.records import Run as Run
from nascore.records import load_run as load_run
from nascore.runs import keep as keep
from nascore.runs import run as run

__version__ = "0.1.0"
