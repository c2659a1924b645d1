"""Softmax: DARTS's relaxation."""

import torch
from torch import Tensor

from nascore.relaxations.base import ANYWHERE, Context, Relaxation


class Softmax(Relaxation):
    """Softmax over the living operations of each edge (DARTS, equation 2)."""

    def strengths(self, alpha: Tensor, alive: Tensor, context: Context = ANYWHERE) -> Tensor:
        # an edge that has lost every operation would be 0/0: give it zeros
        return alpha.masked_fill(~alive, -torch.inf).softmax(dim=-1).masked_fill(~alive, 0.0)
