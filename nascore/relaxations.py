"""Relaxation, the second choice: how architecture parameters (alpha) become the weights of candidate operations.

A relaxation sees one cell type at a time: `alpha` and `alive` are (edges, operations). Dead entries (pruned ones) get
weight 0 and are never computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from nascore.config import Settings


class EdgeWeights(NamedTuple):
    """What a supernet mixes with: `values` (edges, operations), and as bools on the CPU which to compute at all."""

    values: Tensor
    active: Tensor


class Relaxation(Settings):
    """Base of the relaxations. `progress` runs from 0 to 1 over the search, for those that anneal."""

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        """What derivation, pruning and figures read, without randomness: (edges, operations), 0 where not alive."""
        raise NotImplementedError

    def weights(self, alpha: Tensor, alive: Tensor, progress: float, generator: torch.Generator) -> EdgeWeights:
        """The weights of one forward pass; a sampling relaxation draws them from `generator`."""
        return EdgeWeights(self.strengths(alpha, alive, progress), alive)


class Softmax(Relaxation):
    """Softmax over the living operations of each edge (DARTS, equation 2)."""

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        dead = ~alive.to(alpha.device)
        # an edge that has lost every operation would be 0/0: give it zeros
        return alpha.masked_fill(dead, -torch.inf).softmax(dim=-1).masked_fill(dead, 0.0)
