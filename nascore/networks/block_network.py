"""The network that DSO-NAS's blocks describe, to be trained from scratch."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Channels, Probability, Stages
from nascore.networks import operations
from nascore.networks.auxiliary import AuxiliaryHead, drop_path_by_image
from nascore.networks.block_stack import BlockStack, first_blocks, shortcut
from nascore.networks.blocks import Block, BlockGenotype
from nascore.networks.operations import conv_bn


class DerivedBlock(nn.Module):
    """A block of DSO-NAS as its search left it, (N, channels, H, W) -> the same shape: scales are dropped, not kept.

    An operation reads the sum of its inputs; the output is a 1x1 convolution, BN and ReLU over the operations that it
    is connected with, plus the input. A block of which nothing is left is the identity. With `around`, the input goes
    through a `shortcut` on its way to the output.
    """

    def __init__(self, block: Block, channels: int, around: bool = False):
        super().__init__()
        self.around = shortcut(channels, nn.BatchNorm2d) if around else nn.Identity()
        self.block, names = block, block.operations()
        self.reads = {
            node: [source for source, target in block.kept if target == node] for node in (*names, block.output)
        }
        self.operations = nn.ModuleList(
            operations.build_post_norm(name, channels, nn.BatchNorm2d) for name in names.values()
        )
        inputs = channels * len(self.reads[block.output])
        reduce = [*conv_bn(inputs, channels, 1), nn.ReLU()] if inputs else []
        self.reduce = nn.Sequential(*reduce)

    def forward(self, x: Tensor, drop: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        if not self.reduce:
            return self.around(x)
        states = {0: x}
        for node, operation in zip(self.block.operations(), self.operations, strict=True):
            terms = [states[source] for source in self.reads[node]]
            states[node] = operation(sum(terms[1:], start=terms[0]))
            if drop is not None:
                states[node] = drop(states[node])
        return self.reduce(
            torch.cat([states[source] for source in self.reads[self.block.output]], dim=1)
        ) + self.around(x)


@checked
class BlockNetwork(BlockStack):
    """The network of DSO-NAS's blocks (section 3.2): images (N, in_channels, H, W) -> logits (N, classes).

    `stages` says how many blocks each stage has; a genotype of several blocks needs as many as there are. `auxiliary`
    adds the head after the stage before the last, used in training only; `dropout` drops features before the classifier
    with that probability. `shortcuts` puts a convolution on the way around each stage's first block, `last_norm` a BN
    and a ReLU before the classifier, as the authors' code has them. Raises `ConfigError` where genotype and stages do
    not fit.
    """

    block = DerivedBlock

    def __init__(
        self,
        genotype: BlockGenotype,
        stages: Stages = (8, 8, 8),
        channels: Channels = 36,
        classes: Amount = 10,
        in_channels: Channels = 3,
        stem: Literal["cifar", "imagenet"] = "cifar",
        auxiliary: bool = False,
        dropout: Probability = 0.0,
        shortcuts: bool = False,
        last_norm: bool = False,
    ):
        blocks = list(genotype.cells().values())
        if len(blocks) == 1:
            blocks *= sum(stages)
        if len(blocks) != sum(stages):
            raise ConfigError(f"the genotype has {len(blocks)} blocks, and stages of {stages} have {sum(stages)}")
        super().__init__(
            lambda at, width: self.block(blocks[at], width, shortcuts and at in first_blocks(stages)),
            stages=stages,
            channels=channels,
            classes=classes,
            in_channels=in_channels,
            stem=stem,
            norm=nn.BatchNorm2d,
            last_norm=last_norm,
        )
        if auxiliary and len(stages) < 2:
            raise ConfigError("an auxiliary head follows the stage before the last, and this network has one stage")
        self.auxiliary_at = self.starts[-1] - 1 if auxiliary else None
        head_at = self.auxiliary_at
        self.auxiliary = None if head_at is None else AuxiliaryHead(self.widths[head_at], classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        return self.with_auxiliary(images)[0]

    def with_auxiliary(
        self, images: Tensor, drop_path: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """(logits, the auxiliary head's logits in training mode, else None).

        Each operation is dropped per image with a probability that grows along a line from block to block, to
        `drop_path` in the last (Zoph et al. 2018, "scheduled" drop-path; Code: DSO-NAS).
        """

        def call(at: int, x: Tensor) -> Tensor:
            probability = drop_path * (at + 1) / len(self.blocks)
            drops = self.training and drop_path > 0
            drop = (lambda y: drop_path_by_image(y, probability, generator)) if drops else None
            return self.blocks[at](x, drop)

        auxiliary = None
        for at, last in enumerate(self.outputs(images, call)):
            if self.training and self.auxiliary is not None and at == self.auxiliary_at:
                auxiliary = self.auxiliary(last.contiguous())  # as `BlockStack.through`
        return self.classifier(self.dropout(self.pooled(last))), auxiliary
