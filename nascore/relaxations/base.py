"""The base of the relaxations, and what goes into them and comes out.

A relaxation sees one cell type at a time: `alpha` and `alive` are (edges, operations). Dead entries (pruned ones) get
weight 0 and are never computed. Weights are float32 or float64 whatever precision the supernet computes in.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from nascore.base.answers import Answer, Answers

Edges = tuple[tuple[int, int], ...]  # (source node, target node) pairs, in the order of alpha's rows


@dataclass(frozen=True)
class Context:
    """Where and when a relaxation is asked: what there is to know of a cell type beside its alpha.

    `edges` and `operations` name alpha's rows and columns. `progress` runs from 0 to 1 over the search, for those that
    anneal: each epoch has that of its beginning, and the last one has `last`. `own` holds the parameters that the
    relaxation has of its own, see `Relaxation.parameters`.
    """

    kind: str = "normal"
    edges: Edges = ()
    operations: tuple[str, ...] = ()
    progress: float = 0.0
    own: Mapping[str, Tensor] = field(default_factory=dict)
    last: float = 1.0


ANYWHERE = Context()  # for relaxations that need to know nothing of it


class EdgeWeights(NamedTuple):
    """What a supernet mixes with: `values` (edges, operations), and as bools on the CPU which to compute at all.

    A relaxation says `active` only where it computes less than what is alive; `Architecture` fills it in otherwise.
    `edges`, (edges,), are weights of whole edges, where there are such: `values` are already multiplied by them, and
    mixed operations that compute something beside their candidates (PC-DARTS) multiply that by them.
    """

    values: Tensor
    active: Tensor | None = None
    edges: Tensor | None = None


class Relaxation(Answer):
    """Base of the relaxations. `alive` is on the device of `alpha`."""

    draws: ClassVar[bool] = False  # whether a forward pass is random
    samples: ClassVar[bool] = False  # whether each forward pass computes a draw of its own
    anneals: ClassVar[bool] = False  # whether `Context.progress` matters
    outruns_statistics: ClassVar[bool] = False  # whether BatchNorm's running statistics lag behind the weights
    competes: ClassVar[bool] = True  # whether the operations of an edge are weighed against each other
    sparse: ClassVar[bool] = False  # whether weights become exactly 0

    def parameters(self, context: Context, generator: torch.Generator) -> dict[str, Tensor]:
        """Name -> initial values of what this relaxation learns beside alpha, for one cell type.

        Each has two dimensions that broadcast to (edges, operations): (edges, 1) for a number an edge, say. They are
        updated with alpha, checkpointed, and recorded by epoch under their names.
        """
        return {}

    @abstractmethod
    def strengths(self, alpha: Tensor, alive: Tensor, context: Context = ANYWHERE) -> Tensor:
        """What derivation, pruning and figures read, without randomness: (edges, operations), 0 where not alive."""
        raise NotImplementedError

    def weights(
        self, alpha: Tensor, alive: Tensor, generator: torch.Generator, context: Context = ANYWHERE
    ) -> EdgeWeights:
        """The weights of one forward pass; a relaxation that draws takes its draws from `generator`."""
        return EdgeWeights(self.strengths(alpha, alive, context))

    def objection(self, search: Answers) -> str | None:
        if self.competes and len(search.space.operations) == 1:
            return (
                f"{type(self).__name__} weighs the operations of an edge against each other, and in a "
                f"{type(search.space).__name__} with the one operation {search.space.operations[0]!r} its weight is "
                "always 1: take Scales, or more operations"
            )
        return None
