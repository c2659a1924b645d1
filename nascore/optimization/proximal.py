"""Proximal optimisation of free scales: DSO-NAS's."""

from typing import Annotated, Any, cast

import torch

from nascore.base.answers import Answers
from nascore.base.arguments import checked
from nascore.base.ranges import Momentum, NonNegative, Range, Rate, Steps
from nascore.optimization.base import Batch, Optimization, Problem, Step, Stepper, scales_of
from nascore.optimization.budgets import Budget
from nascore.optimization.proximal_gradient import Points, ProximalGradient


class Proximal(Optimization):
    """Weights on training batches, scales on held-out ones, by an accelerated proximal gradient (DSO-NAS, section 3.3).

    The loss of the scales has `penalty` times their l1 norm (gamma of equation 5), which `budget` adapts. Of `ratio`
    x:y, x steps of the weights go with y of the scales; in the paper's Table 3 it is the ratio of their images, too, so
    that `train_fraction` is x / (x + y). With a `train_fraction` of 1 both learn from the same batches, by one backward
    pass: what DSO-NAS calls not splitting the training images. Scales have no weight decay.

    `momentum_of` says what a scale's momentum is once it is 0, see `ProximalGradient`: that of the clamped points, or,
    as the authors' code has it, of the unclamped ones. Scales that the supernet has beside its blocks' have the plain
    penalty.
    """

    learning_rate: Rate = 0.1
    weight_decay: Annotated[float, Range(0, 0, why="what pulls scales to 0 is the penalty")] = 0.0
    penalty: NonNegative = 1e-3
    momentum: Momentum = 0.9
    nonnegative: bool = True  # scales below 0 become 0 (Code: DSO-NAS)
    momentum_of: Points = "clamped"
    ratio: tuple[Steps, Steps] = (1, 1)
    budget: Budget = Budget()

    def validate(self) -> None:
        weights, scales = self.ratio
        self.require(weights >= scales, "ratio", "x:y with x at least y")
        kept = self.momentum_of == "unclamped"
        self.require(self.nonnegative or not kept, "momentum_of", "'clamped' where nothing is clamped")

    def objection(self, search: Answers) -> str | None:
        if search.relaxation.competes:
            return (
                f"Proximal pulls architecture parameters to 0, and for {type(search.relaxation).__name__} that is no "
                "weight of 0 but equal weights for all: take Scales, or another optimization"
            )
        return self.budget.objection(search)

    def start(self, problem: Problem, optimizer: torch.optim.SGD, clip: float) -> Stepper:
        return ProximalStepper(self, problem, optimizer, clip)


@checked
class ProximalStepper(Stepper):
    """See `Proximal`."""

    settings: Proximal
    arch_optimizer: ProximalGradient

    def __init__(self, *arguments: Any):
        self.due = 0  # steps of the scales that are owed, in units of 1 / ratio[0]
        self.taken = 0  # steps of the scales
        self._known: bytes | None = None  # what was left when the budget last looked
        super().__init__(*arguments)

    def architecture_optimizer(self) -> ProximalGradient:
        settings = self.settings
        groups = [{"params": [alpha], "penalty": torch.zeros_like(alpha)} for alpha in self.problem.alphas]
        optimizer = ProximalGradient(
            groups,
            settings.learning_rate,
            settings.penalty,
            settings.momentum,
            settings.nonnegative,
            settings.momentum_of,
        )
        own = {id(scale) for scale in scales_of(self.problem.supernet)}
        for group in optimizer.param_groups:
            if id(group["params"][0]) in own:
                group["penalty"].fill_(settings.penalty)
        self._adapt(optimizer)
        return optimizer

    def prepare(self, held_out: bool) -> None:
        """Let the budget follow the scales as they are at this iteration t (equations 9 and 10)."""
        weights, scales = self.settings.ratio
        if held_out and self.due + scales < weights:
            return
        self.taken += 1
        self._adapt(self.arch_optimizer)

    def _adapt(self, optimizer: ProximalGradient) -> None:
        problem = self.problem
        left = {kind: values.cpu() != 0 for kind, values in problem.architecture.strengths().items()}
        state = b"".join(mask.numpy().tobytes() for mask in left.values())
        if state == self._known:
            return
        self._known, space = state, cast(Any, problem.space)  # of blocks, where the budget needs to know it
        factors = self.settings.budget.factors(space, left, problem.image_size)
        # first every alpha; what a relaxation has of its own is not penalised
        for group, factor in zip(optimizer.param_groups, factors.values(), strict=False):
            group["penalty"].copy_(self.settings.penalty * factor)

    def facts(self) -> dict[str, float]:
        """scale_steps: how many steps the scales have taken since the search began."""
        return {"scale_steps": self.taken}

    @property
    def phase(self) -> int:
        return self.due

    def step(self, train: Batch, valid: Batch | None) -> Step:
        if valid is None:
            return self.step_both(train)
        seen, (weights, scales) = self.step_weights(train), self.settings.ratio
        self.due += scales
        if self.due < weights:
            return seen
        self.due -= weights
        return seen._replace(valid=self.step_architecture(valid))

    def forget(self) -> None:
        super().forget()
        self._adapt(self.arch_optimizer)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"due": self.due, "taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.due, self.taken, self._known = state["due"], state["taken"], None
        for group in self.arch_optimizer.param_groups:  # as read from a checkpoint
            group["penalty"] = group["penalty"].to(group["params"][0].device)
