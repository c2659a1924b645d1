"""Separable convolutions of a cell's edges as loops that Numba compiles, forward and backward: see `compiled`.

An activation is (C, H, W', N) here, the images of the batch next to each other, its rows with columns of zeros on both
sides: so a depthwise convolution adds up multiples of rows, shifted, and any number of edges read one copy of a state.
What a step between two arrays needs of a row lies in the nearest cache.

Sums are taken in one order, image by image until the end, and products aren't fused with them: the same bits on any
CPU, whatever vectors it has. All arrays are flat, all offsets counted in values. `U` keeps an index from being taken
for a negative one, which would keep a loop from being vectorised.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

U = np.uintp
_compiled = njit(cache=True, error_model="numpy")


class Size(NamedTuple):
    """Of an activation, with the columns of zeros on each side of its rows."""

    channels: int
    height: int
    width: int
    padding: int
    images: int


class Layer(NamedTuple):
    """A depthwise convolution and a pointwise one; where their weights begin, among all, and their BatchNorm."""

    kernel: int
    dilation: int
    stride: int
    depthwise: int
    pointwise: int
    norm: int


@_compiled
def values(size):
    return size.channels * size.height * (size.width + 2 * size.padding) * size.images


@_compiled
def row_at(size, channel, row):
    """Where a row begins, behind its padding."""
    return ((channel * size.height + row) * (size.width + 2 * size.padding) + size.padding) * size.images


@_compiled
def bare(size, stride):
    """The size of what a convolution of this stride gives, without padding."""
    height, width = (size.height + stride - 1) // stride, (size.width + stride - 1) // stride
    return Size(size.channels, height, width, 0, size.images)


@_compiled
def padded(size, padding):
    return Size(size.channels, size.height, size.width, padding, size.images)


@_compiled
def add_taps(to, at, x, x_at, step, weights, first, kernel, flipped, count):
    """Add a row of a kernel: its taps times values of x that are `step` apart; `flipped`, in the opposite order."""
    to_, x0, step = U(at), U(x_at), U(step)
    x1 = x0 + step
    x2 = x1 + step
    if kernel == 3:
        a, b, c = weights[first], weights[first + 1], weights[first + 2]
        if flipped:
            a, c = c, a
        for i in range(U(count)):
            to[to_ + i] = to[to_ + i] + a * x[x0 + i] + b * x[x1 + i] + c * x[x2 + i]
    else:
        x3 = x2 + step
        x4 = x3 + step
        a, b, c, d, e = weights[first], weights[first + 1], weights[first + 2], weights[first + 3], weights[first + 4]
        if flipped:
            a, b, d, e = e, d, b, a
        for i in range(U(count)):
            early = to[to_ + i] + a * x[x0 + i] + b * x[x1 + i]
            to[to_ + i] = early + c * x[x2 + i] + d * x[x3 + i] + e * x[x4 + i]


@_compiled
def add_multiple(to, at, x, x_at, factor, count):
    to_, x_ = U(at), U(x_at)
    for i in range(U(count)):
        to[to_ + i] = to[to_ + i] + factor * x[x_ + i]


@_compiled
def add_product(to, at, x, x_at, y, y_at, count):
    to_, x_, y_ = U(at), U(x_at), U(y_at)
    for i in range(U(count)):
        to[to_ + i] = to[to_ + i] + x[x_ + i] * y[y_ + i]


@_compiled
def add_products(to, at, x, x_at, x_step, y, y_at, y_step, count):
    """Of two rows of each."""
    to_, x0, y0 = U(at), U(x_at), U(y_at)
    x1, y1 = x0 + U(x_step), y0 + U(y_step)
    for i in range(U(count)):
        to[to_ + i] = to[to_ + i] + (x[x0 + i] * y[y0 + i] + x[x1 + i] * y[y1 + i])


@_compiled
def mix(to, at, x, x_at, pitch, weights, first, step, inputs, count):
    """Write a sum of rows of x, `pitch` apart, by weights that are `step` apart."""
    to_ = U(at)
    done = 0
    while done + 4 <= inputs:
        w = first + done * step
        a, b, c, d = weights[w], weights[w + step], weights[w + 2 * step], weights[w + 3 * step]
        x0 = U(x_at + done * pitch)
        x1 = x0 + U(pitch)
        x2 = x1 + U(pitch)
        x3 = x2 + U(pitch)
        if done == 0:
            for i in range(U(count)):
                to[to_ + i] = a * x[x0 + i] + b * x[x1 + i] + c * x[x2 + i] + d * x[x3 + i]
        else:
            for i in range(U(count)):
                to[to_ + i] = to[to_ + i] + a * x[x0 + i] + b * x[x1 + i] + c * x[x2 + i] + d * x[x3 + i]
        done += 4
    while done < inputs:
        if done == 0:
            to[at : at + count] = 0
        add_multiple(to, at, x, x_at + done * pitch, weights[first + done * step], count)
        done += 1


@_compiled
def add_columns(lanes, x, at, columns, images):
    """Add the columns of x to one number for each image."""
    n = U(images)
    done = 0
    while done + 4 <= columns:
        x0 = U(at + done * images)
        x1 = x0 + n
        x2 = x1 + n
        x3 = x2 + n
        for i in range(n):
            lanes[i] = lanes[i] + ((x[x0 + i] + x[x1 + i]) + (x[x2 + i] + x[x3 + i]))
        done += 4
    while done < columns:
        x0 = U(at + done * images)
        for i in range(n):
            lanes[i] = lanes[i] + x[x0 + i]
        done += 1


@_compiled
def add_squares(lanes, x, at, mean, columns, images):
    """As `add_columns`, of the squares of x less its mean."""
    n = U(images)
    done = 0
    while done + 2 <= columns:
        x0 = U(at + done * images)
        x1 = x0 + n
        for i in range(n):
            a, b = x[x0 + i] - mean, x[x1 + i] - mean
            lanes[i] = lanes[i] + (a * a + b * b)
        done += 2
    if done < columns:
        x0 = U(at + done * images)
        for i in range(n):
            a = x[x0 + i] - mean
            lanes[i] = lanes[i] + a * a


@_compiled
def add_along(lanes, g, g_at, x, x_at, mean, columns, images):
    """As `add_columns`, of g times x less its mean."""
    n = U(images)
    done = 0
    while done + 2 <= columns:
        g0, x0 = U(g_at + done * images), U(x_at + done * images)
        g1, x1 = g0 + n, x0 + n
        for i in range(n):
            lanes[i] = lanes[i] + (g[g0 + i] * (x[x0 + i] - mean) + g[g1 + i] * (x[x1 + i] - mean))
        done += 2
    if done < columns:
        g0, x0 = U(g_at + done * images), U(x_at + done * images)
        for i in range(n):
            lanes[i] = lanes[i] + g[g0 + i] * (x[x0 + i] - mean)


@_compiled
def total(lanes, count):
    """In double precision."""
    found = 0.0
    for i in range(count):
        found += lanes[i]
    return found


@_compiled
def total_of_row(rows, at, lanes, columns, images):
    lanes[:images] = 0
    add_columns(lanes, rows, at, columns, images)
    return total(lanes, images)


@_compiled
def add_normalised(to, at, x, x_at, mean, factor, count):
    to_, x_ = U(at), U(x_at)
    for i in range(U(count)):
        to[to_ + i] = to[to_ + i] + factor * (x[x_ + i] - mean)


@_compiled
def activate(to, at, x, x_at, mean, factor, count):
    """Write the ReLU of the normalised x."""
    to_, x_ = U(at), U(x_at)
    zero = x.dtype.type(0)
    for i in range(U(count)):
        value = factor * (x[x_ + i] - mean)
        to[to_ + i] = value if value > zero else zero


@_compiled
def keep_above(g, at, x, x_at, least, count):
    """Set g to zero where x isn't above `least`."""
    g_, x_ = U(at), U(x_at)
    zero = g.dtype.type(0)
    for i in range(U(count)):
        g[g_ + i] = g[g_ + i] if x[x_ + i] > least else zero


