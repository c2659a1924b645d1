"""A printed table of a paper, all of it, with what was trained or counted here beside its rows; captions; claims.

What notebooks show so that nobody has to type it: on what a number was measured, and what the ledger says of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from nascore import data
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Index
from nascore.evidence import tables
from nascore.evidence.checks.base import Sources
from nascore.evidence.claims import Claim, load_claims
from nascore.evidence.studies import Study, load_studies
from nascore.evidence.words import Words, markdown, say
from nascore.records.record import Run


@checked
def beside(paper: str, table: str | int, groups: Mapping[Index, Iterable[Iterable[Run]]] | None = None) -> pd.DataFrame:
    """A printed table with all its rows and columns; `groups` maps rows, from 0, to groups of trainings, a group a
    data set: each gives a line of the row, with the columns of `trained_on` behind the printed ones.

    Between them stands what the ledger's claims of kind "count" count of a cell: the column's name and ", counted".
    Raises `ConfigError` for a row that there is not, and as `tables.reported` does.
    """
    whole, lines = tables.reported(paper, table), []
    given = {row: [list(group) for group in each] for row, each in (groups or {}).items()}
    if outside := [row for row in given if not 0 <= row < len(whole)]:
        raise ConfigError(f"table {table} of {paper} has the rows 0 to {len(whole) - 1}, not {outside[0]}")
    counted = _counted(paper, str(table))
    for at, (_, row) in enumerate(whole.iterrows()):
        line = row.to_dict() | {name: values.get(at) for name, values in counted.items()}
        lines += [line | trained_on(group) for group in given.get(at, [])] or [line]
    return pd.DataFrame(lines)


@checked
def trained_on(group: Iterable[Run]) -> dict[str, Any]:
    """What trainings were made on, how often, and what came out: data set here, pixels, training images, seeds, test
    error here (%), parameters here (thousand), multiply-adds here (million), sizes as means.

    The error has that of the seeds and, where it is known how many, that of the test images beside it. Raises
    `ConfigError` for no runs, and for runs on different data.
    """
    runs = list(group)
    if not runs:
        raise ConfigError("there are no runs to tell of")
    facts = [{name: run.settings.get(name) for name in _FACTS} for run in runs]
    if any(each != facts[0] for each in facts):
        raise ConfigError(f"runs of one line were trained on the same data: {facts[0]} and others are not")
    fact, metrics = facts[0], pd.DataFrame([run.metrics for run in runs])
    images, errors = images_tested(runs[0]), (100 - metrics["test_accuracy"]).tolist()
    name = str(fact["dataset"])
    known = data.DATASETS.get(name)
    return {
        "data set here": name.partition(":")[2] or name,
        "pixels": fact["image_size"] or (known.image_size if known else None),
        "training images": fact["train_images"] or "all",
        "seeds": len({run.seed for run in runs}),
        "test error here (%)": tables.with_image_error(errors, images) if images else tables.mean_std(errors),
        "parameters here (thousand)": round(metrics["parameters"].mean() / 1e3, 1),
        "multiply-adds here (million)": round(metrics["macs"].mean() / 1e6, 2),
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


_FACTS = ("dataset", "image_size", "train_images", "test_images")


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
