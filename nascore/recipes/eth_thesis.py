"""Efficient ConvNet Architectures (Paganucci 2020): P-DARTS in stages, and variants of space and derivation.

Numbers carry the thesis's section. It runs "the original settings of the according implementation" (4): those are
P-DARTS's (Chen et al. 2019, "P-DARTS", or "code"), and for the searches without stages DARTS's.
"""

from collections.abc import Mapping
from typing import Any

from nascore.base.config import override
from nascore.derivation.edges import StrongestEdges
from nascore.networks import operations
from nascore.optimization.bilevel import Bilevel
from nascore.recipes import darts
from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.search.dropout import SkipDropout
from nascore.search.stages import Stage, StagedSettings


def _stages(*cells: int, first: int = 8) -> tuple[Stage, ...]:
    """The stages of as many cells; candidates on an edge and dropout of skips (P-DARTS, for CIFAR-10)."""
    return tuple(
        Stage(cells=count, operations=left, skip_dropout=rate)
        for count, left, rate in zip(cells, (first, 5, 3), (0.0, 0.4, 0.7), strict=True)
    )


def _staged(settings: Any, **own: Any) -> StagedSettings:
    """`settings`, of a search, as those of one in stages."""
    return StagedSettings(**{name: getattr(settings, name) for name in settings.__dataclass_fields__}, **own)


_PDARTS: StagedSettings = _staged(
    override(
        darts.SEARCH.settings,  # 16 channels, 4 nodes, 8 operations, weight decay, momentum, alpha_std
        space__cells=5,  # P-DARTS
        optimization=Bilevel(
            order=1,  # P-DARTS
            warm_up=10,  # P-DARTS, of each stage
            learning_rate=6e-4,  # P-DARTS
            betas=(0.5, 0.999),  # P-DARTS
            weight_decay=1e-3,  # P-DARTS
            gradient_clip=5.0,  # code
        ),
        derivation=StrongestEdges(inputs=2, skip_limit=2),  # 3.2.2
        skip_dropout=SkipDropout(decay=0.2),  # code; the rates are the stages'
        epochs=25,  # P-DARTS, of each stage
        batch_size=64,  # A.1, whose other rows are the recipes with batches of 32; P-DARTS: 96
        learning_rate=0.025,  # P-DARTS
        final_learning_rate=0.0,  # code
    ),
    stages=_stages(5, 11, 17),  # 3.2.1
)

_EXTENDED = {"space__cells": 11, "stages": _stages(11, 14, 17)}  # 4.1.2

_DEEP = ("deep_sep_conv_3x3", "deep_sep_conv_5x5")


def _replaced(old: str, new: str) -> tuple[str, ...]:
    return tuple(name.replace(old, new) for name in operations.DARTS)


# The thesis's searches by the names of their genotypes, and what each changes; all can be combined.
VARIANTS: dict[str, dict[str, Any]] = {
    "PDARTS": {},
    "PDARTS-3": {"space__nodes": 3},  # 3.3.1; its two genotypes are PDARTS-3a and PDARTS-3b
    "PDARTS-N3": {"space__normal_types": 3},  # 3.3.2
    "PDARTS-N3ex": {"space__normal_types": 3} | _EXTENDED,  # 4.1.2
    "PDARTS-DD": {"space__operations": _replaced("dil_conv", "dil_dil_conv")},  # 3.4.1
    "PDARTS-DC": {"space__operations": _replaced("dil_conv", "dil_sep_conv")},  # 3.4.1
    "PDARTS-deep": {"space__operations": (*operations.DARTS, *_DEEP), "stages": _stages(5, 11, 17, first=10)},  # 3.4.2
    "PDARTS-deep for sep 5x5": {"space__operations": _replaced("sep_conv_5x5", _DEEP[0])},  # 3.4.2
}

# What their recipes are called.
NAMES = {
    "PDARTS": "pdarts",
    "PDARTS-3": "pdarts-3-nodes",
    "PDARTS-N3": "pdarts-n3",
    "PDARTS-N3ex": "pdarts-n3ex",
    "PDARTS-DD": "pdarts-dd",
    "PDARTS-DC": "pdarts-dc",
    "PDARTS-deep": "pdarts-deep",
    "PDARTS-deep for sep 5x5": "pdarts-deep-instead",
}

