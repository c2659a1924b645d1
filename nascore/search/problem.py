"""The supernet under its architecture: the loss that both kinds of parameters share."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.optimization.base import Batch, scales_of
from nascore.optimization.penalties import Penalty, Priced
from nascore.relaxations.architecture import Architecture
from nascore.spaces.base import Space
from nascore.training.evaluation import autocast, wide
from nascore.training.precision import numbers
from nascore.training.settings import Precision


class SearchProblem:
    """The supernet under its architecture: one loss that both kinds of parameters share.

    `costs` are those of `Space.costs`, for penalties that ask for them; `image_size` is the side of the images, in
    pixels. What a supernet has of scales beside its architecture's (`scales`) learns as alpha does, not as weights do.
    """

    def __init__(
        self,
        supernet: nn.Module,
        architecture: Architecture,
        generator: torch.Generator,
        precision: Precision = "float32",
        space: Space | None = None,
        penalty: Penalty | None = None,
        costs: Mapping[str, Tensor] | None = None,
        image_size: int | None = None,
    ):
        self.space, self.supernet, self.architecture = space, supernet, architecture
        self.image_size = image_size
        self.generator, self.precision = generator, precision
        scales = scales_of(supernet)
        self.weights = [each for each in supernet.parameters() if not any(each is scale for scale in scales)]
        self.alphas = [*architecture.parameters(), *scales]
        self.penalising, self.costs = penalty or Penalty(), dict(costs or {})
        self.computed: Mapping[str, Tensor] = architecture.alive

    def logits(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, classes), at a fresh draw of the relaxation, which is never of less than float32."""
        weights = self.architecture.weights(self.generator)
        self.computed = {kind: drawn.active for kind, drawn in weights.items() if drawn.active is not None}
        with autocast(self.precision, images.device):
            wide_enough = torch.promote_types(images.dtype, numbers(self.precision))
            return wide(self.supernet(images.to(wide_enough), weights))

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(mean cross-entropy, logits) on a batch."""
        logits = self.logits(batch[0])
        return F.cross_entropy(logits, batch[1]), logits

    def penalty(self) -> Tensor | None:
        """What the settings add to the loss that architecture parameters follow; None for nothing."""
        if type(self.penalising) is Penalty:  # which would relax everything once more for nothing
            return None
        architecture = self.architecture
        cells = {
            kind: Priced(
                architecture.alpha[kind],
                weights,
                architecture.masks[kind],
                architecture.context(kind),
                self.costs.get(kind),
            )
            for kind, weights in architecture.relaxed().items()
        }
        return self.penalising.value(cells)
