"""The space of NAS-Bench-201: one cell of six edges and five operations, whose 15,625 true accuracies are known."""

from collections.abc import Mapping, Sequence

import torch

from nascore.networks.benchmark_cells import EDGES, OPERATIONS, OUTPUT, BenchmarkCell
from nascore.networks.genotypes import Arrow
from nascore.spaces.base import Space
from nascore.supernets.fast_cells import FastBenchmarkSupernet


class NasBench201(Space):
    """Dong and Yang 2020: `cells` cells in each of three stages, with fixed residual reductions between them."""

    operations: tuple[str, ...] = OPERATIONS
    cells: int = 5
    channels: int = 16

    def validate(self) -> None:
        self.check_operations(OPERATIONS)
        self.require(self.cells >= 1, "cells", "at least 1")
        self.require(self.channels >= 1, "channels", "at least 1")

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

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> BenchmarkCell:
        operations = {(source, target): name for name, source, target in chosen["cell"]}
        return BenchmarkCell(tuple(operations.get(edge, "none") for edge in EDGES))

    def random(self, generator: torch.Generator) -> BenchmarkCell:
        """An operation for each edge, `none` included, drawn uniformly."""
        drawn = torch.randint(len(self.operations), (len(EDGES),), generator=generator).tolist()
        return BenchmarkCell(tuple(self.operations[operation] for operation in drawn))