@_compiled
def through_norm(to, at, g, g_at, x, x_at, mean, factor, shift, shrinking, count):
    to_, g_, x_ = U(at), U(g_at), U(x_at)
    for i in range(U(count)):
        to[to_ + i] = factor * (g[g_ + i] - shift - shrinking * (x[x_ + i] - mean))


@_compiled
def from_pixels(x, first, size, to, at, relu):
    """(H, W, C, N), from `first` on, to (C, H, W', N), its ReLU if so; the padding is set to zero."""
    zero = x.dtype.type(0)
    n, edge = size.images, size.padding * size.images
    for channel in range(size.channels):
        for h in range(size.height):
            begins = at + row_at(size, channel, h)
            ends = begins + size.width * n
            to[begins - edge : begins] = zero
            to[ends : ends + edge] = zero
            for w in range(size.width):
                come = U(first + ((h * size.width + w) * size.channels + channel) * n)
                go = U(begins + w * n)
                if relu:
                    for i in range(U(n)):
                        to[go + i] = x[come + i] if x[come + i] > zero else zero
                else:
                    for i in range(U(n)):
                        to[go + i] = x[come + i]


@_compiled
def to_pixels(x, at, size, to, first):
    """The inverse of `from_pixels`, without the padding."""
    n = size.images
    for channel in range(size.channels):
        for h in range(size.height):
            for w in range(size.width):
                come = U(at + row_at(size, channel, h) + w * n)
                go = U(first + ((h * size.width + w) * size.channels + channel) * n)
                for i in range(U(n)):
                    to[go + i] = x[come + i]


