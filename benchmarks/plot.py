"""The plot of the supernet's measurements: how much faster each kind of step is, and how time grows."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from nascore.figures.shared.style import PAGE, style

_COLOURS = {"plain": "#777777", "fast": "#0072b2"}


def draw(steps: pd.DataFrame, growth: pd.DataFrame) -> Figure:
    """`steps` has the columns group and times (the reference's time over the fast form's); `growth` varied, value, form
    and seconds.
    """
    with style():
        figure = plt.figure(figsize=(PAGE, 4.2), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1])
        _draw_steps(above.subplots(), steps)
        _draw_growth(below.subplots(1, growth["varied"].nunique(), sharey=True), growth)
    return figure


def _draw_steps(ax: plt.Axes, steps: pd.DataFrame) -> None:
    rows = steps.iloc[::-1]
    bars = ax.barh(rows["group"], rows["times"], color=_COLOURS["fast"], height=0.65)
    ax.bar_label(bars, [f"{times:.1f}" for times in rows["times"]], padding=3)
    ax.axvline(1, color=_COLOURS["plain"], linewidth=1)
    ax.set_xlabel("times as fast as the plain form")
    ax.grid(visible=False, axis="y")


def _draw_growth(axes: list[plt.Axes], growth: pd.DataFrame) -> None:
    for ax, (varied, rows) in zip(axes, growth.groupby("varied", sort=False), strict=True):
        for form, points in rows.groupby("form", sort=False):
            ax.plot(points["value"], points["seconds"], marker="o", color=_COLOURS[form], label=form)
        ax.set_xlabel(varied)
        ax.set_xticks(sorted(set(rows["value"])))
        ax.set_xlim(left=0)
        ax.set_ylim(0, 1.05 * growth["seconds"].max())
    axes[0].set_ylabel("seconds a weight step")
    axes[0].legend()
