"""Space, the first choice: what every search space offers to the search, whatever it is made of."""

import inspect
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nascore.base.answers import Answer
from nascore.base.config import choose
from nascore.base.display import Displayed, settings_items, table_html, title_html
from nascore.base.errors import ConfigError
from nascore.networks.genotypes import AnyGenotype, Arrow
from nascore.relaxations.architecture import Architecture
from nascore.relaxations.base import Relaxation

Masks = Mapping[str, Tensor]  # cell type -> bools (edges, operations), on the CPU: what is alive
Strengths = Mapping[str, Tensor]  # cell type -> (edges, operations), on the CPU, 0 where not alive


class Space(Displayed, Answer):
    """Base of the spaces.

    A supernet is a module called as `supernet(images, weights)`, where `weights` maps each cell type to its
    `EdgeWeights`; it returns logits (N, classes), and its parameters are the shared weights alone.
    """

    operations: tuple[str, ...]

    parallel: ClassVar[bool] = False  # whether a genotype may have several operations on one edge
    knows_costs: ClassVar[bool] = False  # whether `costs` says what operations cost

    def check_operations(self, known: Iterable[str]) -> None:
        """Raise `ConfigError` unless the operations are different ones out of `known`, and more than `none`."""
        chosen = set(self.operations)
        for name in self.operations:
            choose(f"operation of a {type(self).__name__}", name, dict.fromkeys(known), see=_SEE)
        self.require(bool(chosen) and len(chosen) == len(self.operations), "operations", "one or more different names")
        self.require(chosen != {"none"}, "operations", "more than `none`")

    @abstractmethod
    def cell_types(self) -> tuple[str, ...]:
        """The names of the cell types, each with architecture parameters of its own."""
        raise NotImplementedError

    @abstractmethod
    def edges(self) -> list[tuple[int, int]]:
        """The (source, target) node pairs of a cell, in the order of the architecture parameters' rows."""
        raise NotImplementedError

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Cell type -> (edges, operations): the shape of its architecture parameters."""
        return dict.fromkeys(self.cell_types(), (len(self.edges()), len(self.operations)))

    def architecture(
        self, relaxation: Relaxation, generator: torch.Generator, std: float = 1e-3, mean: float = 0.0
    ) -> Architecture:
        """Fresh architecture parameters of this space, see `Architecture`."""
        return Architecture(relaxation, self.cell_types(), self.edges(), self.operations, generator, std, mean)

    def costs(self, image: tuple[int, int, int]) -> dict[str, Tensor]:
        """Cell type -> multiply-adds, (edges, operations), of each operation on each edge over all cells of the type,
        for one image (channels, height, width). Raises `ConfigError` in spaces that do not know.
        """
        raise ConfigError(f"a {type(self).__name__} does not say what its operations cost")

    def connected(self, alive: Tensor) -> Tensor:
        """`alive`, bools (edges, operations) of a cell, without what is isolated; all of it where derivation sees to
        that.
        """
        return alive

    @abstractmethod
    def supernet(self, in_channels: int, classes: int) -> nn.Module:
        """The network whose weights all architectures share, freshly initialised from torch's generator."""
        raise NotImplementedError

    def network(self, genotype: AnyGenotype, in_channels: int, classes: int) -> nn.Module:
        """The network that a genotype of this space describes, as large as the supernet, freshly initialised.

        Raises `ConfigError` in spaces that do not say.
        """
        raise ConfigError(f"a {type(self).__name__} does not say which network a genotype of its describes")

    @abstractmethod
    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> AnyGenotype:
        """The architecture whose cells, by type, have these operations on these edges, ordered by target."""
        raise NotImplementedError

    def random(self, generator: torch.Generator) -> AnyGenotype:
        """A genotype drawn uniformly from those that the space's usual derivation can give."""
        raise NotImplementedError

    def _html(self) -> str:
        name, about = type(self).__name__, inspect.getdoc(type(self)) or ""
        summary = "" if about.startswith(f"{name}(") else about.partition("\n\n")[0]  # a dataclass without one
        return title_html(name, summary) + table_html(self._shown())

    def _shown(self) -> Iterator[tuple[str, Any]]:
        """Fields, then what the space is made of, as far as it says so."""
        yield from ((name, value) for name, value in settings_items(self) if name != "operations")
        made: dict[str, Callable[[], Any]] = {
            "operations": lambda: self.operations,
            "cell types": self.cell_types,
            "edges of a cell": lambda: _arrows(self.edges()),
            "architectures": lambda: _architectures(self.shapes().values()),
        }
        for name, of in made.items():
            try:
                yield name, of()
            except (AttributeError, NotImplementedError):  # a space that is being written
                continue


_SEE = "`nascore.networks.operations.OPERATIONS` has all"


def _architectures(shapes: Iterable[tuple[int, int]]) -> str:
    """How many there are, whatever may be derived of them: an operation an edge, or each connection kept or not."""
    shapes = list(shapes)
    count = math.prod(max(2, operations) ** edges for edges, operations in shapes)
    shown = f"{count:,}" if count < 1_000_000 else f"about 10^{math.log10(count):.0f}"
    alone = all(operations == 1 for _, operations in shapes)
    return f"{shown}: {'each connection kept or not' if alone else 'one operation on each edge'}"


def _arrows(edges: Sequence[tuple[int, int]], most: int = 20) -> str:
    """How many edges there are, and the first of them."""
    first = ", ".join(f"{source}→{target}" for source, target in edges[:most])
    return f"{len(edges)}: {first}{', ...' if len(edges) > most else ''}"
