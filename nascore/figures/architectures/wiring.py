"""Where a block's boxes stand, a row for each level, and the connections between them; all in points.

A connection that passes a level goes between its boxes, never behind one. In a gap connections lie side by side.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from nascore.figures.shared.graphs import Edge, Place
from nascore.figures.shared.layout import Box, Size, spread

_WIDEST = 62.0  # points from one box of a row to the next at most
_LEAST, _STEEP, _TIGHT = 13.0, 0.5, 4.0  # points between rows: at least, for each between boxes, where squeezed
_ASIDE = 2.0  # points between a box and what passes it
_LANE, _PORT = 3.0, 4.5  # points between connections in a gap, and at a box, where there is room for that
_CORNER = 2.5  # points between a box's corner and the connections at it
_DETOUR = 12.0  # points that a connection goes out of its way rather than through a full gap

Passages = dict[Edge, list[Place]]  # where each connection enters and leaves the levels that it passes


@runtime_checkable
class DrawableBlock(Protocol):
    """What `networks.Block` is: node 0 is its input, `output` its last one, `kept` are its connections."""

    @property
    def candidates(self) -> tuple[str, ...]: ...
    @property
    def levels(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def kept(self) -> Sequence[Edge]: ...

    def operations(self) -> dict[int, str]: ...


class Sizes(NamedTuple):
    """The sizes of the whole drawing, of an operation's box, and of the input's and the output's."""

    frame: Size
    box: Size
    end: Size


class Wiring(NamedTuple):
    """The boxes by their nodes, and each connection as cubic Bezier points (3k + 1, 2), from the bottom up."""

    boxes: dict[int, Box]
    wires: dict[Edge, np.ndarray]


def complete(block: DrawableBlock) -> list[Edge]:
    """All connections that a block of these levels and candidates has, by target."""
    ends = (0, block.output)
    pairs = (pair for pair in combinations(range(block.output + 1), 2) if pair != ends)
    return sorted(((s, t) for s, t in pairs if row_of(block, s) < row_of(block, t)), key=lambda edge: edge[::-1])


def row_of(block: DrawableBlock, node: int) -> int:
    """0 for the input, then the level, and one more for the output."""
    return 0 if node == 0 else (node - 1) // len(block.candidates) + 1


def pitch(block: DrawableBlock, wide: float) -> float:
    """How far from each other the boxes of a row are in a drawing so wide."""
    return min(_WIDEST, wide / len(block.candidates))


def heights(block: DrawableBlock, wide: float, box: Size, end: Size) -> tuple[float, float]:
    """How high a drawing must be for all its boxes, and for room between them."""
    boxes, gaps = 2 * end.height + block.levels * box.height, block.levels + 1
    return boxes + _TIGHT * gaps, boxes + max(_LEAST, _STEEP * pitch(block, wide)) * gaps


def wiring(block: DrawableBlock, edges: Collection[Edge], sizes: Sizes) -> Wiring:
    """Boxes for input, output and what else `edges` join, and the way of each edge, in a frame from (0, 0)."""
    rims = _rims(block, sizes)
    boxes = {node: _box(block, node, rims, sizes) for node in sorted({0, block.output}.union(*edges))}
    passages = _passages(block, edges, boxes, rims, sizes.frame.width)
    starts, ends = (_ports(side, boxes, passages) for side in (0, 1))
    return Wiring(boxes, {edge: _curve([starts[edge], *passages[edge], ends[edge]]) for edge in edges})


def _rims(block: DrawableBlock, sizes: Sizes) -> list[tuple[float, float]]:
    """The lower and the upper rim of the boxes of each row."""
    high = [sizes.end.height, *[sizes.box.height] * block.levels, sizes.end.height]
    between = (sizes.frame.height - sum(high)) / (len(high) - 1)
    return [(low := sum(high[:row]) + row * between, low + each) for row, each in enumerate(high)]


def _box(block: DrawableBlock, node: int, rims: Sequence[tuple[float, float]], sizes: Sizes) -> Box:
    up = sum(rims[row_of(block, node)]) / 2
    if node in (0, block.output):
        return Box(sizes.frame.width / 2, up, *sizes.end)
    beside = (node - 1) % len(block.candidates) - (len(block.candidates) - 1) / 2
    return Box(sizes.frame.width / 2 + beside * pitch(block, sizes.frame.width), up, *sizes.box)


