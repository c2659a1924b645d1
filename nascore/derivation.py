"""Derivation, the fifth choice: how a trained supernet becomes a genotype."""

from collections.abc import Mapping

from torch import Tensor

from nascore.config import Settings
from nascore.genotypes import INPUTS, Cell, Edge, Genotype
from nascore.spaces.cells import CellSpace


class Derivation(Settings):
    """Base of the derivations."""

    def genotype(self, space: CellSpace, strengths: Mapping[str, Tensor]) -> Genotype:
        """The architecture that `strengths`, cell type -> (edges, operations), stand for."""
        cells = {kind: self.cell(space, values.detach().cpu()) for kind, values in strengths.items()}
        reduce = cells.pop("reduce")
        return Genotype(tuple(cells.values()), reduce)

    def cell(self, space: CellSpace, strengths: Tensor) -> Cell:
        """One cell from its (edges, operations) strengths."""
        raise NotImplementedError


class StrongestEdges(Derivation):
    """Each node keeps the `inputs` edges whose best operation is strongest, each with that operation; `none` does not
    count.

    DARTS, section 2.4. Of equal edges the earlier source wins, of equal operations the earlier candidate.
    """

    inputs: int = 2

    def validate(self) -> None:
        self.require(self.inputs >= 1, "inputs", "at least 1")

    def cell(self, space: CellSpace, strengths: Tensor) -> Cell:
        usable = [i for i, name in enumerate(space.operations) if name != "none"]
        strength, best = strengths[:, usable].max(dim=1)
        found: dict[int, list[tuple[float, Edge]]] = {}
        for edge, (source, target) in enumerate(space.edges()):
            operation = space.operations[usable[int(best[edge])]]
            found.setdefault(target, []).append((float(strength[edge]), (operation, source)))
        nodes = tuple(self._strongest(edges) for _, edges in sorted(found.items()))
        return Cell(nodes, tuple(range(INPUTS, INPUTS + space.nodes)))

    def _strongest(self, edges: list[tuple[float, Edge]]) -> tuple[Edge, ...]:
        ranked = sorted(edges, key=lambda edge: -edge[0])[: self.inputs]
        return tuple(sorted((edge for _, edge in ranked), key=lambda edge: edge[1]))
