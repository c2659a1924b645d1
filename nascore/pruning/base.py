"""The base of the prunings, and what they look at.

A pruning looks at the operations' strengths, as the search's indicator judges them, and says what stays alive; the
search takes what is dropped out of the supernet's computation for good.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from nascore.base.answers import Answer
from nascore.spaces.base import Masks, Space, Strengths

Snapshot = Mapping[str, Mapping[str, Tensor]]  # cell type -> column of the record -> values, NaN where dropped


class Seen(NamedTuple):
    """A search, as prunings and stops see it, in or after `epoch` (from 1).

    `strengths` are what the indicator says now, of what is `alive`. `history` has what the record keeps of the epochs
    before, first of the time before training: `weight`, (edges, operations), and the indicator's columns. `seconds` is
    the time that the epochs took so far, on the clock.
    """

    space: Space
    strengths: Strengths
    alive: Masks
    epoch: int
    history: Sequence[Snapshot] = ()
    seconds: float = 0.0


class Pruning(Answer):
    """Base of the prunings, and the one of DARTS: nothing is ever dropped."""

    every: Literal["epoch", "step", "end"] = "epoch"  # when to drop: after each, or once, after the last epoch

    def keep(self, seen: Seen) -> Masks:
        """What stays alive, a part of `seen.alive`."""
        return seen.alive

    def remarks(self, alive: Masks) -> tuple[str, ...]:
        """What a user should be told where a search ends with `alive`."""
        return ()
