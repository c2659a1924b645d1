"""Depthwise convolutions of channels-last activations as loops that Numba compiles, forward and backward; see `double`.

A row of an image, (W C) values, is added up from rows that are shifted by whole pixels, each times a row of weights,
the same for all pixels. An image is copied first with zeros around it, so that nothing is asked about borders.

As in `loops`, sums are taken in one order and products aren't fused with them: the same bits on any CPU.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

U = np.uintp
_compiled = njit(cache=True, error_model="numpy")


class Shape(NamedTuple):
    """Of a convolution: of its input, its kernel, which is square, and its output."""

    images: int
    height: int
    width: int
    channels: int
    kernel: int
    stride: int
    dilation: int
    out_height: int
    out_width: int


@_compiled
def reach(shape):
    return shape.dilation * (shape.kernel - 1) // 2


@_compiled
def add_taps(to, at, x, x_at, step, weights, first, pitch, kernel, count):
    """Add `kernel` rows of x, `step` values apart, each times a row of weights; these are `pitch` apart."""
    to_, x0, step, w0, pitch = U(at), U(x_at), U(step), U(first), U(pitch)
    left = kernel
    while left >= 3:
        x1, w1 = x0 + step, w0 + pitch
        x2, w2 = x1 + step, w1 + pitch
        for i in range(U(count)):
            early = to[to_ + i] + weights[w0 + i] * x[x0 + i] + weights[w1 + i] * x[x1 + i]
            to[to_ + i] = early + weights[w2 + i] * x[x2 + i]
        x0, w0, left = x2 + step, w2 + pitch, left - 3
    while left > 0:
        for i in range(U(count)):
            to[to_ + i] = to[to_ + i] + weights[w0 + i] * x[x0 + i]
        x0, w0, left = x0 + step, w0 + pitch, left - 1


@_compiled
def add_product(to, at, x, x_at, y, y_at, count):
    to_, x_, y_ = U(at), U(x_at), U(y_at)
    for i in range(U(count)):
        to[to_ + i] = to[to_ + i] + x[x_ + i] * y[y_ + i]


@_compiled
def copy(to, at, x, x_at, count):
    to_, x_ = U(at), U(x_at)
    for i in range(U(count)):
        to[to_ + i] = x[x_ + i]


@_compiled
def in_rows(weights, shape, width, flipped):
    """(C, k, k) -> (k, k, width, C), `flipped` both ways if so."""
    kernel, channels = shape.kernel, shape.channels
    taps = kernel * kernel
    found = np.empty(taps * width * channels, weights.dtype)
    for tap in range(taps):
        source = taps - 1 - tap if flipped else tap
        for channel in range(channels):
            value = weights[channel * taps + source]
            for w in range(width):
                found[(tap * width + w) * channels + channel] = value
    return found


@_compiled
def pad(to, border, x, at, height, width, channels):
    """An image from x, in the middle of a larger one; what is around it stays."""
    pitch = (width + 2 * border) * channels
    for h in range(height):
        copy(to, (h + border) * pitch + border * channels, x, at + h * width * channels, width * channels)


@_compiled
def convolved(x, weights, shape, flipped, y):
    """Write the convolution of x at stride 1, by the flipped kernel if so."""
    kernel, dilation, channels = shape.kernel, shape.dilation, shape.channels
    border, row = reach(shape), shape.width * channels
    pitch = (shape.width + 2 * border) * channels
    rows = in_rows(weights, shape, shape.width, flipped)
    padded = np.zeros((shape.height + 2 * border) * pitch, x.dtype)
    y[:] = 0
    for image in range(shape.images):
        first = image * shape.height * row
        pad(padded, border, x, first, shape.height, shape.width, channels)
        for h in range(shape.height):
            for ky in range(kernel):
                read = (h + ky * dilation) * pitch
                taps = ky * kernel * row
                add_taps(y, first + h * row, padded, read, dilation * channels, rows, taps, row, kernel, row)


@_compiled
def forward(x, weights, shape, y):
    """x (N, H, W, C) and weights (C, k, k) -> y (N, H', W', C), all flat."""
    if shape.stride == 1:
        convolved(x, weights, shape, False, y)
        return
    kernel, dilation, channels, stride = shape.kernel, shape.dilation, shape.channels, shape.stride
    border = reach(shape)
    pitch = (shape.width + 2 * border) * channels
    rows = in_rows(weights, shape, 1, False)
    padded = np.zeros((shape.height + 2 * border) * pitch, x.dtype)
    y[:] = 0
    for image in range(shape.images):
        pad(padded, border, x, image * shape.height * shape.width * channels, shape.height, shape.width, channels)
        for h in range(shape.out_height):
            for w in range(shape.out_width):
                to = ((image * shape.out_height + h) * shape.out_width + w) * channels
                for ky in range(kernel):
                    read = (h * stride + ky * dilation) * pitch + w * stride * channels
                    taps = ky * kernel * channels
                    add_taps(y, to, padded, read, dilation * channels, rows, taps, channels, kernel, channels)


@_compiled
def for_input(g, weights, shape, found):
    """The gradient of x from g, that of y."""
    if shape.stride == 1:
        convolved(g, weights, shape, True, found)
        return
    kernel, dilation, channels, stride = shape.kernel, shape.dilation, shape.channels, shape.stride
    border, row = reach(shape), shape.width * channels
    pitch = (shape.width + 2 * border) * channels
    rows = in_rows(weights, shape, 1, False)
    padded = np.empty((shape.height + 2 * border) * pitch, g.dtype)
    for image in range(shape.images):
        padded[:] = 0
        for h in range(shape.out_height):
            for w in range(shape.out_width):
                read = ((image * shape.out_height + h) * shape.out_width + w) * channels
                for ky in range(kernel):
                    for kx in range(kernel):
                        to = (h * stride + ky * dilation) * pitch + (w * stride + kx * dilation) * channels
                        add_product(padded, to, g, read, rows, (ky * kernel + kx) * channels, channels)
        for h in range(shape.height):
            to = (image * shape.height + h) * row
            copy(found, to, padded, (h + border) * pitch + border * channels, row)


@_compiled
def for_weights(g, x, shape, found):
    """The gradient of the weights from g, that of y."""
    kernel, dilation, channels, stride = shape.kernel, shape.dilation, shape.channels, shape.stride
    border, width = reach(shape), shape.out_width if shape.stride == 1 else 1
    pitch, count = (shape.width + 2 * border) * channels, width * channels
    padded = np.zeros((shape.height + 2 * border) * pitch, x.dtype)
    rows = np.zeros(kernel * kernel * count, x.dtype)
    for image in range(shape.images):
        pad(padded, border, x, image * shape.height * shape.width * channels, shape.height, shape.width, channels)
        for h in range(shape.out_height):
            for w in range(shape.out_width // width):
                come = ((image * shape.out_height + h) * shape.out_width + w) * channels
                for ky in range(kernel):
                    read = (h * stride + ky * dilation) * pitch + w * stride * channels
                    for kx in range(kernel):
                        to = (ky * kernel + kx) * count
                        add_product(rows, to, g, come, padded, read + kx * dilation * channels, count)
    taps = kernel * kernel
    for tap in range(taps):
        for channel in range(channels):
            value = rows[tap * count + channel]
            for w in range(1, width):
                value += rows[tap * count + w * channels + channel]
            found[channel * taps + tap] = value
