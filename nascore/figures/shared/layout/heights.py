"""Heights of what stands in the columns: arrows as straight as the columns' order and the items' room allow."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

import numpy as np

from nascore.figures.shared.layout.layers import Layers

NODE = 13.0  # points: the least height of a node
_THIN = 3.0  # the room of an arrow without a label
_ARRIVE, _LEAVE = 3.8, 1.6  # between arrows that meet at a node, and that leave it
_NODES_APART, _APART = 8.0, 1.5  # between two nodes of a column, and between other items
_REST = 0.02  # how much an item likes the middle line, next to 1 for a straight arrow
_RAISED = 4.0  # how much a raised way point likes its height
_SWEEPS = 30

Ports = list[tuple[float, float]]


def ports(layers: Layers) -> Ports:
    """For each arrow, how far below its source's and its target's middle it leaves and arrives, in points."""
    place = {item: at for column in layers.columns for at, item in enumerate(column)}
    leaving = _fan([(chain[0], place[chain[1]]) for chain in layers.chains], _LEAVE)
    arriving = _fan([(chain[-1], place[chain[-2]]) for chain in layers.chains], _ARRIVE)
    return list(zip(leaving, arriving, strict=True))


def _fan(ends: list[tuple[int, int]], apart: float) -> list[float]:
    """Offsets around 0 for the ends at each node, in the order of the places that they lead to."""
    offsets = [0.0] * len(ends)
    for node in {node for node, _ in ends}:
        here = sorted((place, arrow) for arrow, (at, place) in enumerate(ends) if at == node)
        for rank, (_, arrow) in enumerate(here):
            offsets[arrow] = apart * (rank - (len(here) - 1) / 2)
    return offsets


def room(layers: Layers, label: float) -> dict[int, float]:
    """How high each item is, in points: a node by the arrows that meet there, a way point by its label's height."""
    meeting = Counter(arrow.target for arrow in layers.arrows)
    heights: dict[int, float] = {}
    for arrow, chain in zip(layers.arrows, layers.chains, strict=True):
        heights |= dict.fromkeys(chain[1:-1], label if arrow.operation else _THIN)
    return heights | {node: max(NODE, _ARRIVE * meeting[node] + 4) for node in layers.nodes()}


def apart(upper: int, lower: int, heights: Mapping[int, float], nodes: int) -> float:
    """The least distance between the middles of two items, one below the other; items under `nodes` are nodes."""
    between = _NODES_APART if max(upper, lower) < nodes else _APART
    return (heights[upper] + heights[lower]) / 2 + between


def settle(
    layers: Layers, heights: Mapping[int, float], stretch: float, raised: Mapping[int, float]
) -> dict[int, float]:
    """The height of each item's middle, upwards from a middle line at 0.

    Least squares of the steps of all arrows, by columns in turn. Distances are `stretch` times what the items need,
    and the arrows in `raised` are drawn that many points above the straight line.
    """
    weights, constant = _pulls(layers, raised)
    weights, constant = weights / (total := _REST + weights.sum(axis=1))[:, None], constant / total
    nodes, down = len(layers.nodes()), np.zeros(len(total))
    columns = []
    for column in map(list, filter(None, layers.columns)):  # no arrow may pass between two columns
        down[column] = np.arange(len(column)) * NODE
        between = [stretch * apart(*pair, heights, nodes) for pair in pairwise(column)]
        columns.append((column, weights[column], constant[column], total[column], between))
    for _ in range(_SWEEPS):
        for column, pull, offset, weight, between in columns:
            down[column] = spread(pull @ down + offset, between, weight)
    return dict(enumerate(((down.max() + down.min()) / 2 - down).tolist()))


def _pulls(layers: Layers, raised: Mapping[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """How much each item (row) likes to be level with each other one, and the sum over these of weight times offset."""
    items = sum(map(len, layers.columns))
    weights, constant = np.zeros((items, items)), np.zeros(items)

    def pull(item: int, other: int, below: float, weight: float) -> None:
        weights[item, other] += weight
        constant[item] += weight * below

    for at, (arrow, chain, (leave, arrive)) in enumerate(zip(layers.arrows, layers.chains, ports(layers), strict=True)):
        start, *inner, end = chain
        for left, right in pairwise(chain):
            below = leave * (left == start) - arrive * (right == end)
            weight = (1.0 if arrow.operation else 0.5) * (1.0 if left == start or right == end else 3.0)
            pull(right, left, below, weight)
            pull(left, right, -below, weight)
        for item in inner if at in raised else ():
            pull(item, start, -raised[at], _RAISED)
            pull(item, end, -raised[at], _RAISED)
    return weights, constant


def spread(wanted: Sequence[float], apart: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """The positions nearest to `wanted` (least squares) that rise by at least `apart[i]` from item i to item i + 1."""
    offsets = [0.0, *accumulate(apart)]
    weights = [1.0] * len(offsets) if weights is None else weights
    pools: list[tuple[float, float, int]] = []  # (mean, weight, items), merged while they are out of order
    for value, offset, weight in zip(wanted, offsets, weights, strict=True):
        mean, items = value - offset, 1
        while pools and pools[-1][0] > mean:
            other, its_weight, its_items = pools.pop()
            mean = (mean * weight + other * its_weight) / (weight + its_weight)
            weight, items = weight + its_weight, items + its_items
        pools.append((mean, weight, items))
    means = [mean for mean, _, items in pools for _ in range(items)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
