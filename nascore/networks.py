"""Networks to train from scratch: the one that a genotype describes, of either kind, and hand-made baselines.

`count` says how large one is.
"""

from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nascore import operations
from nascore.blocks import Block, BlockGenotype
from nascore.config import choose
from nascore.errors import ConfigError
from nascore.genotypes import INPUTS, Cell, Genotype, Stack
from nascore.macro import BlockStack, CellStack, ResidualStack, Stem, stacked
from nascore.nasbench201 import EDGES, OUTPUT, BenchmarkCell
from nascore.operations import FactorizedReduce, conv_bn


class DerivedCell(nn.Module):
    """A cell as its genotype has it; in a reduction cell the operations on the two inputs have stride 2."""

    def __init__(self, cell: Cell, channels: int, reduction: bool):
        super().__init__()
        self.cell, self.outputs = cell, len(cell.concat)
        self.operations = nn.ModuleList(
            operations.build(name, channels, 2 if reduction and source < INPUTS else 1)
            for name, source, _ in cell.edges()
        )

    def forward(self, input0: Tensor, input1: Tensor, drop: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        states: list[Tensor | None] = [input0, input1]
        layers = iter(self.operations)
        for _, edges in self.cell.numbered():
            terms = [self._term(next(layers), states[source], drop) for _, source in edges]
            states.append(sum(terms[1:], start=terms[0]) if terms else None)
        return torch.cat([states[node] for node in self.cell.concat], dim=1)

    @staticmethod
    def _term(operation: nn.Module, x: Tensor, drop: Callable[[Tensor], Tensor] | None) -> Tensor:
        x = operation(x)
        return x if drop is None or isinstance(operation, nn.Identity) else drop(x)


class BypassedCell(nn.Module):
    """What stands for a cell that lost all its nodes: its second input, in place of a reduction cell halved in size."""

    outputs = 1

    def __init__(self, channels: int, reduction: bool):
        super().__init__()
        self.layer = FactorizedReduce(channels, channels) if reduction else nn.Identity()

    def forward(self, input0: Tensor | None, input1: Tensor, drop: object = None) -> Tensor:
        return self.layer(input1)


class UnreadCell(nn.Module):
    """The place of a cell that nothing reads: nothing."""

    outputs = 0


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


class CellNetwork(CellStack):
    """The network built from a genotype (DARTS, section 3.2): stem, cells, global average pooling, linear.

    Images (N, in_channels, H, W) -> logits (N, classes). `reductions` are positions from 0, None for DARTS's rule; a
    genotype with several normal types needs as many as there are stages. A `Stack` brings `cells` and `reductions`
    with it; what nothing reads in it is not built. `auxiliary` adds the head after the last reduction cell, used in
    training only. Raises `ConfigError` for a layout that makes no network.
    """

    cell: Callable[[Cell, int, bool], nn.Module] = DerivedCell

    def __init__(
        self,
        genotype: Genotype | Stack,
        cells: int = 20,
        channels: int = 36,
        classes: int = 10,
        in_channels: int = 3,
        reductions: tuple[int, ...] | None = None,
        stem: Stem = "cifar",
        auxiliary: bool = False,
    ):
        whole = isinstance(genotype, Stack)
        stack = genotype if whole else stacked(genotype, cells, reductions)
        reads = stack.reads() if whole else [(True, True)] * cells  # published cells are built as they are printed
        super().__init__(
            lambda at, kind, width: self._make_cell(stack.stack[at], width, kind == "reduce", any(reads[at])),
            cells=len(stack.stack),
            channels=channels,
            classes=classes,
            in_channels=in_channels,
            reductions=stack.reductions,
            normal_types=1 if whole else len(genotype.normal),
            stem=stem,
            affine=True,
            reads=reads,
        )
        self.stack = stack
        if auxiliary and not (self.reductions and any(self.reads[self.reductions[-1]])):
            raise ConfigError("an auxiliary head follows the last reduction cell, and this network has or reads none")
        self.auxiliary = AuxiliaryHead(self.widths[self.reductions[-1]], classes) if auxiliary else None

    def _make_cell(self, cell: Cell | None, channels: int, reduction: bool, read: bool) -> nn.Module:
        if not read:
            return UnreadCell()
        return BypassedCell(channels, reduction) if cell is None else self.cell(cell, channels, reduction)

    def forward(self, images: Tensor) -> Tensor:
        return self.with_auxiliary(images)[0]

    def with_auxiliary(
        self, images: Tensor, drop_path: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """(logits, the auxiliary head's logits in training mode, else None), each edge dropped per image with
        `drop_path`.

        Identity edges are never dropped; what is kept is scaled up by 1 / (1 - drop_path) (Larsson et al. 2017; Code:
        darts).
        """
        drop = (lambda x: _drop_path(x, drop_path, generator)) if self.training and drop_path > 0 else None
        auxiliary = None
        for at, last in enumerate(self.outputs(images, lambda at, *inputs: self.cells[at](*inputs, drop))):
            if self.training and self.auxiliary is not None and at == self.reductions[-1]:
                auxiliary = self.auxiliary(last)
        return self.classify(last), auxiliary


class DerivedBlock(nn.Module):
    """A block of DSO-NAS as its search left it, (N, channels, H, W) -> the same shape: scales are dropped, not kept.

    An operation reads the sum of its inputs; the output is a 1x1 convolution, BN and ReLU over the operations that it
    is connected with, plus the input. A block of which nothing is left is the identity.
    """

    def __init__(self, block: Block, channels: int):
        super().__init__()
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
            return x
        states = {0: x}
        for node, operation in zip(self.block.operations(), self.operations, strict=True):
            terms = [states[source] for source in self.reads[node]]
            states[node] = operation(sum(terms[1:], start=terms[0]))
            if drop is not None:
                states[node] = drop(states[node])
        return self.reduce(torch.cat([states[source] for source in self.reads[self.block.output]], dim=1)) + x


class BlockNetwork(BlockStack):
    """The network of DSO-NAS's blocks (section 3.2): images (N, in_channels, H, W) -> logits (N, classes).

    `stages` says how many blocks each stage has; a genotype of several blocks needs as many as there are. `auxiliary`
    adds the head after the stage before the last, used in training only; `dropout` drops features before the classifier
    with that probability. Raises `ConfigError` where genotype and stages do not fit.
    """

    def __init__(
        self,
        genotype: BlockGenotype,
        stages: tuple[int, ...] = (8, 8, 8),
        channels: int = 36,
        classes: int = 10,
        in_channels: int = 3,
        stem: Literal["cifar", "imagenet"] = "cifar",
        auxiliary: bool = False,
        dropout: float = 0.0,
    ):
        blocks = list(genotype.cells().values())
        if len(blocks) == 1:
            blocks *= sum(stages)
        if len(blocks) != sum(stages):
            raise ConfigError(f"the genotype has {len(blocks)} blocks, and stages of {stages} have {sum(stages)}")
        sizes = {"channels": channels, "classes": classes, "in_channels": in_channels, "stem": stem}
        super().__init__(lambda at, width: DerivedBlock(blocks[at], width), stages=stages, norm=nn.BatchNorm2d, **sizes)
        if auxiliary and len(stages) < 2:
            raise ConfigError("an auxiliary head follows the stage before the last, and this network has one stage")
        self.auxiliary_at = self.starts[-1] - 1 if auxiliary else None
        self.auxiliary = AuxiliaryHead(self.widths[self.auxiliary_at], classes) if auxiliary else None
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
            drop = (lambda y: _drop_path(y, probability, generator)) if self.training and drop_path > 0 else None
            return self.blocks[at](x, drop)

        auxiliary = None
        for at, last in enumerate(self.outputs(images, call)):
            if self.training and at == self.auxiliary_at:
                auxiliary = self.auxiliary(last)
        return self.classifier(self.dropout(last.mean(dim=(2, 3)))), auxiliary


def _drop_path(x: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    kept = torch.rand((len(x), 1, 1, 1), device=x.device, generator=generator) >= probability
    return x * (kept / (1 - probability))


class DerivedBenchmarkCell(nn.Module):
    """A NAS-Bench-201 cell, (N, channels, H, W) -> the same shape: each node sums its edges' operations.

    `operations` are in the order of `EDGES`. All of them are computed, as in the benchmark: zeros, and convolutions
    that read or feed nothing but zeros, too.
    """

    def __init__(self, cell: BenchmarkCell, channels: int):
        super().__init__()
        self.cell = cell
        self.operations = nn.ModuleList(operations.build(name, channels, stride=1) for name in cell.operations)

    def forward(self, x: Tensor) -> Tensor:
        states, layers = [x], list(zip(self.operations, EDGES, strict=True))
        for node in range(1, OUTPUT + 1):
            terms = [operation(states[source]) for operation, (source, target) in layers if target == node]
            states.append(sum(terms[1:], start=terms[0]))
        return states[OUTPUT]


class BenchmarkNetwork(ResidualStack):
    """The network of a NAS-Bench-201 cell (Dong and Yang 2020, section 2.1), by default as large as there.

    Images (N, in_channels, H, W) -> logits (N, classes); `cells` are those of each of the three stages, and H and W
    are halved twice. Raises `ConfigError` for fewer than one cell.
    """

    def __init__(
        self, cell: BenchmarkCell, cells: int = 5, channels: int = 16, classes: int = 10, in_channels: int = 3
    ):
        super().__init__(
            lambda width: DerivedBenchmarkCell(cell, width),
            cells_per_stage=cells,
            channels=channels,
            classes=classes,
            in_channels=in_channels,
        )

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.outputs(images, lambda at, x: self.cells[at](x))
        return self.classify(deque(outputs, maxlen=1).pop())


def with_auxiliary(
    network: nn.Module, images: Tensor, drop_path: float, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """(logits, auxiliary logits or None) of any network here; only those of cells and of DSO-NAS's blocks have an
    auxiliary head and drop-path.
    """
    if isinstance(network, CellNetwork | BlockNetwork):
        return network.with_auxiliary(images, drop_path, generator)
    return network(images), None


class LeNet(nn.Sequential):
    """Two 3x3 convolutions (32, 64 filters), pooling, two linear layers: the 1.20 M network that DARTS-GAL calls LeNet.

    DARTS-GAL, Table 2 prints only its size; this is the layout of that size at 28x28 with one channel.
    """

    def __init__(self, classes: int = 10, in_channels: int = 1, image_size: int = 28):
        pooled = (image_size - 4) // 2
        if pooled < 1:
            raise ConfigError(f"LeNet needs images of at least 6x6 pixels, not {image_size}x{image_size}")
        super().__init__(
            nn.Conv2d(in_channels, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * pooled**2, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
        )


def vgg16(classes: int = 10, in_channels: int = 3, image_size: int = 224) -> nn.Module:
    """torchvision's VGG16; its first convolution is replaced where images have other than 3 channels."""
    from torchvision.models import vgg16 as make

    network = make(num_classes=classes)
    if in_channels != 3:
        network.features[0] = nn.Conv2d(in_channels, 64, 3, padding=1)
    return network


def resnet18(classes: int = 10, in_channels: int = 3, image_size: int = 224) -> nn.Module:
    """torchvision's ResNet18; its first convolution is replaced where images have other than 3 channels."""
    from torchvision.models import resnet18 as make

    network = make(num_classes=classes)
    if in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
    return network


# name -> make(classes, in_channels, image_size)
BASELINES: dict[str, Callable[[int, int, int], nn.Module]] = {"lenet": LeNet, "vgg16": vgg16, "resnet18": resnet18}


def fitted_channels(
    make: Callable[[int], nn.Module], shape: tuple[int, int, int], *, least: int = 2, step: int = 2, **budget: float
) -> int:
    """The number of channels with which `make(channels)` comes nearest to a budget, `parameters=3e6` or `macs=5e8`,
    without going beyond it: DSO-NAS's global width multiplier (section 4.1), in steps of `step` channels.

    Raises `ConfigError` for a budget that `least` channels exceed, or another one than these.
    """
    (name, most) = next(iter(budget.items())) if len(budget) == 1 else ("", 0.0)
    choose("budget", name, dict.fromkeys(Count._fields))

    def cost(channels: int) -> int:
        return getattr(count(make(channels), shape), name)

    if cost(least) > most:
        raise ConfigError(f"{name} of {most:g} are too few: {least} channels have {cost(least)}")
    low, high = least, 2 * least
    while cost(high) <= most:
        low, high = high, 2 * high
    while high - low > step:
        middle = low + (high - low) // (2 * step) * step
        low, high = (middle, high) if cost(middle) <= most else (low, middle)
    return low


class Count(NamedTuple):
    """A network's size: `parameters`, and `macs`, the multiply-adds of one image's forward pass."""

    parameters: int
    macs: int


def count(network: nn.Module, shape: tuple[int, int, int]) -> Count:
    """The size of a network for one image of `shape` (channels, height, width).

    Parameters are all weights and biases, BatchNorm's included, without the auxiliary head. Multiply-adds are those
    of convolutions and linear layers (half of the operations that torch's flop counter counts); BatchNorm, pooling
    and additions are not counted.
    """
    parameters = sum(p.numel() for name, p in network.named_parameters() if not name.startswith("auxiliary."))
    image = torch.zeros((1, *shape), device=next(network.parameters()).device)
    modes = [(module, module.training) for module in network.modules()]
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.eval()(image)
    finally:
        for module, training in modes:
            module.training = training
    return Count(parameters, counter.get_total_flops() // 2)
