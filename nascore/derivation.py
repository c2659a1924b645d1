"""Derivation, the fifth choice: how a trained supernet becomes a genotype."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nascore.config import Settings
from nascore.genotypes import AnyGenotype, Arrow
from nascore.operations import OPERATIONS
from nascore.spaces.base import Space


class Derivation(Settings):
    """Base of the derivations: which operations of which edges are kept. The space makes a genotype of them."""

    def genotype(self, space: Space, strengths: Mapping[str, Tensor]) -> AnyGenotype:
        """The architecture that `strengths`, cell type -> (edges, operations), stand for; the indicator says them."""
        return space.genotype(
            {kind: self.choose(space, values.detach().cpu(), kind) for kind, values in strengths.items()}
        )

    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
        """The (operation, source node, target node) that a cell of type `kind` with these (edges, operations)
        strengths keeps.
        """
        raise NotImplementedError


class StrongestEdges(Derivation):
    """Each node keeps the `inputs` edges whose best operation is strongest, each with that operation; `none` does not
    count, nor does what has no strength.

    DARTS, section 2.4. Of equal edges the earlier source wins, of equal operations the earlier candidate.

    With a `skip_limit`, no normal cell type keeps more skip connections than that (P-DARTS; ETH thesis, section
    3.2.2): as long as there are too many, the weakest of those kept loses its strength, and all is chosen anew. So
    another operation of the same edge takes its place, or another edge does. Reduction cells are not limited.
    """

    inputs: int = 2
    skip_limit: int | None = None

    def validate(self) -> None:
        self.require(self.inputs >= 1, "inputs", "at least 1")
        self.require(self.skip_limit is None or self.skip_limit >= 0, "skip_limit", "at least 0")

    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
        strengths, edges = strengths.clone(), space.edges()
        limit = None if kind == "reduce" else self.skip_limit
        while True:
            scores = self.scores(space, strengths)
            kept = _strongest_edges(space, scores, self.inputs)
            skips = [edges.index((source, target)) for name, source, target in kept if name == "skip_connect"]
            if limit is None or len(skips) <= limit:
                return kept
            skip = space.operations.index("skip_connect")
            strengths[min(skips, key=lambda edge: float(scores[edge, skip])), skip] = 0.0

    def scores(self, space: Space, strengths: Tensor) -> Tensor:
        """What operations are chosen by: (edges, operations), 0 for `none`."""
        none = torch.tensor([name == "none" for name in space.operations])
        return strengths.masked_fill(none, 0.0)


class StrongestGroups(StrongestEdges):
    """`StrongestEdges`, after the strongest operation of the strongest group has got its group's strength, on each
    edge (ETH thesis, section 3.5).

    A group is as strong as its operations together. `groups` are names; an operation in none of them is a group of its
    own. By default they are the thesis's: pools, convolutions, `skip_connect`. The thesis writes the sum over raw
    architecture parameters; here it is over the strengths, since a sum of negative numbers would make a group the
    weaker the more members it has. `none` is in no group, as it is never chosen. Raises `ConfigError` for an unknown
    operation, or one in two groups.
    """

    groups: tuple[tuple[str, ...], ...] | None = None

    def validate(self) -> None:
        super().validate()
        named = [name for group in self.groups or () for name in group]
        distinct = set(named) <= set(OPERATIONS) and len(set(named)) == len(named)
        self.require(distinct, "groups", "groups of different names of operations")

    def scores(self, space: Space, strengths: Tensor) -> Tensor:
        scores, groups = super().scores(space, strengths), self._groups(space.operations)
        sums = scores.new_zeros((len(scores), len(groups))).index_add_(1, groups, scores)
        strongest = sums.argmax(dim=1, keepdim=True)
        best = scores.masked_fill(groups != strongest, -1.0).argmax(dim=1, keepdim=True)
        return scores.scatter(1, best, sums.gather(1, strongest))

    def _groups(self, operations: Sequence[str]) -> Tensor:
        """A number for each operation's group, (operations,)."""
        names = [_family(name) if self.groups is None else self._group(name) for name in operations]
        return torch.tensor([names.index(name) for name in names])

    def _group(self, name: str) -> str:
        return next((group[0] for group in self.groups if name in group), name)


def _family(name: str) -> str:
    return next((family for family in ("pool", "conv") if family in name), name)


def _strongest_edges(space: Space, scores: Tensor, inputs: int) -> list[Arrow]:
    """The best operation of each node's `inputs` best edges, of those that have any strength."""
    strength, best = scores.max(dim=1)
    found: dict[int, list[tuple[float, Arrow]]] = {}
    for edge, (source, target) in enumerate(space.edges()):
        if strength[edge] > 0:
            arrow = space.operations[int(best[edge])], source, target
            found.setdefault(target, []).append((float(strength[edge]), arrow))
    return [arrow for _, edges in sorted(found.items()) for arrow in _strongest(edges, inputs)]


class StrongestPairs(Derivation):
    """Each node keeps its `inputs` strongest pairs of an edge and an operation, `none` left out: two of them may be on
    one edge.

    GDAS derives so (in its code). Of equal pairs the earlier edge wins, then the earlier candidate.
    """

    inputs: int = 2

    def validate(self) -> None:
        self.require(self.inputs >= 1, "inputs", "at least 1")

    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
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

    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
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
