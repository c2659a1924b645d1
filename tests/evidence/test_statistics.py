"""Statistics: the rule is wrong as often as it says, agrees with textbooks, and has an answer to everything."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from nascore.base.errors import ConfigError
from nascore.evidence import tables
from nascore.evidence.statistics import (
    at_equal,
    compare,
    equivalent,
    holm,
    image_error,
    levelled,
    rank_correlation,
)
from nascore.evidence.verdicts import FAILS, HOLDS, LEVEL, UNTESTED, UNTOLD, judged

OURS, THEIRS = [3.1, 2.9, 3.3, 3.0], [2.0, 2.4, 1.9, 2.2]
TRIALS = 1200


def wrong_rate(seed, n, paired, spread=1.0, shared=0.0):
    """How often a difference is seen where there is none."""
    draw = np.random.default_rng(seed)
    found = 0
    for _ in range(TRIALS):
        common = shared * draw.normal(size=n)
        sides = common + draw.normal(size=n), common + spread * draw.normal(size=n)
        found += compare(*(side.tolist() for side in sides), paired=paired, claim="different").verdict == HOLDS
    return found


# what 1200 trials of one in twenty stay within, but for one time in a thousand
FEWEST, MOST = (int(stats.binom.ppf(share, TRIALS, LEVEL)) for share in (0.0005, 0.9995))


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_paired_comparisons_are_wrong_one_time_in_twenty(n):
    assert FEWEST <= wrong_rate(n, n, paired=True, shared=2.0) <= MOST


@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_unpaired_comparisons_are_wrong_no_more_often_whatever_the_spreads(n, spread):
    wrong = wrong_rate(100 + n, n, paired=False, spread=spread)
    assert wrong <= MOST
    assert wrong >= FEWEST or n < 5  # with two or three runs a side Welch's test asks for more than it need


def test_two_standard_errors_would_be_wrong_far_more_often():
    draw = np.random.default_rng(0)
    sides = draw.normal(size=(2, TRIALS, 3))
    gap = np.abs(sides[0].mean(axis=1) - sides[1].mean(axis=1))
    assert (gap > 2 * np.sqrt((sides.var(axis=2, ddof=1) / 3).sum(axis=0))).mean() > 0.1


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("test", ["t", "permutation"])
def test_a_clear_difference_holds_one_way_and_fails_the_other(paired, test):
    if paired and test == "permutation":
        ours, theirs = OURS * 2, THEIRS * 2  # with fewer than six pairs no p is below 5 %
    else:
        ours, theirs = OURS, THEIRS
    verdicts = {claim: compare(ours, theirs, paired=paired, claim=claim, test=test).verdict for claim in CLAIMS}
    assert verdicts == {"greater": HOLDS, "less": FAILS, "different": HOLDS}
    assert compare(theirs, ours, paired=paired, claim="less", test=test).verdict == HOLDS


CLAIMS = ("greater", "less", "different")


def test_the_numbers_are_scipys():
    found, welch = compare(OURS, THEIRS), stats.ttest_ind(OURS, THEIRS, equal_var=False)
    interval = welch.confidence_interval()
    assert found.p == pytest.approx(welch.pvalue)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.difference == pytest.approx(np.mean(OURS) - np.mean(THEIRS)) and found.n == (4, 4)
    pairs, paired = compare(OURS, THEIRS, paired=True), stats.ttest_rel(OURS, THEIRS)
    assert pairs.p == pytest.approx(paired.pvalue)
    assert (pairs.low, pairs.high) == pytest.approx((*paired.confidence_interval(),))


def test_a_permutation_test_is_exact():
    assert compare(OURS, THEIRS, test="permutation").p == pytest.approx(2 / math.comb(8, 4))  # the most extreme
    assert compare(OURS, THEIRS, paired=True, test="permutation").p == pytest.approx(2 / 2**4)
    three = compare([3, 4, 5.0], [0, 1, 2.0], test="permutation")
    assert three.verdict == UNTOLD and three.detectable == math.inf and "20 arrangements" in three.reason


def test_the_detectable_difference_is_shown_four_times_in_five():
    draw, n = np.random.default_rng(3), 5
    # a normal spread of 1 that is known: the detectable difference follows from it and the noncentral t
    shift = compare([-1.0, -0.5, 0.0, 0.5, 1.0], [0.0] * 5, paired=True)
    shift = shift.detectable / shift.error / math.sqrt(n)
    shown = sum(
        compare((shift + draw.normal(size=n)).tolist(), [0.0] * n, paired=True, claim="greater").verdict == HOLDS
        for _ in range(TRIALS)
    )
    assert shown / TRIALS == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("ours", "theirs", "paired", "verdict", "reason"),
    [
        ([], [1.0, 2.0], False, UNTESTED, "no runs"),
        ([1.0], [2.0], False, UNTOLD, "no spread"),
        ([1.0], [2.0], True, UNTOLD, "no spread"),
        ([1.0, 1.0], [2.0, 2.0], False, UNTOLD, "no spread"),
        ([1.0, 2.0], [2.0, 3.0], True, UNTOLD, "no spread"),
        ([97.5, 98.0556], [97.7778, 98.3333], True, UNTOLD, "no spread"),  # one image of 360 each, as it is written
        ([1.0, math.nan], [2.0, 3.0], False, UNTOLD, "not a number"),
    ],
)
def test_what_cannot_be_tested_has_a_verdict_and_a_reason(ours, theirs, paired, verdict, reason):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for found in (compare(ours, theirs, paired=paired), equivalent(ours, theirs, 0.5, paired=paired)):
            assert found.verdict == verdict and reason in found.reason and math.isnan(found.p)
            assert found.sentence()


def test_pairs_must_pair():
    with pytest.raises(ConfigError, match="not 2 and 3: say paired=False"):
        compare([1.0, 2.0], [1.0, 2.0, 3.0], paired=True)
    with pytest.raises(ConfigError, match="'bigger'"):
        judged("bigger", 1.0, 0.01, 0.01)


def test_equality_is_shown_not_assumed():
    near, same = [1.0, 1.1, 0.9], [1.05, 1.0, 0.95]
    assert equivalent(near, same, 0.5).verdict == HOLDS
    assert equivalent(near, same, 0.05).verdict == UNTOLD  # no difference is seen, and that is not enough
    assert compare(near, same).verdict == UNTOLD
    far = [value + 3 for value in same]
    verdicts = {claim: equivalent(near, far, 0.5, claim=claim).verdict for claim in ("equal", "no less", "no more")}
    assert verdicts == {"equal": FAILS, "no less": FAILS, "no more": HOLDS}


def test_equality_is_shown_of_the_detectable_margin_four_times_in_five():
    draw, n = np.random.default_rng(4), 8
    few = equivalent(draw.normal(size=n).tolist(), [0.0] * n, 1.0, paired=True)
    margin = few.detectable / few.error / math.sqrt(n)
    shown = sum(
        equivalent(draw.normal(size=n).tolist(), [0.0] * n, margin, paired=True).verdict == HOLDS for _ in range(400)
    )
    assert 0.7 < shown / 400 < 0.9


def test_a_family_is_corrected_as_holm_has_it():
    alone = {f"{shift}": compare([1, 2, 3.0], [1 - shift, 2 - shift, 3 - shift]) for shift in (7, 3, 2)}
    together = holm(alone)
    p = [alone[name].p for name in ("7", "3", "2")]
    assert [together[name].p for name in ("7", "3", "2")] == pytest.approx([3 * p[0], max(3 * p[0], 2 * p[1]), p[2]])
    assert together["7"].verdict == HOLDS
    edge = holm({"a": compare([1, 2, 3.0], [-1.5, -0.5, 0.5]), "b": compare([1, 2, 3.0], [0.9, 2.1, 3.2])})
    assert compare([1, 2, 3.0], [-1.5, -0.5, 0.5]).verdict == HOLDS and edge["a"].verdict == UNTOLD
    assert "one of 2 comparisons" in edge["a"].reason and edge["a"].detectable > alone["2"].detectable
    one = {"only": compare(OURS, THEIRS), "none": compare([1.0], [2.0])}
    assert holm(one) == one  # what has no p is not counted


def test_families_of_nothing_are_wrong_one_time_in_twenty():
    draw, wrong = np.random.default_rng(5), 0
    for _ in range(300):
        reference = draw.normal(size=4).tolist()
        family = {f"{at}": compare(draw.normal(size=4).tolist(), reference, claim="different") for at in range(6)}
        wrong += any(each.verdict == HOLDS for each in holm(family).values())
    assert wrong <= stats.binom.ppf(0.9995, 300, LEVEL)


def test_rank_correlations_have_their_interval():
    x, y = np.arange(12.0), np.array([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10.0])
    for method, scipys in (("kendall", stats.kendalltau), ("spearman", stats.spearmanr)):
        found = rank_correlation(x.tolist(), y.tolist(), method)
        assert found.value == pytest.approx(scipys(x, y).statistic) and found.low < found.value < found.high <= 1
        perfect = rank_correlation(x.tolist(), x.tolist(), method)
        assert perfect.value == pytest.approx(1) and 0.5 < perfect.low < 1 and perfect.p > 0
        falling = rank_correlation(x.tolist(), (-x).tolist(), method)
        assert falling.high == pytest.approx(-perfect.low)
    assert rank_correlation([1.0, 2, 3], [1.0, 2, 3]).reason.startswith("3 pairs")
    assert rank_correlation([1.0, 1, 1, 1, 1], [1.0, 2, 3, 4, 5]).reason == "a side is constant"
    assert rank_correlation([1.0, math.nan, 3], [1.0, 2, 3]).n == 2
    with pytest.raises(ConfigError, match="x has 2 values, y 3"):
        rank_correlation([1.0, 2], [1.0, 2, 3])


def test_intervals_of_tau_hold_the_true_one_19_times_in_20():
    draw, held, trials = np.random.default_rng(6), 0, 500
    for _ in range(trials):
        x = draw.normal(size=15)
        found = rank_correlation(x.tolist(), draw.normal(size=15).tolist())
        held += found.low <= 0 <= found.high
    assert 0.91 < held / trials < 0.985


def test_test_images_have_an_error_of_their_own():
    assert image_error(50, 300) == pytest.approx(100 * math.sqrt(0.25 / 300), rel=0.01)
    assert image_error(97.5, 10_000) == pytest.approx(100 * math.sqrt(0.975 * 0.025 / 10_000), rel=0.01)
    assert image_error(100, 360) > 0
    assert tables.with_image_error([97.0, 98.0], 360) == "97.50 ± 0.71 (2), ± 0.83 by 360 images"


def test_what_only_size_explains_is_no_difference():
    draw = np.random.default_rng(7)
    sizes = np.concatenate([np.linspace(1, 4, 10), np.linspace(2, 6, 10)])
    names = ["small"] * 10 + ["large"] * 10
    grows = 3 * np.log(sizes) + 0.1 * draw.normal(size=20)
    asked = (sizes.tolist(), grows.tolist(), names)
    assert compare(grows[10:].tolist(), grows[:10].tolist()).verdict == HOLDS
    assert at_equal(*asked, "large", "small").verdict == UNTOLD
    better = (grows + np.repeat([0.0, 1.0], 10)).tolist()
    found = at_equal(sizes.tolist(), better, names, "large", "small")
    assert found.verdict == HOLDS and found.difference == pytest.approx(1, abs=0.15)
    assert at_equal(sizes.tolist(), better, names, "small", "large").verdict == FAILS
    matched = at_equal(sizes.tolist(), better, names, "large", "small", method="matched")
    assert matched.verdict == HOLDS and matched.difference == pytest.approx(1, abs=0.3) and "pairs" in matched.test


def test_nothing_is_extrapolated():
    sizes, names = [1.0, 2, 3, 4, 5, 6], ["a"] * 3 + ["b"] * 3
    for method, why in (("regression", "do not overlap: 4 to 6"), ("matched", "no two sizes are within 10 %")):
        found = at_equal(sizes, [1.0, 2, 3, 7, 8, 9], names, "b", "a", method=method)
        assert found.verdict == UNTOLD and why in found.reason
    few = at_equal([1.0, 2, 1.5], [1.0, 2, 3], ["a", "a", "b"], "b", "a")
    assert few.verdict == UNTOLD and "too few" in few.reason
    line = at_equal([1.0, 2, 3, 1.5, 2.5], np.log([1, 2, 3, 1.5, 2.5]).tolist(), [*"aaabb"], "b", "a")
    assert line.verdict == UNTOLD and "no spread" in line.reason
    equal = at_equal([2.0] * 6, [1.0, 1.1, 0.9, 3, 3.1, 2.9], [*"aaabbb"], "b", "a")
    assert equal.verdict == HOLDS and equal.test == "Welch's t"
    missing = at_equal([1.0, 2, 3, 2], [1.0, math.nan, 3, 4], [*"aabb"], "b", "a")
    assert missing.verdict == UNTOLD and "not a number" in missing.reason
    for wrong, message in ((("c", "a"), "no group 'c'"), (("a", "a"), "with itself")):
        with pytest.raises(ConfigError, match=message):
            at_equal(sizes, sizes, names, *wrong)
    with pytest.raises(ConfigError, match="6 sizes, 5 values and 6 groups"):
        at_equal(sizes, sizes[1:], names, "b", "a")


def test_values_are_levelled_along_the_slope_that_groups_share():
    """Two lines of slope 2 in the logarithm, 3 apart: at one size each group has one value."""
    sizes = [1.0, 10.0, 100.0, 10.0, 1000.0]
    groups = ["a", "a", "a", "b", "b"]
    values = [2 * np.log(size) + 3 * (group == "b") for size, group in zip(sizes, groups, strict=True)]
    found = levelled(sizes, values, groups, at=10.0)
    assert found == pytest.approx([2 * np.log(10)] * 3 + [2 * np.log(10) + 3] * 2)
    assert levelled([5.0, 5.0], [1.0, 2.0], ["a", "b"], at=7.0) == [1.0, 2.0]
    with pytest.raises(ConfigError, match="no columns of one table"):
        levelled([1.0], [1.0, 2.0], ["a"], at=1.0)
