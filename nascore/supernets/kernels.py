"""Layers rewritten to move fewer bytes on a CPU, with the same results.

A supernet step is bound by memory, not by arithmetic: what helps is to read, write and keep each activation as seldom
as possible. All take and give channels-last activations (N, C, H, W). The normalising ones return, beside their output,
the mean and the unbiased variance (channels,) that running statistics take.

They compute their statistics themselves, because torch's BatchNorm of channels-last float32 on a CPU adds a channel's
values up one by one: at 64 images of 32x32 it is ten times further from the truth than in the ordinary layout
(torch 2.14.1).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nascore.supernets import double

_Gradients = tuple[Any, Any]  # each a tensor, or None where it is not wanted
_LARGE = 2**17  # values from which on a 5x5 depthwise weight gradient is faster in two halves


def in_kernels(x: Tensor) -> bool:
    """Whether these layers are for an activation: they are written for CPUs, and know nothing of autocast."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def rewritten(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    """Whether `norm` of x is one of these layers: on CPUs, by the batch's statistics, in full precision."""
    return norm.training and in_kernels(x)


def channels_last(x: Tensor) -> Tensor:
    """x in the layout that is fast here: on CPUs channels-last."""
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


def follow(norm: Any, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics of a BatchNorm towards those of a batch, as `norm` itself would."""
    if norm.track_running_stats:
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance, norm.momentum)
        norm.num_batches_tracked.add_(1)


class Norm(torch.autograd.Function):
    """BatchNorm without affine parameters, by the batch's statistics.

    apply(x, eps): x (N, C, H, W) -> the normalised x, mean, variance.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> tuple[Tensor, ...]:
        centred, mean, variance, inverse = _centre(x.clone(memory_format=torch.channels_last), eps)
        ctx.save_for_backward(centred, inverse)
        ctx.mark_non_differentiable(mean, variance)
        return centred * _by_channel(inverse), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, _mean: None, _variance: None) -> tuple[Tensor | None, ...]:
        centred, inverse = ctx.saved_tensors
        return _through_norm(g, centred, inverse, None, (True, False))[0], None


class ConvolutionNorm(torch.autograd.Function):
    """A dense convolution of stride 1 that keeps the size, and the BatchNorm after it.

    apply(x, weight, scale, eps): x (N, C, H, W), weight (O, C, k, k), scale (O,) or None -> the normalised output
    (N, O, H, W), times `scale` by channel, mean, variance.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor | None, eps: float) -> tuple[Tensor, ...]:
        centred, mean, variance, inverse = _centre(convolution(x, weight), eps)
        ctx.save_for_backward(x, weight, centred, inverse, scale)
        ctx.mark_non_differentiable(mean, variance)
        return centred * _by_channel(inverse if scale is None else inverse * scale), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, _mean: None, _variance: None) -> tuple[Tensor | None, ...]:
        x, weight, centred, inverse, scale = ctx.saved_tensors
        *towards, scaled, _ = ctx.needs_input_grad
        g, for_scale = _through_norm(g, centred, inverse, scale, (any(towards), scaled))
        return *through_convolution(g, x, weight, towards), for_scale, None


class ConvolutionNormDepthwise(torch.autograd.Function):
    """A 1x1 convolution, BatchNorm, ReLU, and a depthwise convolution of stride 1: the middle of a separable one.

    What the ReLU gives is not kept: the backward pass computes it again, in one multiplication.

    apply(x, weight, depthwise, eps): x (N, C, H, W), weight (C, C, 1, 1), depthwise (C, 1, k, k) -> (N, C, H, W), mean,
    variance.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, depthwise: Tensor, eps: float) -> tuple[Tensor, ...]:
        centred, mean, variance, inverse = _centre(convolution(x, weight), eps)
        ctx.save_for_backward(x, weight, depthwise, centred, inverse)
        ctx.mark_non_differentiable(mean, variance)
        return convolution(_activated(centred, inverse), depthwise, len(depthwise)), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, _mean: None, _variance: None) -> tuple[Tensor | None, ...]:
        x, weight, depthwise, centred, inverse = ctx.saved_tensors
        *towards, second, _ = ctx.needs_input_grad
        activated = _activated(centred, inverse)
        g, for_depthwise = through_depthwise(g, activated, depthwise, (any(towards), second))
        if any(towards):
            g = torch.ops.aten.threshold_backward(g, activated, 0)
            g = _through_norm(g, centred, inverse, None, (True, False))[0]
        return *through_convolution(g, x, weight, towards), for_depthwise, None


