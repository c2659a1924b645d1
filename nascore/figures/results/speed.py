"""How searches get faster as candidate operations are dropped: seconds an epoch, and operations alive."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from nascore.base.arguments import checked
from nascore.base.ranges import Amount, Inches
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.names import name_ends
from nascore.figures.shared.style import COLUMN, INK, SERIES_COLOURS, SERIES_LINES, style

_LINES = SERIES_LINES[:3]  # dots mark the reference


@checked
def draw_speed(history: pd.DataFrame, *, first: Amount = 3, width: Inches = COLUMN) -> Figure:
    """Draw the seconds an epoch takes above how many candidate operations are alive, over the epochs of searches.

    `history` has the columns method, seed, epoch, seconds (of that epoch) and alive (operations of all edges and cell
    types that are still trained in it). A thin line for each seed, a thick one for their median; a dotted line at the
    median of a method's first `first` epochs, all seeds together. The names say to which share of it the last `first`
    epochs came, and how many operations are left. Raises `ConfigError` for a missing column.
    """
    check_columns(history, ("method", "seed", "epoch", "seconds", "alive"))
    with style():
        figure, (above, below) = plt.subplots(2, 1, figsize=(width, 3.2), sharex=True, height_ratios=(3, 2))
        seconds, alive = [], []
        for at, (method, rows) in enumerate(history.groupby("method", sort=False)):
            colour, line = SERIES_COLOURS[at % len(SERIES_COLOURS)], _LINES[at % len(_LINES)]
            reference, end = _first_and_last(rows, first)
            last = _draw_lines(above, rows, "seconds", colour, line)
            above.axhline(reference, color=colour, linestyle=":", linewidth=0.9)
            seconds.append((last, f"{method} ({end / reference:.2f}×)", colour))
            last = _draw_lines(below, rows, "alive", colour, line)
            alive.append((last, f"{method}: {last:g}", colour))
        above.set_ylabel("time per epoch (s)")
        below.set(ylabel="operations alive", xlabel="epoch")
        below.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        for ax, ends in ((above, seconds), (below, alive)):
            ax.set_ylim(0, 1.05 * ax.dataLim.y1)
            ax.grid(True)
            name_ends(ax, ends)
        label = "first epoch" if first == 1 else f"median of the first {first} epochs"
        note = Line2D([], [], color=INK, linestyle=":", linewidth=0.9, label=label)
        above.legend(handles=[note], loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
    return figure


def _first_and_last(rows: pd.DataFrame, count: int) -> tuple[float, float]:
    """The median seconds of the first and of the last `count` epochs of every seed."""
    ranks = rows.groupby("seed")["epoch"].rank()
    sizes = rows.groupby("seed")["epoch"].transform("size")
    return rows.loc[ranks <= count, "seconds"].median(), rows.loc[ranks > sizes - count, "seconds"].median()


def _draw_lines(ax: Axes, rows: pd.DataFrame, column: str, colour: str, line: str) -> float:
    """Draw the seeds and their median; return where the median ends."""
    for _, seed in rows.groupby("seed"):
        seed = seed.sort_values("epoch")
        ax.plot(seed["epoch"], seed[column], color=colour, linewidth=0.5, alpha=0.35)
    median = rows.groupby("epoch")[column].median()
    ax.plot(median.index, median, color=colour, linestyle=line, linewidth=1.5, label=rows["method"].iloc[0])
    return float(median.iloc[-1])
