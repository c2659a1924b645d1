"""What a claim can turn out to be, and a comparison that says so: verdicts are computed, never typed."""

import math
from dataclasses import dataclass
from typing import Literal

from nascore.base.errors import ConfigError

Verdict = Literal["holds", "does not hold", "cannot be told", "not tested here"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
UNTOLD: Verdict = "cannot be told"
UNTESTED: Verdict = "not tested here"
VERDICTS: tuple[Verdict, ...] = (HOLDS, FAILS, UNTOLD, UNTESTED)

LEVEL = 0.05  # of every test here; two-sided where a difference is claimed
POWER = 0.8  # with which `detectable` differences are shown

# ours is greater or less than theirs, or either; ours is equal to theirs, no less, or no more, within a margin
Claimed = Literal["greater", "less", "different", "equal", "no less", "no more"]
DIRECTED: tuple[Claimed, ...] = ("greater", "less", "different")
WITHIN_MARGIN: tuple[Claimed, ...] = ("equal", "no less", "no more")


@dataclass(frozen=True)
class Comparison:
    """Ours beside theirs: what a test says of their difference.

    `difference` is the mean of ours minus that of theirs, `low` to `high` its 95 % interval (not corrected for a
    family), `p` the p-value of what is claimed, `against` that of the contrary, which gives "does not hold";
    `detectable` the smallest true difference that this many runs, with this spread, show in 4 of 5 cases (of claims
    within a `margin`: the smallest margin within which they show equality); infinite where none can be shown. `n` are
    the runs of ours and theirs (0 where ours are compared with a number), `test` how they were compared, `reason` what
    else there is to say. Numbers that could not be computed are NaN.
    """

    claim: Claimed
    verdict: Verdict
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    against: float = math.nan
    detectable: float = math.inf
    n: tuple[int, int] = (0, 0)
    test: str = ""
    reason: str = ""
    margin: float = 0.0
    error: float = math.nan  # of the difference, one standard error
    freedom: float = math.nan  # degrees of freedom

    def sentence(self, unit: str = "", digits: int = 2) -> str:
        """The comparison in words: "+0.14 points [-2.01, +2.29], p = 0.80, n = 2 and 2; would have shown 3.12"."""
        if math.isnan(self.difference):
            return self.reason
        unit = f" {unit}" if unit else ""
        parts = [f"{self.difference:+.{digits}f}{unit}"]
        if not math.isnan(self.low):
            parts[0] += f" [{self.low:+.{digits}f}, {self.high:+.{digits}f}]"
        if not math.isnan(self.p):
            parts.append(f"p = {self.p:.2g}")
        parts.append(f"n = {self.n[0]}" + (f" and {self.n[1]}" if self.n[1] else ""))
        text = ", ".join(parts)
        if self.verdict == UNTOLD and math.isfinite(self.detectable):
            what = "a difference" if self.claim in DIRECTED else "equality within a margin"
            text += f"; would have shown {what} of {self.detectable:.{digits}f}"
        return text + (f"; {self.reason}" if self.reason else "")


def judged(claim: Claimed, difference: float, p: float, against: float, level: float = LEVEL) -> Verdict:
    """The one rule: what is claimed is shown, or its contrary is, or neither.

    A difference claimed is judged by one two-sided test and its sign; of a claim within a margin, and of its contrary,
    each has a test of its own. A claim that there is a difference, whatever its sign, can't be refuted by a test that
    finds none.
    """
    if claim not in (*DIRECTED, *WITHIN_MARGIN):
        raise ConfigError(f"claimed can be {', '.join((*DIRECTED, *WITHIN_MARGIN))}, not {claim!r}")
    if claim in WITHIN_MARGIN:
        return HOLDS if p < level else FAILS if against < level else UNTOLD
    if not p < level:
        return UNTOLD
    return HOLDS if claim == "different" or (difference > 0) == (claim == "greater") else FAILS
