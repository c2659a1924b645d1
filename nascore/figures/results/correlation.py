"""Whether what a search believes of operations is true: accuracy against architecture weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.evidence.findings import rank_correlation
from nascore.figures.shared.beside import places_beside
from nascore.figures.shared.frames import check_columns, check_once
from nascore.figures.shared.layout import Size
from nascore.figures.shared.legends import Rows, draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, balanced, draw_panels, titles
from nascore.figures.shared.style import INK, PAGE, operation_look, style, text_width
from nascore.figures.shared.ticks import Ticks, limits, ticks_across, ticks_up

_ABREAST, _LEAST = 3, 2.0  # panels at most; inches that each needs at least
_HIGH = 108.0  # points: the height of a panel
_MARK, _RING = 5.0, 9.0  # points: the diameters of a point, and of the ring around a chosen one
_TYPE = 7.0  # points
_BESIDE, _OVER = 18.0, 10.0  # points left free beside the outermost points, and above and below them


@checked
def draw_correlation(
    points: pd.DataFrame,
    *,
    x: str = "weight",
    xlabel: str = "architecture weight",
    ylabel: str = "test accuracy (%)",
    width: Inches = PAGE,
) -> Figure:
    """Draw what operations are worth against what a search made of them, as figure 1 of EoiNAS does.

    `points` has the columns panel (a method, or an edge), operation, `x` (no unit) and accuracy (percent), and may
    have spread (standard deviation in percentage points, drawn as a bar to either side) and chosen (whether the search
    selected the operation, which is then ringed). A panel for each value of `panel`, up to three abreast, which share
    the axis of accuracies; `x` has its own in each, since methods differ in scale. The titles have Kendall's τ of the
    panel's points, and how many operations were pruned: those with NaN in `x`, which are left out. Operations are
    named at their points if all names of all panels find room, otherwise in a legend. Raises `ConfigError` for a
    missing column or accuracy, an operation with two rows in a panel, or if no operation is left.
    """
    points = _checked(points, x)
    names = [str(name) for name in dict.fromkeys(points["panel"])]
    across = balanced(len(names), min(_ABREAST, int(width / _LEAST)))
    up = limits(*_reach(points), _HIGH, _OVER)
    left = max(text_width(label, _TYPE) for label in ticks_up(*up, 5).labels) + 20
    frame = Frame(left=left, right=6, below=16, between=14)
    lines = titles(names, _notes(points), frame.wide(width, across))
    frame = frame._replace(above=LINE * max(map(len, lines)) + 5)
    panels = [_panel(rows, up, frame.wide(width, across)) for _, rows in points.groupby("panel", sort=False)]
    labels = [panel.names() for panel in panels]
    with style():
        labelled = all(places is not None for places in labels)
        legend = legend_rows(_handles(points, labelled), width)
        frame = frame._replace(under=11 + legend_height(legend))
        figure, axes = draw_panels(len(names), across, width, _HIGH, frame)
        for at, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
            ax.set_title("\n".join(lines[at]), loc="left", pad=4)
            _draw_axes(ax, panel, numbered=at % across == 0)
            _draw_points(ax, panel.rows)
            _write(ax, panel, labels[at] if labelled else None)
        _name_axes(figure, xlabel, ylabel, frame, legend)
    return figure


@dataclass(frozen=True)
class _Panel:
    """The points of a panel, the ends of its axes, and its size."""

    rows: pd.DataFrame
    across: tuple[float, float]
    up: tuple[float, float]
    size: Size

    def names(self) -> np.ndarray | None:
        """Where the names of the operations go, in points, if all find room."""
        scale = self.size.height / np.ptp(self.up)
        places = np.stack([
            (self.rows["x"] - self.across[0]) * self.size.width / np.ptp(self.across),
            (self.rows["accuracy"] - self.up[0]) * scale,
        ], axis=1)  # fmt: skip
        heights = 2 * scale * self.rows["spread"].to_numpy()
        bars = np.hstack([places, np.ones((len(places), 1)), heights[:, None]])[heights > 0]
        radii = np.where(self.rows["chosen"], _RING, _MARK) / 2
        names = [operation_look(name).label for name in self.rows["operation"]]
        return places_beside(places, radii, [Size(text_width(name, _TYPE), _TYPE) for name in names], bars, self.size)


def _checked(points: pd.DataFrame, x: str) -> pd.DataFrame:
    """The columns panel, operation, x, accuracy, spread (0 without one) and chosen."""
    check_columns(points, ("panel", "operation", x, "accuracy"))
    check_once(points, ["panel", "operation"])
    if (lost := points["accuracy"].isna() & points[x].notna()).any():
        panel, name = points.loc[lost, ["panel", "operation"]].iloc[0]
        raise ConfigError(f"{name!r} in panel {panel!r} has no accuracy: give one for every operation that has {x!r}")
    check_columns(points.dropna(subset=x), ())
    spread = points["spread"].fillna(0.0) if "spread" in points else 0.0
    chosen = points["chosen"].eq(True) if "chosen" in points else False
    return points[["panel", "operation", "accuracy"]].assign(x=points[x], spread=spread, chosen=chosen)


def _reach(points: pd.DataFrame) -> tuple[float, float]:
    """How low and how high the points and their bars reach."""
    alive = points.dropna(subset="x")
    return (alive["accuracy"] - alive["spread"]).min(), (alive["accuracy"] + alive["spread"]).max()


def _notes(points: pd.DataFrame) -> list[str]:
    """For each panel Kendall's τ, and how many operations were pruned."""
    found = rank_correlation(points, "x", "accuracy", "panel")
    pruned = points["x"].isna().groupby(points["panel"], sort=False).sum()
    return [_tau(tau) + (f", {gone} pruned" if gone else "") for tau, gone in zip(found["tau"], pruned, strict=True)]


