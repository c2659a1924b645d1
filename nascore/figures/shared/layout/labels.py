"""Labels on their arrows: clear of nodes, of each other and of other arrows, near the middle of their own."""

from collections.abc import Sequence

import numpy as np

from nascore.figures.shared.layout.tracks import Box, Size, Track, crossing, touching

CLEAR = 1.0  # points kept free around a label
HEAD = 5.5  # points at an arrow's end that its own label leaves in sight, and
TAIL = 2.0  # at its start
_STEP = 2.0  # points between the places tried
_CONFLICT = 1000.0


def place_labels(
    tracks: Sequence[Track], sizes: Sequence[Size], nodes: Sequence[Box]
) -> tuple[list[Box], list[int], float]:
    """A box on each of the first `len(sizes)` tracks, which of them touch what they should not, and how uneven all are.

    Places are chosen label by label, again and again, until none can be bettered alone.
    """
    options = [_options(own, size, tracks, np.array(nodes)) for own, size in enumerate(sizes)]
    chosen = [int(np.argmin(costs)) for _, costs in options]
    for _ in range(8):
        before = list(chosen)
        for own in range(len(options)):
            chosen[own] = int(np.argmin(_costs(own, options, chosen)))
        if chosen == before:
            break
    final = [float(_costs(own, options, chosen)[at]) for own, at in enumerate(chosen)]
    boxes = [Box(*places[at].tolist()) for (places, _), at in zip(options, chosen, strict=True)]
    return boxes, [own for own, cost in enumerate(final) if cost >= _CONFLICT], sum(cost % _CONFLICT for cost in final)


Options = tuple[np.ndarray, np.ndarray]  # (n, 4) boxes that a label may take, (n,) what each costs


def _costs(own: int, options: list[Options], chosen: list[int]) -> np.ndarray:
    boxes, costs = options[own]
    others = [places[at] for i, ((places, _), at) in enumerate(zip(options, chosen, strict=True)) if i != own]
    return costs + _CONFLICT * touching(boxes, np.array(others).reshape(-1, 4), CLEAR).sum(axis=1)


def _options(own: int, size: Size, tracks: Sequence[Track], nodes: np.ndarray) -> Options:
    track = tracks[own]
    x = np.arange(track.x[0] + TAIL, track.x[-1] - HEAD, _STEP)
    boxes = np.stack([x, track.at(x), np.full_like(x, size.width), np.full_like(x, size.height)], axis=1)
    conflicts = touching(boxes, nodes, CLEAR).sum(axis=1) + _hides_end(boxes, track)
    for i, other in enumerate(tracks):
        if i != own:
            conflicts = conflicts + crossing(boxes, other, CLEAR)
    return boxes, _CONFLICT * conflicts + _uneven(boxes, track)


def _hides_end(boxes: np.ndarray, track: Track) -> np.ndarray:
    """Whether a label hides the head or all of the start of its own arrow."""
    head = track.x[-1] - np.array([HEAD, 0.0])
    tail = track.x[0] + np.array([TAIL])
    points = np.concatenate([tail, head])
    ends = np.stack([points, track.at(points), np.zeros(3), np.zeros(3)], axis=1)
    return np.any(touching(boxes, ends, 0.0), axis=1)


def _uneven(boxes: np.ndarray, track: Track) -> np.ndarray:
    """How far a label is from the middle of its arrow, and how steep the arrow is there."""
    off = np.abs(boxes[:, 0] - (track.x[0] + track.x[-1]) / 2)
    rise = np.abs(track.at(boxes[:, 0] + 1) - track.at(boxes[:, 0] - 1))
    return off / 4 + 3 * np.minimum(rise, 4.0)
