"""The supernets with less work: the same modules and the same mathematics, fewer bytes moved.

What `plain_cells` does edge by edge is done here once for all edges that share it. For each state (a cell's
input or a later node) there is one ReLU, one pooling with its normalisation, one rearrangement for dilated
convolutions; the architecture weight is the scale of an operation's last BatchNorm; `none` is not computed. Parameters,
buffers and their names are those of the plain form, so that either takes the other's weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.networks.operations import FactorizedReduce
from nascore.relaxations.base import EdgeWeights
from nascore.supernets.kernels import (
    AddScaled,
    ConvolutionNorm,
    ConvolutionNormDepthwise,
    Depthwise,
    Norm,
    channels_last,
    follow,
    in_kernels,
    rewritten,
)
from nascore.supernets.plain_cells import BenchmarkSupernet, CellSupernet, SearchCell

_POOLS = ("max_pool_3x3", "avg_pool_3x3")


class FastSearchCell(SearchCell):
    """`SearchCell`, computed state by state; see the module. On CPUs its activations are channels-last."""

    def forward(self, inputs: Sequence[Tensor], weights: EdgeWeights) -> Tensor:
        states, edge = [_State(channels_last(x)) for x in inputs], 0
        # a row for each operation of each edge, its weight once for each channel: the scale that a BatchNorm takes
        channels, count = inputs[0].shape[1], weights.values.numel()
        scales = weights.values.reshape(count, 1).expand(count, channels).contiguous().unbind()
        active = weights.active.tolist()
        for node in range(self.inputs, self.inputs + self.nodes):
            total = _Sum()
            for source in range(node):
                chosen = self._chosen(edge, active[edge], scales)
                self._add_edge(total, states[source], self.stride if source < self.inputs else 1, chosen)
                edge += 1
            states.append(_State(total.value() if total else self.nothing(inputs)))
        return self.output([state.x for state in states])

    def _chosen(
        self, edge: int, active: list[bool], scales: tuple[Tensor, ...]
    ) -> Iterator[tuple[str, nn.Module, Tensor]]:
        """(name, module, scale) of the operations of an edge that are computed."""
        for at, (name, module) in enumerate(zip(self.operations, self.edges[edge].candidates, strict=True)):
            if active[at] and name != "none":
                yield name, module, scales[edge * len(self.operations) + at]

    @staticmethod
    def _add_edge(total: "_Sum", state: "_State", stride: int, chosen: Iterator[tuple[str, nn.Module, Tensor]]) -> None:
        for name, module, scale in chosen:
            if name == "skip_connect" and stride == 1:
                total.add_scaled(module(state.x), scale)
            elif name == "skip_connect":
                total.add(_reduced(module, state, scale))
            elif name in _POOLS:
                state.add_pooled(total, name, module, scale)
            elif name.startswith("nor_conv") and stride == 1:
                _, convolution, norm = module
                total.add(_convolution(convolution.weight, norm, state.relu, scale))
            elif name.startswith(("sep_conv", "deep_sep_conv")):
                total.add(_separable(_blocks(module), state.relu, scale, module[1].stride))
            elif name.startswith(("dil_conv", "dil_sep_conv")) and stride == 2:
                total.add(_separable(_blocks(module), state.quarter(0), scale))
            elif name.startswith(("dil_conv", "dil_dil_conv")) and stride == 1 and state.even:
                total.add_in_phases(_separable(_blocks(module), state.phases, scale))
            elif name.startswith("dil_sep_conv") and state.even:
                total.add(_dilated_separable(_blocks(module), state.phases, scale))
            else:  # an operation without anything to share, or a dilated one whose size cannot be halved
                total.add_scaled(module(state.x), scale)


class FastCellSupernet(CellSupernet):
    """`CellSupernet`, computed state by state; see the module."""

    cell = FastSearchCell

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the weights of each cell type -> logits (N, classes)."""
        before_last, last = (_State(channels_last(x)) for x in self.stem(images))
        for align, cell, kind in zip(self.preprocess, self.cells, self.kinds, strict=True):
            inputs = _aligned(align.before_last, before_last), _aligned(align.last, last)
            before_last, last = last, _State(cell(inputs, weights[kind]))
        return self.classify(last.x)


