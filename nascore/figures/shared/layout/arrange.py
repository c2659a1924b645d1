"""Where a cell's nodes, arrows and labels go, in points from the middle of the drawing's left edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nascore.figures.shared.layout.heights import NODE, apart, ports, room, settle
from nascore.figures.shared.layout.labels import CLEAR, HEAD, TAIL, place_labels
from nascore.figures.shared.layout.layers import Drawable, Layers, layered
from nascore.figures.shared.layout.tracks import Box, Size, Track, crossing

_NARROW = 12.0  # points: the least width of a gap between columns
_BUSY = 0.1  # how much wider each labelled arrow makes a gap, next to 1 for an empty one
_LAST_GAP = 0.6  # the width of the last gap where it holds no labels
_CANDIDATES = 5  # orders to lay out in full
_STRETCH = (1.0, 1.2, 1.45, 1.75, 2.1)  # of the distances
_RAISE = (13.0, -13.0, 20.0, -20.0)  # points
_REPAIRS = 4
_CROSSING = 6.0  # what a crossing costs, next to 1 for an arrow that climbs by the height of a node


Point = tuple[float, float]
Numbers = Mapping[int, float]  # of each item


class Sizes(NamedTuple):
    """What a layout has to hold, in points: its width, the labels in the order of the arrows, the nodes' widths."""

    width: float
    labels: Sequence[Size]
    nodes: Mapping[int, float]


class Means(NamedTuple):
    """How labels are cleared: distances times `stretch`, arrows through fewer way points, arrows raised by points."""

    stretch: float
    eased: bool
    raised: Mapping[int, float]


@dataclass(frozen=True)
class Layout:
    """Node -> box (the output comes last), and a track for each arrow; the first arrows also have a label each.

    `conflicts` lists the arrows that touch, or whose labels touch, what they should not; `cost` weighs these and how
    bent the arrows are.
    """

    layers: Layers
    means: Means
    nodes: dict[int, Box]
    tracks: list[Track]
    labels: list[Box]
    conflicts: list[int]
    cost: float

    def height(self) -> float:
        """Twice the farthest that anything lies from the middle line y = 0, in points."""
        boxes = [*self.nodes.values(), *self.labels]
        ends = [abs(box.y) + box.height / 2 for box in boxes] + [np.abs(track.y).max() for track in self.tracks]
        return 2 * float(max(ends))


def layout(cell: Drawable, sizes: Sizes) -> Layout:
    """A layout of `cell` without conflicts, from mild measures to strong ones, or the best one seen."""
    orders = layered(cell)[:_CANDIDATES]
    seen: list[Layout] = []
    for stretch in _STRETCH:
        for eased in (True, False):
            seen += [_arranged(order, sizes, Means(stretch, eased, {})) for order in orders]
            if not _best(seen).conflicts:
                return _best(seen)
        seen += [_repaired(plan, sizes) for plan in sorted(seen, key=_cost)[:2]]
        if not _best(seen).conflicts:
            return _best(seen)
    return _best(seen)


def _cost(plan: Layout) -> float:
    return plan.cost


def _best(plans: list[Layout]) -> Layout:
    return min(plans, key=_cost)


def _repaired(plan: Layout, sizes: Sizes) -> Layout:
    """`plan` with arrows raised or lowered, one after the other, as long as that clears something."""
    for _ in range(_REPAIRS):
        if not plan.conflicts:
            break
        raised = [{**plan.means.raised, plan.conflicts[0]: by} for by in _RAISE]
        tried = [_arranged(plan.layers, sizes, plan.means._replace(raised=option)) for option in raised]
        if _best(tried).cost >= plan.cost:
            break
        plan = _best(tried)
    return plan


def _arranged(layers: Layers, sizes: Sizes, means: Means) -> Layout:
    x = _column_x(layers, sizes)
    heights = room(layers, max((size.height for size in sizes.labels), default=0.0) + CLEAR)
    y = settle(layers, heights, means.stretch, means.raised)
    nodes = {node: Box(x[node], y[node], sizes.nodes[node], heights[node]) for node in layers.nodes()}
    tracks = _tracks(layers, x, y, nodes, _limits(layers, y, heights) if means.eased else None)
    labels, conflicts, uneven = place_labels(tracks, sizes.labels, list(nodes.values()))
    conflicts = sorted({*conflicts, *_through_nodes(layers, tracks, nodes)})
    bends = sum(np.abs(np.diff(track.y)).sum() / NODE + len(track.x) / 4 for track in tracks)
    cost = 1000 * len(conflicts) + uneven + bends + _out_of_order(layers) + _CROSSING * layers.crossings
    return Layout(layers, means, nodes, tracks, labels, conflicts, float(cost))


