"""The supernet under its architecture: the loss that both kinds of parameters share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.optimization.base import Batch
from nascore.relaxations.architecture import Architecture
from nascore.relaxations.base import Relaxation
from nascore.spaces.base import Space
from nascore.training.evaluation import autocast, wide
from nascore.training.settings import Precision


class SearchProblem:
    """The supernet under its architecture: one loss that both kinds of parameters share."""

    def __init__(
        self,
        supernet: nn.Module,
        architecture: Architecture,
        relaxation: Relaxation,
        generator: torch.Generator,
        precision: Precision = "float32",
        space: Space | None = None,
    ):
        self.space = space
        self.supernet, self.architecture = supernet, architecture
        self.relaxation, self.generator = relaxation, generator
        self.weights, self.alphas = list(supernet.parameters()), architecture.parameters()
        self.progress = 0.0
        self.precision = precision
        self.computed = architecture.alive

    def logits(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, classes), at a fresh draw of the relaxation, which is never of less than float32."""
        weights = self.architecture.weights(self.relaxation, self.progress, self.generator)
        self.computed = {kind: drawn.active for kind, drawn in weights.items()}
        with autocast(self.precision, images.device):
            return wide(self.supernet(images, weights))

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = self.logits(batch[0])
        return F.cross_entropy(logits, batch[1]), logits
