"""What leaving something out changes: a row for each thing, a point for each seed."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.legends import Rows, draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, draw_panels, titles, wrapped
from nascore.figures.shared.style import COLUMN, INK, SERIES_COLOURS, operation_look, style, text_width
from nascore.figures.shared.ticks import limits, ticks_across

_TYPE = 7.0  # points
_ROW, _MARK, _STEP = 18.0, 4.0, 2.4  # points: a row at least, a point, how far points move out of each other's way
_NAMES, _LEAST = 0.4, 50.0  # the share of the width that names may take in one line; points that a panel needs
_OVER, _UNDER = 3.2, 5.2  # points from a row's middle up to its points, and down to their mean
_BETWEEN, _RIGHT, _BELOW = 12.0, 8.0, 26.0  # points between panels, right of them, and below for ticks and label
_BESIDE = 6.0  # points left free beside the outermost points
_POINT, _BAR, _SHADE = SERIES_COLOURS[0], "#9cc3df", "#ececec"


class _Row(NamedTuple):
    """The changes of a name in a panel, their mean, and the standard error of that: NaN for a single one."""

    values: np.ndarray
    mean: float
    error: float

    @classmethod
    def of(cls, changes: pd.Series) -> "_Row":
        return cls(changes.to_numpy(), float(changes.mean()), float(changes.sem()))


class _Panel(NamedTuple):
    """The rows of a panel by their names, and half the width of the band around zero."""

    rows: dict[str, _Row]
    floor: float

    def note(self) -> str:
        sizes = sorted({len(row.values) for row in self.rows.values()})
        return f"n={sizes[0]}" if len(sizes) == 1 else f"n={sizes[0]} to {sizes[-1]}"

    def reach(self) -> tuple[float, float]:
        """How far points, bars, band and the line at zero reach."""
        ends = [0.0, -self.floor, self.floor]
        for row in self.rows.values():
            error = np.nan_to_num(row.error)
            ends += [*row.values, row.mean - error, row.mean + error]
        return min(ends), max(ends)


@checked
def draw_change(
    frame: pd.DataFrame, *, label: str = "change of accuracy (points)", shared: bool = True, width: Inches = COLUMN
) -> Figure:
    """Draw what leaving something out changes: a row for each thing left out, a point for each seed.

    `frame` has the columns panel, name and change, a row for each seed; `label` says what a change is, and its unit. A
    panel for each value of `panel`, side by side, with the same rows: the names in the frame's order, those of
    operations by their short labels. A tick marks the mean, a bar ± one standard error of it (if n, the number of seeds
    in the panel's title, is above 1), a line no change. A column `floor`, equal in all rows of a panel, shades ± itself
    around zero: how uncertain the reference is. Panels are on one scale if `shared`. Raises `ConfigError` for a missing
    column or number, floors that differ in a panel, or a `width` (inches) that is too small.
    """
    panels = _panels(frame)
    names = list(dict.fromkeys(frame["name"]))
    labels = [wrapped(operation_look(name).label, _NAMES * 72 * width, _TYPE) for name in names]
    left = max(text_width(line, _TYPE) for lines in labels for line in lines) + 8
    space = Frame(left=left, right=_RIGHT, below=_BELOW, between=_BETWEEN)
    wide = space.wide(width, len(panels))
    if wide < _LEAST:
        raise ConfigError(f"{len(panels)} panels beside their names find no room in {width} inches: draw them wider")
    heads = titles(list(panels), [panel.note() for panel in panels.values()], wide)
    high = max(_ROW, LINE * max(map(len, labels)) + 4)
    with style():
        legend = legend_rows(_handles(panels), width)
        space = space._replace(above=LINE * max(map(len, heads)) + 6, under=legend_height(legend) + 2)
        figure, axes = draw_panels(len(panels), len(panels), width, high * len(names), space)
        for ax, lines, panel, ends in zip(axes, heads, panels.values(), _ends(panels, shared, wide), strict=True):
            ax.set_title("\n".join(lines), loc="left", pad=4)
            _draw_axes(ax, ends, wide, len(names))
            _draw_panel(ax, panel, names, high)
        axes[0].set_yticks(range(len(names)), ["\n".join(lines) for lines in labels])
        _write_label(figure, label, left, space, legend)
        draw_legend(figure, legend)
    return figure


def _panels(frame: pd.DataFrame) -> dict[str, _Panel]:
    check_columns(frame, ("panel", "name", "change"))
    floors = frame["floor"] if "floor" in frame else pd.Series(0.0, frame.index)
    for column, values in (("change", frame["change"]), ("floor", floors)):
        if (lost := ~np.isfinite(values.astype(float))).any():
            panel, name = frame.loc[lost, ["panel", "name"]].iloc[0]
            raise ConfigError(f"{name!r} in panel {panel!r} has no {column}: leave its row out, or give a number")
    panels = {}
    for panel, rows in frame.groupby("panel", sort=False):
        floor = floors[rows.index].unique()
        if len(floor) > 1 or floor[0] < 0:
            found = ", ".join(f"{value:g}" for value in floor)
            raise ConfigError(f"panel {panel!r} needs one floor in all its rows, not below 0: there are {found}")
        by_name = {name: _Row.of(each["change"]) for name, each in rows.groupby("name", sort=False)}
        panels[str(panel)] = _Panel(by_name, float(floor[0]))
    return panels


def _ends(panels: dict[str, _Panel], shared: bool, wide: float) -> list[tuple[float, float]]:
    """The ends of each panel's axis."""
    reach = [panel.reach() for panel in panels.values()]
    if shared:
        reach = [(min(low for low, _ in reach), max(high for _, high in reach))] * len(reach)
    return [limits(low, high, wide, _BESIDE) for low, high in reach]


def _draw_axes(ax: Axes, ends: tuple[float, float], wide: float, rows: int) -> None:
    ticks = ticks_across(*ends, wide)
    ax.set(xlim=ends, ylim=(rows - 0.5, -0.5))
    ax.set_xticks(ticks.values, ticks.labels)
    ax.set_yticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(True, axis="x")
    ax.axvline(0, color=INK, linewidth=0.8, zorder=2, gid="zero")
    for row in range(1, rows):
        ax.axhline(row - 0.5, color=_SHADE, linewidth=0.5, zorder=1)


def _draw_panel(ax: Axes, panel: _Panel, names: list[str], high: float) -> None:
    if panel.floor:
        ax.axvspan(-panel.floor, panel.floor, color=_SHADE, linewidth=0, zorder=0, gid="floor")
    for at, name in enumerate(names):
        if name not in panel.rows:
            continue
        row = panel.rows[name]
        # equal values stay apart, and the same frame always gives the same picture
        over = _OVER if len(row.values) > 1 else 0.0
        heights = [at + (_STEP * ((seed + 1) % 3 - 1) - over) / high for seed in range(len(row.values))]
        if len(row.values) > 1:
            ends = [row.mean - row.error, row.mean + row.error]
            low = at + _UNDER / high
            ax.plot(ends, [low, low], color=_BAR, linewidth=3, solid_capstyle="butt", zorder=3, gid=f"error {name}")
            tick = [low - 2.6 / high, low + 2.6 / high]
            ax.plot([row.mean] * 2, tick, color=INK, linewidth=1.4, zorder=4, gid=f"mean {name}")
        (points,) = ax.plot(row.values, heights, "o", color=_POINT, markersize=_MARK, zorder=5, gid=f"points {name}")
        points.set(markeredgecolor="white", markeredgewidth=0.4)


def _handles(panels: dict[str, _Panel]) -> list[Line2D]:
    handles = [Line2D([], [], linestyle="none", marker="o", markersize=_MARK, color=_POINT, label="one seed")]
    if any(len(row.values) > 1 for panel in panels.values() for row in panel.rows.values()):
        tick: dict[str, Any] = {"marker": "|", "markersize": 5.2, "markeredgewidth": 1.4}
        handles.append(
            Line2D([], [], color=_BAR, linewidth=3, markeredgecolor=INK, label="mean ± standard error", **tick)
        )
    if any(panel.floor for panel in panels.values()):
        handles.append(Line2D([], [], color=_SHADE, linewidth=8, label="± uncertainty of the reference"))
    return handles


def _write_label(figure: Figure, label: str, left: float, space: Frame, legend: Rows) -> None:
    wide, high = 72 * figure.get_figwidth(), 72 * figure.get_figheight()
    middle = (left + wide - space.right) / 2 / wide
    figure.text(middle, (space.under + 5) / high, label, ha="center", va="center_baseline", fontsize=7.5)
