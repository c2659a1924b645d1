"""When a search is over: stops, which are asked after each epoch."""

from nascore.base.answers import Answer
from nascore.base.ranges import Positive
from nascore.pruning.base import Seen


class Stop(Answer):
    """Base of the stops, and the one of most methods: a search goes on for all its epochs."""

    def reason(self, seen: Seen) -> str | None:
        """Why the search ends here, as its record says it; None as long as it goes on.

        Learning rates and whatever else runs over a search's length follow the epochs that it was to have.
        """
        return None


class TimeLimit(Stop):
    """The search ends with the first epoch after which it has taken as many `seconds` on the clock, validation included
    (sparse DARTS compares methods so, section "Experimental Setup").

    How many epochs that are differs from machine to machine, and so does the result; a search that goes on from a
    checkpoint counts on from the time that it had taken.
    """

    seconds: Positive

    def reason(self, seen: Seen) -> str | None:
        return None if seen.seconds < self.seconds else f"{seen.seconds:.0f} of {self.seconds:g} seconds are over"
