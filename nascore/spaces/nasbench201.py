"""The space of NAS-Bench-201: one cell of six edges and five operations, whose 15,625 true accuracies are known."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from nascore.base.ranges import Cells, Channels
from nascore.networks.benchmark_cells import EDGES, OPERATIONS, OUTPUT, BenchmarkCell
from nascore.networks.genotypes import Arrow
from nascore.spaces.base import Space
from nascore.spaces.costs import CostCounter, halved, summed
from nascore.supernets.fast_cells import FastBenchmarkSupernet
from nascore.supernets.fast_networks import FastBenchmarkNetwork


class NasBench201(Space):
    """Dong and Yang 2020: `cells` cells in each of three stages, with fixed residual reductions between them."""

    operations: tuple[str, ...] = OPERATIONS

    knows_costs: ClassVar[bool] = True

    cells: Cells = 5
    channels: Channels = 16

    def validate(self) -> None:
        self.check_operations(OPERATIONS)

    @property
    def nodes(self) -> int:
        """The nodes after the cell's input; the last is its output."""
        return OUTPUT

    def cell_types(self) -> tuple[str, ...]:
        return ("cell",)

    def edges(self) -> list[tuple[int, int]]:
        return list(EDGES)

    def supernet(self, in_channels: int, classes: int) -> FastBenchmarkSupernet:
        return FastBenchmarkSupernet(self, in_channels, classes)

    def network(self, genotype: Any, in_channels: int, classes: int) -> FastBenchmarkNetwork:
        return FastBenchmarkNetwork(genotype, self.cells, self.channels, classes, in_channels)

    def costs(self, image: tuple[int, int, int]) -> dict[str, Tensor]:
        """See `Space`."""
        channels, height, width = image
        with torch.random.fork_rng(devices=[]):
            cells: Any = self.supernet(channels, classes=2).cells
        counter, size = CostCounter(), (height, width)
        sizes = [size, halved(size), halved(halved(size))]
        stages = [size for size in sizes for _ in range(self.cells)]
        return summed(("cell", counter.cell(cell, size)) for cell, size in zip(cells, stages, strict=True))

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> BenchmarkCell:
        operations = {(source, target): name for name, source, target in chosen["cell"]}
        return BenchmarkCell(tuple(operations.get(edge, "none") for edge in EDGES))

    def random(self, generator: torch.Generator) -> BenchmarkCell:
        """An operation for each edge, `none` included, drawn uniformly."""
        drawn = torch.randint(len(self.operations), (len(EDGES),), generator=generator).tolist()
        return BenchmarkCell(tuple(self.operations[operation] for operation in drawn))
