"""The genotypes of the DARTS space: cells, the pair of a normal and a reduction cell, stacks of different cells.

Node numbers follow DARTS: a cell's nodes 0 and 1 are the outputs of the two cells before it, its intermediate nodes
count on from 2, and the cell's output concatenates some of the intermediate nodes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nascore.base.arguments import checked, checked_genotype
from nascore.base.errors import GenotypeError, shortened
from nascore.base.ranges import Amount, Index
from nascore.networks.genotypes import AnyGenotype, Arrow, Edge, listed
from nascore.networks.operations import OPERATIONS, unknown_operation

INPUTS = 2  # a cell reads the outputs of the two cells before it

Kept = tuple[tuple[int, ...], ...]  # for each cell of a stack, from first to last, the intermediate nodes that it keeps


@checked_genotype
@dataclass(frozen=True)
class Cell:
    """One cell: for each intermediate node the (operation, source node) pairs that it sums, and the nodes concatenated.

    A node may have any number of inputs, the same source may be used twice, and a node without inputs is one that
    pruning emptied: nothing may read it. Raises `GenotypeError` for an unknown operation, a source that does not come
    before its node, or a `concat` that names something other than live intermediate nodes.
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    inputs: ClassVar[int] = INPUTS

    def __post_init__(self) -> None:
        if not self.nodes:
            raise GenotypeError("a cell needs at least one intermediate node")
        empty = {node for node, edges in self.numbered() if not edges}
        for node, edges in self.numbered():
            for operation, source in edges:
                _check_edge(operation, source, node, empty)
        _check_concat(self.concat, last=INPUTS + len(self.nodes) - 1, empty=empty)

    def numbered(self) -> Iterable[tuple[int, tuple[Edge, ...]]]:
        """(node number, its edges) for each intermediate node, in order."""
        return enumerate(self.nodes, start=INPUTS)

    def edges(self) -> list[tuple[str, int, int]]:
        """All (operation, source node, target node), by target."""
        return [(operation, source, node) for node, edges in self.numbered() for operation, source in edges]

    @property
    def output(self) -> int:
        """The number of the cell's output in `arrows`."""
        return INPUTS + len(self.nodes)

    def arrows(self) -> list[tuple[str | None, int, int]]:
        """What a drawing shows: `edges`, then the concatenated nodes' arrows to the output, without an operation."""
        return [*self.edges(), *((None, node, self.output) for node in sorted(self.concat))]

    def replaced(self, arrow: Arrow, operation: str) -> "Cell":
        """The cell with another operation on one of its `edges`; `none` removes the edge.

        Raises `GenotypeError` where the cell has no such edge, or where what is left is no cell.
        """
        if arrow not in self.edges():
            raise GenotypeError(f"the cell has no edge {arrow!r}: its edges are {self.edges()}")
        name, source, target = arrow
        nodes = list(self.nodes)
        edges, at = list(nodes[target - INPUTS]), nodes[target - INPUTS].index((name, source))
        edges[at : at + 1] = [] if operation == "none" else [(operation, source)]
        nodes[target - INPUTS] = tuple(edges)
        return Cell(tuple(nodes), tuple(node for node in self.concat if nodes[node - INPUTS]))

    @classmethod
    @checked_genotype
    def from_arrows(cls, arrows: Iterable[Arrow], nodes: Index) -> "Cell | None":
        """The cell of `nodes` intermediate nodes with these edges; its output takes all nodes that have inputs.

        An edge that leaves a node without inputs is left out; None where no edge is left.
        """
        arrows, found, empty = list(arrows), [], set()
        for node in range(INPUTS, INPUTS + nodes):
            found.append(tuple((name, source) for name, source, to in arrows if to == node and source not in empty))
            empty |= set() if found[-1] else {node}
        concat = tuple(node for node in range(INPUTS, INPUTS + nodes) if node not in empty)
        return cls(tuple(found), concat) if concat else None

    def to_dict(self) -> dict[str, Any]:
        return {"nodes": [[list(edge) for edge in edges] for edges in self.nodes], "concat": list(self.concat)}

    @classmethod
    @checked_genotype
    def from_dict(cls, data: Mapping[str, Any]) -> "Cell":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        try:
            if set(data) != {"nodes", "concat"}:
                raise KeyError("nodes and concat")
            nodes = tuple(tuple((name, source) for name, source in listed(edges)) for edges in listed(data["nodes"]))
            return cls(nodes, tuple(listed(data["concat"])))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, GenotypeError):
                raise
            raise GenotypeError(
                'a cell is written {"nodes": [[[operation, source], ...], ...], "concat": [node, ...]}, '
                f"not {shortened(data)} ({type(error).__name__}: {error})"
            ) from error


