"""Separable convolutions of many edges in compiled passes, where Numba is installed: `pip install nascore[numba]`.

On a CPU and one thread, for small activations: there most of what `banks` takes is the fixed cost of calls. `loops` has
the passes. Elsewhere, and without Numba, `together` computes the same. A supernet that is evaluated goes through the
same passes, with the statistics that its norms have learned.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nascore.networks.operations import SeparableConvolution
from nascore.supernets import double
from nascore.supernets.banks import follow_together
from nascore.supernets.choice import passes, wanted
from nascore.supernets.kernels import in_kernels, rewritten
from nascore.supernets.sharing import State, rule_of, separable_convolution
from nascore.supernets.together import Place

_MOST = 2**17  # values of an activation up to which it was faster


def takes(x: Tensor) -> bool:
    """Whether an activation, a state of a cell that is trained or evaluated, is one to compute so.

    The products of pointwise weights are loops here, so many as pairs of channels, and longer with more images: with
    many channels a library's are faster. In double precision they never were, and there is nothing to share out.
    """
    if double.in_double(x):
        return wanted()
    images, channels, *_ = x.shape
    small = x.numel() <= _MOST and channels <= max(8, images // 2)
    known = x.device.type == "cpu" and x.dtype == torch.float32
    return small and known and torch.get_num_threads() == 1 and wanted()


def key_of(module: nn.Module) -> tuple[Any, ...] | None:
    """What those have in common that one pass computes; None for what none does."""
    if not isinstance(module, SeparableConvolution) or rule_of(module) is not separable_convolution:
        return None
    layers: tuple[Any, ...] = tuple(module)
    kernels = {layer.kernel_size for layer in layers[1::4]}
    widths = {layer.out_channels for layer in layers[2::4]} | {layers[1].in_channels}
    norm = layers[3]
    known = kernels in ({(3, 3)}, {(5, 5)}) and module.dilations in ((1,), (2,), (1, 1), (2, 1))
    return (module.stride, *widths, norm.eps, norm.momentum) if known and len(widths) == 1 else None


class Pass:
    """Operations of one key from states that are known at the same time, into nodes to come."""

    def __init__(self, places: Sequence[Place]):
        self.places = places
        self.sources = sorted({place.source for place in places})
        self.targets = max(place.target for place in places) + 1
        self.stride = places[0].module.stride
        self.convolutions: list[Any] = []
        self.norms: list[Any] = []
        rows, at, padding = [], 0, 0
        for place in places:
            layers, dilations = tuple(place.module), place.module.dilations
            kernel = layers[1].kernel_size[0]
            begins = []
            for convolution in [layer for first in range(1, len(layers), 4) for layer in layers[first : first + 2]]:
                begins.append(at)
                at += convolution.weight.numel()
                self.convolutions.append(convolution)
            source = self.sources.index(place.source)
            row = (source, place.target, kernel, dilations[0], len(dilations), place.row, len(self.norms))
            rows.append((*row, *begins, *[0] * (4 - len(begins))))
            padding = max(padding, dilations[0] * (kernel // 2))
            self.norms += layers[3::4]
        self.operations, self.padding = np.array(rows, dtype=np.int64), padding

    def add(self, states: Sequence[State], scales: Tensor) -> Sequence[Tensor] | None:
        """What they add to each target, (N, C, H, W); None where it can't be so and they are computed one by one."""
        returning = torch.is_grad_enabled()
        if not (rewritten(states[0].x, self.norms[0]) or (in_kernels(states[0].x) and not returning)):
            return None
        read = [states[at].x for at in self.sources]
        weights = [each.weight for each in self.convolutions]
        return Separable.apply(self, returning, scales, *read, *weights).unbind()

    def running_statistics(self) -> tuple[Tensor, Tensor]:
        """The means and variances that the norms have learned, (layers, channels) each."""
        means, variances = zip(*((norm.running_mean, norm.running_var) for norm in self.norms), strict=True)
        return torch.stack(means), torch.stack(variances)


