"""Cells drawn as papers print them: inputs on the left, an arrow for each operation, the output on the right."""

from collections.abc import Mapping
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.transforms import Bbox

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Inches
from nascore.figures.shared.kinds import cell_name
from nascore.figures.shared.layout import Box, Drawable, Layout, Size, Sizes, layout
from nascore.figures.shared.panels import LINE, figure_of, wrapped
from nascore.figures.shared.style import COLUMN, FIXED, INK, PAGE, node_name, operation_look, style, text_width
from nascore.networks.genotypes import AnyGenotype

_LABEL, _NODE = 6.0, 7.0  # type sizes, points
_EDGE = 2.0  # points left free around the drawing
_TITLE = 13.0  # points that a title takes
_BETWEEN = 8.0  # points between the cells of a genotype
_OPERATION = "-|>,head_length=3.6,head_width=1.5"
_CONCAT = "-|>,head_length=3,head_width=1.2"
_CONCAT_COLOUR = "#b0b0b0"
_OUTER, _INNER, _EMPTY = "#f4f0e1", "#e8eef6", "#ffffff"


@checked
def draw_cell(cell: Drawable, ax: Axes | None = None, *, width: Inches = COLUMN, title: str | None = None) -> Axes:
    """Draw `cell`: an arrow with its operation's label for every edge, thin grey arrows for what is concatenated.

    Without `ax` a figure `width` inches wide is made, as high as the drawing needs. An `ax` is filled at the width
    that it has when this is called; one too low for the cell squeezes it, so that labels may touch. Nodes without
    inputs are drawn pale.
    """
    with style():
        if ax is None:
            plan = _plan(cell, 72 * width)
            ax = _own_axes(width, plan.height() + 2 * _EDGE, title)
            _head(ax, title)
        else:
            _head(ax, title)
            figure_of(ax).draw_without_rendering()  # lets a layout engine decide how large the axes are
            plan = _plan(cell, _size(ax).width)
        _draw(plan, cell, ax)
    return ax


@checked
def draw_genotype(
    genotype: AnyGenotype,
    *,
    titles: Mapping[str, str] | None = None,
    width: Inches | None = None,
    across: Amount | None = None,
) -> Figure:
    """Draw the cells of `genotype`, titled (a), (b), ..., in rows of `across` (default: what fits).

    `titles` maps the names of the cells that are drawn to their titles, in the order of the drawing (default: all, by
    their types). A single cell takes no letter, and no title of its type. `width` is in inches (default: a page, or a
    column for a single cell). Raises `ConfigError` without cells, or for a title of a cell that there is not.
    """
    cells, heads = _titled(genotype, titles)
    width = width or (PAGE if len(cells) > 1 else COLUMN)
    across = across or max(1, min(len(cells), int(width / COLUMN)))
    each = (72 * width - _BETWEEN * (across - 1)) / across
    lines = [wrapped(head, each) for head in heads]
    above = _TITLE + LINE * (max(map(len, lines)) - 1) if any(heads) else 0.0
    plans = [_plan(cell, each) for cell in cells]
    with style():
        boxes, height = _rows([plan.height() + 2 * _EDGE + above for plan in plans], across)
        figure = plt.figure(figsize=(width, height / 72), layout=FIXED)
        for at, cell in enumerate(cells):
            left, (top, high) = at % across * (each + _BETWEEN), boxes[at]
            frame = (left / 72 / width, 1 - (top + high) / height, each / 72 / width, (high - above) / height)
            ax = figure.add_axes(frame)
            _head(ax, "\n".join(lines[at]) if above else None)
            _draw(plans[at], cell, ax)
    return figure


@checked
def genotype_table(genotype: AnyGenotype) -> pd.DataFrame:
    """What `draw_genotype` draws, an arrow a row: cell, source, target, operation (`concat` into the output)."""
    rows = []
    for name, cell in genotype.cells().items():
        rows += [(name, source, target, operation or "concat") for operation, source, target in cell.arrows()]
    return pd.DataFrame(rows, columns=["cell", "source", "target", "operation"])


@checked
def drawn_boxes(ax: Axes) -> pd.DataFrame:
    """Where the canvas really put a drawn cell's nodes and labels: kind (node, label), text, x0, y0, x1, y1 in points.

    A box holds its frame and its text. Raises `ConfigError` if no cell was drawn on `ax`.
    """
    frames = {gid: frame for frame in ax.patches if (gid := frame.get_gid())}
    texts = {gid: text for text in ax.texts if (gid := text.get_gid()) in frames}
    if not texts:
        raise ConfigError("no cell was drawn on these axes")
    rows = []
    for gid, text in texts.items():
        box = Bbox.union([frames[gid].get_window_extent(), text.get_window_extent()])
        rows.append((gid.split()[0], text.get_text(), *(np.array(box.extents) * 72 / ax.figure.dpi)))
    return pd.DataFrame(rows, columns=["kind", "text", "x0", "y0", "x1", "y1"])


