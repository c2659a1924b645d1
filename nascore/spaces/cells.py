"""The DARTS space: cells whose every edge mixes all candidate operations, and the supernet that computes them.

This is the plain form, written to be read: the reference that any faster one is held against.
"""

from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nascore import operations
from nascore.genotypes import INPUTS, Cell, Genotype, cell_types
from nascore.macro import CellStack, Stem, check_layout, default_reductions
from nascore.operations import OPERATIONS
from nascore.relaxations import EdgeWeights
from nascore.spaces.base import Space


class CellSpace(Space):
    """Cells of `nodes` intermediate nodes, each summing a mixed operation from every node before it (DARTS, 2.1)."""

    operations: tuple[str, ...] = operations.DARTS
    nodes: int = 4
    cells: int = 8
    channels: int = 16
    reductions: tuple[int, ...] | None = None  # positions from 0; None: a third and two thirds of the way
    normal_types: int = 1  # 1, or one for each stage (ETH thesis, section 3.2)
    stem: Stem = "cifar"

    def validate(self) -> None:
        known = bool(self.operations) and set(self.operations) <= set(OPERATIONS)
        distinct = len(set(self.operations)) == len(self.operations)
        self.require(known and distinct, "operations", f"different names out of {', '.join(OPERATIONS)}")
        self.require(self.operations != ("none",), "operations", "more than `none`")
        self.require(self.nodes >= 1, "nodes", "at least 1")
        self.require(self.channels >= 2 and self.channels % 2 == 0, "channels", "even and at least 2")
        reductions = default_reductions(self.cells) if self.reductions is None else self.reductions
        check_layout(self.cells, reductions, self.normal_types)

    def cell_types(self) -> tuple[str, ...]:
        return cell_types(self.normal_types)

    def edges(self) -> list[tuple[int, int]]:
        return [(source, INPUTS + node) for node in range(self.nodes) for source in range(INPUTS + node)]

    def supernet(self, in_channels: int, classes: int) -> "CellSupernet":
        return CellSupernet(self, in_channels, classes)

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


class MixedOperation(nn.Module):
    """All candidate operations of one edge; the output is their sum, each times its weight (DARTS, equation 2)."""

    def __init__(self, names: tuple[str, ...], channels: int, stride: int):
        super().__init__()
        self.candidates = nn.ModuleList(operations.build(name, channels, stride, searching=True) for name in names)

    def forward(self, x: Tensor, weights: Tensor, active: list[bool]) -> Tensor | None:
        """(N, C, H, W) and the edge's weights (operations,) -> the mixture, or None where nothing is active."""
        mixed = None
        for operation, weight, computed in zip(self.candidates, weights, active, strict=True):
            if computed:
                term = weight * operation(x)
                mixed = term if mixed is None else mixed + term
        return mixed


class SearchCell(nn.Module):
    """A cell with a mixed operation on every edge; in a reduction cell those leaving the two inputs have stride 2."""

    def __init__(self, space: CellSpace, channels: int, reduction: bool):
        super().__init__()
        self.operations = space.operations
        self.nodes, self.outputs, self.stride = space.nodes, space.nodes, 2 if reduction else 1
        strides = [self.stride if source < INPUTS else 1 for source, _ in space.edges()]
        self.edges = nn.ModuleList(MixedOperation(space.operations, channels, stride) for stride in strides)

    def forward(self, input0: Tensor, input1: Tensor, weights: EdgeWeights) -> Tensor:
        states, edge = [input0, input1], 0
        active = weights.active.tolist()
        for _ in range(self.nodes):
            total = None
            for state in list(states):
                term = self.edges[edge](state, weights.values[edge], active[edge])
                total = term if total is None else total if term is None else total + term
                edge += 1
            states.append(self._nothing(input1) if total is None else total)
        return torch.cat(states[INPUTS:], dim=1)

    def _nothing(self, x: Tensor) -> Tensor:
        """What a node without living inputs computes: zeros."""
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


class CellSupernet(CellStack):
    """Stem, `space.cells` cells that share their architecture parameters by type, pooling and a classifier."""

    def __init__(self, space: CellSpace, in_channels: int, classes: int, cell: type[SearchCell] = SearchCell):
        super().__init__(
            lambda kind, channels: cell(space, channels, reduction=kind == "reduce"),
            cells=space.cells,
            channels=space.channels,
            classes=classes,
            in_channels=in_channels,
            reductions=space.reductions,
            normal_types=space.normal_types,
            stem=space.stem,
            affine=False,
        )

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the weights of each cell type -> logits (N, classes)."""
        states = self.outputs(images, lambda at, *inputs: self.cells[at](*inputs, weights[self.kinds[at]]))
        return self.classify(deque(states, maxlen=1).pop())