class Separable(torch.autograd.Function):
    """All of a `Pass`.

    apply(of, returning, scales, *states, *weights): the pass; whether a backward one may follow; the scales (all,), of
    which each operation knows its own; states (N, C, H, W), channels-last, and the weights of the convolutions ->
    (targets, N, C, H', W').
    """

    @staticmethod
    def forward(ctx: Any, of: Pass, returning: bool, scales: Tensor, *tensors: Tensor) -> Tensor:
        count = len(of.sources)
        states, weights = tensors[:count], torch.cat([weight.flatten() for weight in tensors[count:]])
        x, (n, channels, h, w) = _batch_last(states), states[0].shape
        loops: Any = passes("loops")
        size = loops.Size(channels, h, w, of.padding, n)
        out = -(-h // of.stride), -(-w // of.stride), channels, n
        layers, keeping = len(of.norms), returning and any(ctx.needs_input_grad[3 + count :])
        read = x.new_empty(count * channels * h * (w + 2 * of.padding) * n)
        sums, y = x.new_empty(of.targets, *out), x.new_empty(layers if returning else 1, *out)
        kept = torch.empty_like(y) if keeping else x.new_empty(0)
        measuring = of.norms[0].training
        mean, variance = x.new_empty(2, layers, channels) if measuring else of.running_statistics()
        fixed, how = (count, size, of.targets, of.stride, of.operations), (returning, keeping, measuring)
        arrays = _arrays(x), *fixed, _arrays(weights), _arrays(scales), of.norms[0].eps, how
        loops.forward(*arrays, *map(_arrays, (read, y, kept, sums, mean, variance)))
        if measuring and of.norms[0].track_running_stats:
            values = out[0] * out[1] * n
            follow_together(of.norms, mean.unbind(), (variance * (values / max(values - 1, 1))).unbind())
        inverse = (variance + of.norms[0].eps).rsqrt()
        ctx.save_for_backward(scales, weights, read, y, kept, mean, inverse, *tensors[count:])
        ctx.fixed = fixed
        return _batch_first(sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        scales, weights, read, y, kept, mean, inverse, *each = ctx.saved_tensors
        count, size = ctx.fixed[:2]
        scaled, *towards = ctx.needs_input_grad[2:]
        wanted = np.array([*towards[:count], any(towards[count:])])
        for_states = g.new_empty(count, size.height, size.width, size.channels, size.images)
        for_weights, for_scales = torch.empty_like(weights), torch.zeros_like(scales)
        loops: Any = passes("loops")
        arrays = map(_arrays, (weights, scales, read, y, kept))
        found = map(_arrays, (for_states, for_weights, for_scales))
        stats = _arrays(mean), _arrays(inverse)
        loops.backward(_arrays(_batch_last(g)), *ctx.fixed, *arrays, stats, wanted, *found)
        by_state = zip(wanted, _batch_first(for_states), strict=False)
        by_weight: Sequence[Any] = [None] * len(each)
        if wanted[count]:
            parts = for_weights.split([weight.numel() for weight in each])
            by_weight = [part.view_as(weight) for part, weight in zip(parts, each, strict=True)]
        return (
            None,
            None,
            for_scales if scaled else None,
            *(part if yes else None for yes, part in by_state),
            *by_weight,
        )


def _batch_last(states: Sequence[Tensor] | Tensor) -> Tensor:
    """(N, C, H, W), channels-last -> (states, H, W, C, N)."""
    n, channels, h, w = states[0].shape
    found = states[0].new_empty(len(states), h * w * channels, n)
    for to, state in zip(found, states, strict=True):
        to.copy_(state.permute(0, 2, 3, 1).reshape(n, -1).t())
    return found.view(-1, h, w, channels, n)


def _batch_first(x: Tensor) -> Tensor:
    """The inverse of `_batch_last`."""
    count, h, w, channels, n = x.shape
    found = x.new_empty(count, n, h * w * channels)
    for to, each in zip(found, x, strict=True):
        to.copy_(each.view(-1, n).t())
    return found.view(count, n, h, w, channels).permute(0, 1, 4, 2, 3)


def _arrays(x: Tensor) -> np.ndarray[Any, Any]:
    """Its values in the order of its dimensions, flat; not a copy if it lies so."""
    return x.detach().reshape(-1).numpy()
