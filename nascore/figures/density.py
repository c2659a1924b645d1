"""The distribution of architecture weights: a density estimate above a tick for every weight."""

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nascore.figures.frames import check_columns
from nascore.figures.style import INK, PAGE, operation_look, style

_ROW = 0.125  # inches: the height of an operation's row


def draw_density(weights: pd.DataFrame, *, bandwidth: float = 1.0, width: float = PAGE) -> Figure:
    """Draw the density of architecture weights, a panel for each method, as figure 5 of EoiNAS does.

    `weights` has the columns method, operation and weight (no unit); weights that are NaN, pruned, are left out. The
    curve is a Gaussian kernel estimate over all operations, its bandwidth `bandwidth` times Scott's: like any, it
    reaches beyond the smallest and the largest weight. Below it every weight is a tick in the row of its operation.
    The panels share the weights' axis but not the density's, since a narrow distribution would flatten a wide one. A
    method whose weights are all equal gets no curve. Raises `ConfigError` for a missing column, or if no weights are
    left.
    """
    check_columns(weights, ("method", "operation", "weight"))
    alive = weights.dropna(subset="weight")
    check_columns(alive, ())
    operations = list(dict.fromkeys(weights["operation"]))
    methods = alive.groupby("method", sort=False)
    with style():
        heights = (1.25, _ROW * len(operations))
        figure, axes = plt.subplots(2, methods.ngroups, figsize=(width, sum(heights) + 0.65), height_ratios=heights,
                                    sharex=True, squeeze=False)  # fmt: skip
        for (method, rows), (above, below) in zip(methods, axes.T, strict=True):
            _draw_curve(above, rows["weight"], bandwidth)
            above.set_title(f"{method} ({len(rows)} weights)", loc="left")
            _draw_ticks(below, rows, operations)
            below.tick_params(labelleft=below is axes[1, 0])
        axes[0, 0].set_ylabel("density")
        figure.supxlabel("architecture weight", fontsize=7.5)
    return figure


def _draw_curve(ax: Axes, values: pd.Series, bandwidth: float) -> None:
    if values.nunique() > 1:
        sns.kdeplot(x=values, bw_adjust=bandwidth, color=INK, fill=True, alpha=0.12, linewidth=0, ax=ax)
        sns.kdeplot(x=values, bw_adjust=bandwidth, color=INK, linewidth=1.2, ax=ax)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.set_ylim(bottom=0)
    else:
        ax.text(0.5, 0.5, f"all are {values.iloc[0]:.3g}", transform=ax.transAxes, ha="center")
        ax.set_yticks([])
    ax.set(xlabel="", ylabel="")
    ax.grid(True)


def _draw_ticks(ax: Axes, rows: pd.DataFrame, operations: list[str]) -> None:
    for row, name in enumerate(operations):
        values = rows.loc[rows["operation"] == name, "weight"]
        (ticks,) = ax.plot(values, [row] * len(values), "|", color=operation_look(name).colour, label=name)
        ticks.set(markersize=6.5, markeredgewidth=0.8)
    ax.set_yticks(range(len(operations)), [operation_look(name).label for name in operations])
    ax.set_ylim(len(operations) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x")
