"""Optimization, the third choice: who is updated when, and on which data.

An optimization is a value; `start` turns it into a `Stepper`, which owns the optimiser of the architecture parameters.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from nascore.base.answers import Answer
from nascore.base.arguments import checked
from nascore.base.ranges import Finite, Fraction, Momentum, NonNegative, Positive, Rate, Rest
from nascore.optimization.gradients import Clip, clip_gradients, constant, frozen_statistics, gradients_of, or_zeros
from nascore.relaxations.architecture import Architecture
from nascore.spaces.base import Space

Batch = tuple[Tensor, Tensor]  # images (N, C, H, W) and labels (N,)


class Outcome(NamedTuple):
    """What one pass over a batch of `images` saw, still on the device: the mean loss, and how many were right.

    `computed` says which operations the pass computed: cell type -> bools (edges, operations), on the CPU.
    """

    loss: Tensor
    correct: Tensor
    images: int
    computed: Mapping[str, Tensor]


class Step(NamedTuple):
    """What a search step saw: the pass that updated the weights, and the one that updated alpha if it is another."""

    train: Outcome
    valid: Outcome | None = None


@runtime_checkable
class Problem(Protocol):
    """What is optimised: the supernet's weights and the architecture parameters (`alphas`), under one loss."""

    supernet: nn.Module
    weights: list[nn.Parameter]
    alphas: list[nn.Parameter]
    architecture: Architecture
    space: Space | None  # where its alphas are from, if a search made it
    image_size: int | None  # pixels a side, of its images, if a search made it
    computed: Mapping[str, Tensor]  # by the last pass, as in `Outcome`

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(mean loss, logits) of the supernet on a batch, at a fresh draw of the relaxation."""

    def penalty(self) -> Tensor | None:
        """What is added to the loss that the architecture parameters follow; None for nothing."""


class Optimization(Answer):
    """Base of the optimizations. Alpha is updated by Adam, with DARTS's settings unless told otherwise."""

    train_fraction: Fraction = 0.5  # of the training images, for the weights; the rest is for alpha and for validation
    warm_up: Rest = 0  # epochs, the first ones, in which only the weights are trained
    learning_rate: Rate = 3e-4
    betas: tuple[Momentum, Momentum] = (0.5, 0.999)
    weight_decay: NonNegative = 1e-3
    gradient_clip: Positive | None = None  # the bound of alpha's gradient; None: as it comes
    clip: Clip = "norm"  # what is bounded, of alpha's gradient and of the weights': the norm, or each element

    @abstractmethod
    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> "Stepper":
        """The stepper for `problem`, whose weights `optimizer` updates with gradients clipped to `clip`."""
        raise NotImplementedError


@checked
class Stepper:
    """One search step at a time; holds the two optimisers' state.

    A method of its own overrides `step`, and perhaps `step_weights`, and puts its steps together from the others.
    """

    def __init__(self, settings: Optimization, problem: Problem, optimizer: torch.optim.SGD, clip: Finite):
        self.settings, self.problem, self.optimizer, self.clip = settings, problem, optimizer, clip
        self.arch_optimizer = self.architecture_optimizer()

    def architecture_optimizer(self) -> torch.optim.Optimizer:
        """What updates the architecture parameters: Adam, by the settings."""
        settings, alphas = self.settings, self.problem.alphas
        on_gpu = alphas[0].device.type == "cuda"  # where the whole step is recorded and replayed
        return torch.optim.Adam(
            alphas,
            settings.learning_rate,
            settings.betas,
            weight_decay=settings.weight_decay,
            fused=on_gpu or None,
            capturable=on_gpu,
        )

    @property
    def phase(self) -> int:
        """What decides, beside the batches, what the next step does: steps of different phases are recorded apart."""
        return 0

    def prepare(self, held_out: bool) -> None:
        """Do before a step what a recorded step cannot: whatever looks at numbers on the CPU. `held_out`: whether the
        step will be given held-out images.
        """

    def step(self, train: Batch, valid: Batch | None) -> Step:
        """Update alpha and the weights once; `valid` is None where no images are held out."""
        raise NotImplementedError

    def facts(self) -> dict[str, float]:
        """Name -> what the record keeps of this stepper after each epoch."""
        return {}

    def step_weights(self, train: Batch) -> Step:
        """Update the weights alone."""
        with constant(self.problem.alphas):
            loss, outcome = self.see(train)
            self.update_weights(torch.autograd.grad(loss, self.problem.weights, allow_unused=True))
        return Step(outcome)

    def step_architecture(self, batch: Batch) -> Outcome:
        """Update the architecture parameters alone, by the loss at the weights as they are, and the penalty."""
        with frozen_statistics(self.problem.supernet), constant(self.problem.weights):
            loss, outcome = self.see(batch)
            self.update_architecture(gradients_of(self.penalised(loss), self.problem.alphas))
        return outcome

    def step_both(self, batch: Batch) -> Step:
        """Update both by one backward pass."""
        loss, outcome = self.see(batch)
        alphas = self.problem.alphas
        gradients = torch.autograd.grad(self.penalised(loss), [*alphas, *self.problem.weights], allow_unused=True)
        self.update_architecture(or_zeros(gradients[: len(alphas)], alphas))
        self.update_weights(gradients[len(alphas) :])
        return Step(outcome)

    def see(self, batch: Batch) -> tuple[Tensor, Outcome]:
        """The loss of a forward pass, to be differentiated, and what there is to say of the pass."""
        loss, logits = self.problem.loss(batch)
        correct = (logits.detach().argmax(dim=1) == batch[1]).sum()
        return loss, Outcome(loss.detach(), correct, len(batch[1]), self.problem.computed)

    def penalised(self, loss: Tensor) -> Tensor:
        """The loss that the architecture parameters follow: `loss` and the search's penalty."""
        penalty = self.problem.penalty()
        return loss if penalty is None else loss + penalty

    def update_weights(self, gradients: Sequence[Tensor | None]) -> None:
        """Clip and apply; None for the weights of an operation that is not computed: they stay as they are."""
        _set_gradients(self.problem.weights, gradients)
        clip_gradients(self.problem.weights, self.clip, self.settings.clip)
        self.optimizer.step()

    def update_architecture(self, gradients: Sequence[Tensor]) -> None:
        """Clip, if the settings say so, and apply."""
        _set_gradients(self.problem.alphas, gradients)
        if self.settings.gradient_clip is not None:
            clip_gradients(self.problem.alphas, self.settings.gradient_clip, self.settings.clip)
        self.arch_optimizer.step()

    def forget(self) -> None:
        """Take the alphas of what is no longer alive out of the optimisation: they and what the optimiser remembers of
        them become zero, and stay so.
        """
        architecture = self.problem.architecture
        with torch.no_grad():
            for kind, alpha in architecture.alpha.items():
                dead = ~architecture.alive[kind].to(alpha.device)
                state = self.arch_optimizer.state[alpha].values()
                remembered = [value for value in state if isinstance(value, Tensor) and value.shape == alpha.shape]
                for tensor in (alpha, *remembered):
                    tensor.masked_fill_(dead, 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.optimizer.state_dict(), "alpha": self.arch_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["weights"])
        self.arch_optimizer.load_state_dict(state["alpha"])


def scales_of(supernet: nn.Module) -> list[nn.Parameter]:
    """The scales that a supernet has of its own, beside those of the architecture (`scales`); most have none."""
    return list(getattr(supernet, "scales", list)())


def _set_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
