"""How claims turned out: a bar for each kind of claim, its parts the verdicts."""

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import Frame, draw_panels
from nascore.figures.shared.style import INK, PAGE, style, text_width
from nascore.figures.shared.ticks import ticks_across

_TYPE = 7.0  # points
_ROW, _BAR = 11.5, 0.74  # points: a row; the share of it that its bar takes
_ABOVE, _BELOW, _BETWEEN, _RIGHT = 14.0, 24.0, 8.0, 8.0  # points: a group's title, ticks and label, groups, the margin
_LEAST = 60.0  # points that bars need


class _Part(NamedTuple):
    """How a verdict is drawn: the colour of its part of a bar, and that of the number in it."""

    face: str
    ink: str


# told apart under the common colour blindnesses and in grey
_PARTS = {
    "holds": _Part("#0072b2", "white"),
    "does not hold": _Part("#d55e00", "white"),
    "cannot be told": _Part("#c9ced6", INK),
    "not tested here": _Part("#ffffff", INK),
}


@checked
def draw_verdicts(claims: pd.DataFrame, *, group: str = "paper", width: Inches = PAGE) -> Figure:
    """Draw how many claims have which verdict: a bar for each kind of claim, in a panel for each value of `group`.

    `claims` has a row a claim and the columns `group`, kind and verdict, as `nascore.claims.ledger` gives them, in the
    order in which they are drawn; all panels have one scale. Raises `ConfigError` for a missing column, a verdict there
    is not, or a `width` (inches) that is too small.
    """
    check_columns(claims, (group, "kind", "verdict"))
    if unknown := set(claims["verdict"]) - set(_PARTS):
        raise ConfigError(f"there is no verdict {min(unknown)!r}, only {', '.join(_PARTS)}")
    kinds = list(dict.fromkeys(claims["kind"]))
    counts = claims.groupby([group, "kind", "verdict"], sort=False).size()
    names = list(dict.fromkeys(claims[group]))
    left = max(text_width(kind, _TYPE) for kind in kinds) + 8
    frame = Frame(left=left, right=_RIGHT, above=_ABOVE, below=_BELOW, between=_BETWEEN)
    if (wide := frame.wide(width, 1)) < _LEAST:
        raise ConfigError(f"bars beside the kinds of claims find no room in {width} inches: draw them wider")
    longest = int(counts.groupby(level=[0, 1]).sum().max())
    with style():
        legend = legend_rows([_handle(verdict) for verdict in _PARTS if verdict in set(claims["verdict"])], width)
        frame = frame._replace(under=legend_height(legend) + 2)
        figure, axes = draw_panels(len(names), 1, width, _ROW * len(kinds), frame)
        for ax, name in zip(axes, names, strict=True):
            total = int((claims[group] == name).sum())
            ax.set_title(f"{name}: {total} claim{'s' if total > 1 else ''}", loc="left", pad=3)
            _draw_axes(ax, kinds, longest, wide)
            for row, kind in enumerate(kinds):
                found = {verdict: int(counts.get((name, kind, verdict), 0)) for verdict in _PARTS}
                _draw_bar(ax, row, found, longest / wide)
        axes[-1].set_xlabel("number of claims", labelpad=2)
        draw_legend(figure, legend)
    return figure


def _handle(verdict: str) -> Line2D:
    mark = Line2D([], [], linestyle="none", marker="s", markersize=6, color=_PARTS[verdict].face, label=verdict)
    mark.set(markeredgewidth=0.6, markeredgecolor=INK)
    return mark


def _draw_axes(ax: Axes, kinds: list[str], longest: int, wide: float) -> None:
    ticks = ticks_across(0, longest, wide)
    ax.set(xlim=(0, longest + 2 * longest / wide), ylim=(len(kinds) - 0.5, -0.5))
    ax.set_xticks(ticks.values, ticks.labels)
    ax.set_yticks(range(len(kinds)), kinds)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x")


def _draw_bar(ax: Axes, row: int, found: dict[str, int], point: float) -> None:
    """One bar; `point` is what a printed point is on the axis: a number stands where its part has room for it."""
    start = 0
    for verdict, count in found.items():
        if not count:
            continue
        part = _PARTS[verdict]
        ax.barh(row, count, _BAR, left=start, color=part.face, edgecolor=INK, linewidth=0.5, zorder=3)
        if text_width(str(count), _TYPE) + 3 <= count / point:
            where = (start + count / 2, row)
            ax.text(*where, str(count), color=part.ink, ha="center", va="center_baseline", fontsize=_TYPE, zorder=4)
        start += count
