"""The space of DSO-NAS: fully connected blocks, in which every connection has a scale (Zhang et al. 2018, 3.2).

What is searched are connections, so the architecture parameters of a block have a row for each connection and a single
column: they are the scales themselves. Unlike weights of a mixture they are free, and none is chosen against another.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore import operations
from nascore.blocks import SCALE, BlockGenotype, Connection, block_types, connected, connections
from nascore.errors import ConfigError
from nascore.genotypes import Arrow
from nascore.macro import BlockStack
from nascore.relaxations import EdgeWeights
from nascore.spaces.base import Space

CANDIDATES = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")


class BlockSpace(Space):
    """Blocks of `levels` levels of the `candidates`: each reads the block's input and all of the levels before it.

    `stages` says how many blocks each stage has. With `shared`, all blocks have the same scales (DSO-NAS-share), else
    each has its own (DSO-NAS-full).
    """

    operations: ClassVar[tuple[str, ...]] = (SCALE,)

    candidates: tuple[str, ...] = CANDIDATES
    levels: int = 4
    stages: tuple[int, ...] = (8, 8, 8)
    channels: int = 48
    shared: bool = True
    stem: Literal["cifar", "imagenet"] = "cifar"

    def validate(self) -> None:
        chosen = set(self.candidates)
        distinct = bool(chosen) and chosen <= set(CANDIDATES) and len(chosen) == len(self.candidates)
        self.require(distinct, "candidates", f"different names out of {', '.join(CANDIDATES)}")
        self.require(self.levels >= 1, "levels", "at least 1")
        self.require(bool(self.stages) and min(self.stages, default=0) >= 1, "stages", "one block or more each")
        self.require(self.channels >= 1, "channels", "at least 1")

    @property
    def output(self) -> int:
        """The number of a block's output node."""
        return self.levels * len(self.candidates) + 1

    def cell_types(self) -> tuple[str, ...]:
        return block_types(1 if self.shared else sum(self.stages))

    def edges(self) -> list[Connection]:
        return connections(self.levels, len(self.candidates))

    def supernet(self, in_channels: int, classes: int) -> "BlockSupernet":
        return BlockSupernet(self, in_channels, classes)

    def connected(self, alive: Tensor) -> Tensor:
        """`alive`, bools (connections, 1), without those that are isolated."""
        edges = self.edges()
        left = set(
            connected([edge for edge, lives in zip(edges, alive[:, 0].tolist(), strict=True) if lives], self.output)
        )
        return torch.tensor([[edge in left] for edge in edges])

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> BlockGenotype:
        """See `Space`; what is isolated is left out."""
        blocks = (connected([arrow[1:] for arrow in chosen[kind]], self.output) for kind in self.cell_types())
        return BlockGenotype(self.candidates, self.levels, tuple(blocks))

    def random(self, generator: torch.Generator, kept: Sequence[int] | None = None) -> BlockGenotype:
        """Blocks of about as many connections as `kept` says (None: half of them), none of them isolated.

        Connections are added in random order, and those that are not isolated counted; of all these beginnings that
        which comes nearest is taken, the shortest of equals. Raises `ConfigError` for more connections than there are,
        or another number of blocks.
        """
        edges, kinds = self.edges(), self.cell_types()
        kept = [len(edges) // 2] * len(kinds) if kept is None else list(kept)
        if len(kept) != len(kinds) or not all(0 <= count <= len(edges) for count in kept):
            raise ConfigError(f"kept must be {len(kinds)} numbers from 0 to {len(edges)}, not {kept}")
        blocks = []
        for count in kept:
            order = [edges[at] for at in torch.randperm(len(edges), generator=generator).tolist()]
            beginnings = (connected(order[:most], self.output) for most in range(len(edges) + 1))
            blocks.append(min(beginnings, key=lambda left: abs(len(left) - count)))
        return BlockGenotype(self.candidates, self.levels, tuple(blocks))


class ShiftNorm(nn.BatchNorm2d):
    """BatchNorm whose scale is 1 for good, so that it cannot do what a connection's scale is there for (section 4.1);
    its shift is learned.
    """

    def __init__(self, channels: int):
        super().__init__(channels, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))


class SearchBlock(nn.Module):
    """A block of which all connections are there: (N, channels, H, W) -> the same shape.

    Each operation reads the scaled sum of its inputs (equation 3). The output is a 1x1 convolution, BN and ReLU over
    the scaled operations side by side, plus the input (equation 4). What is not active is not computed, and the 1x1
    convolution only of the channels that are; where nothing is, the output is the input.
    """

    def __init__(self, space: BlockSpace, channels: int):
        super().__init__()
        self.edges, self.output_node = space.edges(), space.output
        self.operations = nn.ModuleList(
            operations.build_post_norm(name, channels, ShiftNorm)
            for _ in range(space.levels)
            for name in space.candidates
        )
        self.reduce = nn.Conv2d(channels * len(self.operations), channels, 1, bias=False)
        self.norm = ShiftNorm(channels)
        self.channels = channels

    def forward(self, x: Tensor, weights: EdgeWeights) -> Tensor:
        scales, active = weights.values[:, 0], weights.active[:, 0].tolist()
        reads: dict[int, list[tuple[int, int]]] = {}
        for at, (source, target) in enumerate(self.edges):
            if active[at]:
                reads.setdefault(target, []).append((at, source))
        states = {0: x}
        for node, operation in enumerate(self.operations, start=1):
            terms = [scales[at] * states[source] for at, source in reads.get(node, ()) if source in states]
            if terms:
                states[node] = operation(sum(terms[1:], start=terms[0]))
        last = [(at, source) for at, source in reads.get(self.output_node, ()) if source in states]
        if not last:
            return x
        side_by_side = torch.cat([scales[at] * states[source] for at, source in last], dim=1)
        weight = torch.cat([self._columns(source) for _, source in last], dim=1)
        return F.relu(self.norm(F.conv2d(side_by_side, weight))) + x

    def _columns(self, node: int) -> Tensor:
        """The part of the 1x1 convolution that reads an operation."""
        return self.reduce.weight[:, (node - 1) * self.channels : node * self.channels]


class BlockSupernet(BlockStack):
    """The network of search blocks; its weights are the operations', the scales come with each call."""

    def __init__(self, space: BlockSpace, in_channels: int, classes: int):
        super().__init__(
            lambda at, channels: SearchBlock(space, channels),
            stages=space.stages,
            channels=space.channels,
            classes=classes,
            in_channels=in_channels,
            stem=space.stem,
            norm=ShiftNorm,
        )
        kinds = space.cell_types()
        self.kinds = kinds * sum(space.stages) if space.shared else kinds

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the scales of each type of block -> logits (N, classes)."""
        states = self.outputs(images, lambda at, x: self.blocks[at](x, weights[self.kinds[at]]))
        return self.classify(deque(states, maxlen=1).pop())
