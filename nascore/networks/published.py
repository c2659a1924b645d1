"""The published architectures of the DARTS space by name."""

from nascore.base.config import choose
from nascore.networks.benchmark_cells import BenchmarkCell
from nascore.networks.cells import INPUTS, Cell, Genotype
from nascore.networks.genotypes import AnyGenotype

_SHORT = {
    "s3": "sep_conv_3x3", "s5": "sep_conv_5x5", "s7": "sep_conv_7x7", "d3": "dil_conv_3x3", "d5": "dil_conv_5x5",
    "c7": "conv_7x1_1x7", "M": "max_pool_3x3", "A": "avg_pool_3x3", "S": "skip_connect",
}  # fmt: skip


def _cell(notation: str, concat: tuple[int, ...] | None = None) -> Cell:
    """`notation` lists each node's inputs as operation and source, nodes parted by semicolons."""
    pairs = [[edge.split() for edge in node.split(",")] for node in notation.split(";")]
    nodes = tuple(tuple((_SHORT[operation], int(source)) for operation, source in node) for node in pairs)
    return Cell(nodes, concat or tuple(range(INPUTS, INPUTS + len(nodes))))


def _genotype(
    normal: str,
    reduce: str,
    concat: tuple[int, ...] | None = None,
    reduce_concat: tuple[int, ...] | None = None,
) -> Genotype:
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


def named(text: str) -> AnyGenotype:
    """The published genotype of that name, or NAS-Bench-201's cell of that string.

    Raises `ConfigError` with the near names where there is none, `GenotypeError` for a string that is no cell.
    """
    if "|" in text:
        return BenchmarkCell.parse(text)
    return choose("genotype", text[:80], PUBLISHED, see="`nascore.PUBLISHED` has all")
