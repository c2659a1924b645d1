"""Pruning of the weakest operations, at intervals (EoiNAS) or between stages (P-DARTS)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nascore.base.answers import Answers
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Count, Epochs, Rest
from nascore.pruning.base import Pruning, Seen
from nascore.spaces.base import Masks, Space


class Gradual(Pruning):
    """After every `interval`-th epoch beyond `warm_up`, each edge of each cell type drops its weakest operation, until
    `left` are left (EoiNAS, algorithm 1, lines 6 to 9).

    Where one is left its architecture weight is 1, on all edges: by weights no edge is then stronger than another.
    With `keep_usable` the last operation other than `none` is never dropped: a derivation that leaves `none` out would
    find nothing on such an edge. Of equal operations the earlier candidate is dropped.
    """

    interval: Epochs = 20
    warm_up: Rest = 20
    left: Count = 1
    keep_usable: bool = True

    def validate(self) -> None:
        self.require(self.every == "epoch", "every", "'epoch', since intervals are of epochs,")

    def objection(self, search: Answers) -> str | None:
        if len(search.space.operations) > self.left:
            return None
        return (
            f"Gradual leaves {self.left} of an edge's operations, and a {type(search.space).__name__} has no more: "
            "nothing would ever be dropped"
        )

    def keep(self, seen: Seen) -> Masks:
        if seen.epoch <= self.warm_up or seen.epoch % self.interval:
            return seen.alive
        usable = torch.tensor([name != "none" or not self.keep_usable for name in seen.space.operations])
        strengths = {kind: values.cpu() for kind, values in seen.strengths.items()}
        return {kind: _without_weakest(strengths[kind], mask, usable, self.left) for kind, mask in seen.alive.items()}


@checked
def strongest(space: Space, strengths: Mapping[str, Tensor], alive: Masks, left: Amount) -> Masks:
    """`alive` less the weakest operations of each edge that has more than `left`; the last one other than `none` stays.

    So P-DARTS prunes between its stages (ETH thesis, section 3.2.1). Of equal operations the earlier candidate is
    dropped.
    """
    shapes = {kind: tuple(mask.shape) for kind, mask in alive.items()}
    if any(kind not in strengths or strengths[kind].shape != shape for kind, shape in shapes.items()):
        raise ConfigError("strengths must have the shape of `alive` for each of its cell types")
    if any(len(shape) != 2 or shape[1] != len(space.operations) for shape in shapes.values()):
        raise ConfigError(f"masks are (edges, {len(space.operations)}), the operations of the space")
    usable = torch.tensor([name != "none" for name in space.operations])
    kept = dict(alive)
    for _ in range(len(space.operations) - left):
        kept = {kind: _without_weakest(strengths[kind].cpu(), mask, usable, left) for kind, mask in kept.items()}
    return kept


def _without_weakest(strengths: Tensor, alive: Tensor, usable: Tensor, left: int) -> Tensor:
    """`alive` less the weakest operation of each edge that has more than `left`, or its last `usable` one's rival."""
    last = (alive & usable).sum(dim=1, keepdim=True) <= 1
    droppable = alive & ~(last & usable) & (alive.sum(dim=1, keepdim=True) > left)
    weakest = strengths.masked_fill(~droppable, torch.inf).argmin(dim=1, keepdim=True)
    # where nothing is droppable, argmin points at an operation that must stay
    return alive & ~(torch.zeros_like(alive).scatter_(1, weakest, True) & droppable)
