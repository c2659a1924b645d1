"""The cells of NAS-Bench-201 as genotypes: their strings, which of them are the same, and which are degenerate.

A cell has four nodes, 0 (its input) to 3 (its output), and an operation on each of its six edges; a node is the sum of
what its edges bring. Names and order are those of the benchmark's strings (Dong and Yang 2020, section 2.1).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, ClassVar, Literal

from nascore.base.arguments import checked_genotype
from nascore.base.errors import GenotypeError, shortened
from nascore.networks.genotypes import AnyGenotype

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (source node, target node)
OUTPUT = 3  # the node that is the cell's output
CELLS = len(OPERATIONS) ** len(EDGES)  # 15,625

Collapse = Literal["all none", "disconnected", "only skips", "no convolution"]

_OPERATION = r"\|([^|~+]*)~([0-9]+)"
_FORM = re.compile(r"\+".join(_OPERATION * node + r"\|" for node in range(1, OUTPUT + 1)))
_CONVOLUTIONS = ("nor_conv_1x1", "nor_conv_3x3")


@checked_genotype
@dataclass(frozen=True)
class BenchmarkCell(AnyGenotype, keys=("nasbench201",)):
    """A cell of NAS-Bench-201: one of `OPERATIONS` for each of `EDGES`, in their order.

    Raises `GenotypeError` for an unknown operation or another number of them.
    """

    operations: tuple[str, ...]

    inputs: ClassVar[int] = 1
    output: ClassVar[int] = OUTPUT

    def __post_init__(self) -> None:
        object.__setattr__(self, "operations", tuple(self.operations))
        if len(self.operations) != len(EDGES):
            raise GenotypeError(f"a cell has {len(EDGES)} operations, one an edge, not {len(self.operations)}")
        for operation, source, target in self.edges():
            if operation not in OPERATIONS:
                known = ", ".join(OPERATIONS)
                raise GenotypeError(
                    f"edge {source}->{target}: unknown operation {shortened(operation)}; there are {known}"
                )

    def edges(self) -> list[tuple[str, int, int]]:
        """All (operation, source node, target node), `none` included, by target."""
        return [(operation, *edge) for operation, edge in zip(self.operations, EDGES, strict=True)]

    def arrows(self) -> list[tuple[str, int, int]]:
        """What a drawing shows: `edges` without those that are `none`."""
        return [edge for edge in self.edges() if edge[0] != "none"]

    @checked_genotype
    def replaced(self, source: int, target: int, operation: str) -> "BenchmarkCell":
        """The cell with another operation on one edge; raises `GenotypeError` for an edge that there is not."""
        if (source, target) not in EDGES:
            raise GenotypeError(
                f"a cell has the edges {', '.join(f'{a}->{b}' for a, b in EDGES)}, not {source}->{target}"
            )
        operations = list(self.operations)
        operations[EDGES.index((source, target))] = operation
        return BenchmarkCell(tuple(operations))

    def cells(self) -> dict[str, "BenchmarkCell"]:
        """The only cell type of the space is the cell itself."""
        return {"cell": self}

    @property
    def string(self) -> str:
        """The benchmark's form of the cell, such as `|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|`."""
        written = iter(f"{operation}~{source}" for operation, source, _ in self.edges())
        return "+".join(f"|{'|'.join(next(written) for _ in range(node))}|" for node in range(1, OUTPUT + 1))

    @classmethod
    def parse(cls, text: str) -> "BenchmarkCell":
        """The inverse of `string`; raises `GenotypeError` naming what is wrong."""
        found = _FORM.match(text) if isinstance(text, str) else None
        if not found:
            form = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
            raise GenotypeError(f"a NAS-Bench-201 cell is written {form}, not {shortened(text)}")
        if rest := text[found.end() :]:
            raise GenotypeError(f"a NAS-Bench-201 cell's string is followed by {shortened(rest)}")
        for number, (source, target) in zip(found.groups()[1::2], EDGES, strict=True):
            if number != str(source):
                raise GenotypeError(f"the string names node {number[:20]} where edge {source}->{target} is due")
        return cls(found.groups()[::2])

    def to_dict(self) -> dict[str, Any]:
        return {"nasbench201": self.string}

    @classmethod
    @checked_genotype
    def from_dict(cls, data: Mapping[str, Any]) -> "BenchmarkCell":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        if not isinstance(data, Mapping) or set(data) != {"nasbench201"}:
            raise GenotypeError(f'a NAS-Bench-201 cell is written {{"nasbench201": string}}, not {shortened(data)}')
        return cls.parse(data["nasbench201"])

    def unique_string(self) -> str:
        """The benchmark's own name for cells that it counts as one: there are 6,466 (Code: NAS-Bench-201).

        A node is the sorted sum of its terms, a skip passes its source's sum on as one term, and `#` stands for
        `none` and for what reads a node that is `#` alone. So this is no equality of functions: a sum keeps its zeros
        and its brackets, and one convolution that is used twice looks like two. See `canonical`.
        """
        nodes = ["0"]
        for node in range(1, OUTPUT + 1):
            terms = [_unique_term(operation, nodes[source]) for operation, source, to in self.edges() if to == node]
            nodes.append("+".join(sorted(terms)))
        return nodes[OUTPUT]

    def canonical(self) -> str:
        """A name of the function that the cell computes of its input x: there are 5,260.

        Cells with equal names compute equal functions once the convolutions' weights are handed over (the converse
        may fail: that average pooling is linear, say, is not used). Zeros vanish, skips are the identity, sums have
        neither order nor brackets, and convolutions that enter more than once are told apart by a number. What reads
        only zeros counts as zero, although a convolution's BatchNorm may learn to add a constant there.
        """
        first = {edge: f"#{edge}" for edge, name in enumerate(self.operations[:3]) if name in _CONVOLUTIONS}
        whole = self._sum(first)
        shared = [edge for edge, mark in first.items() if whole.count(mark) > 1]
        orders = permutations(range(len(shared)))
        return min(self._sum({edge: f"#{at}" for edge, at in zip(shared, order, strict=True)}) for order in orders)

    def collapse(self) -> Collapse | None:
        """How the cell is degenerate, if it is, by what reaches its output; None for ordinary cells.

        "all none": it has no operation but `none`. "disconnected": its output does not depend on its input. "only
        skips": nothing reaches its output but its input, once or several times. "no convolution": nothing with weights
        does, but average pooling does. What reads only zeros counts as zero, as in `canonical`.
        """
        function = self._sum({})
        if not function:
            return "all none" if set(self.operations) == {"none"} else "disconnected"
        if set(function) <= set("x+"):
            return "only skips"
        return None if any(name in function for name in _CONVOLUTIONS) else "no convolution"

    def _sum(self, marks: Mapping[int, str]) -> str:
        """The output as a sum of terms, in which the operations of some edges are marked."""
        nodes: list[list[str]] = [["x"]]
        for node in range(1, OUTPUT + 1):
            terms = []
            for at, (operation, source, target) in enumerate(self.edges()):
                if target == node and operation == "skip_connect":
                    terms += nodes[source]
                elif target == node and operation != "none" and nodes[source]:
                    terms.append(f"{operation}{marks.get(at, '')}({'+'.join(nodes[source])})")
            nodes.append(sorted(terms))
        return "+".join(nodes[OUTPUT])


def _unique_term(operation: str, source: str) -> str:
    if operation == "none" or source == "#":
        return "#"
    return source if operation == "skip_connect" else f"({source})@{operation}"


def all_cells() -> Iterator[BenchmarkCell]:
    """All 15,625 cells, the operation of the last edge changing first."""
    return map(BenchmarkCell, product(OPERATIONS, repeat=len(EDGES)))
