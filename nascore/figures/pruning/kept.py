"""Which nodes networks keep when they are pruned: a row for each network, a square for each node."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Inches
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.kinds import check_kinds
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, draw_panels, wrapped
from nascore.figures.shared.style import INK, PAGE, SERIES_COLOURS, style, text_width

_TYPE = 7.0  # points
_WIDEST, _NARROWEST = 11.0, 4.2  # points that a node may take
_FILLED = 0.82  # the share of its place that a square fills
_APART = 5.0  # points between two cells
_GAP = 7.0  # points between a label, the cells, and the count
_LABELS = 0.27  # the share of the width that labels may take
_ROW, _HEAD = 4.0, 13.0  # points between two rows; the row with the cells' numbers
_EDGE = 5.0  # points left free at both sides
_KEPT, _PRUNED, _RIM, _TINT = SERIES_COLOURS[0], "#ffffff", "#8a8a8a", "#e2e2e6"

Kept = Sequence[Sequence[int]]  # for each cell the nodes that it keeps


class _Grid(NamedTuple):
    """Where the cells begin and the counts end, and the points that a node takes."""

    left: float
    end: float
    pitch: float
    nodes: int

    def start(self, cell: int) -> float:
        return self.left + cell * (self.nodes * self.pitch + _APART)


@checked
def draw_kept(rows: Mapping[str, Kept], *, kinds: Sequence[str], nodes: Amount = 4, width: Inches = PAGE) -> Figure:
    """Draw which nodes networks keep: a row for each, and in it a group of `nodes` squares for each cell.

    `rows` maps labels to the nodes (from 0) that each cell keeps, from the first cell to the last; `kinds` has the
    cells' kinds (`networks.kinds`). Squares are filled for nodes that are kept; a cell that keeps none is crossed
    out; reduction cells are shaded. A row ends with how many nodes are kept of all. Raises `ConfigError` without rows
    or cells, for a row with another number of cells or a node that there is not, or a `width` (inches) that is too
    small.
    """
    _check(rows, kinds, nodes)
    labels = [wrapped(label, _LABELS * 72 * width, _TYPE) for label in rows]
    counts = [f"{sum(len(set(cell)) for cell in kept)}/{nodes * len(kinds)}" for kept in rows.values()]
    grid = _grid(labels, counts, len(kinds), nodes, width)
    heights = [max(grid.pitch, LINE * len(lines)) + _ROW for lines in labels]
    top = sum(heights)
    with style():
        legend = [*legend_rows(_handles(rows, kinds), width), [_note(nodes)]]
        figure, (ax,) = draw_panels(1, 1, width, top + _HEAD, Frame(under=legend_height(legend) + 3))
        ax.set(xlim=(0, 72 * width), ylim=(0, top + _HEAD))
        ax.axis("off")
        _draw_head(ax, kinds, grid, top)
        for at, kept in enumerate(rows.values()):
            middle = top - sum(heights[:at]) - heights[at] / 2
            _write(ax, (grid.left - _GAP, middle), labels[at])
            _write(ax, (grid.end, middle), [counts[at]])
            _draw_row(ax, kept, grid, middle, f"row {at}")
        draw_legend(figure, legend)
    return figure


def _check(rows: Mapping[str, Kept], kinds: Sequence[str], nodes: int) -> None:
    check_kinds(kinds, "the network")
    if not rows:
        raise ConfigError("there are no networks to draw: give a label and the nodes that each cell keeps")
    for label, kept in rows.items():
        if len(kept) != len(kinds):
            raise ConfigError(f"{label!r} has nodes of {len(kept)} cells, but there are kinds of {len(kinds)}")
        for at, cell in enumerate(kept, start=1):
            if unknown := sorted(set(cell) - set(range(nodes))):
                raise ConfigError(f"cell {at} of {label!r} keeps node {unknown[0]}: its nodes are 0 to {nodes - 1}")


def _grid(labels: list[list[str]], counts: list[str], cells: int, nodes: int, width: Inches) -> _Grid:
    """The whole is centred, where squares of the largest size leave some of the width."""
    left = max(text_width(line, _TYPE) for line in ["cell", *chain(*labels)]) + _GAP
    right = max(text_width(count, _TYPE) for count in ["kept", *counts]) + _GAP
    room = 72 * width - 2 * _EDGE - left - right - _APART * (cells - 1)
    pitch = min(_WIDEST, room / (cells * nodes))
    if pitch < _NARROWEST:
        raise ConfigError(f"{cells} cells of {nodes} nodes find no room beside the labels: draw them wider")
    free = (room - pitch * cells * nodes) / 2
    return _Grid(_EDGE + free + left, 72 * width - free - _EDGE, pitch, nodes)


def _draw_head(ax: Axes, kinds: Sequence[str], grid: _Grid, top: float) -> None:
    """The cells' numbers, and a shade behind each reduction cell."""
    for at, kind in enumerate(kinds):
        start, wide = grid.start(at), grid.nodes * grid.pitch
        ax.text(start + wide / 2, top + _HEAD / 2, str(at + 1), ha="center", va="center_baseline", fontsize=_TYPE)
        if kind == "reduce":
            corner, beyond = (start - _APART / 2, 0.0), wide + _APART
            ax.add_patch(Rectangle(corner, beyond, top + _HEAD, fc=_TINT, ec="none", zorder=0, gid=f"reduction {at}"))
    _write(ax, (grid.left - _GAP, top + _HEAD / 2), ["cell"])
    _write(ax, (grid.end, top + _HEAD / 2), ["kept"])


