"""The supernet of blocks with less work: the same modules and the same mathematics, fewer bytes moved.

The inputs of a level's operations are weighted sums of the same activations: one product of matrices, scales by
activations, where `plain_blocks` reads and writes an activation for each connection. The scales of
connections to the output are factors of the 1x1 convolution's weights.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.base.arguments import checked
from nascore.relaxations.base import EdgeWeights
from nascore.supernets.double import in_double, pooled
from nascore.supernets.kernels import Mix, NormShiftActivation, channels_last, depthwise, follow, pointwise, rewritten
from nascore.supernets.plain_blocks import BlockSupernet, SearchBlock


class _Level(NamedTuple):
    """What is computed of a level: its nodes, and the states that any of them reads."""

    nodes: tuple[int, ...]
    sources: tuple[int, ...]


class _Plan(NamedTuple):
    """What is computed of a block: its levels, and the operations that its output reads.

    `places` says where the weights of all levels, (nodes, sources) each, and those to the output are among the scales,
    to which a zero is appended for connections that are not computed. `begun` are the operations of the first level
    that read the input as it is.
    """

    begun: tuple[int, ...]
    levels: tuple[_Level, ...]
    outputs: tuple[int, ...]
    places: Tensor


class FastSearchBlock(SearchBlock):
    """`SearchBlock`, computed level by level; see the module. On CPUs its activations are channels-last."""

    _planned: tuple[tuple[bool, ...], torch.device, _Plan] | None = None

    def forward(self, x: Tensor, weights: EdgeWeights) -> Tensor:
        assert weights.active is not None  # `Architecture` fills it in
        plan = self._plan(tuple(weights.active[:, 0].tolist()), x.device)
        states = {0: channels_last(x)}
        states |= {node: _operation(self.operations[node - 1], states[0]) for node in plan.begun}
        *mixtures, last = self._weights(plan, weights.values[:, 0])
        for (nodes, sources), mixture in zip(plan.levels, mixtures, strict=True):
            inputs = Mix.apply(mixture, *(states[source] for source in sources))
            states |= {node: _operation(self.operations[node - 1], x) for node, x in zip(nodes, inputs, strict=True)}
        past = states[0] if self.around is None else _operation(self.around, states[0])
        if not plan.outputs:
            return past
        columns = [scale * self._columns(node) for node, scale in zip(plan.outputs, last.unbind(), strict=True)]
        read = torch.cat([states[node] for node in plan.outputs], dim=1)
        return _shifted(self.norm, pointwise(read, torch.cat(columns, dim=1))) + past

    def _weights(self, plan: _Plan, scales: Tensor) -> list[Tensor]:
        """The scales as matrices, one for each level, and those of the connections to the output."""
        found = F.pad(scales, (0, 1)).gather(0, plan.places)
        *parts, last = found.split([*(len(nodes) * len(sources) for nodes, sources in plan.levels), len(plan.outputs)])
        return [*(part.view(len(nodes), -1) for part, (nodes, _) in zip(parts, plan.levels, strict=True)), last]

    def _plan(self, active: tuple[bool, ...], device: torch.device) -> _Plan:
        """The plan for these connections; kept until they change, so that no step waits for its numbers."""
        if self._planned is None or self._planned[:2] != (active, device):
            self._planned = (active, device, self._planned_anew(active, device))
        return self._planned[2]

    def _planned_anew(self, active: tuple[bool, ...], device: torch.device) -> _Plan:
        at = {edge: place for place, (edge, lives) in enumerate(zip(self.edges, active, strict=True)) if lives}
        begun = tuple(self._read_as_is({source for source, _ in at}))
        levels, places, reached = [], [], {0, *begun}
        for first in range(1, self.output_node, self.width):
            reads = {node: [s for s in reached if (s, node) in at] for node in range(first, first + self.width)}
            nodes = tuple(node for node in reads if reads[node])
            if nodes:
                sources = tuple(sorted(set().union(*(reads[node] for node in nodes))))
                levels.append(_Level(nodes, sources))
                places += [at.get((source, node), len(self.edges)) for node in nodes for source in sources]
                reached |= set(nodes)
        outputs = tuple(node for node in sorted(reached) if (node, self.output_node) in at)
        places += [at[node, self.output_node] for node in outputs]
        return _Plan(begun, tuple(levels), outputs, torch.tensor(places, device=device))


@checked
class FastBlockSupernet(BlockSupernet):
    """`BlockSupernet` of fast blocks."""

    block = FastSearchBlock

    def through(self, module: nn.Module, x: Tensor) -> Tensor:
        """As in the plain form, but for the stem's pool: its gradient must not depend on how a CPU rounds, either."""
        x = x.contiguous()
        for layer in module if isinstance(module, nn.Sequential) else [module]:
            x = pooled(layer, x)
        return x


def _operation(module: Any, x: Tensor) -> Tensor:
    """A Sequential of layers, a `ShiftNorm` and a ReLU."""
    *layers, norm, _ = module
    for layer in layers:
        x = _convolved(layer, x) if isinstance(layer, nn.Conv2d) else pooled(layer, x)
    return _shifted(norm, x)


def _convolved(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """What a block's depthwise or pointwise convolution gives."""
    if layer.kernel_size == (1, 1):
        return pointwise(x, layer.weight)
    return depthwise(x, layer.weight) if in_double(x) or layer.kernel_size == (5, 5) else layer(x)


def _shifted(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """The norm of x, and the ReLU after it."""
    if norm.affine or not rewritten(x, norm):
        return F.relu(norm(x))
    y, mean, variance = NormShiftActivation.apply(x, norm.bias, norm.eps)
    follow(norm, mean, variance)
    return y
