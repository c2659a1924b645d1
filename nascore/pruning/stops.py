"""When a search is over: stops, which are asked after each epoch."""

from nascore.base.answers import Answer
from nascore.base.ranges import Epochs, Positive
from nascore.pruning.base import Seen


class Stop(Answer):
    """Base of the stops, and the one of most methods: a search goes on for all its epochs."""

    def reason(self, seen: Seen) -> str | None:
        """Why the search ends here, as its record says it; None as long as it goes on.

        Learning rates and whatever else runs over a search's length follow the epochs that it was to have.
        """
        return None

    def remark(self, seen: Seen) -> str | None:
        """What the record says of a search that was not stopped before its last epoch; None for nothing."""
        return None


class Converged(Stop):
    """The search ends when as many operations are left as `patience` epochs ago, and in all epochs since: scales have
    then settled (DSO-NAS, section 4.2: "until convergence"). The search's `epochs` are the most that it gets.

    What is left has another weight than 0, and is not isolated. As long as nothing at all has gone the search goes on:
    before anything is pruned the number does not change either. The record says which of the two ended it.
    """

    patience: Epochs = 5

    def reason(self, seen: Seen) -> str | None:
        left, same = _left(seen)
        return None if same < self.patience else f"{left} operations left, as many for {same} epochs"

    def remark(self, seen: Seen) -> str:
        left, same = _left(seen)
        been = f"as many for {same} epoch{'s' * (same != 1)}"
        if same >= self.patience:
            return f"converged in its last epoch, {seen.epoch}: {left} operations left, {been}"
        return f"not converged: its last epoch, {seen.epoch}, left {left} operations, {been} of {self.patience}"


def _left(seen: Seen) -> tuple[int, int]:
    """How many operations are left, and for how many epochs as many have been; 0 while all are."""
    counts = []
    for snapshot in reversed(seen.history):
        masks = (columns["weight"].nan_to_num() != 0 for columns in snapshot.values())
        counts.append(sum(int(seen.space.connected(mask).sum()) for mask in masks))
        if counts[-1] != counts[0]:
            break
    every = sum(edges * operations for edges, operations in seen.space.shapes().values())
    same = len(counts) - (2 if counts[-1] != counts[0] else 1)
    return counts[0], 0 if counts[0] == every else same


class TimeLimit(Stop):
    """The search ends with the first epoch after which it has taken as many `seconds` on the clock, validation included
    (sparse DARTS compares methods so, section "Experimental Setup").

    How many epochs that are differs from machine to machine, and so does the result; a search that goes on from a
    checkpoint counts on from the time that it had taken.
    """

    seconds: Positive

    def reason(self, seen: Seen) -> str | None:
        return None if seen.seconds < self.seconds else f"{seen.seconds:.0f} of {self.seconds:g} seconds are over"
