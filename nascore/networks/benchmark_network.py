"""The network that a cell of NAS-Bench-201 describes, to be trained from scratch."""

from collections import deque

from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.ranges import Amount, Cells, Channels
from nascore.networks import operations
from nascore.networks.benchmark_cells import EDGES, OUTPUT, BenchmarkCell
from nascore.networks.residual_stack import ResidualStack


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


@checked
class BenchmarkNetwork(ResidualStack):
    """The network of a NAS-Bench-201 cell (Dong and Yang 2020, section 2.1), by default as large as there.

    Images (N, in_channels, H, W) -> logits (N, classes); `cells` are those of each of the three stages, and H and W
    are halved twice. Raises `ConfigError` for fewer than one cell.
    """

    cell = DerivedBenchmarkCell

    def __init__(
        self,
        cell: BenchmarkCell,
        cells: Cells = 5,
        channels: Channels = 16,
        classes: Amount = 10,
        in_channels: Channels = 3,
    ):
        super().__init__(
            lambda width: self.cell(cell, width),
            cells_per_stage=cells,
            channels=channels,
            classes=classes,
            in_channels=in_channels,
        )

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.outputs(images, lambda at, x: self.cells[at](x))
        return self.classify(deque(outputs, maxlen=1).pop())
