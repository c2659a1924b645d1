"""A paper's printed tables, whole, and beside each row what stands in for it here; captions; claims by their ids.

What notebooks show so that nobody has to type it: on what a number was measured, and what the ledger says of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nascore import data
from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.ranges import Digits, Images, Index
from nascore.data.info import DATASETS
from nascore.evidence import tables
from nascore.evidence.checks.base import Sources
from nascore.evidence.claims import Claim, load_claims
from nascore.evidence.studies import Study, load_studies
from nascore.evidence.words import Words, markdown, say
from nascore.records.record import Run

# ends of columns' names -> units, the longest first
_UNITS = {"_gpu_days": "GPU-days", "_percent": "%", "_million": "million", "_days": "days"}
_MADE_ON = ("data set", "image size", "training images", "seeds")


@checked
def printed(paper: str, table: str | int) -> pd.DataFrame:
    """A table of `paper` with all its rows and columns, each cell the text that is printed, "" for an empty one.

    Columns are named in words, units in parentheses; a mean and its deviation are one column, "97.43 ± 0.04". Notes,
    which are not printed, are left out. Raises `ConfigError` as `tables.reported` does.
    """
    frame = Sources(paper).table(table).drop(columns="note", errors="ignore")
    columns = {}
    for name in frame.columns:
        whole = name.removesuffix("_mean")
        if name.endswith("_std") and f"{name.removesuffix('_std')}_mean" in frame:
            continue
        values = frame[name]
        if whole != name and f"{whole}_std" in frame:
            values = values.where(frame[f"{whole}_std"] == "", values + " ± " + frame[f"{whole}_std"])
        columns[_words(whole)] = values
    return pd.DataFrame(columns)


@checked
def beside(
    table: pd.DataFrame,
    groups: Mapping[str, Iterable[Run]],
    stand_ins: Sequence[str],
    *,
    more: Iterable[str] = (),
    metric: str = "test_accuracy",
    images: Images | None = None,
    digits: Digits = 2,
) -> pd.DataFrame:
    """`table`, and beside each of its rows what was measured of what stands in for it: one of `groups` by its name, or
    "" where nothing does. Groups named in `more` get rows of their own at the end.

    Columns: stand-in here; `metric` (%, mean ± deviation (seeds), and beside it the error that so many test `images`
    leave); parameters (thousand), where records have them; data set, image size, training images, seeds. Raises
    `ConfigError` for another number of stand-ins than rows, a group that is not there, and one of several data sets.
    """
    if len(stand_ins) != len(table):
        raise ConfigError(f"each row has its stand-in, or '': there are {len(table)} rows and {len(stand_ins)} names")
    more = list(more)
    known: Mapping[str, Any] = {"": []} | {name: list(runs) for name, runs in groups.items()}
    rows = [_measured(name, choose("group", name, known), metric, images, digits) for name in (*stand_ins, *more)]
    empty = pd.DataFrame("", index=range(len(more)), columns=table.columns)
    whole = pd.concat([table, empty], ignore_index=True)
    return pd.concat([whole, pd.DataFrame(rows, index=whole.index).fillna("")], axis=1)


@checked
def whole(paper: str, table: str | int, groups: Mapping[Index, Iterable[Iterable[Run]]] | None = None) -> pd.DataFrame:
    """A printed table with all its rows and columns; `groups` maps rows, from 0, to groups of trainings, a group a
    data set: each gives a line of the row, with the columns of `trained_on` behind the printed ones.

    Between them stands what the ledger's claims of kind "count" count of a cell: the column's name and ", counted".
    Raises `ConfigError` for a row that there is not, and as `tables.reported` does.
    """
    printed_rows, lines = tables.reported(paper, table), []
    given = {row: [list(group) for group in each] for row, each in (groups or {}).items()}
    if outside := [row for row in given if not 0 <= row < len(printed_rows)]:
        raise ConfigError(f"table {table} of {paper} has the rows 0 to {len(printed_rows) - 1}, not {outside[0]}")
    counted = _counted(paper, str(table))
    for at, (_, row) in enumerate(printed_rows.iterrows()):
        line = row.to_dict() | {name: values.get(at) for name, values in counted.items()}
        lines += [line | trained_on(group) for group in given.get(at, [])] or [line]
    return pd.DataFrame(lines)


@checked
def trained_on(group: Iterable[Run]) -> dict[str, Any]:
    """What trainings were made on, how often, and what came out: test error (%), measured; parameters (thousand) and
    multiply-adds (million), measured, as means; data set, image size, training images, seeds.

    The error has that of the seeds and, where it is known how many, that of the test images beside it. Raises
    `ConfigError` for no runs, and for runs on different data.
    """
    runs = list(group)
    if not runs:
        raise ConfigError("there are no runs to tell of")
    metrics = pd.DataFrame([run.metrics for run in runs])
    images, errors = images_tested(runs[0]), (100 - metrics["test_accuracy"]).tolist()
    return {
        "test error (%), measured": tables.with_image_error(errors, images) if images else tables.mean_std(errors),
        "parameters (thousand)": round(metrics["parameters"].mean() / 1e3, 1),
        "multiply-adds (million)": round(metrics["macs"].mean() / 1e6, 2),
        **_made_on(runs),
    }


@checked
def images_tested(run: Run) -> int | None:
    """On how many images a training was tested; None where it was on all, and the data set is not on this machine."""
    given, name = run.settings.get("test_images"), run.settings["dataset"]
    if given is not None or not data.available(name):
        return given
    return len(data.load(name, "test"))


@checked
def judged(paper: str, *starts: str, studies: Iterable[Study] = ()) -> Words:
    """The claims of a paper whose ids begin so, each with its verdict; without `starts`, those that matter most.

    Claims of kind "measured" are judged by `studies` where they are of that name, else by the committed ones.
    """
    known = load_studies() | {each.name: each for each in studies}
    chosen = [each for each in load_claims(paper) if (each.id.startswith(starts) if starts else each.main)]
    rows = [(each, each.finding(known)) for each in chosen]
    columns = ["the paper says", "kind", "verdict", "because"]
    said = [(each.claim, each.kind, f"**{found.verdict}**", found.said + _reading(each)) for each, found in rows]
    return markdown(pd.DataFrame(said, columns=columns))


@checked
def caption(same: str, runs: Iterable[Run], differs: str = "") -> Words:
    """One line below a figure that redraws a paper's: what is the `same`, and on what `runs` were made instead."""
    group = list(runs)
    if not group:
        raise ConfigError("a figure of no runs needs no caption")
    facts = {(run.settings["dataset"].rpartition(":")[2], run.settings.get("train_images")) for run in group}
    said = sorted(f"{name}, {f'{images:,}' if images else 'all'} training images" for name, images in facts)
    count = len({run.seed for run in group})
    said += [f"{count} seed{'s' * (count > 1)}", *([differs] if differs else [])]
    return say("*Same as in the paper: {same}. Not the same: {said}.*", same=same, said="; ".join(said))


