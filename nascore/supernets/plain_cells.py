"""The supernets in their plain form, written to be read: the reference that the fast form is held against."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.ranges import Amount, Channels
from nascore.networks import operations
from nascore.networks.cell_stack import CellStack, StackedCell, Stem
from nascore.networks.cells import INPUTS
from nascore.networks.operations import NormalisedPool
from nascore.networks.residual_stack import ResidualStack
from nascore.relaxations.base import EdgeWeights


@runtime_checkable
class CellLayout(Protocol):
    """What a supernet of cells is made of; a `CellSpace` is such a layout."""

    @property
    def operations(self) -> tuple[str, ...]: ...

    @property
    def nodes(self) -> int: ...

    @property
    def cells(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def reductions(self) -> tuple[int, ...] | None: ...

    @property
    def normal_types(self) -> int: ...

    @property
    def stem(self) -> Stem: ...


@runtime_checkable
class BenchmarkLayout(Protocol):
    """What a supernet of NAS-Bench-201 is made of; a `NasBench201` is such a layout."""

    @property
    def operations(self) -> tuple[str, ...]: ...

    @property
    def cells(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def nodes(self) -> int: ...


class MixedOperation(nn.Module):
    """All candidate operations of one edge; the output is their sum, each times its weight (DARTS, equation 2)."""

    def __init__(self, names: Sequence[str], channels: int, stride: int, pools_normalised: bool):
        super().__init__()
        made = [operations.build(name, channels, stride, searching=True) for name in names]
        bare = (each[0] if isinstance(each, NormalisedPool) and not pools_normalised else each for each in made)
        self.candidates = nn.ModuleList(bare)

    def forward(self, x: Tensor, weights: Tensor, active: list[bool]) -> Tensor | None:
        """(N, C, H, W) and the edge's weights (operations,) -> the mixture, or None where nothing is active."""
        mixed = None
        for operation, weight, computed in zip(self.candidates, weights, active, strict=True):
            if computed:
                term = weight * operation(x)
                mixed = term if mixed is None else mixed + term
        return mixed


@checked
class SearchCell(StackedCell):
    """A cell of `inputs` input nodes and `nodes` more, each the sum of a mixed operation from every node before it.

    Edges that leave an input have `stride`. The output is the last node (`last_node`), or all but the inputs side by
    side. DARTS normalises pools (`pools_normalised`), NAS-Bench-201 does not.
    """

    edges: Any  # a ModuleList of what has `candidates`

    def __init__(
        self,
        names: Sequence[str],
        *,
        inputs: Amount,
        nodes: Amount,
        channels: Channels,
        stride: Amount = 1,
        last_node: bool = False,
        pools_normalised: bool = True,
    ):
        super().__init__()
        self.operations, self.inputs, self.nodes, self.stride = tuple(names), inputs, nodes, stride
        self.channels, self.last_node, self.outputs = channels, last_node, 1 if last_node else nodes
        sources = [source for node in range(inputs, inputs + nodes) for source in range(node)]
        self.edges = nn.ModuleList(
            MixedOperation(names, channels, stride if source < inputs else 1, pools_normalised) for source in sources
        )

    def forward(self, inputs: Sequence[Tensor], weights: EdgeWeights) -> Tensor:
        """Input nodes, each (N, channels, H, W), and the cell type's weights -> (N, outputs * channels, H', W')."""
        states, edge = list(inputs), 0
        assert weights.active is not None  # `Architecture` fills it in
        active = weights.active.tolist()
        for _ in range(self.nodes):
            total = None
            for state in list(states):
                term = self.edges[edge](state, weights.values[edge], active[edge])
                total = term if total is None else total if term is None else total + term
                edge += 1
            states.append(self.nothing(inputs) if total is None else total)
        return self.output(states)

    def output(self, states: Sequence[Tensor]) -> Tensor:
        return states[-1] if self.last_node else torch.cat(list(states[self.inputs :]), dim=1)

    def nothing(self, inputs: Sequence[Tensor]) -> Tensor:
        """What a node without living inputs computes: zeros."""
        return torch.zeros_like(inputs[-1][:, :, :: self.stride, :: self.stride])


@checked
class CellSupernet(CellStack):
    """Stem, `layout.cells` cells that share their architecture parameters by type, pooling and a classifier.

    `cell` makes a cell from the arguments of `SearchCell`: another kind of it, for mixed operations of another kind.
    """

    cell = SearchCell

    def __init__(
        self, layout: CellLayout, in_channels: Channels, classes: Amount, cell: Callable[..., SearchCell] | None = None
    ):
        make = cell or self.cell
        super().__init__(
            lambda at, kind, channels: make(
                layout.operations,
                inputs=INPUTS,
                nodes=layout.nodes,
                channels=channels,
                stride=2 if kind == "reduce" else 1,
            ),
            cells=layout.cells,
            channels=layout.channels,
            classes=classes,
            in_channels=in_channels,
            reductions=layout.reductions,
            normal_types=layout.normal_types,
            stem=layout.stem,
            affine=False,
        )

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the weights of each cell type -> logits (N, classes)."""
        states = self.outputs(images, lambda at, *inputs: self.cells[at](inputs, weights[self.kinds[at]]))
        last = deque(states, maxlen=1).pop()
        assert last is not None  # in a supernet all cells are read
        return self.classify(last)


@checked
class BenchmarkSupernet(ResidualStack):
    """The supernet of NAS-Bench-201 (Dong and Yang 2020): every cell shares the same architecture parameters.

    As there, candidate convolutions have BatchNorm without affine parameters, and pools have none.
    """

    cell = SearchCell

    def __init__(self, space: BenchmarkLayout, in_channels: Channels, classes: Amount):
        super().__init__(
            lambda channels: self.cell(
                space.operations, inputs=1, nodes=space.nodes, channels=channels, last_node=True, pools_normalised=False
            ),
            cells_per_stage=space.cells,
            channels=space.channels,
            classes=classes,
            in_channels=in_channels,
        )

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the weights of the one cell type -> logits (N, classes)."""
        states = self.outputs(images, lambda at, x: self.cells[at]([x], weights["cell"]))
        return self.classify(deque(states, maxlen=1).pop())
