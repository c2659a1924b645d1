"""A factorial: what each combination of a method's parts ends in, a panel for each measure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.results.landscape import _Scale
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, draw_panels, wrapped
from nascore.figures.shared.style import INK, PAGE, SERIES_COLOURS, style, text_width

_TYPE = 7.0  # points
_LANE, _MARK = 10.0, 3.0  # points: the height of one series in a row, and the diameter of a mark
_NAMES, _LEAST = 0.34, 60.0  # the share of the width that names may take in one line; points that a panel needs
_BETWEEN, _RIGHT, _BELOW = 14.0, 10.0, 26.0  # points between panels, right of them, and below for ticks and label
_SHADE = "#e4e4e4"


@checked
def draw_factorial(
    frame: pd.DataFrame,
    *,
    ceilings: Mapping[str, float] | None = None,
    label: str = "test accuracy (%)",
    width: Inches = PAGE,
) -> Figure:
    """Draw what each combination ends in: a row for each, in each of the panels a mark for each seed.

    `frame` has the columns panel, name (of the combination: the row), series and value (percent), a row for each seed.
    Series, which are what all combinations were read by, have a colour and a lane in each row. A tick marks the mean of
    a lane with several seeds. `ceilings` maps panels to the highest value that there can be, drawn as a line; by
    default the highest there is. Axes are linear in log(1 + ceiling − value), so that what is near it can be told apart
    and the far tail is still there. Raises `ConfigError` for a missing column or number, a value above its ceiling, or
    a `width` (inches) that is too small.
    """
    check_columns(frame, ("panel", "name", "series", "value"))
    if (lost := ~np.isfinite(frame["value"].astype(float))).any():
        panel, name = frame.loc[lost, ["panel", "name"]].iloc[0]
        raise ConfigError(f"{name!r} in panel {panel!r} has no value: leave its row out, or give a number")
    panels, names, series = (list(dict.fromkeys(frame[column])) for column in ("panel", "name", "series"))
    labels = [wrapped(str(name), _NAMES * 72 * width, _TYPE) for name in names]
    left = max(text_width(line, _TYPE) for lines in labels for line in lines) + 8
    space = Frame(left=left, right=_RIGHT, below=_BELOW, between=_BETWEEN)
    wide = space.wide(width, len(panels))
    if wide < _LEAST:
        raise ConfigError(f"{len(panels)} panels beside their names find no room in {width} inches: draw them wider")
    heads = [wrapped(str(panel), wide) for panel in panels]
    high = max(_LANE * len(series) + 4, LINE * max(map(len, labels)) + 4)
    with style():
        legend = legend_rows(_handles(series, bool(ceilings)), width)
        space = space._replace(above=LINE * max(map(len, heads)) + 6, under=legend_height(legend) + 2)
        figure, axes = draw_panels(len(panels), len(panels), width, high * len(names), space)
        for ax, panel, lines in zip(axes, panels, heads, strict=True):
            rows = frame[frame["panel"] == panel]
            scale = _scale(str(panel), rows["value"], ceilings, wide)
            ax.set_title("\n".join(lines), loc="left", pad=4)
            _draw_axes(ax, scale, len(names), ceiling=bool(ceilings))
            _draw_rows(ax, rows, names, series, high)
        axes[0].set_yticks(range(len(names)), ["\n".join(lines) for lines in labels])
        middle, up = (left + 72 * width - _RIGHT) / 2 / (72 * width), (space.under + 5) / (72 * figure.get_figheight())
        figure.text(middle, up, label, ha="center", va="center_baseline", fontsize=7.5)
        draw_legend(figure, legend)
    return figure


def _scale(panel: str, values: pd.Series, ceilings: Mapping[str, float] | None, wide: float) -> _Scale:
    best = (ceilings or {}).get(panel, float(values.max()))
    if values.max() > best + 1e-6:
        raise ConfigError(f"panel {panel!r} has {values.max():.2f}, above its ceiling of {best:.2f}: give the highest")
    return _Scale(best, float(values.min()), wide)


def _draw_axes(ax: Axes, scale: _Scale, rows: int, *, ceiling: bool) -> None:
    ax.set_xscale("function", functions=(scale.forward, scale.inverse))
    ax.set(xlim=tuple(scale.limits()), ylim=(rows - 0.5, -0.5))
    ax.set_xticks(scale.ticks(), [f"{tick:g}" for tick in scale.ticks()])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(True, axis="x")
    if ceiling:
        ax.axvline(scale.best, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1, gid="ceiling")
    for row in range(1, rows):
        ax.axhline(row - 0.5, color=_SHADE, linewidth=0.5, zorder=1)


def _draw_rows(ax: Axes, rows: pd.DataFrame, names: list[str], series: list[str], high: float) -> None:
    for (name, each), found in rows.groupby(["name", "series"], sort=False)["value"]:
        lane = series.index(each)
        at = names.index(name) + (lane - (len(series) - 1) / 2) * _LANE / high
        # equal values stay apart, and the same frame always gives the same picture
        heights = [at + 1.8 * ((seed + 1) % 3 - 1) / high for seed in range(len(found))]
        colour = SERIES_COLOURS[lane % len(SERIES_COLOURS)]
        (marks,) = ax.plot(found.to_numpy(), heights, "o", color=colour, markersize=_MARK, zorder=3)
        marks.set(markeredgecolor="white", markeredgewidth=0.3, gid=f"{name}, {each}")
        if len(found) > 1:
            ends = [at - 0.42 * _LANE / high, at + 0.42 * _LANE / high]
            ax.plot([found.mean()] * 2, ends, color=INK, linewidth=1.3, zorder=4, gid=f"mean of {name}, {each}")


def _handles(series: list[str], ceiling: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=_MARK, label=f"{each}, one seed", color=colour)
        for each, colour in zip(series, SERIES_COLOURS, strict=False)
    ]
    mean: dict[str, Any] = {"marker": "|", "markersize": 6, "markeredgewidth": 1.3}
    handles.append(Line2D([], [], linestyle="none", color=INK, label="mean", **mean))
    if ceiling:
        handles.append(Line2D([], [], color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label="the highest there is"))
    return handles
