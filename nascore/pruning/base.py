"""Pruning, the fourth choice: which candidate operations leave the supernet, and when.

A pruning looks at the operations' strengths, as the search's indicator judges them, and says what stays alive; the
search takes what is dropped out of the supernet's computation for good.
"""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from nascore.base.config import Settings
from nascore.spaces.base import Space

Masks = Mapping[str, Tensor]  # cell type -> bools (edges, operations), on the CPU


class Pruning(Settings):
    """Base of the prunings, and the one of DARTS: nothing is ever dropped."""

    every: Literal["epoch", "step"] = "epoch"  # when to look

    def keep(self, space: Space, strengths: Mapping[str, Tensor], alive: Masks, epoch: int) -> Masks:
        """What stays alive, a part of `alive`, looking at the strengths (edges, operations) in or after `epoch` (from
        1).
        """
        return alive

    def remarks(self, alive: Masks) -> tuple[str, ...]:
        """What a user should be told where a search ends with `alive`."""
        return ()
