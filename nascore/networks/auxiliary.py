"""What training adds to a network: a second classifier on an inner state, and edges dropped per image."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.networks.operations import conv_bn


class AuxiliaryHead(nn.Module):
    """A second classifier on an inner state, (N, C, H, W) -> logits (N, classes).

    Pool to 2x2, 1x1 convolution to 128, 2x2 convolution to 768, linear (Code: darts). An 8x8 state (CIFAR) is pooled
    in 5x5 windows at stride 3 and a 7x7 one (ImageNet) at stride 2, as there; other sizes are averaged adaptively.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.layers = nn.Sequential(
            *conv_bn(inputs, 128, 1), nn.ReLU(), nn.Conv2d(128, 768, 2, bias=False), nn.BatchNorm2d(768), nn.ReLU()
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        x, size = F.relu(x), x.shape[-1]
        x = F.avg_pool2d(x, 5, size - 5) if x.shape[-2] == size in (7, 8) else F.adaptive_avg_pool2d(x, 2)
        return self.classifier(self.layers(x).flatten(1))


def drop_path_by_image(x: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    kept = torch.rand((len(x), 1, 1, 1), device=x.device, generator=generator) >= probability
    return x * (kept / (1 - probability))


@runtime_checkable
class TrainedWithAuxiliary(Protocol):
    """A network that may have an auxiliary head, and drops paths in training."""

    def with_auxiliary(
        self, images: Tensor, drop_path: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]: ...


def with_auxiliary(
    network: nn.Module, images: Tensor, drop_path: float, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """(logits, auxiliary logits or None) of any network; only those of cells and of DSO-NAS's blocks have an auxiliary
    head and drop-path.
    """
    if isinstance(network, TrainedWithAuxiliary):
        return network.with_auxiliary(images, drop_path, generator)
    return network(images), None