def _titled(genotype: AnyGenotype, titles: Mapping[str, str] | None) -> tuple[list[Drawable], list[str]]:
    """The cells that are drawn, and their titles; "" for a single cell without one."""
    cells = genotype.cells()
    chosen = {name: cell_name(name) for name in cells} if titles is None else titles
    if not chosen:
        raise ConfigError("there are no cells to draw")
    for name in chosen:
        if name not in cells:
            raise ConfigError(f"there is a title for {name!r}, but the cells are {', '.join(cells)}")
    if len(chosen) > 1:
        heads = [f"({ascii_lowercase[at]}) {title}" for at, title in enumerate(chosen.values())]
    else:
        heads = ["" if titles is None else title for title in chosen.values()]
    return [cells[name] for name in chosen], heads


def _rows(heights: list[float], across: int) -> tuple[list[tuple[float, float]], float]:
    """(top, height) for each cell, rows being as high as their highest cell; and the height of all."""
    boxes, top = [], 0.0
    for start in range(0, len(heights), across):
        row = heights[start : start + across]
        boxes += [(top, max(row))] * len(row)
        top += max(row) + _BETWEEN
    return boxes, top - _BETWEEN


def _head(ax: Axes, title: str | None) -> None:
    ax.axis("off")
    if title:
        ax.set_title(title, loc="left", pad=3)


def _own_axes(width: Inches, height: float, title: str | None) -> Axes:
    total = height + (_TITLE if title else 0)
    figure = plt.figure(figsize=(width, total / 72), layout=FIXED)
    return figure.add_axes((0, 0, 1, height / total))


@lru_cache(64)
def _plan(cell: Drawable, width: Inches) -> Layout:
    names = [operation_look(operation).label for operation, *_ in cell.arrows() if operation]
    labels = [Size(text_width(name, _LABEL) + 3.4, _LABEL + 2.2) for name in names]
    nodes = {node: max(11.5, text_width(name, _NODE) + 6) for node, name in _names(cell).items()}
    return layout(cell, Sizes(width - 2 * _EDGE, labels, nodes))


def _names(cell: Drawable) -> dict[int, str]:
    return {node: node_name(node, cell.inputs) for node in range(cell.output)} | {cell.output: "$c_k$"}


def _size(ax: Axes) -> Size:
    box = ax.get_window_extent()
    return Size(box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi)


def _draw(plan: Layout, cell: Drawable, ax: Axes) -> None:
    """Draw with points as units, so that the boxes fit the text in them."""
    width, height = _size(ax)
    half = max(height, plan.height() + 2 * _EDGE) / 2
    ax.set(xlim=(-_EDGE, width - _EDGE), ylim=(-half, half))
    for at, (arrow, track) in enumerate(zip(plan.layers.arrows, plan.tracks, strict=True)):
        _draw_arrow(f"arrow {at}", track.bezier(), arrow.operation, ax)
    for at, (arrow, box) in enumerate(zip(plan.layers.arrows, plan.labels, strict=False)):
        assert arrow.operation  # those without one come last, and have no labels
        look = operation_look(arrow.operation)
        _draw_box(f"label {at}", box, look.label, _LABEL, ax, fc=_tint(look.colour), ec="white", lw=0.7)
    fed = {arrow.target for arrow in plan.layers.arrows}
    for node, name in _names(cell).items():
        inner = cell.inputs <= node < cell.output
        empty = node not in fed and node >= cell.inputs
        face = _EMPTY if empty else _INNER if inner else _OUTER
        edge = _CONCAT_COLOUR if empty else INK
        _draw_box(f"node {node}", plan.nodes[node], name, _NODE, ax, colour=edge, fc=face, ec=edge, lw=0.6)


def _draw_arrow(gid: str, curve: np.ndarray, operation: str | None, ax: Axes) -> None:
    path = Path(curve, [Path.MOVETO] + [Path.CURVE4] * (len(curve) - 1))
    style = _OPERATION if operation else _CONCAT
    arrow = FancyArrowPatch(path=path, arrowstyle=style, mutation_scale=1, shrinkA=0, shrinkB=0, clip_on=False)
    arrow.set(color=operation_look(operation).colour if operation else _CONCAT_COLOUR, gid=gid)
    arrow.set(linewidth=0.9 if operation else 0.6, zorder=2 if operation else 1, capstyle="butt", joinstyle="miter")
    ax.add_patch(arrow)


def _draw_box(gid: str, box: Box, text: str, points: float, ax: Axes, *, colour: str = INK, **look: Any) -> None:
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    shape = "round,pad=0,rounding_size=2.2"
    ax.add_patch(FancyBboxPatch(corner, box.width, box.height, shape, gid=gid, zorder=3, clip_on=False, **look))
    ax.text(box.x, box.y, text, gid=gid, size=points, color=colour, ha="center", va="center_baseline", zorder=4)


def _tint(colour: str) -> tuple[float, ...]:
    return tuple(1 - 0.15 * (1 - part) for part in to_rgb(colour))
