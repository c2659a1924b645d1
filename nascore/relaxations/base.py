"""Relaxation, the second choice: how architecture parameters (alpha) become the weights of candidate operations.

A relaxation sees one cell type at a time: `alpha` and `alive` are (edges, operations). Dead entries (pruned ones) get
weight 0 and are never computed. Weights are float32 or float64 whatever precision the supernet computes in.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from nascore.base.config import Settings


class EdgeWeights(NamedTuple):
    """What a supernet mixes with: `values` (edges, operations), and as bools on the CPU which to compute at all.

    A relaxation says `active` only where it computes less than what is alive; `Architecture` fills it in otherwise.
    """

    values: Tensor
    active: Tensor | None = None


class Relaxation(Settings):
    """Base of the relaxations. `progress` runs from 0 to 1 over the search, for those that anneal.

    `alive` is on the device of `alpha`.
    """

    samples: ClassVar[bool] = False  # whether each forward pass computes a draw of its own
    anneals: ClassVar[bool] = False  # whether `progress` matters
    outruns_statistics: ClassVar[bool] = False  # whether BatchNorm's running statistics lag behind the weights

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        """What derivation, pruning and figures read, without randomness: (edges, operations), 0 where not alive."""
        raise NotImplementedError

    def weights(self, alpha: Tensor, alive: Tensor, progress: float, generator: torch.Generator) -> EdgeWeights:
        """The weights of one forward pass; a sampling relaxation draws them from `generator`."""
        return EdgeWeights(self.strengths(alpha, alive, progress))
