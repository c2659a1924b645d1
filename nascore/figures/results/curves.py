"""Training curves and comparisons of final accuracies, from run records or tidy tables."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError, shortened
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.names import name_ends
from nascore.figures.shared.style import COLUMN, INK, SERIES_COLOURS, SERIES_LINES, style

_KINDS = {"measured": "o", "reported": "D", "computed": "s"}  # markers; only measured ones are filled


@checked
def training_table(runs: Mapping[str, Any] | Iterable[Any]) -> pd.DataFrame:
    """The histories of run records as one tidy table: label, run, profile, seed, then the columns of the histories.

    `runs` maps labels to a record or several (seeds); for a plain list the label is the record's recipe.
    """
    pairs = runs.items() if isinstance(runs, Mapping) else map(_with_recipe, runs)
    tables = []
    for label, group in pairs:
        several = isinstance(group, Iterable) and getattr(group, "ndim", 1) > 0
        for run in group if several else [group]:
            if not hasattr(run, "history"):
                raise ConfigError(f"training_table takes run records, not {shortened(run)}")
            tables.append(run.history.assign(label=label, run=run.name, profile=run.profile, seed=run.seed))
    if not tables:
        raise ConfigError("there are no runs to draw")
    table = pd.concat(tables, ignore_index=True)
    first = ["label", "run", "profile", "seed"]
    return table[first + [column for column in table.columns if column not in first]]


def _with_recipe(run: Any) -> tuple[str, Any]:
    return getattr(run, "recipe", ""), run


@checked
def draw_training(
    data: pd.DataFrame | Mapping[str, Any] | Iterable[Any],
    metric: str = "test_accuracy",
    *,
    by: str = "label",
    ax: Axes | None = None,
) -> Axes:
    """Draw `metric` by epoch, a line for each value of column `by`, named at its end.

    `data` is a table as `training_table` makes, or what that takes. Rows that share epoch and `by` are seeds: the
    line is their mean, the band reaches from their smallest to their largest, and n in the name is the most there are
    at one epoch. Accuracies are in percent, losses are cross-entropies. Raises `ConfigError` for a column that `data`
    lacks.
    """
    table = data if isinstance(data, pd.DataFrame) else training_table(data)
    check_columns(table, (metric, by, "epoch"))
    with style():
        ax = ax or plt.subplots(figsize=(COLUMN, 2.1))[1]
        ends = []
        for at, (label, rows) in enumerate(table.dropna(subset=metric).groupby(by, sort=False)):
            colour, line = SERIES_COLOURS[at % len(SERIES_COLOURS)], SERIES_LINES[at % len(SERIES_LINES)]
            values = rows.groupby("epoch")[metric].agg(["mean", "min", "max", "count"])
            ax.plot(values.index, values["mean"], color=colour, linestyle=line, label=label)
            ax.fill_between(values.index, values["min"], values["max"], color=colour, alpha=0.18, linewidth=0)
            ends.append((values["mean"].iloc[-1], f"{label} (n={values['count'].max()})", colour))
        ax.set(xlabel="epoch", ylabel=metric_label(metric))
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.grid(True)
        name_ends(ax, ends)
    return ax


@checked
def metric_label(metric: str) -> str:
    """The axis label of a history's column, with its unit: `test_accuracy` -> "test accuracy (%)"."""
    words = metric.replace("_", " ").replace("valid ", "validation ").replace("train ", "training ")
    units = {"accuracy": " (%)", "loss": " (cross-entropy)", "seconds": " (s)"}
    return words.removesuffix(" percent") + next((unit for word, unit in units.items() if word in words), "")


@checked
def draw_comparison(
    table: pd.DataFrame, value: str = "test_accuracy", *, by: str = "label", ax: Axes | None = None
) -> Axes:
    """Draw every value (one for each seed) as a point in its group's row, and the mean of those measured as a tick.

    `table` has the columns `by`, `value` and, if numbers are of several kinds, `kind`: measured ones are dots,
    reported ones open diamonds, computed ones open squares. Groups keep the table's order, from top to bottom, and
    show how many were measured. Raises `ConfigError` for a missing column.
    """
    check_columns(table, (by, value))
    with style():
        names = list(dict.fromkeys(table[by]))
        kinds = table["kind"] if "kind" in table else pd.Series("measured", table.index)
        ax = ax or plt.subplots(figsize=(COLUMN, 0.5 + 0.27 * len(names)))[1]
        for row, name in enumerate(names):
            here = table[by] == name
            _draw_group(table.loc[here, value], kinds[here], row, ax)
        counts = table[value].where(kinds == "measured").groupby(table[by]).count()
        ax.set_yticks(range(len(names)), [f"{name} (n={counts[name]})" for name in names])
        ax.set(xlabel=metric_label(value), ylim=(len(names) - 0.5, -0.5))
        ax.tick_params(axis="y", length=0)
        ax.grid(True, axis="x")
        if kinds.nunique() > 1:
            ax.legend(loc="best")
    return ax


def _draw_group(values: pd.Series, kinds: pd.Series, row: int, ax: Axes) -> None:
    # equal values stay apart, and the same table always gives the same picture
    heights = pd.Series([row + 0.09 * ((at + 1) % 3 - 1) for at in range(len(values))], values.index)
    for kind, part in values.groupby(kinds, sort=False):
        face = SERIES_COLOURS[0] if kind == "measured" else "white"
        label = kind if kind not in ax.get_legend_handles_labels()[1] else None
        (points,) = ax.plot(part, heights[part.index], _KINDS[kind], color=SERIES_COLOURS[0], markersize=4, label=label)
        points.set(markerfacecolor=face, alpha=0.85)
    measured = values[kinds == "measured"]
    if len(measured) > 1:
        ax.plot([measured.mean()] * 2, [row - 0.3, row + 0.3], color=INK, linewidth=1.4, zorder=3)
