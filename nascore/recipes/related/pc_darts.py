"""PC-DARTS (Xu et al. 2020): edges compute a part of the channels, and have normalised weights of their own.

A space whose mixed operations leave channels alone, and a relaxation with a parameter an edge. Numbers are those of its
public code ("code").
"""

from functools import cache, partial
from typing import Annotated

import torch
from torch.nn import functional as F

from nascore.base import override, ranges
from nascore.recipes import Recipe, darts
from nascore.relaxations import ANYWHERE, EdgeWeights, Softmax
from nascore.spaces import CellSpace
from nascore.supernets import FastCellSupernet, FastSearchCell, State


class PartialCell(FastSearchCell):
    """The candidates of an edge read the first 1/`parts` of the channels; the others pass by, pooled where the edge has
    stride 2, and after the sum all are shuffled.
    """

    def __init__(self, names, *, channels, parts, **layout):
        super().__init__(names, channels=channels // parts, **layout)
        self.parts = parts

    def state(self, x):
        return State(x[:, : self.channels].contiguous(memory_format=torch.channels_last), whole=x)

    def join(self, summed, states, first, weights):
        beside = [state.whole[:, self.channels :] for state in states]
        if self.stride == 2:
            beside[: self.inputs] = [F.max_pool2d(x, 2, ceil_mode=True) for x in beside[: self.inputs]]
        if weights.edges is not None:
            beside = [weights.edges[first + at] * x for at, x in enumerate(beside)]
        passed = sum(beside[1:], start=beside[0])
        x = torch.cat([summed, passed], dim=1)
        return x.unflatten(1, (self.parts, -1)).transpose(1, 2).flatten(1, 2)


class PartialCellSpace(CellSpace):
    """The DARTS space, its mixed operations on 1/`parts` of the channels (the paper's K)."""

    parts: Annotated[int, ranges.Range(2, 4096)] = 4

    def validate(self):
        super().validate()
        self.require(self.channels % (2 * self.parts) == 0, "parts", "of even width")

    def supernet(self, in_channels, classes):
        return FastCellSupernet(self, in_channels, classes, cell=partial(PartialCell, parts=self.parts))


@cache  # a recorded step on a GPU may copy nothing there
def into_other_nodes(edges, device):
    targets = torch.tensor([target for _, target in edges], device=device)
    return targets[:, None] != targets


class EdgeNormalised(Softmax):
    """softmax(alpha) of each edge, times the softmax of beta over the edges into the same node."""

    beta_std: ranges.NonNegative = 1e-3  # code

    def parameters(self, context, generator):
        return {"beta": self.beta_std * torch.randn(len(context.edges), 1, generator=generator)}

    def edges(self, context):
        beta = context.own["beta"][:, 0]
        apart = into_other_nodes(context.edges, beta.device)
        return beta.expand(len(beta), -1).masked_fill(apart, -torch.inf).softmax(dim=1).diagonal()

    def strengths(self, alpha, alive, context=ANYWHERE):
        return super().strengths(alpha, alive) * self.edges(context)[:, None]

    def weights(self, alpha, alive, generator, context=ANYWHERE):
        return EdgeWeights(self.strengths(alpha, alive, context), edges=self.edges(context))


SEARCH = Recipe(
    "pc-darts",
    "pc_darts",
    "PC-DARTS: partial channels and edge normalisation",
    override(
        darts.SEARCH.settings,
        space=PartialCellSpace(),  # code: K = 4
        relaxation=EdgeNormalised(),  # the method
        optimization__warm_up=15,  # code
        optimization__learning_rate=6e-4,  # code
        batch_size=256,  # code
        learning_rate=0.1,  # code
        final_learning_rate=0.0,  # code
    ),
    {
        at: changes | {"optimization__warm_up": warm_up} | ({} if at == "gpu" else {"space__parts": 2})
        for (at, changes), warm_up in zip(darts.SEARCH.profiles.items(), (1, 2, 8), strict=True)
    },
)

RECIPES = (SEARCH,)