def _draw_row(ax: Axes, kept: Kept, grid: _Grid, middle: float, gid: str) -> None:
    side = _FILLED * grid.pitch
    for at, cell in enumerate(kept):
        for node in range(grid.nodes):
            corner = (grid.start(at) + (node + 0.5) * grid.pitch - side / 2, middle - side / 2)
            face, edge = (_KEPT, _KEPT) if node in cell else (_PRUNED, _RIM)
            ax.add_patch(Rectangle(corner, side, side, fc=face, ec=edge, lw=0.5, gid=f"{gid} cell {at} node {node}"))
        if not len(cell):
            ends = [grid.start(at), grid.start(at) + grid.nodes * grid.pitch]
            for heights in ([middle - side / 2, middle + side / 2], [middle + side / 2, middle - side / 2]):
                ax.plot(ends, heights, color=INK, linewidth=0.7, gid=f"{gid} cell {at} none")


def _write(ax: Axes, place: Place, lines: Sequence[str]) -> None:
    """Lines that end at `place`."""
    for at, line in enumerate(lines):
        height = place[1] + LINE * ((len(lines) - 1) / 2 - at)
        ax.text(place[0], height, line, ha="right", va="center_baseline", fontsize=_TYPE)


def _handles(rows: Mapping[str, Kept], kinds: Sequence[str]) -> list[Line2D]:
    """An entry for each mark that there is."""
    square: dict[str, Any] = {"marker": "s", "markersize": 6, "linestyle": "none", "markeredgewidth": 0.5}
    handles = [
        Line2D([], [], color=_KEPT, label="kept", **square),
        Line2D([], [], color=_PRUNED, markeredgecolor=_RIM, label="pruned", **square),
    ]
    if any(not len(cell) for kept in rows.values() for cell in kept):
        handles.append(Line2D([], [], color=INK, marker="x", markersize=5, linestyle="none", label="none kept"))
    if "reduce" in kinds:
        handles.append(Line2D([], [], color=_TINT, label="reduction cell", **square | {"markersize": 9}))
    return handles


def _note(nodes: int) -> Line2D:
    return Line2D([], [], linestyle="none", label=f"squares: nodes 0 to {nodes - 1} of a cell, from left to right")
