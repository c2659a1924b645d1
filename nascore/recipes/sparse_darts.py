"""Sparse DARTS (Bezirganyan and Akarmazyan): entmax weights, pruning at zero, single-level search; in two spaces.

The paper does not number its sections: "setup" is Experimental Setup, "method" Differentiable Neural Architecture
Search with Sparsity and Pruning. All that is not set here is DARTS's, as the paper says (setup).
"""

from itertools import product
from typing import Any

from nascore.base.arguments import checked
from nascore.base.config import override
from nascore.derivation.every_edge import EveryEdge
from nascore.optimization.bilevel import Bilevel
from nascore.optimization.single_level import SingleLevel
from nascore.pruning.base import Pruning
from nascore.pruning.stops import TimeLimit
from nascore.pruning.zeros import Zeros
from nascore.recipes import darts
from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.records.record import Run
from nascore.relaxations.entmax import Entmax
from nascore.relaxations.softmax import Softmax
from nascore.spaces.nasbench201 import NasBench201

_DAY = 86_400.0  # seconds


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
    "vanilla DARTS": {"optimization": Bilevel()},  # setup: DARTS's
    "single-level": {"optimization": SingleLevel()},  # method
    "2-entmax, prune": _sparse(2.0, Bilevel()),
    "3-entmax, prune": _sparse(3.0, Bilevel()),
    "2-entmax, prune, single-level": _sparse(2.0, SingleLevel()),
    "3-entmax, prune, single-level": _sparse(3.0, SingleLevel()),
    "3-entmax": {
        "relaxation": Entmax(alpha=3.0),  # method
        "optimization": Bilevel(),  # method
        "derivation": EveryEdge(),  # method
    },
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

# The bilevel ones take the weights as they are, as DARTS is usually run. The paper describes another gradient of alpha,
# through one step of the weights, and says that its step size is above 0 in the experiments: with it they are these.
SECOND_ORDER = {
    variant: f"{NAMES[variant]}-second-order"
    for variant in ("vanilla DARTS", "2-entmax, prune", "3-entmax, prune", "3-entmax")
}

# Searches as long as the longest of the paper, all alike: DARTS, "trained for long enough", ends in skip connections
# (Other DARTS Improvements).
LONG = {
    "vanilla DARTS": "darts-long",
    "single-level": "darts-single-level-long",
    "3-entmax, prune": "sparse-darts-bilevel-long",
    "3-entmax, prune, single-level": "sparse-darts-long",
}

_RELAXATIONS = {"softmax": Softmax(), "2-entmax": Entmax(alpha=2.0), "3-entmax": Entmax(alpha=3.0)}  # method
_OPTIMIZATIONS = {"bilevel": Bilevel(), "single-level": SingleLevel()}  # method

# Each part of the method with and without the others, in NAS-Bench-201: (relaxation, optimization, whether zeros are
# pruned). Softmax gives no zeros: to prune what it leaves is to prune nothing, and these two are left out.
FACTORIAL = {
    (relaxation, optimization, prune): f"factorial-{relaxation}{'-prune' * prune}-{optimization}-201"
    for relaxation, optimization, prune in product(_RELAXATIONS, _OPTIMIZATIONS, (False, True))
    if not (relaxation == "softmax" and prune)
}


@checked
def as_long_as(run: Run) -> dict[str, Any]:
    """What lets another search stop with the epoch in which it has taken as long as `run` took: `run(..., **this)`.

    The paper stops its searches at about the wall-clock time of DARTS's (setup).
    """
    return {"stop": TimeLimit(seconds=run.seconds)}


def _cells(variant: str) -> Recipe:
    settings = override(darts.SEARCH.settings, **VARIANTS[variant])
    return Recipe(NAMES[variant], "sparse_darts", f"{variant}, DARTS space", settings, scales.SPARSE_SEARCH)


def _benchmark(variant: str) -> Recipe:
    base = override(
        darts.SEARCH.settings,
        space=NasBench201(),  # setup: 17 blocks instead of 8 cells, which are 15 cells and two fixed reductions
        derivation=EveryEdge(none_competes=True),  # NAS-Bench-201
    )
    settings = override(base, **VARIANTS[variant])
    return Recipe(f"{NAMES[variant]}-201", "sparse_darts", f"{variant}, NAS-Bench-201", settings, scales.SEARCH_201)


def _second_order(recipe: Recipe) -> Recipe:
    settings = override(recipe.settings, optimization__order=2)  # introduction: its step size is above 0
    name = recipe.name.removesuffix("-201") + "-second-order" + "-201" * recipe.name.endswith("-201")
    return Recipe(name, "sparse_darts", f"{recipe.summary}, second order", settings, recipe.profiles)


def _long(variant: str) -> Recipe:
    settings = override(
        darts.SEARCH.settings,
        **VARIANTS[variant] | {"epochs": 200},  # setup, of the sparse searches: here of all
    )
    return Recipe(LONG[variant], "sparse_darts", f"{variant}, DARTS space, long", settings, scales.LONG_SEARCH)


def _factors(relaxation: str, optimization: str, prune: bool) -> Recipe:
    """One that takes as many steps of alpha as the others: in one level all images are the weights', so half the
    epochs.
    """
    share = 2 if optimization == "single-level" else 1
    settings = override(
        darts.SEARCH.settings,
        space=NasBench201(),  # setup
        relaxation=_RELAXATIONS[relaxation],  # method
        optimization=_OPTIMIZATIONS[optimization],  # method
        pruning=Zeros() if prune else Pruning(),  # method
        derivation=EveryEdge(),  # method; the other rule is read from the record
        epochs=50 // share,  # setup, for DARTS: 50; all take as many steps
    )
    about = f"{relaxation}{', prune' * prune}, {optimization}, NAS-Bench-201, as many steps as the others"
    name = FACTORIAL[relaxation, optimization, prune]
    return Recipe(name, "sparse_darts", about, settings, scales.factorial_201(share))


_OWN = tuple(_cells(variant) for variant in list(VARIANTS)[2:])
_IN_201 = tuple(_benchmark(variant) for variant in VARIANTS)
_BILEVEL = tuple(
    recipe
    for recipe in (*_OWN, *_IN_201)
    if recipe.name.removesuffix("-201") + "-second-order" in {*SECOND_ORDER.values()}
)

TIMED = Recipe(
    "sparse-darts-timed",
    "sparse_darts",
    "3-entmax, prune, single-level, DARTS space, stopped at DARTS's time",
    override(
        darts.SEARCH.settings,
        **VARIANTS["3-entmax, prune, single-level"],
        stop=TimeLimit(seconds=_DAY),  # setup: DARTS's wall-clock time; DARTS, appendix: a day, on its GPU
    ),
    scales.TIMED_SEARCH,
)

RECIPES = (
    *_OWN,
    *_IN_201,
    *map(_second_order, _BILEVEL),
    *map(_long, LONG),
    TIMED,
    *(_factors(*factors) for factors in FACTORIAL),
)
