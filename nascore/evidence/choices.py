"""How alike two choices of nodes are, corrected for what two independent choices have in common."""

from typing import NamedTuple

from scipy import stats
from sklearn.metrics import cohen_kappa_score

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.networks.cells import Kept, Stack
from nascore.networks.node_pruning import every_node


class Alike(NamedTuple):
    """Two choices among the same nodes.

    `percent` is how many of all nodes they treat alike. `kappa` is Cohen's (1960): 1 where they are the same, 0 where
    they are as alike as independent ones, NaN where each keeps everything, or nothing, and there was no choice. `p` is
    how often two independent choices of as many nodes share at least as many (the hypergeometric distribution).
    """

    percent: float
    kappa: float
    shared: int
    p: float


@checked
def alike(stack: Stack, one: Kept, other: Kept) -> Alike:
    """How alike two choices of a stack's nodes are; raises `ConfigError` where one is not of this stack."""
    mine, theirs = (_marks(stack, kept) for kept in (one, other))
    shared = sum(a and b for a, b in zip(mine, theirs, strict=True))
    percent = 100 * sum(a == b for a, b in zip(mine, theirs, strict=True)) / len(mine)
    chosen = len(set(mine) | set(theirs)) > 1
    kappa = float(cohen_kappa_score(mine, theirs)) if chosen else float("nan")
    p = float(stats.hypergeom.sf(shared - 1, len(mine), sum(mine), sum(theirs)))
    return Alike(percent, kappa, shared, p)


def _marks(stack: Stack, kept: Kept) -> list[bool]:
    """Whether each node of a stack is kept, in order."""
    everything = every_node(stack)
    if len(kept) != len(everything) or any(
        set(some) - set(nodes) for some, nodes in zip(kept, everything, strict=True)
    ):
        raise ConfigError(f"nodes are chosen of another stack than this one of {len(everything)} cells")
    marks = [node in some for some, nodes in zip(kept, everything, strict=True) for node in nodes]
    if not marks:
        raise ConfigError("the stack has no nodes to choose among")
    return marks
