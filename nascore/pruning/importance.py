"""EoiNAS's operation importance indicator."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from nascore.base.answers import Answers
from nascore.base.ranges import NonNegative
from nascore.optimization.base import Outcome, Step
from nascore.pruning.indicator import Indicator, Judge, Shapes
from nascore.spaces.base import Masks, Strengths


class Importance(Indicator):
    """The operation importance I = beta + scale * C (EoiNAS, equations 6 and 7), scale being the paper's lambda.

    C = C^a / C^e: an operation's validation accuracy over its training iterations. C^a is the mean accuracy of the
    validation passes that computed the operation on that edge. The paper gives no unit for either, and C is nothing
    beside beta if they are taken as they come; `normalisation` says what is divided by what:

    - relative: C^a in [0, 1], C^e as a multiple of the mean over the edge's living operations, so that C is near C^a;
    - raw: C^a in [0, 1] over the number of training passes: about 1e-4 after an hour, which decides nothing;
    - percent: C^a in percent over that number.

    An operation that was never drawn in training or in validation gets the mean C of its edge: of it the weight alone
    says something. It stands beside a relaxation that draws operations and a held-out part of the images alone.
    """

    scale: NonNegative = 0.5
    normalisation: Literal["relative", "raw", "percent"] = "relative"

    def objection(self, search: Answers) -> str | None:
        if not search.relaxation.samples:
            return (
                "the indicator Importance tells operations apart by the passes that drew them: it needs a relaxation "
                "that draws, such as GumbelSoftmax(hard=True)"
            )
        if search.optimization.train_fraction == 1:
            return (
                "the indicator Importance counts how often operations were right on held-out images, and there are "
                "none: take a train_fraction below 1"
            )
        return None

    def start(self, shapes: Shapes) -> "ImportanceJudge":
        return ImportanceJudge(self, shapes)


class ImportanceJudge(Judge):
    """Counts passes. Each count is cell type -> float64 (edges, operations)."""

    def __init__(self, settings: Importance, shapes: Shapes):
        self.settings = settings
        self.trained, self.validated, self.right = (
            {kind: torch.zeros(shape, dtype=torch.float64) for kind, shape in shapes.items()} for _ in range(3)
        )

    def observe(self, step: Step) -> None:
        for kind, computed in step.train.computed.items():
            self.trained[kind] += computed
        if step.valid is not None:
            accuracy = _accuracy(step.valid)
            for kind, computed in step.valid.computed.items():
                self.validated[kind] += computed
                self.right[kind] += accuracy * computed

    def strengths(self, weights: Strengths, alive: Masks) -> Strengths:
        return {kind: self._importance(kind, value, alive[kind]) for kind, value in weights.items()}

    def history(self, weights: Strengths, alive: Masks) -> dict[str, Strengths]:
        """importance; trained: the training passes that computed each operation; accuracy: C^a in percent."""
        accuracy = {kind: 100 * self.right[kind] / self.validated[kind] for kind in weights}
        return {"importance": self.strengths(weights, alive), "trained": self.trained, "accuracy": accuracy}

    def state_dict(self) -> dict[str, Any]:
        counts = {"trained": self.trained, "validated": self.validated, "right": self.right}
        return {name: {kind: value.clone() for kind, value in count.items()} for name, count in counts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.trained, self.validated, self.right = (dict(state[name]) for name in ("trained", "validated", "right"))

    def _importance(self, kind: str, weights: Tensor, alive: Tensor) -> Tensor:
        ratio = (self._accuracy_of(kind) / self._iterations(kind, alive)).masked_fill(~alive, torch.nan)
        known = ratio.isfinite()
        mean = ratio.where(known, 0.0).sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp(min=1)
        importance = weights + self.settings.scale * ratio.where(known, mean)
        return importance.to(weights.dtype).masked_fill(~alive, 0.0)

    def _accuracy_of(self, kind: str) -> Tensor:
        return (100 if self.settings.normalisation == "percent" else 1) * self.right[kind] / self.validated[kind]

    def _iterations(self, kind: str, alive: Tensor) -> Tensor:
        trained = self.trained[kind]
        if self.settings.normalisation != "relative":
            return trained
        living = trained.masked_fill(~alive, 0.0)
        return trained * alive.sum(dim=1, keepdim=True) / living.sum(dim=1, keepdim=True)


def _accuracy(outcome: Outcome) -> float:
    return float(outcome.correct) / outcome.images
