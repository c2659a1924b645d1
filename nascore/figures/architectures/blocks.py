"""Blocks of DSO-NAS: a row of boxes for each level, and the connections that are left between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Finite, Inches
from nascore.figures.architectures.wiring import DrawableBlock, Sizes, complete, heights, pitch, wiring
from nascore.figures.shared.graphs import Edge
from nascore.figures.shared.kinds import block_name
from nascore.figures.shared.layout import Box, Size
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, balanced, draw_panels, figure_of, titles, wrapped
from nascore.figures.shared.style import COLUMN, INK, PAGE, operation_look, style, text_width
from nascore.networks.genotypes import AnyGenotype

_TYPE = 7.0  # points
_PAD, _APART = 5.0, 6.0  # points: around a label in its box; between boxes with labels at least
_HIGH, _SMALL, _SHARE = 11.0, 6.0, 0.5  # points: a box with a label, one without; its share of the pitch
_EDGE = 1.0  # points left free above and below
_LEAST, _BETWEEN, _BELOW = 76.0, 8.0, 8.0  # points: a panel's width at least; between two, and below each
_LINE, _THIN, _THICK = 0.9, 0.25, 2.6  # points: a connection without scale, with none at all, with the largest
_FEW = 35  # connections that are drawn so wide; more are thinner, down to half
_HEAD = "-|>,head_length=2.6,head_width=1.1"
_GIVEN, FROM_INPUT, _PALE = "#f4f0e1", "#777777", "#b0b0b0"
_DASHES = (0, (3.2, 2.2))


@checked
def draw_block(
    block: DrawableBlock,
    *,
    scales: Mapping[Edge, Finite] | None = None,
    full: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
    width: Inches = COLUMN,
) -> Axes:
    """Draw a `networks.Block` from its input at the bottom to its output, a row of operations for each level.

    Connections have the colour of the operation that they come from, and with `scales`, (source, target) -> scale, a
    width that grows with its size. What is pruned is left out, or with `full` pale and dashed; every operation keeps
    its place. A block without connections says that it is the identity. Without `ax` a figure `width` inches wide is
    made, with a legend if boxes have no room for labels; an `ax` is filled at the size that it has when this is called.
    Raises `ConfigError` if `scales` lacks a connection that is kept.
    """
    with style():
        if ax is None:
            _, (ax,) = block_panels(block, [wrapped(title or "", 72 * width)], 1, width)
        else:
            figure_of(ax).draw_without_rendering()  # lets a layout engine decide how large the axes are
            if title:
                ax.set_title(title, loc="left", pad=3)
        _draw(ax, block, scales, full)
    return ax


@checked
def draw_blocks(genotype: AnyGenotype, *, across: Amount | None = None, width: Inches = PAGE) -> Figure:
    """Draw the blocks of a `networks.BlockGenotype`, as figure 4 of DSO-NAS does: a panel for each, in order.

    Titles number the blocks and count their connections. `across` is how many stand in a row (default: what fits), and
    `width` in inches. Panels are drawn as by `draw_block`; a legend names the colours where labels find no room.
    """
    blocks = genotype.cells()
    across = across or balanced(len(blocks), int((72 * width + _BETWEEN) / (_LEAST + _BETWEEN)))
    first = next(iter(blocks.values()))
    wide = Frame(between=_BETWEEN).wide(width, across)
    notes = [f"{len(block.kept)} connection" + "s" * (len(block.kept) != 1) for block in blocks.values()]
    heads = titles([block_name(kind) for kind in blocks], notes, wide)
    with style():
        figure, panels = block_panels(first, heads, across, width)
        for ax, block in zip(panels, blocks.values(), strict=True):
            _draw(ax, block, None, False)
    return figure


def block_panels(
    block: DrawableBlock, heads: Sequence[Sequence[str]], across: int, width: Inches
) -> tuple[Figure, list[Axes]]:
    """Titled axes for blocks like `block`, as high as these need, and a legend if boxes have no room for labels."""
    lines, wide = max(map(len, heads)), Frame(between=_BETWEEN).wide(width, across)
    legend = [] if _labelled(block, wide) else legend_rows(_handles(block.candidates), width)
    below = _BELOW if len(heads) > across or legend else 0.0
    under = legend_height(legend) if legend else 0.0
    frame = Frame(above=LINE * lines + 4 * bool(lines), below=below, between=_BETWEEN, under=under)
    high = heights(block, wide, *_boxes(block, wide))[1] + 2 * _EDGE
    figure, panels = draw_panels(len(heads), across, width, high, frame)
    for ax, head in zip(panels, heads, strict=True):
        ax.set_title("\n".join(head), loc="left", pad=3)
    draw_legend(figure, legend)
    return figure, panels


def _labels(block: DrawableBlock) -> float:
    """The width of the longest label."""
    return max(text_width(operation_look(name).label, _TYPE) for name in block.candidates)


def _labelled(block: DrawableBlock, wide: float) -> bool:
    """Whether boxes have room for their labels."""
    return _labels(block) + _PAD + _APART <= pitch(block, wide)


def _boxes(block: DrawableBlock, wide: float) -> tuple[Size, Size]:
    """The sizes of an operation, and of input and output."""
    end = Size(text_width("output", _TYPE) + _PAD, _HIGH)
    if _labelled(block, wide):
        return Size(_labels(block) + _PAD, _HIGH), end
    return Size(_SHARE * pitch(block, wide), _SMALL), end


def _draw(ax: Axes, block: DrawableBlock, scales: Mapping[Edge, Finite] | None, full: bool) -> None:
    """Draw with points as units."""
    size = Size(*np.array(ax.get_window_extent().size) * 72 / ax.figure.dpi)
    box, end = _boxes(block, size.width)
    high = max(size.height - 2 * _EDGE, heights(block, size.width, box, end)[0])
    ax.set(xlim=(0, size.width), ylim=(-_EDGE, high + _EDGE))
    ax.axis("off")
    edges = complete(block) if full else block.kept or [(0, block.output)]
    boxes, wires = wiring(block, edges, Sizes(Size(size.width, high), box, end))
    widths = _widths(block.kept, scales)
    for edge, wire in wires.items():
        _draw_wire(ax, edge, wire, block, widths.get(edge))
    for node, each in boxes.items():
        _draw_box(ax, node, each, block)
    if not block.kept and not full:
        text = ax.text(size.width / 2, high / 2, "identity", ha="center", va="center_baseline", fontsize=_TYPE)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})


def _widths(kept: Sequence[Edge], scales: Mapping[Edge, Finite] | None) -> dict[Edge, float]:
    """How wide each connection is drawn, in points."""
    share = float(np.clip(_FEW / max(1, len(kept)), 0.5, 1.0))
    if scales is None:
        return dict.fromkeys(kept, _LINE * share)
    if lost := [edge for edge in kept if edge not in scales]:
        raise ConfigError(f"there is no scale of the connection {lost[0]}: give one for each that the block keeps")
    most = max((abs(scales[edge]) for edge in kept), default=0.0) or 1.0
    return {edge: _THIN + (_THICK * share - _THIN) * abs(scales[edge]) / most for edge in kept}


def _draw_wire(ax: Axes, edge: Edge, wire: np.ndarray, block: DrawableBlock, wide: float | None) -> None:
    """An arrow in the colour of its source, or without a width a dashed line; the identity's is plain."""
    path = Path(wire, [Path.MOVETO] + [Path.CURVE4] * (len(wire) - 1))
    identity = not block.kept and edge == (0, block.output)
    pruned = wide is None and not identity
    arrow = FancyArrowPatch(path=path, arrowstyle="-" if pruned else _HEAD, mutation_scale=1, shrinkA=0, shrinkB=0.3)
    arrow.set(capstyle="butt", joinstyle="miter", clip_on=False)
    if pruned:
        arrow.set(color=_PALE, linewidth=0.5, linestyle=_DASHES, zorder=1)
    else:
        source = block.operations().get(edge[0])
        arrow.set(color=operation_look(source).colour if source else FROM_INPUT, linewidth=wide or _LINE, zorder=2)
    what = "pruned" if pruned else "identity" if identity else "connection"
    arrow.set_gid(f"{what} {edge[0]} {edge[1]}")
    ax.add_patch(arrow)


