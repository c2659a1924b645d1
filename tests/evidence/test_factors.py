"""The effects of factors, against sums by hand."""

from itertools import product

import pandas as pd
import pytest

from nascore.base.errors import ConfigError
from nascore.evidence.factors import effects
from nascore.evidence.statistics import compare

FACTORS = ("relaxation", "pruning")
# softmax can't be pruned: four runs a seed would be balanced, three are there
WORTH = {("softmax", "kept"): 50.0, ("entmax", "kept"): 53.0, ("entmax", "pruned"): 60.0}
MORE = [0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4]
NOISE = (0.5, -0.25, 0.0, 1.0)  # of each seed, the same for all of its runs, and of pruned ones again


def runs():
    rows = [
        (relaxation, pruning, seed, worth + noise + noise * (pruning == "pruned"))
        for ((relaxation, pruning), worth), (seed, noise) in product(WORTH.items(), enumerate(NOISE))
    ]
    return pd.DataFrame(rows, columns=[*FACTORS, "seed", "accuracy"])


def test_an_effect_is_the_mean_difference_where_all_else_is_alike():
    found = effects(runs(), FACTORS, "accuracy")
    assert list(found) == ["entmax instead of softmax", "pruned instead of kept"]
    # entmax is compared where nothing is pruned, since softmax never is: 53 - 50, for every seed the same
    assert found["entmax instead of softmax"].difference == pytest.approx(3.0)
    # pruning within entmax alone: 7 and each seed's noise
    expected = compare([7 + noise for noise in NOISE], [0.0] * 4, paired=True, claim="different")
    pruned = found["pruned instead of kept"]
    assert pruned.difference == pytest.approx(7.3125) and pruned.n == (4, 4)
    assert (pruned.low, pruned.high) == pytest.approx((expected.low, expected.high))
    assert pruned.p >= expected.p  # one of a family


def test_several_settings_of_the_others_are_averaged_seed_by_seed():
    third = runs().assign(order="first")
    second = third.assign(order="second", accuracy=third.accuracy.add(MORE))
    found = effects(pd.concat([third, second]), (*FACTORS, "order"), "accuracy")
    assert found["entmax instead of softmax"].difference == pytest.approx((3 + 5) / 2)
    assert found["second instead of first"].difference == pytest.approx((0 + 2 + 4) / 3)


def test_rows_in_another_order_say_the_same():
    one, other = (effects(frame, FACTORS, "accuracy") for frame in (runs(), runs().sort_values("seed", kind="stable")))
    assert one == other


def test_levels_that_share_nothing_are_told():
    apart = runs()[lambda frame: (frame.relaxation == "softmax") | (frame.pruning == "pruned")]
    with pytest.raises(ConfigError, match="'entmax' and 'softmax' of relaxation were never run with the rest alike"):
        effects(apart, FACTORS, "accuracy")
    with pytest.raises(ConfigError, match="no column 'loss', only relaxation, pruning, seed, accuracy"):
        effects(runs(), FACTORS, "loss")
