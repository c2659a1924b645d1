"""Arguments, checked against annotations: what is taken, what is made of it, and what errors say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import pytest

from nascore.base.arguments import checked
from nascore.base.conform import conform
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Range
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