def _tau(tau: float) -> str:
    # adding 0 makes −0.00 a 0.00
    return "τ undefined" if np.isnan(tau) else f"τ = {round(tau, 2) + 0.0:.2f}".replace("-", "−")


def _panel(rows: pd.DataFrame, up: tuple[float, float], wide: float) -> _Panel:
    alive = rows.dropna(subset="x")
    ends = limits(alive["x"].min(), alive["x"].max(), wide, _BESIDE) if len(alive) else (0.0, 1.0)
    return _Panel(alive, ends, up, Size(wide, _HIGH))


def _draw_axes(ax: Axes, panel: _Panel, *, numbered: bool) -> None:
    ax.set(xlim=panel.across, ylim=panel.up)
    across, up = ticks_across(*panel.across, panel.size.width), ticks_up(*panel.up, 5)
    if not len(panel.rows):
        across = Ticks([], [])
        ax.text(0.5, 0.5, "all pruned", transform=ax.transAxes, ha="center", va="center_baseline")
    ax.set_xticks(*across)
    ax.set_yticks(*up)
    ax.tick_params(labelleft=numbered)
    ax.grid(True)


def _draw_points(ax: Axes, rows: pd.DataFrame) -> None:
    for row in rows.itertuples():
        colour = operation_look(row.operation).colour
        if row.spread > 0:
            bar = [row.accuracy - row.spread, row.accuracy + row.spread]
            ax.plot([row.x, row.x], bar, color=colour, linewidth=0.8, zorder=2, gid="spread")
        (mark,) = ax.plot(row.x, row.accuracy, "o", color=colour, label=row.operation, zorder=3, gid="point")
        mark.set(markersize=_MARK, markeredgecolor="white", markeredgewidth=0.4)
        if row.chosen:
            ax.add_line(_ring(xdata=[row.x], ydata=[row.accuracy], zorder=4, gid="chosen"))


def _ring(xdata: Sequence[float] = (), ydata: Sequence[float] = (), **more: Any) -> Line2D:
    ring = Line2D(xdata, ydata, marker="o", linestyle="none", **more)
    ring.set(markersize=_RING, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.9)
    return ring


def _write(ax: Axes, panel: _Panel, places: np.ndarray | None) -> None:
    if places is None:
        return
    for (x, y), name in zip(places / np.array(panel.size), panel.rows["operation"], strict=True):
        ax.text(x, y, operation_look(name).label, transform=ax.transAxes, fontsize=_TYPE, ha="center",
                va="center_baseline", zorder=5)  # fmt: skip


def _handles(points: pd.DataFrame, labelled: bool) -> list[Line2D]:
    looks = [] if labelled else [operation_look(name) for name in dict.fromkeys(points["operation"])]
    handles = [Line2D([], [], marker="o", linestyle="none", color=look.colour, label=look.label) for look in looks]
    for handle in handles:
        handle.set(markersize=_MARK, markeredgewidth=0)
    alive = points.dropna(subset="x")
    if alive["chosen"].any():
        handles.append(_ring(label="selected"))
    if (alive["spread"] > 0).any():
        handles.append(Line2D([], [], marker="|", markersize=8, linestyle="none", color=INK, label="± std. dev."))
    return handles


def _name_axes(figure: Figure, xlabel: str, ylabel: str, frame: Frame, legend: Rows) -> None:
    draw_legend(figure, legend)
    wide, high = 72 * figure.get_figwidth(), 72 * figure.get_figheight()
    under = legend_height(legend) if legend else 2.0
    figure.text((wide + frame.left - frame.right) / 2 / wide, under / high, xlabel, ha="center", va="bottom")
    middle = (high - frame.above + frame.below + frame.under) / 2 / high
    figure.text(2 / wide, middle, ylabel, rotation=90, ha="left", va="center")
