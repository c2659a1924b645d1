"""Derivation of every edge: NAS-Bench-201's, sparse DARTS's, DSO-NAS's."""

from torch import Tensor

from nascore.derivation.base import Derivation
from nascore.networks.genotypes import Arrow
from nascore.spaces.base import Space


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
