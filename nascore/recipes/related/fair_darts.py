"""FairDARTS (Chu et al. 2020): operations of an edge no longer compete, and a loss pushes their weights to 0 or 1.

Two new answers and a variation of a third. Numbers are those of its public code ("code") where they are not DARTS's.
"""

from typing import ClassVar

from nascore.base import override, ranges
from nascore.derivation import StrongestEdges
from nascore.optimization import Penalty
from nascore.recipes import Recipe, darts
from nascore.relaxations import ANYWHERE, Relaxation


class Sigmoid(Relaxation):
    """A weight for each operation by itself, sigmoid(alpha)."""

    competes: ClassVar[bool] = False

    def strengths(self, alpha, alive, context=ANYWHERE):
        return alpha.sigmoid().masked_fill(~alive, 0.0)


class ZeroOneLoss(Penalty):
    """-`factor` times the mean of (w - 1/2)^2 over all weights w: smallest where all are 0 or 1."""

    factor: ranges.NonNegative = 10.0  # code

    def value(self, cells):
        distances = [(cell.weights - 0.5).square()[cell.alive] for cell in cells.values()]
        alive = max(1, sum(part.numel() for part in distances))  # nothing is left: no penalty
        return -self.factor * sum(part.sum() for part in distances) / alive


class AboveThreshold(StrongestEdges):
    """`StrongestEdges` of the operations whose weight is above `threshold`: there may be fewer of them, or none."""

    threshold: ranges.Probability = 0.85  # code

    def scores(self, space, strengths):
        scores = super().scores(space, strengths)
        return scores.masked_fill(scores <= self.threshold, 0.0)


SEARCH = Recipe(
    "fair-darts",
    "fair_darts",
    "FairDARTS: sigmoid weights and a zero-one loss",
    override(
        darts.SEARCH.settings,
        space__operations=darts.SEARCH.settings.space.operations[1:],  # the method: a weight of 0 is `none`
        relaxation=Sigmoid(),  # the method
        penalty=ZeroOneLoss(),  # the method; its factor is the code's
        derivation=AboveThreshold(),  # the method; its threshold is the code's
        optimization__learning_rate=3e-3,  # code
        optimization__betas=(0.9, 0.999),  # code
        learning_rate=0.005,  # code
        batch_size=128,  # code
    ),
    # in so few steps no weight comes near 0.85: the strongest edges of those that grew
    darts.SEARCH.profiles
    | {at: darts.SEARCH.profiles[at] | {"derivation__threshold": 0.5} for at in ("smoke", "demo")},
)

RECIPES = (SEARCH,)
