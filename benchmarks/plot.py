"""The plot of `steps`: how the time of a step grows with the size of images and channels."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.steps import BOUND, FAST, PLAIN, PUBLIC
from nascore.figures.shared.style import PAGE, style

_LOOKS = {
    PUBLIC: {"color": "#d55e00", "linestyle": "-.", "marker": "s"},
    PLAIN: {"color": "#777777", "linestyle": "--", "marker": "^"},
    FAST: {"color": "#0072b2", "linestyle": "-", "marker": "o"},
    BOUND: {"color": "#222222", "linestyle": ":", "marker": ""},
}


def draw(growth: pd.DataFrame) -> Figure:
    """`growth` has the columns what, varied, value, form and milliseconds; a panel for each step and thing varied."""
    steps, varied = growth["what"].unique(), growth["varied"].unique()
    with style():
        shape = {"sharex": "col", "sharey": "row", "squeeze": False}
        figure, axes = plt.subplots(len(steps), len(varied), figsize=(PAGE, 4.6), layout="constrained", **shape)
        for (what, over), rows in growth.groupby(["what", "varied"], sort=False):
            _draw_panel(axes[list(steps).index(what), list(varied).index(over)], rows)
        for row, what in zip(axes, steps, strict=True):
            row[0].set_ylabel(f"{what} (ms)")
        for ax, over in zip(axes[-1], varied, strict=True):
            ax.set_xlabel(over)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(_LOOKS))
    return figure


def _draw_panel(ax: plt.Axes, rows: pd.DataFrame) -> None:
    for form, points in rows.groupby("form", sort=False):
        ax.plot(points["value"], points["milliseconds"], label=form, markersize=4, **_LOOKS[form])
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    values = sorted(set(rows["value"]))
    ax.set_xticks(values, [str(value) for value in values])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
