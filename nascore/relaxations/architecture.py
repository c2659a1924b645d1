"""Architecture parameters of a supernet, and which of its candidate operations are still alive."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Finite
from nascore.relaxations.base import Context, EdgeWeights, Relaxation


@checked
class Architecture:
    """For each cell type alpha, (edges, operations), what the relaxation learns beside it, and what is alive.

    Alpha is drawn as `mean` plus `std` times a standard normal (DARTS: 1e-3). `alive` stays on the CPU, where it
    decides what is computed; relaxations see a copy beside alpha. `progress` runs from 0 to 1 over the search, whose
    last epoch begins at `last`.
    """

    def __init__(
        self,
        relaxation: Relaxation,
        kinds: Sequence[str],
        edges: Sequence[tuple[int, int]],
        operations: Sequence[str],
        generator: torch.Generator,
        std: Finite = 1e-3,
        mean: Finite = 0.0,
    ):
        self.relaxation, self.edges, self.operations = relaxation, tuple(edges), tuple(operations)
        self.progress, self.last, self.shape = 0.0, 1.0, (len(self.edges), len(self.operations))
        self.alpha = {kind: nn.Parameter(mean + std * torch.randn(self.shape, generator=generator)) for kind in kinds}
        self.alive = {kind: torch.ones(self.shape, dtype=torch.bool) for kind in kinds}
        self.own: dict[str, dict[str, nn.Parameter]] = {kind: {} for kind in kinds}
        for kind in kinds:
            started = relaxation.parameters(self.context(kind), generator)
            self.own[kind] = {name: self._own(name, value) for name, value in started.items()}

    def _own(self, name: str, value: Tensor) -> nn.Parameter:
        if name == "weight" or value.ndim != 2 or torch.broadcast_shapes(value.shape, self.shape) != self.shape:
            raise ConfigError(
                f"{type(self.relaxation).__name__} has a parameter {name!r} of the shape {tuple(value.shape)}: it must "
                f"have two dimensions that broadcast to {self.shape}, and another name than 'weight'"
            )
        return nn.Parameter(value)

    @property
    def alive(self) -> dict[str, Tensor]:
        """Cell type -> bools (edges, operations), on the CPU."""
        return self._alive

    @alive.setter
    def alive(self, masks: Mapping[str, Tensor]) -> None:
        self._alive = {kind: mask.cpu() for kind, mask in masks.items()}
        # copied here once: a copy in every step would make the device wait for the CPU
        self.masks = {kind: mask.to(self.alpha[kind].device) for kind, mask in self._alive.items()}

    @property
    def living(self) -> int:
        """How many candidate operations are alive, over all edges of all cell types."""
        return sum(int(mask.sum()) for mask in self._alive.values())

    def context(self, kind: str) -> Context:
        return Context(kind, self.edges, self.operations, self.progress, self.own[kind], self.last)

    def to(self, device: torch.device) -> "Architecture":
        for parameter in self.parameters():
            parameter.data = parameter.data.to(device)
        self.alive = self._alive
        return self

    def parameters(self) -> list[nn.Parameter]:
        """Every alpha, then what the relaxation has of its own."""
        own = [parameter for parameters in self.own.values() for parameter in parameters.values()]
        return [*self.alpha.values(), *own]

    def relaxed(self, alive: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Cell type -> weights without randomness, which can be differentiated; as if `alive` were all that lives."""
        masks = (
            self.masks if alive is None else {kind: mask.to(self.alpha[kind].device) for kind, mask in alive.items()}
        )
        return {
            kind: self.relaxation.strengths(alpha, masks[kind], self.context(kind))
            for kind, alpha in self.alpha.items()
        }

    def strengths(self) -> dict[str, Tensor]:
        """Cell type -> weights without randomness, detached: what derivation, pruning and figures read."""
        with torch.no_grad():
            return self.relaxed()

    def weights(self, generator: torch.Generator) -> dict[str, EdgeWeights]:
        """Cell type -> the weights of one forward pass, drawn once for all cells of the type."""
        weights = {
            kind: self.relaxation.weights(alpha, self.masks[kind], generator, self.context(kind))
            for kind, alpha in self.alpha.items()
        }
        return {
            kind: drawn if drawn.active is not None else drawn._replace(active=self._alive[kind])
            for kind, drawn in weights.items()
        }

    def keep(self, alive: Mapping[str, Tensor]) -> int:
        """Let everything die that is not in `alive`; returns how many operations that were."""
        before = self.living
        self.alive = {kind: mask & alive[kind].cpu() for kind, mask in self.alive.items()}
        return before - self.living

    def history(self) -> dict[str, dict[str, Tensor]]:
        """Name -> cell type -> what the relaxation has of its own, (edges, operations), on the CPU."""
        names = dict.fromkeys(name for parameters in self.own.values() for name in parameters)
        return {
            name: {kind: own[name].detach().cpu().expand(self.shape) for kind, own in self.own.items()}
            for name in names
        }

    def state_dict(self) -> dict[str, Any]:
        alpha = {kind: value.detach().clone() for kind, value in self.alpha.items()}
        own = {kind: {name: each.detach().clone() for name, each in parts.items()} for kind, parts in self.own.items()}
        return {"alpha": alpha, "own": own, "alive": dict(self.alive)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.alive = state["alive"]
        with torch.no_grad():
            for kind, value in state["alpha"].items():
                self.alpha[kind].copy_(value)
                for name, own in state["own"][kind].items():
                    self.own[kind][name].copy_(own)
