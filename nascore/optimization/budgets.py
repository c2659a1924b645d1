"""Budgets: what a search should be thrifty with, as factors of the penalty on each connection's scale.

DSO-NAS, section 3.4. A budget looks at what is left in a space of blocks (`nascore.spaces.BlockSpace`) at an iteration:
the connections whose scale is not 0. Costs are those of the images that are searched on.
"""

import statistics
import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from nascore.base.answers import Answer, Answers
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Pixels, Positive
from nascore.networks import operations
from nascore.networks.blocks import BlockGenotype, Connection
from nascore.records.environment import find_device
from nascore.spaces.blocks import BlockSpace

Masks = Mapping[str, Tensor]  # type of block -> bools (connections, 1), on the CPU


class Place(NamedTuple):
    """Where a block stands: its stage (from 0), its channels, and the pixels of its feature maps."""

    stage: int
    channels: int
    pixels: int


class Budget(Answer):
    """Base of the budgets, and none: all scales have the same penalty."""

    def factors(self, space: BlockSpace, left: Masks, image_size: int | None) -> dict[str, Tensor]:
        """Type of block -> what multiplies the penalty of each of its connections, (connections, 1), on the CPU.

        `left` says which have a scale other than 0; `image_size` is the side of the images, in pixels.
        """
        return {kind: torch.ones(mask.shape, dtype=torch.float64) for kind, mask in left.items()}


class BudgetOfBlocks(Budget):
    """Base of the budgets that know the costs of a `BlockSpace` alone."""

    def objection(self, search: Answers) -> str | None:
        if isinstance(search.space, BlockSpace):
            return None
        return f"{type(self).__name__} knows the costs of a BlockSpace alone: take Budget(), or search blocks"


class AdaptiveFlops(BudgetOfBlocks):
    """The multiply-adds of what a block still has, over those of the whole block (equation 9): blocks that have become
    cheap are spared.

    `count` says what is counted: multiply-adds (`true`), or operations and connections, as the authors' code does.
    """

    count: Literal["true", "authors"] = "true"

    def factors(self, space: BlockSpace, left: Masks, image_size: int | None) -> dict[str, Tensor]:
        found = {}
        for kind, mask in left.items():
            if self.count == "true":
                here = places(space, kind, _known(image_size))
                now, whole = (sum(block_flops(space, some, at) for at in here) for some in _kept_and_all(space, mask))
            else:
                now, whole = _counted(space, mask), _counted(space, torch.ones_like(mask, dtype=torch.bool))
            found[kind] = torch.full(mask.shape, now / whole, dtype=torch.float64)
        return found


def _kept_and_all(space: BlockSpace, left: Tensor) -> tuple[list[Connection], list[Connection]]:
    return space.connections(space.connected(left)), space.connections(torch.ones_like(left, dtype=torch.bool))


def _counted(space: BlockSpace, left: Tensor) -> float:
    """As the authors' code counts: convolutions, all of the first level's among them, connections to the output, 1."""
    kept = [edge for edge, lives in zip(space.edges(), left[:, 0].tolist(), strict=True) if lives]
    convolutions = {node for node in range(1, space.output) if "conv" in _name(space, node)}
    first = {node for node in convolutions if node <= len(space.candidates)}
    read = first | {target for _, target in kept if target in convolutions}
    return len(read) + sum(target == space.output for _, target in kept) + 1


def _known(image_size: int | None) -> int:
    """The side of the images, or a `ConfigError` where nobody has said it."""
    if image_size is None:
        raise ConfigError("what blocks cost depends on the images: give image_size, the pixels of their side")
    return image_size


class CostOfConnections(BudgetOfBlocks):
    """Base of the budgets that know what each connection costs: its cost over the largest there is (equation 10).

    What a connection costs is what it leads to: an operation, or its part of the 1x1 convolution at the output. Of
    blocks that share their scales it is the mean.
    """

    @abstractmethod
    def cost(self, space: BlockSpace, target: int, place: Place) -> float:
        """Of a connection to the node `target`, in any unit."""
        raise NotImplementedError

    def factors(self, space: BlockSpace, left: Masks, image_size: int | None) -> dict[str, Tensor]:
        costs = {}
        for kind in left:
            here = places(space, kind, _known(image_size))
            of_edges = [sum(self.cost(space, target, place) for place in here) for _, target in space.edges()]
            costs[kind] = torch.tensor(of_edges, dtype=torch.float64)[:, None] / len(here)
        most = max(float(cost.max()) for cost in costs.values())
        return {kind: cost / most for kind, cost in costs.items()}


class AdaptiveMac(CostOfConnections):
    """The memory access cost (Ma et al. 2018): numbers that are read and written, feature maps and weights."""

    def cost(self, space: BlockSpace, target: int, place: Place) -> float:
        return connection_mac(space, target, place)


class Latency(CostOfConnections):
    """Measured seconds: not in the paper, whose section 4.4.1 leaves other budgets to further study, but in the
    authors' public code, which weighs the penalties of ImageNet's connections by latency.

    `seconds` has for each stage those of each candidate, and then those of a connection to the output. They are
    measured once, by `measured_latency`, and are part of the settings from then on: so a search stays reproducible.
    `image_size` is that of the images they were measured at, which must be those that are searched on.
    """

    seconds: tuple[tuple[Positive, ...], ...]
    image_size: Pixels

    def factors(self, space: BlockSpace, left: Masks, image_size: int | None) -> dict[str, Tensor]:
        if _known(image_size) != self.image_size:
            raise ConfigError(
                f"Latency.seconds were measured at images of {self.image_size} pixels and these have {image_size}: "
                f"measure them anew with measured_latency(space, image_size={image_size})"
            )
        return super().factors(space, left, image_size)

    def cost(self, space: BlockSpace, target: int, place: Place) -> float:
        width, of_stage = len(space.candidates), self.seconds[place.stage : place.stage + 1]
        if len(self.seconds) != len(space.stages) or any(len(times) != width + 1 for times in of_stage):
            raise ConfigError(
                f"Latency.seconds must have {width + 1} numbers for each of {len(space.stages)} stages: measure them "
                "anew with measured_latency(space, image_size=...)"
            )
        return of_stage[0][width if target == space.output else (target - 1) % width]


