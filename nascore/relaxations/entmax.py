"""alpha-entmax: sparse DARTS's relaxation."""

from typing import Annotated

import entmax
import torch
from torch import Tensor

from nascore.base.errors import ConfigError
from nascore.base.ranges import Range
from nascore.relaxations.base import ANYWHERE, Context, Relaxation

_Alpha = Annotated[float, Range(1, 100, why="1 is softmax")]


class Entmax(Relaxation):
    """alpha-entmax over the living operations of each edge: weights that can be exactly zero (sparse DARTS, section 4).

    p = argmax of p.z + H_alpha(p) over the simplex, so p_j = [(alpha - 1) z_j - tau]_+ ^ (1 / (alpha - 1)); alpha 1 is
    softmax, 2 is sparsemax. By the `entmax` package: exactly for 1.5 and 2, otherwise by bisection. `final_alpha` lets
    alpha grow or fall along a line to that value at the end of the search (the paper's outlook, section 6).

    Raises `ConfigError` for an alpha below 1, and for architecture parameters of less than float32: in half precision
    a weight is rounded to zero, and what is zero may be pruned.
    """

    alpha: _Alpha = 3.0
    final_alpha: _Alpha | None = None

    @property
    def sparse(self) -> bool:  # type: ignore[override]  # here it depends on settings
        return max(self.alpha, self.final_alpha or 1.0) > 1

    @property
    def anneals(self) -> bool:  # type: ignore[override]  # here it depends on settings
        return self.final_alpha is not None

    def alpha_at(self, progress: float) -> float:
        return self.alpha if self.final_alpha is None else self.alpha + progress * (self.final_alpha - self.alpha)

    def strengths(self, alpha: Tensor, alive: Tensor, context: Context = ANYWHERE) -> Tensor:
        if alpha.dtype not in (torch.float32, torch.float64):
            raise ConfigError(f"entmax needs architecture parameters of float32 or float64, not {alpha.dtype}")
        # an edge that has lost every operation gets zeros
        lost = ~alive.any(dim=-1, keepdim=True)
        weights = _entmax(alpha.masked_fill(~(alive | lost), -torch.inf), self.alpha_at(context.progress))
        return weights.masked_fill(~alive, 0.0)


def _entmax(z: Tensor, alpha: float) -> Tensor:
    match alpha:
        case 1.0:
            return z.softmax(dim=-1)
        case 1.5:
            return entmax.entmax15(z, dim=-1)
        case 2.0:
            return entmax.sparsemax(z, dim=-1)
    return entmax.entmax_bisect(z, z.new_full((), alpha), dim=-1)
