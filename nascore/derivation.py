"""Derivation, the fifth choice: how a trained supernet becomes a genotype."""

from collections.abc import Mapping

from torch import Tensor

from nascore.config import Settings
from nascore.genotypes import AnyGenotype, Arrow
from nascore.spaces.base import Space


class Derivation(Settings):
    """Base of the derivations: which operations of which edges are kept. The space makes a genotype of them."""

    def genotype(self, space: Space, strengths: Mapping[str, Tensor]) -> AnyGenotype:
        """The architecture that `strengths`, cell type -> (edges, operations), stand for; the indicator says them."""
        return space.genotype({kind: self.choose(space, values.detach().cpu()) for kind, values in strengths.items()})

    def choose(self, space: Space, strengths: Tensor) -> list[Arrow]:
        """The (operation, source node, target node) that a cell with these (edges, operations) strengths keeps."""
        raise NotImplementedError


class StrongestEdges(Derivation):
    """Each node keeps the `inputs` edges whose best operation is strongest, each with that operation; `none` does not
    count.

    DARTS, section 2.4. Of equal edges the earlier source wins, of equal operations the earlier candidate.
    """

    inputs: int = 2

    def validate(self) -> None:
        self.require(self.inputs >= 1, "inputs", "at least 1")

    def choose(self, space: Space, strengths: Tensor) -> list[Arrow]:
        usable = [i for i, name in enumerate(space.operations) if name != "none"]
        strength, best = strengths[:, usable].max(dim=1)
        found: dict[int, list[tuple[float, Arrow]]] = {}
        for edge, (source, target) in enumerate(space.edges()):
            arrow = space.operations[usable[int(best[edge])]], source, target
            found.setdefault(target, []).append((float(strength[edge]), arrow))
        return [arrow for _, edges in sorted(found.items()) for arrow in _strongest(edges, self.inputs)]


class StrongestPairs(Derivation):
    """Each node keeps its `inputs` strongest pairs of an edge and an operation, `none` left out: two of them may be on
    one edge.

    GDAS derives so (in its code). Of equal pairs the earlier edge wins, then the earlier candidate.
    """

    inputs: int = 2

    def validate(self) -> None:
        self.require(self.inputs >= 1, "inputs", "at least 1")

    def choose(self, space: Space, strengths: Tensor) -> list[Arrow]:
        found: dict[int, list[tuple[float, Arrow]]] = {}
        for (source, target), row in zip(space.edges(), strengths.tolist(), strict=True):
            pairs = zip(row, space.operations, strict=True)
            found.setdefault(target, []).extend(
                (value, (name, source, target)) for value, name in pairs if name != "none"
            )
        return [arrow for _, pairs in sorted(found.items()) for arrow in _strongest(pairs, self.inputs)]


class EveryEdge(Derivation):
    """Each edge keeps its strongest operation, as long as that has any weight at all.

    With `none_competes`, an edge whose strongest operation is `none` is dropped, as NAS-Bench-201 derives cells;
    without, only an edge on which nothing else has a weight (sparse DARTS). Of equal operations the earlier candidate
    wins.
    """

    none_competes: bool = False

    def choose(self, space: Space, strengths: Tensor) -> list[Arrow]:
        counted = [i for i, name in enumerate(space.operations) if self.none_competes or name != "none"]
        strength, best = strengths[:, counted].max(dim=1)
        names = [space.operations[counted[at]] for at in best.tolist()]
        return [
            (name, source, target)
            for name, value, (source, target) in zip(names, strength.tolist(), space.edges(), strict=True)
            if name != "none" and value > 0
        ]


def _strongest(candidates: list[tuple[float, Arrow]], count: int) -> list[Arrow]:
    """The arrows of the `count` largest values, by source."""
    ranked = sorted(candidates, key=lambda candidate: -candidate[0])[:count]
    return sorted((arrow for _, arrow in ranked), key=lambda arrow: arrow[1])
