"""Modules of networks that are trained from scratch, computed with less work on CPUs.

Any `nn.Sequential` of convolutions, affine BatchNorms, ReLUs and others; factorized reductions; pools. Activations are
channels-last. A state's ReLU, its rearrangement for dilated convolutions and its pools are computed once for all that
read it (`sharing.State`); a dilated depthwise convolution is an ordinary one in phases; `affine` has the rest, and
`double` what is in double precision. A layer that is none of these, that is of a subclass or hooked, is called as it
is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.networks.block_stack import ReductionBlock
from nascore.networks.operations import FactorizedReduce, PlainConvolution, SeparableConvolution
from nascore.networks.residual_stack import ResidualReduction
from nascore.supernets import double
from nascore.supernets.affine import AffineNorm, Average, ConvolutionAffineNorm, Quarter, Statistics, WideDepthwise
from nascore.supernets.kernels import depthwise, from_phases, in_kernels, pointwise, to_phases
from nascore.supernets.sharing import State

_LARGE_POOL = 2**15  # values from which on an average pool gains by `Average`
_WIDE = {3: 2**20, 5: 2**16}  # from so many values on, depthwise convolutions of this size gain by `WideDepthwise`


class Read(State):
    """A state whose readers are modules with BatchNorms, which `statistics` are of."""

    def __init__(self, x: Tensor, statistics: Statistics):
        super().__init__(x)
        self.statistics = statistics

    def quarter(self, shift: int) -> Tensor:
        if shift not in self._quarters:
            self._quarters[shift] = Quarter.apply(self.relu, shift)
        return self._quarters[shift]


class Found(NamedTuple):
    """What a module gives, and whether it may be changed in place."""

    x: Tensor
    own: bool


def computed(module: Any, state: Read) -> Found:
    """What `module(state.x)` is, up to rounding."""
    rule = None if _hooked(module) else _RULES.get(type(module))
    return Found(module(state.x), False) if rule is None else rule(module, state)


def _pool(module: nn.Module, state: Read) -> Found:
    return Found(state.pooled(module), False)


def _average(module: nn.AvgPool2d, state: Read) -> Found:
    sizes = module.kernel_size, module.stride, module.padding, module.count_include_pad, module.divisor_override
    # forward alone it stays a pool: convolutions are what `networks.count` counts
    fast = sizes == (3, 1, 1, False, None) and state.x.numel() >= _LARGE_POOL and torch.is_grad_enabled()
    return Found(Average.apply(state.x), True) if fast and in_kernels(state.x) else _pool(module, state)


def _reduced(module: FactorizedReduce, state: Read) -> Found:
    even, odd, norm = module.even, module.odd, module.norm
    if not in_kernels(state.x) or not all(_exactly(nn.Conv2d, each) for each in (even, odd)) or _hooked(module.relu):
        return Found(module(state.x), False)
    x = torch.cat([pointwise(state.quarter(shift), half.weight) for shift, half in enumerate((even, odd))], dim=1)
    return _normalised(norm, x, state.statistics)


def _normalised(norm: Any, x: Tensor, statistics: Statistics) -> Found:
    own = _exactly(nn.BatchNorm2d, norm)
    if own and _by_batch(norm, len(x) * x.shape[2] * x.shape[3]):
        return Found(AffineNorm.apply(norm, statistics, x, norm.weight, norm.bias), True)
    return Found(norm(x), own)


def _sequence(module: nn.Sequential, state: Read) -> Found:
    layers: list[Any] = list(module)
    if not in_kernels(state.x):
        x, left = (state.relu, layers[1:]) if layers and _is_relu(layers[0]) else (state.x, layers)
        for layer in left:
            x = layer(x)
        return Found(x, False)
    way = _Way(state)
    while layers:
        del layers[: way.take(*layers[:2])]
    return Found(way.whole(), way.own)


def _residual(module: ResidualReduction, state: Read) -> Found:
    return Found(computed(module.layers, state).x + computed(module.shortcut, state).x, True)


def _reduction(module: ReductionBlock, state: Read) -> Found:
    first, second = (computed(path, state).x for path in module.paths)
    return Found(first + second, True)


# module -> how it is computed
_RULES: dict[type[nn.Module], Callable[[Any, Read], Found]] = {
    nn.Sequential: _sequence,
    SeparableConvolution: _sequence,
    PlainConvolution: _sequence,
    FactorizedReduce: _reduced,
    ResidualReduction: _residual,
    ReductionBlock: _reduction,
    nn.MaxPool2d: _pool,
    nn.AvgPool2d: _average,
}


class _Way:
    """An activation on its way through layers: `own` says whether it may be changed in place."""

    def __init__(self, state: Read):
        self.state, self.x, self.own, self._phased = state, state.x, False, False

    def take(self, layer: Any, after: Any = None) -> int:
        """Go through a layer, or through it and the one after it; how many that were."""
        if _is_relu(layer):
            self._activate()
        elif _is_depthwise(layer):
            self._convolve_depthwise(layer)
        elif _is_dense(layer) and after is not None and self._joins(layer, after):
            self._convolve_and_normalise(layer, after)
            return 2
        elif _exactly(nn.BatchNorm2d, layer):
            self.x, self.own = _normalised(layer, self.x, self.state.statistics)
        elif _is_dense(layer) and layer.kernel_size == (1, 1) and layer.stride == (1, 1):
            self.x, self.own = pointwise(self.x, layer.weight), True
        else:
            self.x, self.own = double.pooled(layer, self.whole()), False
        return 1

    def whole(self) -> Tensor:
        """The activation, in phases no longer."""
        if self._phased:
            self.x, self.own, self._phased = from_phases(self.x), True, False
        return self.x

    def _activate(self) -> None:
        if self.x is self.state.x:
            self.x = self.state.relu
        else:
            self.x = F.relu_(self.x) if self.own else F.relu(self.x)
        self.own = False

    def _convolve_depthwise(self, layer: nn.Conv2d) -> None:
        weight, kernel = layer.weight, layer.kernel_size[0]
        if double.takes(self.x, weight, layer.groups):
            self.x, self.own = depthwise(self.whole(), weight, layer.stride, layer.dilation[0]), True
            return
        if layer.dilation == (2, 2) and layer.stride == (2, 2):  # it reads every second pixel
            shared = self.whole() is self.state.relu
            x = self.state.subsampled if shared else Quarter.apply(self.x, 0)
        elif layer.dilation == (2, 2) and self._enter_phases():
            x = self.x
        elif layer.dilation == (2, 2) or layer.stride == (2, 2):
            self.x, self.own = layer(self.whole()), True
            return
        else:
            x = self.whole()
        large = x.numel() >= _WIDE.get(kernel, x.numel() + 1)
        self.x = WideDepthwise.apply(x, weight) if large else F.conv2d(x, weight, None, 1, kernel // 2, 1, len(weight))
        self.own = True

    def _enter_phases(self) -> bool:
        """Whether the activation is in phases now; forward alone, nothing would be gained."""
        even = self.x.shape[2] % 2 == 0 and self.x.shape[3] % 2 == 0
        if not self._phased and even and torch.is_grad_enabled():
            self.x = self.state.phases if self.x is self.state.relu else to_phases(self.x)
            self._phased = True
        return self._phased

    def _joins(self, layer: nn.Conv2d, norm: Any) -> bool:
        """Whether a convolution and the BatchNorm after it are computed as one."""
        if not _exactly(nn.BatchNorm2d, norm):
            return False
        rows, columns = (-(-side // step) for side, step in zip(self.x.shape[2:], layer.stride, strict=True))
        return _by_batch(norm, len(self.x) * rows * columns)

    def _convolve_and_normalise(self, layer: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        x = self.x if layer.kernel_size == (1, 1) and layer.stride == (1, 1) else self.whole()
        self.x = ConvolutionAffineNorm.apply(
            norm, self.state.statistics, layer.stride, x, layer.weight, norm.weight, norm.bias
        )
        self.own = True


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def _exactly(kind: type[nn.Module], layer: Any) -> bool:
    return type(layer) is kind and not _hooked(layer)


def _is_relu(layer: Any) -> bool:
    return _exactly(nn.ReLU, layer) and not layer.inplace


def _is_dense(layer: Any) -> bool:
    return _exactly(nn.Conv2d, layer) and layer.groups == 1 and layer.dilation == (1, 1) and _keeps_size(layer)


def _is_depthwise(layer: Any) -> bool:
    return (
        _exactly(nn.Conv2d, layer)
        and layer.groups == layer.in_channels == layer.out_channels
        and layer.kernel_size[0] == layer.kernel_size[1]
        and layer.stride in ((1, 1), (2, 2))
        and layer.dilation in ((1, 1), (2, 2))
        and _keeps_size(layer)
    )


def _keeps_size(layer: nn.Conv2d) -> bool:
    """Whether it does so at stride 1, has no bias, and zeros around its input."""
    sides = list(zip(layer.kernel_size, layer.dilation, strict=True))
    fits = all(side % 2 for side, _ in sides) and layer.padding == tuple(d * (side // 2) for side, d in sides)
    return fits and layer.bias is None and layer.padding_mode == "zeros"


def _by_batch(norm: nn.BatchNorm2d, count: int) -> bool:
    """Whether `affine` computes this BatchNorm of `count` values a channel."""
    return norm.training and norm.affine and norm.track_running_stats and norm.momentum is not None and count > 1
