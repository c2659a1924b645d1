"""Budgets: what a search should be thrifty with, as factors of the penalty on each connection's scale.

DSO-NAS, section 3.4. A budget looks at what is alive in a space of blocks (`nascore.spaces.BlockSpace`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from nascore.blocks import Connection
from nascore.config import Settings

if TYPE_CHECKING:
    from nascore.spaces.blocks import BlockSpace

Masks = Mapping[str, Tensor]  # type of block -> bools (connections, 1), on the CPU


class Place(NamedTuple):
    """Where a block stands: its channels, and the pixels of its feature maps."""

    channels: int
    pixels: float


class Budget(Settings):
    """Base of the budgets, and none: all scales have the same penalty."""

    def factors(self, space: "BlockSpace", alive: Masks) -> dict[str, Tensor]:
        """Type of block -> what multiplies the penalty of each of its connections, (connections, 1), on the CPU."""
        return {kind: torch.ones(mask.shape) for kind, mask in alive.items()}


class AdaptiveFlops(Budget):
    """The multiply-adds of what a block still has, over those of the whole block (equation 9): blocks that have become
    cheap are spared.

    `count` says what is counted: multiply-adds (`true`), or operations and connections, as the authors' code does.
    """

    count: Literal["true", "authors"] = "true"

    def factors(self, space: "BlockSpace", alive: Masks) -> dict[str, Tensor]:
        found = {}
        for kind, mask in alive.items():
            now, whole = (self._cost(space, kind, edges) for edges in (_living(space, mask), space.edges()))
            found[kind] = torch.full(mask.shape, now / whole)
        return found

    def _cost(self, space: "BlockSpace", kind: str, edges: list[Connection]) -> float:
        if self.count == "true":
            return sum(block_flops(space, edges, place) for place in places(space, kind))
        width, outputs = len(space.candidates), sum(target == space.output for _, target in edges)
        later = {target for _, target in edges if width < target < space.output}
        convolutions = sum("conv" in _name(space, node) for node in later)
        if len(edges) == len(space.edges()):  # the whole block, as their code puts it
            return space.levels * width * 1.5 + 1
        return 2 + convolutions + outputs + 1


class AdaptiveMac(Budget):
    """The memory access cost of the operation that a connection leads to, over the largest there is (equation 10).

    Of a connection to the output it is that of its part of the 1x1 convolution. MAC counts what is read and written
    (Ma et al. 2018): feature maps of `image_size` pixels a side at the start, and weights.
    """

    image_size: int = 32

    def factors(self, space: "BlockSpace", alive: Masks) -> dict[str, Tensor]:
        costs = {}
        for kind in alive:
            here = places(space, kind, self.image_size)
            edge_costs = [sum(connection_mac(space, target, place) for place in here) for _, target in space.edges()]
            costs[kind] = torch.tensor(edge_costs)[:, None] / len(here)
        most = max(float(cost.max()) for cost in costs.values())
        return {kind: cost / most for kind, cost in costs.items()}


def places(space: "BlockSpace", kind: str, image_size: int = 32) -> list[Place]:
    """Where the blocks of a type stand: one, or all of them where they share it."""
    stages = [stage for stage, blocks in enumerate(space.stages) for _ in range(blocks)]
    if not space.shared:
        stages = [stages[space.cell_types().index(kind)]]
    first = image_size**2 / (16 if space.stem == "imagenet" else 1)
    return [Place(space.channels * 2**stage, first / 4**stage) for stage in stages]


def block_flops(space: "BlockSpace", edges: list[Connection], place: Place) -> float:
    """The multiply-adds of a block with these connections; pools, sums and scales are not counted."""
    channels, pixels = place
    operations = {target for _, target in edges} - {space.output}
    sizes = [int(name[-1]) for name in (_name(space, node) for node in operations) if "conv" in name]
    outputs = sum(target == space.output for _, target in edges)
    return pixels * (sum(size**2 * channels + channels**2 for size in sizes) + outputs * channels**2)


def connection_mac(space: "BlockSpace", target: int, place: Place) -> float:
    """The memory access cost of what a connection leads to: numbers read and written.

    pixels * (channels in + channels out) + weights, for each of the two convolutions of a separable one; of a pool and
    of a connection to the output the same with no weights, and with a scale for each channel.
    """
    channels, pixels = place
    maps = pixels * 2 * channels
    if target == space.output:
        return maps + channels
    name = _name(space, target)
    return 2 * maps + int(name[-1]) ** 2 * channels + channels**2 if "conv" in name else maps


def _name(space: "BlockSpace", node: int) -> str:
    return space.candidates[(node - 1) % len(space.candidates)]


def _living(space: "BlockSpace", mask: Tensor) -> list[Connection]:
    return [edge for edge, lives in zip(space.edges(), mask[:, 0].tolist(), strict=True) if lives]
