"""Every number among the settings has its range: outside it a ConfigError that says so, inside it nothing raw."""

import contextlib
import dataclasses
import importlib
import math
import pkgutil
import sys
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import nascore
from nascore.base.config import Settings, hints, table
from nascore.base.errors import ConfigError, NascoreError, shortened
from nascore.base.ranges import ANY, Range
from nascore.optimization.budgets import Latency
from nascore.pruning import TimeLimit
from nascore.recipes import RECIPES
from nascore.records.environment import seeded

for module in pkgutil.walk_packages(nascore.__path__, "nascore."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

CPU = torch.device("cpu")
BEYOND = sys.float_info.max  # what float32 holds
DIGITS = 10**5000  # more than Python writes


def classes(of: type[Settings] = Settings) -> Iterator[type[Settings]]:
    for kind in of.__subclasses__():
        if kind.__module__.startswith("nascore."):
            yield kind
        yield from classes(kind)


def within(value: Any) -> Iterator[Settings]:
    """All settings in a value."""
    if isinstance(value, Settings):
        yield value
        value = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
    if isinstance(value, tuple):
        for item in value:
            yield from within(item)


_GIVEN = {"dataset": "digits", "batch_size": 8, "epochs": 3, "learning_rate": 0.1, "weight_decay": 0.0}
EXAMPLES: dict[type[Settings], Settings] = {
    Latency: Latency(seconds=((1.0,),), image_size=8),
    TimeLimit: TimeLimit(seconds=1.0),
}
for recipe in RECIPES.values():
    for settings in within(recipe.at("smoke")):
        EXAMPLES.setdefault(type(settings), settings)


class Number(NamedTuple):
    """A number in a field: its type (`tuple` for how many items there are), its range, and the field's value made of
    it and of what the field has now.
    """

    kind: type
    range: Range | None
    made: Callable[[Any, Any], Any]

    def inside(self) -> Iterator[Any]:
        """What is as near to each end as can be, and the largest there is where there is no end."""
        of = self.range or ANY
        if self.kind is float:
            yield from (
                max(of.low, math.nextafter(of.above, math.inf)),
                min(of.high, math.nextafter(of.below, -math.inf)),
            )
        else:
            yield from (int(of.low), int(of.high))

    def outside(self) -> Iterator[Any]:
        of = self.range or ANY
        if self.kind is float:
            yield from (math.nan, math.inf, -math.inf, BEYOND, -BEYOND)
            yield from (end for end in (of.above, of.below) if math.isfinite(end))
            yield math.nextafter(max(of.low, of.above), -math.inf)
            yield math.nextafter(min(of.high, of.below), math.inf)
        else:
            yield from [int(of.high) + 1] + [int(of.low) - 1] * (self.kind is int or of.low > 0)
            if self.kind is int:
                yield from (-(10**30), 10**30, -DIGITS, DIGITS)
                yield from [int(of.low) + 1] * of.even

    def wrong(self) -> Iterator[Any]:
        """What is no number of that type."""
        yield from ("3", True, object(), [], b"3", 1j, np.array([1, 2]), Settings)
        yield from [DIGITS] if self.kind is float else [2.0, math.nan]


def numbers(hint: Any) -> Iterator[Number]:
    of, range = hint, None
    if typing.get_origin(hint) is typing.Annotated:
        of, (range, *_) = hint.__origin__, hint.__metadata__
    arguments = typing.get_args(of)
    if of in (int, float):
        yield Number(of, range, lambda value, now: value)
    elif typing.get_origin(of) is typing.Literal:
        return
    elif typing.get_origin(of) is not tuple:
        for option in arguments:
            yield from numbers(option)
    elif arguments[-1] is Ellipsis:
        for inner in numbers(arguments[0]):
            yield inner._replace(made=lambda value, now, inner=inner: (inner.made(value, (now or (0,))[0]),))
        if range is not None:
            yield Number(tuple, range, lambda count, now: (now or (0,))[:1] * count)
    else:
        for at, each in enumerate(arguments):
            for inner in numbers(each):
                yield inner._replace(made=lambda value, now, at=at: (*now[:at], value, *now[at + 1 :]))


FIELDS = [(kind, name, list(numbers(hint))) for kind in dict.fromkeys(classes()) for name, hint in hints(kind).items()]
NUMBERS = [
    pytest.param(kind, name, each, id=f"{kind.__name__}.{name}") for kind, name, found in FIELDS for each in found
]


def change(kind: type[Settings], name: str, number: Number, value: Any) -> None:
    example = EXAMPLES.get(kind) or kind(**{name: _GIVEN[name] for name in hints(kind) if name in _GIVEN})
    dataclasses.replace(example, **{name: number.made(value, getattr(example, name))})


@pytest.mark.parametrize(("kind", "name", "number"), NUMBERS)
def test_outside_its_range_a_number_is_refused_by_name(kind, name, number):
    for value in (*number.outside(), *(number.wrong() if number.kind is not tuple else ())):
        with pytest.raises(ConfigError) as told:
            change(kind, name, number, value)
        assert f"{kind.__name__}.{name}" in str(told.value) and str(number.range) in str(told.value), value
        if number.kind is not tuple:
            assert shortened(value) in str(told.value)


@pytest.mark.parametrize(("kind", "name", "number"), NUMBERS)
def test_inside_its_range_nothing_raw_is_raised(kind, name, number):
    for value in number.inside():
        with contextlib.suppress(ConfigError):  # of what fields say together
            change(kind, name, number, value)


def test_every_number_has_a_range_and_the_table_has_all():
    assert not [f"{kind.__name__}.{name}" for kind, name, found in FIELDS if any(each.range is None for each in found)]
    rows = {(row.settings, row.field): row for row in table()}
    for kind, name, found in FIELDS:
        row = rows[kind.__name__, name]
        assert all(str(each.range) in row.range for each in found) and bool(row.range) == bool(found)
    assert len(NUMBERS) > 150 and ("Inner", "rate") not in rows


_SMALL = {"train_images": 8, "batch_size": 4, "epochs": 1}
_SEARCH = {**_SMALL, "optimization__warm_up": 0}
_CELLS = {**_SEARCH, "space__nodes": 1, "space__cells": 2, "space__reductions": (1,)}
RUNS: dict[str, dict[str, Any]] = {  # recipes that have all kinds of settings between them, as small as they come
    "darts": _CELLS,
    "retraining": {**_SMALL, "test_images": 8, "genotype": "DARTS_V2"},
    "dso-share": _SEARCH,
    "eoinas": {**_CELLS, "pruning__warm_up": 0, "pruning__interval": 1},
    "sparse-darts": _CELLS,
    "pdarts": _SEARCH,
    "darts-201": _SEARCH,
    "darts-minus": _CELLS,
    "darts-plus": _CELLS,
    "darts-pt": _CELLS,
    "fair-darts": _CELLS,
    "pc-darts": _CELLS,
    "random-search": {**_SMALL, "samples": 1, "space__nodes": 1},
    "gal-pruning-mnist": {**_SMALL, "test_images": 8},
}
# where the largest would take its time, or its memory
SIZES = ("nodes", "cells", "channels", "levels", "stages", "hidden", "fine_tuning", "reductions", "image_size")


def settings_at(path: str, settings: Any) -> tuple[Any, str]:
    *parts, name = path.split("__")
    for part in parts:
        settings = getattr(settings, part)
    return settings, name


def leaves(settings: Settings, before: str = "") -> Iterator[str]:
    """The names of all fields, nested ones as `override` takes them."""
    for name in hints(type(settings)):
        value = getattr(settings, name)
        yield from leaves(value, f"{before}{name}__") if isinstance(value, Settings) else [before + name]


def ends() -> Iterator[Any]:
    """(recipe, name of a setting, value at an end of its range), every field once, in the first recipe that has it."""
    seen = set()
    for recipe, small in RUNS.items():
        settings = RECIPES[recipe].at("smoke", **small)
        for path in leaves(settings):
            owner, name = settings_at(path, settings)
            declared = next(kind for kind in type(owner).__mro__ if name in vars(kind).get("__annotations__", {}))
            if (declared, name) not in seen:
                seen.add((declared, name))
                for number in numbers(hints(type(owner))[name]):
                    low, high = (number.made(value, getattr(owner, name)) for value in number.inside())
                    for value in [low, *([high] if name not in SIZES else [])]:
                        yield pytest.param(recipe, path, value, id=f"{recipe}-{path}={value}")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return nascore.run("gal-training-mnist", "smoke", root=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.mark.parametrize(("recipe", "path", "value"), list(ends()))
def test_at_the_ends_of_its_range_a_setting_runs_or_is_told(recipe, path, value, trained):
    with contextlib.suppress(NascoreError), seeded(0, CPU):
        settings: Any = RECIPES[recipe].at("smoke", **RUNS[recipe] | {path: value})
        task = settings.start(CPU, 0, None, trained if "gal" in recipe else None)
        row = task.run_epoch()
        if all(map(math.isfinite, row.values())):  # else a run stops there, and says why
            task.result()


if __name__ == "__main__":
    for row in table():
        if row.range:
            print(f"{row.settings}.{row.field}: {row.type}, {row.range}")
