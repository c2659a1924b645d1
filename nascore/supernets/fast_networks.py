"""Networks that are trained from scratch, with less work: the same modules and the same mathematics, fewer bytes moved.

What `networks` does operation by operation is done here state by state, see `layers`. Parameters, buffers and their
names are those of the plain form, so that either takes the other's weights. On GPUs what reads a state shares its ReLU,
and all else is as in the plain form. On CPUs activations are channels-last; cells and blocks that are given others
compute them as the plain form does, and so does a whole network where its activations are too small to gain, but
for double precision.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.networks.benchmark_cells import EDGES, OUTPUT
from nascore.networks.benchmark_network import BenchmarkNetwork, DerivedBenchmarkCell
from nascore.networks.block_network import BlockNetwork, DerivedBlock
from nascore.networks.block_stack import BlockStack
from nascore.networks.cell_network import BuiltCell, CellNetwork, DerivedCell
from nascore.networks.cell_stack import CifarStem
from nascore.networks.cells import Cell
from nascore.networks.residual_stack import ResidualStack
from nascore.supernets import double
from nascore.supernets.affine import Statistics
from nascore.supernets.kernels import channels_last
from nascore.supernets.layers import Found, Read, computed

Drop = Callable[[Tensor], Tensor] | None

_LEAST = 2**14  # values of a cell's activation from which on training gains on a CPU


class FastDerivedCell(DerivedCell):
    """`DerivedCell`, computed state by state; see the module."""

    def forward(self, input0: Tensor, input1: Tensor, drop: Drop = None) -> Tensor:
        inputs = {at: x for at, x in enumerate((input0, input1)) if x is not None}
        if not all(map(_is_fast, inputs.values())):
            return super().forward(input0, input1, drop)
        states = states_of(self, inputs, lambda found, operation: _dropped(found, operation, drop))
        return torch.cat([states[node] for node in self.cell.concat], dim=1)


def states_of(
    cell: BuiltCell,
    inputs: Mapping[int, Tensor],
    each: Callable[[Found, nn.Module], Found] = lambda found, _: found,
    left: Cell | None = None,
    masks: Sequence[Tensor] | None = None,
) -> dict[int, Tensor]:
    """A cell's inputs and its nodes: the fast way where the inputs are channels-last, or on a GPU.

    `each` is what becomes of an operation's output; of the edges those that `left` has, too, are computed; and each
    node is multiplied by its mask before anything reads it.
    """
    fast, statistics = all(map(_is_fast, inputs.values())), Statistics()
    states = {at: Read(channels_last(x) if fast else x, statistics) for at, x in inputs.items()}
    layers, kept = iter(cell.operations), cell.cell if left is None else left
    for place, ((node, edges), (_, here)) in enumerate(zip(cell.cell.numbered(), kept.numbered(), strict=True)):
        terms = []
        for edge, operation in [(edge, next(layers)) for edge in edges]:
            if edge in here:
                read = states[edge[1]]
                terms.append(each(computed(operation, read) if fast else Found(operation(read.x), False), operation))
        if terms:
            found = _summed(terms)
            states[node] = Read(found if masks is None else found * masks[place], statistics)
    statistics.follow()
    return {node: state.x for node, state in states.items()}


@checked
class FastCellNetwork(CellNetwork):
    """`CellNetwork`, computed state by state; see the module."""

    cell: type[BuiltCell] = FastDerivedCell

    def outputs(self, x: Tensor, call: Callable[..., Tensor]) -> Iterator[Tensor | None]:
        statistics = Statistics()
        if not _gains(self, x, self.stem.outputs // (1 if self.stem.reduces_last else 3), self.stem.halvings):
            yield from super().outputs(x.contiguous(), call)
            return
        before_last: Read | None
        last: Read | None
        before_last, last = self._begun(channels_last(x), statistics)
        for position, align in enumerate(self.preprocess):
            inputs = _aligned(align, "before_last", before_last), _aligned(align, "last", last)
            statistics.follow()
            output = call(position, *inputs) if any(self.reads[position]) else None
            before_last, last = last, None if output is None else Read(channels_last(output), statistics)
            yield output

    def _begun(self, x: Tensor, statistics: Statistics) -> tuple[Read, Read]:
        """What the first cell reads."""
        if isinstance(self.stem, CifarStem):
            last = _through(self.stem.layers, Read(x, statistics))
            return last, last
        before_last = _through(self.stem.stem0, Read(x, statistics))
        return before_last, _through(self.stem.stem1, before_last)


class FastDerivedBenchmarkCell(DerivedBenchmarkCell):
    """`DerivedBenchmarkCell`, computed state by state; see the module."""

    def forward(self, x: Tensor) -> Tensor:
        if not _is_fast(x):
            return super().forward(x)
        statistics = Statistics()
        states, layers = [Read(channels_last(x), statistics)], list(zip(self.operations, EDGES, strict=True))
        for node in range(1, OUTPUT + 1):
            terms = [computed(operation, states[source]) for operation, (source, target) in layers if target == node]
            states.append(Read(_summed(terms), statistics))
        statistics.follow()
        return states[OUTPUT].x


@checked
class FastBenchmarkNetwork(BenchmarkNetwork):
    """`BenchmarkNetwork`, computed state by state; see the module."""

    cell = FastDerivedBenchmarkCell

    def through(self, module: nn.Module, x: Tensor) -> Tensor:
        return _around(self, module, x, super().through)


class FastDerivedBlock(DerivedBlock):
    """`DerivedBlock`, its operations computed by `layers`."""

    def forward(self, x: Tensor, drop: Drop = None) -> Tensor:
        if not self.reduce or not _is_fast(x):
            return super().forward(x, drop)
        statistics, states = Statistics(), {0: channels_last(x)}
        for node, operation in zip(self.block.operations(), self.operations, strict=True):
            read = _summed([Found(states[source], False) for source in self.reads[node]])
            states[node] = _dropped(computed(operation, Read(read, statistics)), operation, drop).x
        read = torch.cat([states[source] for source in self.reads[self.block.output]], dim=1)
        output = computed(self.reduce, Read(read, statistics)).x + states[0]
        statistics.follow()
        return output


@checked
class FastBlockNetwork(BlockNetwork):
    """`BlockNetwork` of fast blocks; see the module."""

    block = FastDerivedBlock

    def through(self, module: nn.Module, x: Tensor) -> Tensor:
        return _around(self, module, x, super().through)


def _around(
    stack: ResidualStack | BlockStack, module: nn.Module, x: Tensor, plain: Callable[[nn.Module, Tensor], Tensor]
) -> Tensor:
    """What is around a stack's cells or blocks; the stem, which is first, sets the layout for all."""
    if module is stack.stem:
        if not _gains(stack, x, stack.widths[0]):
            return plain(module, x.contiguous()).contiguous()
    elif not _is_fast(x):
        return plain(module, x)
    statistics = Statistics()
    found = computed(module, Read(channels_last(x), statistics)).x
    statistics.follow()
    return channels_last(found)


