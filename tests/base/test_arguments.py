"""Arguments, checked against annotations: what is taken, what is made of it, and what errors say."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import pytest

from nascore.base.arguments import checked
from nascore.base.conform import conform
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Measured, Range
from nascore.networks import PUBLISHED, Genotype


@checked
def made(cells: Amount, *more: int, kind: Literal["a", "b"] = "a", sizes: tuple[int, ...] = (), **rest: float):
    return cells, more, kind, sizes, rest


def test_what_is_near_is_turned_into_what_is_meant():
    assert made(np.int64(2), 3, sizes=[1, 2], x=1) == (2, (3,), "a", (1, 2), {"x": 1.0})
    assert conform("DARTS_V2", Genotype, "here") == PUBLISHED["DARTS_V2"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cells": "2"}, "made: cells must be int, not '2' (str); allowed: at least 1 and at most 10000"),
        ({"cells": True}, "cells must be int, not True (bool)"),
        ({"cells": 0}, "made: cells must be at least 1 and at most 10000, not 0"),
        ({"cells": 2, "kind": "c"}, "made: kind must be one of 'a', 'b', not 'c'"),
        ({"cells": 2, "sizes": (1, 2.5)}, "made: sizes[1] must be int, not 2.5 (float)"),
        ({"cells": 2, "x": "1"}, "made: rest['x'] must be float, not '1' (str)"),
    ],
)
def test_errors_name_the_function_the_parameter_and_the_value(given, said):
    with pytest.raises(ConfigError) as error:
        made(**given)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("abc", Sequence[str]),
        (b"", Sequence[int]),
        (["a", 1], Sequence[str]),
        ({"a": "b"}, Mapping[str, int]),
        (np.zeros(()), Sequence[float]),
        (float("nan"), Annotated[float, Range()]),
        (10**400, float),
        (int, int),
        (3, Iterable[int]),
    ],
)
def test_wrong_values(value, hint):
    with pytest.raises(ConfigError, match="here"):
        conform(value, hint, "here")


def test_what_can_be_read_once_is_not_read():
    items = iter([1, 2])
    assert conform(items, Iterable[int], "here") is items and list(items) == [1, 2]


@runtime_checkable
class Sized(Protocol):
    def __len__(self) -> int: ...


Bounded = TypeVar("Bounded", bound=Sized)


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        ({"a": 0}, Mapping[str, Amount], "here['a'] must be at least 1 and at most 10000, not 0"),
        ({1: 1}, Mapping[str, int], "a key of here must be str, not 1 (int)"),
        ([1, 0], Sequence[Amount] | Amount, "here[1] must be at least 1 and at most 10000, not 0"),
        (
            "1",
            Sequence[Amount] | None,
            "must be Sequence[int] | None, not '1' (str); allowed: each at least 1 and at most",
        ),
        (3, Callable[[int], int], "here must be Callable, not 3 (int)"),
        (str, type[int], "here must be type[int], not <class 'str'> (type)"),
        (str, Sized, "here must be Sized, not <class 'str'> (type)"),
        ([math.inf], Iterable[Measured], "here[0] must be finite in float32 or NaN, not inf"),
        (3, Bounded, "here must be Sized, not 3 (int)"),
        (3, Annotated[str | bytes, "the name of a thing"], "here must be the name of a thing, not 3 (int)"),
    ],
)
def test_errors_of_what_only_arguments_have(value, hint, said):
    with pytest.raises(ConfigError) as error:
        conform(value, hint, "here")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (print, Callable[..., Any]),
        (bool, type[int]),
        ("ab", Bounded),
        (10**400, Any),
        (math.nan, object),
        (math.nan, Measured),
    ],
)
def test_what_is_right_is_handed_on(value, hint):
    assert conform(value, hint, "here") is value


def test_items_are_turned_into_what_is_meant():
    assert conform(np.arange(3), Sequence[int], "here").tolist() == [0, 1, 2]
    found = conform({"a": [np.float32(1), 2]}, Mapping[str, Sequence[float]], "here")
    assert found == {"a": [1.0, 2.0]} and all(type(each) is float for each in found["a"])
