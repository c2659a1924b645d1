"""Layers of a cell's drawing: in which column each node stands, and in which order arrows pass through the columns.

The steps of Sugiyama, Tagawa and Toda (1981): layers by the longest way from the inputs, way points where an arrow
passes a column, an order in each column by barycentres and exchanges for few crossings. Everything is deterministic.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, Protocol, runtime_checkable

_STARTS = 10  # orders to begin from
_PASSES = 6  # of exchanges
_FREE = 0.4  # what crossing a concatenation arrow counts, next to 1 for a labelled one


@runtime_checkable
class Drawable(Protocol):
    """A cell of any kind: its first `inputs` nodes are given, `output` is its last, and arrows lead to later nodes.

    Edges and arrows are (operation, source, target); arrows without an operation come last and lead to the output.
    """

    @property
    def inputs(self) -> int: ...
    @property
    def output(self) -> int: ...

    def __hash__(self) -> int: ...
    def edges(self) -> Sequence[tuple[str, int, int]]: ...
    def arrows(self) -> Sequence[tuple[str | None, int, int]]: ...


class Arrow(NamedTuple):
    """From node to node; `operation` is None for what leads into the concatenation."""

    operation: str | None
    source: int
    target: int


@dataclass(frozen=True)
class Layers:
    """`columns` lists items from top to bottom: nodes by their number (the output comes last), then way points.

    `chains` holds for each arrow the items that it passes, its source and target included. Nodes stand in the even
    columns, except for an output to which no operation leads: it follows the last of the others directly.
    """

    arrows: tuple[Arrow, ...]
    crossings: float
    columns: tuple[tuple[int, ...], ...]
    chains: tuple[tuple[int, ...], ...]

    def nodes(self) -> range:
        """The items that are nodes."""
        return range(self.columns[-1][0] + 1)


def layered(cell: Drawable) -> list[Layers]:
    """The different orders found, with c(k-2) above c(k-1), those with the fewest crossings first."""
    arrows = [Arrow(*arrow) for arrow in cell.arrows()]
    columns, chains = _way_points(arrows, _ranks(cell))
    near = _neighbours(arrows, chains)
    found = {}
    for start in range(_STARTS):
        order = _improve(_shuffled(columns, start), near)
        order = order if order[0][0] == 0 else [column[::-1] for column in order]
        found[tuple(map(tuple, order))] = _crossings(order, near)
    ranked = sorted(found.items(), key=lambda item: item[1])
    return [Layers(tuple(arrows), crossings, order, chains) for order, crossings in ranked]


def _ranks(cell: Drawable) -> dict[int, int]:
    ranks = dict.fromkeys(range(cell.inputs), 0)
    for node in range(cell.inputs, cell.output):
        ranks[node] = 1 + max((ranks[source] for _, source, target in cell.arrows() if target == node), default=0)
    ranks[cell.output] = 1 + max(ranks.values())
    return ranks


def _way_points(arrows: list[Arrow], ranks: dict[int, int]) -> tuple[list[list[int]], tuple[tuple[int, ...], ...]]:
    """Columns at twice the ranks, so that every arrow with a label passes a column in which the label has room."""
    output = max(ranks)
    bare = not any(arrow.operation for arrow in arrows if arrow.target == output)
    at = {node: 2 * rank - (bare and node == output) for node, rank in ranks.items()}
    columns: list[list[int]] = [[] for _ in range(at[output] + 1)]
    for node, column in at.items():
        columns[column].append(node)
    item, chains = len(ranks), []
    for arrow in arrows:
        passed = range(at[arrow.source] + 1, at[arrow.target])
        for column in passed:
            columns[column].append(item + column - passed.start)
        chains.append((arrow.source, *range(item, item + len(passed)), arrow.target))
        item += len(passed)
    return columns, tuple(chains)


# what an item's arrows lead to in the column before and in the column after it, each with how much a crossing matters
_Sides = tuple[list[tuple[int, float]], list[tuple[int, float]]]
_Near = dict[int, _Sides]  # of each item


def _neighbours(arrows: list[Arrow], chains: Sequence[Sequence[int]]) -> _Near:
    near: _Near = defaultdict(lambda: ([], []))
    for arrow, chain in zip(arrows, chains, strict=True):
        weight = 1.0 if arrow.operation else _FREE
        for left, right in pairwise(chain):
            near[left][1].append((right, weight))
            near[right][0].append((left, weight))
    return near


def _places(columns: Sequence[Sequence[int]]) -> dict[int, int]:
    return {item: place for column in columns for place, item in enumerate(column)}


def _crossings(columns: Sequence[Sequence[int]], near: _Near) -> float:
    places = _places(columns)
    return sum(
        ours * theirs
        for column in columns
        for upper, lower in combinations(column, 2)
        for one, ours in near[upper][1]
        for other, theirs in near[lower][1]
        if places[one] > places[other]
    )


def _shuffled(columns: list[list[int]], start: int) -> list[list[int]]:
    generator = random.Random(start)
    return [generator.sample(column, len(column)) if start else list(column) for column in columns]


def _improve(columns: list[list[int]], near: _Near) -> list[list[int]]:
    for _ in range(4):
        for at in [*range(1, len(columns)), *range(len(columns) - 2, -1, -1)]:
            columns[at] = _by_barycentre(columns[at], _places(columns), near)
    best, fewest = columns, _crossings(columns, near)
    for attempt in range(_PASSES):
        # every other pass also makes exchanges that change nothing: they carry a crossing to where it can be undone
        columns = _exchanged(columns, near, need=1e-9 if attempt % 2 else -1e-9)
        if (now := _crossings(columns, near)) < fewest - 1e-9:
            best, fewest = columns, now
    return best


def _by_barycentre(column: list[int], places: dict[int, int], near: _Near) -> list[int]:
    def centre(item: int) -> float:
        pulls = [places[other] for side in near[item] for other, _ in side]
        return sum(pulls) / len(pulls) if pulls else places[item]

    return sorted(column, key=centre)


def _exchanged(columns: list[list[int]], near: _Near, need: float) -> list[list[int]]:
    """`columns` with neighbours exchanged wherever that saves more than `need` crossings."""
    columns, places = [list(column) for column in columns], _places(columns)
    for column in columns:
        for at in range(len(column) - 1):
            upper, lower = column[at : at + 2]
            if _saved(near[upper], near[lower], places) > need:
                column[at : at + 2] = lower, upper
                places[upper], places[lower] = places[lower], places[upper]
    return columns


def _saved(upper: _Sides, lower: _Sides, places: dict[int, int]) -> float:
    """How many crossings fewer there are, by weight, if two neighbours in a column change places."""
    return sum(
        ours * theirs * ((places[one] > places[other]) - (places[one] < places[other]))
        for side in (0, 1)
        for one, ours in upper[side]
        for other, theirs in lower[side]
    )
