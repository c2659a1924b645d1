"""Optimization, the third choice: who is updated when, and on which data.

An optimization is a value; `start` turns it into a `Stepper`, which owns the optimiser of the architecture parameters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from nascore.budgets import Budget
from nascore.config import Settings
from nascore.proximal import ProximalGradient

if TYPE_CHECKING:
    from nascore.architecture import Architecture
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


class Problem(Protocol):
    """What is optimised: the supernet's weights and the architecture parameters, under one loss."""

    supernet: nn.Module
    weights: list[nn.Parameter]
    alphas: list[nn.Parameter]
    architecture: "Architecture"
    space: "Space | None"  # where its alphas are from, if a search made it
    computed: Mapping[str, Tensor]  # by the last pass, as in `Outcome`

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(mean loss, logits) of the supernet on a batch, at a fresh draw of the relaxation."""


class Optimization(Settings):
    """Base of the optimizations. Alpha is updated by Adam, with DARTS's settings unless told otherwise."""

    train_fraction: float = 0.5  # of the training images, for the weights; the rest is for alpha and for validation
    warm_up: int = 0  # epochs, the first ones, in which only the weights are trained
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3
    gradient_clip: float | None = None  # the largest norm of alpha's gradient; None: as it comes

    def validate(self) -> None:
        self.require(self.gradient_clip is None or self.gradient_clip > 0, "gradient_clip", "above 0")
        self.require(0 < self.train_fraction <= 1, "train_fraction", "above 0 and at most 1")
        self.require(self.warm_up >= 0, "warm_up", "at least 0")
        self.require(self.learning_rate > 0, "learning_rate", "above 0")

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> "Stepper":
        """The stepper for `problem`, whose weights `optimizer` updates with gradients clipped to norm `clip`."""
        raise NotImplementedError


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


class SingleLevel(Optimization):
    """Alpha and weights on the same training batch, by one backward pass.

    Without a held-out part (`train_fraction` 1) the search reports no validation accuracy.
    """

    train_fraction: float = 1.0

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> "Stepper":
        return _SingleLevelStepper(self, problem, optimizer, clip)


class Proximal(Optimization):
    """Weights on training batches, scales on held-out ones, by an accelerated proximal gradient (DSO-NAS, section 3.3).

    The loss of the scales has `penalty` times their l1 norm (gamma of equation 5), which `budget` adapts. Of `ratio`
    x:y, x steps of the weights go with y of the scales. With a `train_fraction` of 1 both learn from the same batches,
    by one backward pass: what DSO-NAS calls not splitting the training images. Scales have no weight decay.
    """

    learning_rate: float = 0.1
    weight_decay: float = 0.0
    penalty: float = 1e-3
    momentum: float = 0.9
    nonnegative: bool = True  # scales below 0 become 0 (Code: DSO-NAS)
    ratio: tuple[int, int] = (1, 1)
    budget: Budget = Budget()

    def validate(self) -> None:
        super().validate()
        self.require(self.weight_decay == 0, "weight_decay", "0: what pulls scales to 0 is the penalty,")
        self.require(self.penalty >= 0, "penalty", "at least 0")
        self.require(0 <= self.momentum < 1, "momentum", "at least 0 and below 1")
        weights, scales = self.ratio
        self.require(weights >= scales >= 1, "ratio", "x:y with x at least y and y at least 1")

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> "Stepper":
        return _ProximalStepper(self, problem, optimizer, clip)


