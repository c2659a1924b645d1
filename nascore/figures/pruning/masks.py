"""The soft masks of nodes over a pruning: a panel for each cell, a line for each node."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.frames import check_columns, check_once
from nascore.figures.shared.kinds import check_kinds, kind_name
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, balanced, draw_panels, outer, titles
from nascore.figures.shared.style import INK, PAGE, SERIES_COLOURS, SERIES_LINES, style
from nascore.figures.shared.ticks import limits, ticks_across, ticks_up

_LEAST, _HIGH = 88.0, 66.0  # points: a panel's width at least, and its height
_SPACE = Frame(left=32, right=6, below=7, between=9)
_UNDER = 22.0  # points for the ticks and the label under the lowest panels
_FREE, _BESIDE = 4.0, 3.0  # points between the lines and the ends of the axes: upright, across
_CROSS, _STEP = 4.0, 5.5  # points: the size of a cross, and what keeps two of them apart


class _Axes(NamedTuple):
    """The limits that all panels share, and the points that an epoch and a mask of 1 take."""

    epochs: tuple[float, float]
    masks: tuple[float, float]
    across: float
    up: float


@checked
def draw_masks(table: pd.DataFrame, *, kinds: Sequence[str] | None = None, width: Inches = PAGE) -> Figure:
    """Draw how the masks of a network's nodes evolve while it is pruned: a panel for each cell, a line for each node.

    `table` has the columns epoch, cell (counted from 1), node (from 0) and mask, a row for each; `kinds` has the kinds
    of the network's cells (`networks.kinds`), so that titles tell the reduction cells. All panels share their
    axes: epoch, and mask (no unit). A mask that ends at exactly 0 is crossed where it first stays there; crosses that
    would touch stand one below the other. Raises `ConfigError` for a missing column, two rows for one mask, or a cell
    that has no kind.
    """
    check_columns(table, ("epoch", "cell", "node", "mask"))
    check_once(table, ["epoch", "cell", "node"])
    if kinds is not None:
        check_kinds(kinds, "the network")
    cells = {int(cell): rows.sort_values("epoch") for cell, rows in table.groupby("cell")}
    across = balanced(len(cells), int((72 * width - _SPACE.left) / (_LEAST + _SPACE.between)))
    wide = _SPACE.wide(width, across)
    heads = titles([_name(cell, kinds) for cell in cells], [_kept(rows) for rows in cells.values()], wide)
    shared = _axes(cells, wide)
    with style():
        crossed = any(_zeros(rows) for rows in cells.values())
        legend = legend_rows(_handles(sorted(set(table["node"])), crossed), width)
        space = _SPACE._replace(above=LINE * max(map(len, heads)) + 4, under=_UNDER + legend_height(legend))
        figure, panels = draw_panels(len(cells), across, width, _HIGH, space)
        for ax, lines, rows in zip(panels, heads, cells.values(), strict=True):
            ax.set_title("\n".join(lines), loc="left", pad=3)
            _draw_lines(ax, rows)
            _draw_crosses(ax, rows, shared)
        _label(panels, across, shared, wide)
        draw_legend(figure, legend)
    return figure


def _name(cell: int, kinds: Sequence[str] | None) -> str:
    if kinds is None:
        return f"cell {cell}"
    if not 1 <= cell <= len(kinds):
        raise ConfigError(f"there are masks of cell {cell}, but kinds of cells 1 to {len(kinds)}: give one for each")
    kind = kinds[cell - 1]
    return f"cell {cell}, {kind_name(kind)}" if kind == "reduce" else f"cell {cell}"


def _kept(rows: pd.DataFrame) -> str:
    last = rows.groupby("node")["mask"].last()
    return f"{(last != 0).sum()} of {len(last)} kept"


def _zeros(rows: pd.DataFrame) -> list[tuple[float, int]]:
    """(epoch, node) from where the masks that end at 0 stay there, by epoch."""
    found = []
    for node, line in rows.groupby("node"):
        alive = line.loc[line["mask"] != 0, "epoch"]
        zero = line.loc[line["epoch"] > alive.max(), "epoch"] if len(alive) else line["epoch"]
        found += [(zero.iloc[0], node)] if len(zero) else []
    return sorted(found)


def _levels(places: Sequence[float]) -> list[int]:
    """How far below 0, in steps, the crosses at rising `places` stand, so that none touch."""
    ends: list[float] = []
    levels: list[int] = []
    for place in places:
        level = next((at for at, end in enumerate(ends) if place >= end), len(ends))
        ends[level : level + 1] = [place + _STEP]
        levels.append(level)
    return levels


def _axes(cells: dict[int, pd.DataFrame], wide: float) -> _Axes:
    epochs, masks = (pd.concat([rows[name] for rows in cells.values()]) for name in ("epoch", "mask"))
    ends = limits(epochs.min(), epochs.max(), wide, _BESIDE)
    scale = wide / (ends[1] - ends[0])
    crosses = (_levels([scale * epoch for epoch, _ in _zeros(rows)]) for rows in cells.values())
    deepest = _STEP * max(level for levels in crosses for level in [0, *levels])
    low, high = min(masks.min(), 0.0), max(masks.max(), 0.0) or 1.0
    up = (_HIGH - 2 * _FREE - deepest) / (high - low)
    return _Axes(ends, (low - (_FREE + deepest) / up, high + _FREE / up), scale, up)


def _draw_lines(ax: Axes, rows: pd.DataFrame) -> None:
    for node, line in rows.groupby("node"):
        ax.plot(line["epoch"], line["mask"], **_look(node))


def _draw_crosses(ax: Axes, rows: pd.DataFrame, shared: _Axes) -> None:
    zeros = _zeros(rows)
    levels = _levels([shared.across * epoch for epoch, _ in zeros])
    for (epoch, node), level in zip(zeros, levels, strict=True):
        place, colour = (epoch, -level * _STEP / shared.up), SERIES_COLOURS[node % len(SERIES_COLOURS)]
        ax.plot(*place, "x", color=colour, markersize=_CROSS, gid=f"zero {node}", zorder=4)


def _label(panels: Sequence[Axes], across: int, shared: _Axes, wide: float) -> None:
    """Equal axes for all, and their numbers and names at the left and lowest panels alone."""
    epochs, masks = ticks_across(*shared.epochs, wide), ticks_up(*shared.masks, 4)
    for ax, (first, lowest) in zip(panels, outer(len(panels), across), strict=True):
        ax.set(xlim=shared.epochs, ylim=shared.masks)
        ax.set_xticks(epochs.values, epochs.labels if lowest else [""] * len(epochs.values))
        ax.set_yticks(masks.values, masks.labels if first else [""] * len(masks.values))
        ax.set(xlabel="epoch" if lowest else "", ylabel="mask" if first else "")
        ax.grid(True)


def _look(node: int) -> dict[str, Any]:
    at = node % len(SERIES_COLOURS)
    # each thinner than those it is drawn over, so that equal masks show
    look = {"color": SERIES_COLOURS[at], "linestyle": SERIES_LINES[at], "linewidth": 1.4 - 0.12 * at}
    return look | {"label": f"node {node}"}


def _handles(nodes: Sequence[int], crossed: bool) -> list[Line2D]:
    cross = Line2D([], [], color=INK, marker="x", markersize=_CROSS, linestyle="none", label="0 from here on")
    return [*(Line2D([], [], **_look(node)) for node in nodes), *([cross] if crossed else [])]