class FastBenchmarkSupernet(BenchmarkSupernet):
    """`BenchmarkSupernet`, computed state by state; see the module."""

    cell = FastSearchCell


class _State:
    """A node's value, and what its edges share, each computed when it is first asked for."""

    def __init__(self, x: Tensor):
        self.x = x
        self.even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
        self._pooled: dict[str, tuple[Tensor, ...]] = {}
        self._quarters: dict[int, Tensor] = {}

    @cached_property
    def relu(self) -> Tensor:
        return F.relu(self.x)

    @cached_property
    def phases(self) -> Tensor:
        """The four quarter images of every second pixel, as four times the batch: dilation 2 becomes dilation 1."""
        return _to_phases(self.relu)

    def quarter(self, shift: int) -> Tensor:
        """Every second pixel, from the first (0) or the second one on (1), as a factorized reduction reads them."""
        if shift not in self._quarters:
            x = self.relu
            x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)) if shift else x
            self._quarters[shift] = x[:, :, shift::2, shift::2].contiguous(memory_format=torch.channels_last)
        return self._quarters[shift]

    def add_pooled(self, total: "_Sum", name: str, module: nn.Module, scale: Tensor) -> None:
        """Add `scale` times the pooled and, in the DARTS space, normalised state to `total`.

        While training, all edges see the same batch and so the same statistics: the state is normalised once.
        """
        if not isinstance(module, nn.Sequential):
            self._pooled.setdefault(name, (module(self.x),))
            total.add_scaled(*self._pooled[name], scale)
            return
        pool, norm = module
        if name not in self._pooled:
            pooled = pool(self.x)
            self._pooled[name] = _normal(pooled, norm.eps) if norm.training else (pooled,)
        if norm.training:
            normal, mean, variance = self._pooled[name]
            follow(norm, mean, variance)
            total.add_scaled(normal, scale)
        else:
            total.add(_normalise(norm, *self._pooled[name], scale))


class _Sum:
    """A node's incoming terms, summed in place; those of dilated convolutions in phases, rearranged once at the end."""

    def __init__(self):
        self._plain: Tensor | None = None
        self._phased: Tensor | None = None

    def add(self, term: Tensor) -> None:
        self._plain = term if self._plain is None else self._plain.add_(term)

    def add_scaled(self, term: Tensor, scale: Tensor) -> None:
        weight = scale[0]  # every channel has the same scale, and a number's gradient is cheaper than a vector's
        if in_kernels(term):
            total = torch.zeros_like(term) if self._plain is None else self._plain
            self._plain = AddScaled.apply(total, term, weight)
        else:
            self.add(term * weight)

    def add_in_phases(self, term: Tensor) -> None:
        self._phased = term if self._phased is None else self._phased.add_(term)

    def __bool__(self) -> bool:
        return self._plain is not None or self._phased is not None

    def value(self) -> Tensor:
        if self._phased is not None:
            self.add(_from_phases(self._phased))
            self._phased = None
        return self._plain


class _Block(NamedTuple):
    """The layers of a [ReLU, depthwise convolution, 1x1 convolution, BatchNorm]."""

    relu: nn.ReLU
    depthwise: nn.Conv2d
    pointwise: nn.Conv2d
    norm: nn.BatchNorm2d


def _blocks(module: nn.Sequential) -> list[_Block]:
    return [_Block(*block) for block in zip(*[iter(module)] * 4, strict=True)]


def _separable(
    blocks: Sequence[_Block], activated: Tensor, scale: Tensor | None, stride: tuple[int, int] = (1, 1)
) -> Tensor:
    """The blocks on what their first ReLU would give, undilated; the first depthwise convolution has `stride`.

    On every second pixel this is what dilated blocks compute.
    """
    x = _depthwise(blocks[0].depthwise.weight, activated, stride)
    for (_, _, pointwise, norm), (_, depthwise, _, _) in pairwise(blocks):
        if rewritten(x, norm):
            x, mean, variance = ConvolutionNormDepthwise.apply(x, pointwise.weight, depthwise.weight, norm.eps)
            follow(norm, mean, variance)
        else:
            x = _depthwise(depthwise.weight, F.relu_(_convolution(pointwise.weight, norm, x)))
    return _convolution(blocks[-1].pointwise.weight, blocks[-1].norm, x, scale)


