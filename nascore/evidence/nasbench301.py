"""CIFAR-10 accuracies that a surrogate of NAS-Bench-301 predicts of cells in the DARTS space.

A network that others fitted to the benchmark's learning curves (some 60,000 cells, each in a network of 8 cells and 32
channels, trained for 98 epochs). What it says is a prediction of a validation accuracy, never a measurement.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError, DataError
from nascore.base.paths import data_root, shown
from nascore.base.ranges import Range, Seed
from nascore.networks import operations
from nascore.networks.cells import INPUTS, Cell, Genotype
from nascore.spaces.cells import CellSpace

LEAST = 0.25  # points; smaller differences between two predictions mean nothing

_FILE = Path("nasbench301", "nb301_float16.npz")
_MOST_BYTES = 2**23  # unpacked
_NODES, _READ = 4, 2  # of a cell, and inputs of a node
_CODES = (  # an edge's operation is its place among these
    "none",
    "avg_pool_3x3",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "max_pool_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "skip_connect",
)
_BRANCHES = {"wide": 1, "deep": 3, "deeper": 5}  # name -> linear layers
_LAST, _EPOCHS = 97, 52  # the epoch that is asked about, and what epochs are divided by
_SHORTEST, _SPAN = 30.56, 13132.09  # seconds
_MOST_SKIPS = 5  # in a normal cell: of more the benchmark has hardly any


class Prediction(NamedTuple):
    """`accuracy`, of validation images in percent; `seconds` of the benchmark's training on its GPU; `remark`, why the
    surrogate knows little of such cells, or "".
    """

    accuracy: float
    seconds: float
    remark: str


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The surrogate's weights; `predict` takes 0.2 milliseconds."""

    weights: dict[str, NDArray[np.float32]]

    @checked
    def predict(self, genotype: Genotype) -> Prediction:
        """Raises `ConfigError` for cells that are not of its space: one normal cell and a reduction cell, each of four
        nodes that read two states through operations of DARTS, and all of which are concatenated.
        """
        x = np.concatenate([*self._embedded(_codes(genotype)), np.array([_LAST / _EPOCHS], np.float32)])
        outputs = sum(self._branch(name, layers, x) for name, layers in _BRANCHES.items())
        accuracy, time = 1 / (1 + np.exp(-np.asarray(outputs, np.float64)))
        return Prediction(100 * float(accuracy), float((time - 0.01) * _SPAN + _SHORTEST), _remark(genotype.normal[0]))

    @checked
    def percentile(self, genotype: Genotype, cells: Annotated[int, Range(1, 100_000)] = 2000, seed: Seed = 0) -> float:
        """The share in percent of as many random cells of the DARTS space whose prediction is below `genotype`'s."""
        return 100 * float((self.random_cells(cells, seed) < self.predict(genotype).accuracy).mean())

    @checked
    def random_cells(self, cells: Annotated[int, Range(1, 100_000)] = 2000, seed: Seed = 0) -> NDArray[np.float64]:
        """The predicted accuracies of cells drawn from the DARTS space, (cells,) in percent."""
        generator, space = torch.Generator().manual_seed(seed), CellSpace()
        return np.array([self.predict(space.random(generator)).accuracy for _ in range(cells)])

    def _embedded(self, codes: list[int]) -> list[NDArray[np.float32]]:
        return [self.weights[f"embedding_{at}"][code] for at, code in enumerate(codes)]

    def _branch(self, name: str, layers: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        for layer in range(layers):
            weight, bias = self.weights[f"{name}_{layer}_weight"], self.weights[f"{name}_{layer}_bias"]
            x = weight @ (_selu(x) if layer else x) + bias
        return x


@checked
def available(root: str | Path | None = None) -> bool:
    """Whether the surrogate's file is there; it is not read."""
    return (data_root(root) / _FILE).is_file()


@checked
def load_surrogate(root: str | Path | None = None) -> Surrogate:
    """Read the surrogate from `nasbench301/nb301_float16.npz` in `nascore.paths.data_root(root)`.

    Raises `DataError` naming the file and the remedy where it is missing, damaged or another network.
    """
    path = data_root(root) / _FILE
    if not available(root):
        raise DataError(
            f"the surrogate of NAS-Bench-301 is not there: {shown(path)} is missing. Set NASCORE_DATA to a folder that "
            f"holds {_FILE.as_posix()}"
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            if sum(member.file_size for member in held.zip.infolist()) > _MOST_BYTES:
                raise ValueError("it unpacks to more bytes than the surrogate has")
            weights = {name: held[name].astype(np.float32) for name in held.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise DataError(f"{shown(path)} is no surrogate of NAS-Bench-301 ({error}): replace it") from error
    if {name: weight.shape for name, weight in weights.items()} != _shapes():
        raise DataError(f"{shown(path)} is another network than the surrogate of NAS-Bench-301: replace it")
    return Surrogate(weights)


@cache
def _shapes() -> dict[str, tuple[int, ...]]:
    """Name -> shape of all weights."""
    tables = [(len(_CODES), 10)] * 28 + [(4, 6), (7, 10), (11, 12)] * 2
    features = sum(width for _, width in tables) + 1
    widths = {"wide": (features, 2), "deep": (features, 512, 512, 2), "deeper": (features, 256, 256, 128, 128, 2)}
    shapes: dict[str, tuple[int, ...]] = {f"embedding_{at}": shape for at, shape in enumerate(tables)}
    for name, sizes in widths.items():
        for layer, (into, out) in enumerate(pairwise(sizes)):
            shapes |= {f"{name}_{layer}_weight": (out, into), f"{name}_{layer}_bias": (out,)}
    return shapes


def _codes(genotype: Genotype) -> list[int]:
    """The 34 numbers of a genotype: its edges' operations, 14 a cell, then which two states nodes 3 to 5 read."""
    if len(genotype.normal) != 1:
        raise ConfigError(f"the surrogate knows genotypes with one normal cell, not with {len(genotype.normal)}")
    cells = list(genotype.cells().values())
    for name, cell in genotype.cells().items():
        _check(name, cell)
    edges = [code for cell in cells for code in _edges(cell)]
    return edges + [code for cell in cells for code in _pairs(cell)]


def _check(name: str, cell: Cell) -> None:
    def require(good: bool, what: str) -> None:
        if not good:
            raise ConfigError(f"the surrogate of NAS-Bench-301 knows cells of {what}; the {name} cell is another")

    require(len(cell.nodes) == _NODES, f"{_NODES} nodes")
    require(tuple(cell.concat) == tuple(range(INPUTS, INPUTS + _NODES)), "nodes that are all concatenated")
    for node in cell.nodes:
        require(len({source for _, source in node}) == len(node) == _READ, f"nodes that read {_READ} states")
        require(all(operation in operations.DARTS for operation, _ in node), "DARTS's operations")


def _edges(cell: Cell) -> list[int]:
    held = {(source, target): operation for operation, source, target in cell.edges()}
    order = [(source, target) for target in range(INPUTS, INPUTS + _NODES) for source in range(target)]
    return [_CODES.index(held.get(edge, "none")) for edge in order]


def _pairs(cell: Cell) -> list[int]:
    """For nodes 3, 4, 5 the place, from 1, of the two states they read among all pairs in lexicographic order."""
    found = []
    for target, node in enumerate(cell.nodes[1:], start=INPUTS + 1):
        first, second = sorted(source for _, source in node)
        pairs = [(one, other) for one in range(target) for other in range(one + 1, target)]
        found.append(1 + pairs.index((first, second)))
    return found


def _remark(normal: Cell) -> str:
    names = [operation for operation, *_ in normal.edges()]
    if (skips := names.count("skip_connect")) > _MOST_SKIPS:
        return f"{skips} skip connections in the normal cell are outside what the surrogate knows"
    if not any("conv" in name for name in names):
        return "a normal cell without convolutions is outside what the surrogate knows"
    return ""


def _selu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    negative = np.float32(1.6732632423543772) * np.expm1(np.minimum(x, 0))
    return np.float32(1.0507009873554805) * np.where(x > 0, x, negative)
