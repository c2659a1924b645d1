"""Operations of one form on many edges, computed together: few large calls on a CPU, where each has a fixed cost.

What belongs to E edges lies side by side in the channels of one activation, edge by edge, those from the same state one
after the other. What is summed into T nodes lies so, too, (n, T C): what one state adds to nodes in a row is one
addition. The pointwise convolutions of narrow edges are products with block-diagonal matrices of some edges each.

Activations are channels-last, (N, C, H, W); as a matrix, `_rows`, they are (n, C), n = N H W.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nascore.supernets.kernels import (
    convolution,
    from_phases,
    through_convolution,
    through_depthwise,
    to_phases,
)

_WIDTH = 16  # columns of the matrices that the CPU library multiplies best: a vector register of float32

Norms = Sequence[Any]  # BatchNorms, an edge each


class Run(NamedTuple):
    """Edges of a bank in a row, from `first` to `last`, from one state into targets in a row, from `target` on."""

    first: int
    last: int
    target: int

    def edges(self, width: int) -> slice:
        return slice(self.first * width, self.last * width)

    def targets(self, width: int) -> slice:
        return slice(self.target * width, (self.target + self.last - self.first) * width)


class GatheredDepthwise(torch.autograd.Function):
    """A depthwise convolution of each edge, of whichever state it reads.

    apply(sources, stride, *states, *weights): for each edge the place of its state; states (N, C, H, W), and weights
    (C, 1, k, k), an edge each -> (N, E C, H', W').
    """

    @staticmethod
    def forward(ctx: Any, sources: tuple[int, ...], stride: tuple[int, int], *tensors: Tensor) -> Tensor:
        states, weights = tensors[: -len(sources)], torch.cat(tensors[-len(sources) :])
        ctx.save_for_backward(weights, *states)
        ctx.sources, ctx.stride = sources, stride
        return convolution(_gathered(states, sources), weights, len(weights), stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        weights, *states = ctx.saved_tensors
        wanted = any(ctx.needs_input_grad[2 : 2 + len(states)]), any(ctx.needs_input_grad[2 + len(states) :])
        x = _gathered(states, ctx.sources)
        for_x, for_weights = through_depthwise(g, x, weights, wanted, ctx.stride)
        return None, None, *_scattered(for_x, ctx.sources, len(states)), *_parts(for_weights, len(ctx.sources))


class NormDepthwise(torch.autograd.Function):
    """A pointwise convolution, BatchNorm, ReLU and a depthwise convolution of each edge: between two depthwise ones.

    What the ReLU gives is not kept: the backward pass computes it again. `whole` leaves phases before the second one.

    apply(norms, whole, x, *pointwise, *depthwise): x (N, E I, H, W), and weights (O, I, 1, 1) and (O, 1, k, k) of an
    edge each -> (N, E O, H', W').
    """

    @staticmethod
    def forward(ctx: Any, norms: Norms, whole: bool, x: Tensor, *weights: Tensor) -> Tensor:
        pointwise, depthwise = _joined_pointwise(weights[: len(norms)]), torch.cat(weights[len(norms) :])
        centred, inverse = _normalised(_rows(_pointwise(x, pointwise)), norms)
        ctx.save_for_backward(x, pointwise, depthwise, centred, inverse)
        ctx.whole = whole
        return convolution(_activated(centred, inverse, x.shape, whole), depthwise, len(depthwise))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        x, pointwise, depthwise, centred, inverse = ctx.saved_tensors
        wanted, *by_weight = ctx.needs_input_grad[2:]
        edges = len(by_weight) // 2
        first, second = any(by_weight[:edges]), any(by_weight[edges:])
        activated = _activated(centred, inverse, x.shape, ctx.whole)
        g, for_depthwise = through_depthwise(g, activated, depthwise, (wanted or first, second))
        for_x = for_pointwise = None
        if wanted or first:
            g = torch.ops.aten.threshold_backward(g, activated, 0)
            g = _rows(to_phases(g) if ctx.whole else g)
            shrinking = (g * centred).sum(0).mul_(inverse).mul_(inverse).div_(-len(g))
            g = g.sub_(g.mean(0)).addcmul_(centred, shrinking)
            g = _images(g, x.shape)
            for_x, for_pointwise = _through_pointwise(g, inverse, x, pointwise, edges, (wanted, first))
        return None, None, for_x, *_parts(for_pointwise, edges), *_parts(for_depthwise, edges)


class NormSums(torch.autograd.Function):
    """A pointwise convolution of each edge, BatchNorm, and the sums of the scaled outputs into some nodes.

    apply(norms, runs, places, sums, scales, x, *weights): where the edges go; where their scales are among `scales`
    (all,); the sums so far (n, T O), which are added to; x (N, E I, H, W); the weight (O, I, 1, 1) of each edge -> the
    sums.
    """

    @staticmethod
    def forward(
        ctx: Any,
        norms: Norms,
        runs: Sequence[Run],
        places: Tensor,
        sums: Tensor,
        scales: Tensor,
        x: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        weight, width = _joined_pointwise(weights), len(weights[0])
        centred, inverse = _normalised(_rows(_pointwise(x, weight)), norms)
        factor = (inverse.view(len(norms), -1) * scales[places].unsqueeze(1)).flatten()
        for run in runs:
            edges = run.edges(width)
            sums[:, run.targets(width)].addcmul_(centred[:, edges], factor[edges])
        ctx.mark_dirty(sums)
        ctx.save_for_backward(places, x, weight, factor, centred, inverse)
        ctx.runs, ctx.scales, ctx.width = runs, len(scales), width
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        places, x, weight, factor, centred, inverse = ctx.saved_tensors
        width, edges = ctx.width, len(places)
        _, scaled, wanted, *by_weight = ctx.needs_input_grad[3:]
        along = torch.empty_like(centred)
        for run in ctx.runs:
            here = run.edges(width)
            torch.mul(g[:, run.targets(width)], centred[:, here], out=along[:, here])
        products = along.sum(0).mul_(inverse)
        for_scales = for_x = for_weight = None
        if scaled:
            for_scales = g.new_zeros(ctx.scales).index_copy_(0, places, products.view(edges, -1).sum(1))
        if wanted or any(by_weight):
            shrinking = products.mul_(inverse).div_(-len(g))
            for run in ctx.runs:
                here, part = run.edges(width), g[:, run.targets(width)]
                torch.addcmul(part - part.mean(0), centred[:, here], shrinking[here], out=along[:, here])
            along = _images(along, x.shape)
            for_x, for_weight = _through_pointwise(along, factor, x, weight, edges, (wanted, any(by_weight)))
        return None, None, None, g, for_scales, for_x, *_parts(for_weight, edges)


def _normalised(rows: Tensor, norms: Norms) -> tuple[Tensor, Tensor]:
    """Centre (n, E O) in place, and move the running statistics of the norms; also 1 / the deviations (E O,)."""
    n, edges = len(rows), len(norms)
    mean = rows.mean(0)
    rows.sub_(mean)
    squares = (rows * rows).sum(0)
    if norms[0].track_running_stats:
        follow_together(norms, mean.view(edges, -1).unbind(), (squares / max(n - 1, 1)).view(edges, -1).unbind())
    return rows, squares.div_(n).add_(norms[0].eps).rsqrt_()


def _joined_pointwise(weights: Sequence[Tensor]) -> Tensor:
    """Of pointwise convolutions (O, I, 1, 1) one in groups, each group block-diagonal of some edges' weights."""
    edges, (outputs, inputs) = len(weights), weights[0].shape[:2]
    count, joined = _together(edges, inputs), torch.cat(list(weights))
    if count == 1:
        return joined
    found = joined.new_zeros(edges // count, count, outputs, count, inputs)
    found.diagonal(dim1=1, dim2=3).copy_(joined.view(-1, count, outputs, inputs).permute(0, 2, 3, 1))
    return found.view(edges * outputs, count * inputs, 1, 1)


def _pointwise(x: Tensor, weight: Tensor) -> Tensor:
    return convolution(x, weight, x.shape[1] // weight.shape[1])


def _through_pointwise(
    g: Tensor, factor: Tensor, x: Tensor, weight: Tensor, edges: int, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of x and of each edge's weight, from g times `factor`, by channel, as that of the outputs."""
    (outputs, inputs, _, _), groups = weight.shape, x.shape[1] // weight.shape[1]
    factor, for_x, for_weight = factor.view(-1, 1, 1, 1), None, None
    if wanted[0]:  # a convolution forward, which is the faster one
        back = (weight * factor).view(groups, -1, inputs).transpose(1, 2).reshape(-1, outputs // groups, 1, 1)
        for_x = convolution(g, back, groups)
    if wanted[1]:
        found = through_convolution(g, x, weight, (False, True), groups)[1] * factor
        count = edges // groups
        if count > 1:
            found = found.view(groups, count, outputs // edges, count, -1).diagonal(dim1=1, dim2=3)
            found = found.permute(0, 3, 1, 2).reshape(outputs, -1, 1, 1)
        for_weight = found
    return for_x, for_weight


def follow_together(norms: Norms, means: Iterable[Tensor], variances: Iterable[Tensor]) -> None:
    """Move the running statistics of BatchNorms, all of one momentum, towards those of a batch, (channels,) each."""
    running = [*(norm.running_mean for norm in norms), *(norm.running_var for norm in norms)]
    torch._foreach_lerp_(running, [*means, *variances], norms[0].momentum)
    torch._foreach_add_([norm.num_batches_tracked for norm in norms], 1)


@cache
def _together(edges: int, width: int) -> int:
    """How many edges' products of matrices are done as one: a divisor of their number, for about `_WIDTH` columns."""
    divisors = [count for count in range(1, edges + 1) if edges % count == 0]
    return min(divisors, key=lambda count: max(count * width / _WIDTH, _WIDTH / (count * width)))


def _activated(centred: Tensor, inverse: Tensor, shape: Sequence[int], whole: bool) -> Tensor:
    x = _images((centred * inverse).relu_(), shape)
    return from_phases(x) if whole else x


def _gathered(states: Sequence[Tensor], sources: Sequence[int]) -> Tensor:
    return states[0] if len(sources) == 1 else torch.cat([states[at] for at in sources], dim=1)


def _scattered(g: Tensor | None, sources: Sequence[int], states: int) -> Sequence[Tensor | None]:
    """The gradients of the states, from those of what was gathered of them."""
    if g is None or len(sources) == 1:
        return [g] * states
    found: list[Any] = [None] * states
    for at, part in zip(sources, g.chunk(len(sources), 1), strict=True):
        found[at] = part if found[at] is None else found[at] + part
    return found


def _parts(gradient: Tensor | None, edges: int) -> Sequence[Tensor | None]:
    return [None] * edges if gradient is None else gradient.chunk(edges)


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N H W, C)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _images(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse of `_rows`, for images of this shape, whatever their channels."""
    return rows.view(shape[0], *shape[2:], -1).permute(0, 3, 1, 2)
