"""The stages of a search, as drawings of one cell: nothing known, all candidates, what was learned, what is kept."""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, radians, sin

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch

from nascore.figures.layout import Drawable
from nascore.figures.names import places_on
from nascore.figures.style import FIXED, INK, PAGE, node_name, operation_look, style, text_width
from nascore.figures.weights import weights_of

_NODE = 8.5  # points: the radius of a node
_BUNDLE = 8.0  # points: how wide all strands of an edge are together
_FILLED = 0.8  # the share of a strand's width that is drawn: white tells it from the next one
_ABOVE, _BELOW = 14.0, 13.0  # points for a panel's title and its note
_BETWEEN = 6.0  # points between panels
_HANDLE = 16.0  # points: the length of a line in the legend
_BARE = "#909090"

Place = tuple[float, float]
Edge = tuple[int, int]  # (source, target)


def draw_stages(weights: pd.DataFrame, cell: str, *, chosen: Drawable | None = None, width: float = PAGE) -> Figure:
    """Draw four stages of one cell type side by side, as figure 1 of sparse DARTS does, from a search's weights.

    (a) edges of which nothing is known; (b) a strand for each candidate operation that an edge starts with; (c) the
    same with the weights of the last epoch, to which the strands' widths are proportional over all edges, and without
    those that were pruned; (d) `chosen`, the cell that was derived, or without it the strongest operation of each
    edge, where that is not `none`; its labels are left out if they do not all find room. `weights` is what
    `draw_weights` takes. Nodes keep their places; the concatenation at a cell's output is not drawn. Below 5 inches of
    `width` the panels stand two by two. Raises `ConfigError` for a cell type without weights.
    """
    rows, inputs = weights_of(weights, cell)
    first, last = (rows[rows["epoch"] == epoch] for epoch in (rows["epoch"].min(), rows["epoch"].max()))
    last = last.dropna(subset="weight")
    kept = _strongest(last) if chosen is None else [arrow for arrow in chosen.arrows() if arrow[0]]
    across = 4 if width >= 5 else 2
    places = _places(int(rows["target"].max()) + 1, inputs, 72 * width / across - _BETWEEN)
    with style():
        figure, panels = _panels(width, across, places, _legend(list(dict.fromkeys(rows["operation"])), width))
        _draw_unknown(panels[0], list(dict.fromkeys(zip(rows["source"], rows["target"], strict=True))), places)
        _draw_strands(panels[1], first.assign(weight=1.0), places)
        _draw_strands(panels[2], last, places)
        _draw_kept(panels[3], kept, places)
        titles = ("unknown connections", "all candidates", f"weights, epoch {rows['epoch'].max()}", "derived cell")
        for ax, letter, title in zip(panels, "abcd", titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left", pad=3)
            _draw_nodes(ax, places, inputs)
        note = f"widths: weights, the largest {last['weight'].max():.2f}" if len(last) else "all pruned"
        panels[2].text(0, -_BELOW / 2, note, va="center_baseline", fontsize=6.5)
    return figure


def _strongest(last: pd.DataFrame) -> list[tuple[str, int, int]]:
    best = last.loc[last.groupby(["target", "source"])["weight"].idxmax()]
    arrows = best[["operation", "source", "target"]].itertuples(index=False, name=None)
    return [arrow for arrow in arrows if arrow[0] != "none"]


def _places(nodes: int, inputs: int, width: float) -> list[Place]:
    """Nodes on a circle from left to right, above and below by turns, so that no edge passes a node not its own.

    They fill a frame of `width` points that begins at (0, 0), and is as high as it must be.
    """
    step = 360 / nodes
    circle = []
    for node in range(nodes):
        turn = (node + 1) // 2 * step if inputs == 1 else (node // 2 + 0.5) * step
        above = (node % 2 == 1) == (inputs == 1)
        angle = radians(180 - turn if above else 180 + turn)
        circle.append((cos(angle), sin(angle)))
    x, y = np.array(circle).T
    scale, edge = (width - 2 * (_NODE + 1)) / np.ptp(x), _NODE + 1
    return [(edge + scale * (across - x.min()), edge + scale * (up - y.min())) for across, up in circle]


def _panels(
    width: float, across: int, places: Sequence[Place], legend: list[list[Line2D]]
) -> tuple[Figure, list[Axes]]:
    """Four axes with points as units, in rows of `across`, and a legend below them."""
    wide, high = (max(numbers) + _NODE + 1 for numbers in zip(*places, strict=True))
    each, under = _ABOVE + high + _BELOW, 11.0 * len(legend) + 2
    height = 4 // across * each + under
    figure = plt.figure(figsize=(width, height / 72), layout=FIXED)
    panels = []
    for at in range(4):
        left, bottom = at % across * (wide + _BETWEEN) + _BETWEEN / 2, height - (at // across + 1) * each + _BELOW
        ax = figure.add_axes((left / 72 / width, bottom / height, wide / 72 / width, high / height))
        ax.set(xlim=(0, wide), ylim=(0, high))
        ax.axis("off")
        panels.append(ax)
    for at, row in enumerate(legend):
        where = (0.5, (under - 11 * (at + 1)) / height)
        figure.legend(handles=row, loc="lower center", bbox_to_anchor=where, ncols=len(row), borderpad=0,
                      borderaxespad=0, handlelength=_HANDLE / 7, columnspacing=1.2)  # fmt: skip
    return figure, panels


def _legend(operations: Sequence[str], width: float) -> list[list[Line2D]]:
    looks = [operation_look(name) for name in operations]
    widest = max(text_width(look.label, 7) for look in looks) + _HANDLE + 14
    fits = max(1, int(72 * width / widest))
    handles = [Line2D([], [], color=look.colour, linestyle=look.line, label=look.label) for look in looks]
    rows = -(-len(handles) // fits)
    each = -(-len(handles) // rows)
    return [handles[at : at + each] for at in range(0, len(handles), each)]


def _draw_nodes(ax: Axes, places: Sequence[Place], inputs: int) -> None:
    for node, place in enumerate(places):
        given = node < inputs
        ax.add_patch(Circle(place, _NODE, fc="#f4f0e1" if given else "#e8eef6", ec=INK, lw=0.6, zorder=4))
        name, size = node_name(node, inputs), 6.0 if given else 7.0
        ax.text(*place, name, ha="center", va="center_baseline", fontsize=size, zorder=5)


def _draw_unknown(ax: Axes, edges: Sequence[Edge], places: Sequence[Place]) -> None:
    lines = [np.array([places[source], places[target]]) for source, target in edges]
    for line in lines:
        _draw_arrow(ax, line, color=_BARE, linewidth=0.7)
    _write_on(ax, lines, ["?"] * len(lines), 7.0, places)


def _write_on(
    ax: Axes, lines: Sequence[np.ndarray], texts: Sequence[str], points: float, nodes: Sequence[Place]
) -> None:
    """Write a text on each line; nothing if texts of several letters do not all find room."""
    halves = np.array([(text_width(text, points) / 2 + 1, points / 2 + 1) for text in texts]).reshape(-1, 2)
    spots, clear = places_on(np.array(lines).reshape(-1, 2, 2), halves, np.array(nodes), _NODE)
    if not clear and max(map(len, texts)) > 1:
        return
    for spot, text in zip(spots, texts, strict=True):
        mark = ax.text(*spot, text, ha="center", va="center_baseline", fontsize=points, zorder=3)
        mark.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})


def _draw_strands(ax: Axes, rows: pd.DataFrame, places: Sequence[Place]) -> None:
    """A bundle of strands for each edge, the heaviest `_BUNDLE` wide, and each over those before it."""
    whole = rows.groupby(["source", "target"])["weight"].sum().max()
    for (source, target), edge in rows.groupby(["source", "target"], sort=False):
        ends = np.array([places[source], places[target]])
        widths = _BUNDLE * edge["weight"].to_numpy() / whole
        bounds = np.concatenate([[0.0], widths.cumsum()]) - widths.sum() / 2
        ax.plot(*ends.T, color="white", linewidth=widths.sum() + 1.2, solid_capstyle="butt")
        for (low, high), name in zip(pairwise(bounds), edge["operation"], strict=True):
            look, middle = operation_look(name), ends + _aside(ends) * (low + high) / 2
            (strand,) = ax.plot(*middle.T, color=look.colour, linewidth=_FILLED * (high - low), label=name)
            strand.set(solid_capstyle="butt", gid=f"strand {source} {target}")


def _aside(ends: np.ndarray) -> np.ndarray:
    """The unit vector to the left of an edge."""
    x, y = ends[1] - ends[0]
    return np.array([-y, x]) / np.hypot(x, y)


def _draw_kept(ax: Axes, arrows: Sequence[tuple[str, int, int]], places: Sequence[Place]) -> None:
    beside: dict[Edge, list[str]] = {}
    for name, source, target in arrows:
        beside.setdefault((source, target), []).append(name)
    lines, names = [], []
    for (source, target), several in beside.items():
        ends = np.array([places[source], places[target]])
        lines += [ends + _aside(ends) * 4.5 * (at - (len(several) - 1) / 2) for at in range(len(several))]
        names += several
    for line, name in zip(lines, names, strict=True):
        look = operation_look(name)
        _draw_arrow(ax, line, color=look.colour, linestyle=look.line, linewidth=1.4)
    _write_on(ax, lines, [operation_look(name).label for name in names], 6.0, places)


def _draw_arrow(ax: Axes, ends: Sequence[Place], **look) -> None:
    arrow = FancyArrowPatch(*ends, arrowstyle="-|>,head_length=4,head_width=1.7", mutation_scale=1,
                            shrinkA=_NODE, shrinkB=_NODE + 0.5, **look)  # fmt: skip
    ax.add_patch(arrow)
