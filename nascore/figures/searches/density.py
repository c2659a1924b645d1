"""The distribution of architecture weights: a density estimate above a tick for every weight."""

from collections.abc import Collection, Iterable, Mapping

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Finite, Inches
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.style import INK, PAGE, operation_look, style
from nascore.figures.shared.ticks import ticks_across

_ROW = 0.125  # inches: the height of an operation's row
_UNIFORM = 12.0  # points above the axes for the name of the uniform distribution
_LABEL = "architecture weight"


@checked
def draw_density(
    weights: pd.DataFrame,
    *,
    bandwidth: Inches = 1.0,
    width: Inches = PAGE,
    share: bool = True,
    labels: Mapping[str, str] | None = None,
    even: Finite | Mapping[str, Finite] | None = None,
) -> Figure:
    """Draw the density of architecture weights, a panel for each method, as figure 5 of EoiNAS does.

    `weights` has the columns method, operation and weight (no unit); weights that are NaN, pruned, are left out. The
    curve is a Gaussian kernel estimate over all operations, its bandwidth `bandwidth` times Scott's: like any, it
    reaches beyond the smallest and the largest weight. Below it every weight is a tick in the row of its operation.
    The panels share the weights' axis but not the density's, since a narrow distribution would flatten a wide one;
    without `share` each has its own weights' axis too, for what has another scale. `labels` maps methods to names of
    their axes, "architecture weight" elsewhere. `even` is what all weights would be if none were preferred, 1 / number
    of operations, or that for each of some methods: a dashed line named "uniform". A method whose weights are all equal
    gets no curve. Raises `ConfigError` for a missing column, if no weights are left, or for a method in `labels` or
    `even` that has none.
    """
    check_columns(weights, ("method", "operation", "weight"))
    alive = weights.dropna(subset="weight")
    check_columns(alive, ())
    operations = list(dict.fromkeys(weights["operation"]))
    methods = alive.groupby("method", sort=False)
    lines = {} if even is None else even if isinstance(even, Mapping) else dict.fromkeys(methods.groups, even)
    _check_methods([*(labels or ()), *lines], methods.groups)
    with style():
        heights = (1.25, _ROW * len(operations))
        extra = 0.65 + (_UNIFORM + 2) / 72 * bool(lines)
        figure, axes = plt.subplots(2, methods.ngroups, figsize=(width, sum(heights) + extra), height_ratios=heights,
                                    sharex="all" if share else "col", squeeze=False)  # fmt: skip
        for (method, rows), (above, below) in zip(methods, axes.T, strict=True):
            _draw_curve(above, rows["weight"], bandwidth)
            above.set_title(f"{method} ({len(rows)} weights)", loc="left", pad=_UNIFORM if lines else None)
            _draw_ticks(below, rows, operations)
            below.tick_params(labelleft=below is axes[1, 0])
            if method in lines:
                _draw_even(above, below, lines[method])
            if labels is not None:
                below.set_xlabel(labels.get(method, _LABEL))
        axes[0, 0].set_ylabel("density")
        if labels is None:
            figure.supxlabel(_LABEL, fontsize=7.5)
        if lines or not share:
            for ax in axes[0]:
                ax.yaxis.set_major_formatter("{x:g}")  # no power of ten where a name may be
        if not share:
            _number(figure, axes[1])
    return figure


def _check_methods(named: Iterable[str], known: Collection[str]) -> None:
    for method in named:
        if method not in known:
            raise ConfigError(f"there are no weights of method {method!r}, only of {', '.join(map(str, known))}")


def _draw_even(above: Axes, below: Axes, value: float) -> None:
    for ax in (above, below):
        ax.axvline(value, color=INK, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
    place = above.get_xaxis_transform()
    above.annotate("uniform", (value, 1), (0, 2.5), xycoords=place, textcoords="offset points", ha="center")


def _number(figure: Figure, row: Iterable[Axes]) -> None:
    """As many numbers as find room below each panel, without an offset in a corner."""
    figure.draw_without_rendering()  # settles how wide the axes are
    for ax in row:
        low, high = ax.get_xlim()
        ax.set_xticks(*ticks_across(low, high, ax.get_window_extent().width * 72 / figure.dpi))
        ax.set_xlim(low, high)


def _draw_curve(ax: Axes, values: pd.Series, bandwidth: Inches) -> None:
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
