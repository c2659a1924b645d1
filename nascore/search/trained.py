"""A search at its end, for derivations that try things on its supernet."""

from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore import data
from nascore.optimization.gradients import Clip, clip_gradients, frozen_statistics
from nascore.relaxations.architecture import Architecture
from nascore.relaxations.base import EdgeWeights
from nascore.spaces.base import Masks, Space
from nascore.training.evaluation import autocast, evaluate, set_learning_rate, wide
from nascore.training.precision import numbers
from nascore.training.settings import SgdSettings


class TrainedSupernet:
    """See `nascore.derivation.Trained`. `supernet` is a copy of the search's, and `train` has draws of its own."""

    def __init__(
        self,
        space: Space,
        architecture: Architecture,
        supernet: nn.Module,
        settings: SgdSettings,
        train: data.AnyBatches,
        held_out: data.AnyBatches | None,
        device: torch.device,
        draws: torch.Generator,
        clip: Clip = "norm",
    ):
        self.space = space
        self.alive: Masks = architecture.alive
        self._architecture, self._supernet, self._settings = architecture, supernet, settings
        self._train, self._held_out, self._device, self.draws = train, held_out, device, draws
        self._clip = clip
        with torch.no_grad():
            drawn = architecture.weights(torch.Generator(device))
        self._edges = {kind: weights.edges for kind, weights in drawn.items()}
        self._optimizer = settings.optimizer(supernet.parameters())

    def weights(self, alive: Masks) -> dict[str, Tensor]:
        """The architecture weights, without randomness, as they would be if `alive` were all that lives; on the CPU."""
        with torch.no_grad():
            return {kind: value.cpu() for kind, value in self._architecture.relaxed(alive).items()}

    def accuracy(self, weights: Mapping[str, Tensor]) -> float:
        """In percent, on the held-out images, with BatchNorm as the search validated."""
        relaxation, mixture = self._architecture.relaxation, self._mixture(weights)
        assert self._held_out is not None  # see `Derivation.objection`
        stale = relaxation.samples or relaxation.outruns_statistics
        self._supernet.train(stale)
        with frozen_statistics(self._supernet) if stale else nullcontext():
            averages = evaluate(lambda images: self._logits(images, mixture), self._held_out, self._device)
        return averages.named("valid")["valid_accuracy"]

    def fine_tune(self, weights: Mapping[str, Tensor], epochs: int, learning_rate: float) -> None:
        """Train the supernet's own weights, momentum going on from one call to the next."""
        mixture, parameters = self._mixture(weights), list(self._supernet.parameters())
        set_learning_rate(self._optimizer, learning_rate)
        self._supernet.train()
        for _ in range(epochs):
            for images, labels in self._train:
                loss = F.cross_entropy(self._logits(images, mixture), labels)
                self._optimizer.zero_grad()
                loss.backward()
                clip_gradients(parameters, self._settings.gradient_clip, self._clip)
                self._optimizer.step()

    def _mixture(self, weights: Mapping[str, Tensor]) -> dict[str, EdgeWeights]:
        return {kind: self._weights_of(kind, value) for kind, value in weights.items()}

    def _weights_of(self, kind: str, values: Tensor) -> EdgeWeights:
        computed = values != 0
        edges = self._edges[kind]
        if edges is not None:  # what runs beside the candidates goes with an edge's last one
            edges = edges * computed.any(dim=1).to(edges.device)
        return EdgeWeights(values.to(self._device), computed.cpu(), edges)

    def _logits(self, images: Tensor, mixture: Mapping[str, EdgeWeights]) -> Tensor:
        with autocast(self._settings.precision, self._device):
            return wide(self._supernet(images.to(numbers(self._settings.precision)), mixture))
