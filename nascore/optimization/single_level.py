"""Single-level optimisation: sparse DARTS's."""

import torch

from nascore.base.arguments import checked
from nascore.base.ranges import Fraction
from nascore.optimization.base import Batch, Optimization, Problem, Step, Stepper


class SingleLevel(Optimization):
    """Alpha and weights on the same training batch, by one backward pass.

    Without a held-out part (`train_fraction` 1) the search reports no validation accuracy.
    """

    train_fraction: Fraction = 1.0

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> Stepper:
        return SingleLevelStepper(self, problem, optimizer, clip)


@checked
class SingleLevelStepper(Stepper):
    """See `SingleLevel`."""

    def step(self, train: Batch, valid: Batch | None) -> Step:
        return self.step_both(train)
