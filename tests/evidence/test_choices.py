"""How alike two choices of nodes are: kappa and the hypergeometric tail by hand, and what chance gives."""

import math
from itertools import combinations

import pytest
import torch

from nascore.base.errors import ConfigError
from nascore.evidence.choices import alike
from nascore.gal import every_node, random_nodes
from nascore.networks import PUBLISHED, Stack, stacked

STACK = stacked(PUBLISHED["DARTS_V2"], 2, (1,))  # 8 nodes


def test_kappa_and_the_tail_by_hand():
    """Of 8 nodes one keeps 4, the other 3, and 2 are shared: alike on 5; chance is (4 * 3 + 4 * 5) / 64 = 1/2."""
    found = alike(STACK, ((0, 1, 2, 3), ()), ((0, 1), (2,)))
    assert (found.percent, found.shared) == (62.5, 2)
    assert found.kappa == pytest.approx((5 / 8 - 1 / 2) / (1 - 1 / 2))
    draws = [len({0, 1, 2, 3} & set(some)) for some in combinations(range(8), 3)]
    assert found.p == pytest.approx(sum(shared >= 2 for shared in draws) / len(draws))


def test_the_same_choice_is_1_the_opposite_below_0_and_none_is_no_choice():
    one = ((0, 1), (2, 3))
    assert alike(STACK, one, one)[:2] == (100.0, 1.0)
    assert alike(STACK, one, ((2, 3), (0, 1))).kappa == pytest.approx(-1.0)
    assert math.isnan(alike(STACK, every_node(STACK), every_node(STACK)).kappa)
    assert alike(STACK, every_node(STACK), one).kappa == 0.0


def test_independent_choices_are_alike_by_chance_alone():
    """However many nodes they keep, kappa is about 0, where the share that is treated alike is far from it."""
    draws = torch.Generator().manual_seed(0)
    pairs = [[random_nodes(STACK, count, draws) for _ in range(2)] for count in (2, 4, 7) for _ in range(400)]
    found = [alike(STACK, *pair) for pair in pairs]
    assert abs(sum(each.kappa for each in found) / len(found)) < 0.04
    assert sum(each.percent for each in found[-400:]) / 400 > 70
    expected = (13 / 28 + 17 / 70 + 1 / 8) / 3  # of 2, 4 and 7 nodes: sharing at least 1, at least 3, and all
    assert sum(each.p < 0.5 for each in found) / len(found) == pytest.approx(expected, abs=0.04)


def test_choices_of_another_stack_are_told():
    with pytest.raises(ConfigError, match="another stack"):
        alike(STACK, ((0,),), ((0,), (1,)))
    with pytest.raises(ConfigError, match="another stack"):
        alike(STACK, ((9,), ()), ((0,), (1,)))
    with pytest.raises(ConfigError, match="no nodes"):
        alike(Stack((None,), ()), ((),), ((),))