def _draw_box(ax: Axes, node: int, box: Box, block: DrawableBlock) -> None:
    end = node in (0, block.output)
    look = operation_look(block.candidates[(node - 1) % len(block.candidates)])
    name = "output" if node else "input"
    kept = end or node in block.operations()
    face = _GIVEN if end else look.colour if kept else "white"
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    rim: dict[str, Any] = {"fc": face, "ec": INK if kept else _PALE, "lw": 0.5, "ls": "-" if kept else _DASHES}
    ax.add_patch(FancyBboxPatch(corner, box.width, box.height, "round,pad=0,rounding_size=2.2", zorder=3, **rim,
                                gid=f"{'node' if kept else 'pruned node'} {node}", clip_on=False))  # fmt: skip
    if box.height >= _HIGH:
        colour = _on(face) if kept else _PALE
        ax.text(box.x, box.y, name if end else look.label, color=colour, ha="center", va="center_baseline",
                fontsize=_TYPE, zorder=4)  # fmt: skip


def _on(face: str) -> str:
    """The colour of type on `face`."""
    return "white" if np.dot(to_rgb(face), (0.3, 0.59, 0.11)) < 0.45 else INK


def _handles(names: Sequence[str]) -> list[Line2D]:
    """A legend's entry for each operation."""
    square: dict[str, Any] = {"marker": "s", "markersize": 6, "linestyle": "none"}
    square |= {"markeredgecolor": INK, "markeredgewidth": 0.5}
    looks = [operation_look(name) for name in names]
    return [Line2D([], [], color=look.colour, label=look.label, **square) for look in looks]