@dataclass(frozen=True)
class Genotype(AnyGenotype, keys=("normal", "reduce")):
    """A searched architecture: its normal cell types, in the order of the stages that use them, and its reduction cell.

    With one normal type every normal cell is that one; with several, cells before the first reduction are of the
    first type, and so on (the ETH thesis, section 3.3.2).
    """

    normal: tuple[Cell, ...]
    reduce: Cell

    def __post_init__(self) -> None:
        normal: Any = (self.normal,) if isinstance(self.normal, Cell) else self.normal
        several = isinstance(normal, (tuple, list)) and bool(normal)
        if not several or not all(isinstance(cell, Cell) for cell in (*normal, self.reduce)):
            raise GenotypeError("a genotype is made of one or more normal cells and a reduction cell")
        object.__setattr__(self, "normal", tuple(normal))

    def cells(self) -> dict[str, Cell]:
        """Cell type -> cell; the types are `normal` (or `normal1`, `normal2`, ...) and `reduce`."""
        names = cell_types(len(self.normal))
        return dict(zip(names, (*self.normal, self.reduce), strict=True))

    @checked_genotype
    def replaced(self, cell: str, arrow: Arrow, operation: str) -> "Genotype":
        """The genotype with another operation on one edge of a cell type, as `Cell.replaced` has it."""
        cells = self.cells()
        if cell not in cells:
            raise GenotypeError(f"there is no cell type {cell!r}: there are {', '.join(cells)}")
        *normal, reduce = (cells | {cell: cells[cell].replaced(arrow, operation)}).values()
        return Genotype(tuple(normal), reduce)

    def to_dict(self) -> dict[str, Any]:
        return {"normal": [cell.to_dict() for cell in self.normal], "reduce": self.reduce.to_dict()}

    @classmethod
    @checked_genotype
    def from_dict(cls, data: Mapping[str, Any]) -> "Genotype":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        if not isinstance(data, Mapping) or set(data) != {"normal", "reduce"} or not isinstance(data["normal"], list):
            form = '{"normal": [cell, ...], "reduce": cell}'
            raise GenotypeError(f"a genotype is written {form}, not {shortened(data)}")
        return cls(tuple(map(Cell.from_dict, data["normal"])), Cell.from_dict(data["reduce"]))


@checked_genotype
@dataclass(frozen=True)
class Stack(AnyGenotype, keys=("stack", "reductions")):
    """An architecture given cell by cell, each with what is left of it: what node pruning makes of a genotype.

    `stack` has the cells from first to last, None where a cell lost all its nodes and is bypassed; `reductions` are the
    positions, from 0, at which height and width are halved. `nascore.networks.stacked` repeats a genotype's cells.
    Raises `GenotypeError` for a stack without cells, or reductions that are no increasing positions in it.
    """

    stack: tuple[Cell | None, ...]
    reductions: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.stack or not all(cell is None or isinstance(cell, Cell) for cell in self.stack):
            raise GenotypeError("a stack is made of one or more cells, None for those that are bypassed")
        positions = all(type(at) is int and 0 <= at < len(self.stack) for at in self.reductions)
        if not positions or list(self.reductions) != sorted(set(self.reductions)):
            last = len(self.stack) - 1
            raise GenotypeError(f"reductions are increasing positions from 0 to {last}, not {self.reductions}")

    def cells(self) -> dict[str, Cell]:
        """`cell 1`, `cell 2`, ... -> cell, as papers count them, without those that are bypassed."""
        return {f"cell {at}": cell for at, cell in enumerate(self.stack, start=1) if cell is not None}

    def reads(self) -> list[tuple[bool, bool]]:
        """For each cell, which of its two inputs it reads; none of them where nothing reads the cell itself."""
        read = {len(self.stack) - 1}  # the classifier reads the last
        inputs: list[tuple[bool, bool]] = []
        for at in reversed(range(len(self.stack))):
            sources = _sources(self.stack[at]) if at in read else set()
            read |= {at - INPUTS + source for source in sources}  # below 0 is the stem
            inputs.append((0 in sources, 1 in sources))
        return inputs[::-1]

    def to_dict(self) -> dict[str, Any]:
        return {"stack": [cell and cell.to_dict() for cell in self.stack], "reductions": list(self.reductions)}

    @classmethod
    @checked_genotype
    def from_dict(cls, data: Mapping[str, Any]) -> "Stack":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        known = isinstance(data, Mapping) and set(data) == {"stack", "reductions"}
        if not known or not all(isinstance(each, list) for each in data.values()):
            form = '{"stack": [cell or null, ...], "reductions": [position, ...]}'
            raise GenotypeError(f"a stack is written {form}, not {shortened(data)}")
        cells = tuple(None if cell is None else Cell.from_dict(cell) for cell in data["stack"])
        return cls(cells, tuple(data["reductions"]))


def _sources(cell: Cell | None) -> set[int]:
    """Which inputs a cell reads; a bypass passes on the second."""
    return {1} if cell is None else {source for _, source, _ in cell.edges() if source < INPUTS}


@checked
def cell_types(normal_types: Amount) -> tuple[str, ...]:
    """The names of a space's cell types: `normal`, `reduce`, or `normal1`, `normal2`, ..., `reduce`."""
    normal = ("normal",) if normal_types == 1 else tuple(f"normal{i + 1}" for i in range(normal_types))
    return (*normal, "reduce")


def _check_edge(operation: Any, source: Any, node: int, empty: set[int]) -> None:
    if operation not in OPERATIONS:
        raise GenotypeError(f"node {node}: {unknown_operation(operation)}")
    if type(source) is not int or source < 0:
        raise GenotypeError(f"node {node}: a source is a node number from 0 on, not {source!r}")
    if source >= node:
        raise GenotypeError(f"node {node} reads node {source}, a cycle: a node may only read nodes before it")
    if source in empty:
        raise GenotypeError(f"node {node} reads node {source}, which has no inputs")


def _check_concat(concat: tuple[int, ...], last: int, empty: set[int]) -> None:
    if not concat:
        raise GenotypeError("concat is empty: a cell's output needs at least one intermediate node")
    for node in concat:
        if type(node) is not int or not INPUTS <= node <= last:
            raise GenotypeError(f"concat names node {node!r}: the intermediate nodes are {INPUTS} to {last}")
        if node in empty:
            raise GenotypeError(f"concat names node {node}, which has no inputs")
    if len(set(concat)) != len(concat):
        raise GenotypeError(f"concat names a node twice: {list(concat)}")
