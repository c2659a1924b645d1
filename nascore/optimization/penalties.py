"""What is added to the loss that the architecture parameters follow, beside the cross-entropy."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor

from nascore.base.answers import Answer, Answers
from nascore.base.ranges import NonNegative
from nascore.relaxations.base import Context


class Priced(NamedTuple):
    """One cell type, as a penalty sees it. All tensors are (edges, operations), on one device.

    `alpha` and `weights`, the relaxed ones without randomness, can be differentiated; `context` has the relaxation's
    own parameters and the search's progress. `costs`, if the penalty asks for them, are the multiply-adds of each
    operation on each edge for one image, over all cells of the type.
    """

    alpha: Tensor
    weights: Tensor
    alive: Tensor
    context: Context
    costs: Tensor | None = None


class Penalty(Answer):
    """Base of the penalties, and none."""

    needs_costs: ClassVar[bool] = False

    def value(self, cells: Mapping[str, Priced]) -> Tensor | None:
        """What is added to the loss, a number that can be differentiated; None for nothing."""
        return None

    def objection(self, search: Answers) -> str | None:
        if self.needs_costs and not search.space.knows_costs:
            return (
                f"{type(self).__name__} needs what operations cost, and a {type(search.space).__name__} does not say: "
                "take a space with `costs`; the scales of blocks have budgets (Proximal.budget)"
            )
        return None


class Price(Penalty):
    """`factor` times the multiply-adds that are expected of the architecture, in units of those at equal weights.

    sum of w c over sum of c / operations, over all cell types, with weights w and costs c: a resource constraint as
    SNAS has one (Xie et al. 2019), for relaxations whose weights are probabilities.
    """

    factor: NonNegative = 0.1

    needs_costs: ClassVar[bool] = True

    def value(self, cells: Mapping[str, Priced]) -> Tensor:
        expected, equal = [], []
        for cell in cells.values():
            assert cell.costs is not None  # see `needs_costs`
            expected.append((cell.weights * cell.costs).sum())
            equal.append(cell.costs.mean(dim=1).sum())
        return self.factor * sum(expected[1:], start=expected[0]) / sum(equal[1:], start=equal[0])
