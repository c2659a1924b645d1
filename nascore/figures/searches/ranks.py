"""How judgements of the same operations differ: an operation's rank in each, joined by a line."""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.frames import check_columns, check_once
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, balanced, draw_panels, wrapped
from nascore.figures.shared.style import INK, PAGE, operation_look, style, text_width

_ABREAST = 3  # panels at most
_TYPE = 7.0  # points
_ROW = 13.5  # points: the height of a rank
_MARK = 11.5  # points: the diameter of a rank's mark
_BESIDE = _MARK / 2 + 3.0  # points from a column to the names of operations
_APART = 16.0  # points between the marks of two columns, at least
_CROSS = 5.5  # points: the size of a cross
_LIGHT = (0.299, 0.587, 0.114)  # what red, green and blue add to how light a colour is
_FRAME = Frame(left=2, right=2, between=16, below=6)


@checked
def draw_ranks(ranks: pd.DataFrame, *, width: Inches = PAGE) -> Figure:
    """Draw how the ranks of operations change from one judgement to the next, as figure 2(c) of EoiNAS does.

    `ranks` has the columns panel (an edge, or a method), judge ("architecture weight", "true accuracy", ...; columns
    from left to right in order of appearance), operation and rank (1: best; NaN: pruned). A panel for each value of
    `panel`, up to three abreast. In each column operations stand in the order of their ranks, best on top, with the
    rank in the mark; equal ranks stand in the order of the column before. Pruned operations are crosses at the column's
    bottom. Lines are thick where an operation's place changes. Raises `ConfigError` for a missing column, a judge with
    two ranks for an operation in a panel, or a rank below 1.
    """
    check_columns(ranks, ("panel", "judge", "operation", "rank"))
    check_once(ranks, ["panel", "judge", "operation"])
    if (wrong := ranks["rank"] < 1).any():
        raise ConfigError(f"a rank is {ranks.loc[wrong, 'rank'].iloc[0]:g}, but the best is 1; NaN for pruned ones")
    panels = [_Panel(rows) for _, rows in ranks.groupby("panel", sort=False)]
    beside = max(text_width(operation_look(name).label, _TYPE) for name in ranks["operation"].unique()) + _BESIDE
    across = _across(panels, beside, width)
    wide = _FRAME.wide(width, across)
    heads = [[wrapped(judge, panel.apart(wide, beside) - 6, _TYPE) for judge in panel.judges] for panel in panels]
    names = [wrapped(str(name), wide) for name in dict.fromkeys(ranks["panel"])]
    head = LINE * max(len(lines) for each in heads for lines in each) + 3
    high = _ROW * max(map(len, (panel.rows for panel in panels)))
    with style():
        legend = legend_rows(_handles(ranks), width)
        frame = _FRAME._replace(above=head + LINE * max(map(len, names)) + 3, under=legend_height(legend))
        figure, axes = draw_panels(len(panels), across, width, high, frame)
        for ax, panel, lines, name in zip(axes, panels, heads, names, strict=True):
            ax.set(xlim=(0, wide), ylim=(high, 0))
            ax.axis("off")
            ax.set_title("\n".join(name), loc="left", pad=head + 2)
            _draw_panel(ax, panel, panel.columns(wide, beside), lines)
        draw_legend(figure, legend)
    return figure


