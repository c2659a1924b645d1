"""Pruning of zeros and of what they isolate: DSO-NAS's."""

from collections.abc import Mapping

from torch import Tensor

from nascore.pruning.base import Masks
from nascore.pruning.zeros import Zeros
from nascore.spaces.base import Space


class Isolated(Zeros):
    """What has the scale exactly 0 is dropped, and then what that isolates: operations that nothing leads to or that
    lead nowhere, with all their connections, until nothing more is isolated (DSO-NAS, section 3.1). In a `BlockSpace`.
    """

    def keep(self, space: Space, strengths: Mapping[str, Tensor], alive: Masks, epoch: int) -> Masks:
        if epoch <= self.warm_up:
            return alive
        return {kind: space.connected(mask & (strengths[kind].cpu() != 0)) for kind, mask in alive.items()}

    def remarks(self, alive: Masks) -> tuple[str, ...]:
        if all(mask.all() for mask in alive.values()):
            return ("nothing was pruned: the penalty is too small for so few steps, give a larger one or more epochs",)
        if not any(mask.any() for mask in alive.values()):
            return ("everything was pruned and all blocks are the identity: give a smaller penalty",)
        return ()