class Depthwise(torch.autograd.Function):
    """A depthwise convolution of stride 1 that keeps the size.

    apply(x, weight): x (N, C, H, W), weight (C, 1, k, k) -> (N, C, H, W).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return convolution(x, weight, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return through_depthwise(g, x, weight, ctx.needs_input_grad)


def depthwise(x: Tensor, weight: Tensor, stride: tuple[int, ...] = (1, 1), dilation: int = 1) -> Tensor:
    """A depthwise convolution that keeps the size at stride 1, to be differentiated; also where these layers aren't."""
    if double.takes(x, weight, len(weight)):
        return double.Depthwise.apply(x, weight, stride[0], dilation)
    if (stride, dilation) == ((1, 1), 1) and in_kernels(x):
        return Depthwise.apply(x, weight)
    return F.conv2d(x, weight, None, stride, dilation * (weight.shape[-1] // 2), dilation, len(weight))


def pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """A pointwise convolution, to be differentiated."""
    return double.pointwise(x, weight) if double.in_double(x) else F.conv2d(x, weight)


class NormShiftActivation(torch.autograd.Function):
    """BatchNorm by the batch's statistics with a shift but no scale, and the ReLU after it.

    apply(x, shift, eps): x (N, C, H, W), shift (C,) -> (N, C, H, W), mean, variance.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, eps: float) -> tuple[Tensor, ...]:
        centred, mean, variance, inverse = _centre(x.clone(memory_format=torch.channels_last), eps)
        y = torch.addcmul(_by_channel(shift), centred, _by_channel(inverse)).relu_()
        ctx.save_for_backward(centred, inverse, y)
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, _mean: None, _variance: None) -> tuple[Tensor | None, ...]:
        centred, inverse, y = ctx.saved_tensors
        g, count = torch.ops.aten.threshold_backward(g, y, 0), g.numel() // g.shape[1]
        for_shift, along = g.sum((0, 2, 3)), (g * centred).sum((0, 2, 3))
        # a block's scales learn through this alone, and torch's own, see above, is up to a hundred times less exact
        for_x = torch.addcmul(g, centred, _by_channel(along * inverse**2 / -count))
        return for_x.sub_(_by_channel(for_shift / count)).mul_(_by_channel(inverse)), for_shift, None


class Mix(torch.autograd.Function):
    """Weighted sums of the same activations, all in one product of matrices; on any device.

    apply(weights, *states): weights (sums, states), each state (N, C, H, W) -> as many (N, C, H, W) as there are sums.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        # autocast would round the factors of this product, and not those of its gradient
        with torch.autocast(weights.device.type, enabled=False):
            values = torch.stack([_as_stored(state) for state in states])
            sums = weights.to(values.dtype) @ values.flatten(1)
        ctx.save_for_backward(weights, values)
        return tuple(_as_seen(each) for each in sums.view(-1, *values.shape[1:]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, values = ctx.saved_tensors
        g, for_weights = torch.stack([_as_stored(each) for each in gradients]), None
        if ctx.needs_input_grad[0]:
            # image by image, and these added up: a sum over all of them at once is less exact
            by_image = g.flatten(2).transpose(0, 1) @ values.flatten(2).permute(1, 2, 0)
            for_weights = by_image.sum(0, dtype=weights.dtype)
        for_states = weights.to(values.dtype).t() @ g.flatten(1)
        return for_weights, *(_as_seen(each) for each in for_states.view(values.shape))


class AddScaled(torch.autograd.Function):
    """Add `weight` times x to a running sum, in place.

    apply(total, x, weight): two activations of the same shape and a number -> total.
    """

    @staticmethod
    def forward(ctx: Any, total: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.mark_dirty(total)
        return total.addcmul_(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        # not by `torch.dot`: in half the time, but it adds up a million values in a few strands, 25 times less exactly
        for_weight = (g * x).sum() if ctx.needs_input_grad[2] else None
        return g, g * weight if ctx.needs_input_grad[1] else None, for_weight


def convolution(x: Tensor, weight: Tensor, groups: int = 1, stride: tuple[int, ...] = (1, 1)) -> Tensor:
    """One that keeps the size at stride 1, its output channels-last."""
    if double.takes(x, weight, groups):
        return double.convolved(x, weight, stride[0])
    if double.in_double(x) and (groups, tuple(stride), *weight.shape[2:]) == (1, (1, 1), 1, 1):
        return double.pointwise(x, weight)
    y = F.conv2d(x, weight, None, stride, (weight.shape[2] // 2, weight.shape[3] // 2), 1, groups)
    return y.contiguous(memory_format=torch.channels_last)  # with one input channel it may come in another layout


def _centre(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take each channel's mean off x, in place: x, the mean, the unbiased variance and 1 / the deviation."""
    count = x.numel() // x.shape[1]
    mean = x.sum((0, 2, 3)) / count
    x.sub_(_by_channel(mean))
    squares = (x * x).sum((0, 2, 3))
    return x, mean, squares / max(count - 1, 1), (squares / count + eps).rsqrt_()


def _activated(centred: Tensor, inverse: Tensor) -> Tensor:
    return torch.relu_(centred * _by_channel(inverse))


def _through_norm(
    g: Tensor, centred: Tensor, inverse: Tensor, scale: Tensor | None, wanted: tuple[bool, bool]
) -> _Gradients:
    """The gradients of what was normalised and of the scale, as far as they are wanted."""
    g = g.contiguous(memory_format=torch.channels_last)
    for_scale = (g * centred).sum((0, 2, 3)) * inverse if wanted[1] else None
    if not wanted[0]:
        return None, for_scale
    scale = torch.ones_like(inverse) if scale is None else scale
    mean = torch.zeros_like(inverse)  # of what is centred already
    # it could give the scale's gradient, too, but adds it up one value at a time, see above
    for_x, *_ = torch.ops.aten.native_batch_norm_backward(
        g, centred, scale, None, None, mean, inverse, True, 0.0, (True, False, False)
    )
    return for_x, for_scale


def through_convolution(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    wanted: tuple[bool, ...],
    groups: int = 1,
    padding: int | None = None,
    stride: tuple[int, ...] = (1, 1),
) -> _Gradients:
    """The gradients of x and of the weight, as far as they are wanted. `padding` is that of the columns."""
    if not any(wanted):
        return None, None
    if padding is None and double.takes(x, weight, groups):
        return double.through(g, x, weight, wanted, stride[0])
    if double.in_double(x) and (groups, tuple(stride), *weight.shape[2:]) == (1, (1, 1), 1, 1):
        return double.through_pointwise(g, x, weight, wanted)
    rows, columns = (side // 2 for side in weight.shape[2:])
    sides = rows, columns if padding is None else padding
    return torch.ops.aten.convolution_backward(
        g, x, weight, None, stride, sides, (1, 1), False, (0, 0), groups, (*wanted, False)
    )[:2]


def through_depthwise(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    wanted: tuple[bool, bool],
    stride: tuple[int, ...] = (1, 1),
    least: int | None = None,
) -> _Gradients:
    """As `through_convolution`; the weight's gradient of a large 5x5 convolution in two halves of three columns.

    It is large from `least` values of x on, by default from `_LARGE`.

    The CPU library has a fast weight gradient for kernels up to three columns wide, and an order of magnitude slower
    one beyond.
    """
    g, groups = g.contiguous(memory_format=torch.channels_last), len(weight)
    alike = x.numel() < (_LARGE if least is None else least) or double.takes(x, weight, groups)
    if weight.shape[-1] != 5 or alike or not wanted[1] or stride != (1, 1):
        return through_convolution(g, x, weight, wanted, groups, stride=stride)
    for_x, _ = through_convolution(g, x, weight, (wanted[0], False), groups)
    left, right = (
        through_convolution(g, padded, weight[..., :3], (False, True), groups, padding=0)[1] for padded in _padded(x)
    )
    return for_x, torch.cat([left, right[..., 1:]], dim=3)


def _padded(x: Tensor) -> tuple[Tensor, Tensor]:
    """x with two columns of zeros on its left, and on its right.

    A kernel of three columns reads of them columns -2 to 0, and 0 to 2. Both lie in the same memory, one two columns
    further on: the zeros behind a row are those before the next.
    """
    n, c, h, w = x.shape
    memory = x.new_empty((n * h * (w + 2) + 2) * c)
    left, right = (part.view(n, h, w + 2, c).permute(0, 3, 1, 2) for part in (memory[: -2 * c], memory[2 * c :]))
    left[..., :2] = 0
    left[..., 2:] = x
    memory[-2 * c :] = 0
    return left, right


def to_phases(x: Tensor) -> Tensor:
    """(N, C, H, W) with even sides -> (4 N, C, H/2, W/2), channels last."""
    n, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c)
    return x.permute(2, 4, 0, 1, 3, 5).reshape(4 * n, h // 2, w // 2, c).permute(0, 3, 1, 2)


def from_phases(x: Tensor) -> Tensor:
    """The inverse of `to_phases`."""
    n, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(2, 2, n // 4, h, w, c)
    return x.permute(2, 3, 0, 4, 1, 5).reshape(n // 4, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


def _as_stored(x: Tensor) -> Tensor:
    """(N, C, H, W) in the order of the memory, which on a CPU is (N, H, W, C)."""
    return x.permute(0, 2, 3, 1) if x.device.type == "cpu" else x


def _as_seen(x: Tensor) -> Tensor:
    """The inverse of `_as_stored`."""
    return x.permute(0, 3, 1, 2) if x.device.type == "cpu" else x


def _by_channel(values: Tensor) -> Tensor:
    """(C,) -> (C, 1, 1), which multiplies an activation."""
    return values[:, None, None]