def _measured(name: str, runs: Sequence[Run], metric: str, images: int | None, digits: int) -> dict[str, str]:
    shown = f"{metric.replace('_', ' ').replace('valid', 'search')} (%), measured"
    if not runs:
        return dict.fromkeys(("stand-in here", shown, "parameters (thousand)", *_MADE_ON), "")
    values = [tables._metric(run, metric) for run in runs]
    accuracy = tables.with_image_error(values, images, digits) if images else tables.mean_std(values, digits)
    sized = all("parameters" in run.metrics for run in runs)
    sizes = tables.mean_std([run.metrics["parameters"] / 1e3 for run in runs], 1) if sized else ""
    return {"stand-in here": name, shown: accuracy, "parameters (thousand)": sizes, **_made_on(runs)}


def _made_on(runs: Sequence[Run]) -> dict[str, str]:
    """On which images a line's runs were made, and with which seeds."""
    facts = {(run.settings["dataset"], run.settings["image_size"], run.settings["train_images"]) for run in runs}
    if len(facts) > 1:
        raise ConfigError(f"runs of one line are made on the same data, unlike these: {sorted(map(str, facts))}")
    (name, size, count), known = facts.pop(), DATASETS.get(runs[0].settings["dataset"])
    side = size or (known.image_size if known else "")
    shown = f"{side}×{side}" if side else ""
    seeds = ", ".join(map(str, sorted({run.seed for run in runs})))
    return dict(zip(_MADE_ON, (name.partition(":")[2] or name, shown, str(count or "all"), seeds), strict=True))


def _words(column: str) -> str:
    if column == "gpu_days":
        return "GPU-days"
    for end, unit in _UNITS.items():
        if column.endswith(end):
            return f"{column.removesuffix(end).replace('_', ' ')} ({unit})"
    return column.replace("_", " ")


def _reading(claim: Claim) -> str:
    return f"; our reading: {claim.reading}" if claim.reading else ""


def _counted(paper: str, table: str) -> dict[str, dict[int, float]]:
    """New column -> row -> what the ledger counts in the place of a printed number."""
    found: dict[str, dict[int, float]] = {}
    for claim in load_claims(paper):
        cell = claim.arguments.get("printed")
        if claim.kind != "count" or not isinstance(cell, dict) or str(cell["table"]) != table or "paper" in cell:
            continue
        values = claim.finding({}).values
        if "counted" in values:
            row = Sources(paper).row(table, cell["row"]).name
            found.setdefault(f"{cell['column']}, counted", {})[row] = round(float(values["counted"]), 3)
    return found
