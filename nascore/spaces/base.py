"""Space, the first choice: what every search space offers to the search, whatever it is made of."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import nn

from nascore.base.config import Settings
from nascore.networks.genotypes import AnyGenotype, Arrow


class Space(Settings):
    """Base of the spaces.

    A supernet is a module called as `supernet(images, weights)`, where `weights` maps each cell type to its
    `EdgeWeights`; it returns logits (N, classes), and its parameters are the shared weights alone.
    """

    operations: tuple[str, ...]

    def check_operations(self, known: Iterable[str]) -> None:
        """Raise `ConfigError` unless the operations are different ones out of `known`, and more than `none`."""
        chosen, names = set(self.operations), list(known)
        distinct = len(chosen) == len(self.operations)
        self.require(
            bool(chosen) and chosen <= set(names) and distinct,
            "operations",
            f"different names out of {', '.join(names)}",
        )
        self.require(chosen != {"none"}, "operations", "more than `none`")

    def cell_types(self) -> tuple[str, ...]:
        """The names of the cell types, each with architecture parameters of its own."""
        raise NotImplementedError

    def edges(self) -> list[tuple[int, int]]:
        """The (source, target) node pairs of a cell, in the order of the architecture parameters' rows."""
        raise NotImplementedError

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Cell type -> (edges, operations): the shape of its architecture parameters."""
        return dict.fromkeys(self.cell_types(), (len(self.edges()), len(self.operations)))

    def supernet(self, in_channels: int, classes: int) -> nn.Module:
        """The network whose weights all architectures share, freshly initialised from torch's generator."""
        raise NotImplementedError

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> AnyGenotype:
        """The architecture whose cells, by type, have these operations on these edges, ordered by target."""
        raise NotImplementedError

    def random(self, generator: torch.Generator) -> AnyGenotype:
        """A genotype drawn uniformly from those that the space's usual derivation can give."""
        raise NotImplementedError