class _Panel:
    """The ranks of one panel, an operation a row and a judge a column, and their places from top to bottom."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.judges = [str(judge) for judge in dict.fromkeys(rows["judge"])]
        self.rows = list(dict.fromkeys(rows["operation"]))
        index = [rows["operation"], rows["judge"].astype(str)]
        self.ranks = rows["rank"].set_axis(index).unstack().reindex(self.rows, columns=self.judges)
        judged = rows["rank"].isna().set_axis(index).unstack().reindex(self.rows, columns=self.judges)
        self.pruned = judged.eq(True)
        self.places = self._placed()

    def _placed(self) -> pd.DataFrame:
        """Ranked operations from the top on, pruned ones up to the bottom; NaN for those that a judge leaves out."""
        places = pd.DataFrame(np.nan, self.rows, self.judges)
        before = pd.Series(range(len(self.rows)), self.rows, dtype=float)
        for judge in self.judges:
            order = pd.DataFrame({"rank": self.ranks[judge], "before": before}).sort_values(["rank", "before"]).index
            ranked = [name for name in order if self.ranks.at[name, judge] >= 1]
            pruned = [name for name in order if self.pruned.at[name, judge]]
            places.loc[ranked, judge] = range(len(ranked))
            places.loc[pruned, judge] = range(len(self.rows) - len(pruned), len(self.rows))
            before = places[judge].fillna(before)
        return places

    def apart(self, wide: float, beside: float) -> float:
        """The points between two columns in a panel of `wide` points, of which the operations' names take `beside`."""
        return (wide - 2 * beside) / max(1, len(self.judges) - 1)

    def columns(self, wide: float, beside: float) -> list[float]:
        """Where the judges' columns are, in points."""
        if len(self.judges) == 1:
            return [wide / 2]
        return [beside + at * self.apart(wide, beside) for at in range(len(self.judges))]


def _across(panels: list[_Panel], beside: float, width: Inches) -> int:
    """The most panels abreast that leave the words of the judges' names whole and room for the lines."""
    words = [text_width(word, _TYPE) for panel in panels for judge in panel.judges for word in judge.split()]
    least = max(_MARK + _APART, max(words) + 6)
    for most in range(_ABREAST, 1, -1):
        across = balanced(len(panels), most)
        if min(panel.apart(_FRAME.wide(width, across), beside) for panel in panels) >= least:
            return across
    return 1


def _draw_panel(ax: Axes, panel: _Panel, columns: list[float], heads: list[list[str]]) -> None:
    heights = _ROW * (panel.places + 0.5)
    for x, lines in zip(columns, heads, strict=True):
        ax.text(x, -2, "\n".join(lines), fontsize=_TYPE, ha="center", va="bottom", linespacing=1.1)
    for name in panel.rows:
        here = list(zip(columns, heights.loc[name], strict=True))
        _draw_line(ax, name, here)
        for place, rank in zip(here, panel.ranks.loc[name], strict=True):
            if not np.isnan(place[1]):
                _draw_mark(ax, name, place, rank)
        for (x, y), side, align in ((here[0], -_BESIDE, "right"), (here[-1], _BESIDE, "left")):
            if not np.isnan(y):
                ax.text(x + side, y, operation_look(name).label, fontsize=_TYPE, ha=align, va="center_baseline")


def _draw_line(ax: Axes, name: str, places: list[tuple[float, float]]) -> None:
    look = operation_look(name)
    for (left, start), (right, end) in pairwise(places):
        if not np.isnan(start + end):
            (line,) = ax.plot([left, right], [start, end], color=look.colour, linestyle=look.line, label=name)
            line.set(linewidth=1.8 if start != end else 0.8, zorder=2, gid="line")


def _draw_mark(ax: Axes, name: str, place: tuple[float, float], rank: float) -> None:
    colour = operation_look(name).colour
    if np.isnan(rank):
        (under,) = ax.plot(*place, "o", color="white", markersize=_MARK, zorder=3)
        under.set(markeredgewidth=0)
        (mark,) = ax.plot(*place, "x", color=colour, markersize=_CROSS, label=name, gid="pruned", zorder=4)
        mark.set(markeredgewidth=1.6)
        return
    (mark,) = ax.plot(*place, "o", color=colour, markersize=_MARK, label=name, gid="rank", zorder=3)
    mark.set(markeredgecolor="white", markeredgewidth=0.5)
    bright = np.dot(to_rgb(colour), _LIGHT) > 0.55
    number = f"{rank:g}"
    size = _TYPE if text_width(number, _TYPE) < _MARK - 2 else 6.0
    ax.text(
        *place, number, fontsize=size, color=INK if bright else "white", ha="center", va="center_baseline", zorder=4
    )


def _handles(ranks: pd.DataFrame) -> list[Line2D]:
    if ranks["rank"].notna().all():
        return []
    cross = Line2D([], [], color=INK, marker="x", markersize=_CROSS, markeredgewidth=1.6, linestyle="none")
    cross.set_label("pruned")
    return [cross]
