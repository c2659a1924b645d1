"""How deep networks are: a row of small squares for each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.kinds import check_kinds, draw_squares, kind_entries
from nascore.figures.shared.legends import draw_legend, legend_height, legend_rows
from nascore.figures.shared.panels import LINE, Frame, draw_panels, titles, wrapped
from nascore.figures.shared.style import INK, PAGE, style, text_width

_TYPE = 7.5  # points
_WIDEST, _NARROWEST = 13.0, 3.5  # points that a cell may take
_ROW = 5.0  # points between two rows
_GAP = 8.0  # points between a name, the cells, and the note
_NAMES, _NOTES = 0.3, 0.34  # the shares of the width that names and notes may take
_EDGE = 6.0  # points left free at both sides


class _Row(NamedTuple):
    name: list[str]
    kinds: Sequence[str]
    note: list[str]

    @property
    def lines(self) -> int:
        return max(len(self.name), len(self.note))


@checked
def draw_depths(
    networks: Mapping[str, Sequence[str]], notes: Mapping[str, str] | None = None, *, width: Inches = PAGE
) -> Figure:
    """Draw a row for each of `networks`, a square in its kind's colour for each cell, as figure 3.1 of the thesis on
    P-DARTS does.

    `networks` maps names to the kinds of their cells, in order (`networks.kinds`); rows keep its order, and all
    squares are equally large. At the end of a row stand the number of cells and the network's note, if `notes` has one.
    Raises `ConfigError` without networks, for one without cells, a kind not known, a note of no network, or a `width`
    (inches) in which the squares would be too small.
    """
    if not networks:
        raise ConfigError("there are no networks to draw: give a name and the kinds of its cells for each")
    for name in notes or {}:
        if name not in networks:
            raise ConfigError(f"there is a note for {name!r}, but the networks are {', '.join(networks)}")
    rows = [_row(name, kinds, (notes or {}).get(name, ""), width) for name, kinds in networks.items()]
    left = _EDGE + max(text_width(line, _TYPE) for row in rows for line in row.name) + _GAP
    pitch = _pitch(rows, 72 * width - left - _EDGE)
    high = max(pitch, LINE * max(row.lines for row in rows)) + _ROW
    with style():
        legend = legend_rows(kind_entries(kind for row in rows for kind in row.kinds), width)
        figure, (ax,) = draw_panels(1, 1, width, high * len(rows), Frame(under=legend_height(legend) + 3))
        ax.set(xlim=(0, 72 * width), ylim=(0, high * len(rows)))
        ax.axis("off")
        for at, row in enumerate(reversed(rows)):
            _draw_row(ax, row, left, (at + 0.5) * high, pitch)
        draw_legend(figure, legend)
    return figure


def _row(name: str, kinds: Sequence[str], note: str, width: Inches) -> _Row:
    check_kinds(kinds, f"the network {name!r}")
    cells = f"{len(kinds)} cell" + "s" * (len(kinds) > 1)
    lines = titles([cells], [note], _NOTES * 72 * width)[0] if note else [cells]
    return _Row(wrapped(name, _NAMES * 72 * width, _TYPE), kinds, lines)


def _pitch(rows: Sequence[_Row], points: float) -> float:
    """The points for a cell, so that all rows and their notes find room in `points`."""
    fits = [(points - _GAP - max(text_width(line, _TYPE) for line in row.note)) / len(row.kinds) for row in rows]
    if min(fits) < _NARROWEST:
        tight = rows[fits.index(min(fits))]
        raise ConfigError(
            f"{len(tight.kinds)} cells of {' '.join(tight.name)!r} find no room beside names and notes: draw them wider"
        )
    return min(*fits, _WIDEST)


def _draw_row(ax: Axes, row: _Row, left: float, middle: float, pitch: float) -> None:
    draw_squares(ax, row.kinds, (left, middle - pitch / 2), pitch)
    _write(ax, (left - _GAP, middle), row.name, "right")
    _write(ax, (left + pitch * len(row.kinds) + _GAP, middle), row.note, "left")


def _write(ax: Axes, place: Place, lines: Sequence[str], side: str) -> None:
    for at, line in enumerate(lines):
        height = place[1] + LINE * ((len(lines) - 1) / 2 - at)
        ax.text(place[0], height, line, ha=side, va="center_baseline", fontsize=_TYPE, color=INK)
