"""The stages of a search, as drawings of one cell: nothing known, all candidates, what was learned, what is kept."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.figures.graphs import NODE, Edge, Place, aside, circle, draw_arrow, draw_nodes
from nascore.figures.layout import Drawable
from nascore.figures.legends import Rows, draw_legend, legend_height, legend_rows, operation_lines
from nascore.figures.names import places_on
from nascore.figures.panels import Frame, draw_panels
from nascore.figures.style import PAGE, operation_look, style, text_width
from nascore.figures.weights import weights_of

_BUNDLE = 8.0  # points: how wide all strands of an edge are together
_FILLED = 0.8  # the share of a strand's width that is drawn: white tells it from the next one
_ABOVE, _BELOW = 14.0, 13.0  # points for a panel's title and its note
_BETWEEN = 6.0  # points between panels
_BARE = "#909090"


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
    places = circle(int(rows["target"].max()) + 1, inputs, 72 * width / across - _BETWEEN)
    with style():
        figure, panels = _panels(width, across, places, legend_rows(operation_lines(rows["operation"]), width))
        _draw_unknown(panels[0], list(dict.fromkeys(zip(rows["source"], rows["target"], strict=True))), places)
        _draw_strands(panels[1], first.assign(weight=1.0), places)
        _draw_strands(panels[2], last, places)
        _draw_kept(panels[3], kept, places)
        titles = ("unknown connections", "all candidates", f"weights, epoch {rows['epoch'].max()}", "derived cell")
        for ax, letter, title in zip(panels, "abcd", titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left", pad=3)
            draw_nodes(ax, places, inputs)
        note = f"widths: weights, the largest {last['weight'].max():.2f}" if len(last) else "all pruned"
        panels[2].text(0, -_BELOW / 2, note, va="center_baseline", fontsize=6.5)
    return figure


def _strongest(last: pd.DataFrame) -> list[tuple[str, int, int]]:
    best = last.loc[last.groupby(["target", "source"])["weight"].idxmax()]
    arrows = best[["operation", "source", "target"]].itertuples(index=False, name=None)
    return [arrow for arrow in arrows if arrow[0] != "none"]


def _panels(width: float, across: int, places: Sequence[Place], legend: Rows) -> tuple[Figure, list[Axes]]:
    """Four axes with points as units, in rows of `across`, and a legend below them."""
    wide, high = (max(numbers) + NODE + 1 for numbers in zip(*places, strict=True))
    frame = Frame(left=_BETWEEN / 2, right=_BETWEEN / 2, above=_ABOVE, below=_BELOW, between=_BETWEEN)
    figure, panels = draw_panels(4, across, width, high, frame._replace(under=legend_height(legend)))
    for ax in panels:
        ax.set(xlim=(0, wide), ylim=(0, high))
        ax.axis("off")
    draw_legend(figure, legend)
    return figure, panels


def _draw_unknown(ax: Axes, edges: Sequence[Edge], places: Sequence[Place]) -> None:
    lines = [np.array([places[source], places[target]]) for source, target in edges]
    for line in lines:
        draw_arrow(ax, line, color=_BARE, linewidth=0.7)
    _write_on(ax, lines, ["?"] * len(lines), 7.0, places)


def _write_on(
    ax: Axes, lines: Sequence[np.ndarray], texts: Sequence[str], points: float, nodes: Sequence[Place]
) -> None:
    """Write a text on each line; nothing if texts of several letters do not all find room."""
    halves = np.array([(text_width(text, points) / 2 + 1, points / 2 + 1) for text in texts]).reshape(-1, 2)
    spots, clear = places_on(np.array(lines).reshape(-1, 2, 2), halves, np.array(nodes), NODE)
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
            look, middle = operation_look(name), ends + aside(ends) * (low + high) / 2
            (strand,) = ax.plot(*middle.T, color=look.colour, linewidth=_FILLED * (high - low), label=name)
            strand.set(solid_capstyle="butt", gid=f"strand {source} {target}")


def _draw_kept(ax: Axes, arrows: Sequence[tuple[str, int, int]], places: Sequence[Place]) -> None:
    beside: dict[Edge, list[str]] = {}
    for name, source, target in arrows:
        beside.setdefault((source, target), []).append(name)
    lines, names = [], []
    for (source, target), several in beside.items():
        ends = np.array([places[source], places[target]])
        lines += [ends + aside(ends) * 4.5 * (at - (len(several) - 1) / 2) for at in range(len(several))]
        names += several
    for line, name in zip(lines, names, strict=True):
        look = operation_look(name)
        draw_arrow(ax, line, color=look.colour, linestyle=look.line, linewidth=1.4)
    _write_on(ax, lines, [operation_look(name).label for name in names], 6.0, places)