def _dilated_separable(blocks: Sequence[_Block], phases: Tensor, scale: Tensor) -> Tensor:
    """A dilated block in phases, and the ordinary ones after it on the whole image."""
    x = _from_phases(_separable(blocks[:1], phases, None))
    return _separable(blocks[1:], F.relu_(x), scale)


def _reduced(module: FactorizedReduce, state: _State, scale: Tensor | None = None) -> Tensor:
    """A factorized reduction: each half of its channels is a 1x1 convolution of a quarter image."""
    weights, scales = (module.even.weight, module.odd.weight), (None, None) if scale is None else scale.chunk(2)
    if not rewritten(state.x, module.norm):
        halves = [F.conv2d(state.quarter(shift), weight) for shift, weight in enumerate(weights)]
        return _normalise(module.norm, torch.cat(halves, dim=1), scale)
    halves = [
        ConvolutionNorm.apply(state.quarter(shift), weight, scales[shift], module.norm.eps)
        for shift, weight in enumerate(weights)
    ]
    outputs, means, variances = zip(*halves, strict=True)
    follow(module.norm, torch.cat(means), torch.cat(variances))
    return torch.cat(outputs, dim=1)


def _aligned(module: nn.Module, state: _State) -> Tensor:
    """What preprocesses a cell's input: a factorized reduction, or ReLU, 1x1 convolution and BatchNorm."""
    if isinstance(module, FactorizedReduce):
        return _reduced(module, state)
    _, convolution, norm = module
    return _convolution(convolution.weight, norm, state.relu)


def _normal(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`x` normalised by its own statistics, and its mean and unbiased variance by channel."""
    if in_kernels(x):
        return Norm.apply(x, eps)
    mean = x.new_zeros(x.shape[1], dtype=torch.promote_types(x.dtype, torch.float32))
    variance = torch.ones_like(mean)
    return F.batch_norm(x, mean, variance, None, None, True, 1.0, eps), mean, variance


def _depthwise(weight: Tensor, x: Tensor, stride: tuple[int, int] = (1, 1)) -> Tensor:
    """A depthwise convolution that keeps the size at stride 1."""
    if stride == (1, 1) and in_kernels(x):
        return Depthwise.apply(x, weight)
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=len(weight))


def _convolution(weight: Tensor, norm: nn.BatchNorm2d, x: Tensor, scale: Tensor | None = None) -> Tensor:
    """A dense convolution and the affine-less BatchNorm after it, times `scale` (channels,)."""
    if not rewritten(x, norm):
        return _normalise(norm, F.conv2d(x, weight, padding=weight.shape[-1] // 2), scale)
    y, mean, variance = ConvolutionNorm.apply(x, weight, scale, norm.eps)
    follow(norm, mean, variance)
    return y


def _normalise(norm: nn.BatchNorm2d, x: Tensor, scale: Tensor | None = None) -> Tensor:
    """What the affine-less `norm` does, its output times `scale` (channels,)."""
    mean, variance = (norm.running_mean, norm.running_var) if norm.track_running_stats else (None, None)
    if norm.training and norm.track_running_stats:
        norm.num_batches_tracked.add_(1)
    return F.batch_norm(x, mean, variance, scale, None, norm.training, norm.momentum, norm.eps)


def _to_phases(x: Tensor) -> Tensor:
    """(N, C, H, W) with even sides -> (4 N, C, H/2, W/2), channels last."""
    n, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c)
    return x.permute(2, 4, 0, 1, 3, 5).reshape(4 * n, h // 2, w // 2, c).permute(0, 3, 1, 2)


def _from_phases(x: Tensor) -> Tensor:
    """The inverse of `_to_phases`."""
    n, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(2, 2, n // 4, h, w, c)
    return x.permute(2, 3, 0, 4, 1, 5).reshape(n // 4, 2 * h, 2 * w, c).permute(0, 3, 1, 2)
