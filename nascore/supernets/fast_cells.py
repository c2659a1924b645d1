"""The supernets of cells with less work: the same modules and the same mathematics, fewer bytes moved.

What `plain_cells` does edge by edge is done here once for all edges that share it, see `sharing`; the architecture
weight is the scale of an operation's last BatchNorm; `none` is not computed. Parameters, buffers and their names are
those of the plain form, so that either takes the other's weights.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from nascore.base.arguments import checked
from nascore.relaxations.base import EdgeWeights
from nascore.supernets.kernels import channels_last
from nascore.supernets.plain_cells import BenchmarkSupernet, CellSupernet, SearchCell
from nascore.supernets.sharing import State, Sum, aligned, rule_of


@checked
class FastSearchCell(SearchCell):
    """`SearchCell`, computed state by state; see the module. On CPUs its activations are channels-last.

    Other kinds of mixed operations are subclasses: `state` says what candidates read of a node, `join` what becomes of
    their sum.
    """

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._rules = [[rule_of(module) for module in edge.candidates] for edge in self.edges]

    def forward(self, inputs: Sequence[Tensor], weights: EdgeWeights) -> Tensor:
        states, edge = [self.state(channels_last(x)) for x in inputs], 0
        # a row for each operation of each edge, its weight once for each channel: the scale that a BatchNorm takes
        channels, count = states[0].x.shape[1], weights.values.numel()
        scales = weights.values.reshape(count, 1).expand(count, channels).contiguous().unbind()
        assert weights.active is not None  # `Architecture` fills it in
        active = weights.active.tolist()
        for _ in range(self.nodes):
            total, first = Sum(), edge
            for state in states:
                self._add_edge(total, state, edge, active[edge], scales)
                edge += 1
            summed = total.value() if total else self.nothing([state.x for state in states[: self.inputs]])
            states.append(self.state(channels_last(self.join(summed, states, first, weights))))
        return self.output([state.whole for state in states])

    def _add_edge(self, total: Sum, state: State, edge: int, active: list[bool], scales: tuple[Tensor, ...]) -> None:
        rules = zip(self.edges[edge].candidates, self._rules[edge], strict=True)
        for at, (module, rule) in enumerate(rules):
            if active[at] and rule is not None:
                rule(module, state, scales[edge * len(self.operations) + at], total)

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
