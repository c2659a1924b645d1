"""Layers in double precision on a CPU, so that it costs little, and that results travel.

The CPU library has fast convolutions in single precision alone.

Depthwise ones are loops that Numba compiles, where it is installed: `rows` has them. torch computes them channel by
channel, and takes 7 to 35 times as long. Pointwise ones are one product of matrices, where torch takes one an image.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nascore.supernets.choice import passes, wanted


def in_double(x: Tensor) -> bool:
    """Whether an activation is one of double precision on a CPU."""
    return x.dtype == torch.float64 and x.device.type == "cpu"


def takes(x: Tensor, weight: Tensor, groups: int) -> bool:
    """Whether a convolution of x is depthwise, of a square and odd kernel, and to be computed here."""
    outputs, inputs, rows, columns = weight.shape
    depthwise = inputs == 1 and groups == outputs == x.shape[1] and rows == columns and rows % 2 == 1
    return in_double(x) and depthwise and wanted()


def convolved(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """The depthwise convolution of x (N, C, H, W) that keeps the size at stride 1, channels-last; no graph is kept."""
    loops, shape = _loops(x, weight, stride, dilation)
    sizes = shape.images, shape.channels, shape.out_height, shape.out_width
    # not a view, which autograd would not let be changed in place
    y = torch.empty(sizes, dtype=x.dtype, memory_format=torch.channels_last)
    loops.forward(_by_pixel(x), _flat(weight), shape, _by_pixel(y))
    return y


def through(
    g: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, ...], stride: int = 1, dilation: int = 1
) -> tuple[Any, Any]:
    """The gradients of x and of the weight, as far as they are wanted, from that of the output."""
    loops, shape = _loops(x, weight, stride, dilation)
    for_x = for_weight = None
    if wanted[0]:
        found = x.new_empty(shape.images, shape.height, shape.width, shape.channels)
        loops.for_input(_by_pixel(g), _flat(weight), shape, _flat(found))
        for_x = found.permute(0, 3, 1, 2)
    if wanted[1]:
        for_weight = torch.empty_like(weight, memory_format=torch.contiguous_format)
        loops.for_weights(_by_pixel(g), _by_pixel(x), shape, _flat(for_weight))
    return for_x, for_weight


class Depthwise(torch.autograd.Function):
    """apply(x, weight, stride, dilation), as `convolved`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.form = stride, dilation
        return convolved(x, weight, stride, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        x, weight = ctx.saved_tensors
        return *through(g, x, weight, ctx.needs_input_grad[:2], *ctx.form), None, None


class MaxPool(torch.autograd.Function):
    """apply(x, kernel, stride, padding): a max pool whose gradient does not depend on how a CPU rounds.

    Where an image is flat, pixels are alike but for rounding, and the largest one is another on another CPU. So the
    gradient goes to the first of those that are the largest in single precision.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, *form: Any) -> Tensor:
        _, places = F.max_pool2d(x.float(), *form, return_indices=True)
        ctx.save_for_backward(x, places)
        ctx.form = form
        return F.max_pool2d(x, *form)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        x, places = ctx.saved_tensors
        found = torch.ops.aten.max_pool2d_with_indices_backward(g, x, *map(_pair, ctx.form), (1, 1), False, places)
        return found, None, None, None


def pooled(pool: nn.Module, x: Tensor) -> Tensor:
    """What a pool gives."""
    if type(pool) is not nn.MaxPool2d or not in_double(x) or pool.ceil_mode or _pair(pool.dilation) != (1, 1):
        return pool(x)
    return MaxPool.apply(x, pool.kernel_size, pool.stride, pool.padding)


def _pair(side: Any) -> Any:
    return side if isinstance(side, tuple) else (side, side)


def pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """The convolution of x (N, C, H, W) by a weight (O, C, 1, 1)."""
    return (x.permute(0, 2, 3, 1) @ weight[:, :, 0, 0].t()).permute(0, 3, 1, 2)


def through_pointwise(g: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, ...]) -> tuple[Any, Any]:
    """As `through`."""
    for_x = pointwise(g, weight.transpose(0, 1)) if wanted[0] else None
    if not wanted[1]:
        return for_x, None
    outputs, inputs = (each.permute(0, 2, 3, 1).reshape(-1, each.shape[1]) for each in (g, x))
    return for_x, (outputs.t() @ inputs).view_as(weight)


def _loops(x: Tensor, weight: Tensor, stride: int, dilation: int) -> tuple[Any, Any]:
    loops: Any = passes("rows")
    n, channels, h, w = x.shape
    return loops, loops.Shape(n, h, w, channels, weight.shape[-1], stride, dilation, -(-h // stride), -(-w // stride))


def _by_pixel(x: Tensor) -> np.ndarray[Any, Any]:
    """(N, C, H, W) as (N, H, W, C), flat; not a copy if it lies so."""
    return _flat(x.permute(0, 2, 3, 1))


def _flat(x: Tensor) -> np.ndarray[Any, Any]:
    return x.detach().reshape(-1).numpy()
