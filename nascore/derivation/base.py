"""The base of the derivations, and what they may ask of the search that is over."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from nascore.base.answers import Answer, Answers
from nascore.networks.genotypes import AnyGenotype, Arrow
from nascore.spaces.base import Masks, Space


class Trained(Protocol):
    """A search at its end, to look at and to try things on: a copy, so that the search stays what it was.

    Weights are cell type -> (edges, operations); what has the weight 0 is not computed. Its draws are its own, so that
    the same search gives the same answers.
    """

    space: Space
    alive: Masks
    draws: torch.Generator  # on the CPU, for a derivation's own

    def weights(self, alive: Masks) -> dict[str, Tensor]:
        """The architecture weights, without randomness, as they would be if `alive` were all that lives."""

    def accuracy(self, weights: Mapping[str, Tensor]) -> float:
        """In percent, of the supernet with these weights on the held-out images."""

    def fine_tune(self, weights: Mapping[str, Tensor], epochs: int, learning_rate: float) -> None:
        """Train the supernet's own weights, at these architecture weights, on the training part of the images."""


class Derivation(Answer):
    """Base of the derivations: which operations of which edges are kept. The space makes a genotype of them."""

    needs_search: ClassVar[bool] = False  # whether strengths are not enough, as for what evaluates the supernet

    def genotype(self, space: Space, strengths: Mapping[str, Tensor], search: Trained | None = None) -> AnyGenotype:
        """The architecture that `strengths`, cell type -> (edges, operations), stand for; the indicator says them.

        `search` is what they come from, where it is there: a record has the strengths alone. It is called again when a
        run is interrupted here, and must then come to the same end.
        """
        return space.genotype(
            {kind: self.choose(space, values.detach().cpu(), kind) for kind, values in strengths.items()}
        )

    @abstractmethod
    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
        """The (operation, source node, target node) that a cell of type `kind` with these (edges, operations)
        strengths keeps.
        """
        raise NotImplementedError

    def objection(self, search: Answers) -> str | None:
        if self.needs_search and search.optimization.train_fraction == 1:
            return (
                f"{type(self).__name__} evaluates the supernet on held-out images, and there are none: take a "
                "train_fraction below 1"
            )
        return None
