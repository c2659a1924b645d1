"""Pruning of what has the weight 0: sparse DARTS's."""

from collections.abc import Mapping

from torch import Tensor

from nascore.pruning.base import Masks, Pruning
from nascore.spaces.base import Space


class Zeros(Pruning):
    """What has the weight exactly 0 is dropped for good (sparse DARTS, section 4), after `warm_up` epochs."""

    warm_up: int = 0

    def validate(self) -> None:
        self.require(self.warm_up >= 0, "warm_up", "at least 0")

    def keep(self, space: Space, strengths: Mapping[str, Tensor], alive: Masks, epoch: int) -> Masks:
        if epoch <= self.warm_up:
            return alive
        return {kind: mask & (strengths[kind].cpu() > 0) for kind, mask in alive.items()}
