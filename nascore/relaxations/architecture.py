"""Architecture parameters (alpha) of a supernet, and which of its candidate operations are still alive."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nascore.relaxations.base import EdgeWeights, Relaxation


class Architecture:
    """Cell type -> alpha (edges, operations), drawn as `mean` plus `std` times a standard normal; and -> alive, bools
    of the same shape.

    `alive` stays on the CPU, where it decides what is computed; relaxations see a copy beside alpha. DARTS starts from
    std = 1e-3.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, int]],
        generator: torch.Generator,
        std: float = 1e-3,
        mean: float = 0.0,
    ):
        self.alpha = {
            kind: nn.Parameter(mean + std * torch.randn(shape, generator=generator)) for kind, shape in shapes.items()
        }
        self.alive = {kind: torch.ones(shape, dtype=torch.bool) for kind, shape in shapes.items()}

    @property
    def alive(self) -> dict[str, Tensor]:
        return self._alive

    @alive.setter
    def alive(self, masks: Mapping[str, Tensor]) -> None:
        self._alive = {kind: mask.cpu() for kind, mask in masks.items()}
        # copied here once: a copy in every step would make the device wait for the CPU
        self._masks = {kind: mask.to(self.alpha[kind].device) for kind, mask in self._alive.items()}

    @property
    def living(self) -> int:
        """How many candidate operations are alive, over all edges of all cell types."""
        return sum(int(mask.sum()) for mask in self._alive.values())

    def to(self, device: torch.device) -> "Architecture":
        for alpha in self.alpha.values():
            alpha.data = alpha.data.to(device)
        self.alive = self._alive
        return self

    def parameters(self) -> list[nn.Parameter]:
        return list(self.alpha.values())

    def strengths(self, relaxation: Relaxation, progress: float = 0.0) -> dict[str, Tensor]:
        """Cell type -> weights without randomness, detached: what derivation, pruning and figures read."""
        with torch.no_grad():
            return {
                kind: relaxation.strengths(alpha, self._masks[kind], progress) for kind, alpha in self.alpha.items()
            }

    def weights(self, relaxation: Relaxation, progress: float, generator: torch.Generator) -> dict[str, EdgeWeights]:
        """Cell type -> the weights of one forward pass, drawn once for all cells of the type."""
        weights = {
            kind: relaxation.weights(alpha, self._masks[kind], progress, generator)
            for kind, alpha in self.alpha.items()
        }
        return {
            kind: drawn if drawn.active is not None else EdgeWeights(drawn.values, self._alive[kind])
            for kind, drawn in weights.items()
        }

    def keep(self, alive: Mapping[str, Tensor]) -> int:
        """Let everything die that is not in `alive`; returns how many operations that were."""
        before = self.living
        self.alive = {kind: mask & alive[kind].cpu() for kind, mask in self.alive.items()}
        return before - self.living

    def state_dict(self) -> dict[str, Any]:
        alpha = {kind: value.detach().clone() for kind, value in self.alpha.items()}
        return {"alpha": alpha, "alive": dict(self.alive)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.alive = state["alive"]
        with torch.no_grad():
            for kind, value in state["alpha"].items():
                self.alpha[kind].copy_(value)
