"""Checkers of what was measured here: from studies, by the one rule of `nascore.evidence.statistics`."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Digits, Finite, NonNegative, Range
from nascore.evidence import statistics
from nascore.evidence.checks.base import Finding, Sources
from nascore.evidence.checks.common import RELATIONS, Relation
from nascore.evidence.studies import Study
from nascore.evidence.verdicts import FAILS, HOLDS, UNTESTED, UNTOLD, WITHIN_MARGIN, Claimed, Comparison, Verdict

Share = Annotated[float, Range(above=0, below=1)]


@checked
def measured(
    sources: Sources,
    *,
    study: str,
    column: str,
    ours: str,
    theirs: str | list[str] | float,
    claim: Claimed = "greater",
    margin: NonNegative = 0.0,
    family: list[str] | None = None,
    test: statistics.Test = "t",
    size: str | None = None,
    unit: str = "",
    digits: Digits = 2,
) -> Finding:
    """Whether `ours` is greater (less, ...) than `theirs` in a column of a study: over seeds, paired where both sides
    have the same seeds, at 5 %.

    `theirs` is a method, several (the claim then holds only of all of them together), ["*"] for all others, or a number
    that ours is compared with. Several are a family, corrected by Holm; so is `family`, the methods (["*"]: all others)
    that the study compares with the same `theirs`, of which `ours` is one. Claims within a `margin` are tests of
    equivalence. `size` names a column: the sides are then compared at equal size. Without the study, not tested here.
    """
    table = sources.study(study)
    if table is None:
        return Finding(UNTESTED, f"there is no study {study}")
    within = claim in WITHIN_MARGIN
    if within != (margin > 0):
        raise ConfigError(f"{claim!r} {'needs' if within else 'has no'} margin")
    asked: dict[str, Any] = {"column": column, "claim": claim, "margin": margin, "test": test, "size": size}
    if isinstance(theirs, float):
        compared = {f"{theirs:g}": _with_number(table, ours, theirs, **asked)}
    elif isinstance(theirs, str) and family is not None:
        methods = [each for each in table.methods if each != theirs] if family == ["*"] else [ours, *family]
        whole = {each: _compared(table, each, theirs, **asked) for each in dict.fromkeys(methods)}
        compared = {theirs: statistics.holm(whole)[ours]}
    else:
        named = [theirs] if isinstance(theirs, str) else theirs
        others = [each for each in table.methods if each != ours] if named == ["*"] else named
        compared = statistics.holm({each: _compared(table, ours, each, **asked) for each in others})
    parts = [each.sentence(unit, digits) for each in compared.values()]
    if len(compared) > 1:
        parts = [f"{name}: {part}" for name, part in zip(compared, parts, strict=True)]
    values = {name: _numbers(each) for name, each in compared.items()}
    said = "; ".join(parts) + (f" ({where})" if (where := table.where()) else "")
    return Finding(_all([each.verdict for each in compared.values()]), said, values)


@checked
def always(
    sources: Sources,
    *,
    study: str,
    column: str,
    ours: str,
    relation: Relation,
    value: Finite,
    tolerated: Share = 0.5,
    digits: Digits = 2,
) -> Finding:
    """Whether each run of `ours` has a number in that relation to `value`: "never", "all", "at most".

    One run that has not refutes it. That none has is no proof: the claim holds where as many runs show, at 5 %, that
    fewer than the share `tolerated` of such runs would not, which takes five for a half; else it cannot be told.
    """
    table = sources.study(study)
    if table is None:
        return Finding(UNTESTED, f"there is no study {study}")
    values = table.values(ours, column)
    if values.empty:
        return Finding(UNTESTED, f"{ours} has no {column}")
    kept = values.map(lambda each: RELATIONS[relation](each, value))
    n, bound = len(values), 1 - 0.05 ** (1 / len(values))
    said = f"{int(kept.sum())} of {n} runs have {column} {relation} {value:g} ({_listed(values, digits)})"
    verdict: Verdict = FAILS if not kept.all() else HOLDS if bound < tolerated else UNTOLD
    if kept.all():
        said += f"; up to {100 * bound:.0f} % of runs might not"
    return Finding(verdict, said + _on(table), {"runs": n, "kept": int(kept.sum()), "bound": bound})


@checked
def correlates(
    sources: Sources,
    *,
    study: str,
    x: str,
    y: str,
    method: str | None = None,
    sign: Literal[1, -1] = 1,
    rank: statistics.Rank = "kendall",
) -> Finding:
    """Whether two columns of a study rise together (`sign` 1), or one as the other falls (-1), over its rows: holds
    where the 95 % interval of the rank correlation is all on that side of 0, and fails where on the other.
    """
    table = sources.study(study)
    if table is None:
        return Finding(UNTESTED, f"there is no study {study}")
    found, said = _ranked(table, x, y, method, rank)
    shown = found.low == found.low and found.p < 0.05  # an interval there is, and the exact test agrees with it
    ends = sorted((sign * found.low, sign * found.high))
    verdict: Verdict = HOLDS if shown and ends[0] > 0 else FAILS if shown and ends[1] < 0 else UNTOLD
    return Finding(verdict, said, found.numbers())


def _ranked(
    table: Study, x: str, y: str, method: str | None, rank: statistics.Rank
) -> tuple[statistics.RankCorrelation, str]:
    """The rank correlation of two columns over the rows of a method, or over all, and a sentence of it."""
    for column in (x, y):
        table.require(column)
    rows = table.frame if method is None else table.rows(method)
    found = statistics.rank_correlation(rows[x].astype(float).tolist(), rows[y].astype(float).tolist(), rank)
    said = f"{'tau' if rank == 'kendall' else 'rho'} = {found.value:+.2f}"
    said += f" [{found.low:+.2f}, {found.high:+.2f}], n = {found.n}" if found.low == found.low else f", {found.reason}"
    return found, said + _on(table)


def _compared(
    table: Study, ours: str, theirs: str, column: str, claim: Any, margin: float, test: Any, size: str | None
) -> Comparison:
    one, other = table.values(ours, column), table.values(theirs, column)
    if size is not None:
        return _at_equal(table, ours, theirs, column, claim, size)
    paired = len(one) > 1 and list(one.index) == list(other.index)
    sides = one.tolist(), other.tolist()
    if claim in WITHIN_MARGIN:
        return statistics.equivalent(*sides, margin, paired=paired, claim=claim)
    return statistics.compare(*sides, paired=paired, claim=claim, test=test)


def _with_number(
    table: Study, ours: str, value: float, column: str, claim: Any, margin: float, test: Any, size: str | None
) -> Comparison:
    if size is not None:
        raise ConfigError("a number has no size to be compared at")
    one = table.values(ours, column).tolist()
    sides = one, [value] * len(one)
    if claim in WITHIN_MARGIN:
        found = statistics.equivalent(*sides, margin, paired=True, claim=claim)
    else:
        found = statistics.compare(*sides, paired=True, claim=claim, test=test)
    return replace(found, n=(len(one), 0), test=found.test.replace("paired", "one-sample"))


def _at_equal(table: Study, ours: str, theirs: str, column: str, claim: Any, size: str) -> Comparison:
    if claim in WITHIN_MARGIN:
        raise ConfigError("at equal size differences are claimed, not equality")
    sides = [
        pd.DataFrame({"size": table.values(each, size), "value": table.values(each, column)})
        .dropna()
        .assign(group=each)
        for each in (ours, theirs)
    ]
    if any(side.empty for side in sides):
        return Comparison(claim, UNTESTED, reason="there are no runs with both a size and a value")
    rows = pd.concat(sides)
    columns = rows["size"].tolist(), rows["value"].tolist(), rows["group"].tolist()
    return statistics.at_equal(*columns, ours, theirs, claim=claim)


def _all(verdicts: list[Verdict]) -> Verdict:
    """What is claimed of all: refuted by one, held by all."""
    for each in (FAILS, UNTOLD, UNTESTED):
        if each in verdicts:
            return each
    return HOLDS if verdicts else UNTESTED


def _numbers(found: Comparison) -> dict[str, float]:
    return {name: getattr(found, name) for name in ("difference", "low", "high", "p", "detectable")}


def _listed(values: pd.Series, digits: int) -> str:
    if len(values) <= 5:
        return ", ".join(f"{each:.{digits}f}" for each in values)
    return f"{values.min():.{digits}f} to {values.max():.{digits}f}"


def _on(table: Study) -> str:
    return f" ({where})" if (where := table.where()) else ""
