"""DARTS- (Chu et al. 2021): an auxiliary skip connection on every edge, which fades away during the search.

One new answer, a relaxation: the auxiliary skip is the skip connection itself, with a weight beside its own.
"""

from typing import ClassVar

from nascore.base import override, ranges
from nascore.recipes import Recipe, darts
from nascore.relaxations import ANYWHERE, EdgeWeights, Softmax


class AuxiliarySkip(Softmax):
    """softmax(alpha), and `beta` more on the skip connection, falling along a line to 0 at the end of the search.

    Strengths are without it: it is no part of what is derived.
    """

    beta: ranges.NonNegative = 1.0

    anneals: ClassVar[bool] = True
    outruns_statistics: ClassVar[bool] = True  # the last epoch is trained with some of beta, and validated without

    def objection(self, search):
        if "skip_connect" not in search.space.operations:
            return "AuxiliarySkip leans on the skip connection, and the space has none: take Softmax"
        return super().objection(search)

    def weights(self, alpha, alive, generator, context=ANYWHERE):
        values = self.strengths(alpha, alive, context)
        more, skip = values.new_zeros(values.shape), context.operations.index("skip_connect")
        more[:, skip] = self.beta * (1 - context.progress)
        return EdgeWeights(values + more.masked_fill(~alive, 0.0))


SEARCH = Recipe(
    "darts-minus",
    "darts_minus",
    "DARTS-: an auxiliary skip connection that fades away",
    override(darts.SEARCH.settings, relaxation=AuxiliarySkip()),  # the method
    darts.SEARCH.profiles,
)

RECIPES = (SEARCH,)
