"""Tables: what the papers print, and what is put beside it.

Every number shown says its kind: reported, measured or computed.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, shortened
from nascore.base.files import export, origin
from nascore.base.ranges import Digits, Images, Measured
from nascore.evidence import statistics
from nascore.evidence.verdicts import FAILS, HOLDS, Comparison

Kind = Literal["reported", "measured", "computed"]
KINDS: tuple[Kind, ...] = ("reported", "measured", "computed")


def papers() -> pd.DataFrame:
    """The five papers, a row each; `paper` is the key that the other functions take."""
    return _read(paths.reported() / "papers.csv")


@checked
def reported(paper: str, table: str | int | float) -> pd.DataFrame:
    """A table as `paper` prints it, a row for each of its rows; units are the last parts of the columns' names.

    `table` is the printed number: 1, "4.1", "A.1". Raises `ConfigError` listing what there is.
    """
    choose("paper", paper, dict.fromkeys(papers()["paper"]))
    files = {_number(path): path for path in sorted(paths.reported().glob(f"{paper}_table*.csv"))}
    return _read(choose(f"table of {paper}", str(table), files))


@checked
def settings(paper: str) -> pd.DataFrame:
    """What `paper` says of its experiments: phase, dataset, setting, value, location; no value where it says none."""
    return _of(paper, "settings.csv")


@checked
def figures(paper: str) -> pd.DataFrame:
    """The figures of `paper`: what each shows, its axes and series, and what it takes to make one like it."""
    return _of(paper, "figures.csv")


@checked
def mean_std(values: Iterable[Measured], digits: Digits = 2) -> str:
    """Mean, sample standard deviation and number of values: "97.24 ± 0.05 (3)", or "97.24 (1)" for a single one.

    Raises `ConfigError` if there are none.
    """
    many = np.asarray(list(values), dtype=float)
    if not len(many):
        raise ConfigError("there are no values to take the mean of")
    spread = f" ± {many.std(ddof=1):.{digits}f}" if len(many) > 1 else ""
    return f"{many.mean():.{digits}f}{spread} ({len(many)})"


@checked
def with_image_error(values: Iterable[statistics.Percent], images: Images, digits: Digits = 2) -> str:
    """`mean_std` of accuracies (%) over seeds, and beside it the error that their common test images leave: "97.64 ±
    0.59 (2), ± 0.81 by 360 images".

    The second does not shrink with seeds: all are tested on the same images.
    """
    many = list(values)
    shown = mean_std(many, digits)
    return f"{shown}, ± {statistics.image_error(float(np.mean(many)), images):.{digits}f} by {images} images"


@checked
def numbers(
    kind: Kind,
    quantity: str,
    values: Mapping[str, Measured | Iterable[Measured]],
    *,
    source: str = "",
    digits: Digits = 2,
) -> pd.DataFrame:
    """Rows for a comparison: name, quantity (with its unit), kind, mean, std, n, shown, source.

    `values` maps names to one number or, for several seeds, to many; measured ones are shown as `mean_std` has them.
    Raises `ConfigError` for another kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"a number is {', '.join(KINDS)}, not {kind!r}")
    rows = []
    for name, value in values.items():
        many = np.array(list(value) if isinstance(value, Iterable) else [value], dtype=float)
        shown = mean_std(many, digits) if kind == "measured" else f"{many.mean():.{digits}f}"
        std = many.std(ddof=1) if len(many) > 1 else np.nan
        rows.append((name, quantity, kind, many.mean(), std, len(many), shown, source))
    return pd.DataFrame(rows, columns=["name", "quantity", "kind", "mean", "std", "n", "shown", "source"])


@checked
def side_by_side(*parts: pd.DataFrame) -> pd.DataFrame:
    """The `numbers` of all parts: a row for each name, a column for each quantity and kind, in their order."""
    if not parts:
        raise ConfigError("there are no numbers to put side by side")
    rows = pd.concat(parts, ignore_index=True)
    rows["column"] = rows["quantity"] + ", " + rows["kind"]
    wide = rows.pivot(index="name", columns="column", values="shown")
    wide = wide.reindex(index=rows["name"].unique(), columns=rows["column"].unique()).fillna("")
    return wide.rename_axis(columns=None).reset_index()


@checked
def points(groups: Mapping[str, Iterable[Any]], metric: str = "test_accuracy") -> pd.DataFrame:
    """One row for each run record: label, run, profile, seed, final `metric`. `groups` maps labels to records."""
    pairs = [(label, run) for label, group in groups.items() for run in group]
    values = [_metric(run, metric) for _, run in pairs]
    rows = [(label, run.name, run.profile, run.seed, value) for (label, run), value in zip(pairs, values, strict=True)]
    return pd.DataFrame(rows, columns=["label", "run", "profile", "seed", metric])


