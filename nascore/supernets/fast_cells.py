"""The supernets of cells with less work: the same modules and the same mathematics, fewer bytes moved.

What `plain_cells` does edge by edge is done here once for all edges that share it, see `sharing`; the architecture
weight is the scale of an operation's last BatchNorm; `none` is not computed. Parameters, buffers and their names are
those of the plain form, so that either takes the other's weights.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.relaxations.base import EdgeWeights
from nascore.supernets.compiled import Pass, key_of, takes
from nascore.supernets.kernels import channels_last
from nascore.supernets.plain_cells import BenchmarkSupernet, CellSupernet, SearchCell
from nascore.supernets.sharing import State, Sum, aligned, rule_of
from nascore.supernets.together import Bank, Form, Place, Sums, form_of


class _Plan(NamedTuple):
    """What is computed of a cell when a node's turn comes: operations that read states from `first` on, which are known
    since, in compiled passes, in banks or alone.
    """

    first: int
    passes: list[Pass]
    banks: list[Bank]
    alone: list[Place]


@checked
class FastSearchCell(SearchCell):
    """`SearchCell`, computed state by state; see the module. On CPUs its activations are channels-last.

    Other kinds of mixed operations are subclasses: `state` says what candidates read of a node, `join` what becomes of
    their sum.
    """

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._candidates = [
            [(module, rule_of(module), form_of(module), key_of(module)) for module in edge.candidates]
            for edge in self.edges
        ]
        self._planned: dict[bool, tuple[list[list[bool]], list[_Plan]]] = {}

    def forward(self, inputs: Sequence[Tensor], weights: EdgeWeights) -> Tensor:
        states = [self.state(channels_last(x)) for x in inputs]
        # a row for each operation of each edge, its weight once for each channel: the scale that a BatchNorm takes
        channels, scales = states[0].x.shape[1], weights.values.flatten()
        by_channel = scales[:, None].expand(-1, channels).contiguous().unbind()
        assert weights.active is not None  # `Architecture` fills it in
        banked: list[list[Tensor]] = [[] for _ in range(self.nodes)]
        left: list[list[tuple[State, Place]]] = [[] for _ in range(self.nodes)]
        plans = self._plan(
            weights.active.tolist(), (self.training or not torch.is_grad_enabled()) and takes(states[0].x)
        )
        for node, (first, passes, banks, alone) in enumerate(plans):
            known, sums = states[first:], Sums(self.nodes - node)
            refused: list[Place] = []
            for each in passes:
                added = each.add(known, scales)
                refused += each.places if added is None else []
                for target, term in enumerate(added or (), node):
                    banked[target].append(term)
            for place in chain(alone, refused, *(bank.places for bank in banks if not bank.add(known, scales, sums))):
                left[node + place.target].append((known[place.source], place))
            for target, terms in enumerate(sums.values(), node):
                banked[target] += terms
            total = Sum._begun(banked[node])
            for state, place in sorted(left[node], key=lambda each: each[1].row):  # as the plain form draws dropout
                place.rule(place.module, state, by_channel[place.row], total)
            summed = total.value() if total else self.nothing([state.x for state in states[: self.inputs]])
            states.append(self.state(channels_last(self.join(summed, states, self._first_edge(node), weights))))
        return self.output([state.whole for state in states])

    def _first_edge(self, node: int) -> int:
        return node * self.inputs + node * (node - 1) // 2

    def _plan(self, active: list[list[bool]], compiled: bool) -> list[_Plan]:
        """What to compute when, kept until other operations are active."""
        if compiled not in self._planned or self._planned[compiled][0] != active:
            starts = [0, *range(self.inputs, self.inputs + self.nodes - 1)]
            plans = [self._planned_anew(active, compiled, node, first) for node, first in enumerate(starts)]
            self._planned[compiled] = active, plans
        return self._planned[compiled][1]

    def _planned_anew(self, active: list[list[bool]], compiled: bool, node: int, first: int) -> _Plan:
        passes: dict[Any, list[Place]] = {}
        together: dict[Form, list[Place]] = {}
        alone: list[Place] = []
        for source in range(first, self.inputs + node):
            for target in range(node, self.nodes):
                edge = self._first_edge(target) + source
                for at, (module, rule, form, key) in enumerate(self._candidates[edge]):
                    if active[edge][at] and rule is not None:
                        row = edge * len(self.operations) + at
                        place = Place(module, rule, source - first, target - node, row)
                        if compiled and key is not None:
                            passes.setdefault(key, []).append(place)
                        else:
                            (alone if form is None else together.setdefault(form, [])).append(place)
        alone += [places[0] for places in together.values() if len(places) == 1]
        banks = [Bank(form, places) for form, places in together.items() if len(places) > 1]
        return _Plan(first, [Pass(places) for places in passes.values()], banks, alone)

    def state(self, x: Tensor) -> State:
        """What candidates read of a node's value, (N, channels, H, W); here all of it."""
        return State(x)

    def join(self, summed: Tensor, states: Sequence[State], first: int, weights: EdgeWeights) -> Tensor:
        """A node's value, from the weighted sum of all candidates on its edges; here the sum itself.

        `states` are those of the nodes before it, one an edge; `first` is the row of `weights` of the first edge.
        """
        return summed


@checked
class FastCellSupernet(CellSupernet):
    """`CellSupernet`, computed state by state; see the module."""

    cell = FastSearchCell

    def forward(self, images: Tensor, weights: Mapping[str, EdgeWeights]) -> Tensor:
        """(N, in_channels, H, W) and the weights of each cell type -> logits (N, classes)."""
        before_last, last = (State(channels_last(x)) for x in self.stem(images))
        for align, cell, kind in zip(self.preprocess, self.cells, self.kinds, strict=True):
            inputs = aligned(align.before_last, before_last), aligned(align.last, last)
            before_last, last = last, State(cell(inputs, weights[kind]))
        return self.classify(last.x)


@checked
class FastBenchmarkSupernet(BenchmarkSupernet):
    """`BenchmarkSupernet`, computed state by state; see the module."""

    cell = FastSearchCell
