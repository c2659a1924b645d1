"""Names written beside points, where they touch nothing."""

from collections.abc import Sequence

import numpy as np

from nascore.figures.shared.layout import Size
from nascore.figures.shared.layout.tracks import touching

_GAP = 1.5  # points between a point and its name
_CLEAR = 2.5  # points between a name and what is not its own, so that it is nearest to its point
# where a name may be, the most usual first: 1 is all on one side, 0 level with the point
_SIDES = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0.5), (1, -0.5), (-1, 0.5),
          (-1, -0.5), (0.5, 1), (0.5, -1), (-0.5, 1), (-0.5, -1))  # fmt: skip


def places_beside(
    points: np.ndarray, radii: np.ndarray, sizes: Sequence[Size], bars: np.ndarray, frame: Size
) -> np.ndarray | None:
    """Where the names of `points` (n, 2) go, (n, 2) centres in points, or None if not all find room.

    A name of `sizes` touches no point of `radii` (n,), none of the `bars` (m, 4; centre and size of upright lines) and
    no other name, and stays inside the frame that begins at (0, 0).
    """
    if not len(points):
        return np.empty((0, 2))
    boxes = np.array([_options(*each) for each in zip(points, radii, sizes, strict=True)])
    free = np.array([_free(own, each, points, radii, bars, frame) for own, each in enumerate(boxes)])
    clash = touching(boxes.reshape(-1, 4), boxes.reshape(-1, 4), _CLEAR).reshape(*free.shape, *free.shape)
    chosen = np.zeros(len(points), dtype=int)
    todo = set(range(len(points)))
    while todo:
        own = min(todo, key=lambda each: (free[each].sum(), each))
        if not free[own].any():
            return None
        todo.remove(own)
        rest = sorted(todo)
        # the place that takes the fewest from others; of these the most usual
        taken = [(clash[own, at, rest] & free[rest]).sum() if free[own, at] else np.inf for at in range(len(_SIDES))]
        chosen[own] = int(np.argmin(taken))
        free[rest] &= ~clash[own, chosen[own], rest]
    return boxes[np.arange(len(points)), chosen, :2]


def _options(point: np.ndarray, radius: float, size: Size) -> np.ndarray:
    """Boxes (k, 4) that touch the point from all sides, corners a little nearer."""
    sides = np.array(_SIDES)
    corner = np.where(np.all(np.abs(sides) == 1, axis=1), 0.7, 1.0)[:, None]
    moves = sides * (np.array(size) / 2 + corner * (radius + _GAP))
    return np.hstack([point + moves, np.broadcast_to(size, (len(moves), 2))])


def _free(
    own: int, boxes: np.ndarray, points: np.ndarray, radii: np.ndarray, bars: np.ndarray, frame: Size
) -> np.ndarray:
    half = boxes[:, 2:] / 2
    inside = np.all((boxes[:, :2] - half > 1) & (boxes[:, :2] + half < np.array(frame) - 1), axis=1)
    discs = np.hstack([points, np.repeat(2 * radii[:, None], 2, axis=1)])
    others = np.arange(len(points)) != own
    return inside & ~touching(boxes, discs[others], _CLEAR).any(axis=1) & ~touching(boxes, bars, 1.0).any(axis=1)
