"""What searches found within a space of which every architecture's accuracy is known."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.panels import figure_of
from nascore.figures.shared.style import FIXED, INK, PAGE, SERIES_COLOURS, style, text_width

_SPACE = 72.0  # points: the height of the space's histogram
_ABOVE, _BETWEEN, _BELOW = 14.0, 12.0, 29.0  # points: for the ceiling's name, between the axes, for the labels
_LEFT, _RIGHT = 34.0, 34.0  # points: at least, for the histogram's axis; for the means
_MARK = 4.0  # points: the diameter of a mark
_ROW = 17.0  # points: the height of a row, if its marks take no more
_STACK = 64.0  # points: how high marks are stacked before they overlap
_BARS = 48
_APART = 18.0  # points between two ticks


@checked
def draw_landscape(
    space: pd.Series | np.ndarray, found: pd.DataFrame, *, label: str = "test accuracy (%)", width: Inches = PAGE
) -> Figure:
    """Draw where the accuracies that searches `found` lie within those of all architectures of a `space`.

    `space` holds a true accuracy (percent) for each architecture; `found` has the columns method and accuracy, a row a
    search. On top the share of the space's architectures in bars that are equally wide on the axis; below it a row a
    method, in the table's order: a mark for each search, stacked where they would touch, and a tick at the mean, which
    is also written out. The axis is linear in log(1 + c − accuracy), c being the space's highest accuracy, the
    ceiling: near it tenths of a percentage point can be told apart, and the far tail is still there. Raises
    `ConfigError` for a missing column, or an accuracy that the space does not reach.
    """
    check_columns(found, ("method", "accuracy"))
    every = np.asarray(space, dtype=float)
    if not found["accuracy"].le(every.max() + 1e-6).all():
        raise ConfigError(
            f"a search found {found['accuracy'].max():.2f} %, but the best of the space has {every.max():.2f} %: both "
            "must be percentages of the same measure, and none may be missing"
        )
    groups = {f"{name} (n={len(rows)})": rows["accuracy"] for name, rows in found.groupby("method", sort=False)}
    left = max([_LEFT, *(text_width(name, 7) + 8 for name in groups)])
    scale = _Scale(every.max(), min(every.min(), found["accuracy"].min()), 72 * width - left - _RIGHT)
    rows = [_Row(name, values.to_numpy(), scale.stack(values.to_numpy())) for name, values in groups.items()]
    with style():
        upper, lower = _axes(width, left, sum(row.height for row in rows), scale)
        _draw_space(upper, every, scale)
        _draw_rows(lower, rows)
        lower.set_xlabel(label)
    return figure_of(upper)


@dataclass(frozen=True)
class _Scale:
    """The axis, `width` points long for accuracies from `worst` to `best`."""

    best: float
    worst: float
    width: Inches

    def forward(self, accuracy: np.ndarray | float) -> np.ndarray:
        # clipped, since matplotlib also asks for what lies beyond the axis
        return -np.log1p(np.maximum(self.best - np.asarray(accuracy, dtype=float), -0.9))

    def inverse(self, value: np.ndarray) -> np.ndarray:
        return self.best + 1 - np.exp(-np.asarray(value, dtype=float))

    def points(self, accuracy: np.ndarray | float) -> np.ndarray:
        """How far to the right of `worst` accuracies lie."""
        low, high = self.forward(np.array([self.worst, self.best]))
        return (self.forward(accuracy) - low) / (high - low or 1.0) * self.width

    def limits(self) -> np.ndarray:
        low, high = self.forward(np.array([self.worst, self.best]))
        beside = 0.02 * (high - low or 1.0)
        return self.inverse(np.array([low - beside, high + beside]))

    def ticks(self) -> list[float]:
        """The lowest ten, then the roundest percentages, so that `_APART` points are left between two."""
        chosen = [ten for ten in (float(np.ceil(self.worst / 10) * 10),) if ten <= self.best]
        for step in (10, 5, 2, 1, 0.5, 0.1):
            if step < 0.5 and len(chosen) > 2:
                break
            lowest = self.worst if step >= 1 or len(chosen) < 3 else self.best - 2  # halves only near the ceiling
            for at in np.arange(np.floor(self.best / step) * step, lowest - 1e-9, -step):
                if all(abs(self.points(at) - self.points(other)) >= _APART for other in chosen):
                    chosen.append(float(at))
        return sorted(chosen)

    def stack(self, accuracies: np.ndarray) -> np.ndarray:
        """A level for each mark, so that those of one level do not touch: 0, and where it is taken 1, -1, 2, ..."""
        places, levels = self.points(accuracies), np.zeros(len(accuracies), dtype=int)
        ends: list[float] = []
        for mark in np.argsort(places, kind="stable"):
            level = next((at for at, end in enumerate(ends) if places[mark] >= end), len(ends))
            ends[level : level + 1] = [places[mark] + _MARK]
            levels[mark] = (level + 1) // 2 * (1 if level % 2 else -1)
        return levels


@dataclass(frozen=True)
class _Row:
    name: str
    values: np.ndarray
    levels: np.ndarray

    @property
    def pitch(self) -> float:
        """Points between two levels."""
        return min(_MARK, _STACK / (np.ptp(self.levels) + 1))

    @property
    def height(self) -> float:
        return max(_ROW, self.pitch * (np.ptp(self.levels) + 1) + 8)


def _axes(width: Inches, left: float, rows: float, scale: _Scale) -> tuple[Axes, Axes]:
    """The space's axes above those of the rows, which have points as units, from top to bottom."""
    height = _ABOVE + _SPACE + _BETWEEN + rows + _BELOW
    figure = plt.figure(figsize=(width, height / 72), layout=FIXED)
    wide = scale.width / 72 / width
    upper = figure.add_axes((left / 72 / width, 1 - (_ABOVE + _SPACE) / height, wide, _SPACE / height))
    lower = figure.add_axes((left / 72 / width, _BELOW / height, wide, rows / height))
    lower.set_ylim(rows, 0)
    for ax in (upper, lower):
        ax.set_xscale("function", functions=(scale.forward, scale.inverse))
        ax.set_xlim(*scale.limits())
        ax.set_xticks(scale.ticks(), [f"{tick:g}" for tick in scale.ticks()])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.axvline(scale.best, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        ax.grid(True, axis="x")
    return upper, lower


def _draw_space(ax: Axes, every: np.ndarray, scale: _Scale) -> None:
    low, high = scale.forward(np.array([scale.worst, scale.best]))
    bounds = scale.inverse(np.linspace(low, high + 1e-9, _BARS + 1)).tolist()
    ax.hist(every, bounds, weights=np.full(len(every), 100 / len(every)), color="#9a9a9a", edgecolor="white", lw=0.4)
    ax.set_ylabel("share of\nthe space (%)")
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.tick_params(labelbottom=False)
    ax.text(1, 1.03, f"best of the space: {scale.best:.2f} %", transform=ax.transAxes, ha="right", va="bottom")


def _draw_rows(ax: Axes, rows: list[_Row]) -> None:
    bounds = list(accumulate((row.height for row in rows), initial=0.0))
    middles = [bound + row.height / 2 for bound, row in zip(bounds, rows, strict=False)]
    for middle, row in zip(middles, rows, strict=True):
        (marks,) = ax.plot(row.values, middle - row.pitch * row.levels, "o", color=SERIES_COLOURS[0], zorder=3)
        marks.set(markersize=_MARK, markeredgecolor="white", markeredgewidth=0.3, label=row.name)
        mean, half = row.values.mean(), row.height / 2 - 2
        ax.plot([mean, mean], [middle - half, middle + half], color=INK, linewidth=1.4)
        ax.text(1.015, middle, f"{mean:.2f}", transform=ax.get_yaxis_transform(), va="center_baseline")
    ax.text(1.015, -_BETWEEN / 2, "mean", transform=ax.get_yaxis_transform(), va="center_baseline")
    for bound in bounds[1:-1]:
        ax.axhline(bound, color=ax.xaxis.get_gridlines()[0].get_color(), linewidth=0.5, zorder=0)
    ax.set_yticks(middles, [row.name for row in rows])
    ax.tick_params(axis="y", length=0)