# What the search space analysis leaves out (3.4, 4.2), one operation or two; the recipes are `darts-without-...` and
# `pdarts-without-...`.
EXCLUDED: dict[str, tuple[str, ...]] = {name: (name,) for name in operations.DARTS} | {
    "pools": ("max_pool_3x3", "avg_pool_3x3"),
    "separable": ("sep_conv_3x3", "sep_conv_5x5"),
    "dilated": ("dil_conv_3x3", "dil_conv_5x5"),
}

# How networks of cells with 3 nodes are made as large as others (Table 4.1): more cells, or more channels.
MATCHED: dict[str, tuple[dict[str, int], ...]] = {
    "PDARTS-3a": ({"cells": 29, "channels": 36}, {"cells": 20, "channels": 44}),
    "PDARTS-3b": ({"cells": 26, "channels": 36}, {"cells": 20, "channels": 42}),
}

# Batches of the searches in Tables A.1 and A.2; the recipes have the larger, and `<recipe>-batch-32` the smaller.
BATCHES = (64, 32)
IN_BATCHES = ("PDARTS", "PDARTS-3", "PDARTS-N3", "PDARTS-N3ex")  # that are printed for 32

SMALL_BATCHES = {"batch_size": 64, "learning_rate": 0.015}  # tables 4.1 and 4.5, for some of the trainings


def _search(name: str, summary: str, changes: Mapping[str, Any]) -> Recipe:
    settings = override(_PDARTS, **changes)
    return Recipe(name, "eth_thesis", summary, settings, {at: _profile(settings, at) for at in scales.STAGED_SEARCH})


def _profile(settings: Any, profile: str) -> dict[str, Any]:
    """What the profile changes: its own numbers of cells for the published ones, and batches in proportion to these."""
    cells = scales.STAGES[tuple(stage.cells for stage in settings.stages)][profile]
    stages = tuple(override(stage, cells=count) for stage, count in zip(settings.stages, cells, strict=True))
    changes = scales.STAGED_SEARCH[profile] | {"stages": stages, "space__cells": cells[0]}
    changes["batch_size"] = changes["batch_size"] * settings.batch_size // _PDARTS.batch_size
    return changes


def _without(name: str) -> dict[str, Any]:
    left = tuple(each for each in operations.DARTS if each not in EXCLUDED[name])
    return {"space__operations": left}  # 3.4, 4.2


def _in_proportion(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A profile of the training with batches of 96 at a rate of 0.025, for that with those of `SMALL_BATCHES`."""
    batch = changes["batch_size"] * SMALL_BATCHES["batch_size"] // 96
    rate = changes.get("learning_rate", 0.025) * SMALL_BATCHES["learning_rate"] / 0.025
    return dict(changes) | {"batch_size": int(batch), "learning_rate": round(rate, 6)}


RETRAINING = Recipe(
    "pdarts-retraining",
    "eth_thesis",
    "a derived network, trained from scratch on CIFAR-10",
    override(darts.RETRAINING.settings, drop_path=0.3),  # P-DARTS; batches of 96 are DARTS's and Table 4.1's
    scales.THREE_STAGES,
)

SMALL_RETRAINING = Recipe(
    "pdarts-retraining-batch-64",
    "eth_thesis",
    "a derived network, trained from scratch on CIFAR-10 with smaller batches",
    override(RETRAINING.settings, **SMALL_BATCHES),
    {profile: _in_proportion(changes) for profile, changes in scales.THREE_STAGES.items()},
)

RECIPES = (
    *(_search(NAMES[name], f"{name}: P-DARTS in stages", VARIANTS[name]) for name in VARIANTS),
    *(
        _search(
            f"{NAMES[name]}-batch-{size}",
            f"{name}: P-DARTS in stages, batches of {size}",
            VARIANTS[name] | {"batch_size": size},  # tables A.1 and A.2
        )
        for name in IN_BATCHES
        for size in BATCHES[1:]
    ),
    *(_search(f"pdarts-without-{name}", f"P-DARTS without {name}", _without(name)) for name in EXCLUDED),
    *(
        Recipe(
            f"darts-without-{name}",
            "eth_thesis",
            f"DARTS without {name}",
            override(darts.SEARCH.settings, **_without(name)),
            scales.SEARCH,
        )
        for name in EXCLUDED
    ),
    RETRAINING,
    SMALL_RETRAINING,
)