class Stepper:
    """One search step at a time; holds the two optimisers' state."""

    def __init__(self, settings: Optimization, problem: Problem, optimizer: torch.optim.SGD, clip: float):
        self.settings, self.problem, self.optimizer, self.clip = settings, problem, optimizer, clip
        self.arch_optimizer = self._architecture_optimizer()

    def _architecture_optimizer(self) -> torch.optim.Optimizer:
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

    def step(self, train: Batch, valid: Batch | None) -> Step:
        """Update alpha and the weights once; `valid` is None where no images are held out."""
        raise NotImplementedError

    def step_weights(self, train: Batch) -> Step:
        """Update the weights alone."""
        with _constant(self.problem.alphas):
            loss, outcome = self._pass(train)
            self._update_weights(torch.autograd.grad(loss, self.problem.weights, allow_unused=True))
        return Step(outcome)

    def _joint(self, batch: Batch) -> Step:
        """Update both by one backward pass."""
        loss, outcome = self._pass(batch)
        alphas = self.problem.alphas
        gradients = torch.autograd.grad(loss, [*alphas, *self.problem.weights], allow_unused=True)
        self._update_alpha(_or_zeros(gradients[: len(alphas)], alphas))
        self._update_weights(gradients[len(alphas) :])
        return Step(outcome)

    def _pass(self, batch: Batch) -> tuple[Tensor, Outcome]:
        loss, logits = self.problem.loss(batch)
        correct = (logits.detach().argmax(dim=1) == batch[1]).sum()
        return loss, Outcome(loss.detach(), correct, len(batch[1]), self.problem.computed)

    def forget(self, alive: Sequence[Tensor]) -> None:
        """Take the architecture parameters that are not `alive`, bools for each of the alphas, out of the optimisation:
        they and what Adam remembers of them become zero, and stay so.
        """
        with torch.no_grad():
            for alpha, mask in zip(self.problem.alphas, alive, strict=True):
                dead = ~mask.to(alpha.device)
                state = self.arch_optimizer.state[alpha].values()
                remembered = [value for value in state if isinstance(value, Tensor) and value.shape == alpha.shape]
                for tensor in (alpha, *remembered):
                    tensor.masked_fill_(dead, 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.optimizer.state_dict(), "alpha": self.arch_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["weights"])
        self.arch_optimizer.load_state_dict(state["alpha"])

    def _update_weights(self, gradients: Sequence[Tensor | None]) -> None:
        """None for the weights of an operation that is not computed: they stay as they are."""
        _set_gradients(self.problem.weights, gradients)
        nn.utils.clip_grad_norm_(self.problem.weights, self.clip)
        self.optimizer.step()

    def _update_alpha(self, gradients: Sequence[Tensor]) -> None:
        _set_gradients(self.problem.alphas, gradients)
        if self.settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.problem.alphas, self.settings.gradient_clip)
        self.arch_optimizer.step()


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


class _SingleLevelStepper(Stepper):
    def step(self, train: Batch, valid: Batch | None) -> Step:
        return self._joint(train)


class _ProximalStepper(Stepper):
    settings: Proximal

    def __init__(self, *arguments: Any):
        self.due = 0  # steps of the scales that are owed, in units of 1 / ratio[0]
        super().__init__(*arguments)

    def _architecture_optimizer(self) -> ProximalGradient:
        settings = self.settings
        groups = [{"params": [alpha], "penalty": torch.empty_like(alpha)} for alpha in self.problem.alphas]
        optimizer = ProximalGradient(
            groups, settings.learning_rate, settings.penalty, settings.momentum, settings.nonnegative
        )
        self._adapt(optimizer)
        return optimizer

    def _adapt(self, optimizer: ProximalGradient) -> None:
        factors = self.settings.budget.factors(self.problem.space, self.problem.architecture.alive)
        for group, factor in zip(optimizer.param_groups, factors.values(), strict=True):
            group["penalty"].copy_(self.settings.penalty * factor)

    @property
    def phase(self) -> int:
        return self.due

    def step(self, train: Batch, valid: Batch | None) -> Step:
        if valid is None:
            return self._joint(train)
        seen, (weights, scales) = self.step_weights(train), self.settings.ratio
        self.due += scales
        if self.due < weights:
            return seen
        self.due -= weights
        with frozen_statistics(self.problem.supernet), _constant(self.problem.weights):
            loss, outcome = self._pass(valid)
            self._update_alpha(_gradients(loss, self.problem.alphas))
        return seen._replace(valid=outcome)

    def forget(self, alive: Sequence[Tensor]) -> None:
        super().forget(alive)
        self._adapt(self.arch_optimizer)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"due": self.due}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.due = state["due"]
        for group in self.arch_optimizer.param_groups:  # as read from a checkpoint
            group["penalty"] = group["penalty"].to(group["params"][0].device)


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
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Let BatchNorm normalise by the batch as in training, but leave its running statistics alone."""
    norms = [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats]
    try:
        for norm in norms:
            norm.track_running_stats = False
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@contextmanager
def _constant(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Let what is computed here not be differentiated by these: less is kept, and less goes backward."""
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def _restored(tensors: Sequence[Tensor]) -> Iterator[None]:
    saved = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, saved, strict=True):
                tensor.copy_(value)


def _gradients(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    if not loss.requires_grad:  # a draw of `none` everywhere, say, which leaves nothing that depends on alpha
        return [torch.zeros_like(parameter) for parameter in parameters]
    return _or_zeros(torch.autograd.grad(loss, parameters, allow_unused=True), parameters)


def _or_zeros(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Zeros for a parameter that the loss does not depend on, as for weights of operations that are not computed."""
    return [torch.zeros_like(of) if one is None else one for one, of in zip(gradients, parameters, strict=True)]


def _set_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
