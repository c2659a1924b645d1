"""Which numbers a setting, or an argument, can be: its type says so, as `Annotated[float, Range(0, below=1)]`.

`nascore.base.config.Settings` holds every field to it, `nascore.base.config.table` lists them all, and
`nascore.base.arguments.checked` holds arguments to it. Upper ends of sizes are far beyond anything that is trained:
there torch would hang, or take all memory.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

LARGEST = 3e38  # all but what float32 has at most: torch refuses more


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, or strictly between `above` and `below`; by default all that are finite in float32.

    Of a tuple it is the number of items; NaN is in it where `nan` says so. `why` says what an end is for, where that is
    not plain.
    """

    low: float = -LARGEST
    high: float = LARGEST
    _: KW_ONLY
    above: float = -math.inf
    below: float = math.inf
    even: bool = False
    nan: bool = False
    why: str = ""

    def __contains__(self, value: Any) -> bool:
        number = len(value) if isinstance(value, tuple) else value
        inside = self.low <= number <= self.high and self.above < number < self.below  # which neither NaN nor inf is
        return (inside and not (self.even and number % 2)) or (self.nan and number != number)

    def __str__(self) -> str:
        ends = {"at least": self.low, "above": self.above, "at most": self.high, "below": self.below}
        said = ["even"] * self.even + [f"{word} {end}" for word, end in ends.items() if abs(end) < LARGEST]
        words = f"{self.low}" if self.low == self.high else " and ".join(said) or "finite in float32"
        return words + " or NaN" * self.nan + (f" ({self.why})" if self.why else "")


ANY = Range()

# reals
Finite = Annotated[float, ANY]
Positive = Annotated[float, Range(above=0)]
Rate = Annotated[float, Range(above=0, high=1e20)]  # of learning; Adam divides it by as little as 1e-16
NonNegative = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(above=0, high=1)]
Probability = Annotated[float, Range(0, below=1)]  # of being dropped: of 1, nothing would be left
Momentum = Annotated[float, Range(0, below=1)]  # a running mean's share of the past: of 1, it would forget nothing

# lengths of time
Epochs = Annotated[int, Range(1, 100_000)]
Rest = Annotated[int, Range(0, 100_000)]  # epochs in which something does not happen yet
Steps = Annotated[int, Range(1, 100_000)]

# sizes of networks
Cells = Annotated[int, Range(1, 200)]  # or blocks, of a network or of a stage of it
Positions = Annotated[tuple[Annotated[int, Range(0, 199)], ...], Range(0, 8)]  # of reductions: each doubles the width
Stages = Annotated[tuple[Cells, ...], Range(1, 8)]
Channels = Annotated[int, Range(1, 4096)]
EvenChannels = Annotated[int, Range(2, 4096, even=True)]
Count = Annotated[int, Range(1, 100)]  # operations on an edge, edges into a node, ...

# images
Images = Annotated[int, Range(1, 1_000_000_000)]
Pixels = Annotated[int, Range(1, 1024)]  # a side

# what functions are given beside these
Amount = Annotated[int, Range(1, 10_000)]  # of classes, levels, ...
Index = Annotated[int, Range(0, 10_000)]  # of a node, an epoch, ...
Processors = Annotated[int, Range(1, 1024)]  # threads, or processes
Seed = Annotated[int, Range(0, 2**64 - 1, why="what torch's generators take")]
Seconds = Annotated[float, Range(0, math.inf, why="seconds")]  # of waiting, which need not end
Measured = Annotated[float, Range(nan=True)]  # NaN where there is no number
Digits = Annotated[int, Range(0, 20)]
Inches = Annotated[float, Range(0.5, 100)]
