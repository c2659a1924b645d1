"""What the operations of a space of cells cost: multiply-adds, counted of the supernet's own modules."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from nascore.networks.counting import count
from nascore.supernets.plain_cells import SearchCell

Size = tuple[int, int]  # height, width


class CostCounter:
    """Counts candidate operations, each form and size of them once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, Size], int] = {}

    def operation(self, module: nn.Module, channels: int, size: Size) -> int:
        """The multiply-adds of an operation on one input of `channels` and `size`."""
        key = repr(module), channels, size
        if key not in self._known:
            self._known[key] = count(module, (channels, *size)).macs
        return self._known[key]

    def cell(self, cell: SearchCell, size: Size) -> Tensor:
        """(edges, operations) of a cell whose inputs have `size`."""
        inner = halved(size) if cell.stride == 2 else size
        sources = [source for node in range(cell.inputs, cell.inputs + cell.nodes) for source in range(node)]
        rows = [
            [self.operation(each, cell.channels, size if source < cell.inputs else inner) for each in edge.candidates]
            for source, edge in zip(sources, cell.edges, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.float32)


def halved(size: Size) -> Size:
    """What stride 2 makes of a size."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def summed(found: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """(cell type, costs) pairs, added up by type."""
    total: dict[str, Tensor] = {}
    for kind, costs in found:
        total[kind] = total[kind] + costs if kind in total else costs
    return total
