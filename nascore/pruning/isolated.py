"""Pruning of zeros and of what they isolate: DSO-NAS's."""

from nascore.base.answers import Answers
from nascore.pruning.base import Seen
from nascore.pruning.zeros import Zeros
from nascore.spaces.base import Masks
from nascore.spaces.blocks import BlockSpace


class Isolated(Zeros):
    """What has the scale exactly 0 is dropped, and then what that isolates: operations that nothing leads to or that
    lead nowhere, with all their connections, until nothing more is isolated (DSO-NAS, section 3.1). In a `BlockSpace`.

    DSO-NAS prunes once, when the scales are learned: with `every` "end" a scale may come back from 0 until then. After
    each epoch or step what is 0 is dropped for good, and steps get faster as blocks get smaller.
    """

    def objection(self, search: Answers) -> str | None:
        if not isinstance(search.space, BlockSpace):
            return (
                f"Isolated looks for operations that nothing leads to, in blocks: in a {type(search.space).__name__} "
                "derivation leaves these out, so take Zeros"
            )
        return super().objection(search)

    def keep(self, seen: Seen) -> Masks:
        if seen.epoch <= self.warm_up:
            return seen.alive
        left = {kind: mask & (seen.strengths[kind].cpu() != 0) for kind, mask in seen.alive.items()}
        space = seen.space
        assert isinstance(space, BlockSpace)  # see `objection`
        return {kind: space.connected(mask) for kind, mask in left.items()}

    def remarks(self, alive: Masks) -> tuple[str, ...]:
        if all(mask.all() for mask in alive.values()):
            return ("nothing was pruned: the penalty is too small for so few steps, give a larger one or more epochs",)
        if not any(mask.any() for mask in alive.values()):
            return ("everything was pruned and all blocks are the identity: give a smaller penalty",)
        return ()
