"""Losses and accuracies, over batches and over processes; the precision in which networks compute."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from nascore import data
from nascore.base.processes import ALONE, Team
from nascore.training.settings import Precision

EVALUATION_BATCH = 250  # images; changes no result beyond rounding


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> float:
    """Let `optimizer` go on at `rate`, which is returned."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            device = group["params"][0].device
            if group["lr"].device != device:  # as read from a checkpoint
                group["lr"] = group["lr"].to(device)
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
    return rate


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which a network computes with `precision`; see `wide` for what comes out of it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def wide(x: Tensor) -> Tensor:
    """x as float32 if it is bfloat16: losses are never computed of less."""
    return x.float() if x.dtype == torch.bfloat16 else x


class Averages:
    """Mean loss and accuracy over batches, summed on the device so that nothing waits for it before the end.

    `over` a team of processes, they are those of all of them.
    """

    def __init__(self, device: torch.device, over: Team = ALONE):
        self.loss, self.correct, self.images = torch.zeros((), device=device), torch.zeros((), device=device), 0
        self.team = over

    def add(self, loss: Tensor, correct: Tensor, images: int) -> None:
        self.loss = self.loss + loss * images  # in the precision of the losses
        self.correct += correct
        self.images += images

    def named(self, prefix: str) -> dict[str, float]:
        """`prefix`_loss (cross-entropy, nats) and `prefix`_accuracy (percent)."""
        counted = torch.tensor(self.images, device=self.loss.device)
        loss, correct, images = map(float, self.team.add(self.loss, self.correct, counted))
        return {f"{prefix}_loss": loss / images, f"{prefix}_accuracy": 100 * correct / images}


def evaluation_batches(
    images: data.AnyDataset,
    indices: Tensor | None = None,
    share: data.Share = data.WHOLE,
    batch_size: int = EVALUATION_BATCH,
) -> data.AnyBatches:
    """Batches in order, as they are, by default of a size that fits everywhere."""
    return data.batches(
        images,
        batch_size,
        indices=indices,
        augment=False,
        shuffle=False,
        drop_last=False,
        generator=None,
        share=share,
    )


def evaluate(
    logits: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    over: Team = ALONE,
) -> Averages:
    """Loss and accuracy of `logits(images)` over `batches`, without gradients."""
    averages = Averages(device, over)
    with torch.no_grad():
        for images, labels in batches:
            found = logits(images)
            averages.add(F.cross_entropy(found, labels), (found.argmax(dim=1) == labels).sum(), len(labels))
    return averages
