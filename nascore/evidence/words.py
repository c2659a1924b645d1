"""Words with values in them, so that prose can't go stale: sentences, and the tables of claims as they are read."""

import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError, shortened
from nascore.evidence import tables
from nascore.evidence.claims import ledger
from nascore.evidence.studies import Study
from nascore.evidence.verdicts import VERDICTS

NAMES = {
    "darts_gal": "1 DARTS-GAL",
    "sparse_darts": "2 Sparse DARTS",
    "dso_nas": "3 DSO-NAS",
    "eth_thesis": "4 Efficient ConvNets",
    "eoinas": "5 EoiNAS",
}


@dataclass(frozen=True)
class Words:
    """Markdown: a notebook shows it as such where it ends a cell or is given to `display`."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


@checked
def say(text: str, /, **values: Any) -> Words:
    """Markdown with values in it: `say("{gain:+.2f} points, {verdict}", gain=0.14, verdict=found.verdict)`.

    Placeholders are those of `str.format`, all with names; braces of formulas are doubled. Raises `ConfigError` for a
    placeholder without a value, a value without a placeholder, and a value that its format does not fit.
    """
    used = set()
    try:
        for _, field, inner, _ in string.Formatter().parse(text):
            for each in filter(None, (field, *(name for _, name, _, _ in string.Formatter().parse(inner or "")))):
                used.add(each.partition(".")[0].partition("[")[0])
            if field == "" or (field or "x")[0].isdigit():
                raise ConfigError(f"placeholders have names, {{gain:+.2f}}: {shortened(text)}")
    except ValueError as error:
        raise ConfigError(f"{shortened(text)}: {error}; braces that are no placeholder are doubled") from error
    if missing := used - values.keys():
        raise ConfigError(f"{', '.join(sorted(missing))} has no value in {shortened(text)}: give it by its name")
    if unused := values.keys() - used:
        raise ConfigError(f"{', '.join(sorted(unused))} is given and not said in {shortened(text)}")
    try:
        return Words(text.format(**values))
    except Exception as error:  # whatever a value's own format raises
        raise ConfigError(f"{shortened(text)}: {error}") from error


@checked
def markdown(table: pd.DataFrame) -> Words:
    """A table as Markdown, numbers to six significant digits, nothing for missing values."""
    return Words(tables._markdown(table))


@checked
def claims_table(paper: str, studies: Iterable[Study] | None = None) -> pd.DataFrame:
    """The claims of `paper` one by one, to be read: columns where, the paper says, kind, verdict, because.

    Raises what `nascore.evidence.claims.ledger` does; `studies` are as there.
    """
    rows = ledger(paper, studies)
    reading = rows["reading"].map(lambda text: f"; our reading: {text}" if text else "")
    columns = {"where": rows["where"], "the paper says": rows["claim"], "kind": rows["kind"]}
    return pd.DataFrame(columns | {"verdict": rows["verdict"], "because": rows["said"] + reading})


@checked
def verdict_table(studies: Iterable[Study] | None = None) -> pd.DataFrame:
    """A row a paper: its name, the five claims that matter most, each with its verdict in bold, and how many of all its
    claims have which verdict. Papers without claims have no row.
    """
    whole, rows = ledger(studies=studies), []
    for paper, claims in whole.groupby("paper", sort=False):
        main = [f"{row['claim']}: **{row['verdict']}**" for _, row in claims[claims["main"]].iterrows()]
        counts = claims["verdict"].value_counts()
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
        rows.append({"paper": NAMES[str(paper)], "the five claims that matter": "; ".join(main), "all claims": said})
    return pd.DataFrame(rows, columns=["paper", "the five claims that matter", "all claims"])
