"""The supernet of blocks, connection by connection: to be read, and what the fast form is tested against."""

from collections import deque
from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.base.arguments import checked
from nascore.base.ranges import Amount, Channels
from nascore.networks import operations
from nascore.networks.block_stack import BlockStack, first_blocks, shortcut
from nascore.relaxations.base import EdgeWeights


@runtime_checkable
class BlockLayout(Protocol):
    """What a supernet of blocks is made of; a `BlockSpace` is such a layout."""

    @property
    def candidates(self) -> tuple[str, ...]: ...

    @property
    def levels(self) -> int: ...

    @property
    def stages(self) -> tuple[int, ...]: ...

    @property
    def channels(self) -> int: ...

    @property
    def shared(self) -> bool: ...

    @property
    def stem(self) -> Literal["cifar", "imagenet"]: ...

    @property
    def output(self) -> int: ...

    @property
    def first_level(self) -> Literal["scaled", "fixed"]: ...

    @property
    def shortcuts(self) -> bool: ...

    @property
    def last_norm(self) -> bool: ...

    @property
    def reduction_scales(self) -> bool: ...

    @property
    def norm_scales(self) -> bool: ...

    def edges(self) -> list[tuple[int, int]]: ...

    def cell_types(self) -> tuple[str, ...]: ...


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
    convolution only of the channels that are; where nothing is, the output is the input. Where the scales of the first
    level are fixed, its operations read the input as it is, those that any active connection reads. With `around`, the
    input goes through a `shortcut` on its way to the output.
    """

    def __init__(self, space: BlockLayout, channels: int, around: bool = False):
        super().__init__()
        norm = nn.BatchNorm2d if space.norm_scales else ShiftNorm
        self.edges, self.output_node, self.width = space.edges(), space.output, len(space.candidates)
        self.fixed = space.first_level == "fixed"
        self.operations = nn.ModuleList(
            operations.build_post_norm(name, channels, norm) for _ in range(space.levels) for name in space.candidates
        )
        self.reduce = nn.Conv2d(channels * len(self.operations), channels, 1, bias=False)
        self.norm = norm(channels)
        self.around = shortcut(channels, norm) if around else None
        self.channels = channels

    def forward(self, x: Tensor, weights: EdgeWeights) -> Tensor:
        assert weights.active is not None  # `Architecture` fills it in
        scales, active = weights.values[:, 0], weights.active[:, 0].tolist()
        reads: dict[int, list[tuple[int, int]]] = {}
        for at, (source, target) in enumerate(self.edges):
            if active[at]:
                reads.setdefault(target, []).append((at, source))
        states = {0: x}
        for node in self._read_as_is({source for at, (source, _) in enumerate(self.edges) if active[at]}):
            states[node] = self.operations[node - 1](x)
        for node, operation in enumerate(self.operations, start=1):
            terms = [scales[at] * states[source] for at, source in reads.get(node, ()) if source in states]
            if terms:
                states[node] = operation(sum(terms[1:], start=terms[0]))
        last = [(at, source) for at, source in reads.get(self.output_node, ()) if source in states]
        past = x if self.around is None else self.around(x)
        if not last:
            return past
        side_by_side = torch.cat([scales[at] * states[source] for at, source in last], dim=1)
        weight = torch.cat([self._columns(source) for _, source in last], dim=1)
        return F.relu(self.norm(F.conv2d(side_by_side, weight))) + past

    def _read_as_is(self, sources: set[int]) -> list[int]:
        """The operations of the first level that are among `sources`, where their scales are fixed."""
        return [node for node in range(1, self.width + 1) if node in sources] if self.fixed else []

    def _columns(self, node: int) -> Tensor:
        """The part of the 1x1 convolution that reads an operation."""
        return self.reduce.weight[:, (node - 1) * self.channels : node * self.channels]


@checked
class BlockSupernet(BlockStack):
    """The network of search blocks; its weights are the operations', the scales come with each call."""

    block = SearchBlock

    def __init__(self, space: BlockLayout, in_channels: Channels, classes: Amount):
        super().__init__(
            lambda at, channels: self.block(space, channels, space.shortcuts and at in first_blocks(space.stages)),
            stages=space.stages,
            channels=space.channels,
            classes=classes,
            in_channels=in_channels,
            stem=space.stem,
            norm=nn.BatchNorm2d if space.norm_scales else ShiftNorm,
            last_norm=space.last_norm,
            reduction_scales=space.reduction_scales,
        )
        kinds = space.cell_types()
        self.kinds = kinds * sum(space.stages) if space.shared else kinds

    def scales(self) -> list[nn.Parameter]:
        """Those of the reductions, (2,) each, which learn as the scales of connections do."""
        return [each.scales for each in self.reductions.children() if isinstance(each.scales, nn.Parameter)]

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the scales of each type of block -> logits (N, classes)."""
        states = self.outputs(images, lambda at, x: self.blocks[at](x, weights[self.kinds[at]]))
        return self.classify(deque(states, maxlen=1).pop())
