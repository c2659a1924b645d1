"""The DARTS space: cells whose every edge may hold any candidate operation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from nascore.base.ranges import Cells, EvenChannels, Positions, Range
from nascore.networks import operations
from nascore.networks.cell_stack import STEMS, Stem, check_layout, default_reductions
from nascore.networks.cells import INPUTS, Cell, Genotype, cell_types
from nascore.networks.genotypes import Arrow
from nascore.networks.operations import OPERATIONS
from nascore.spaces.base import Space
from nascore.spaces.costs import CostCounter, Size, halved, summed
from nascore.supernets.fast_cells import FastCellSupernet
from nascore.supernets.fast_networks import FastCellNetwork
from nascore.supernets.plain_cells import CellSupernet

_IDENTITY: tuple[Arrow, ...] = (("skip_connect", 0, INPUTS), ("skip_connect", 1, INPUTS))


class CellSpace(Space):
    """Cells of `nodes` intermediate nodes, each summing a mixed operation from every node before it (DARTS, 2.1)."""

    operations: tuple[str, ...] = operations.DARTS

    parallel: ClassVar[bool] = True
    knows_costs: ClassVar[bool] = True

    nodes: Annotated[int, Range(1, 32)] = 4
    cells: Cells = 8
    channels: EvenChannels = 16
    reductions: Positions | None = None  # positions from 0; None: a third and two thirds of the way
    normal_types: Annotated[int, Range(1, 9)] = 1  # 1, or one for each stage (ETH thesis, section 3.3.2)
    stem: Stem = "cifar"

    def validate(self) -> None:
        self.check_operations(OPERATIONS)
        reductions = default_reductions(self.cells) if self.reductions is None else self.reductions
        check_layout(self.cells, reductions, self.normal_types)

    def cell_types(self) -> tuple[str, ...]:
        return cell_types(self.normal_types)

    def edges(self) -> list[tuple[int, int]]:
        return [(source, INPUTS + node) for node in range(self.nodes) for source in range(INPUTS + node)]

    def supernet(self, in_channels: int, classes: int) -> FastCellSupernet:
        return FastCellSupernet(self, in_channels, classes)

    def network(self, genotype: Any, in_channels: int, classes: int) -> FastCellNetwork:
        sizes: dict[str, Any] = {"cells": self.cells, "channels": self.channels, "reductions": self.reductions}
        return FastCellNetwork(genotype, **sizes, classes=classes, in_channels=in_channels, stem=self.stem)

    def costs(self, image: tuple[int, int, int]) -> dict[str, Tensor]:
        """See `Space`; edges on which a mixed operation computes a part of the channels cost as little."""
        channels, height, width = image
        with torch.random.fork_rng(devices=[]):
            supernet = self.supernet(channels, classes=2)
        size = height, width
        for _ in range(STEMS[self.stem].halvings):
            size = halved(size)
        none = dict.fromkeys(self.cell_types(), torch.zeros(len(self.edges()), len(self.operations)))
        return none | summed(self._costs(supernet, size))  # a type that no cell has costs nothing

    @staticmethod
    def _costs(supernet: CellSupernet, size: Size) -> Iterator[tuple[str, Tensor]]:
        counter = CostCounter()
        cells: Any = supernet.cells
        for kind, cell in zip(supernet.kinds, cells, strict=True):
            yield kind, counter.cell(cell, size)
            size = halved(size) if cell.stride == 2 else size

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> Genotype:
        """See `Space`. A node that nothing leads to is left out, with what reads it; a cell of which nothing is left
        passes the sum of its inputs on.
        """
        identity = Cell.from_arrows(_IDENTITY, self.nodes)
        assert identity is not None  # both of its inputs are read
        *normal, reduce = (Cell.from_arrows(chosen[kind], self.nodes) or identity for kind in self.cell_types())
        return Genotype(tuple(normal), reduce)

    def random(self, generator: torch.Generator, inputs: int = 2) -> Genotype:
        """Each node reads `inputs` different nodes before it, through any operation but `none`, drawn uniformly."""
        *normal, reduce = [self._random_cell(generator, inputs) for _ in self.cell_types()]
        return Genotype(tuple(normal), reduce)

    def _random_cell(self, generator: torch.Generator, inputs: int) -> Cell:
        usable = [name for name in self.operations if name != "none"]
        nodes = []
        for before in range(INPUTS, INPUTS + self.nodes):
            sources = sorted(torch.randperm(before, generator=generator)[:inputs].tolist())
            drawn = torch.randint(len(usable), (len(sources),), generator=generator).tolist()
            nodes.append(tuple((usable[operation], source) for operation, source in zip(drawn, sources, strict=True)))
        return Cell(tuple(nodes), tuple(range(INPUTS, INPUTS + self.nodes)))
