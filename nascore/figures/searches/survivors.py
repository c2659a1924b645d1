"""How many operations each edge keeps at the end of a search."""

from itertools import pairwise

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nascore.base.arguments import checked
from nascore.base.ranges import Inches
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.layout import spread
from nascore.figures.shared.style import COLUMN, INK, style, text_width

_NAMES = ("0", "1", "2", "3 or more")
_FACES = ("#f4f4f4", "#b9d4ea", "#5c9bcc", "#12497b")  # darker for more, also in grey
_TYPE = 7.0  # points


@checked
def draw_survivors(frame: pd.DataFrame, *, width: Inches = COLUMN) -> Figure:
    """Draw the shares of edges that end a search with 0, 1, 2, and 3 or more operations: a bar for each method.

    `frame` has the columns method, seed and survivors, a row an edge of a search: the number of operations that it has
    left. Shares (percent) are of all edges of a method's searches; those too small for their part of the bar are
    written above it. Raises `ConfigError` for a missing column.
    """
    check_columns(frame, ("method", "seed", "survivors"))
    methods = frame.groupby("method", sort=False)
    with style():
        figure, ax = plt.subplots(figsize=(width, 0.75 + 0.36 * methods.ngroups))
        names = [f"{method} (n={rows['seed'].nunique()})" for method, rows in methods]
        ax.set_yticks(range(len(names)), names)
        ax.set(xlim=(0, 100), ylim=(len(names) - 0.5, -0.62), xlabel="share of all edges (%)")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        handles = [Patch(fc=face, ec=INK, lw=0.5, label=name) for name, face in zip(_NAMES, _FACES, strict=True)]
        figure.legend(handles=handles, title="operations left on an edge", title_fontsize=_TYPE, ncols=4,
                      handlelength=1, loc="outside upper center", columnspacing=1.2)  # fmt: skip
        figure.draw_without_rendering()  # settles how wide the axes are
        for row, (_, rows) in enumerate(methods):
            _draw_bar(ax, row, rows["survivors"].clip(upper=3))
    return figure


def _draw_bar(ax: Axes, row: int, survivors: pd.Series) -> None:
    points = ax.get_window_extent().width * 72 / ax.figure.dpi / 100  # for a percent
    left, small = 0.0, []
    for count, face in enumerate(_FACES):
        share = 100 * float((survivors == count).mean())
        if not share:
            continue
        ax.barh(row, share, left=left, height=0.5, color=face, edgecolor=INK, linewidth=0.5)
        text = f"{share:.0f}" if share >= 0.95 else f"{share:.1f}"
        if text_width(text, _TYPE) + 4 < share * points:
            colour = "white" if count == len(_FACES) - 1 else INK
            ax.text(left + share / 2, row, text, color=colour, ha="center", va="center_baseline", fontsize=_TYPE)
        else:
            small.append((left + share / 2, text))
        left += share
    if small:
        _write_above(ax, row - 0.41, small, points)


def _write_above(ax: Axes, height: float, small: list[tuple[float, str]], points: float) -> None:
    wide = [text_width(text, _TYPE) / points for _, text in small]
    apart = [(one + other) / 2 + 4 / points for one, other in pairwise(wide)]
    places = spread([place for place, _ in small], apart)
    for place, (_, text) in zip(places, small, strict=True):
        ax.text(place, height, text, ha="center", va="center_baseline", fontsize=_TYPE)
