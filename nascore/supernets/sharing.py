"""What the edges of a cell share in the fast form, and the rules by which operations make use of it.

For each state (a cell's input or a later node) there is one ReLU, one pooling with its normalisation, one rearrangement
for dilated convolutions, computed when they are first asked for. A rule computes one operation from a state so and adds
it to a node's sum; `computes` declares it for a type of modules, the package's own or a reader's. A module of another
type, of a subclass too, is computed as it is.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.base.conform import conform
from nascore.networks.operations import (
    FactorizedReduce,
    NormalisedPool,
    PlainConvolution,
    SeparableConvolution,
    Skip,
    Zero,
)
from nascore.supernets.double import pooled
from nascore.supernets.kernels import (
    AddScaled,
    ConvolutionNorm,
    ConvolutionNormDepthwise,
    Norm,
    depthwise,
    follow,
    from_phases,
    in_kernels,
    pointwise,
    rewritten,
    to_phases,
)

# what tells one pool from another
_POOLING = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "count_include_pad", "divisor_override")

# A rule gets the module, the state that it reads, its weight once for each channel (channels,), and the node's sum.
Rule = Callable[[Any, "State", Tensor, "Sum"], None]
RULES: dict[type[nn.Module], Rule] = {}


def computes(*kinds: type[nn.Module]) -> Callable[[Rule], Rule]:
    """Declare the decorated function as the rule for modules of exactly these types.

    `rule(module, state, scale, total)` must add to `total` what `scale[0] * module(state.x)` is, up to rounding; it may
    use what `State` shares, and forgo what it cannot do by `as_it_is(module, state, scale, total)`.
    """
    kinds = conform(kinds, tuple[type[nn.Module], ...], "computes: kinds")

    def declare(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return declare


def rule_of(module: nn.Module) -> Rule | None:
    """How a candidate operation is computed; None: not at all, as it is zero.

    The rules here take convolutions without biases and BatchNorms without affine parameters, as supernets have them:
    what a reader made of the same types with these is computed as it is.
    """
    if type(module) is Zero:
        return None
    rule = RULES.get(type(module), as_it_is)
    return rule if rule.__module__ != __name__ or _bare(module) else as_it_is


def as_it_is(module: nn.Module, state: "State", scale: Tensor, total: "Sum") -> None:
    """The rule for an operation without anything to share."""
    total.add_scaled(module(state.x), scale)


def _bare(module: nn.Module) -> bool:
    return all(getattr(each, "bias", None) is None and not getattr(each, "affine", False) for each in module.modules())


@computes(SeparableConvolution)
def separable_convolution(module: SeparableConvolution, state: "State", scale: Tensor, total: "Sum") -> None:
    blocks = _blocks(module)
    stride = blocks[0].depthwise.stride
    first, *later = (depthwise.dilation == (2, 2) for _, depthwise, _, _ in blocks)
    if any(depthwise.dilation not in ((1, 1), (2, 2)) for _, depthwise, _, _ in blocks):
        as_it_is(module, state, scale, total)
    elif not first and not any(later):
        total.add(_separable(blocks, state.relu, scale, stride))
    elif first and not any(later) and stride == (2, 2):
        total.add(_separable(blocks, state.subsampled, scale))
    elif first and all(later) and stride == (1, 1) and state.even:
        total.add_in_phases(_separable(blocks, state.phases, scale))
    elif first and not any(later) and stride == (1, 1) and state.even:
        total.add(_dilated_separable(blocks, state.phases, scale))
    else:  # a size that cannot be halved, say
        as_it_is(module, state, scale, total)


@computes(PlainConvolution)
def _plain_convolution(module: PlainConvolution, state: "State", scale: Tensor, total: "Sum") -> None:
    _, convolution, norm = _layers(module)
    if convolution.stride == (1, 1):
        total.add(_convolution(convolution.weight, norm, state.relu, scale))
    else:
        as_it_is(module, state, scale, total)


@computes(FactorizedReduce)
def _factorized_reduce(module: FactorizedReduce, state: "State", scale: Tensor, total: "Sum") -> None:
    total.add(reduced(module, state, scale))


@computes(NormalisedPool)
def _normalised_pool(module: NormalisedPool, state: "State", scale: Tensor, total: "Sum") -> None:
    """While training, all edges see the same batch and so the same statistics: the state is normalised once."""
    pool, norm = _layers(module)
    if norm.training:
        normal, mean, variance = state.pooled(pool, lambda x: _normal(x, norm.eps))
        follow(norm, mean, variance)
        total.add_scaled(normal, scale)
    else:
        total.add(_normalise(norm, state.pooled(pool), scale))


@computes(nn.MaxPool2d, nn.AvgPool2d)
def _pool(module: nn.Module, state: "State", scale: Tensor, total: "Sum") -> None:
    total.add_scaled(state.pooled(module), scale)


computes(Skip)(as_it_is)


class State:
    """What the candidates on a node's outgoing edges read, `x`, and what they share of it, each computed when it is
    first asked for. `whole` is the node's whole value, where they read a part of it alone.
    """

    def __init__(self, x: Tensor, whole: Tensor | None = None):
        self.x, self.whole = x, x if whole is None else whole
        self.even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
        self._pooled: dict[tuple[Any, ...], Any] = {}
        self._quarters: dict[int, Tensor] = {}

    @cached_property
    def relu(self) -> Tensor:
        return F.relu(self.x)

    @property
    def subsampled(self) -> Tensor:
        """Every second pixel: all that a dilated convolution of stride 2 reads."""
        return self.quarter(0)

    @cached_property
    def phases(self) -> Tensor:
        """The four quarter images of every second pixel, as four times the batch: dilation 2 becomes dilation 1."""
        return to_phases(self.relu)

    def quarter(self, shift: int) -> Tensor:
        """Every second pixel, from the first (0) or the second one on (1), as a factorized reduction reads them."""
        if shift not in self._quarters:
            x = self.relu
            x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)) if shift else x
            self._quarters[shift] = x[:, :, shift::2, shift::2].contiguous(memory_format=torch.channels_last)
        return self._quarters[shift]

    def pooled(self, pool: nn.Module, then: Callable[[Tensor], Any] = lambda x: x) -> Any:
        """What `then` makes of the pooled state; once for all pools of the same kind, size and stride."""
        kind = (type(pool), *(pool.__dict__.get(name) for name in _POOLING))
        if kind not in self._pooled:
            self._pooled[kind] = then(pooled(pool, self.x))
        return self._pooled[kind]


class Sum:
    """A node's incoming terms, summed in place; those of dilated convolutions in phases, rearranged once at the end."""

    def __init__(self) -> None:
        self._plain: Tensor | None = None
        self._phased: Tensor | None = None
        self._owned = True  # what may be changed in place

    @classmethod
    def _begun(cls, terms: Sequence[Tensor]) -> "Sum":
        """With some terms, which are not changed."""
        begun = cls()
        if terms:
            begun._plain, begun._owned = sum(terms[1:], start=terms[0]), len(terms) > 1
        return begun

    def add(self, term: Tensor) -> None:
        self._plain = term if self._plain is None else self._own(self._plain).add_(term)

    def add_scaled(self, term: Tensor, scale: Tensor) -> None:
        weight = scale[0]  # every channel has the same scale, and a number's gradient is cheaper than a vector's
        if in_kernels(term):
            total = torch.zeros_like(term) if self._plain is None else self._own(self._plain)
            self._plain = AddScaled.apply(total, term, weight)
        else:
            self.add(term * weight)

    def add_in_phases(self, term: Tensor) -> None:
        self._phased = term if self._phased is None else self._phased.add_(term)

    def _own(self, total: Tensor) -> Tensor:
        """What may be changed in place."""
        if not self._owned:
            self._owned, total = True, total.clone()
        return total

    def __bool__(self) -> bool:
        return self._plain is not None or self._phased is not None

    def value(self) -> Tensor:
        if self._phased is not None:
            self.add(from_phases(self._phased))
            self._phased = None
        assert self._plain is not None  # a sum of nothing is False
        return self._plain


