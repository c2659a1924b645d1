"""DARTS+ (Liang et al. 2019): DARTS, stopped before skip connections take over.

One new answer, a stop.
"""

from nascore.base import override, ranges
from nascore.derivation import StrongestEdges
from nascore.pruning import Stop
from nascore.recipes import Recipe, darts


class TooManySkips(Stop):
    """The search ends once a normal cell, derived now, has `skips` skip connections or more: its first criterion."""

    skips: ranges.Count = 2
    derivation: StrongestEdges = StrongestEdges()

    def objection(self, search):
        if "skip_connect" not in search.space.operations:
            return "TooManySkips counts skip connections, and the space has none: take another stop"
        return None

    def reason(self, seen):
        for kind in (kind for kind in seen.space.cell_types() if kind != "reduce"):
            arrows = self.derivation.choose(seen.space, seen.strengths[kind], kind)
            found = sum(name == "skip_connect" for name, *_ in arrows)
            if found >= self.skips:
                return f"{found} skip connections in the {kind} cell"
        return None


SEARCH = Recipe(
    "darts-plus",
    "darts_plus",
    "DARTS+: stopped at two skip connections in the normal cell",
    override(darts.SEARCH.settings, stop=TooManySkips()),  # the method
    darts.SEARCH.profiles,
)

RECIPES = (SEARCH,)
