"""Pruning of what has the weight 0: sparse DARTS's."""

from nascore.base.answers import Answers
from nascore.base.ranges import Rest
from nascore.pruning.base import Pruning, Seen
from nascore.spaces.base import Masks


class Zeros(Pruning):
    """What has the weight exactly 0 is dropped for good (sparse DARTS, section 4), after `warm_up` epochs."""

    warm_up: Rest = 0

    def objection(self, search: Answers) -> str | None:
        if search.relaxation.sparse:
            return None
        name = type(search.relaxation).__name__
        return f"{type(self).__name__} drops what has the weight 0, and {name} gives none: take Entmax, or Scales"

    def keep(self, seen: Seen) -> Masks:
        if seen.epoch <= self.warm_up:
            return seen.alive
        return {kind: mask & (seen.strengths[kind].cpu() > 0) for kind, mask in seen.alive.items()}
