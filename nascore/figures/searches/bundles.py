"""What the edges of a drawn cell carry: a bundle of strands for its candidates, or an arrow for what is kept."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from nascore.figures.shared.graphs import NODE, Edge, Place, aside, draw_arrow
from nascore.figures.shared.layout import Drawable
from nascore.figures.shared.names import places_on
from nascore.figures.shared.style import operation_look, text_width

_BUNDLE = 8.0  # points: how wide all strands of an edge are together
_FILLED = 0.8  # the share of a strand's width that is drawn: white tells it from the next one


def write_on(
    ax: Axes, lines: Sequence[np.ndarray], texts: Sequence[str], points: float, nodes: Sequence[Place]
) -> None:
    """Write a text on each line; nothing if texts of several letters do not all find room."""
    halves = np.array([(text_width(text, points) / 2 + 1, points / 2 + 1) for text in texts]).reshape(-1, 2)
    spots, clear = places_on(np.array(lines).reshape(-1, 2, 2), halves, np.array(nodes), NODE)
    if not clear and max(map(len, texts)) > 1:
        return
    for (x, y), text in zip(spots, texts, strict=True):
        mark = ax.text(x, y, text, ha="center", va="center_baseline", fontsize=points, zorder=3)
        mark.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})


def draw_strands(ax: Axes, rows: pd.DataFrame, places: Sequence[Place]) -> None:
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


def operations_of(cell: Drawable) -> list[tuple[str, int, int]]:
    """The arrows of a cell that are operations, without those into its concatenation."""
    return [(name, source, target) for name, source, target in cell.arrows() if name]


def draw_kept(
    ax: Axes, arrows: Sequence[tuple[str, int, int]], places: Sequence[Place], *, points: float = 6.0
) -> None:
    """An arrow with its name, in type of `points`, for each (operation, source, target); those of an edge abreast."""
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
    write_on(ax, lines, [operation_look(name).label for name in names], points, places)