@_compiled
def block(x, x_at, size, layer, weights, kept, kept_at, keeping, y, y_at, lanes, means, variances, measuring):
    """The convolutions of a layer, from a padded x to y, and, if `measuring`, the statistics of y.

    What comes between the two is kept, from `kept_at` on, or, a row of each channel, overwritten.
    """
    n, channels, kernel, out = size.images, size.channels, layer.kernel, bare(size, layer.stride)
    reach = layer.dilation * (kernel - 1) // 2
    row = out.width * n
    plane = out.height * row
    for h in range(out.height):
        between, pitch = (kept_at + h * row, plane) if keeping else (kept_at, row)
        for channel in range(channels):
            at = between + channel * pitch
            kept[at : at + row] = 0
            for ky in range(kernel):
                source = h * layer.stride + ky * layer.dilation - reach
                if 0 <= source < size.height:
                    read, step = x_at + row_at(size, channel, source) - reach * n, layer.dilation * n
                    taps = layer.depthwise + (channel * kernel + ky) * kernel
                    if layer.stride == 1:
                        add_taps(kept, at, x, read, step, weights, taps, kernel, False, row)
                    else:
                        for w in range(out.width):
                            add_taps(
                                kept, at + w * n, x, read + w * layer.stride * n, step, weights, taps, kernel, False, n
                            )
        for channel in range(channels):
            taps = layer.pointwise + channel * channels
            mix(y, y_at + channel * plane + h * row, kept, between, pitch, weights, taps, 1, channels, row)
    if not measuring:
        return
    count = out.height * out.width
    for channel in range(channels):
        at, norm = y_at + channel * plane, layer.norm * channels + channel
        lanes[:n] = 0
        add_columns(lanes, y, at, count, n)
        means[norm] = total(lanes, n) / (count * n)
        lanes[:n] = 0
        add_squares(lanes, y, at, means[norm], count, n)
        variances[norm] = total(lanes, n) / (count * n)


@_compiled
def layers_of(operation, stride):
    """The first layer of an operation, and its second one, which it may not have: see `forward`."""
    first = Layer(operation[2], operation[3], stride, operation[7], operation[8], operation[6])
    return first, Layer(operation[2], 1, 1, operation[9], operation[10], operation[6] + 1)


@_compiled
def forward(
    states, count, size, targets, stride, operations, weights, scales, eps, how, x, y, kept, sums, means, variances
):
    """Add up operations on `count` states.

    `states` (count, H, W, C, N) -> `sums` (targets, H', W', C, N). Of each operation there is a row: the state and the
    target, kernel, dilation, layers, the place of its scale, its first norm, and where the weights of its layers begin.
    Written for the backward pass: x, the padded activations of the states, and, as `how` says, y, each layer's output
    before its norm, and what is between its convolutions. It also says whether norms go by the means and variances of
    what they see, which are written, or by those that they are given.
    """
    returning, keeping, measuring = how
    channels, out = size.channels, bare(size, stride)
    inner = padded(out, 2)
    row, plane, all_of = out.width * out.images, out.height * out.width * out.images, values(out)
    one = values(size)
    for state in range(count):
        from_pixels(states, state * size.images * channels * size.height * size.width, size, x, state * one, True)
    lanes, added = np.empty(size.images, x.dtype), np.zeros(targets * all_of, x.dtype)
    second = np.zeros(values(inner), x.dtype)
    between = kept if keeping else np.empty(channels * row, x.dtype)
    for operation in operations:
        state, target, layers, scale = operation[0], operation[1], operation[4], operation[5]
        layer, later = layers_of(operation, stride)
        at = layer.norm * all_of if returning else 0
        keep_at = at if keeping else 0
        block(
            x, state * one, size, layer, weights, between, keep_at, keeping, y, at, lanes, means, variances, measuring
        )
        if layers == 2:
            for channel in range(channels):
                norm = layer.norm * channels + channel
                factor = x.dtype.type(1 / np.sqrt(variances[norm] + eps))
                for h in range(out.height):
                    to = row_at(inner, channel, h)
                    activate(second, to, y, at + channel * plane + h * row, means[norm], factor, row)
            layer, at = later, later.norm * all_of if returning else 0
            keep_at = at if keeping else 0
            block(
                second, 0, inner, layer, weights, between, keep_at, keeping, y, at, lanes, means, variances, measuring
            )
        for channel in range(channels):
            norm = layer.norm * channels + channel
            factor = x.dtype.type(1 / np.sqrt(variances[norm] + eps)) * scales[scale]
            add_normalised(
                added, target * all_of + channel * plane, y, at + channel * plane, means[norm], factor, plane
            )
    for target in range(targets):
        to_pixels(added, target * all_of, out, sums, target * all_of)


