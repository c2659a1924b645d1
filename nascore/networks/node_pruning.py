"""Pruning nodes of a stacked network (DARTS-GAL, section 2.3): which are kept, and what is left of the cells then.

Nodes are numbered as the paper does: intermediate nodes from 0 on, in each cell.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Index
from nascore.networks.cell_network import BuiltCell, CellNetwork
from nascore.networks.cells import INPUTS, Cell, Kept, Stack

Rule = Literal["node", "concat"]
Empty = Literal["bypass", "keep"]


@checked
def every_node(stack: Stack) -> Kept:
    """All nodes of all cells; a bypassed cell has none."""
    return tuple(() if cell is None else tuple(range(len(cell.nodes))) for cell in stack.stack)


@checked
def pruned(stack: Stack, kept: Kept, rule: Rule = "node", empty: Empty = "bypass") -> Stack:
    """The stack with the nodes `kept` alone.

    By the rule `node` the others are gone, and with them the operations that lead to them or read them, a kept node
    whose inputs are all gone, and nodes that nothing reads any more. By the rule `concat` they leave the concatenation
    alone, and every operation stays: the rule that explains most sizes that DARTS-GAL prints.

    A cell that keeps nothing is bypassed: its second input, halved in size if it is a reduction cell, is its output.
    With `empty="keep"` it keeps all its nodes, as the printed sizes have it. Raises `ConfigError` where `kept` does not
    fit the stack.
    """
    _check(stack, kept)
    cells = []
    for cell, nodes in zip(stack.stack, kept, strict=True):
        left = None if cell is None else (without_nodes if rule == "node" else without_outputs)(cell, nodes)
        cells.append(cell if left is None and empty == "keep" else left)
    return Stack(tuple(cells), stack.reductions)


def without_nodes(cell: Cell, kept: Sequence[int]) -> Cell | None:
    """The rule `node` for one cell; None where nothing is left."""
    alive = set(range(INPUTS))
    for node, edges in cell.numbered():
        if node - INPUTS in kept and any(source in alive for _, source in edges):
            alive.add(node)
    needed = set(cell.concat) & alive
    for node, edges in reversed(list(cell.numbered())):
        needed |= {source for _, source in edges if node in needed and source in alive}
    nodes = tuple(
        tuple((name, source) for name, source in edges if source in alive) if node in needed else ()
        for node, edges in cell.numbered()
    )
    concat = tuple(node for node in cell.concat if node in alive)
    return Cell(nodes, concat) if concat else None


def without_outputs(cell: Cell, kept: Sequence[int]) -> Cell | None:
    """The rule `concat` for one cell; None where nothing is left in the concatenation."""
    concat = tuple(node for node in cell.concat if node - INPUTS in kept)
    return Cell(cell.nodes, concat) if concat else None


@checked
def random_nodes(stack: Stack, count: Index | Sequence[Index], generator: torch.Generator) -> Kept:
    """`count` nodes of the whole stack, or so many of each cell, drawn uniformly: the control of the same size.

    Raises `ConfigError` for more nodes than there are.
    """
    everything = every_node(stack)
    if isinstance(count, int):
        places = [(at, node) for at, nodes in enumerate(everything) for node in nodes]
        return _grouped([places[i] for i in _drawn(len(places), count, generator)], len(everything))
    if len(count) != len(everything):
        raise ConfigError(f"counts are given for {len(count)} cells, and the stack has {len(everything)}")
    drawn = (_drawn(len(nodes), most, generator) for nodes, most in zip(everything, count, strict=True))
    return tuple(tuple(sorted(nodes)) for nodes in drawn)


@checked
def largest_nodes(scores: Sequence[Sequence[float]], count: Index) -> Kept:
    """The `count` nodes of the highest scores, over all cells; of equal ones the earlier."""
    places = [(-score, at, node) for at, cell in enumerate(scores) for node, score in enumerate(cell)]
    if not 0 <= count <= len(places):
        raise ConfigError(f"count must be from 0 to {len(places)}, all nodes, not {count}")
    return _grouped([place for _, *place in sorted(places)[:count]], len(scores))


@checked
def magnitudes(network: CellNetwork) -> list[list[float]]:
    """How large the weights are by which the network goes on from each node: for each cell, a number a node.

    The mean absolute weight on the node's channels, of each 1x1 convolution (and of the classifier) that reads the
    cell's output, relative to that layer's mean over all channels, so that layers can be compared; averaged over these
    layers. 1 is the average; 0 is for a node outside the concatenation. A cell that is bypassed or not read has none.
    Ranking by the weights' l1 norm is the usual baseline of structured pruning (Li et al. 2017).
    """
    found: list[list[float]] = []
    for at, cell in enumerate(network.cells):
        if not isinstance(cell, BuiltCell):
            found.append([])
            continue
        columns = torch.stack([_relative(weight) for weight in _readers(network, at)]).mean(dim=0)
        by_node = dict(zip(cell.cell.concat, columns.view(cell.outputs, -1).mean(dim=1).tolist(), strict=True))
        found.append([by_node.get(node, 0.0) for node, _ in cell.cell.numbered()])
    return found


def _readers(network: CellNetwork, at: int) -> list[Tensor]:
    """The weights, (outputs, inputs), of all layers that read the output of the cell at a position."""
    places = zip(network.preprocess[at + 1 : at + 3], ("last", "before_last"), strict=False)
    layers = [getattr(part, name) for part, name in places]
    convolutions = [each for layer in layers if layer for each in layer.modules() if isinstance(each, nn.Conv2d)]
    return [each.weight.flatten(1) for each in convolutions] or [network.classifier.weight]


def _relative(weight: Tensor) -> Tensor:
    sizes = weight.detach().abs().mean(dim=0)
    return sizes / sizes.mean()


def _drawn(most: int, count: int, generator: torch.Generator) -> list[int]:
    if not 0 <= count <= most:
        raise ConfigError(f"count must be from 0 to {most}, all nodes, not {count}")
    return torch.randperm(most, generator=generator)[:count].tolist()


def _grouped(places: Sequence[Sequence[int]], cells: int) -> Kept:
    """(position, node) pairs as the nodes of each cell."""
    return tuple(tuple(sorted(node for own, node in places if own == at)) for at in range(cells))


def _check(stack: Stack, kept: Kept) -> None:
    if len(kept) != len(stack.stack):
        raise ConfigError(f"nodes are given for {len(kept)} cells, and the stack has {len(stack.stack)}")
    for at, (nodes, known) in enumerate(zip(kept, every_node(stack), strict=True), start=1):
        if unknown := sorted(set(nodes) - set(known)):
            raise ConfigError(f"cell {at} has no node {unknown[0]}: its intermediate nodes are {list(known)}")
