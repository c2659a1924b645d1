"""A draw from a supernet: which operations it takes in a cell, and the distribution that one of them was drawn from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches, Index
from nascore.figures.shared.frames import check_columns, check_once
from nascore.figures.shared.graphs import NODE, Edge, Place, circle, draw_arrow, draw_node, draw_nodes
from nascore.figures.shared.layout import Size, Track
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows, operation_lines
from nascore.figures.shared.panels import Frame, draw_panels
from nascore.figures.shared.style import INK, PAGE, node_name, operation_look, style

_FRAME = Frame(left=3, right=3, above=14, below=4, between=22)
_TYPE = 7.0  # points
_CELL = 130.0  # points: how high the cell is drawn at most
_ROW = 14.0  # points: the height of a strand's row
_WIDEST, _THINNEST = 7.0, 0.3  # points: the width of the likeliest strand; of one that is hardly ever drawn
_LEVEL = (0.25, 0.75)  # the shares of the width between which strands are level
_PALE = 0.4  # how opaque the strands are that were not drawn
_BARE, _TINT = "#c4c4c4", "#f7e3a1"


@checked
def draw_sampling(
    drawn: pd.DataFrame,
    distribution: pd.DataFrame,
    *,
    edge: tuple[Index, Index],
    inputs: Index = 2,
    width: Inches = PAGE,
) -> Figure:
    """Draw a cell of a supernet with the operations of one draw, and an edge of it enlarged, as figures 2 and 3 of
    EoiNAS do.

    (a) all edges of the supernet's cell grey, and on them what was `drawn`, with the columns source, target and
    operation: an operation an edge, or none for an edge that the draw leaves out. (b) the `edge` (source, target),
    tinted in (a), with the `distribution` that its operation was drawn from, with the columns operation and probability
    (NaN: pruned; together 1): a strand for each candidate, as wide as it is probable, the one that was drawn framed
    and in full colour. `inputs` is how many of the nodes are a cell's inputs; with one there is no concatenation.
    Below 5 inches of `width` (b) stands below (a). Raises `ConfigError` for a missing column, an edge or operation
    with two rows, an edge that no cell has, probabilities that are not those of a distribution, or an operation drawn
    on `edge` that has none.
    """
    sampled = _checked(drawn, distribution, edge)
    across = 2 if width >= 5 else 1
    wide = _FRAME.wide(width, across)
    inner = int(max(drawn["target"].max(), edge[1])) + 1
    _check_edges([*zip(drawn["source"], drawn["target"], strict=True), edge], inputs)
    places = _places(inner + (inputs > 1), inputs, wide)
    high = max(max(y for _, y in places) + NODE + 1, _ROW * len(distribution))
    with style():
        legend = legend_rows(operation_lines([*distribution["operation"], *drawn["operation"]]), width)
        frame = _FRAME._replace(under=legend_height(legend))
        figure, (cell, enlarged) = draw_panels(2, across, width, high, frame)
        up = (high - max(y for _, y in places) - NODE - 1) / 2
        _draw_cell(cell, drawn, edge, [(x, y + up) for x, y in places], inputs)
        _draw_edge(enlarged, distribution, sampled, edge, inputs, Size(wide, high))
        ends = " → ".join(node_name(node, inputs) for node in edge)
        for ax, title in ((cell, "(a) one draw of a cell"), (enlarged, f"(b) edge {ends} and its distribution Γ")):
            ax.set(xlim=(0, wide), ylim=(0, high))
            ax.axis("off")
            ax.set_title(title, loc="left", pad=3)
        draw_legend(figure, legend)
    return figure


def _checked(drawn: pd.DataFrame, distribution: pd.DataFrame, edge: Edge) -> str | None:
    """The operation that was drawn on `edge`, if one was."""
    check_columns(drawn, ("source", "target", "operation"))
    check_columns(distribution, ("operation", "probability"))
    check_once(drawn, ["source", "target"])
    check_once(distribution, ["operation"])
    chances = distribution["probability"].dropna()
    if not (chances.ge(0).all() and abs(chances.sum() - 1) < 0.01):
        raise ConfigError(f"probabilities must be 0 or more and together 1, these are together {chances.sum():.3g}")
    here = drawn.loc[(drawn["source"] == edge[0]) & (drawn["target"] == edge[1]), "operation"]
    known = distribution.loc[chances.index, "operation"]
    if not here.isin(known).all():
        raise ConfigError(f"{here.iloc[0]!r} was drawn, but the distribution has only {', '.join(known)}")
    return None if here.empty else here.iloc[0]


def _check_edges(edges: Sequence[Edge], inputs: int) -> None:
    for source, target in edges:
        if not 0 <= source < target or target < inputs:
            raise ConfigError(f"no edge leads from node {source} to node {target} in a cell with {inputs} inputs")


def _edges(nodes: int, inputs: int) -> list[Edge]:
    """All edges between a cell's `nodes`: to each that is no input from each before it."""
    return [(source, target) for target in range(inputs, nodes) for source in range(target)]


