"""Legends below a figure, in as many rows as they need."""

from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nascore.figures.shared.style import operation_look, text_width

_HANDLE = 16.0  # points: the length of a line
_ROW = 11.0  # points: the height of a row

Rows = list[list[Line2D]]


def operation_lines(operations: Iterable[str]) -> list[Line2D]:
    """An entry for each operation, with its colour, line style and short label."""
    looks = [operation_look(name) for name in dict.fromkeys(operations)]
    return [Line2D([], [], color=look.colour, linestyle=look.line, label=look.label) for look in looks]


def legend_rows(handles: Sequence[Line2D], width: float) -> Rows:
    """`handles` in rows that are equally long and fit into `width` inches."""
    if not handles:
        return []
    widest = max(text_width(str(handle.get_label()), 7) for handle in handles) + _HANDLE + 14
    fits = max(1, int(72 * width / widest))
    rows = -(-len(handles) // fits)
    each = -(-len(handles) // rows)
    return [list(handles[at : at + each]) for at in range(0, len(handles), each)]


def legend_height(rows: Rows) -> float:
    """The points that `draw_legend` takes at the figure's bottom."""
    return _ROW * len(rows) + 2


def draw_legend(figure: Figure, rows: Rows) -> None:
    """Draw `rows` centred at the bottom of `figure`, the first on top."""
    height = 72 * figure.get_figheight()
    for at, row in enumerate(rows):
        where = (0.5, (legend_height(rows) - _ROW * (at + 1)) / height)
        figure.legend(handles=row, loc="lower center", bbox_to_anchor=where, ncols=len(row), borderpad=0,
                      borderaxespad=0, handlelength=_HANDLE / 7, columnspacing=1.2)  # fmt: skip
