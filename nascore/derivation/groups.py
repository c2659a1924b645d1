"""Derivation by groups of operations: the ETH thesis's."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nascore.base.answers import Answers
from nascore.derivation.edges import StrongestEdges
from nascore.networks.operations import OPERATIONS
from nascore.spaces.base import Space


class StrongestGroups(StrongestEdges):
    """`StrongestEdges`, after the strongest operation of the strongest group has got its group's strength, on each
    edge (ETH thesis, section 3.5).

    A group is as strong as its operations together. `groups` are names; an operation in none of them is a group of its
    own. By default they are the thesis's: pools, convolutions, `skip_connect`. The thesis writes the sum over raw
    architecture parameters; here it is over the strengths, since a sum of negative numbers would make a group the
    weaker the more members it has. `none` is in no group, as it is never chosen. Raises `ConfigError` for an unknown
    operation, or one in two groups.
    """

    groups: tuple[tuple[str, ...], ...] | None = None

    def validate(self) -> None:
        named = [name for group in self.groups or () for name in group]
        distinct = set(named) <= set(OPERATIONS) and len(set(named)) == len(named)
        self.require(distinct, "groups", "groups of different names of operations")

    def objection(self, search: Answers) -> str | None:
        if len(search.space.operations) == 1:
            return "StrongestGroups compares groups of operations, and on these edges there is one: take StrongestEdges"
        return super().objection(search)

    def scores(self, space: Space, strengths: Tensor) -> Tensor:
        scores, groups = super().scores(space, strengths), self._groups(space.operations)
        sums = scores.new_zeros((len(scores), len(groups))).index_add_(1, groups, scores)
        strongest = sums.argmax(dim=1, keepdim=True)
        best = scores.masked_fill(groups != strongest, -1.0).argmax(dim=1, keepdim=True)
        return scores.scatter(1, best, sums.gather(1, strongest))

    def _groups(self, operations: Sequence[str]) -> Tensor:
        """A number for each operation's group, (operations,)."""
        names = [_family(name) if self.groups is None else self._group(name) for name in operations]
        return torch.tensor([names.index(name) for name in names])

    def _group(self, name: str) -> str:
        return next((group[0] for group in self.groups or () if name in group), name)


def _family(name: str) -> str:
    return next((family for family in ("pool", "conv") if family in name), name)
