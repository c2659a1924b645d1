"""Networks whose nodes have soft masks, and what is left of them once masks are 0 (DARTS-GAL, section 2.3)."""

from collections import deque
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.base.arguments import checked
from nascore.networks.cell_network import BuiltCell, BypassedCell
from nascore.networks.cells import INPUTS, Cell, Genotype, Kept, Stack
from nascore.networks.node_pruning import Empty, every_node, pruned, without_nodes
from nascore.supernets.fast_networks import FastCellNetwork, states_of


class MaskedCell(BuiltCell):
    """A cell that multiplies each intermediate node by its `mask`, (nodes,), before anything reads it.

    A node whose mask is exactly 0 is gone, with the operations that lead to it or read it, and none of them is
    computed. (Multiplied by 0 alone it would live on in what reads it, since BatchNorm turns zeros into a constant. And
    it could hardly come back: the next cell begins with a ReLU, whose derivative at 0 is taken as 0.)
    """

    def __init__(self, cell: Cell, channels: int, reduction: bool):
        super().__init__(cell, channels, reduction)
        self.channels = channels
        self.mask = nn.Parameter(torch.ones(len(cell.nodes)))
        self.bypass = BypassedCell(channels, reduction)

    def forward(self, input0: Tensor, input1: Tensor, left: Cell | None, empty: Empty) -> Tensor:
        """The inputs, what `without_nodes` leaves of the cell now, and what it gives where that is nothing: its second
        input in the place of the first concatenated node, or zeros.
        """
        if left is None:
            passed = self.bypass(input0, input1)
            output = F.pad(passed, (0, 0, 0, 0, 0, (self.outputs - 1) * self.channels))
            return output if empty == "bypass" else torch.zeros_like(output)
        inputs = {at: x for at, x in enumerate((input0, input1)) if x is not None}
        states = states_of(self, inputs, left=left, masks=self.mask.unbind())
        zeros = torch.zeros_like(next(state for node, state in states.items() if node >= INPUTS))
        return torch.cat([states.get(node, zeros) for node in self.cell.concat], dim=1)


@checked
class MaskedNetwork(FastCellNetwork):
    """A `CellNetwork` with a mask on each node: images (N, in_channels, H, W) -> logits (N, classes).

    Its parameters have the names of the network's without masks, whose weights it takes; beside them are the masks,
    1 at first, and what reduction cells are bypassed by. `empty` says what a cell without nodes gives: its second input
    (`bypass`), or zeros (`keep`; it then counts as one that keeps all its nodes, see `node_pruning.pruned`).
    """

    cell = MaskedCell

    def __init__(self, genotype: Genotype | Stack, *, empty: Empty = "bypass", **sizes: Any):
        super().__init__(genotype, **sizes)
        self.empty = empty
        self.sizes = {name: value for name, value in sizes.items() if name not in ("cells", "reductions")}

    def masks(self) -> dict[int, nn.Parameter]:
        """Position -> mask (nodes,), of the cells that have one."""
        return {at: cell.mask for at, cell in enumerate(self.cells) if isinstance(cell, MaskedCell)}

    def unmasked(self) -> list[nn.Parameter]:
        """All parameters but the masks."""
        masks = {id(mask) for mask in self.masks().values()}
        return [parameter for parameter in self.parameters() if id(parameter) not in masks]

    def kept(self) -> Kept:
        """The nodes whose mask is not 0, for each cell; asking for them waits for the device."""
        masks = self.masks()
        values = iter(torch.cat([mask.detach() for mask in masks.values()]).tolist()) if masks else iter(())
        return tuple(
            tuple([node for node in nodes if next(values) != 0]) if at in masks else nodes
            for at, nodes in enumerate(every_node(self.stack))
        )

    def features(self, images: Tensor) -> Tensor:
        """What the classifier reads: (N, in_channels, H, W) -> (N, features)."""
        kept = self.kept()
        outputs = self.outputs(images, lambda at, *inputs: self._cell(at, inputs, kept[at]))
        last = deque(outputs, maxlen=1).pop()
        assert last is not None  # the classifier reads the last cell
        return last.mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images))

    def _cell(self, at: int, inputs: tuple[Tensor, Tensor], kept: tuple[int, ...]) -> Tensor:
        cell = self.cells[at]
        if not isinstance(cell, MaskedCell):
            return cell(*inputs)
        return cell(*inputs, without_nodes(cell.cell, kept), self.empty)


@checked
def extracted(network: MaskedNetwork) -> MaskedNetwork:
    """What is left of a masked network by the rule `node`, with its weights: the same function, computed by less.

    The masks that are left stay, as constants: a skip connection has no weights to take them in. Where `empty` is
    `keep`, cells that kept nothing come back whole, and the function is another.
    """
    stack = pruned(network.stack, network.kept(), "node", network.empty)
    found = MaskedNetwork(stack, empty=network.empty, **network.sizes).to(network.classifier.weight)
    found.stem.load_state_dict(network.stem.state_dict())
    columns = [_columns(cell, stack.stack[at]) for at, cell in enumerate(network.cells)]
    for at, cell in enumerate(found.cells):
        for name, back in (("before_last", 2), ("last", 1)):
            if layer := getattr(found.preprocess[at], name):
                _load(layer, getattr(network.preprocess[at], name), columns[at - back] if at >= back else slice(None))
        _load_cell(cell, network.cells[at])
    _load(found.classifier, network.classifier, columns[-1])
    for mask in found.masks().values():
        mask.requires_grad_(False)
    return found.train(network.training)


def _columns(cell: nn.Module, left: Cell | None) -> Tensor | slice:
    """Which of a cell's output channels are left."""
    if not isinstance(cell, MaskedCell):
        return slice(None)
    nodes = cell.cell.concat[:1] if left is None else left.concat  # a bypass stands in the first one's place
    places = [place for place, node in enumerate(cell.cell.concat) if node in nodes]
    return torch.cat([torch.arange(cell.channels) + place * cell.channels for place in places])


def _load(layer: nn.Module, source: nn.Module, columns: Tensor | slice) -> None:
    """Take over a layer's weights, of its matrices and 1x1 convolutions those on `columns` of the input alone."""
    state = source.state_dict()
    layer.load_state_dict({name: value[:, columns] if value.ndim > 1 else value for name, value in state.items()})


def _load_cell(cell: nn.Module, source: nn.Module) -> None:
    if isinstance(cell, BypassedCell):
        cell.load_state_dict((source.bypass if isinstance(source, MaskedCell) else source).state_dict())
    if isinstance(cell, MaskedCell):
        assert isinstance(source, MaskedCell)  # only such a cell has nodes that can be left
        _load_nodes(cell, source)


def _load_nodes(cell: MaskedCell, source: MaskedCell) -> None:
    cell.bypass.load_state_dict(source.bypass.state_dict())
    left = set(cell.cell.edges())
    pairs = zip(source.cell.edges(), source.operations, strict=True)
    for target, (_, operation) in zip(cell.operations, (pair for pair in pairs if pair[0] in left), strict=True):
        target.load_state_dict(operation.state_dict())
    returned = not source.mask.any()  # by `empty="keep"`
    alive = torch.tensor([bool(edges) for edges in cell.cell.nodes], device=source.mask.device)
    cell.mask.data.copy_(alive if returned else source.mask.detach() * alive)
