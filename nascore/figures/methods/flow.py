"""Flowcharts: boxes on a grid, and arrows along it."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon
from matplotlib.transforms import Bbox

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.methods.routes import GAP, HEAD, TYPE, Arrow, labels, pieces, routes
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.kinds import kind_face
from nascore.figures.shared.panels import LINE, Frame, draw_panels, wrapped
from nascore.figures.shared.style import INK, PAGE, style, text_width

_PAD = 4.0  # points between a box's rim and its text
_EDGE = 2.0  # points left free around all
_DASHES = (0, (3.2, 1.8))
_FACES = {"plain": "#ffffff", "normal": kind_face("normal"), "reduce": kind_face("reduce"), "accent": "#fbe6b0"}


class Box(NamedTuple):
    """A box of a flowchart: its text, the column and row of its middle, and its face: plain, normal, reduce or accent.

    Columns count from the left and rows from the top; fractions are allowed. Lines end at "\\n", and where they are
    full. A box is `columns` wide, less the gap between two, and has `free` points below its text for drawings.
    """

    text: str
    column: float
    row: float
    face: str = "plain"
    columns: float = 1.0
    free: float = 0.0


@checked
def draw_flow(boxes: Mapping[str, Box], arrows: Sequence[Arrow], *, width: Inches = PAGE) -> Figure:
    """Draw `boxes` by their names on a grid, and `arrows` between them, each with its label beside it.

    Rows are as near as boxes allow; the axes' units are points. Boxes have the gid "box <name>", arrows "arrow <source>
    <target>". Raises `ConfigError` without boxes, for a face not known, boxes that overlap, an arrow from or to no box,
    or a text or label without room at this `width` (inches).
    """
    frames = _frames(boxes, width)
    paths = routes(frames, arrows)
    notes = labels(frames, arrows, paths, 72 * width)
    drawn = [piece for path in paths for piece in pieces(path)]
    ends = Bbox.union([*frames.values(), *drawn, *(note.extent() for note in notes)])
    with style():
        figure, (ax,) = draw_panels(1, 1, width, ends.height + 2 * _EDGE, Frame())
        ax.set(xlim=(0, 72 * width), ylim=(ends.y0 - _EDGE, ends.y1 + _EDGE))
        ax.axis("off")
        for arrow, path in zip(arrows, paths, strict=True):
            _draw_arrow(ax, arrow, path)
        for name, box in boxes.items():
            _draw_box(ax, name, box, frames[name])
        for note in notes:
            _write(ax, note.lines, note.place, INK)
    return figure


def _frames(boxes: Mapping[str, Box], width: Inches) -> dict[str, Bbox]:
    """Where the boxes are, in points; columns share the width."""
    if not boxes:
        raise ConfigError("there are no boxes to draw")
    first = min(box.column - box.columns / 2 for box in boxes.values())
    last = max(box.column + box.columns / 2 for box in boxes.values())
    across = (72 * width - 2 * _EDGE + GAP[0]) / (last - first)
    wide = {name: box.columns * across - GAP[0] for name, box in boxes.items()}
    high = {name: LINE * len(_lines(box, wide[name])) + 2 * _PAD + box.free for name, box in boxes.items()}
    down = _down(boxes, high)
    frames = {}
    for name, box in boxes.items():
        left = _EDGE + (box.column - box.columns / 2 - first) * across
        frames[name] = Bbox.from_bounds(left, -box.row * down - high[name] / 2, wide[name], high[name])
    return frames


def _down(boxes: Mapping[str, Box], high: Mapping[str, float]) -> float:
    """The points from a row to the next: what the tightest two boxes need that are above each other."""
    needed = []
    for (one, here), (other, there) in combinations(boxes.items(), 2):
        if abs(here.column - there.column) > (here.columns + there.columns) / 2 - 1e-6:
            continue
        if here.row == there.row:
            raise ConfigError(f"boxes {one!r} and {other!r} overlap: give them other columns or rows")
        needed.append(((high[one] + high[other]) / 2 + GAP[1]) / abs(here.row - there.row))
    return max(needed, default=max(high.values()) + GAP[1])


def _lines(box: Box, wide: float) -> list[str]:
    """The lines of a box's text in a box so wide."""
    room = wide - 2 * _PAD
    if max((text_width(word, TYPE) for word in box.text.split()), default=0.0) > room:
        raise ConfigError(f"the text {box.text!r} finds no room in its box: draw it wider")
    return [line for text in box.text.split("\n") for line in wrapped(text, room, TYPE)]


def _draw_box(ax: Axes, name: str, box: Box, frame: Bbox) -> None:
    if box.face not in _FACES:
        raise ConfigError(f"box {name!r} has the face {box.face!r}: there are {', '.join(_FACES)}")
    shape = "round,pad=0,rounding_size=2.2"
    look: dict[str, Any] = {"fc": _FACES[box.face], "ec": INK, "lw": 0.6, "zorder": 3, "gid": f"box {name}"}
    ax.add_patch(FancyBboxPatch(frame.p0, frame.width, frame.height, shape, **look))
    place = ((frame.x0 + frame.x1) / 2, (frame.y0 + frame.y1 + box.free) / 2)
    _write(ax, _lines(box, frame.width), place, "white" if box.face == "reduce" else INK)


def _draw_arrow(ax: Axes, arrow: Arrow, path: np.ndarray) -> None:
    """A line and its head, which is not dashed."""
    step = (path[-1] - path[-2]) / np.hypot(*(path[-1] - path[-2]))
    tip, aside = path[-1] - 0.5 * step, HEAD[1] * np.array([-step[1], step[0]])
    back = tip - HEAD[0] * step
    gid = f"arrow {arrow.source} {arrow.target}"
    look: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": _DASHES if arrow.dashed else "-"}
    ax.plot(*np.vstack([path[:-1], back]).T, solid_joinstyle="miter", gid=gid, zorder=2, **look)
    ax.add_patch(Polygon([tip, back + aside, back - aside], fc=INK, ec="none", gid=gid, zorder=2))


def _write(ax: Axes, lines: Sequence[str], place: Place, colour: str) -> None:
    for at, line in enumerate(lines):
        height = place[1] + LINE * ((len(lines) - 1) / 2 - at)
        ax.text(place[0], height, line, color=colour, ha="center", va="center_baseline", fontsize=TYPE, zorder=4)
