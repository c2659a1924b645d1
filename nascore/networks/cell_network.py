"""The network that a genotype of the DARTS space describes, to be trained from scratch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Cells, Channels, Index
from nascore.networks import operations
from nascore.networks.auxiliary import AuxiliaryHead, drop_path_by_image
from nascore.networks.cell_stack import CellStack, StackedCell, Stem, stacked
from nascore.networks.cells import INPUTS, Cell, Genotype, Stack
from nascore.networks.operations import FactorizedReduce


class BuiltCell(StackedCell):
    """The operations of a cell as its genotype has them; in a reduction cell those on the two inputs have stride 2.

    Subclasses say in `forward` how they are called.
    """

    def __init__(self, cell: Cell, channels: int, reduction: bool):
        super().__init__()
        self.cell, self.outputs = cell, len(cell.concat)
        self.operations = nn.ModuleList(
            operations.build(name, channels, 2 if reduction and source < INPUTS else 1)
            for name, source, _ in cell.edges()
        )


class DerivedCell(BuiltCell):
    """A cell as its genotype has it."""

    def forward(self, input0: Tensor, input1: Tensor, drop: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        states = {0: input0, 1: input1}
        layers = iter(self.operations)
        for node, edges in self.cell.numbered():
            terms = [self._term(next(layers), states[source], drop) for _, source in edges]
            if terms:
                states[node] = sum(terms[1:], start=terms[0])
        return torch.cat([states[node] for node in self.cell.concat], dim=1)

    @staticmethod
    def _term(operation: nn.Module, x: Tensor, drop: Callable[[Tensor], Tensor] | None) -> Tensor:
        x = operation(x)
        return x if drop is None or isinstance(operation, nn.Identity) else drop(x)


class BypassedCell(StackedCell):
    """What stands for a cell that lost all its nodes: its second input, in place of a reduction cell halved in size."""

    outputs = 1

    def __init__(self, channels: int, reduction: bool):
        super().__init__()
        self.layer = FactorizedReduce(channels, channels) if reduction else nn.Identity()

    def forward(self, input0: Tensor | None, input1: Tensor, drop: object = None) -> Tensor:
        return self.layer(input1)


class UnreadCell(StackedCell):
    """The place of a cell that nothing reads: nothing."""

    outputs = 0


@checked
class CellNetwork(CellStack):
    """The network built from a genotype (DARTS, section 3.2): stem, cells, global average pooling, linear.

    Images (N, in_channels, H, W) -> logits (N, classes). `reductions` are positions from 0, None for DARTS's rule; a
    genotype with several normal types needs as many as there are stages. A `Stack` brings `cells` and `reductions`
    with it; what nothing reads in it is not built. `auxiliary` adds the head after the last reduction cell, used in
    training only. Raises `ConfigError` for a layout that makes no network.
    """

    cell: type[BuiltCell] = DerivedCell

    def __init__(
        self,
        genotype: Genotype | Stack,
        cells: Cells = 20,
        channels: Channels = 36,
        classes: Amount = 10,
        in_channels: Channels = 3,
        reductions: tuple[Index, ...] | None = None,
        stem: Stem = "cifar",
        auxiliary: bool = False,
    ):
        if isinstance(genotype, Stack):
            stack, reads, types = genotype, genotype.reads(), 1
        else:  # published cells are built as they are printed
            stack, reads, types = stacked(genotype, cells, reductions), [(True, True)] * cells, len(genotype.normal)
        super().__init__(
            lambda at, kind, width: self._make_cell(stack.stack[at], width, kind == "reduce", any(reads[at])),
            cells=len(stack.stack),
            channels=channels,
            classes=classes,
            in_channels=in_channels,
            reductions=stack.reductions,
            normal_types=types,
            stem=stem,
            affine=True,
            reads=reads,
        )
        self.stack = stack
        if auxiliary and not (self.reductions and any(self.reads[self.reductions[-1]])):
            raise ConfigError("an auxiliary head follows the last reduction cell, and this network has or reads none")
        self.auxiliary = AuxiliaryHead(self.widths[self.reductions[-1]], classes) if auxiliary else None

    def _make_cell(self, cell: Cell | None, channels: int, reduction: bool, read: bool) -> StackedCell:
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
        drop = (lambda x: drop_path_by_image(x, drop_path, generator)) if self.training and drop_path > 0 else None
        auxiliary = None
        for at, last in enumerate(self.outputs(images, lambda at, *inputs: self.cells[at](*inputs, drop))):
            if self.training and self.auxiliary is not None and at == self.reductions[-1]:
                assert last is not None  # there is no head where nothing reads this cell
                # in the ordinary layout: there torch's BatchNorm is exact (`nascore.supernets.kernels`)
                auxiliary = self.auxiliary(last.contiguous())
        assert last is not None  # the classifier reads the last cell
        return self.classify(last), auxiliary
