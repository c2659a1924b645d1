"""The layers of `kernels` with affine BatchNorms, as networks have them that are trained from scratch.

All take and give channels-last activations (N, C, H, W). Running statistics follow later, all together (`Statistics`):
on a CPU a small call costs as much as a small activation. The gradient of what was normalised is scaled by channel; the
scale is taken into the weights of the convolution before it, and so is no pass over the activation.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nascore.supernets.banks import follow_together
from nascore.supernets.kernels import Depthwise, convolution, through_convolution, through_depthwise

_PIXELS = (0, 2, 3)  # the dimensions of an activation that a channel's statistics are over


class Statistics:
    """What BatchNorms have seen of a batch, before they follow it."""

    def __init__(self) -> None:
        self._seen: dict[float | None, list[tuple[nn.BatchNorm2d, Tensor, Tensor, int]]] = {}

    def add(self, norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
        """Mean and biased variance, (1, C, 1, 1) each, over `count` values."""
        self._seen.setdefault(norm.momentum, []).append((norm, mean, variance, count))

    def follow(self) -> None:
        """Move the running statistics of all norms, as each would by itself."""
        with torch.no_grad():
            for seen in self._seen.values():
                norms, means, variances, counts = zip(*seen, strict=True)
                unbiased = torch._foreach_mul(variances, [count / (count - 1) for count in counts])
                follow_together(norms, [mean.flatten() for mean in means], [each.flatten() for each in unbiased])
        self._seen.clear()


class AffineNorm(torch.autograd.Function):
    """BatchNorm by the batch's statistics.

    apply(norm, statistics, x, weight, bias): x (N, C, H, W), the norm's weight and bias (C,) -> (N, C, H, W).
    """

    @staticmethod
    def forward(ctx: Any, norm: Any, statistics: Statistics, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return _normalised(ctx, norm, statistics, x.clone(memory_format=torch.channels_last), (), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        centred, inverse, factor = ctx.saved_tensors
        g, for_weight, for_bias = _through_norm(g, centred, inverse)
        return None, None, g.mul_(factor), for_weight, for_bias


class ConvolutionAffineNorm(torch.autograd.Function):
    """A dense convolution, and the BatchNorm after it, by the batch's statistics.

    apply(norm, statistics, stride, x, kernel, weight, bias): x (N, C, H, W), kernel (O, C, k, l), padded by k // 2 rows
    and l // 2 columns, the norm's weight and bias (O,) -> (N, O, H', W').
    """

    @staticmethod
    def forward(
        ctx: Any,
        norm: Any,
        statistics: Statistics,
        stride: tuple[int, int],
        x: Tensor,
        kernel: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        ctx.stride = stride
        return _normalised(ctx, norm, statistics, convolution(x, kernel, stride=stride), (x, kernel), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel, centred, inverse, factor = ctx.saved_tensors
        towards, within = ctx.needs_input_grad[3:5]
        g, for_weight, for_bias = _through_norm(g, centred, inverse)
        by_output, for_x, for_kernel = factor.view(-1, 1, 1, 1), None, None
        if towards and kernel.shape[2:] == (1, 1) and ctx.stride == (1, 1):  # a convolution forward is the faster one
            for_x = convolution(g, (kernel * by_output).transpose(0, 1))
        elif towards:
            for_x, _ = through_convolution(g, x, kernel * by_output, (True, False), stride=ctx.stride)
        if within:
            for_kernel = through_convolution(g, x, kernel, (False, True), stride=ctx.stride)[1] * by_output
        return None, None, None, for_x, for_kernel, for_weight, for_bias


class WideDepthwise(Depthwise):
    """`Depthwise`, for kernels and activations large enough to gain by another backward pass.

    Its input's gradient is a convolution forward, with the kernel turned round: in the CPU library that is twice as
    fast as what is meant for it.
    """

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        g = g.contiguous(memory_format=torch.channels_last)
        for_x = convolution(g, weight.flip(2, 3), len(weight)) if ctx.needs_input_grad[0] else None
        _, for_weight = through_depthwise(g, x, weight, (False, ctx.needs_input_grad[1]), least=0)
        return for_x, for_weight


class Average(torch.autograd.Function):
    """3x3 average pooling of stride 1 that leaves padding out, as a depthwise convolution: three times as fast.

    apply(x): x (N, C, H, W) -> (N, C, H, W).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        height, width = (torch.full((side,), 3, dtype=x.dtype) for side in x.shape[2:])
        for side in (height, width):
            side[0] -= 1
            side[-1] -= 1
        ctx.shares = (height[:, None] * width).reciprocal_()
        return _added_up(x).mul_(ctx.shares)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return _added_up((g * ctx.shares).contiguous(memory_format=torch.channels_last))


def _added_up(x: Tensor) -> Tensor:
    """What the 3x3 pixels around each add up to."""
    return convolution(x, x.new_ones(x.shape[1], 1, 3, 3), x.shape[1])


class Quarter(torch.autograd.Function):
    """Every second pixel, from the first (0) or the second one on (1); beyond an odd side there are zeros.

    apply(x, shift): x (N, C, H, W) -> (N, C, ceil(H/2), ceil(W/2)). Slices by themselves have gradients in the ordinary
    layout, and all after them would be in two.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: int) -> Tensor:
        n, c, h, w = ctx.shape = x.shape
        ctx.shift, part = shift, x[:, :, shift::2, shift::2]
        if part.shape[2:] == ((h + 1) // 2, (w + 1) // 2):
            return part.contiguous(memory_format=torch.channels_last)
        found = _zeros((n, c, (h + 1) // 2, (w + 1) // 2), x)
        found[:, :, : part.shape[2], : part.shape[3]] = part
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        found = _zeros(ctx.shape, g)
        part = found[:, :, ctx.shift :: 2, ctx.shift :: 2]
        part.copy_(g[:, :, : part.shape[2], : part.shape[3]])
        return found, None


def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last).zero_()


def _normalised(
    ctx: Any, norm: Any, statistics: Statistics, x: Tensor, keep: tuple[Tensor, ...], weight: Tensor, bias: Tensor
) -> Tensor:
    """x, which is centred in place, normalised; what the backward pass needs is kept, after `keep`."""
    mean = x.mean(_PIXELS, keepdim=True)
    x.sub_(mean)
    variance = (x * x).mean(_PIXELS, keepdim=True)
    statistics.add(norm, mean, variance, x.numel() // x.shape[1])
    inverse = (variance + norm.eps).rsqrt_()
    factor = inverse * weight.view(1, -1, 1, 1)
    ctx.save_for_backward(*keep, x, inverse, factor)
    return torch.addcmul(bias.view(1, -1, 1, 1), x, factor)


def _through_norm(g: Tensor, centred: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of what was normalised, but for a factor by channel, of weight and of bias."""
    g = g.contiguous(memory_format=torch.channels_last)
    count, mean = g.numel() // g.shape[1], g.mean(_PIXELS, keepdim=True)
    along = (g * centred).mean(_PIXELS, keepdim=True).mul_(inverse)
    away = torch.addcmul(mean, centred, along * inverse)
    return torch.sub(g, away, out=away), along.flatten().mul_(count), mean.flatten().mul_(count)
