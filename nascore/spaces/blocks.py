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
        return connections(self.levels, len(self.candidates))

    def supernet(self, in_channels: int, classes: int) -> FastBlockSupernet:
        return FastBlockSupernet(self, in_channels, classes)

    def network(self, genotype: Any, in_channels: int, classes: int) -> FastBlockNetwork:
        return FastBlockNetwork(genotype, self.stages, self.channels, classes, in_channels, self.stem)

    def connected(self, alive: Tensor) -> Tensor:
        """`alive`, bools (connections, 1), without those that are isolated."""
        edges = self.edges()
        left = set(
            connected([edge for edge, lives in zip(edges, alive[:, 0].tolist(), strict=True) if lives], self.output)
        )
        return torch.tensor([[edge in left] for edge in edges])

    def genotype(self, chosen: Mapping[str, Sequence[Arrow]]) -> BlockGenotype:
        """See `Space`; what is isolated is left out."""
        blocks = (connected([arrow[1:] for arrow in chosen[kind]], self.output) for kind in self.cell_types())
        return BlockGenotype(self.candidates, self.levels, tuple(blocks))

    def random(self, generator: torch.Generator, kept: Sequence[int] | None = None) -> BlockGenotype:
        """Blocks of about as many connections as `kept` says (None: half of them), none of them isolated.

        Connections are added in random order, and those that are not isolated counted; of all these beginnings that
        which comes nearest is taken, the shortest of equals. Raises `ConfigError` for more connections than there are,
        or another number of blocks.
        """
        edges, kinds = self.edges(), self.cell_types()
        kept = [len(edges) // 2] * len(kinds) if kept is None else list(kept)
        if len(kept) != len(kinds) or not all(0 <= count <= len(edges) for count in kept):
            raise ConfigError(f"kept must be {len(kinds)} numbers from 0 to {len(edges)}, not {kept}")
        blocks = []
        for count in kept:
            order = [edges[at] for at in torch.randperm(len(edges), generator=generator).tolist()]
            beginnings = (connected(order[:most], self.output) for most in range(len(edges) + 1))
            blocks.append(min(beginnings, key=lambda left: abs(len(left) - count)))
        return BlockGenotype(self.candidates, self.levels, tuple(blocks))