def _layers(module: nn.Sequential) -> tuple[Any, ...]:
    """Its layers, of which torch says only that they are modules."""
    return tuple(module)


class _Block(NamedTuple):
    """The layers of a [ReLU, depthwise convolution, 1x1 convolution, BatchNorm]."""

    relu: nn.ReLU
    depthwise: nn.Conv2d
    pointwise: nn.Conv2d
    norm: nn.BatchNorm2d


def _blocks(module: nn.Sequential) -> list[_Block]:
    return [_Block(*block) for block in zip(*[iter(_layers(module))] * 4, strict=True)]


def _separable(
    blocks: Sequence[_Block], activated: Tensor, scale: Tensor | None, stride: tuple[int, ...] = (1, 1)
) -> Tensor:
    """The blocks on what their first ReLU would give, undilated; the first depthwise convolution has `stride`.

    On every second pixel this is what dilated blocks compute.
    """
    x = depthwise(activated, blocks[0].depthwise.weight, stride)
    for (_, _, dense, norm), (_, second, _, _) in pairwise(blocks):
        if rewritten(x, norm):
            x, mean, variance = ConvolutionNormDepthwise.apply(x, dense.weight, second.weight, norm.eps)
            follow(norm, mean, variance)
        else:
            x = depthwise(F.relu_(_convolution(dense.weight, norm, x)), second.weight)
    return _convolution(blocks[-1].pointwise.weight, blocks[-1].norm, x, scale)