@_compiled
def through_block(g, g_at, g_size, x, x_at, size, layer, made, at, scale, along, buffers, to, wanted, found):
    """Through a layer's norm and convolutions.

    g, by `g_size`, is the gradient of the norm's output over `scale`; `along` its sums for each channel, and those of
    its products with y less the mean. The gradient of x is added to `to` if the first of `wanted` says so; those of the
    weights are written to `found` if the second does. y and what is kept of this layer begin at `at`.
    """
    weights, y, kept, means, inverses = made
    outwards, inwards, rows, lanes = buffers
    n, channels, kernel, out = size.images, size.channels, layer.kernel, bare(size, layer.stride)
    reach, step = layer.dilation * (kernel - 1) // 2, layer.dilation * n
    row, plane = out.width * n, out.height * out.width * n
    middle = padded(out, size.padding)
    edges, pitch = 2 * size.padding * n, (size.width + 2 * size.padding) * n
    for channel in range(channels):
        norm = layer.norm * channels + channel
        inverse = inverses[norm]
        shift = x.dtype.type(along[0, channel] / plane)
        shrinking = x.dtype.type(along[1, channel] / plane * inverse * inverse)
        for h in range(out.height):
            to_row = channel * plane + h * row
            from_row = g_at + row_at(g_size, channel, h)
            through_norm(
                outwards, to_row, g, from_row, y, at + to_row, means[norm], inverse * scale, shift, shrinking, row
            )
    for channel in range(channels):
        for h in range(out.height):
            to_row = row_at(middle, channel, h)
            mix(inwards, to_row, outwards, h * row, plane, weights, layer.pointwise + channel, channels, channels, row)
    if wanted[1]:
        for output in range(channels):
            rows[: channels * row] = 0
            for h in range(0, out.height - 1, 2):
                for channel in range(channels):
                    come, read = output * plane + h * row, at + channel * plane + h * row
                    add_products(rows, channel * row, outwards, come, row, kept, read, row, row)
            for channel in range(channels):
                if out.height % 2:
                    come, read = (output + 1) * plane - row, at + (channel + 1) * plane - row
                    add_product(rows, channel * row, outwards, come, kept, read, row)
                here = layer.pointwise + output * channels + channel
                found[here] = total_of_row(rows, channel * row, lanes, out.width, n)
    for channel in range(channels):
        for ky in range(kernel):
            taps = layer.depthwise + (channel * kernel + ky) * kernel
            above = ky * layer.dilation - reach
            if wanted[1]:
                rows[: kernel * row] = 0
                h = max(0, -(above // layer.stride))
                ends = min(out.height, (size.height - 1 - above) // layer.stride + 1)
                while h < ends:
                    from_row = row_at(middle, channel, h)
                    read = x_at + row_at(size, channel, h * layer.stride + above) - reach * n
                    if layer.stride == 1 and h + 1 < ends:
                        for kx in range(kernel):
                            here = read + kx * step
                            add_products(rows, kx * row, inwards, from_row, row + edges, x, here, pitch, row)
                        h += 2
                        continue
                    for kx in range(kernel):
                        if layer.stride == 1:
                            add_product(rows, kx * row, inwards, from_row, x, read + kx * step, row)
                        else:
                            for w in range(out.width):
                                come = read + w * layer.stride * n + kx * step
                                add_product(rows, kx * row + w * n, inwards, from_row + w * n, x, come, n)
                    h += 1
                for kx in range(kernel):
                    found[taps + kx] = total_of_row(rows, kx * row, lanes, out.width, n)
            if wanted[0]:
                for h in range(out.height):
                    source = h * layer.stride + above
                    if 0 <= source < size.height:
                        from_row, to_row = row_at(middle, channel, h), x_at + row_at(size, channel, source)
                        if layer.stride == 1:
                            add_taps(to, to_row, inwards, from_row - reach * n, step, weights, taps, kernel, True, row)
                        else:
                            for w in range(out.width):
                                for kx in range(kernel):
                                    go = to_row + (w * layer.stride - reach) * n + kx * step
                                    add_multiple(to, go, inwards, from_row + w * n, weights[taps + kx], n)


@_compiled
def backward(
    gradients,
    count,
    size,
    targets,
    stride,
    operations,
    weights,
    scales,
    x,
    y,
    kept,
    stats,
    wanted,
    for_states,
    for_weights,
    for_scales,
):
    """The gradients of `forward`, from that of the sums, and what it wrote, 1 / the deviations for the variances.

    `wanted` says of each state whether its gradient is, and then whether those of the weights are.
    """
    means, inverses = stats
    made = weights, y, kept, means, inverses
    n, channels, out = size.images, size.channels, bare(size, stride)
    inner = padded(out, 2)
    row, plane, all_of = out.width * n, out.height * out.width * n, values(out)
    one = values(size)
    g = np.empty(targets * all_of, x.dtype)
    for target in range(targets):
        from_pixels(gradients, target * all_of, out, g, target * all_of, False)
    lanes, rows = np.empty(n, x.dtype), np.empty(max(channels, 5) * row, x.dtype)
    outwards = np.empty(all_of, x.dtype)
    buffers = outwards, np.zeros(values(padded(out, size.padding)), x.dtype), rows, lanes
    inner_buffers = outwards, np.zeros(values(inner), x.dtype), rows, lanes
    second, through_second = np.zeros(values(inner), x.dtype), np.empty(values(inner), x.dtype)
    to = np.zeros(len(x), x.dtype)
    sums, along = np.empty(targets * channels), np.empty((2, channels))
    for channel in range(targets * channels):
        lanes[:] = 0
        add_columns(lanes, g, channel * plane, out.height * out.width, n)
        sums[channel] = total(lanes, n)
    for operation in operations:
        state, target, layers, place = operation[0], operation[1], operation[4], operation[5]
        layer, later = layers_of(operation, stride)
        last = later if layers == 2 else layer
        at, g_at = last.norm * all_of, target * all_of
        for_scales[place] = 0
        for channel in range(channels):
            norm = last.norm * channels + channel
            lanes[:] = 0
            add_along(lanes, g, g_at + channel * plane, y, at + channel * plane, means[norm], out.height * out.width, n)
            along[0, channel], along[1, channel] = sums[target * channels + channel], total(lanes, n)
            for_scales[place] += along[1, channel] * inverses[norm]
        if not wanted[state] and not wanted[count]:
            continue
        needed = wanted[state], wanted[count]
        if layers == 1:
            through_block(
                g,
                g_at,
                out,
                x,
                state * one,
                size,
                layer,
                made,
                at,
                scales[place],
                along,
                buffers,
                to,
                needed,
                for_weights,
            )
            continue
        first = layer.norm * all_of
        for channel in range(channels):
            norm = layer.norm * channels + channel
            for h in range(out.height):
                read = first + channel * plane + h * row
                activate(second, row_at(inner, channel, h), y, read, means[norm], inverses[norm], row)
        through_second[:] = 0
        through_block(
            g,
            g_at,
            out,
            second,
            0,
            inner,
            later,
            made,
            at,
            scales[place],
            along,
            inner_buffers,
            through_second,
            (True, wanted[count]),
            for_weights,
        )
        for channel in range(channels):
            mean = means[layer.norm * channels + channel]
            rows[:row] = 0
            lanes[:] = 0
            for h in range(out.height):
                come, read = row_at(inner, channel, h), first + channel * plane + h * row
                keep_above(through_second, come, y, read, mean, row)
                add_multiple(rows, 0, through_second, come, x.dtype.type(1), row)
                add_along(lanes, through_second, come, y, read, mean, out.width, n)
            along[1, channel] = total(lanes, n)
            along[0, channel] = total_of_row(rows, 0, lanes, out.width, n)
        through_block(
            through_second,
            0,
            inner,
            x,
            state * one,
            size,
            layer,
            made,
            first,
            x.dtype.type(1),
            along,
            buffers,
            to,
            needed,
            for_weights,
        )
    for state in range(count):
        if wanted[state]:
            keep_above(to, state * one, x, state * one, x.dtype.type(0), one)
            to_pixels(to, state * one, size, for_states, state * values(padded(size, 0)))
