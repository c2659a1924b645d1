"""Which edges of a cell are computed together, by `banks`.

Separable convolutions of one form that read states which are known at the same time: a cell's inputs, then each node's
value as it becomes known. Where activations are large, fewer at once: then it is bytes that cost, not calls.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nascore.networks.operations import SeparableConvolution
from nascore.supernets.banks import GatheredDepthwise, NormDepthwise, NormSums, Run
from nascore.supernets.kernels import from_phases, rewritten
from nascore.supernets.sharing import Rule, State, rule_of, separable_convolution

_MOST = 2**18  # values of an activation up to which edges are better computed together


class Form(NamedTuple):
    """What separable convolutions that are computed together have in common."""

    kernel: tuple[int, ...]
    widths: tuple[int, ...]
    dilations: tuple[int, ...]
    stride: int
    eps: float
    momentum: float | None

    @property
    def reads(self) -> str:
        """The attribute of a `State` that they read."""
        if self.dilations[0] == 1:
            return "relu"
        return "phases" if self.stride == 1 else "subsampled"

    @property
    def whole(self) -> bool:
        """Whether they leave phases after the first block."""
        return self.reads == "phases" and len(self.dilations) > 1 and self.dilations[1] == 1

    def fits(self, state: State) -> bool:
        """Whether a bank computes them from such a state."""
        return self.reads != "phases" or state.even


def form_of(module: nn.Module) -> Form | None:
    """None for what is not computed together with others."""
    if not isinstance(module, SeparableConvolution) or rule_of(module) is not separable_convolution:
        return None
    first, *later = module.dilations
    inner = {1} if first == 1 or module.stride == 2 else {1, 2}
    if first not in (1, 2) or len(set(later)) > 1 or not set(later) <= inner:
        return None
    layers: tuple[Any, ...] = tuple(module)
    _, depthwise, _, norm, *_ = layers
    widths = tuple(layer.out_channels for layer in layers[2::4])
    return Form(depthwise.kernel_size, widths, module.dilations, module.stride, norm.eps, norm.momentum)


class Place(NamedTuple):
    """One operation of one edge: its module and rule, and which of the states known and of the nodes to come it reads
    and adds to. `row` is where its scale is among those of all operations of all edges.
    """

    module: Any
    rule: Rule
    source: int
    target: int
    row: int


class Sums:
    """What banks add up for `count` nodes: side by side, (n, count * channels), n = N H W; and the same in phases."""

    plain: Tensor | None = None
    phased: Tensor | None = None

    def __init__(self, count: int):
        self.count, self._shape = count, (0, 0, 0)

    def add(
        self, form: Form, x: Tensor, runs: Sequence[Run], places: Tensor, scales: Tensor, layers: Sequence[Any]
    ) -> None:
        """Add the last pointwise convolutions of a bank, of x."""
        phased = form.reads == "phases" and not form.whole
        n, _, h, w = x.shape
        self._shape = (n // 4, 2 * h, 2 * w) if phased else (n, h, w)
        before = self.phased if phased else self.plain
        if before is None:
            before = x.new_zeros(n * h * w, self.count * form.widths[-1])
        weights, norms = [each[-2].weight for each in layers], [each[-1] for each in layers]
        after = NormSums.apply(norms, runs, places, before, scales, x, *weights)
        if phased:
            self.phased = after
        else:
            self.plain = after

    def values(self) -> list[list[Tensor]]:
        """For each node what adds up to its value, each (N, channels, H, W)."""
        n, h, w = self._shape
        found = []
        if self.phased is not None:
            found.append(from_phases(self.phased.view(4 * n, h // 2, w // 2, -1).permute(0, 3, 1, 2)))
        if self.plain is not None:
            found.append(self.plain.view(n, h, w, -1).permute(0, 3, 1, 2))
        parts = [images.chunk(self.count, 1) for images in found]
        return [[part[at] for part in parts] for at in range(self.count)]


class Bank:
    """Separable convolutions of one form, from states that are known at the same time, sorted by source and target."""

    def __init__(self, form: Form, places: Sequence[Place]):
        self.form, self.places = form, places
        self._parts: dict[int, list[_Part]] = {}

    def add(self, states: Sequence[State], scales: Tensor, sums: Sums) -> bool:
        """Add them to the sums, unless it is better, or necessary, to compute them one by one; returns whether."""
        x, form = states[0].x, self.form
        most = min(_MOST * form.stride**2 // x.numel(), len(self.places))
        if most < 2 or not form.fits(states[0]) or not rewritten(x, self.places[0].module[3]):
            return False
        if most not in self._parts:
            starts = range(0, len(self.places), most)
            self._parts[most] = [_part(self.places[first : first + most]) for first in starts]
        for part in self._parts[most]:
            sums.add(form, self._depthwise(part, states), part.runs, part.rows, scales, part.layers)
        return True

    def _depthwise(self, part: "_Part", states: Sequence[State]) -> Tensor:
        """All up to the last pointwise convolution."""
        form, layers = self.form, part.layers
        stride = (form.stride, form.stride) if form.reads == "relu" else (1, 1)
        read = [getattr(states[at], form.reads) for at in part.states]
        x: Tensor = GatheredDepthwise.apply(part.sources, stride, *read, *[each[1].weight for each in layers])
        for at in range(3, 4 * len(form.dilations) - 1, 4):  # where the norms are
            pointwise, depthwise = ([each[place].weight for each in layers] for place in (at - 1, at + 2))
            norms = [each[at] for each in layers]
            x = NormDepthwise.apply(norms, form.whole and at == 3, x, *pointwise, *depthwise)
        return x


class _Part(NamedTuple):
    """So many places of a bank as are computed at once: their states, and each place's among these; where they add,
    where their scales are, and their layers.
    """

    states: tuple[int, ...]
    sources: tuple[int, ...]
    runs: tuple[Run, ...]
    rows: Tensor
    layers: tuple[tuple[Any, ...], ...]


def _part(places: Sequence[Place]) -> _Part:
    states = tuple(sorted({place.source for place in places}))
    return _Part(
        states,
        tuple(states.index(place.source) for place in places),
        _runs([(place.source, place.target) for place in places]),
        torch.tensor([place.row for place in places]),
        tuple(tuple(place.module) for place in places),
    )


def _runs(edges: Sequence[tuple[int, int]]) -> tuple[Run, ...]:
    apart = [at for at, (one, other) in enumerate(pairwise(edges), 1) if other != (one[0], one[1] + 1)]
    return tuple(Run(first, last, edges[first][1]) for first, last in pairwise((0, *apart, len(edges))))
