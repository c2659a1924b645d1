"""DARTS's macro-architecture (section 3.2): a stem, a stack of cells, a classifier.

Supernets and derived networks share it.

Every cell reads the outputs of the two cells before it; a reduction cell halves height and width and doubles the
channels.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Cells, Index
from nascore.networks.cells import Genotype, Stack, cell_types
from nascore.networks.operations import FactorizedReduce, conv_bn, relu_conv_bn

Stem = Literal["cifar", "stride2", "imagenet"]


class CifarStem(nn.Module):
    """One 3x3 convolution; both inputs of the first cell are its output."""

    reduces_last = False
    halvings = 0

    def __init__(self, inputs: int, channels: int, first: list[nn.Module] | None = None):
        super().__init__()
        self.outputs = 3 * channels
        self.layers = nn.Sequential(*(first or []), *conv_bn(inputs, self.outputs, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.layers(x)
        return x, x


class Stride2Stem(CifarStem):
    """For larger images (DARTS-GAL, section 3.3): a 3x3 stride-2 convolution, then the CIFAR stem."""

    halvings = 1

    def __init__(self, inputs: int, channels: int):
        super().__init__(channels, channels, [*conv_bn(inputs, channels, 3, stride=2), nn.ReLU()])


class ImageNetStem(nn.Module):
    """Three 3x3 stride-2 convolutions; the first cell reads the outputs of the second and the third."""

    reduces_last = True
    halvings = 3

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.outputs = channels
        first = conv_bn(inputs, channels // 2, 3, stride=2)
        self.stem0 = nn.Sequential(*first, nn.ReLU(), *conv_bn(channels // 2, channels, 3, stride=2))
        self.stem1 = nn.Sequential(nn.ReLU(), *conv_bn(channels, channels, 3, stride=2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem0(x)
        return x, self.stem1(x)


STEMS: dict[str, type[CifarStem] | type[ImageNetStem]] = {
    "cifar": CifarStem,
    "stride2": Stride2Stem,
    "imagenet": ImageNetStem,
}


@checked
def default_reductions(cells: Index) -> tuple[int, ...]:
    """DARTS's positions (from 0) of the reduction cells: a third and two thirds of the way."""
    return tuple(sorted({cells // 3, 2 * cells // 3} if cells > 1 else set()))


def check_layout(cells: int, reductions: tuple[int, ...], normal_types: int) -> None:
    """Raise `ConfigError` unless these make a network: see `CellStack`."""
    if cells < 1:
        raise ConfigError(f"a network needs at least one cell, not {cells}")
    if list(reductions) != sorted(set(reductions)) or not all(0 <= at < cells for at in reductions):
        raise ConfigError(f"reductions are increasing positions from 0 to {cells - 1}, not {reductions}")
    if normal_types not in (1, len(reductions) + 1):
        stages = len(reductions) + 1
        raise ConfigError(
            f"{normal_types} normal cell types for {stages} stages: there is one for all, or one for each stage"
        )


@checked
def kinds(cells: Cells, reductions: tuple[Index, ...], normal_types: Amount) -> list[str]:
    """The cell type at each position: a normal cell's type is the number of reductions passed so far."""
    *normal, reduce = cell_types(normal_types)
    stage = [sum(reduction < at for reduction in reductions) for at in range(cells)]
    return [reduce if at in reductions else normal[stage[at] if normal_types > 1 else 0] for at in range(cells)]


@checked
def stacked(genotype: Genotype, cells: Cells, reductions: tuple[Index, ...] | None = None) -> Stack:
    """The stack of `cells` cells that a network of this genotype is; raises `ConfigError` for an impossible layout."""
    reductions = default_reductions(cells) if reductions is None else tuple(reductions)
    check_layout(cells, reductions, len(genotype.normal))
    types = genotype.cells()
    return Stack(tuple(types[kind] for kind in kinds(cells, reductions, len(genotype.normal))), reductions)


class Preprocess(nn.Module):
    """Bring a cell's two inputs (cell k-2, cell k-1) to its width, and to one size where cell k-1 was a reduction.

    `reads` says which of them the cell reads; for the other nothing is computed, and None is returned.
    """

    def __init__(
        self,
        before_last: int,
        last: int,
        channels: int,
        last_reduced: bool,
        affine: bool,
        reads: tuple[bool, bool] = (True, True),
    ):
        super().__init__()
        align = FactorizedReduce if last_reduced else relu_conv_bn
        self.before_last = align(before_last, channels, affine=affine) if reads[0] else None
        self.last = relu_conv_bn(last, channels, affine=affine) if reads[1] else None

    def forward(self, before_last: Tensor | None, last: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        return (
            None if self.before_last is None else self.before_last(before_last),
            None if self.last is None else self.last(last),
        )


class StackedCell(nn.Module):
    """A cell in a stack: it takes two preprocessed inputs and has `outputs` times as many channels as its width."""

    outputs: int


class CellStack(nn.Module):
    """Stem, cells, global average pooling and a linear classifier.

    `make_cell(position, kind, channels)` makes the cell of a type at a width. Subclasses say in `forward` how a cell is
    called. `reductions` are positions from 0 (None: DARTS's rule). `reads` says for each cell which inputs it reads
    (None: both); what reads none, because nothing reads it, is not computed.
    """

    def __init__(
        self,
        make_cell: Callable[[int, str, int], StackedCell],
        *,
        cells: int,
        channels: int,
        classes: int,
        in_channels: int,
        reductions: tuple[int, ...] | None,
        normal_types: int,
        stem: Stem,
        affine: bool,
        reads: Sequence[tuple[bool, bool]] | None = None,
    ):
        super().__init__()
        self.reductions = default_reductions(cells) if reductions is None else tuple(reductions)
        check_layout(cells, self.reductions, normal_types)
        self.kinds = kinds(cells, self.reductions, normal_types)
        self.reads = list(reads or [(True, True)] * cells)
        self.stem = STEMS[stem](in_channels, channels)
        before_last = last = self.stem.outputs
        last_reduced = self.stem.reduces_last
        self.preprocess, self.cells, self.widths = nn.ModuleList(), nn.ModuleList(), []
        for at, kind in enumerate(self.kinds):
            channels = 2 * channels if kind == "reduce" else channels
            self.preprocess.append(Preprocess(before_last, last, channels, last_reduced, affine, self.reads[at]))
            self.cells.append(cell := make_cell(at, kind, channels))
            before_last, last, last_reduced = last, cell.outputs * channels, kind == "reduce"
            self.widths.append(last)
        self.classifier = nn.Linear(last, classes)

    def outputs(self, x: Tensor, call: Callable[[int, Tensor, Tensor], Tensor]) -> Iterator[Tensor | None]:
        """Each cell's output in turn; `call(position, input0, input1)` computes a cell from its preprocessed inputs.

        None for a cell that nothing reads.
        """
        before_last, last = self.stem(x)
        for position, preprocess in enumerate(self.preprocess):
            inputs = preprocess(before_last, last)
            before_last, last = last, call(position, *inputs) if any(self.reads[position]) else None
            yield last

    def classify(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> logits (N, classes)."""
        return self.classifier(x.mean(dim=(2, 3)))
