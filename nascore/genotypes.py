"""Genotypes: what a search finds. Values with a JSON form, and the published ones by name.

`Genotype` is the DARTS form; other kinds have modules of their own, and `read` tells them apart. Node numbers follow
DARTS: a cell's nodes 0 and 1 are the outputs of the two cells before it, its intermediate nodes count on from 2, and
the cell's output concatenates some of the intermediate nodes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from nascore.errors import GenotypeError
from nascore.operations import OPERATIONS

INPUTS = 2  # a cell reads the outputs of the two cells before it

Edge = tuple[str, int]  # (operation, source node)
Arrow = tuple[str, int, int]  # (operation, source node, target node)


class AnyGenotype:
    """What all kinds of genotype share: text and files, and that `read` knows them by the keys of their JSON form.

    A kind is a frozen dataclass `class Kind(AnyGenotype, keys=(...))` with `to_dict`, `from_dict` and `cells`.
    """

    _kinds: ClassVar[dict[frozenset[str], type["AnyGenotype"]]] = {}

    def __init_subclass__(cls, keys: Iterable[str], **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls._kinds[frozenset(keys)] = cls

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, under the kind's own keys."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        raise NotImplementedError

    def cells(self) -> Mapping[str, Any]:
        """Cell type -> cell; a cell has `edges`, and what drawings ask of it: `inputs`, `output` and `arrows`."""
        raise NotImplementedError

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises `GenotypeError` for anything that is not a genotype of this kind."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise GenotypeError(f"not JSON: {error}") from error
        return cls.from_dict(data)

    def save(self, path: str | Path) -> None:
        Path(path).write_text(self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a genotype file; raises `GenotypeError` naming the file."""
        try:
            return cls.from_json(Path(path).read_text())
        except (OSError, UnicodeDecodeError, GenotypeError) as error:
            raise GenotypeError(f"{path}: {error}") from error


def read(data: Mapping[str, Any]) -> AnyGenotype:
    """The genotype of whatever kind that `to_dict` wrote as `data`; raises `GenotypeError` where it is of none."""
    kind = AnyGenotype._kinds.get(frozenset(data)) if isinstance(data, Mapping) else None
    if kind is None:
        known = " or ".join("{" + ", ".join(sorted(keys)) + "}" for keys in AnyGenotype._kinds)
        raise GenotypeError(f"a genotype has the keys {known}, which {shortened(data)} has not")
    return kind.from_dict(data)


def load(path: str | Path) -> AnyGenotype:
    """The genotype of whatever kind in a file that `AnyGenotype.save` wrote; raises `GenotypeError` naming the file."""
    try:
        return read(json.loads(Path(path).read_text()))
    except (OSError, ValueError, GenotypeError) as error:
        raise GenotypeError(f"{path}: {error}") from error


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

    def __post_init__(self):
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
    def from_arrows(cls, arrows: Iterable[Arrow], nodes: int) -> "Cell | None":
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
    def from_dict(cls, data: Mapping[str, Any]) -> "Cell":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        try:
            nodes = tuple(tuple((operation, source) for operation, source in edges) for edges in data["nodes"])
            return cls(nodes, tuple(data["concat"]))
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

    def __post_init__(self):
        if isinstance(self.normal, Cell):
            object.__setattr__(self, "normal", (self.normal,))
        if not self.normal or not all(isinstance(cell, Cell) for cell in (*self.normal, self.reduce)):
            raise GenotypeError("a genotype is made of one or more normal cells and a reduction cell")

    def cells(self) -> dict[str, Cell]:
        """Cell type -> cell; the types are `normal` (or `normal1`, `normal2`, ...) and `reduce`."""
        names = cell_types(len(self.normal))
        return dict(zip(names, (*self.normal, self.reduce), strict=True))

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
    def from_dict(cls, data: Mapping[str, Any]) -> "Genotype":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        if not isinstance(data, Mapping) or set(data) != {"normal", "reduce"} or not isinstance(data["normal"], list):
            form = '{"normal": [cell, ...], "reduce": cell}'
            raise GenotypeError(f"a genotype is written {form}, not {shortened(data)}")
        return cls(tuple(map(Cell.from_dict, data["normal"])), Cell.from_dict(data["reduce"]))


