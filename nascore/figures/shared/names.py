"""Names written at their lines, where they touch nothing: no legend to look up."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from nascore.figures.shared.layout import Size, Track, spread
from nascore.figures.shared.layout.tracks import crossing, touching
from nascore.figures.shared.panels import figure_of
from nascore.figures.shared.style import text_width

_TYPE = 7.0  # points
_GAP = 2.5  # points between a name and its line
_SHARES = np.linspace(0.2, 0.8, 31)  # of an edge: where a text may be


class Named(NamedTuple):
    """A line: its points, rising in x; its names, the most welcome first; its colour."""

    x: np.ndarray
    y: np.ndarray
    names: Sequence[str]
    colour: str


def name_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each (height, name, colour) at the right end of its line, moved up or down where two would overlap."""
    if not ends:
        return
    ends, figure = sorted(ends), figure_of(ax)
    figure.draw_without_rendering()  # settles the axes' limits and height
    line = ax.transData.inverted().transform([(0, 0), (0, 8.5 * figure.dpi / 72)])
    heights = spread([value for value, *_ in ends], [line[1, 1] - line[0, 1]] * (len(ends) - 1))
    below = max(0.0, ax.get_ylim()[0] - heights[0])
    for height, (_, name, colour) in zip(heights, ends, strict=True):
        text = ax.text(1.02, height + below, name, color=colour, va="center_baseline", fontsize=_TYPE)
        text.set_transform(ax.get_yaxis_transform())


def name_lines(ax: Axes, lines: Sequence[Named]) -> bool:
    """Write a name beside or on each line, clear of all others and inside the axes.

    Returns whether all found room, at least one of them with its first name; nothing is written otherwise.
    """
    figure = figure_of(ax)
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    tracks = [Track.through(ax.transData.transform(np.stack([line.x, line.y], axis=1)) * scale) for line in lines]
    frame = np.array(ax.get_window_extent().extents) * scale
    boxes = np.empty((0, 4))
    names: list[str] = []
    for own, line in enumerate(lines):
        places = ((name, _place(name, own, tracks, boxes, frame)) for name in line.names)
        found = next(((name, box) for name, box in places if box is not None), None)
        if found is None:
            return False
        boxes, names = np.vstack([boxes, found[1]]), [*names, found[0]]
    if not any(name == line.names[0] for name, line in zip(names, lines, strict=True)):
        return False
    for (x, y, *_), name, line in zip(boxes, names, lines, strict=True):
        x, y = ax.transData.inverted().transform((x / scale, y / scale))
        text = ax.text(x, y, name, color=line.colour, fontsize=_TYPE, ha="center", va="center_baseline", zorder=4)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.4})
    return True


def places_on(edges: np.ndarray, halves: np.ndarray, nodes: np.ndarray, radius: float) -> tuple[np.ndarray, bool]:
    """Where on straight `edges` (n, 2 ends, 2) texts go, near the middle: (n, 2), and whether nothing touches them.

    Nothing: no other edge or text, and none of the `nodes` (m, 2), squares of `radius`. `halves` (n, 2) are half the
    sizes of the texts. Texts are placed one by one, and again when the others have found their places.
    """
    spots, clear = edges.mean(axis=1), np.zeros(len(edges))
    options = edges[:, :1] + _SHARES[:, None] * np.diff(edges, axis=1)
    lines = edges[:, :1] + np.linspace(0, 1, 80)[:, None] * np.diff(edges, axis=1)
    for own in [*range(len(edges))] * 4:
        crossed, written = np.delete(lines, own, 0).reshape(-1, 2), np.delete(spots, own, 0)
        room = np.min([
            _room(options[own], crossed, halves[own]),
            _room(options[own], nodes, halves[own] + radius),
            _room(options[own], written, halves[own] + np.delete(halves, own, 0)),
        ], axis=0)  # fmt: skip
        best = np.argmax(np.minimum(room, 1.6) - 0.5 * abs(_SHARES - 0.5))
        spots[own], clear[own] = options[own, best], room[best]
    return spots, bool(np.all(clear >= 1))


def _room(places: np.ndarray, others: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """(n, 2) places -> (n,) how far the next of `others` is: 1 where it touches a box of half size `halves`."""
    return np.max(np.abs(places[:, None] - others) / halves, axis=2).min(axis=1, initial=np.inf)


def _place(name: str, own: int, tracks: Sequence[Track], taken: np.ndarray, frame: np.ndarray) -> np.ndarray | None:
    """The best box (x, y, width, height; points) for the name of track `own`, if there is one."""
    size = Size(text_width(name, _TYPE) + 1, _TYPE)
    boxes, on_line = _options(tracks[own], size)
    half = boxes[:, 2:] / 2
    inside = np.all((boxes[:, :2] - half > frame[:2]) & (boxes[:, :2] + half < frame[2:]), axis=1)
    others = [track for at, track in enumerate(tracks) if at != own]
    free = inside & (on_line | ~crossing(boxes, tracks[own], 0.5)) & ~touching(boxes, taken, 2.0).any(axis=1)
    for track in others:
        free &= ~crossing(boxes, track, 1.5)
    if not free.any():
        return None
    near = sum((crossing(boxes, track, gap) for track in others for gap in (4.0, 7.0, 10.0)), np.zeros(len(boxes)))
    off = np.abs(boxes[:, 0] - (frame[0] + frame[2]) / 2) / (frame[2] - frame[0])
    return boxes[np.argmin(np.where(free, near + 0.5 * on_line + off, np.inf))]


def _options(track: Track, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Boxes on the track, and to its left, right, top and bottom; and which of them are on it."""
    x = np.arange(track.x[0], track.x[-1], 1.0)
    across, along = size.width / 2 + _GAP, size.height / 2 + _GAP
    moves = np.array([(0, 0), (-across, 0), (across, 0), (0, along), (0, -along)])
    places = (np.stack([x, track.at(x)], axis=1)[:, None] + moves).reshape(-1, 2)
    boxes = np.hstack([places, np.broadcast_to(size, (len(places), 2))])
    return boxes, np.tile(np.arange(len(moves)) == 0, len(x))
