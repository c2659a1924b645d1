"""Sparse DARTS (Bezirganyan and Akarmazyan): entmax weights, pruning at zero, single-level search; in two spaces.

The paper does not number its sections: "setup" is Experimental Setup, "method" Differentiable Neural Architecture
Search with Sparsity and Pruning. All that is not set here is DARTS's, as the paper says (setup).
"""

from nascore.base.config import override
from nascore.derivation.every_edge import EveryEdge
from nascore.optimization.bilevel import Bilevel
from nascore.optimization.single_level import SingleLevel
from nascore.pruning.zeros import Zeros
from nascore.recipes import darts
from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.relaxations.entmax import Entmax
from nascore.relaxations.softmax import Softmax
from nascore.spaces.nasbench201 import NasBench201

_SOFTMAX = {"relaxation": Softmax(), "derivation": EveryEdge(none_competes=True)}  # as the benchmark derives cells


def _sparse(alpha: float, optimization: Bilevel | SingleLevel) -> dict[str, object]:
    return {
        "relaxation": Entmax(alpha=alpha),  # method; 3, and 2 in a comparison
        "optimization": optimization,  # method
        "pruning": Zeros(),  # method; how often is not stated
        "derivation": EveryEdge(),  # method
        "epochs": 200,  # setup
    }


# The rows of Table 1 that the paper computed, by what it calls them; the last is what its text tells of first attempts.
VARIANTS: dict[str, dict[str, object]] = {
    "vanilla DARTS": {"optimization": Bilevel()},
    "single-level": {"optimization": SingleLevel()},
    "2-entmax, prune": _sparse(2.0, Bilevel()),
    "3-entmax, prune": _sparse(3.0, Bilevel()),
    "2-entmax, prune, single-level": _sparse(2.0, SingleLevel()),
    "3-entmax, prune, single-level": _sparse(3.0, SingleLevel()),
    "3-entmax": {"relaxation": Entmax(alpha=3.0), "optimization": Bilevel(), "derivation": EveryEdge()},
}

# What a recipe is called in the DARTS space; in NAS-Bench-201 with `-201` behind it. The first two are DARTS's own.
NAMES = {
    "vanilla DARTS": "darts",
    "single-level": "darts-single-level",
    "2-entmax, prune": "sparse-darts-2-bilevel",
    "3-entmax, prune": "sparse-darts-bilevel",
    "2-entmax, prune, single-level": "sparse-darts-2",
    "3-entmax, prune, single-level": "sparse-darts",
    "3-entmax": "sparse-darts-unpruned",
}


def _cells(variant: str) -> Recipe:
    settings = override(darts.SEARCH.settings, **VARIANTS[variant])
    return Recipe(NAMES[variant], "sparse_darts", f"{variant}, DARTS space", settings, scales.SPARSE_SEARCH)


def _benchmark(variant: str) -> Recipe:
    # 17 blocks instead of 8 cells (setup): 15 cells and two fixed reductions
    base = override(darts.SEARCH.settings, space=NasBench201(), **_SOFTMAX)
    settings = override(base, **VARIANTS[variant])
    return Recipe(f"{NAMES[variant]}-201", "sparse_darts", f"{variant}, NAS-Bench-201", settings, scales.SEARCH_201)


RECIPES = (*(_cells(variant) for variant in list(VARIANTS)[2:]), *(_benchmark(variant) for variant in VARIANTS))
