"""Functions of one variable as curves, one for each value of a parameter."""

from numbers import Real
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.names import Named, name_lines
from nascore.figures.shared.style import COLUMN, SERIES_COLOURS, SERIES_LINES, style


@checked
def draw_function(
    frame: pd.DataFrame,
    x: str,
    y: str,
    line: str,
    *,
    name: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw column `y` over column `x`, a curve for each value of column `line`, named at the curve.

    Where there is room the name is `name` (default: `line`) and the value, "α = 1.5", elsewhere the value alone; a
    legend takes over if not even that fits. `xlabel` and `ylabel` (default: the columns' names) carry the units.
    Raises `ConfigError` for a column that `frame` lacks, or a curve with two values at one x.
    """
    check_columns(frame, (x, y, line))
    if frame.duplicated([line, x]).any():
        raise ConfigError(f"{y!r} is no function of {x!r}: a value of {line!r} has two rows at one {x!r}")
    with style():
        ax = ax or plt.subplots(figsize=(COLUMN, 2.1))[1]
        lines = []
        for at, (value, rows) in enumerate(frame.groupby(line, sort=False)):
            colour, dashes = SERIES_COLOURS[at % len(SERIES_COLOURS)], SERIES_LINES[at % len(SERIES_LINES)]
            rows, names = rows.sort_values(x), _names(value, name or line)
            ax.plot(rows[x], rows[y], color=colour, linestyle=dashes, label=names[0])
            lines.append(Named(rows[x].to_numpy(), rows[y].to_numpy(), names, colour))
        ax.set(xlabel=xlabel or x, ylabel=ylabel or y)
        ax.margins(x=0)
        ax.grid(True)
        if not name_lines(ax, lines):
            ax.legend(loc="best")
    return ax


def _names(value: Any, name: str) -> tuple[str, ...]:
    return (f"{name} = {value:g}", f"{value:g}") if isinstance(value, Real) else (str(value),)
