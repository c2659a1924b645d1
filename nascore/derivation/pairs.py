"""Derivation by pairs of an edge and an operation: GDAS's code's."""

from torch import Tensor

from nascore.base.answers import Answers
from nascore.base.ranges import Count
from nascore.derivation.base import Derivation
from nascore.derivation.edges import _strongest
from nascore.networks.genotypes import Arrow
from nascore.spaces.base import Space


class StrongestPairs(Derivation):
    """Each node keeps its `inputs` strongest pairs of an edge and an operation, `none` left out: two of them may be on
    one edge.

    GDAS derives so (in its code). Of equal pairs the earlier edge wins, then the earlier candidate.
    """

    inputs: Count = 2

    def objection(self, search: Answers) -> str | None:
        if search.space.parallel:
            return super().objection(search)
        return (
            f"StrongestPairs may keep two operations of one edge, and a {type(search.space).__name__} has one an edge: "
            "take StrongestEdges, or EveryEdge"
        )

    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
        found: dict[int, list[tuple[float, Arrow]]] = {}
        for (source, target), row in zip(space.edges(), strengths.tolist(), strict=True):
            pairs = zip(row, space.operations, strict=True)
            found.setdefault(target, []).extend(
                (value, (name, source, target)) for value, name in pairs if name != "none"
            )
        return [arrow for _, pairs in sorted(found.items()) for arrow in _strongest(pairs, self.inputs)]
