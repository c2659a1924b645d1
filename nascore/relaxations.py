"""Relaxation, the second choice: how architecture parameters (alpha) become the weights of candidate operations.

A relaxation sees one cell type at a time: `alpha` and `alive` are (edges, operations). Dead entries (pruned ones) get
weight 0 and are never computed. Weights are float32 or float64 whatever precision the supernet computes in.
"""

from typing import ClassVar, Literal, NamedTuple

import entmax
import torch
from torch import Tensor

from nascore.config import Settings
from nascore.errors import ConfigError


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


class Softmax(Relaxation):
    """Softmax over the living operations of each edge (DARTS, equation 2)."""

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        # an edge that has lost every operation would be 0/0: give it zeros
        return alpha.masked_fill(~alive, -torch.inf).softmax(dim=-1).masked_fill(~alive, 0.0)


class Entmax(Relaxation):
    """alpha-entmax over the living operations of each edge: weights that can be exactly zero (sparse DARTS, section 4).

    p = argmax of p.z + H_alpha(p) over the simplex, so p_j = [(alpha - 1) z_j - tau]_+ ^ (1 / (alpha - 1)); alpha 1 is
    softmax, 2 is sparsemax. By the `entmax` package: exactly for 1.5 and 2, otherwise by bisection. `final_alpha` lets
    alpha grow or fall along a line to that value at the end of the search (the paper's outlook, section 6).

    Raises `ConfigError` for an alpha below 1, and for architecture parameters of less than float32: in half precision
    a weight is rounded to zero, and what is zero may be pruned.
    """

    alpha: float = 3.0
    final_alpha: float | None = None

    def validate(self) -> None:
        self.require(self.alpha >= 1, "alpha", "at least 1, which is softmax,")
        self.require(self.final_alpha is None or self.final_alpha >= 1, "final_alpha", "at least 1, which is softmax,")

    @property
    def anneals(self) -> bool:
        return self.final_alpha is not None

    def alpha_at(self, progress: float) -> float:
        return self.alpha if self.final_alpha is None else self.alpha + progress * (self.final_alpha - self.alpha)

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        if alpha.dtype not in (torch.float32, torch.float64):
            raise ConfigError(f"entmax needs architecture parameters of float32 or float64, not {alpha.dtype}")
        # an edge that has lost every operation gets zeros
        lost = ~alive.any(dim=-1, keepdim=True)
        weights = _entmax(alpha.masked_fill(~(alive | lost), -torch.inf), self.alpha_at(progress))
        return weights.masked_fill(~alive, 0.0)


class Scales(Relaxation):
    """No relaxation: architecture parameters are themselves the scales of connections (DSO-NAS, equation 2).

    They are free, and none is weighed against another.
    """

    outruns_statistics: ClassVar[bool] = True  # as scales shrink, so does what BatchNorm sees

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        return alpha.masked_fill(~alive, 0.0)


class GumbelSoftmax(Relaxation):
    """A draw for each edge: softmax of (log softmax(alpha) + Gumbel noise) / temperature (GDAS; EoiNAS, equation 3).

    `hard` computes the drawn operation alone, that of the largest weight; its weight is 1, and its gradient that of the
    soft one (straight-through). The temperature falls from `temperature` to `final_temperature` over the search, along
    a line (GDAS) or by equal factors (EoiNAS). Strengths are the probabilities, softmax(alpha).
    """

    temperature: float = 10.0
    final_temperature: float = 0.1
    schedule: Literal["linear", "exponential"] = "linear"
    hard: bool = True

    anneals: ClassVar[bool] = True

    def validate(self) -> None:
        self.require(self.temperature > 0, "temperature", "above 0")
        self.require(self.final_temperature > 0, "final_temperature", "above 0, which is never reached,")

    @property
    def samples(self) -> bool:
        return self.hard

    def temperature_at(self, progress: float) -> float:
        first, last = self.temperature, self.final_temperature
        return first + progress * (last - first) if self.schedule == "linear" else first * (last / first) ** progress

    def strengths(self, alpha: Tensor, alive: Tensor, progress: float = 0.0) -> Tensor:
        return Softmax().strengths(alpha, alive)

    def weights(self, alpha: Tensor, alive: Tensor, progress: float, generator: torch.Generator) -> EdgeWeights:
        noise = -torch.empty_like(alpha).exponential_(generator=generator).log()
        # log softmax moves all operations of an edge alike, which a softmax does not see
        soft = Softmax().strengths((alpha + noise) / self.temperature_at(progress), alive)
        if not self.hard:
            return EdgeWeights(soft)
        drawn = torch.zeros_like(alive).scatter_(-1, soft.argmax(dim=-1, keepdim=True), True) & alive
        return EdgeWeights(drawn.to(soft.dtype) - soft.detach() + soft, drawn.cpu())


def _entmax(z: Tensor, alpha: float) -> Tensor:
    match alpha:
        case 1.0:
            return z.softmax(dim=-1)
        case 1.5:
            return entmax.entmax15(z, dim=-1)
        case 2.0:
            return entmax.sparsemax(z, dim=-1)
    return entmax.entmax_bisect(z, z.new_full((), alpha), dim=-1)
