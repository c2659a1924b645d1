"""Gumbel-softmax: the relaxation of SNAS, GDAS and EoiNAS."""

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from nascore.base.ranges import Positive, Range
from nascore.relaxations.base import ANYWHERE, Context, EdgeWeights, Relaxation
from nascore.relaxations.softmax import Softmax


class GumbelSoftmax(Relaxation):
    """A draw for each edge: softmax of (log softmax(alpha) + Gumbel noise) / temperature (GDAS; EoiNAS, equation 3).

    `hard` computes the drawn operation alone, that of the largest weight; its weight is 1, and its gradient that of the
    soft one (straight-through). The temperature falls from `temperature` to `final_temperature` over the search, along
    a line (GDAS) or by equal factors (EoiNAS), and arrives `after` the last epoch, which is then a step short of it, or
    `in_last`, where E epochs have E - 1 steps between them (Code: GDAS). Strengths are probabilities, softmax(alpha).
    """

    temperature: Positive = 10.0
    final_temperature: Annotated[float, Range(above=0, why="which is never reached")] = 0.1
    schedule: Literal["linear", "exponential"] = "linear"
    arrives: Literal["after", "in_last"] = "after"
    hard: bool = True

    draws: ClassVar[bool] = True
    anneals: ClassVar[bool] = True

    @property
    def samples(self) -> bool:  # type: ignore[override]  # here it depends on settings
        return self.hard

    def temperature_at(self, progress: float, last: float = 1.0) -> float:
        """The temperature of the epoch that begins at `progress`, of a search whose last one begins at `last`."""
        if self.arrives == "in_last":  # a search of one epoch has its end and its beginning in it, and is at the end
            progress = min(1.0, progress / last) if last else 1.0
        first, end = self.temperature, self.final_temperature
        return first + progress * (end - first) if self.schedule == "linear" else first * (end / first) ** progress

    def strengths(self, alpha: Tensor, alive: Tensor, context: Context = ANYWHERE) -> Tensor:
        return Softmax().strengths(alpha, alive)

    def weights(
        self, alpha: Tensor, alive: Tensor, generator: torch.Generator, context: Context = ANYWHERE
    ) -> EdgeWeights:
        noise = -torch.empty_like(alpha).exponential_(generator=generator).log()
        # log softmax moves all operations of an edge alike, which a softmax does not see
        soft = Softmax().strengths((alpha + noise) / self.temperature_at(context.progress, context.last), alive)
        if not self.hard:
            return EdgeWeights(soft)
        drawn = torch.zeros_like(alive).scatter_(-1, soft.argmax(dim=-1, keepdim=True), True) & alive
        return EdgeWeights(drawn.to(soft.dtype) - soft.detach() + soft, drawn.cpu())
