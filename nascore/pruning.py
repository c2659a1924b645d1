"""Pruning, the fourth choice: which candidate operations leave the supernet, and when.

A pruning looks at the strengths and says what stays alive; the search takes what is dropped out of the supernet's
computation for good.
"""

from collections.abc import Mapping

from torch import Tensor

from nascore.config import Settings


class Pruning(Settings):
    """Base of the prunings, and the one of DARTS: nothing is ever dropped."""

    def keep(self, strengths: Mapping[str, Tensor], alive: Mapping[str, Tensor], epoch: int) -> Mapping[str, Tensor]:
        """Cell type -> bools (edges, operations) of what stays alive after `epoch` (from 1), a part of `alive`."""
        return alive
