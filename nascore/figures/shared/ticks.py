"""Round numbers for an axis, written out in full: no offset or power of ten in a corner."""

from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from nascore.figures.shared.style import text_width

_TYPE = 7.0  # points
_APART = 6.0  # points between two numbers side by side
_BEYOND = 5.0  # points that a number may reach beyond its panel
_CLOSEST = 1e-6  # a range below this share of its numbers is widened: more digits say nothing


class Ticks(NamedTuple):
    """Where an axis has ticks, and their numbers."""

    values: list[float]
    labels: list[str]


def limits(low: float, high: float, points: float, beside: float) -> tuple[float, float]:
    """The ends of an axis of `points` that holds `low` to `high` with `beside` points left free at both ends."""
    if high - low < (least := _CLOSEST * max(abs(low), abs(high))) or high == low:
        half = max(least, 0.05 * abs(low + high) / 2) or 0.5
        low, high = (low + high) / 2 - half, (low + high) / 2 + half
    free = (high - low) * beside / (points - 2 * beside)
    return low - free, high + free


def ticks_up(low: float, high: float, most: int) -> Ticks:
    """At most `most` steps between `low` and `high`."""
    values = [float(at) for at in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= at <= high]
    step = (values[1] - values[0]) if len(values) > 1 else high - low
    digits = max(0, int(np.ceil(-np.log10(step) - 1e-6)))
    return Ticks(values, [f"{value + 0.0:.{digits}f}".replace("-", "−") for value in values])


def ticks_across(low: float, high: float, points: float) -> Ticks:
    """As many as find room side by side in `points`."""
    for most in range(6, 0, -1):
        ticks = ticks_up(low, high, most)
        wide = max((text_width(label, _TYPE) for label in ticks.labels), default=0.0)
        places = [(value - low) / (high - low) * points for value in ticks.values]
        inside = [wide / 2 - _BEYOND <= place <= points - wide / 2 + _BEYOND for place in places]
        kept = [at for at, fits in enumerate(inside) if fits]
        ticks = Ticks([ticks.values[at] for at in kept], [ticks.labels[at] for at in kept])
        if np.diff([places[at] for at in kept]).min(initial=np.inf) >= wide + _APART:
            break
    return ticks