def _column_x(layers: Layers, sizes: Sizes) -> dict[int, float]:
    """The middle of each item, left to right."""
    widths = [max((sizes.nodes[item] for item in column), default=0.0) for column in _node_columns(layers)]
    gaps = _gap_widths(layers, sizes, sizes.width - sum(widths))
    middles, right = [widths[0] / 2], widths[0]
    for width, gap in zip(widths[1:], gaps, strict=True):
        middles += [right + gap / 2, right + gap + width / 2]
        right += gap + width
    if _ends_bare(layers):
        del middles[-2]  # the last gap has no way points
    return {item: at for column, at in zip(layers.columns, middles, strict=True) for item in column}


def _gap_widths(layers: Layers, sizes: Sizes, total: float) -> np.ndarray:
    """First what labels need that have but this gap; the rest is shared, more for gaps with many labelled arrows."""
    gap_of = {item: at for at, column in enumerate(layers.columns[1:-1:2]) for item in column}
    needs, shares = np.full(len(layers.columns) // 2, _NARROW), np.ones(len(layers.columns) // 2)
    for chain, label in zip(layers.chains, sizes.labels, strict=False):
        if len(chain) == 3:
            needs[gap_of[chain[1]]] = max(needs[gap_of[chain[1]]], label.width + HEAD + TAIL)
        for gap in {gap_of[item] for item in chain[1:-1:2]}:
            shares[gap] += _BUSY
    if _ends_bare(layers):
        shares[-1] = _LAST_GAP
    free = total - needs.sum()
    return needs + free * shares / shares.sum() if free > 0 else needs * total / needs.sum()


def _node_columns(layers: Layers) -> list[list[int]]:
    nodes = set(layers.nodes())
    columns = [*layers.columns[::2], *(layers.columns[-1:] if _ends_bare(layers) else ())]
    return [[item for item in column if item in nodes] for column in columns]


def _ends_bare(layers: Layers) -> bool:
    """Whether the output follows the column before it without a column of way points."""
    return len(layers.columns) % 2 == 0


def _tracks(
    layers: Layers, x: Numbers, y: Numbers, nodes: dict[int, Box], limits: Mapping[int, Point] | None
) -> list[Track]:
    """A track through the way points of each arrow, less those that it can do without if `limits` are given."""
    tracks = []
    for chain, port in zip(layers.chains, ports(layers), strict=True):
        points = _points(chain, x, y, nodes, port)
        tracks.append(_eased(points, [limits[item] for item in chain[1:-1]]) if limits else Track.through(points))
    return tracks


def _points(chain: Sequence[int], x: Numbers, y: Numbers, nodes: Mapping[int, Box], port: Point) -> list[Point]:
    source, target = nodes[chain[0]], nodes[chain[-1]]
    start = (source.x + source.width / 2, source.y - port[0])
    end = (target.x - target.width / 2, target.y - port[1])
    return [start, *((x[item], y[item]) for item in chain[1:-1]), end]


def _limits(layers: Layers, y: Numbers, heights: Numbers) -> dict[int, Point]:
    """How low and how high an item may move in its column while all others keep their room."""
    limits: dict[int, Point] = {}
    nodes = len(layers.nodes())
    for column in filter(None, layers.columns):
        above = [np.inf, *(y[upper] - apart(upper, lower, heights, nodes) for upper, lower in pairwise(column))]
        below = [*(y[lower] + apart(upper, lower, heights, nodes) for upper, lower in pairwise(column)), -np.inf]
        limits |= zip(column, zip(below, above, strict=True), strict=True)
    return limits


def _eased(points: list[Point], limits: list[Point]) -> Track:
    """The track through few way points that keeps inside `limits` at all of them; where it strays most comes first."""
    start, *inner, end = points
    track = Track.through([start, end])
    kept: set[int] = set()
    while len(kept) < len(inner):
        y = track.at(np.array([x for x, _ in inner]))
        strays = np.max([np.array(limits)[:, 0] - y, y - np.array(limits)[:, 1]], axis=0)
        strays[list(kept)] = 0
        if strays.max() < 0.01:
            break
        kept.add(int(strays.argmax()))
        track = Track.through([start, *(inner[at] for at in sorted(kept)), end])
    return track


def _through_nodes(layers: Layers, tracks: list[Track], nodes: dict[int, Box]) -> list[int]:
    hit = []
    for at, (arrow, track) in enumerate(zip(layers.arrows, tracks, strict=True)):
        others = [box for node, box in nodes.items() if node not in (arrow.source, arrow.target)]
        if crossing(np.array(others), track, CLEAR).any():
            hit.append(at)
    return hit


def _out_of_order(layers: Layers) -> int:
    """In how many pairs of neighbours in a column the higher number stands above."""
    return sum(upper > lower for column in _node_columns(layers) for upper, lower in pairwise(column))
