"""nascore: a reproducible companion to five papers on differentiable neural architecture search.

Everything below is imported when it is first asked for, so that `import nascore` itself takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nascore.base.config import override as override
from nascore.base.display import drawn_by as _drawn_by
from nascore.base.errors import ConfigError as ConfigError
from nascore.base.errors import DataError as DataError
from nascore.base.errors import GenotypeError as GenotypeError
from nascore.base.errors import NascoreError as NascoreError
from nascore.base.errors import RunError as RunError
from nascore.base.version import __version__ as __version__

if TYPE_CHECKING:  # the names that `__getattr__` gives
    from nascore import base as base
    from nascore import data as data
    from nascore import derivation as derivation
    from nascore import evidence as evidence
    from nascore import figures as figures
    from nascore import gal as gal
    from nascore import networks as networks
    from nascore import optimization as optimization
    from nascore import pruning as pruning
    from nascore import recipes as recipes
    from nascore import records as records
    from nascore import relaxations as relaxations
    from nascore import runs as runs
    from nascore import search as search
    from nascore import spaces as spaces
    from nascore import supernets as supernets
    from nascore import training as training
    from nascore.evidence import claims as claims
    from nascore.evidence import findings as findings
    from nascore.evidence import measures as measures
    from nascore.evidence import statistics as statistics
    from nascore.evidence import studies as studies
    from nascore.evidence import tables as tables
    from nascore.evidence import words as words
    from nascore.evidence.all_runs import all_runs as all_runs
    from nascore.networks.benchmark_cells import BenchmarkCell as BenchmarkCell
    from nascore.networks.benchmark_network import BenchmarkNetwork as BenchmarkNetwork
    from nascore.networks.cell_network import CellNetwork as CellNetwork
    from nascore.networks.cells import Cell as Cell
    from nascore.networks.cells import Genotype as Genotype
    from nascore.networks.counting import count as count
    from nascore.networks.published import PUBLISHED as PUBLISHED
    from nascore.recipes.recipe import Recipe as Recipe
    from nascore.records.record import Run as Run
    from nascore.records.record import load_run as load_run
    from nascore.runs import keep as keep
    from nascore.runs import run as run
    from nascore.runs import run_many as run_many
    from nascore.spaces.base import Space as Space

_drawn_by("nascore.figures.architectures.html", "png")  # imported with the first drawing

_ROOMS = (
    *("base", "data", "derivation", "evidence", "figures", "gal", "networks", "optimization", "pruning", "recipes"),
    *("records", "relaxations", "runs", "search", "spaces", "supernets", "training"),
)
# modules that are used by their names
_EVIDENCE = ("claims", "findings", "measures", "nasbench201", "nasbench301", "statistics", "studies", "tables", "words")
_NAMES = {
    "BenchmarkCell": "networks",
    "BenchmarkNetwork": "networks",
    "Cell": "networks",
    "CellNetwork": "networks",
    "Genotype": "networks",
    "PUBLISHED": "networks",
    "Recipe": "recipes",
    "Run": "records",
    "Space": "spaces",
    "all_runs": "evidence",
    "claims": "evidence",
    "count": "networks",
    "findings": "evidence",
    "keep": "runs",
    "measures": "evidence",
    "load_run": "runs",  # which imports all recipes: a record's settings may be of their classes
    "run": "runs",
    "run_many": "runs",
    "statistics": "evidence",
    "studies": "evidence",
    "tables": "evidence",
    "words": "evidence",
}


def __getattr__(name: str) -> Any:
    """A room, or a name out of one; it is kept, so that this is asked once."""
    if name in _ROOMS:
        found: Any = import_module(f"nascore.{name}")
        for module in _EVIDENCE if name == "evidence" else ():
            import_module(f"nascore.evidence.{module}")
    elif name in _NAMES:
        found = getattr(__getattr__(_NAMES[name]), name)
    else:
        raise AttributeError(f"module 'nascore' has no attribute {name!r}", name=name, obj=import_module("nascore"))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_NAMES})
