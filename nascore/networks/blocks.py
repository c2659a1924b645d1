"""The blocks of DSO-NAS as genotypes: what is left of a fully connected block (Zhang et al. 2018, section 3.2).

A block has `levels` levels of the same candidate operations. Node 0 is its input, the operations follow level by level,
and the last node is its output. An operation reads the input and any operation of a lower level; the output reads any
operation. What is left is a set of these connections.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nascore.base.arguments import checked, checked_genotype
from nascore.base.errors import ConfigError, GenotypeError, shortened
from nascore.base.ranges import Amount, Index
from nascore.networks.genotypes import AnyGenotype, listed
from nascore.networks.operations import OPERATIONS, unknown_operation

Connection = tuple[int, int]  # (source node, target node)
MAX_NODES = 1000  # operations of a block: their connections grow with the square
SCALE = "scale"  # what a connection does: it multiplies


@checked
def connections(levels: Amount, width: Amount) -> list[Connection]:
    """All connections of a block of `width` operations a level, by target: level m (from 1) has (m - 1) width + 1."""
    if levels * width > MAX_NODES:
        raise ConfigError(f"a block has at most {MAX_NODES} operations, not {levels} levels of {width}")
    output = levels * width + 1
    inner = [
        (source, target) for target in range(1, output) for source in (0, *range(1, (target - 1) // width * width + 1))
    ]
    return [*inner, *((source, output) for source in range(1, output))]


@checked
def connected(kept: Iterable[Connection], output: Index) -> tuple[Connection, ...]:
    """The connections that lie on a way from the input (node 0) to the output: the others are isolated.

    An operation that nothing leads to, or that leads nowhere, is pruned with all its connections, until that isolates
    nothing more.
    """
    left = sorted(set(kept), key=lambda connection: connection[::-1])
    reached = {0}
    for source, target in left:  # by target, and every source comes before its target
        reached |= {target} if source in reached else set()
    needed = {output}
    for source, target in reversed(left):
        needed |= {source} if target in needed else set()
    return tuple((source, target) for source, target in left if source in reached and target in needed)


@checked_genotype
@dataclass(frozen=True)
class Block:
    """One block of `candidates` in each of `levels` levels, and the connections that it keeps, by target.

    Raises `GenotypeError` for connections that such a block has not, or that are isolated.
    """

    candidates: tuple[str, ...]
    levels: Amount
    kept: tuple[Connection, ...]

    inputs: ClassVar[int] = 1

    def __post_init__(self) -> None:
        known = set(connections(self.levels, len(self.candidates)))
        if unknown := [each for each in self.kept if each not in known]:
            raise GenotypeError(f"a block of {self.levels} levels has no connection {unknown[0]}")
        if connected(self.kept, self.output) != self.kept:
            raise GenotypeError("a block's connections are given once, by target, and none of them is isolated")

    @property
    def output(self) -> int:
        """The number of the output's node."""
        return self.levels * len(self.candidates) + 1

    def operations(self) -> dict[int, str]:
        """Node -> operation, of the operations that are left."""
        nodes = sorted({target for _, target in self.kept} - {self.output})
        return {node: self.candidates[(node - 1) % len(self.candidates)] for node in nodes}

    def edges(self) -> list[tuple[str, int, int]]:
        """All (`scale`, source node, target node), by target."""
        return [(SCALE, source, target) for source, target in self.kept]

    arrows = edges


@checked_genotype
@dataclass(frozen=True)
class BlockGenotype(AnyGenotype, keys=("candidates", "levels", "blocks")):
    """The blocks of a network: one that all share, or one for each place, from the first to the last.

    Raises `GenotypeError` for unknown candidates, too few levels, or connections that are none of theirs.
    """

    candidates: tuple[str, ...]
    levels: int
    blocks: tuple[tuple[Connection, ...], ...]

    def __post_init__(self) -> None:
        for name in self.candidates:
            if name not in OPERATIONS:
                raise GenotypeError(f"candidates: {unknown_operation(name)}")
        if not self.candidates:
            raise GenotypeError("a network of blocks has one candidate or more")
        if not 1 <= self.levels <= MAX_NODES // len(self.candidates) or not self.blocks:
            most = f"and at most {MAX_NODES} operations in all levels"
            raise GenotypeError(f"a network of blocks has one level or more, {most}, and one block or more")
        self.cells()

    def cells(self) -> dict[str, Block]:
        """`block`, or `block1`, `block2`, ... -> block."""
        blocks = (Block(self.candidates, self.levels, kept) for kept in self.blocks)
        return dict(zip(block_types(len(self.blocks)), blocks, strict=True))

    def to_dict(self) -> dict[str, Any]:
        blocks = [[list(connection) for connection in kept] for kept in self.blocks]
        return {"candidates": list(self.candidates), "levels": self.levels, "blocks": blocks}

    @classmethod
    @checked_genotype
    def from_dict(cls, data: Mapping[str, Any]) -> "BlockGenotype":
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        try:
            if set(data) != {"candidates", "levels", "blocks"}:
                raise KeyError("candidates, levels and blocks")
            blocks = tuple(
                tuple((source, target) for source, target in listed(kept)) for kept in listed(data["blocks"])
            )
            return cls(tuple(listed(data["candidates"])), data["levels"], blocks)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, GenotypeError):
                raise
            form = '{"candidates": [name, ...], "levels": number, "blocks": [[[source, target], ...], ...]}'
            raise GenotypeError(f"blocks are written {form}, not {shortened(data)}") from error


def block_types(blocks: int) -> tuple[str, ...]:
    """The names of the types of so many different blocks."""
    return ("block",) if blocks == 1 else tuple(f"block{at}" for at in range(1, blocks + 1))
