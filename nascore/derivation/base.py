"""Derivation, the fifth choice: how a trained supernet becomes a genotype."""

from collections.abc import Mapping

from torch import Tensor

from nascore.base.config import Settings
from nascore.networks.genotypes import AnyGenotype, Arrow
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
