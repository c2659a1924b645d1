"""All records at hand in one table, to look through and to choose from."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, DamageWarning, RunError
from nascore.records.record import REPLACED, Run, is_finished, load_run

_COLUMNS = ("name", "recipe", "paper", "profile", "seed", "dataset", "date", "device", "seconds", "path")
_SEVERAL = (list, tuple, set, frozenset, range)


@checked
def all_runs(root: str | Path | None = None, *, settings: bool = False, **filters: Any) -> pd.DataFrame:
    """One row for each finished record: name, recipe, paper, profile, seed, dataset, date, device, seconds, path (for
    `load_run`), then all metrics, NaN where a run has none of that name. By recipe, profile and seed.

    Without `root`, the project's committed records and those in `runs`; of one that is in both, the latter. What a
    recomputation replaced does not count again. With `settings`, columns such as `settings__epochs` and
    `settings__space__cells` follow, named as overrides are; an answer's own column has its type. `filters` keep the
    rows in which a column has that value, or one of a list: `recipe="darts"`, `seed=[0, 1]`. Records that cannot be
    read are left out, with a `DamageWarning` each. Raises `ConfigError` for a filter that is no column, or a `root`
    that is no folder.
    """
    rows: dict[str, dict[str, Any]] = {}
    for place in _places(root):
        rows |= {row["name"]: row for row in _rows(place, settings)}
    table = pd.DataFrame(list(rows.values()), columns=_columns(rows.values()))
    for name, wanted in filters.items():
        column = table[choose("filter", name, {each: each for each in table.columns})]
        table = table[column.isin(wanted if isinstance(wanted, _SEVERAL) else [wanted])]
    return table.sort_values(["recipe", "profile", "seed", "name"], ignore_index=True)


def _places(root: str | Path | None) -> list[Path]:
    """The folders of records, those whose records go first last."""
    if root is None:
        return [paths.committed_runs(), paths.root() / "runs"]
    if not Path(root).is_dir():
        raise ConfigError(f"{root} is no folder: root is the folder that run folders are in")
    return [Path(root)]


def _rows(place: Path, settings: bool) -> Iterator[dict[str, Any]]:
    folders = sorted(place.iterdir()) if place.is_dir() else []
    for folder in filter(is_finished, folders):
        if REPLACED in folder.name:
            continue
        try:
            run = load_run(folder)
            yield _row(run) | (dict(_flat(run.settings, "settings")) if settings else {})
        except RunError as error:
            warnings.warn(f"left out: {error}", DamageWarning, stacklevel=3)
        except (AttributeError, KeyError, TypeError) as error:  # JSON, but not of a record's form
            text = f"left out: {paths.shown(folder)} is no run record ({type(error).__name__}: {error})"
            warnings.warn(text, DamageWarning, stacklevel=3)


def _row(run: Run) -> dict[str, Any]:
    where = {"dataset": run.settings.get("dataset"), "date": run.environment["date"]}
    where |= {"device": run.environment["device"], "seconds": run.seconds, "path": str(run.path)}
    what = {"name": run.name, "recipe": run.recipe, "paper": run.config["paper"], "profile": run.profile}
    return dict(run.metrics) | what | {"seed": run.seed} | where


def _flat(settings: dict[str, Any], within: str) -> Iterator[tuple[str, Any]]:
    """(name, value) of all settings of a record; those in settings are named by their type first."""
    for name, value in settings.items():
        if isinstance(value, dict) and "type" in value:
            yield f"{within}__{name}", value["type"]
            yield from _flat(value, f"{within}__{name}")
        elif name not in ("type", "source"):
            yield f"{within}__{name}", value


def _columns(rows: Iterable[dict[str, Any]]) -> list[str]:
    """All columns, metrics in the order in which they first come."""
    return list(dict.fromkeys([*_COLUMNS, *(name for row in rows for name in row)]))
