"""What a checker is: a function (sources, what the claim gives it) -> `Finding`; and how it reads printed numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from nascore.base import paths
from nascore.base.config import choose
from nascore.base.errors import ConfigError, shortened
from nascore.base.reading import read_text
from nascore.evidence import tables
from nascore.evidence.formulas import Number, number
from nascore.evidence.studies import Study
from nascore.evidence.verdicts import FAILS, HOLDS, Verdict

# A number in a claim: as printed ("97.50", whose last digit counts), exact (2, 0.5), or a cell of a printed table,
# {table = 1, row = ..., column = ...} and perhaps `paper`.
Quantity = str | int | float | dict[str, Any]
# A row: what stands in the table's first column, or what stands in several.
Row = str | dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a checker found: its verdict, one sentence with the sum in it, and the numbers of that sum."""

    verdict: Verdict
    said: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """What checkers look at: the paper of the claim, whose tables are meant where none is named, and the studies."""

    paper: str
    studies: Mapping[str, Study] = field(default_factory=dict)

    def table(self, table: str | int, paper: str | None = None) -> pd.DataFrame:
        """A printed table with each cell as the text that is printed, "" for an empty one."""
        return _printed(paths.reported(), paper or self.paper, str(table))

    def row(self, table: str | int, row: Row, paper: str | None = None) -> pd.Series:
        """The one row that `row` describes. Raises `ConfigError` where none or several are like it."""
        frame, wanted = self.table(table, paper), row if isinstance(row, dict) else {}
        if isinstance(row, str):
            wanted = {frame.columns[0]: row}
        found = frame
        for column, value in wanted.items():
            choose(f"column of {paper or self.paper}'s table {table}", column, dict.fromkeys(frame.columns))
            found = found[found[column] == str(value)]
        if len(found) != 1:
            first, known = frame.columns[0], ", ".join(dict.fromkeys(frame.iloc[:, 0]))
            raise ConfigError(
                f"{len(found)} rows of {paper or self.paper}'s table {table} are {shortened(row)}; its {first} can be "
                f"{known}. Name other columns, too, where that is not enough: row = {{ {first} = ..., ... }}"
            )
        return found.iloc[0]

    def cell(self, table: str | int, row: Row, column: str, paper: str | None = None) -> str:
        """The text that is printed there."""
        found = self.row(table, row, paper)
        return choose(f"column of {paper or self.paper}'s table {table}", column, dict(found))

    def number(self, quantity: Quantity) -> Number:
        """The number that a claim gives, with the half unit that its rounding leaves open."""
        return number(self.text(quantity))

    def text(self, quantity: Quantity) -> str | int | float:
        """The same as it is printed. Raises `ConfigError` for an empty cell."""
        if not isinstance(quantity, dict):
            return quantity
        if unknown := quantity.keys() - {"table", "row", "column", "paper"}:
            raise ConfigError(
                f"a cell has no {', '.join(sorted(unknown))}: it is table, row, column, and perhaps paper"
            )
        if missing := [each for each in ("table", "row", "column") if each not in quantity]:
            raise ConfigError(f"a cell needs {', '.join(missing)}: {shortened(quantity)}")
        text = self.cell(**quantity)
        if not text:
            raise ConfigError(f"the cell {shortened(quantity)} is empty")
        return text

    def study(self, name: str) -> Study | None:
        """The study of that name, None where there is none: what is claimed of it is then not tested here."""
        return self.studies.get(name)


def whether(true: bool) -> Verdict:
    """The verdict of what can be computed for certain."""
    return HOLDS if true else FAILS


def row_label(row: Row) -> str:
    return row if isinstance(row, str) else ", ".join(str(value) for value in row.values() if value != "")


@cache
def _printed(folder: Path, paper: str, table: str) -> pd.DataFrame:
    tables.reported(paper, table)  # says which there are, if not this one
    path = folder / f"{paper}_table{table.replace('.', '_')}.csv"
    return pd.read_csv(StringIO(read_text(path)), dtype=str, keep_default_na=False)
