"""DARTS-PT (Wang et al. 2021): operations are chosen by what their loss costs the supernet, not by their weights.

One new answer, a derivation, which evaluates and trains the supernet. It follows the public code ("code"), but here
architecture parameters rest while the supernet is tuned, at a constant rate, accuracies are by BatchNorm's running
statistics instead of each batch's, and `none` is never chosen.
"""

from typing import ClassVar

import torch

from nascore.base import override, ranges
from nascore.derivation import Derivation
from nascore.recipes import Recipe, darts


class Perturbation(Derivation):
    """Edge by edge, in random order, the operation stays without which the supernet's accuracy on held-out images is
    lowest. Then, node by node, edges go one at a time, each time that without which it is highest, until `inputs` stay.
    Between decisions, one in every cell type, the supernet is trained on for `fine_tuning` epochs.
    """

    inputs: ranges.Count = 2
    fine_tuning: ranges.Rest = 10  # code
    learning_rate: ranges.Rate = 0.0025  # code: a tenth of the search's, from which it falls

    needs_search: ClassVar[bool] = True

    def genotype(self, space, strengths, search=None):
        alive = {kind: mask.clone() for kind, mask in search.alive.items()}
        edges, usable = space.edges(), torch.tensor([name != "none" for name in space.operations])
        orders = {kind: torch.randperm(len(edges), generator=search.draws).tolist() for kind in alive}
        for turn in range(len(edges)):
            if turn > 0:
                self.tune(search, alive)
            for kind, mask in alive.items():
                edge = orders[kind][turn]
                trials = [(edge, at) for at in (mask[edge] & usable).nonzero().flatten().tolist()]
                missed = self.by_accuracy_without(search, alive, kind, trials)
                mask[edge] = False
                for _, at in missed[:1]:
                    mask[edge, at] = True
        nodes = sorted({target for _, target in edges})
        for turn in torch.randperm(len(nodes), generator=search.draws).tolist():
            self.tune(search, alive)
            for kind, mask in alive.items():
                into = [at for at, (_, target) in enumerate(edges) if target == nodes[turn] and mask[at].any()]
                while len(into) > self.inputs:
                    trials = [(at, slice(None)) for at in into]
                    spared, _ = self.by_accuracy_without(search, alive, kind, trials)[-1]
                    mask[spared] = False
                    into.remove(spared)
        return super().genotype(space, {kind: mask.float() for kind, mask in alive.items()})

    def by_accuracy_without(self, search, alive, kind, trials):
        """`trials`, (edge, operations) each, by the accuracy that is left without them, lowest first."""

        def accuracy(trial):
            weights = search.weights(alive)
            weights[kind][trial] = 0.0
            return search.accuracy(weights)

        return sorted(trials, key=accuracy) if len(trials) > 1 else trials

    def tune(self, search, alive):
        search.fine_tune(search.weights(alive), self.fine_tuning, self.learning_rate)

    def choose(self, space, strengths, kind="normal"):
        found = strengths.nonzero().tolist()
        return [(space.operations[at], *space.edges()[edge]) for edge, at in found]


SEARCH = Recipe(
    "darts-pt",
    "darts_pt",
    "DARTS-PT: operations chosen by perturbation of the supernet",
    override(darts.SEARCH.settings, derivation=Perturbation()),  # code
    {at: changes | {"derivation__fine_tuning": 1} for at, changes in darts.SEARCH.profiles.items()},
)

RECIPES = (SEARCH,)
