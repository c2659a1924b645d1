"""Bilevel optimisation: DARTS's, of first and second order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from nascore.optimization.base import (
    Batch,
    Optimization,
    Outcome,
    Problem,
    Step,
    Stepper,
    _constant,
    _gradients,
    frozen_statistics,
)


class Bilevel(Optimization):
    """Alpha on validation batches, weights on training batches, in turn (DARTS, algorithm 1).

    Of `order` 2, alpha follows the gradient through one step of the weights (equation 7); of order 1 it takes the
    weights as they are. `first` is who begins each step: alpha in DARTS, the weights in GDAS and EoiNAS.
    """

    order: Literal[1, 2] = 1
    first: Literal["alpha", "weights"] = "alpha"

    def validate(self) -> None:
        super().validate()
        self.require(self.train_fraction < 1, "train_fraction", "below 1, to leave images for alpha,")

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> "Stepper":
        return _BilevelStepper(self, problem, optimizer, clip)


class _BilevelStepper(Stepper):
    settings: Bilevel

    def step(self, train: Batch, valid: Batch | None) -> Step:
        if self.settings.first == "weights":
            return self.step_weights(train)._replace(valid=self._step_alpha(train, valid))
        seen = self._step_alpha(train, valid)
        return self.step_weights(train)._replace(valid=seen)

    def _step_alpha(self, train: Batch, valid: Batch) -> Outcome:
        with frozen_statistics(self.problem.supernet):
            gradient, outcome = self._gradient(train, valid)
            self._update_alpha(gradient)
        return outcome

    def _gradient(self, train: Batch, valid: Batch) -> tuple[list[Tensor], Outcome]:
        problem = self.problem
        if self.settings.order == 1:
            with _constant(problem.weights):
                loss, outcome = self._pass(valid)
                return _gradients(loss, problem.alphas), outcome
        seen: list[Outcome] = []

        def valid_loss() -> Tensor:
            loss, outcome = self._pass(valid)
            seen.append(outcome)
            return loss

        group = self.optimizer.param_groups[0]
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


def unrolled_gradient(
    train_loss: Callable[[], Tensor],
    valid_loss: Callable[[], Tensor],
    weights: Sequence[Tensor],
    alphas: Sequence[Tensor],
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    velocities: Sequence[Tensor | None] | None = None,
    radius: float = 0.01,
) -> list[Tensor]:
    """The gradient of the validation loss by alpha through one SGD step of the weights (DARTS, equations 6 to 8).

    With w' = w - learning_rate * (momentum * velocity + dL_train/dw + weight_decay * w), it is dL_valid(w')/dalpha -
    learning_rate * d2L_train/(dalpha dw) dL_valid(w')/dw', whose product with the second derivative is a central
    difference of dL_train/dalpha at w +- epsilon * dL_valid(w')/dw', epsilon = radius / its norm. The losses are
    evaluated at the tensors' current values; the weights are back at theirs, bit for bit, when this returns.
    """
    velocities = velocities or [None] * len(weights)
    with _restored(weights):
        start = [weight.detach().clone() for weight in weights]
        gradients = _gradients(train_loss(), weights)
        with torch.no_grad():
            for weight, gradient, velocity in zip(weights, gradients, velocities, strict=True):
                step = gradient + weight_decay * weight
                weight.sub_(learning_rate * (step if velocity is None else step + momentum * velocity))
        found = _gradients(valid_loss(), [*alphas, *weights])
        direct, direction = found[: len(alphas)], found[len(alphas) :]
        epsilon = radius / torch.cat([part.flatten() for part in direction]).norm()
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, at, along in zip(weights, start, direction, strict=True):
                    weight.copy_(at + sign * epsilon * along)
            with _constant(weights):
                ends.append(_gradients(train_loss(), alphas))
        return [
            at_unrolled - learning_rate * (ahead - behind) / (2 * epsilon)
            for at_unrolled, ahead, behind in zip(direct, *ends, strict=True)
        ]


@contextmanager
def _restored(tensors: Sequence[Tensor]) -> Iterator[None]:
    saved = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, saved, strict=True):
                tensor.copy_(value)
