"""The arrows of a flowchart: their corners, along a grid, and their labels, where they touch nothing."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.transforms import Bbox

from nascore.base.errors import ConfigError
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.panels import LINE, wrapped
from nascore.figures.shared.style import text_width

TYPE = 7.0  # points
GAP = (40.0, 24.0)  # points between boxes side by side, and one below the other
HEAD = (4.5, 1.9)  # points: the length of an arrow's head, and half its width
_INSET = 4.0  # points between a box's corner and an arrow at least
_AWAY, _CLEAR = (4.0, 1.5), (2.5, 0.4)  # points beside and above a label: to its arrow, and to anything else at least
_ROOMS = (np.inf, 90.0, 60.0, 45.0, 30.0, 0.0)  # points that a label's lines may take

Side = Literal["left", "right", "top", "bottom"]
_OUT: dict[Side, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "top": (0, 1), "bottom": (0, -1)}
_FACING: dict[Side, Side] = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


class Arrow(NamedTuple):
    """An arrow from one box to another, by their names, and the sides by which it leaves and enters.

    Without sides it goes straight where boxes are beside or above each other, and by two turns elsewhere. From top to
    top, or bottom to bottom, it goes around.
    """

    source: str
    target: str
    label: str = ""
    dashed: bool = False
    leave: Side | None = None
    enter: Side | None = None


class Label(NamedTuple):
    """Lines of text around a place."""

    lines: list[str]
    place: Place

    def extent(self) -> Bbox:
        (x, y), (wide, high) = self.place, _size(self.lines)
        return Bbox.from_bounds(x - wide / 2, y - high / 2, wide, high)


def routes(frames: Mapping[str, Bbox], arrows: Sequence[Arrow]) -> list[np.ndarray]:
    """The corners of each arrow, (n, 2), between boxes at `frames`.

    Raises `ConfigError` for an arrow from or to no box, or one that is to go around by the left or right.
    """
    sides = [_sides(frames, arrow) for arrow in arrows]
    ports = _ports(frames, arrows, sides)
    paths = []
    for at, (arrow, (leave, enter)) in enumerate(zip(arrows, sides, strict=True)):
        start, end = ports[at, 0], ports[at, 1]
        if enter == _FACING[leave]:
            start, end = _straightened(frames[arrow.source], frames[arrow.target], start, end, leave)
        paths.append(_path(start, end, leave, enter))
    return paths


def pieces(path: np.ndarray) -> list[Bbox]:
    """What the straight pieces of an arrow take, with room for its head."""
    return [Bbox([np.minimum(*pair) - HEAD[1] / 2, np.maximum(*pair) + HEAD[1] / 2]) for pair in pairwise(path)]


def labels(
    frames: Mapping[str, Bbox], arrows: Sequence[Arrow], paths: Sequence[np.ndarray], width: float
) -> list[Label]:
    """Each label beside its arrow; it touches no box, arrow or other label. Raises `ConfigError` without such a place.

    `width` is that of the drawing, in points.
    """
    taken = [*frames.values(), *(piece for path in paths for piece in pieces(path))]
    found: list[Label] = []
    for arrow, path in zip(arrows, paths, strict=True):
        options = _options(arrow.label, path) if arrow.label else []
        best = next((each for each in options if _free(each.extent(), taken, width)), None)
        if arrow.label and best is None:
            raise ConfigError(f"the label {arrow.label!r} finds no room beside its arrow: shorten it, or draw it wider")
        if best:
            found.append(best)
            taken.append(best.extent())
    return found


def _sides(frames: Mapping[str, Bbox], arrow: Arrow) -> tuple[Side, Side]:
    """By which sides an arrow leaves and enters."""
    for name in (arrow.source, arrow.target):
        if name not in frames:
            raise ConfigError(f"an arrow has the end {name!r}, but the boxes are {', '.join(frames)}")
    source, target = frames[arrow.source], frames[arrow.target]
    if source.x0 < target.x1 and target.x0 < source.x1:
        usual: Side = "bottom" if source.y0 > target.y0 else "top"
    else:
        usual = "right" if source.x0 < target.x0 else "left"
    leave, enter = arrow.leave or usual, arrow.enter or _FACING[usual]
    if leave == enter and leave in ("left", "right"):
        raise ConfigError(f"the arrow from {arrow.source!r} to {arrow.target!r} may go around by top or bottom alone")
    return leave, enter


def _ports(
    frames: Mapping[str, Bbox], arrows: Sequence[Arrow], sides: Sequence[tuple[Side, Side]]
) -> dict[tuple[int, int], Place]:
    """(arrow, 0 for its start or 1 for its end) -> its place; those on one side in the order of their other ends."""
    used: dict[tuple[str, Side], list[tuple[float, int, int]]] = {}
    for at, (arrow, both) in enumerate(zip(arrows, sides, strict=True)):
        names = (arrow.source, arrow.target)
        for end, side in enumerate(both):
            other = frames[names[1 - end]]
            far = other.y0 + other.y1 if side in ("left", "right") else other.x0 + other.x1
            used.setdefault((names[end], side), []).append((far, at, end))
    ports = {}
    for (name, side), found in used.items():
        for place, (_, at, end) in enumerate(sorted(found), start=1):
            ports[at, end] = _on(frames[name], side, place / (len(found) + 1))
    return ports


def _on(frame: Bbox, side: Side, share: float) -> Place:
    """The place at a share of a side's length."""
    across, up = (share if not way else (way + 1) / 2 for way in _OUT[side])
    return frame.x0 + across * frame.width, frame.y0 + up * frame.height