@dataclass(frozen=True)
class Stack(AnyGenotype, keys=("stack", "reductions")):
    """An architecture given cell by cell, each with what is left of it: what node pruning makes of a genotype.

    `stack` has the cells from first to last, None where a cell lost all its nodes and is bypassed; `reductions` are the
    positions, from 0, at which height and width are halved. `nascore.macro.stacked` repeats a genotype's cells.
    Raises `GenotypeError` for a stack without cells, or reductions that are no increasing positions in it.
    """

    stack: tuple[Cell | None, ...]
    reductions: tuple[int, ...]

    def __post_init__(self):
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
        read, inputs = {len(self.stack) - 1}, []  # the classifier reads the last
        for at in reversed(range(len(self.stack))):
            sources = _sources(self.stack[at]) if at in read else set()
            read |= {at - INPUTS + source for source in sources}  # below 0 is the stem
            inputs.append(tuple(source in sources for source in range(INPUTS)))
        return inputs[::-1]

    def to_dict(self) -> dict[str, Any]:
        return {"stack": [cell and cell.to_dict() for cell in self.stack], "reductions": list(self.reductions)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Stack":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        lists = isinstance(data, Mapping) and all(isinstance(data.get(key), list) for key in ("stack", "reductions"))
        if not lists:
            form = '{"stack": [cell or null, ...], "reductions": [position, ...]}'
            raise GenotypeError(f"a stack is written {form}, not {shortened(data)}")
        cells = tuple(None if cell is None else Cell.from_dict(cell) for cell in data["stack"])
        return cls(cells, tuple(data["reductions"]))


def _sources(cell: Cell | None) -> set[int]:
    """Which inputs a cell reads; a bypass passes on the second."""
    return {1} if cell is None else {source for _, source, _ in cell.edges() if source < INPUTS}


def cell_types(normal_types: int) -> tuple[str, ...]:
    """The names of a space's cell types: `normal`, `reduce`, or `normal1`, `normal2`, ..., `reduce`."""
    normal = ("normal",) if normal_types == 1 else tuple(f"normal{i + 1}" for i in range(normal_types))
    return (*normal, "reduce")


def _check_edge(operation: Any, source: Any, node: int, empty: set[int]) -> None:
    if operation not in OPERATIONS:
        raise GenotypeError(f"node {node}: unknown operation {operation!r}; there are {', '.join(OPERATIONS)}")
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


def shortened(data: Any) -> str:
    """`data` as errors show it, in 80 characters at most."""
    text = repr(data)
    return text if len(text) <= 80 else text[:77] + "..."


_SHORT = {
    "s3": "sep_conv_3x3", "s5": "sep_conv_5x5", "s7": "sep_conv_7x7", "d3": "dil_conv_3x3", "d5": "dil_conv_5x5",
    "c7": "conv_7x1_1x7", "M": "max_pool_3x3", "A": "avg_pool_3x3", "S": "skip_connect",
}  # fmt: skip


def _cell(notation: str, concat: tuple[int, ...] | None = None) -> Cell:
    """`notation` lists each node's inputs as operation and source, nodes parted by semicolons."""
    pairs = [[edge.split() for edge in node.split(",")] for node in notation.split(";")]
    nodes = tuple(tuple((_SHORT[operation], int(source)) for operation, source in node) for node in pairs)
    return Cell(nodes, concat or tuple(range(INPUTS, INPUTS + len(nodes))))


def _genotype(normal: str, reduce: str, concat=None, reduce_concat=None) -> Genotype:
    return Genotype((_cell(normal, concat),), _cell(reduce, reduce_concat or concat))


_PNASNET = "s5 0,M 0; s7 1,M 1; s5 1,s3 1; s3 4,M 1; s3 0,S 1"

# Published architectures in DARTS form. The last three have five intermediate nodes and operations of their own spaces.
PUBLISHED: dict[str, Genotype] = {
    "DARTS_V1": _genotype("s3 1,s3 0; S 0,s3 1; S 0,s3 1; s3 0,S 2", "M 0,M 1; S 2,M 0; M 0,S 2; S 2,A 0"),
    "DARTS_V2": _genotype("s3 0,s3 1; s3 0,s3 1; s3 1,S 0; S 0,d3 2", "M 0,M 1; S 2,M 1; M 0,S 2; S 2,M 1"),
    "PDARTS": _genotype("S 0,d3 1; S 0,s3 1; s3 1,s3 3; s3 0,d5 4", "A 0,s5 1; s3 0,d5 2; M 0,d3 1; d3 1,d5 3"),
    "PC_DARTS_cifar": _genotype(
        "s3 1,S 0; s3 0,d3 1; s5 0,s3 1; A 0,d3 1", "s5 1,M 0; s5 1,s5 2; s3 0,s3 3; s3 1,s3 2"
    ),
    "PC_DARTS_image": _genotype("S 1,s3 0; s3 0,S 1; s3 1,s3 3; s3 1,d5 4", "s3 0,S 1; d5 2,M 1; s3 2,s3 1; s5 0,s3 3"),
    "GDAS_V1": _genotype("S 0,S 1; S 0,s5 2; s3 3,S 0; s5 4,s3 3", "s5 0,s3 1; s5 2,s5 1; d5 2,s3 1; s5 0,s5 1"),
    "SNAS_mild": _genotype("s3 0,s3 1; S 0,d3 1; S 0,S 1; S 0,s3 1", "M 0,M 1; M 1,S 2; M 1,S 2; M 0,d5 2"),
    "SNAS_moderate": _genotype("d5 0,S 1; s3 0,S 1; S 0,S 1; s3 0,d5 1", "M 0,M 1; s5 0,d5 1; s5 0,s5 1; s5 0,s5 1"),
    "MdeNAS": _genotype("s5 1,s3 0; S 0,s5 1; s5 3,s3 1; d5 3,M 4", "M 0,s5 1; S 0,S 1; s3 3,S 2; d3 3,s5 0"),
    "DARTS_minus": _genotype("s3 0,s5 1; s3 1,d3 2; S 1,s3 0; S 1,s3 0", "s3 0,M 1; S 2,M 0; S 2,S 3; S 2,S 3"),
    "DARTS_PT": _genotype("s3 0,s3 1; s3 0,s3 1; S 0,S 2; s3 1,S 3", "A 0,s5 1; M 1,S 2; d5 1,M 3; s5 2,S 3"),
    "pt_darts": _genotype("s3 0,d5 1; S 0,d3 2; s3 1,S 0; s3 1,S 0", "M 0,M 1; M 0,S 2; S 3,M 0; S 2,M 0"),
    "NASNet_A": _genotype(
        "s5 1,s3 0; s5 0,s3 0; A 1,S 0; A 0,A 0; s3 1,S 1",
        "s5 1,s7 0; M 1,s7 0; A 1,s5 0; S 3,A 2; s3 2,M 1",
        (2, 3, 4, 5, 6),
        (4, 5, 6),
    ),
    "AmoebaNet_A": _genotype(
        "A 0,M 1; s3 0,s5 2; s3 0,A 3; s3 1,S 1; S 0,A 1",
        "A 0,s3 1; M 0,s7 2; s7 0,A 1; M 0,M 1; c7 0,s3 5",
        (4, 5, 6),
        (3, 4, 6),
    ),
    "PNASNet_5": _genotype(_PNASNET, _PNASNET),
}
