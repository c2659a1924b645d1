"""Bilevel optimisation: DARTS's, of first and second order."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor

from nascore.base.answers import Answers
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Finite, Range
from nascore.optimization.base import Batch, Optimization, Outcome, Problem, Step, Stepper
from nascore.optimization.gradients import constant, frozen_statistics, gradients_of, restored


class Bilevel(Optimization):
    """Alpha on validation batches, weights on training batches, in turn (DARTS, algorithm 1).

    Of `order` 2, alpha follows the gradient through one step of the weights (equation 7); of order 1 it takes the
    weights as they are. `first` is who begins each step: alpha in DARTS, the weights in GDAS and EoiNAS.
    """

    train_fraction: Annotated[float, Range(above=0, below=1, why="which leaves images for alpha")] = 0.5
    order: Literal[1, 2] = 1
    first: Literal["alpha", "weights"] = "alpha"

    def objection(self, search: Answers) -> str | None:
        if self.order == 1:
            return None
        if search.relaxation.draws:
            return (
                "the second order compares losses at two places of the weights, and "
                f"{type(search.relaxation).__name__} "
                "draws another architecture at each: take Bilevel(order=1), or a relaxation that draws nothing"
            )
        if search.nesterov:
            return "the second order unrolls a step of plain momentum: set nesterov=False, or order=1"
        return None

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> Stepper:
        return BilevelStepper(self, problem, optimizer, clip)


@checked
class BilevelStepper(Stepper):
    """See `Bilevel`."""

    settings: Bilevel

    def step(self, train: Batch, valid: Batch | None) -> Step:
        if self.settings.first == "weights":
            return self.step_weights(train)._replace(valid=self._step_alpha(train, valid))
        seen = self._step_alpha(train, valid)
        return self.step_weights(train)._replace(valid=seen)

    def _step_alpha(self, train: Batch, valid: Batch | None) -> Outcome:
        assert valid is not None  # see `Bilevel.train_fraction`
        if self.settings.order == 1:
            return self.step_architecture(valid)
        with frozen_statistics(self.problem.supernet):
            gradient, outcome = self._unrolled(train, valid)
            self.update_architecture(gradient)
        return outcome

    def _unrolled(self, train: Batch, valid: Batch) -> tuple[list[Tensor], Outcome]:
        problem, group, seen = self.problem, self.optimizer.param_groups[0], []

        def valid_loss() -> Tensor:
            loss, outcome = self.see(valid)
            seen.append(outcome)
            return self.penalised(loss)

        gradient = unrolled_gradient(
            lambda: problem.loss(train)[0],
            valid_loss,
            problem.weights,
            problem.alphas,
            learning_rate=group["lr"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            velocities=[self.optimizer.state[weight].get("momentum_buffer") for weight in problem.weights],
        )
        return gradient, seen[0]


@checked
def unrolled_gradient(
    train_loss: Callable[[], Tensor],
    valid_loss: Callable[[], Tensor],
    weights: Sequence[Tensor],
    alphas: Sequence[Tensor],
    *,
    learning_rate: Finite,
    weight_decay: Finite = 0.0,
    momentum: Finite = 0.0,
    velocities: Sequence[Tensor | None] | None = None,
    radius: Finite = 0.01,
) -> list[Tensor]:
    """The gradient of the validation loss by alpha through one SGD step of the weights (DARTS, equations 6 to 8).

    With w' = w - learning_rate * (momentum * velocity + dL_train/dw + weight_decay * w), it is dL_valid(w')/dalpha -
    learning_rate * d2L_train/(dalpha dw) dL_valid(w')/dw', whose product with the second derivative is a central
    difference of dL_train/dalpha at w +- epsilon * dL_valid(w')/dw', epsilon = radius / its norm. The losses are
    evaluated at the tensors' current values; the weights are back at theirs, bit for bit, when this returns.
    """
    velocities = [None] * len(weights) if velocities is None else velocities
    if not len(weights) or not len(alphas) or len(velocities) != len(weights):
        raise ConfigError("there must be weights and alphas, and a velocity for each weight or none at all")
    with restored(weights):
        start = [weight.detach().clone() for weight in weights]
        gradients = gradients_of(train_loss(), weights)
        with torch.no_grad():
            for weight, gradient, velocity in zip(weights, gradients, velocities, strict=True):
                step = gradient + weight_decay * weight
                weight.sub_(learning_rate * (step if velocity is None else step + momentum * velocity))
        found = gradients_of(valid_loss(), [*alphas, *weights])
        direct, direction = found[: len(alphas)], found[len(alphas) :]
        epsilon = radius / torch.cat([part.flatten() for part in direction]).norm()
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, at, along in zip(weights, start, direction, strict=True):
                    weight.copy_(at + sign * epsilon * along)
            with constant(weights):
                ends.append(gradients_of(train_loss(), alphas))
        return [
            at_unrolled - learning_rate * (ahead - behind) / (2 * epsilon)
            for at_unrolled, ahead, behind in zip(direct, *ends, strict=True)
        ]