def _straightened(source: Bbox, target: Bbox, start: Place, end: Place, leave: Side) -> tuple[Place, Place]:
    """The ends of an arrow between two facing sides, on one line where the longer side has room for that."""
    along = 1 if leave in ("left", "right") else 0
    spans = [(frame.p0[along], frame.p1[along]) for frame in (source, target)]
    longer = int(np.ptp(spans[1]) > np.ptp(spans[0]))
    ends = [list(start), list(end)]
    if spans[longer][0] + _INSET <= ends[1 - longer][along] <= spans[longer][1] - _INSET:
        ends[longer][along] = ends[1 - longer][along]
    return (ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])


def _path(start: Place, end: Place, leave: Side, enter: Side) -> np.ndarray:
    """The corners of an arrow, which turns in the gap before its target, or beyond both boxes."""
    axis = 0 if leave in ("left", "right") else 1
    way = _OUT[enter][axis]
    if not way:
        corners = [(end[0], start[1])] if axis == 0 else [(start[0], end[1])]
    elif leave != enter and abs(start[1 - axis] - end[1 - axis]) < 1e-6:
        corners = []
    else:
        far = end[axis] if leave != enter else way * max(way * start[axis], way * end[axis])
        turn = far + way * GAP[axis] / 2
        corners = [(turn, start[1]), (turn, end[1])] if axis == 0 else [(start[0], turn), (end[0], turn)]
    return np.array([start, *corners, end])


def _size(lines: Sequence[str]) -> tuple[float, float]:
    return max(text_width(line, TYPE) for line in lines), LINE * len(lines)


def _options(label: str, path: np.ndarray) -> list[Label]:
    """Places for a label, the most welcome first: in few lines, at a long piece's middle, above or right of it."""
    least = max(text_width(word, TYPE) for word in label.split())
    wraps = [wrapped(label, max(room, least), TYPE) for room in _ROOMS]
    longest = sorted(pairwise(path), key=lambda pair: -np.abs(pair[1] - pair[0]).sum())
    return [
        Label(lines, tuple(start + share * (end - start) + side * _beside(lines, end - start)))
        for lines, (start, end), share, side in product(wraps, longest, (0.5, 0.4, 0.6, 0.3, 0.7), (1, -1))
    ]


def _beside(lines: Sequence[str], step: np.ndarray) -> np.ndarray:
    """From a piece of an arrow to the middle of a label above it, or to its right."""
    wide, high = _size(lines)
    level = abs(step[0]) > abs(step[1])
    return np.array([0.0, high / 2 + _AWAY[1]]) if level else np.array([wide / 2 + _AWAY[0], 0.0])


def _free(box: Bbox, taken: Sequence[Bbox], width: float) -> bool:
    grown = box.padded(*_CLEAR)
    return box.x0 > 0 and box.x1 < width and not any(grown.overlaps(other) for other in taken)
