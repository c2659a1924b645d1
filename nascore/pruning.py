"""Pruning, the fourth choice: which candidate operations leave the supernet, and when.

A pruning looks at the strengths and says what stays alive; the search takes what is dropped out of the supernet's
computation for good.
"""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from nascore.config import Settings

Masks = Mapping[str, Tensor]  # cell type -> bools (edges, operations), on the CPU


class Pruning(Settings):
    """Base of the prunings, and the one of DARTS: nothing is ever dropped."""

    every: Literal["epoch", "step"] = "epoch"  # when to look

    def keep(self, strengths: Mapping[str, Tensor], alive: Masks, epoch: int) -> Masks:
        """What stays alive, a part of `alive`, looking at the strengths (edges, operations) in or after `epoch` (from
        1).
        """
        return alive


class Zeros(Pruning):
    """What has the weight exactly 0 is dropped for good (sparse DARTS, section 4), after `warm_up` epochs."""

    warm_up: int = 0

    def validate(self) -> None:
        self.require(self.warm_up >= 0, "warm_up", "at least 0")

    def keep(self, strengths: Mapping[str, Tensor], alive: Masks, epoch: int) -> Masks:
        if epoch <= self.warm_up:
            return alive
        return {kind: mask & (strengths[kind].cpu() > 0) for kind, mask in alive.items()}
