"""Indicators: what operations are judged by, where pruning and derivation ask which is the stronger.

For most methods that is the architecture weight. An indicator is a value; `start` turns it into a `Judge`, which sees
every search step and keeps what it needs of it.
"""

from collections.abc import Mapping
from typing import Any

from nascore.base.answers import Answer
from nascore.optimization.base import Step
from nascore.spaces.base import Masks, Strengths

Shapes = Mapping[str, tuple[int, int]]  # cell type -> (edges, operations)


class Indicator(Answer):
    """Base of the indicators, and the one of most methods: the architecture weights themselves."""

    def start(self, shapes: Shapes) -> "Judge":
        """The judge at the beginning of a search; `shapes` are those of `Space.shapes`."""
        return Judge()


class Judge:
    """What an indicator knows by now. This one knows nothing but the weights."""

    def observe(self, step: Step) -> None:
        """See one search step; steps of a warm-up are not shown."""

    def strengths(self, weights: Strengths, alive: Masks) -> Strengths:
        """What pruning and derivation go by, given the architecture weights."""
        return weights

    def history(self, weights: Strengths, alive: Masks) -> dict[str, Strengths]:
        """Name -> what the run record keeps beside the weights at this moment."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...
