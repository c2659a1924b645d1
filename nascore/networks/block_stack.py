"""DSO-NAS's macro-architecture (section 3.2): stages of blocks, between which a reduction halves height and width."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from nascore.base.errors import ConfigError

Norm = Callable[[int], nn.Module]  # channels -> BatchNorm


def shortcut(channels: int, norm: Norm) -> nn.Sequential:
    """What the input of a stage's first block goes through on its way around it in the authors' code: a 1x1
    convolution, BN and ReLU. (N, channels, H, W) -> the same shape.
    """
    return nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), norm(channels), nn.ReLU())


def first_blocks(stages: tuple[int, ...]) -> set[int]:
    """The positions, from 0, of the first blocks of the stages."""
    return {sum(stages[:stage]) for stage in range(len(stages))}


class ReductionBlock(nn.Module):
    """Halve height and width and double the channels: the sum of a 1x1 and a 3x3 stride-2 convolution, each with BN and
    ReLU (DSO-NAS, section 3.2): (N, C, H, W) -> (N, 2 C, ceil(H/2), ceil(W/2)). `norm(channels)` makes the BN.

    If `scaled`, each of the two is multiplied by a scale before they are added (Code: DSO-NAS).
    """

    def __init__(self, channels: int, norm: Norm, scaled: bool = False):
        super().__init__()
        self.scales = nn.Parameter(torch.ones(2)) if scaled else None
        self.paths = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, 2 * channels, kernel, 2, kernel // 2, bias=False), norm(2 * channels), nn.ReLU()
            )
            for kernel in (1, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.paths
        if self.scales is None:
            return first(x) + second(x)
        return self.scales[0] * first(x) + self.scales[1] * second(x)


class BlockStack(nn.Module):
    """DSO-NAS's macro-architecture (section 3.2): a stem, `stages` of so many blocks each, a linear classifier.

    Between two stages a `ReductionBlock` halves height and width and doubles the channels; after the last there is
    none. `make_block(position, channels)` makes a block, which maps (N, channels, H, W) to the same shape; `widths`
    holds the width at each position. The stem is a 3x3 convolution, or for ImageNet a 7x7 one of stride 2 and a pool
    (Code: DSO-NAS). The authors' code has a BN and a ReLU before the classifier (`last_norm`), and scales on its
    reductions (`reduction_scales`). Raises `ConfigError` for stages without blocks.
    """

    def __init__(
        self,
        make_block: Callable[[int, int], nn.Module],
        *,
        stages: tuple[int, ...],
        channels: int,
        classes: int,
        in_channels: int,
        stem: Literal["cifar", "imagenet"],
        norm: Norm,
        last_norm: bool = False,
        reduction_scales: bool = False,
    ):
        super().__init__()
        if not stages or min(stages) < 1:
            raise ConfigError(f"each stage needs at least one block, not {stages}")
        kernel, stride = (3, 1) if stem == "cifar" else (7, 2)
        first = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
        pool = [] if stem == "cifar" else [nn.MaxPool2d(3, 2, 1)]
        self.stem = nn.Sequential(first, norm(channels), nn.ReLU(), *pool)
        widths = [channels * 2**stage for stage in range(len(stages))]
        self.widths = [width for width, blocks in zip(widths, stages, strict=True) for _ in range(blocks)]
        self.starts = [sum(stages[:stage]) for stage in range(1, len(stages))]  # blocks that follow a reduction
        self.blocks = nn.ModuleList(make_block(at, width) for at, width in enumerate(self.widths))
        self.reductions = nn.ModuleList(ReductionBlock(width, norm, reduction_scales) for width in widths[:-1])
        self.last = nn.Sequential(norm(widths[-1]), nn.ReLU()) if last_norm else None
        self.classifier = nn.Linear(widths[-1], classes)

    def outputs(self, x: Tensor, call: Callable[[int, Tensor], Tensor]) -> Iterator[Tensor]:
        """Each block's output in turn; `call(position, input)` computes a block."""
        x = self.through(self.stem, x)
        for position in range(len(self.blocks)):
            if position in self.starts:
                x = self.through(self.reductions[self.starts.index(position)], x)
            x = call(position, x)
            yield x

    def classify(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> logits (N, classes)."""
        return self.classifier(self.pooled(x))

    def pooled(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> what the classifier reads, (N, channels)."""
        return (x if self.last is None else self.through(self.last, x)).mean(dim=(2, 3))

    def through(self, module: nn.Module, x: Tensor) -> Tensor:
        """What a module gives that is none of the blocks; faster forms of a stack compute it in their way."""
        return module(x.contiguous())  # the layout in which torch's BatchNorm is exact (`nascore.supernets.kernels`)
