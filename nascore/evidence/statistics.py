"""Whether measured differences are differences: one rule for all, and what so few runs could have shown.

Tests are scipy's. Sides are values of independent runs, one a seed; nothing here looks at the images of one run, but
for `image_error`. What cannot be tested gives "cannot be told" with the reason, never a number out of nothing.
"""

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from scipy import optimize, stats

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Fraction, Images, Measured, Positive, Range
from nascore.evidence.verdicts import LEVEL, POWER, UNTESTED, UNTOLD, Claimed, Comparison, judged

Directed = Literal["greater", "less", "different"]
WithinMargin = Literal["equal", "no less", "no more"]
Test = Literal["t", "permutation"]
Rank = Literal["kendall", "spearman"]
Percent = Annotated[float, Range(0, 100)]

_SPREAD = 1e-6  # of the values; less is that of written digits
_NO_SPREAD = "the runs do not differ among themselves: there is no spread to judge by"
_ARRANGEMENTS = 200_000  # as many are enumerated; where there are more, as many are drawn, from seed 0


@checked
def compare(
    ours: Iterable[Measured],
    theirs: Iterable[Measured],
    *,
    paired: bool = False,
    claim: Directed = "greater",
    test: Test = "t",
) -> Comparison:
    """Whether ours is greater (or less, or different) on average than theirs, by a two-sided test at 5 %.

    `paired` where the sides share their seeds, in the same order: the paired t-test. Otherwise Welch's, which lets the
    sides vary differently. `test="permutation"` takes the exact permutation test (of signs where paired) for its p:
    for small samples that are not normal; with three runs a side its p is 0.1 at best. A claim fails only where the
    contrary is shown. Raises `ConfigError` for pairs that do not pair.
    """
    one, other = _sides(ours, theirs, paired)
    if reason := _untestable(one, other, paired, test):
        return _untold(claim, one, other, reason)
    difference, error, freedom = _t(one, other, paired)
    name = "paired t" if paired else "Welch's t"
    p, least, reason = _two_sided(difference, error, freedom), 0.0, ""
    if test == "permutation":
        name = "permutation of signs" if paired else "permutation"
        p, least = _permuted(one, other, paired), _least_p(len(one), len(other), paired)
        if least > LEVEL:
            reason = f"{_arrangements(len(one), len(other), paired)} arrangements give no p below {least:.2g}"
    half = error * float(stats.t.ppf(1 - LEVEL / 2, freedom)) if error else 0.0
    return Comparison(
        claim=claim,
        verdict=judged(claim, difference, p, p),
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=p,
        against=p,
        detectable=_detectable(error, freedom) if least <= LEVEL else math.inf,
        n=(len(one), len(other)),
        test=name,
        reason=reason,
        error=error,
        freedom=freedom,
    )


@checked
def equivalent(
    ours: Iterable[Measured],
    theirs: Iterable[Measured],
    margin: Positive,
    *,
    paired: bool = False,
    claim: WithinMargin = "equal",
) -> Comparison:
    """Whether ours is equal to theirs within `margin`, by two one-sided t-tests at 5 % (TOST: Schuirmann 1987).

    "no less" is non-inferiority, one of the two: that ours is not below theirs by as much as `margin`; "no more" the
    other. The claim holds where the margin is shown to be kept, and fails where it is shown to be exceeded; a
    difference that is not shown is no equality. Raises `ConfigError` as `compare` does.
    """
    one, other = _sides(ours, theirs, paired)
    if reason := _untestable(one, other, paired, "t"):
        return replace(_untold(claim, one, other, reason), margin=margin)
    difference, error, freedom = _t(one, other, paired)
    above = float(stats.t.sf((difference + margin) / error, freedom))  # p of: not below -margin
    below = float(stats.t.cdf((difference - margin) / error, freedom))  # p of: not above +margin
    p = {"equal": max(above, below), "no less": above, "no more": below}[claim]
    against = {"equal": min(1.0, 2 * (1 - max(above, below))), "no less": 1 - above, "no more": 1 - below}[claim]
    half = error * float(stats.t.ppf(1 - LEVEL / 2, freedom))
    # equality needs both tests, each of which then has to have half of what may fail
    power = 1 - (1 - POWER) / 2 if claim == "equal" else POWER
    return Comparison(
        claim=claim,
        verdict=judged(claim, difference, p, against),
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=p,
        against=against,
        detectable=_detectable(error, freedom, tail=LEVEL, power=power),
        n=(len(one), len(other)),
        test=("paired" if paired else "Welch's") + (" two one-sided t" if claim == "equal" else " one-sided t"),
        margin=margin,
        error=error,
        freedom=freedom,
    )


