"""Architecture weights over a search: a small panel for each edge, a line for each operation."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.layout import Drawable
from nascore.figures.shared.style import INK, PAGE, node_name, operation_look, style

_PANEL = 0.88  # inches: the height of a panel
_ENTRY = 70.0  # points: the width of a legend entry
_CHOSEN = "#fdf6dc"
_STEPS = [1, 2, 5, 10]

Panels = Mapping[tuple[int, int], Axes]  # by (source, target)


@checked
def draw_weights(weights: pd.DataFrame, cell: str, *, chosen: Drawable | None = None, width: Inches = PAGE) -> Figure:
    """Draw how the weights of one cell type evolve: a row of panels per target node, a column per source node.

    `weights` has the columns epoch (0: before training), cell, source, target, operation and weight, as in a run
    record; `cell` is one of its cell types. All panels share their axes: epoch, and architecture weight (no unit). A
    line ends in a cross where its operation was pruned (NaN, or no row from there on). With `chosen`, the cell that
    was derived, the panels of its edges are tinted and its operations named and drawn thick. Raises `ConfigError` for
    a cell type without weights.
    """
    rows, inputs = weights_of(weights, cell)
    with style():
        figure, panels = _panels(rows, width)
        for (source, target), ax in panels.items():
            edge = rows[(rows["source"] == source) & (rows["target"] == target)]
            _draw_edge(edge, ax, rows["epoch"].max(), _operations_on(chosen, source, target), inputs)
        _label_axes(figure, panels, rows["weight"].min())
        _legend(figure, panels, list(dict.fromkeys(rows["operation"])), chosen)
    return figure


def weights_of(weights: pd.DataFrame, cell: str) -> tuple[pd.DataFrame, int]:
    """The rows of one cell type, and how many inputs it has. Raises `ConfigError` for a cell type without weights."""
    rows = weights[weights["cell"] == cell]
    if rows.empty:
        known = ", ".join(sorted(set(weights["cell"])))
        raise ConfigError(f"there are no weights of cell type {cell!r}, only of {known}")
    return rows, int(rows["target"].min())  # the inputs are the nodes before the first one that edges lead to


def _panels(rows: pd.DataFrame, width: Inches) -> tuple[Figure, Panels]:
    sources, targets = sorted(set(rows["source"])), sorted(set(rows["target"]))
    figure, grid = plt.subplots(
        len(targets),
        len(sources),
        figsize=(width, _PANEL * len(targets) + 0.4),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    edges = set(zip(rows["source"], rows["target"], strict=True))
    places = {(source, target): grid[y, x] for y, target in enumerate(targets) for x, source in enumerate(sources)}
    for edge in places.keys() - edges:
        places[edge].axis("off")
    return figure, {edge: ax for edge, ax in places.items() if edge in edges}


def _operations_on(chosen: Drawable | None, source: int, target: int) -> list[str]:
    return [] if chosen is None else [name for name, *ends in chosen.edges() if ends == [source, target]]


def _draw_edge(edge: pd.DataFrame, ax: Axes, last: int, chosen: list[str], inputs: int) -> None:
    for name, line in edge.groupby("operation", sort=False):
        line, look, thick = line.sort_values("epoch"), operation_look(name), name in chosen
        (drawn,) = ax.plot(line["epoch"], line["weight"], color=look.colour, linestyle=look.line, label=name)
        drawn.set(linewidth=2.2 if thick else 0.9, zorder=3 if thick else 2)
        alive = line.dropna(subset="weight")
        if len(alive) and alive["epoch"].iloc[-1] < last:
            ax.plot(*alive[["epoch", "weight"]].iloc[-1], "x", color=look.colour, markersize=3, zorder=4)
    ends = " → ".join(node_name(node, inputs) for node in edge[["source", "target"]].iloc[0])
    note = ": " + ", ".join(operation_look(name).label for name in chosen) if chosen else ""
    ax.set_title(ends + note, pad=2, fontsize=6.5)
    ax.set_facecolor(_CHOSEN if chosen else "white")


def _label_axes(figure: Figure, panels: Panels, lowest: float) -> None:
    first = next(iter(panels.values()))
    first.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=_STEPS))
    first.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    if lowest >= 0:
        first.set_ylim(bottom=0)
    for (source, target), ax in panels.items():
        ax.grid(True)
        # a panel of a triangle may have no other one below it or to its left to carry the numbers
        ax.tick_params(labelbottom=all(row <= target for column, row in panels if column == source))
        ax.tick_params(labelleft=all(column >= source for column, row in panels if row == target))
    figure.supxlabel("epoch", fontsize=7.5)
    figure.supylabel("architecture weight", fontsize=7.5)


def _legend(figure: Figure, panels: Panels, operations: list[str], chosen: Drawable | None) -> None:
    looks = [operation_look(name) for name in operations]
    handles = [Line2D([], [], color=look.colour, linestyle=look.line, label=look.label) for look in looks]
    if chosen is not None:
        handles.append(Line2D([], [], color=INK, linewidth=2.2, label="chosen"))
    columns = len({source for source, _ in panels})
    first_row = min(target for _, target in panels)
    free = columns - len([edge for edge in panels if edge[1] == first_row])
    if free:
        space = 72 * figure.get_figwidth() * free / columns
        fits = max(1, int(space / _ENTRY))
        rows = int(np.ceil(len(handles) / fits))
        figure.legend(handles=handles, loc="upper right", ncols=int(np.ceil(len(handles) / rows)))
    else:
        fits = max(1, int(72 * figure.get_figwidth() / _ENTRY))
        figure.legend(handles=handles, loc="outside upper center", ncols=fits)