def _places(nodes: int, inputs: int, wide: float) -> list[Place]:
    """As `circle` has them, drawn out to an ellipse: from the left to the right end of `wide` points."""
    places = circle(nodes, inputs, min(wide, _CELL))
    right = max(x for x, _ in places)
    return [(NODE + 1 + (x - NODE - 1) * (wide - 2 * NODE - 2) / (right - NODE - 1), y) for x, y in places]


def _draw_cell(ax: Axes, drawn: pd.DataFrame, edge: Edge, places: Sequence[Place], inputs: int) -> None:
    inner = len(places) - (inputs > 1)
    for source, target in _edges(inner, inputs):
        draw_arrow(ax, (places[source], places[target]), color=_BARE, linewidth=0.7, gid="edge", zorder=1)
    for node in range(inputs, inner) if inputs > 1 else ():
        draw_arrow(ax, (places[node], places[-1]), color=_BARE, linewidth=0.7, linestyle=":", gid="concat", zorder=1)
    ax.plot(*zip(*(places[node] for node in edge), strict=True), color=_TINT, linewidth=7, zorder=0.5, gid="tint")
    for row in drawn.itertuples():
        look = operation_look(row.operation)
        ends = (places[row.source], places[row.target])
        draw_arrow(ax, ends, color=look.colour, linestyle=look.line, linewidth=1.4, gid="drawn", zorder=2)
    draw_nodes(ax, places, inputs, output=inputs > 1)


def _draw_edge(ax: Axes, distribution: pd.DataFrame, sampled: str | None, edge: Edge, inputs: int, size: Size) -> None:
    left, right = (NODE + 1, size.height / 2), (size.width - NODE - 1, size.height / 2)
    top = (size.height + _ROW * (len(distribution) - 1)) / 2
    digits, most = _digits(distribution["probability"]), distribution["probability"].max()
    for at, row in enumerate(distribution.itertuples()):
        height, here = top - _ROW * at, row.operation == sampled
        note = "pruned" if np.isnan(row.probability) else f"{row.probability:.{digits}f}" + ", drawn" * here
        text = ax.text(size.width / 2, height, f"{operation_look(row.operation).label}  {note}", fontsize=_TYPE)
        text.set(ha="center", va="center_baseline", zorder=5)
        frame = INK if here else "none"
        text.set_bbox({"facecolor": "white", "edgecolor": frame, "linewidth": 0.6, "pad": 1.6})
        if row.probability >= 0:
            level = [(share * size.width, height) for share in _LEVEL]
            width = max(_THINNEST, _WIDEST * row.probability / most)
            _draw_strand(ax, Track.through([left, *level, right]), row.operation, width, here)
    for place, node in ((left, edge[0]), (right, edge[1])):
        draw_node(ax, place, node_name(node, inputs), given=node < inputs)


def _digits(chances: pd.Series) -> int:
    """As many decimals as tell the likeliest from the least likely."""
    apart = chances.max() - chances.min()
    return int(np.clip(np.ceil(-np.log10(apart)) + 1, 2, 5)) if apart > 0 else 3


def _draw_strand(ax: Axes, track: Track, name: str, width: Inches, drawn: bool) -> None:
    curve = track.bezier()
    path = Path(curve, [Path.MOVETO] + [Path.CURVE4] * (len(curve) - 1))
    strand = PathPatch(path, facecolor="none", edgecolor=operation_look(name).colour, linewidth=width, label=name)
    strand.set(alpha=None if drawn else _PALE, zorder=3 if drawn else 2, capstyle="butt", gid="strand")
    ax.add_patch(strand)