def _dilated_separable(blocks: Sequence[_Block], phases: Tensor, scale: Tensor) -> Tensor:
    """A dilated block in phases, and the ordinary ones after it on the whole image."""
    x = from_phases(_separable(blocks[:1], phases, None))
    return _separable(blocks[1:], F.relu_(x), scale)


def reduced(module: FactorizedReduce, state: State, scale: Tensor | None = None) -> Tensor:
    """A factorized reduction: each half of its channels is a 1x1 convolution of a quarter image."""
    weights, scales = (module.even.weight, module.odd.weight), (None, None) if scale is None else scale.chunk(2)
    if not rewritten(state.x, module.norm):
        halves = [pointwise(state.quarter(shift), weight) for shift, weight in enumerate(weights)]
        return _normalise(module.norm, torch.cat(halves, dim=1), scale)
    halves = [
        ConvolutionNorm.apply(state.quarter(shift), weight, scales[shift], module.norm.eps)
        for shift, weight in enumerate(weights)
    ]
    outputs, means, variances = zip(*halves, strict=True)
    follow(module.norm, torch.cat(means), torch.cat(variances))
    return torch.cat(outputs, dim=1)


def aligned(module: Any, state: State) -> Tensor:
    """What preprocesses a cell's input: a factorized reduction, or ReLU, 1x1 convolution and BatchNorm."""
    if isinstance(module, FactorizedReduce):
        return reduced(module, state)
    _, convolution, norm = module
    return _convolution(convolution.weight, norm, state.relu)


def _normal(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`x` normalised by its own statistics, and its mean and unbiased variance by channel."""
    if in_kernels(x):
        return Norm.apply(x, eps)
    mean = x.new_zeros(x.shape[1], dtype=torch.promote_types(x.dtype, torch.float32))
    variance = torch.ones_like(mean)
    return F.batch_norm(x, mean, variance, None, None, True, 1.0, eps), mean, variance


def _convolution(weight: Tensor, norm: nn.BatchNorm2d, x: Tensor, scale: Tensor | None = None) -> Tensor:
    """A dense convolution and the affine-less BatchNorm after it, times `scale` (channels,)."""
    if not rewritten(x, norm):
        y = pointwise(x, weight) if weight.shape[-1] == 1 else F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        return _normalise(norm, y, scale)
    y, mean, variance = ConvolutionNorm.apply(x, weight, scale, norm.eps)
    follow(norm, mean, variance)
    return y


def _normalise(norm: Any, x: Tensor, scale: Tensor | None = None) -> Tensor:
    """What the affine-less `norm`, a BatchNorm, does, its output times `scale` (channels,)."""
    mean, variance = (norm.running_mean, norm.running_var) if norm.track_running_stats else (None, None)
    if norm.training and norm.track_running_stats:
        norm.num_batches_tracked.add_(1)
    return F.batch_norm(x, mean, variance, scale, None, norm.training, norm.momentum, norm.eps)
