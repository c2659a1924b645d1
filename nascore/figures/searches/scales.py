"""Scales of a block over a search: a panel for each level that connections lead to, a line for each connection."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from nascore.base.arguments import checked
from nascore.base.ranges import Inches, Rest
from nascore.figures.architectures.blocks import FROM_INPUT
from nascore.figures.architectures.wiring import DrawableBlock
from nascore.figures.searches.weights import weights_of
from nascore.figures.shared.legends import operation_lines
from nascore.figures.shared.style import INK, PAGE, operation_look, style

_LINE, _PALE = 0.7, 0.75  # points; how opaque


@checked
def draw_scales(
    weights: pd.DataFrame, cell: str, block: DrawableBlock, *, warm_up: Rest = 0, width: Inches = PAGE
) -> Figure:
    """Draw how the scales of one type of block evolve, connections grouped by the level that they lead to.

    `weights` has the columns epoch (0: before training), cell, source, target and weight, as in a run record; `cell` is
    one of its block types, and `block` the `networks.Block` that the search has left of it, whose candidates and
    levels are used. A line has the colour of the operation that its connection comes from, and ends with the last epoch
    before the connection was pruned (NaN, or no row from there on). A dotted line stands where the first `warm_up`
    epochs end, in which scales do not learn. Titles count what is left. Raises `ConfigError` for a type of block
    without weights.
    """
    rows, _ = weights_of(weights, cell)
    last, across = rows["epoch"].max(), len(block.candidates)
    with style():
        figure, panels = plt.subplots(1, block.levels + 1, figsize=(width, 1.75), sharex=True, sharey=True)
        for level, ax in enumerate(panels, start=1):
            here = rows[(rows["target"] - 1) // across + 1 == level]
            _draw_lines(ax, here, block)
            left = here[here["epoch"] == last]["weight"].notna().sum()
            end = "output" if level > block.levels else f"level {level}"
            ax.set_title(f"to {end}: {left} of {here.groupby(['source', 'target']).ngroups}", loc="left", pad=3)
            if warm_up:
                ax.axvline(warm_up, color=INK, linestyle=":", linewidth=0.8)
        panels[0].set(ylabel="scale λ (no unit)", ylim=(min(0, rows["weight"].min()), None))
        panels[0].xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        figure.supxlabel("epoch", fontsize=7.5)
        handles = [Line2D([], [], color=FROM_INPUT, label="from the input"), *operation_lines(block.candidates)]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_lines(ax: Axes, rows: pd.DataFrame, block: DrawableBlock) -> None:
    for (source, target), line in rows.groupby(["source", "target"]):
        line, look = line.sort_values("epoch"), _look(source, block)
        ax.plot(line["epoch"], line["weight"], linewidth=_LINE, alpha=_PALE, gid=f"scale {source} {target}", **look)
    ax.grid(True)


def _look(source: int, block: DrawableBlock) -> dict[str, Any]:
    if source == 0:
        return {"color": FROM_INPUT, "linestyle": "-"}
    look = operation_look(block.candidates[(source - 1) % len(block.candidates)])
    return {"color": look.colour, "linestyle": look.line}