def _passages(
    block: DrawableBlock,
    edges: Collection[Edge],
    boxes: Mapping[int, Box],
    rims: Sequence[tuple[float, float]],
    wide: float,
) -> Passages:
    passages: Passages = {edge: [] for edge in edges}
    rows = sorted({row_of(block, node) for node in boxes})  # nothing is to be avoided in the others
    ranks = {node: rows.index(row_of(block, node)) for node in boxes}
    for rank, row in enumerate(rows[1:-1], start=1):
        wanted = {}
        for edge in edges:
            first, last = (ranks[node] for node in edge)
            if first < rank < last:
                x, end = passages[edge][-1][0] if passages[edge] else boxes[edge[0]].x, boxes[edge[1]].x
                wanted[edge] = x + (end - x) / (last - rank + 1)
        gaps = _gaps([box for node, box in boxes.items() if ranks[node] == rank], wide)
        for edge, x in _side_by_side(wanted, gaps).items():
            passages[edge] += [(x, up) for up in rims[row]]
    return passages


def _gaps(boxes: Sequence[Box], wide: float) -> list[tuple[float, float]]:
    """Where connections may pass beside and between the boxes of a row, from left to right."""
    rims = [0.0, *(box.x + side * box.width / 2 for box in boxes for side in (-1, 1)), wide]
    gaps = zip(rims[::2], rims[1::2], strict=True)
    return [(left + min(_ASIDE, (right - left) / 4), right - min(_ASIDE, (right - left) / 4)) for left, right in gaps]


def _side_by_side(wanted: Mapping[Edge, float], gaps: Sequence[tuple[float, float]]) -> dict[Edge, float]:
    """Where connections pass a row: near the places that are wanted, but not all in one gap."""
    inside: dict[int, list[Edge]] = defaultdict(list)
    for edge in sorted(wanted, key=lambda edge: (wanted[edge], edge)):
        away = [max(left - wanted[edge], wanted[edge] - right, 0.0) for left, right in gaps]
        full = [_LANE * len(inside[at]) / (right - left) for at, (left, right) in enumerate(gaps)]
        inside[int(np.argmin(np.array(away) + _DETOUR * np.array(full)))].append(edge)
    places: dict[Edge, float] = {}
    for at, here in inside.items():
        places |= dict(zip(here, _within([wanted[edge] for edge in here], gaps[at], _LANE), strict=True))
    return places


def _within(wanted: Sequence[float], room: tuple[float, float], apart: float) -> list[float]:
    """The places nearest to rising `wanted` that keep to `room`, and `apart` from each other as far as it allows."""
    if not wanted:
        return []
    steps = min(apart, (room[1] - room[0]) / max(1, len(wanted) - 1)) * np.arange(len(wanted))
    places = spread(wanted, np.diff(steps).tolist())
    return np.clip(places, room[0] + steps, room[1] - steps[::-1]).tolist()


def _ports(side: int, boxes: Mapping[int, Box], passages: Passages) -> dict[Edge, Place]:
    """Where connections leave their sources (`side` 0), or reach their targets (1), in the order of their ways."""
    ports: dict[Edge, Place] = {}
    for node, box in boxes.items():
        toward = {}
        for edge, passed in passages.items():
            if edge[side] == node:
                toward[edge] = passed[-side][0] if passed else boxes[edge[1 - side]].x
        here = sorted(toward, key=lambda edge: (toward[edge], edge))
        half = box.width / 2 - _CORNER
        places = _within([box.x] * len(here), (box.x - half, box.x + half), _PORT)
        up = box.y + (0.5 - side) * box.height
        ports |= {edge: (x, up) for edge, x in zip(here, places, strict=True)}
    return ports


def _curve(points: Sequence[Place]) -> np.ndarray:
    """Through `points`, upright at each of them."""
    chain = [points[0]]
    for (x, low), (right, high) in pairwise(points):
        chain += [(x, (low + high) / 2), (right, (low + high) / 2), (right, high)]
    return np.array(chain)
