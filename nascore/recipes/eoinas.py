"""GDAS (Dong and Yang 2019) and EoiNAS (Xie et al.): sampled search, an importance indicator, gradual pruning.

GDAS's settings are those of its public code ("code"). EoiNAS's numbers carry their section; what it does not state is
GDAS's or, where that has none either, chosen here ("not stated").
"""

from collections.abc import Mapping
from typing import Any

from nascore.base.config import override
from nascore.derivation.edges import StrongestEdges
from nascore.derivation.every_edge import EveryEdge
from nascore.derivation.pairs import StrongestPairs
from nascore.optimization.bilevel import Bilevel
from nascore.pruning.base import Pruning
from nascore.pruning.gradual import Gradual
from nascore.pruning.importance import Importance
from nascore.recipes import darts
from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.relaxations.gumbel import GumbelSoftmax
from nascore.spaces.nasbench201 import NasBench201

_GDAS = override(
    darts.SEARCH.settings,
    space__cells=6,  # code: two normal cells in each stage, two reductions
    relaxation=GumbelSoftmax(
        temperature=10.0,  # code
        final_temperature=0.1,  # code
        schedule="linear",  # code
        arrives="in_last",  # code: over E - 1 epochs
    ),
    optimization=Bilevel(first="weights"),  # code; Adam as DARTS's
    derivation=StrongestPairs(inputs=2),  # code: two pairs a node, perhaps of one edge
    epochs=250,  # code
    batch_size=256,  # code
    nesterov=True,  # code
    weight_decay=5e-4,  # code
    alpha_std=1e-3,  # code
)

# what the three rows of Table 3 share
_BASELINE = override(
    darts.SEARCH.settings,  # 8 cells, 16 channels (4.2); batch 64, gradients clipped at 5 (not stated: DARTS's)
    relaxation=GumbelSoftmax(
        temperature=5.0,  # 4.2
        final_temperature=0.1,  # 4.2 says 0, which equal factors never reach; GDAS's
        schedule="exponential",  # 4.2
        arrives="in_last",  # 4.2: "finally"; GDAS's
    ),
    optimization=Bilevel(
        first="weights",  # algorithm 1, lines 3 and 4
        warm_up=20,  # 3.3
        learning_rate=3e-4,  # 4.2
        betas=(0.5, 0.999),  # 4.2
        weight_decay=1e-3,  # 4.2
    ),
    derivation=StrongestEdges(inputs=2),  # 3.3
    epochs=160,  # 4.2
    learning_rate=0.025,  # 4.2
    final_learning_rate=0.001,  # 4.2
    momentum=0.9,  # 4.2
    weight_decay=3e-4,  # 4.2
    alpha_std=0.0,  # 4.2
)

_GRADUAL = Gradual(
    interval=20,  # algorithm 1, line 6; 7 of 8 operations are gone after epoch 160
    warm_up=20,  # algorithm 1, line 6
    left=1,  # 3.3
    keep_usable=True,  # ours: algorithm 1 has no exception, and 3.3 derives no `none`, which may be what is left
)
_IMPORTANCE = Importance(scale=0.5)  # 3.2; the unit of the accuracy and of the iterations: not stated

# Table 3: its rows by name, and the fourth combination, which it leaves out.
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline (GDAS)": {},
    "baseline + GOP": {"pruning": _GRADUAL},
    "baseline + OII": {"indicator": _IMPORTANCE},
    "EoiNAS (GOP + OII)": {"pruning": _GRADUAL, "indicator": _IMPORTANCE},
}

# What a recipe is called in the DARTS space; in NAS-Bench-201 with `-201` behind it.
NAMES = {
    "baseline (GDAS)": "eoinas-baseline",
    "baseline + GOP": "eoinas-gop",
    "baseline + OII": "eoinas-oii",
    "EoiNAS (GOP + OII)": "eoinas",
}


def _profiles(profiles: Mapping[str, Mapping[str, Any]], pruning: Pruning) -> dict[str, dict[str, Any]]:
    """Where a profile shortens the warm-up, the intervals of pruning follow."""
    steps = ("pruning__interval", "pruning__warm_up") if isinstance(pruning, Gradual) else ()
    return {
        profile: {**changes, **dict.fromkeys(steps, changes["optimization__warm_up"])}
        for profile, changes in profiles.items()
    }


def _recipe(name: str, about: str, settings: Any, profiles: Mapping[str, Mapping[str, Any]]) -> Recipe:
    return Recipe(name, "eoinas", about, settings, _profiles(profiles, settings.pruning))


def _cells(variant: str) -> Recipe:
    settings = override(_BASELINE, **VARIANTS[variant])
    return _recipe(NAMES[variant], f"{variant}, DARTS space", settings, scales.GRADUAL_SEARCH)


def _benchmark(variant: str) -> Recipe:
    settings = override(
        _BASELINE,
        space=NasBench201(),  # not stated: its supernet is the benchmark's
        derivation=EveryEdge(),  # 3.3: `none` is never derived; in this space every edge is
        epochs=100,  # not stated; of five operations one is left after four prunings
        **VARIANTS[variant],
    )
    return _recipe(f"{NAMES[variant]}-201", f"{variant}, NAS-Bench-201", settings, scales.GRADUAL_SEARCH_201)


GDAS = Recipe("gdas", "eoinas", "GDAS as its code has it", _GDAS, scales.SAMPLED_SEARCH)

RETRAINING = Recipe(
    "eoinas-retraining",
    "eoinas",
    "a derived network, trained from scratch on CIFAR-10 or CIFAR-100",
    override(darts.RETRAINING.settings, batch_size=128, drop_path=0.3),  # 4.3; all else is DARTS's
    scales.retraining(batch_size=128, drop_path=0.3),
)

# GDAS's own: all of it from its code, which has DARTS's numbers but for where the learning rate ends
GDAS_RETRAINING = Recipe(
    "gdas-retraining",
    "eoinas",
    "a derived network, trained from scratch as GDAS's code does",
    override(darts.RETRAINING.settings, batch_size=96, drop_path=0.2, final_learning_rate=1e-4),  # code
    scales.retraining(batch_size=96, drop_path=0.2),
)

IMAGENET = Recipe(
    "eoinas-imagenet",
    "eoinas",
    "a derived network, trained on ImageNet",
    # as DARTS's (14 cells, 48 channels, 250 epochs, batch 128, 0.1, 3e-5) but for the schedule; label smoothing and the
    # auxiliary loss are named, their values are not
    override(darts.IMAGENET.settings, schedule="linear"),  # 4.4
    darts.IMAGENET.profiles,
)

RECIPES = (
    GDAS,
    *(_cells(variant) for variant in VARIANTS),
    *(_benchmark(variant) for variant in VARIANTS),
    RETRAINING,
    GDAS_RETRAINING,
    IMAGENET,
)