@checked
def trained(groups: Mapping[str, Iterable[Any]]) -> pd.DataFrame:
    """A row for each group of training records: test accuracy (%), size and training time, each over its seeds."""
    groups = {label: list(group) for label, group in groups.items()}

    def column(kind: Kind, quantity: str, value: Callable[[Any], float], digits: int) -> pd.DataFrame:
        values = {label: [value(run) for run in group] for label, group in groups.items()}
        return numbers(kind, quantity, values, digits=digits)

    return side_by_side(
        column("measured", "test accuracy (%)", lambda run: _metric(run, "test_accuracy"), 2),
        column("measured", "training time (s)", lambda run: run.seconds, 0),
        column("computed", "parameters (thousand)", lambda run: _metric(run, "parameters") / 1e3, 1),
        column("computed", "multiply-adds (million)", lambda run: _metric(run, "macs") / 1e6, 2),
    )


@checked
def compared(
    groups: Mapping[str, Iterable[Any]],
    first: str,
    second: str,
    metric: str = "test_accuracy",
    claim: statistics.Directed = "greater",
) -> Comparison:
    """Whether `metric` is greater in the records of `first` than in those of `second`, as `statistics.compare` says:
    paired where both have one record of each of the same seeds.
    """
    sides = [list(choose("group", name, groups)) for name in (first, second)]
    values = [[_metric(run, metric) for run in side] for side in sides]
    seeds = [[getattr(run, "seed", None) for run in side] for side in sides]
    paired = len(set(seeds[0])) == len(seeds[0]) == len(seeds[1]) and set(seeds[0]) == set(seeds[1])
    if paired:
        values = [[value for _, value in sorted(zip(*each, strict=True))] for each in zip(seeds, values, strict=True)]
    return statistics.compare(*values, paired=paired, claim=claim)


@checked
def verdict(groups: Mapping[str, Iterable[Any]], first: str, second: str, metric: str = "test_accuracy") -> str:
    """Whether `first` beats `second`, in a sentence: the verdict of `compared`, and the numbers behind it.

    Raises `ConfigError` for fewer than two records a side.
    """
    found = compared(groups, first, second, metric)
    if min(found.n) < 2:
        raise ConfigError(f"a verdict needs two seeds a side at least, not {found.n[0]} and {found.n[1]}")
    word = {HOLDS: "beats", FAILS: "loses to"}.get(found.verdict, "cannot be told from")
    return f"{first} {word} {second}: {found.sentence('points')}"


@checked
def save(
    table: pd.DataFrame, name: str, *, runs: Iterable[Any] = (), folder: str | Path | None = None
) -> dict[str, Path]:
    """Write `<folder>/<name>.csv`, `.md` and `.tex` (a booktabs tabular), all without the index.

    `folder` is the project's `figures` if none is given. The Markdown and LaTeX say which `runs` (records, or names)
    the numbers come from. The same table gives the same bytes each time. Returns suffix -> path; raises `ConfigError`
    for a name that leaves the folder, `NascoreError` if it cannot be written.
    """
    notes = origin(runs)
    contents = {
        "csv": table.to_csv(index=False, lineterminator="\n"),
        "md": _markdown(table)
        + f"\nRun records: {notes['nascore:runs'] or 'none'}; nascore {notes['nascore:version']}\n",
        "tex": "".join(f"% {key}={value}\n" for key, value in notes.items()) + _latex(table),
    }
    return export(folder or paths.root() / "figures", name, contents)


def _metric(run: Any, name: str) -> float:
    if not hasattr(run, "metrics"):
        raise ConfigError(f"groups hold run records, not {shortened(run)}")
    return choose(f"metric of {run.name}", name, run.metrics)


def _read(path: Path) -> pd.DataFrame:
    # "None" is what a paper printed, not a missing value
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _number(path: Path) -> str:
    return path.stem.rpartition("_table")[2].replace("_", ".")


def _of(paper: str, file: str) -> pd.DataFrame:
    choose("paper", paper, dict.fromkeys(papers()["paper"]))
    table = _read(paths.reported() / file)
    return table[table["paper"] == paper].drop(columns="paper").reset_index(drop=True)


def _cells(table: pd.DataFrame) -> list[list[str]]:
    """The header and all rows as text: at most six significant digits, nothing for missing values."""
    rows = [[_text(value) for value in row] for row in table.itertuples(index=False)]
    return [[str(column) for column in table.columns], *rows]


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


def _numeric(table: pd.DataFrame) -> list[bool]:
    return [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]


def _markdown(table: pd.DataFrame) -> str:
    header, *rows = [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in _cells(table)
    ]
    rule = "|" + "|".join("---:" if numeric else "---" for numeric in _numeric(table)) + "|"
    return "\n".join([header, rule, *rows]) + "\n"


_ESCAPED = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "\n": " ",
}
_LATEX = {ord(character): text for character, text in _ESCAPED.items()}


def _latex(table: pd.DataFrame) -> str:
    rows = [[cell.translate(_LATEX) for cell in row] for row in _cells(table)]
    header, *body = [" & ".join(row) + " \\\\" for row in rows]
    columns = "".join("r" if numeric else "l" for numeric in _numeric(table))
    lines = [
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        header,
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"
