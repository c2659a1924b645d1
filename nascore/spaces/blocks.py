"""The space of DSO-NAS: fully connected blocks, in which every connection has a scale (Zhang et al. 2018, 3.2).

What is searched are connections, so the architecture parameters of a block have a row for each connection and a single
column: they are the scales themselves. Unlike weights of a mixture they are free, and none is chosen against another.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from nascore.base.errors import ConfigError
from nascore.base.ranges import Channels, Range, Stages
from nascore.networks.blocks import SCALE, BlockGenotype, Connection, block_types, connected, connections
from nascore.networks.genotypes import Arrow
from nascore.spaces.base import Space
from nascore.supernets.fast_blocks import FastBlockSupernet
from nascore.supernets.fast_networks import FastBlockNetwork

CANDIDATES = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")


class BlockSpace(Space):
    """Blocks of `levels` levels of the `candidates`: each reads the block's input and all of the levels before it.

    `stages` says how many blocks each stage has. With `shared`, all blocks have the same scales (DSO-NAS-share), else
    each has its own (DSO-NAS-full).

    The authors' code differs from the paper in what follows `stem`. Its operations of the first level read the block's
    input as it is: their scales are "fixed" at 1, and are neither learned nor pruned, which leaves 124 of 128. Its
    supernet has a 1x1 convolution around each stage's first block (`shortcuts`), a BN and a ReLU before the classifier
    (`last_norm`), two scales in each reduction, which are learned and penalised as the others (`reduction_scales`), and
    BatchNorm with scales of its own (`norm_scales`), which section 4.1 fixes at 1.
    """

    if TYPE_CHECKING:  # a checker knows no field that a subclass makes one for the class
        operations: tuple[str, ...] = (SCALE,)
    else:
        operations: ClassVar[tuple[str, ...]] = (SCALE,)

    candidates: tuple[str, ...] = CANDIDATES
    levels: Annotated[int, Range(1, 32)] = 4
    stages: Stages = (8, 8, 8)
    channels: Channels = 48
    shared: bool = True
    stem: Literal["cifar", "imagenet"] = "cifar"
    first_level: Literal["scaled", "fixed"] = "scaled"
    shortcuts: bool = False
    last_norm: bool = False
    reduction_scales: bool = False
    norm_scales: bool = False

    def validate(self) -> None:
        chosen = set(self.candidates)
        distinct = bool(chosen) and chosen <= set(CANDIDATES) and len(chosen) == len(self.candidates)
        self.require(distinct, "candidates", f"different names out of {', '.join(CANDIDATES)}")
        wide_enough = self.channels > 1 or self.stem != "imagenet"  # whose first convolution has half as many
        self.require(wide_enough, "channels", "at least 2 with the stem 'imagenet'")

    @property
    def output(self) -> int:
        """The number of a block's output node."""
        return self.levels * len(self.candidates) + 1

    def cell_types(self) -> tuple[str, ...]:
        return block_types(1 if self.shared else sum(self.stages))

    def edges(self) -> list[Connection]:
        """The connections that have a scale."""
        every = connections(self.levels, len(self.candidates))
        return [edge for edge in every if edge not in self._fixed()]

    def _fixed(self) -> list[Connection]:
        """The connections whose scale is 1 for good."""
        first = range(1, len(self.candidates) + 1)
        return [(0, node) for node in first] if self.first_level == "fixed" else []

    def supernet(self, in_channels: int, classes: int) -> FastBlockSupernet:
        return FastBlockSupernet(self, in_channels, classes)

    def connections(self, alive: Tensor) -> list[Connection]:
        """The connections that there are where `alive`, bools (connections, 1), are: those and, to the operations that
        they read, the fixed ones.
        """
        living = [edge for edge, lives in zip(self.edges(), alive[:, 0].tolist(), strict=True) if lives]
        read = {source for source, _ in living}
        return [*(edge for edge in self._fixed() if edge[1] in read), *living]

    def network(self, genotype: Any, in_channels: int, classes: int) -> FastBlockNetwork:
        """The network of found blocks, as the supernet is around them, but for scales, which a network has none of."""
        sizes = self.stages, self.channels, classes, in_channels, self.stem
        return FastBlockNetwork(genotype, *sizes, shortcuts=self.shortcuts, last_norm=self.last_norm)

    def connected(self, alive: Tensor) -> Tensor:
        """`alive`, bools (connections, 1), without those that are isolated."""
        left = set(connected(self.connections(alive), self.output))
        return torch.tensor([[edge in left] for edge in self.edges()])

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> BlockGenotype:
        """See `Space`; what is isolated is left out, and so are fixed connections to what nothing reads."""
        fixed = self._fixed()
        blocks = (
            connected([*fixed, *(arrow[1:] for arrow in chosen[kind])], self.output) for kind in self.cell_types()
        )
        return BlockGenotype(self.candidates, self.levels, tuple(blocks))

    def random(self, generator: torch.Generator, kept: Sequence[int] | None = None) -> BlockGenotype:
        """Blocks of about as many connections as `kept` says (None: half of them), none of them isolated.

        Connections are added in random order, and those that are not isolated counted; of all these beginnings that
        which comes nearest is taken, the shortest of equals. Raises `ConfigError` for more connections than there are,
        or another number of blocks.
        """
        edges, fixed, kinds = self.edges(), self._fixed(), self.cell_types()
        most = len(edges) + len(fixed)
        kept = [most // 2] * len(kinds) if kept is None else list(kept)
        if len(kept) != len(kinds) or not all(0 <= count <= most for count in kept):
            raise ConfigError(f"kept must be {len(kinds)} numbers from 0 to {most}, not {kept}")
        blocks = []
        for count in kept:
            order = [edges[at] for at in torch.randperm(len(edges), generator=generator).tolist()]
            beginnings = (connected([*fixed, *order[:end]], self.output) for end in range(len(edges) + 1))
            blocks.append(min(beginnings, key=lambda left: abs(len(left) - count)))
        return BlockGenotype(self.candidates, self.levels, tuple(blocks))