@checked
def holm(family: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """The same comparisons with their p-values and verdicts corrected for being asked together (Holm 1979).

    All rows of a table against its reference are a family. Those without a p-value are left as they are and not
    counted. `detectable` becomes what is shown at the level of the first, strictest step, the level over the count.
    """
    p = _stepped_down({name: each.p for name, each in family.items()})
    against = _stepped_down({name: each.against for name, each in family.items()})
    return {name: _corrected(each, p.get(name), against.get(name), len(p)) for name, each in family.items()}


def _corrected(each: Comparison, p: float | None, against: float | None, count: int) -> Comparison:
    if p is None or count < 2:
        return each
    verdict = judged(each.claim, each.difference, p, math.nan if against is None else against)
    words = [each.reason] if each.reason else []
    if verdict != each.verdict:
        words.append(f"by itself p = {each.p:.2g}, but one of {count} comparisons")
    tail = (LEVEL if each.margin else LEVEL / 2) / count
    power = 1 - (1 - POWER) / 2 if each.claim == "equal" else POWER
    shown = (
        _detectable(each.error, each.freedom, tail=tail, power=power) if math.isfinite(each.detectable) else math.inf
    )
    return replace(
        each,
        verdict=verdict,
        p=p,
        against=math.nan if against is None else against,
        detectable=shown,
        test=f"{each.test}, Holm of {count}",
        reason="; ".join(words),
    )


def _stepped_down(values: Mapping[str, float]) -> dict[str, float]:
    ordered = sorted((p, name) for name, p in values.items() if not math.isnan(p))
    corrected, largest = {}, 0.0
    for step, (p, name) in enumerate(ordered):
        largest = max(largest, min(1.0, p * (len(ordered) - step)))
        corrected[name] = largest
    return corrected


@dataclass(frozen=True)
class RankCorrelation:
    """`value` of a rank correlation, `low` to `high` its 95 % interval, `p` that of none, `n` pairs; NaN where it
    cannot be computed, with the `reason`.
    """

    method: Rank
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    n: int = 0
    reason: str = ""

    def numbers(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("value", "low", "high", "n")}


@checked
def rank_correlation(x: Iterable[Measured], y: Iterable[Measured], method: Rank = "kendall") -> RankCorrelation:
    """Kendall's tau-b, or Spearman's rho, of the pairs of which both are numbers, with its 95 % interval.

    The interval is Fisher's z with the standard errors of Fieller et al. (1957) for tau and of Bonett and Wright (2000)
    for rho; there is none for fewer than five pairs. A perfect order counts as half a pair short of it, or its interval
    would have no width. Raises `ConfigError` for sides of different lengths.
    """
    one, other = _array(x), _array(y)
    if len(one) != len(other):
        raise ConfigError(f"a rank correlation needs pairs: x has {len(one)} values, y {len(other)}")
    known = np.isfinite(one) & np.isfinite(other)
    one, other, n = one[known], other[known], int(known.sum())
    if n < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        reason = f"{n} pairs have no order" if n < 2 else "a side is constant"
        return RankCorrelation(method, n=n, reason=reason)
    found = stats.kendalltau(one, other) if method == "kendall" else _spearman(one, other)
    value = float(found.statistic)
    if n < 5:
        return RankCorrelation(
            method, value, p=float(found.pvalue), n=n, reason=f"{n} pairs are too few for an interval"
        )
    inside = math.copysign(min(abs(value), 1 - 1 / (n * (n - 1))), value)
    error = math.sqrt(0.437 / (n - 4) if method == "kendall" else (1 + inside**2 / 2) / (n - 3))
    half = float(stats.norm.ppf(1 - LEVEL / 2)) * error
    low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    p = max(
        float(found.pvalue), 2 / math.factorial(min(n, 20))
    )  # no order is rarer; Spearman's p is by a t of inf there
    return RankCorrelation(method, value, min(low, value), max(high, value), p, n)


def _spearman(one: np.ndarray, other: np.ndarray) -> Any:
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")  # a perfect order divides by 0 on the way to its p
        return stats.spearmanr(one, other)


@checked
def image_error(accuracy: Percent, images: Images) -> float:
    """One standard error of an `accuracy` (%) counted on so many test images, in points: what another draw of as many
    images would change, whatever the seed.

    It is Wilson's (1927), which is the binomial one, 100 sqrt(p (1 - p) / images), but does not vanish at 0 and 100 %.
    """
    p = accuracy / 100
    return 100 * math.sqrt(p * (1 - p) / images + 1 / (4 * images**2)) / (1 + 1 / images)


@checked
def at_equal(
    sizes: Iterable[Positive],
    values: Iterable[Measured],
    groups: Iterable[str],
    ours: str,
    theirs: str,
    *,
    claim: Directed = "greater",
    method: Literal["regression", "matched"] = "regression",
    within: Fraction = 0.1,
) -> Comparison:
    """Whether the group `ours` is greater than `theirs` at equal `sizes` (parameters, multiply-adds).

    "regression": least squares with the logarithm of the size beside the group, one slope for both; "matched": a paired
    t-test of pairs whose sizes differ by at most the share `within`, as many and as near as possible. Where sizes of
    the groups do not overlap, or no two match, nothing can be told: that would be extrapolation. Raises `ConfigError`
    for a group that is not there or columns of different lengths.
    """
    size, value, group = _array(sizes), _array(values), list(groups)
    if not len(size) == len(value) == len(group):
        raise ConfigError(f"{len(size)} sizes, {len(value)} values and {len(group)} groups are no columns of one table")
    mine, other = (np.array([each == name for each in group], dtype=bool) for name in (ours, theirs))
    for name, rows in ((ours, mine), (theirs, other)):
        if not rows.any():
            raise ConfigError(f"there is no group {name!r}, only {', '.join(sorted(set(group)))}")
    if ours == theirs:
        raise ConfigError(f"{ours!r} cannot be compared with itself")
    logs = np.log(size)
    if not np.isfinite(value[mine | other]).all():
        return _untold(claim, value[mine], value[other], "a value is not a number")
    if method == "matched":
        return _matched(logs, value, mine, other, claim, within)
    low, high = (max(logs[mine].min(), logs[other].min()), min(logs[mine].max(), logs[other].max()))
    if low > high:
        ranges = [f"{_short(size[rows].min())} to {_short(size[rows].max())}" for rows in (mine, other)]
        reason = f"sizes do not overlap: {ranges[0]} ({ours}), {ranges[1]} ({theirs})"
        return _untold(claim, value[mine], value[other], reason)
    return _regressed(logs, value, mine, other, claim)


@checked
def levelled(sizes: Iterable[Positive], values: Iterable[Measured], groups: Iterable[str], at: Positive) -> list[float]:
    """The values as they would be at the size `at`: each moved along the slope of the value by the logarithm of the
    size, which is one for all groups (least squares, as `at_equal` regresses); without a slope where sizes are equal.

    Raises `ConfigError` for columns of different lengths.
    """
    size, value, group = _array(sizes), _array(values), list(groups)
    if not len(size) == len(value) == len(group):
        raise ConfigError(f"{len(size)} sizes, {len(value)} values and {len(group)} groups are no columns of one table")
    logs = np.log(size)
    within = [np.array([each == name for each in group]) for name in dict.fromkeys(group)]
    x, y = logs.copy(), value.copy()
    for rows in within:  # what groups differ by is not the slope's
        x[rows] -= logs[rows].mean()
        y[rows] -= value[rows].mean()
    spread = float((x**2).sum())
    slope = float((x * y).sum()) / spread if spread > 1e-12 else 0.0
    return (value - slope * (logs - np.log(at))).tolist()


def _regressed(logs: np.ndarray, value: np.ndarray, mine: np.ndarray, other: np.ndarray, claim: Directed) -> Comparison:
    both = mine | other
    if np.ptp(logs[both]) < 1e-9:
        return compare(value[mine].tolist(), value[other].tolist(), claim=claim)
    design = np.column_stack([mine[both].astype(float), np.ones(both.sum()), logs[both] - logs[both].mean()])
    n, freedom = (int(mine.sum()), int(other.sum())), int(both.sum()) - 3
    if freedom < 1 or np.linalg.matrix_rank(design) < 3:
        return _untold(claim, value[mine], value[other], f"{sum(n)} runs are too few for a line through their sizes")
    fitted, *_ = np.linalg.lstsq(design, value[both], rcond=None)
    residual = value[both] - design @ fitted
    variance = float(residual @ residual) / freedom * float(np.linalg.inv(design.T @ design)[0, 0])
    difference, error = float(fitted[0]), math.sqrt(variance)
    if error <= _SPREAD * max(1.0, float(np.abs(value[both]).max())):
        return _untold(claim, value[mine], value[other], "all runs lie on their lines: there is no spread to judge by")
    p, half = _two_sided(difference, error, freedom), error * float(stats.t.ppf(1 - LEVEL / 2, freedom))
    return Comparison(
        claim=claim,
        verdict=judged(claim, difference, p, p),
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=p,
        against=p,
        detectable=_detectable(error, freedom),
        n=n,
        test="regression on log size",
        error=error,
        freedom=freedom,
    )


def _matched(
    logs: np.ndarray, value: np.ndarray, mine: np.ndarray, other: np.ndarray, claim: Directed, within: float
) -> Comparison:
    apart = np.abs(logs[mine][:, None] - logs[other][None, :])
    limit = math.log1p(within)
    # what is too far apart costs more than all pairs together, so that as many pairs as possible are kept
    rows, columns = optimize.linear_sum_assignment(np.where(apart <= limit, apart, (limit + 1) * apart.size))
    kept = apart[rows, columns] <= limit
    if not kept.any():
        return _untold(claim, value[mine], value[other], f"no two sizes are within {100 * within:.0f} % of each other")
    pairs = value[mine][rows[kept]].tolist(), value[other][columns[kept]].tolist()
    found = compare(*pairs, paired=True, claim=claim)
    return replace(found, test=f"paired t of {int(kept.sum())} pairs of like size")


def _short(size: float) -> str:
    return f"{size:,.0f}" if size >= 1000 else f"{size:.4g}"


def _array(values: Iterable[Any]) -> np.ndarray:
    return np.asarray(list(values), dtype=float)


def _sides(ours: Iterable[float], theirs: Iterable[float], paired: bool) -> tuple[np.ndarray, np.ndarray]:
    one, other = _array(ours), _array(theirs)
    if paired and len(one) != len(other):
        raise ConfigError(f"pairs need as many runs on both sides, not {len(one)} and {len(other)}: say paired=False")
    return one, other


def _untestable(one: np.ndarray, other: np.ndarray, paired: bool, test: Test) -> str:
    """Why there is no test, or ""."""
    if not len(one) or not len(other):
        return "there are no runs"
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return "a value is not a number"
    if min(len(one), len(other)) < 2:
        return "one run a side has no spread"
    if test == "permutation":
        return ""
    largest = max(1.0, float(np.abs(np.concatenate([one, other])).max()))
    spread = (one - other).std() if paired else max(one.std(), other.std())
    # accuracies are counts of images: two pairs often differ by the same number of them, and by nothing but the digits
    # to which they were written, which would pass for certainty
    return _NO_SPREAD if spread <= _SPREAD * largest else ""


def _untold(claim: Claimed, one: np.ndarray, other: np.ndarray, reason: str) -> Comparison:
    known = len(one) and len(other) and np.isfinite(one).all() and np.isfinite(other).all()
    difference = float(one.mean() - other.mean()) if known else math.nan
    verdict = UNTOLD if len(one) and len(other) else UNTESTED
    return Comparison(claim, verdict, difference, n=(len(one), len(other)), reason=reason)


def _t(one: np.ndarray, other: np.ndarray, paired: bool) -> tuple[float, float, float]:
    """The difference of the means, its standard error, and degrees of freedom (Welch's where not paired)."""
    difference = float(one.mean() - other.mean())
    if paired:
        return difference, float((one - other).std(ddof=1) / math.sqrt(len(one))), len(one) - 1.0
    squares = [float(side.var(ddof=1)) / len(side) for side in (one, other)]
    parts = sum(square**2 / (len(side) - 1) for square, side in zip(squares, (one, other), strict=True))
    return difference, math.sqrt(sum(squares)), sum(squares) ** 2 / parts if parts else math.nan


def _two_sided(difference: float, error: float, freedom: float) -> float:
    return float(2 * stats.t.sf(abs(difference) / error, freedom)) if error else math.nan


def _detectable(error: float, freedom: float, tail: float = LEVEL / 2, power: float = POWER) -> float:
    """The true difference that a t-test with `tail` above its limit shows with `power`: by the noncentral t."""
    if not (error > 0 and freedom > 0):
        return math.inf
    limit = float(stats.t.ppf(1 - tail, freedom))

    def lacking(shift: float) -> float:
        return float(stats.nct.sf(limit, freedom, shift)) - power

    high = limit + 1
    while lacking(high) < 0 and high < 1e6:
        high *= 2
    return error * float(optimize.brentq(lacking, 0, high)) if lacking(high) >= 0 else math.inf


def _arrangements(one: int, other: int, paired: bool) -> int:
    return 2**one if paired else math.comb(one + other, one)


def _least_p(one: int, other: int, paired: bool) -> float:
    """The smallest two-sided p of an exact test: the data and their mirror image."""
    return 2 / _arrangements(one, other, paired)


def _permuted(one: np.ndarray, other: np.ndarray, paired: bool) -> float:
    many = _arrangements(len(one), len(other), paired)
    return float(
        stats.permutation_test(
            (one, other),
            lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
            permutation_type="samples" if paired else "independent",
            vectorized=True,
            n_resamples=np.inf if many <= _ARRANGEMENTS else _ARRANGEMENTS,
            rng=np.random.default_rng(0),
        ).pvalue
    )