def _gains(network: nn.Module, images: Tensor, width: int, halvings: int = 0) -> bool:
    """Whether the fast form is the faster one, for activations of `width` channels whose sides are halved so often."""
    values = len(images) * width * images.shape[2] * images.shape[3] // 4**halvings
    anyway = images.device.type != "cpu" or not network.training or double.in_double(images)
    return anyway or values >= _LEAST


def _is_fast(x: Tensor) -> bool:
    return x.device.type != "cpu" or x.is_contiguous(memory_format=torch.channels_last)


def _dropped(found: Found, operation: nn.Module, drop: Drop) -> Found:
    return found if drop is None or isinstance(operation, nn.Identity) else Found(drop(found.x), True)


def _summed(terms: Sequence[Found]) -> Tensor:
    """The sum, in place where one of the terms may be changed."""
    (total, own), *others = terms
    for x, free in others:
        if own:
            total.add_(x)
        else:
            total, own = (x.add_(total) if free else total + x), True
    return total


def _through(module: nn.Module, state: Read) -> Read:
    return Read(channels_last(computed(module, state).x), state.statistics)


def _aligned(preprocess: nn.Module, which: str, state: Read | None) -> Tensor | None:
    module: Any = getattr(preprocess, which)
    return None if module is None or state is None else computed(module, state).x
