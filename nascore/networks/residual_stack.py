"""NAS-Bench-201's macro-architecture (Dong and Yang 2020, section 2.1): a chain of cells in three stages,
between which a residual block halves height and width.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from torch import Tensor, nn

from nascore.base.errors import ConfigError
from nascore.networks.operations import conv_bn


class ResidualReduction(nn.Module):
    """Halve height and width by a basic residual block: (N, inputs, H, W) -> (N, outputs, ceil(H/2), ceil(W/2)).

    Two ReLU-Conv-BN, the first of stride 2, plus 2x2 average pooling and a 1x1 convolution (Code: NAS-Bench-201).
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        first, second = conv_bn(inputs, outputs, 3, stride=2), conv_bn(outputs, outputs, 3)
        self.layers = nn.Sequential(nn.ReLU(), *first, nn.ReLU(), *second)
        # rounding up changes nothing for even sides, and lets both paths agree on odd ones
        pool = nn.AvgPool2d(2, 2, ceil_mode=True)
        self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + self.shortcut(x)


class ResidualStack(nn.Module):
    """NAS-Bench-201's macro-architecture: a 3x3 convolution, three stages of equal cells, a linear classifier.

    Stages are `channels`, 2 and 4 times `channels` wide, with a `ResidualReduction` before the second and the third.
    `make_cell(channels)` makes a cell, which maps (N, channels, H, W) to the same shape; `widths` holds the width at
    each position. Subclasses say in `forward` how a cell is called. Raises `ConfigError` for stages without cells.
    """

    STAGES = 3

    def __init__(
        self,
        make_cell: Callable[[int], nn.Module],
        *,
        cells_per_stage: int,
        channels: int,
        classes: int,
        in_channels: int,
    ):
        super().__init__()
        if cells_per_stage < 1:
            raise ConfigError(f"each of the {self.STAGES} stages needs at least one cell, not {cells_per_stage}")
        stages = [channels * 2**stage for stage in range(self.STAGES)]
        self.cells_per_stage = cells_per_stage
        self.widths = [width for width in stages for _ in range(cells_per_stage)]
        self.stem = nn.Sequential(*conv_bn(in_channels, channels, 3))
        self.cells = nn.ModuleList(make_cell(width) for width in self.widths)
        self.reductions = nn.ModuleList(ResidualReduction(*pair) for pair in pairwise(stages))
        self.last = nn.Sequential(nn.BatchNorm2d(stages[-1]), nn.ReLU())
        self.classifier = nn.Linear(stages[-1], classes)

    def outputs(self, x: Tensor, call: Callable[[int, Tensor], Tensor]) -> Iterator[Tensor]:
        """Each cell's output in turn; `call(position, input)` computes a cell."""
        x = self.through(self.stem, x)
        for position in range(len(self.cells)):
            stage, within = divmod(position, self.cells_per_stage)
            if stage and not within:
                x = self.through(self.reductions[stage - 1], x)
            x = call(position, x)
            yield x

    def classify(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> logits (N, classes)."""
        return self.classifier(self.through(self.last, x).mean(dim=(2, 3)))

    def through(self, module: nn.Module, x: Tensor) -> Tensor:
        """What a module gives that is none of the cells; faster forms of a stack compute it in their way."""
        return module(x)