@checked
def measured_latency(
    space: BlockSpace,
    *,
    device: str | torch.device = "cpu",
    batch_size: Amount = 64,
    image_size: Pixels,
    repeats: Amount = 11,
) -> Latency:
    """What a forward and backward pass of each operation of a space takes on a device, for a batch of images.

    The median of `repeats`, after two that do not count.
    """
    seconds, device = [], find_device(str(device))
    for place in {
        place.stage: place for kind in space.cell_types() for place in places(space, kind, image_size)
    }.values():
        side = round(place.pixels**0.5)
        x = torch.randn(batch_size, place.channels, side, side, device=device, requires_grad=True)
        layers: list[nn.Module] = [
            operations.build_post_norm(name, place.channels, nn.BatchNorm2d) for name in space.candidates
        ]
        layers.append(nn.Conv2d(place.channels, place.channels, 1, bias=False))
        seconds.append(tuple(_median_time(layer.to(device), x, repeats) for layer in layers))
    return Latency(seconds=tuple(seconds), image_size=image_size)


def _median_time(layer: nn.Module, x: Tensor, repeats: int) -> float:
    wait = torch.cuda.synchronize if x.device.type == "cuda" else lambda: None
    times = []
    for _ in range(repeats + 2):
        wait()
        began = time.perf_counter()
        layer(x).sum().backward()
        wait()
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])


@checked
def places(space: BlockSpace, kind: str, image_size: Pixels) -> list[Place]:
    """Where the blocks of a type stand, for images of so many pixels a side: one, or all where they share it."""
    stages = [stage for stage, blocks in enumerate(space.stages) for _ in range(blocks)]
    if not space.shared:
        stages = [stages[space.cell_types().index(kind)]]
    halved = 2 if space.stem == "imagenet" else 0  # how often before the first stage
    sides = [-(-image_size // 2 ** (halved + stage)) for stage in range(len(space.stages))]  # each time rounded up
    return [Place(stage, space.channels * 2**stage, sides[stage] ** 2) for stage in stages]


@checked
def block_flops(space: BlockSpace, edges: list[Connection], place: Place) -> float:
    """The multiply-adds of a block with these connections; pools, sums and scales are not counted."""
    _, channels, pixels = place
    nodes = {target for _, target in edges} - {space.output}
    sizes = [int(name[-1]) for name in (_name(space, node) for node in nodes) if "conv" in name]
    outputs = sum(target == space.output for _, target in edges)
    return pixels * (sum(size**2 * channels + channels**2 for size in sizes) + outputs * channels**2)


@checked
def block_shares(space: BlockSpace, genotype: BlockGenotype, image_size: Pixels) -> list[float]:
    """Each block's part of the multiply-adds of all blocks, in percent (DSO-NAS, Figure 5(a)); of a space in which each
    has its own scales, for images of `image_size` pixels a side.

    Raises `ConfigError` for blocks of another space.
    """
    kinds = _own_blocks(space, genotype)
    flops = [block_flops(space, list(kept), places(space, kind, image_size)[0]) for kind, kept in kinds]
    return [100 * value / max(sum(flops), 1) for value in flops]


@checked
def cost_of_blocks(space: BlockSpace, genotype: BlockGenotype, budget: CostOfConnections, image_size: Pixels) -> float:
    """What all operations that are left, and all their connections to the output, cost, in the unit of `budget`, for
    images of `image_size` pixels a side.

    Raises as `block_shares` does.
    """
    total = 0.0
    for kind, kept in _own_blocks(space, genotype):
        (place,) = places(space, kind, image_size)
        targets = sorted({target for _, target in kept if target != space.output})
        targets += [space.output for _, target in kept if target == space.output]
        total += sum(budget.cost(space, target, place) for target in targets)
    return total


@checked
def connection_mac(space: BlockSpace, target: int, place: Place) -> float:
    """The memory access cost of what a connection leads to: numbers read and written.

    pixels * (channels in + channels out) + weights, for each of the two convolutions of a separable one; of a pool and
    of a connection to the output the same with no weights, and with a scale for each channel.
    """
    _, channels, pixels = place
    maps = pixels * 2 * channels
    if target == space.output:
        return maps + channels
    name = _name(space, target)
    return 2 * maps + int(name[-1]) ** 2 * channels + channels**2 if "conv" in name else maps


def _own_blocks(space: BlockSpace, genotype: BlockGenotype) -> list[tuple[str, tuple[Connection, ...]]]:
    same = (genotype.candidates, genotype.levels) == (space.candidates, space.levels)
    if space.shared or not same or len(genotype.blocks) != len(space.cell_types()):
        raise ConfigError("costs are told block by block: the space must be that of the search, with shared=False")
    return list(zip(space.cell_types(), genotype.blocks, strict=True))


def _name(space: BlockSpace, node: int) -> str:
    return space.candidates[(node - 1) % len(space.candidates)]
