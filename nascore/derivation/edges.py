"""Derivation of each node's strongest edges: DARTS's, and with a limit on skips P-DARTS's."""

from typing import Annotated

import torch
from torch import Tensor

from nascore.base.ranges import Count, Range
from nascore.derivation.base import Derivation
from nascore.networks.genotypes import Arrow
from nascore.spaces.base import Space


class StrongestEdges(Derivation):
    """Each node keeps the `inputs` edges whose best operation is strongest, each with that operation; `none` does not
    count, nor does what has no strength.

    DARTS, section 2.4. Of equal edges the earlier source wins, of equal operations the earlier candidate.

    With a `skip_limit`, no normal cell type keeps more skip connections than that (P-DARTS; ETH thesis, section
    3.2.2): as long as there are too many, the weakest of those kept loses its strength, and all is chosen anew. So
    another operation of the same edge takes its place, or another edge does. Reduction cells are not limited.

    That `none` does not count is the heuristic that sparse DARTS objects to (section "Analysis of the DARTS Search
    Procedure"): what is kept of an edge may be next to nothing beside its `none`. With `none_competes`, an edge on
    which no operation is stronger than `none` is as good as absent; a node may then keep fewer edges, or no edge.
    """

    inputs: Count = 2
    skip_limit: Annotated[int, Range(0, 100)] | None = None
    none_competes: bool = False

    def choose(self, space: Space, strengths: Tensor, kind: str = "normal") -> list[Arrow]:
        strengths, edges = strengths.clone(), space.edges()
        limit = None if kind == "reduce" else self.skip_limit
        while True:
            scores = self.scores(space, strengths)
            kept = _strongest_edges(space, scores, self.inputs)
            skips = [edges.index((source, target)) for name, source, target in kept if name == "skip_connect"]
            if limit is None or len(skips) <= limit:
                return kept
            skip = space.operations.index("skip_connect")
            strengths[min(skips, key=lambda edge: float(scores[edge, skip])), skip] = 0.0

    def scores(self, space: Space, strengths: Tensor) -> Tensor:
        """What operations are chosen by: (edges, operations), 0 for `none`, and for all of an edge that it leads."""
        none = torch.tensor([name == "none" for name in space.operations])
        scores = strengths.masked_fill(none, 0.0)
        if not self.none_competes or not none.any():
            return scores
        leads = strengths[:, none].amax(dim=1) >= scores.amax(dim=1)
        return scores.masked_fill(leads[:, None], 0.0)


def _strongest_edges(space: Space, scores: Tensor, inputs: int) -> list[Arrow]:
    """The best operation of each node's `inputs` best edges, of those that have any strength."""
    strength, best = scores.max(dim=1)
    found: dict[int, list[tuple[float, Arrow]]] = {}
    for edge, (source, target) in enumerate(space.edges()):
        if strength[edge] > 0:
            arrow = space.operations[int(best[edge])], source, target
            found.setdefault(target, []).append((float(strength[edge]), arrow))
    return [arrow for _, edges in sorted(found.items()) for arrow in _strongest(edges, inputs)]


def _strongest(candidates: list[tuple[float, Arrow]], count: int) -> list[Arrow]:
    """The arrows of the `count` largest values, by source."""
    ranked = sorted(candidates, key=lambda candidate: -candidate[0])[:count]
    return sorted((arrow for _, arrow in ranked), key=lambda arrow: arrow[1])
