"""When a search is over: stops, which are asked after each epoch."""

from nascore.base.answers import Answer
from nascore.base.ranges import Epochs, Positive, Probability
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

    Numbers that differ from the last by no more than `tolerance`, a share of all operations that there were, count as
    the same: where what is 0 may come back, steps on random batches never leave exactly as many. What is left has
    another weight than 0, and is not isolated. Epochs in which nothing at all has gone do not count: before anything is
    pruned the number does not change either. The record says which of the two ended it.
    """

    patience: Epochs = 5
    tolerance: Probability = 0.0

    def reason(self, seen: Seen) -> str | None:
        left, same = _left(seen, self.tolerance)
        return None if same < self.patience else f"{left} operations left, about as many for {same} epochs"

    def remark(self, seen: Seen) -> str:
        left, same = _left(seen, self.tolerance)
        been = f"about as many for {same} epoch{'s' * (same != 1)}"
        if same >= self.patience:
            return f"converged in its last epoch, {seen.epoch}: {left} operations left, {been}"
        return f"not converged: its last epoch, {seen.epoch}, left {left} operations, {been} of {self.patience}"


def _left(seen: Seen, tolerance: float) -> tuple[int, int]:
    """How many operations are left, and for how many epochs about as many have been; 0 while all are."""
    every = sum(edges * operations for edges, operations in seen.space.shapes().values())
    counts = []
    for snapshot in reversed(seen.history):
        masks = (columns["weight"].nan_to_num() != 0 for columns in snapshot.values())
        counts.append(sum(int(seen.space.connected(mask).sum()) for mask in masks))
        if counts[-1] == every or abs(counts[-1] - counts[0]) > tolerance * every:
            return counts[0], max(len(counts) - 2, 0)
    return counts[0], len(counts) - 1


class TimeLimit(Stop):
    """The search ends with the first epoch after which it has taken as many `seconds` on the clock, validation included
    (sparse DARTS compares methods so, section "Experimental Setup").

    How many epochs that are differs from machine to machine, and so does the result; a search that goes on from a
    checkpoint counts on from the time that it had taken.
    """

    seconds: Positive

    def reason(self, seen: Seen) -> str | None:
        return None if seen.seconds < self.seconds else f"{seen.seconds:.0f} of {self.seconds:g} seconds are over"
