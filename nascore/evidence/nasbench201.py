"""The accuracies that NAS-Bench-201 measured of every cell, read from a file."""

import gzip
import zlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import DataError, shortened
from nascore.base.paths import data_root, shown
from nascore.networks.benchmark_cells import CELLS, BenchmarkCell, all_cells

Benchmark = Literal["cifar10", "cifar100", "imagenet16"]
Measure = Literal["test", "val_12ep", "test_12ep"]

# data set -> what the benchmark calls it
BENCHMARKS: dict[str, str] = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet16-120"}
# measure -> the end of its columns' names
MEASURES: dict[str, str] = {"test": "_test_acc", "val_12ep": "_val_acc_12ep", "test_12ep": "_test_acc_12ep"}

_FILE = Path("nasbench201", "nb201.csv.gz")
_MOST_BYTES = 2**25  # of the table, unpacked
_ACCURACIES = tuple(data + end for data in BENCHMARKS for end in MEASURES.values())
_COLUMNS = ("arch_str", "unique_str", *_ACCURACIES)


class Accuracies(NamedTuple):
    """Accuracies of one cell in percent, by data set: after the benchmark's full training of 200 epochs, and after 12.

    `test` and `test_12ep` are of test images, `val_12ep` of validation images.
    """

    test: dict[str, float]
    val_12ep: dict[str, float]
    test_12ep: dict[str, float]


class Rank(NamedTuple):
    """`place` counts from 1, the best; cells that are equally good share the better place."""

    place: int
    of: int


@dataclass(frozen=True, eq=False)
class Table:
    """The accuracies of all cells, in percent, as the benchmark measured them.

    `frame` has a row a cell: `arch_str`, `unique_str`, nine accuracies (`cifar10_test_acc` and so on), and what
    `BenchmarkCell.canonical` and `BenchmarkCell.collapse` say (the latter is missing for ordinary cells). A `measure`
    is `test` (200 epochs), `val_12ep` or `test_12ep`. Methods raise `ConfigError` for a data set or a measure that is
    not there.
    """

    frame: pd.DataFrame

    def accuracy(self, cell: BenchmarkCell) -> Accuracies:
        """What the benchmark measured of `cell`."""
        row = self.frame.iloc[self._rows[cell.string]]
        return Accuracies(*({data: float(row[data + end]) for data in BENCHMARKS} for end in MEASURES.values()))

    def values(self, dataset: Benchmark = "cifar10", measure: Measure = "test") -> pd.Series:
        """The accuracies of all cells, in the order of `frame`."""
        choose("data set", dataset, BENCHMARKS)
        return self.frame[dataset + choose("measure", measure, MEASURES)]

    def rank(self, cell: BenchmarkCell, dataset: Benchmark = "cifar10", measure: Measure = "test") -> Rank:
        """The place of `cell` among all cells."""
        values = self.values(dataset, measure)
        return Rank(1 + int((values > values.iloc[self._rows[cell.string]]).sum()), len(values))

    def best(self, dataset: Benchmark = "cifar10", measure: Measure = "test") -> BenchmarkCell:
        """The cell with the highest accuracy, the first of equals."""
        return BenchmarkCell.parse(self.frame["arch_str"].iloc[int(self.values(dataset, measure).argmax())])

    def mean(self, dataset: Benchmark = "cifar10", measure: Measure = "test") -> float:
        """The mean over all cells: what a uniformly random choice is expected to reach."""
        return float(self.values(dataset, measure).mean())

    def quantile(self, share: float, dataset: Benchmark = "cifar10", measure: Measure = "test") -> float:
        """The accuracy that a `share` (0 to 1) of all cells stays below."""
        return float(self.values(dataset, measure).quantile(share))

    def percentile(self, accuracy: float, dataset: Benchmark = "cifar10", measure: Measure = "test") -> float:
        """The share of all cells, in percent, whose accuracy is below `accuracy`."""
        return 100 * float((self.values(dataset, measure) < accuracy).mean())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {string: row for row, string in enumerate(self.frame["arch_str"])}


@checked
def available(root: str | Path | None = None) -> bool:
    """Whether the table's file is there; it is not read."""
    return (data_root(root) / _FILE).is_file()


@checked
def load_table(root: str | Path | None = None) -> Table:
    """Read the table from `nasbench201/nb201.csv.gz` in `nascore.paths.data_root(root)`.

    The file has a row for each of the 15,625 cells, with the columns of `Table.frame` but the last two; others are left
    out. Raises `DataError` naming the file and the remedy where it is missing, damaged, too large or not such a table.
    """
    path = data_root(root) / _FILE
    if not available(root):
        raise DataError(
            f"the accuracies of NAS-Bench-201 are not there: {shown(path)} is missing. Set NASCORE_DATA to a folder "
            f"that holds {_FILE.as_posix()}, a gzipped CSV with the columns {', '.join(_COLUMNS)}"
        )
    try:
        with gzip.open(path) as file:
            return Table(_checked(_parsed(file.read(_MOST_BYTES + 1))))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{shown(path)} is no table of NAS-Bench-201 ({error}): replace it") from error


def _parsed(content: bytes) -> pd.DataFrame:
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it unpacks to more than {_MOST_BYTES:,} bytes, where the benchmark's has 4 million")
    return pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that are used, and those that follow from the cells. Raises `ValueError` for an unusable table."""
    if missing := [name for name in _COLUMNS if name not in frame]:
        raise ValueError(f"the columns {', '.join(missing)} are missing")
    if len(frame) != CELLS:
        raise ValueError(f"{len(frame):,} rows for {CELLS:,} cells")
    known, strings = {cell.string: cell for cell in all_cells()}, frame["arch_str"]
    if unknown := [string for string in strings if string not in known]:
        raise ValueError(f"{shortened(unknown[0])} is no cell")
    if not strings.is_unique:
        raise ValueError(f"{strings[strings.duplicated()].iloc[0]} is there twice")
    cells = [known[string] for string in strings]
    names = {"canonical": [cell.canonical() for cell in cells], "collapse": [cell.collapse() for cell in cells]}
    return frame[list(_COLUMNS)].assign(**{name: _percentages(frame, name) for name in _ACCURACIES}, **names)


def _percentages(frame: pd.DataFrame, name: str) -> pd.Series:
    values = pd.to_numeric(frame[name], errors="coerce").astype(float)
    if not (good := values.between(0, 100)).all():
        wrong = frame[~good].iloc[0]
        raise ValueError(f"{name} of {wrong['arch_str']} is {shortened(wrong[name])}, no percentage")
    return values
