"""The stages of a search, as drawings of one cell: nothing known, all candidates, what was learned, what is kept."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.base.arguments import checked
from nascore.base.ranges import Inches
from nascore.figures.searches.bundles import draw_kept, draw_strands, operations_of, write_on
from nascore.figures.searches.weights import weights_of
from nascore.figures.shared.graphs import NODE, Edge, Place, circle, draw_arrow, draw_nodes
from nascore.figures.shared.layout import Drawable
from nascore.figures.shared.legends import Rows, draw_legend, legend_height, legend_rows, operation_lines
from nascore.figures.shared.panels import Frame, draw_panels
from nascore.figures.shared.style import PAGE, style

_ABOVE, _BELOW = 14.0, 13.0  # points for a panel's title and its note
_BETWEEN = 6.0  # points between panels
_BARE = "#909090"


@checked
def draw_stages(weights: pd.DataFrame, cell: str, *, chosen: Drawable | None = None, width: Inches = PAGE) -> Figure:
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
    kept = _strongest(last) if chosen is None else operations_of(chosen)
    across = 4 if width >= 5 else 2
    places = circle(int(rows["target"].max()) + 1, inputs, 72 * width / across - _BETWEEN)
    with style():
        figure, panels = _panels(width, across, places, legend_rows(operation_lines(rows["operation"]), width))
        _draw_unknown(panels[0], list(dict.fromkeys(zip(rows["source"], rows["target"], strict=True))), places)
        draw_strands(panels[1], first.assign(weight=1.0), places)
        draw_strands(panels[2], last, places)
        draw_kept(panels[3], kept, places)
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


def _panels(width: Inches, across: int, places: Sequence[Place], legend: Rows) -> tuple[Figure, list[Axes]]:
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
    write_on(ax, lines, ["?"] * len(lines), 7.0, places)
