"""The idea of DSO-NAS in two drawings: an architecture is a part of a complete graph, and how scales find it."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.base.arguments import checked
from nascore.base.ranges import Inches
from nascore.figures.architectures.blocks import block_panels, draw_block
from nascore.figures.shared.graphs import NODE, REMOVED, Edge, Place, circle, draw_arrow, draw_node
from nascore.figures.shared.panels import LINE, Frame, draw_panels, wrapped
from nascore.figures.shared.style import INK, PAGE, SERIES_COLOURS, style

_NODES, _READER = 6, 5  # the node whose inputs are written out
_KEPT = ((1, 2), (1, 4), (2, 4), (2, 5), (4, 5), (4, 6), (5, 6))  # node 3 is left alone
_MOST, _BETWEEN = 150.0, 12.0  # points: a graph's width at most; between two panels
_READS = SERIES_COLOURS[0]
_SCALES = {
    (0, 1): 0.9, (0, 2): 0.7, (0, 3): 0.5, (1, 3): 0.25, (2, 3): 0.8, (0, 4): 0.1, (1, 4): 0.05, (2, 4): 0.15,
    (1, 5): 0.6, (2, 5): 0.1, (3, 5): 1.0, (4, 5): 0.05,
}  # fmt: skip
_PRUNED = 0.3  # scales below it become 0 in the example


class _Block(NamedTuple):
    """A block of two levels with two operations each."""

    kept: tuple[Edge, ...]
    candidates: tuple[str, ...] = ("sep_conv_3x3", "max_pool_3x3")
    levels: int = 2
    output: int = 5

    def operations(self) -> dict[int, str]:
        return {target: self.candidates[(target - 1) % 2] for _, target in self.kept if target != self.output}


@checked
def draw_pruning_of_a_graph(width: Inches = PAGE) -> Figure:
    """Draw a complete graph and what is left of it, as figure 1 of DSO-NAS does: 1 is the input and 6 the output.

    What is removed is dashed; below stands what node 5 computes of its inputs. `width` is in inches.
    """
    frame = Frame(above=LINE + 4, below=LINE + 8, between=_BETWEEN)
    wide = frame.wide(width, 2)
    left = max(0.0, (wide - _MOST) / 2)
    places = [(left + x, y) for x, y in circle(_NODES, 1, min(wide, _MOST))]
    every = tuple(combinations(range(1, _NODES + 1), 2))
    with style():
        figure, panels = draw_panels(2, 2, width, max(y for _, y in places) + NODE + 2, frame)
        for ax, kept, title in zip(panels, (every, _KEPT), ("(a) completely connected", "(b) pruned"), strict=True):
            ax.set(xlim=(0, wide), ylim=(0, max(y for _, y in places) + NODE + 2))
            ax.axis("off")
            ax.set_title(title, loc="left", pad=3)
            _draw_graph(ax, places, every, kept)
            ax.text(wide / 2, -LINE, _equation(kept), color=_READS, ha="center", va="center_baseline", fontsize=7.5)
    return figure


@checked
def draw_block_search(width: Inches = PAGE) -> Figure:
    """Draw a block of two levels before, during and after its search, as figure 2 of DSO-NAS does.

    The scales, and what is pruned, are an example. `width` is in inches.
    """
    whole = _Block(tuple(_SCALES))
    left = _Block(tuple(edge for edge, scale in _SCALES.items() if scale >= _PRUNED))
    names = ("(a) completely connected", "(b) search: widths are scales λ", "(c) pruned where λ = 0")
    wide = 72 * width / 3 - _BETWEEN
    heads = [wrapped(name, wide) for name in names]
    with style():
        figure, panels = block_panels(whole, heads, 3, width)
        for ax, block, scales in zip(panels, (whole, whole, left), (None, _SCALES, None), strict=True):
            draw_block(block, scales=scales, ax=ax)
    return figure


def _draw_graph(ax: Axes, places: list[Place], edges: tuple[Edge, ...], kept: tuple[Edge, ...]) -> None:
    """All nodes and edges; those not kept dashed, and those that the reader reads in its colour."""
    for source, target in edges:
        ends = np.array([places[source - 1], places[target - 1]])
        if (source, target) in kept:
            look = {"color": _READS if target == _READER else INK, "linewidth": 0.9, "zorder": 2}
        else:
            look = {"color": REMOVED, "linewidth": 0.6, "linestyle": "--", "zorder": 1}
        draw_arrow(ax, ends, gid=f"{'kept' if (source, target) in kept else 'removed'} {source} {target}", **look)
    left = {node for edge in kept for node in edge}
    for node, place in enumerate(places, start=1):
        draw_node(ax, place, str(node), given=node in (1, _NODES), removed=node not in left, points=7.0)


def _equation(kept: tuple[Edge, ...]) -> str:
    """What the reader computes."""
    terms = " + ".join(f"h_{source}" for source, target in kept if target == _READER)
    return f"$h_{_READER} = O_{_READER}({terms})$"
