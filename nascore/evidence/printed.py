"""Printed tables as they are printed, whole; and beside each row what stands in for it here, and on which data."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.ranges import Digits, Images
from nascore.data.info import DATASETS
from nascore.evidence import tables
from nascore.evidence.checks.base import Sources
from nascore.records.record import Run

# ends of columns' names -> units, the longest first
_UNITS = {"_gpu_days": "GPU-days", "_percent": "%", "_million": "million", "_days": "days"}


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


def _measured(name: str, runs: Sequence[Run], metric: str, images: int | None, digits: int) -> dict[str, str]:
    shown = f"{metric.replace('_', ' ').replace('valid', 'search')} (%), measured"
    columns = ("stand-in here", shown, "parameters (thousand)", "data set", "image size", "training images", "seeds")
    if not runs:
        return dict.fromkeys(columns, "")
    values = [tables._metric(run, metric) for run in runs]
    accuracy = tables.with_image_error(values, images, digits) if images else tables.mean_std(values, digits)
    sized = all("parameters" in run.metrics for run in runs)
    sizes = tables.mean_std([run.metrics["parameters"] / 1e3 for run in runs], 1) if sized else ""
    facts = {(run.settings["dataset"], run.settings["image_size"], run.settings["train_images"]) for run in runs}
    if len(facts) > 1:
        raise ConfigError(f"the records of {name} are of different data: {sorted(map(str, facts))}")
    (dataset, size, count), known = facts.pop(), DATASETS.get(runs[0].settings["dataset"])
    side = size or (known.image_size if known else "")
    told = (dataset, f"{side}×{side}" if side else "", str(count or "all"), ", ".join(str(run.seed) for run in runs))
    return dict(zip(columns, (name, accuracy, sizes, *told), strict=True))


def _words(column: str) -> str:
    if column == "gpu_days":
        return "GPU-days"
    for end, unit in _UNITS.items():
        if column.endswith(end):
            return f"{column.removesuffix(end).replace('_', ' ')} ({unit})"
    return column.replace("_", " ")
