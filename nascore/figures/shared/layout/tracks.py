"""Arrows as curves that run from left to right, and boxes beside and on them; all in points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Size(NamedTuple):
    """Width and height."""

    width: float
    height: float


class Box(NamedTuple):
    """A rectangle by its centre."""

    x: float
    y: float
    width: float
    height: float


class Track(NamedTuple):
    """A curve y(x) through points with rising x: cubic between them, level at both ends, and without overshoot."""

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]] | np.ndarray) -> "Track":
        """The track through `points`, (n, 2)."""
        x, y = np.array(points).T
        return cls(x, y, _slopes(x, y))

    def at(self, x: np.ndarray) -> np.ndarray:
        """Heights at `x`; NaN before the start and after the end."""
        piece = np.clip(np.searchsorted(self.x, x, side="right") - 1, 0, len(self.x) - 2)
        width = self.x[piece + 1] - self.x[piece]
        t = (x - self.x[piece]) / width
        y = self.y[piece] + (self.y[piece + 1] - self.y[piece]) * t**2 * (3 - 2 * t)
        y += width * t * (1 - t) * (self.slope[piece] * (1 - t) - self.slope[piece + 1] * t)
        return np.where((x >= self.x[0]) & (x <= self.x[-1]), y, np.nan)

    def bezier(self) -> np.ndarray:
        """The same curve as cubic Bezier points, (3k + 1, 2) for k pieces."""
        third = np.diff(self.x) / 3
        points = np.empty((3 * len(third) + 1, 2))
        points[::3] = np.stack([self.x, self.y], axis=1)
        points[1::3] = points[:-1:3] + np.stack([third, third * self.slope[:-1]], axis=1)
        points[2::3] = points[3::3] - np.stack([third, third * self.slope[1:]], axis=1)
        return points


def _slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Harmonic means of the neighbouring slopes, 0 at a turn: so no cubic overshoots (Fritsch and Butland 1984)."""
    steps = np.diff(y) / np.diff(x)
    before, after = steps[:-1], steps[1:]
    same = before * after > 0
    inner = np.divide(2 * before * after, before + after, out=np.zeros_like(before), where=same)
    return np.concatenate([[0.0], inner, [0.0]])


def touching(boxes: np.ndarray, others: np.ndarray, gap: float) -> np.ndarray:
    """(n, 4) and (m, 4) boxes -> (n, m), whether less than `gap` lies between the two."""
    apart = np.abs(boxes[:, None, :2] - others[None, :, :2])
    return np.all(2 * apart < boxes[:, None, 2:] + others[None, :, 2:] + 2 * gap, axis=2)


_ACROSS = np.linspace(-1, 1, 15)


def crossing(boxes: np.ndarray, track: Track, gap: float) -> np.ndarray:
    """(n, 4) boxes -> (n,), whether the track comes nearer to the box than `gap`."""
    x = boxes[:, :1] + (boxes[:, 2:3] / 2 + gap) * _ACROSS
    near = np.abs(track.at(x) - boxes[:, 1:2]) < boxes[:, 3:] / 2 + gap
    return near.any(axis=1)
