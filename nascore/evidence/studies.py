"""What notebooks measured, a table a study, kept where claims find it: a row a method and seed.

A notebook says `study("sparse_darts_201", frame)`. Where `NASCORE_STUDIES` names a folder, that writes the table there;
`data/studies/` has the committed ones.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, DataError, RunError
from nascore.base.files import export
from nascore.base.reading import read_text
from nascore.records.record import Run, is_finished, load_run


class Lacking(ConfigError):
    """A study has not what a claim is judged by: it was measured by another notebook, or before there was that."""


FOLDER = "NASCORE_STUDIES"  # the environment variable
KEYS = ("method", "seed", "run")
FACTS = ("profile", "dataset", "image_size", "train_images", "test_images")  # of what each row was measured on


@dataclass(frozen=True, eq=False)
class Study:
    """Measurements of one kind: `frame` has the columns method, seed, run (its record's name, or "" for none), profile,
    dataset, image_size, train_images, test_images (missing: all there are, or not known), then numbers.
    """

    name: str
    frame: pd.DataFrame

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(self.frame["method"]))

    @property
    def columns(self) -> list[str]:
        """The columns of numbers."""
        rest = self.frame.drop(columns=[*KEYS, *FACTS])
        return list(rest.select_dtypes("number"))

    def values(self, method: str, column: str) -> pd.Series:
        """seed -> number of `method`, in the order of seeds; of several rows of a seed the mean: they are not
        independent. Rows without a number are left out. Raises `Lacking` for a method or column there is not.
        """
        self.require(column)
        rows = self.rows(method).dropna(subset=column)
        return rows.groupby("seed")[column].mean().astype(float)

    def rows(self, method: str) -> pd.DataFrame:
        """Those of a method; raises `Lacking` where there are none."""
        _among(self.methods, f"method of study {self.name}", method)
        return self.frame[self.frame["method"] == method]

    def require(self, column: str) -> None:
        """Raises `Lacking` without that column of numbers."""
        _among(self.columns, f"column of study {self.name}", column)

    def where(self) -> str:
        """On what it was measured: "demo, digits (1000 training images)"."""
        said = []
        for _, row in self.frame[list(FACTS)].drop_duplicates().iterrows():
            data = f"{row['dataset']}" if pd.notna(row["dataset"]) else ""
            few = f" ({int(row['train_images'])} training images)" if pd.notna(row["train_images"]) else ""
            words = [str(row["profile"]) if pd.notna(row["profile"]) else "", data + few if data else ""]
            said.append(", ".join(filter(None, words)))
        return "; ".join(dict.fromkeys(filter(None, said)))


@checked
def study(name: str, frame: pd.DataFrame, runs: Iterable[Run] = ()) -> Study:
    """The study `name` of `frame`: columns method, seed, run, and numbers.

    What the rows were measured on, `FACTS`, is taken from `frame` where it has such columns, else from the records that
    `run` names: those among `runs`, or the committed ones. With `NASCORE_STUDIES` in the environment, `<name>.csv` is
    written to that folder. Raises `ConfigError` for a name other than lowercase words, a missing column, no rows, or no
    numbers.
    """
    found = Study(name, _tidy(name, frame, {run.name: run for run in runs}))
    if folder := os.environ.get(FOLDER):
        export(folder, name, {"csv": found.frame.to_csv(index=False, lineterminator="\n")})
    return found


@checked
def load_studies(folder: str | Path | None = None) -> dict[str, Study]:
    """name -> study, of all in `folder`, by default the committed ones of `data/studies`.

    Raises `DataError` naming a file that is no such table.
    """
    place = Path(folder) if folder is not None else paths.studies()
    return {path.stem: _read(path) for path in sorted(place.glob("*.csv"))}


def _among(known: Iterable[str], kind: str, name: str) -> None:
    try:
        choose(kind, name, dict.fromkeys(known))
    except ConfigError as error:
        raise Lacking(str(error)) from None


def _read(path: Path) -> Study:
    try:
        frame = pd.read_csv(StringIO(read_text(path)), keep_default_na=False, na_values=[""])
        return Study(path.stem, _tidy(path.stem, frame, {}, committed=False))
    except (ConfigError, OSError, ValueError) as error:  # ValueError is pandas's own, too
        raise DataError(
            f"{paths.shown(path)} is no study ({error}): write it anew with nascore.studies.study"
        ) from error


def _tidy(name: str, frame: pd.DataFrame, runs: Mapping[str, Run], committed: bool = True) -> pd.DataFrame:
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
        raise ConfigError(f"a study's name is lowercase words joined by underscores, not {name!r}")
    if missing := [column for column in KEYS if column not in frame]:
        raise ConfigError(f"study {name}: the columns {', '.join(missing)} are missing")
    if frame.empty or frame["method"].isna().any() or not pd.api.types.is_integer_dtype(frame["seed"]):
        raise ConfigError(
            f"study {name}: each row needs a method and a whole number as its seed, and there must be some"
        )
    table = frame.assign(
        method=frame["method"].astype(str), run=[each if isinstance(each, str) else "" for each in frame["run"]]
    )
    if not all(fact in table for fact in FACTS):
        told = {run: _facts(run, runs, committed) for run in dict.fromkeys(table["run"])}
        for fact in FACTS:
            if fact not in table:
                table[fact] = [told[run].get(fact) for run in table["run"]]
    for fact in FACTS[2:]:
        table[fact] = pd.to_numeric(table[fact]).astype("Int64")
    numbers = [column for column in table.select_dtypes("number") if column not in (*KEYS, *FACTS)]
    if not numbers:
        raise ConfigError(f"study {name} has no column of numbers")
    rest = [column for column in table if column not in (*KEYS, *FACTS)]
    return table[[*KEYS, *FACTS, *rest]].reset_index(drop=True)


def _facts(name: str, runs: Mapping[str, Run], committed: bool) -> dict[str, Any]:
    """What the record of that name says of its data; nothing where there is none."""
    run, place = runs.get(name), paths.committed_runs() / name
    if run is None and name and committed and "/" not in name and is_finished(place):
        try:
            run = load_run(place)
        except RunError as error:
            raise ConfigError(f"the record that a study names cannot be read: {error}") from error
    if run is None:
        return {}
    return {"profile": run.profile} | {fact: run.settings.get(fact) for fact in FACTS[1:]}
