"""DARTS-GAL (Zhang et al.): search cells, stack and train them, prune nodes adversarially, train what is left.

Numbers are the paper's where it gives them, with the section; it gives few. "GAL" marks what the method that it builds
on uses (Lin et al. 2019, in its public code for networks of branches), "DARTS" what its evaluation uses; `sourced`
tells the source of every setting.

The paper's text and its printed sizes speak of different networks, so there are two settings of it. `gal-training-*`
and `gal-pruning-*` are *as printed*: equations 4 and 6, layouts and channels as text and tables have them, and a pruned
node goes with its operations (section 2.4). `...-as-counted` are what gives the printed sizes: see `Counted`. For MNIST
both are there a second time, `gal-*-mnist-as-printed` and `gal-*-mnist-as-counted`, on MNIST's own images at `demo`,
where `gal-*-mnist` has digits of 8x8 pixels.
"""

from dataclasses import dataclass

import pandas as pd

from nascore.base.config import Settings, choose, override
from nascore.base.display import settings_items
from nascore.evidence import tables
from nascore.gal.pruning import GalSettings
from nascore.networks.cell_stack import default_reductions, stacked
from nascore.networks.cells import Genotype, Kept, Stack
from nascore.networks.published import PUBLISHED
from nascore.recipes import darts
from nascore.recipes import profiles as scales
from nascore.recipes.profiles import Profiles
from nascore.recipes.recipe import Recipe
from nascore.training.retraining import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The network whose sizes before and after pruning are the printed ones: found by counting, not printed.

    Pruned nodes leave the concatenation alone, and cells that keep none keep all (the rule `concat` with `keep`).
    """

    reductions: tuple[int, ...]
    channels: int = 16


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One of the six: its data, and the network that is pruned. Positions of reduction cells are from 0."""

    title: str  # as the paper's tables name it
    dataset: str
    cells: int
    reductions: tuple[int, ...]  # as the paper's text and tables give them
    stem: str = "cifar"
    classes: int = 10
    image: tuple[int, int, int] = (3, 32, 32)  # channels, height, width
    published_cells: bool = False  # the cells that DARTS published; else those of a search of its own, which are lost
    table: int  # with the nodes that were kept
    data: tuple[tuple[str, object], ...] = ()  # other settings of the data
    counted: Counted | None = None  # None where no number of channels explains the sizes

    @property
    def rule_reductions(self) -> tuple[int, ...]:
        """Where DARTS's rule, which section 2.2 repeats, has the reduction cells."""
        return default_reductions(self.cells)

    @property
    def kept(self) -> Kept:
        """The nodes that the paper's table says were kept, () for "None"."""
        rows = tables.reported("darts_gal", self.table)
        rows = rows[rows["dataset"] == self.title]
        printed = rows["reserved_intermediate_nodes"].astype(str)
        return tuple(() if nodes == "None" else tuple(map(int, nodes.split(", "))) for nodes in printed)

    def stack(self, genotype: Genotype | None = None, reductions: tuple[int, ...] | None = None) -> Stack:
        """The unpruned stack of a genotype (by default DARTS's published one), its reductions as printed."""
        return stacked(genotype or PUBLISHED["DARTS_V2"], self.cells, reductions or self.reductions)


_LARGE = (("image_size", 224), ("fit", "square"))  # section 3.3: 256 x 256, of which the middle 224 x 224

EXPERIMENTS: dict[str, Experiment] = {
    "mnist": Experiment(
        title="MNIST",
        dataset="mnist",
        cells=5,
        reductions=(1, 2),
        image=(1, 28, 28),
        published_cells=True,
        table=1,
        counted=Counted(reductions=(1, 3)),
    ),  # section 3.1
    "fashion": Experiment(
        title="FashionMNIST",
        dataset="fashion_mnist",
        cells=5,
        reductions=(1, 2),
        image=(1, 28, 28),
        published_cells=True,
        table=1,
        counted=Counted(reductions=(1, 3)),
    ),  # section 3.1
    "cifar10": Experiment(
        title="CIFAR10",
        dataset="cifar10",
        cells=12,
        reductions=(4, 8),
        published_cells=True,
        table=3,
        counted=Counted(reductions=(4, 8)),
    ),  # section 3.2
    "cifar100": Experiment(
        title="CIFAR100",
        dataset="cifar100",
        cells=10,
        reductions=(3, 6),
        classes=100,
        table=3,
        counted=Counted(reductions=(3, 6), channels=32),
    ),  # section 3.2
    "cats": Experiment(
        title="Cats vs. Dogs",
        dataset="folder:cats_vs_dogs",
        cells=8,
        reductions=(2, 4),
        stem="stride2",
        classes=2,
        image=(3, 224, 224),
        table=5,
        data=_LARGE,
    ),  # section 3.3
    "voices": Experiment(
        title="VoxCeleb1-Min",
        dataset="voices:voxceleb1",
        cells=10,
        reductions=(3, 6),
        stem="stride2",
        classes=100,
        image=(3, 360, 360),
        table=7,
        data=(("image_size", 360), ("clip_seconds", 3.0), ("speakers", 100)),
        counted=Counted(reductions=(3, 6), channels=36),
    ),  # section 3.4
}


def experiment(name: str) -> Experiment:
    """One of the six by its short name; raises `ConfigError` listing them."""
    return choose("experiment of DARTS-GAL", name, EXPERIMENTS)


_TRAINING = TrainingSettings(
    dataset="cifar10",  # section 3.2
    genotype=PUBLISHED["DARTS_V2"],  # sections 3.1 and 3.2
    channels=16,  # sections 3.1 to 3.4
    epochs=600,  # DARTS
    batch_size=96,  # DARTS
    learning_rate=0.025,  # DARTS
    momentum=0.9,  # DARTS
    weight_decay=3e-4,  # DARTS
    drop_path=0.2,  # DARTS
)

_PRUNING = GalSettings(
    dataset="cifar10",  # section 3.2
    epochs=100,  # GAL
    batch_size=64,  # GAL
    learning_rate=0.01,  # GAL
    schedule="step",  # GAL
    decay=0.1,  # GAL
    step_epochs=30,  # GAL
    momentum=0.9,  # GAL
    weight_decay=2e-4,  # GAL; equation 7 has no factor
    sparsity=1e-2,  # GAL
    imitation=1.0,  # equations 4 and 6; for GAL's own weight see `coded_imitation`
    noise=0.1,  # ours: the paper has the dropout, and no rate
    batchnorm="precise",  # ours: it changes what is told of the generator, and nothing that it learns
)


def coded_imitation(classes: int) -> float:
    """The weight of L_data in GAL's public code, in units of equation 6, of outputs for so many classes.

    It is 0.1 times the mean of the squares over images and logits, of which equation 6 has half the sum over logits.
    """
    return 0.2 / classes


def _training(name: str) -> Settings:
    one = EXPERIMENTS[name]
    changes = {"dataset": one.dataset, "cells": one.cells}  # sections 3.1 to 3.4
    changes |= {"reductions": one.reductions, "stem": one.stem}  # sections 3.1 to 3.4
    changes |= dict(one.data)
    changes |= {} if one.published_cells else {"genotype": None}
    changes |= {"epochs": 50} if one.image[0] == 1 else {}  # section 3.1
    changes |= {"cutout": 16} if one.image == (3, 32, 32) else {}  # DARTS
    return override(_TRAINING, **changes)


def _pair(name: str, suffix: str, which: str, profiles: tuple[Profiles, Profiles]) -> tuple[Recipe, Recipe]:
    """The training, before and after pruning, and the pruning: as printed or, where `which` says so, as counted."""
    one = EXPERIMENTS[name]
    training, pruning = _training(name), override(_PRUNING, dataset=one.dataset, **dict(one.data))
    if which == "as counted" and one.counted:
        training = override(training, reductions=one.counted.reductions, channels=one.counted.channels)
        pruning = override(pruning, rule="concat", empty="keep")
    titles = (f"{one.title}, {which}: {does}" for does in ("the stacked network, before and after", "adversarial"))
    names = (f"gal-{step}-{name}{suffix}" for step in ("training", "pruning"))
    first, second = (
        Recipe(each, "darts_gal", f"{title} pruning of its nodes", settings, at)
        for each, title, settings, at in zip(names, titles, (training, pruning), profiles, strict=True)
    )
    return first, second


def _recipes(name: str) -> tuple[Recipe, ...]:
    one = EXPERIMENTS[name]
    profiles = scales.stacked_training(name), scales.node_pruning(name)
    found: tuple[Recipe, ...] = _pair(name, "", "as printed", profiles)
    if one.counted and name != "mnist":
        found += _pair(name, "-as-counted", "as counted", profiles)
    if one.published_cells:
        return found
    space = {"space__cells": one.cells, "space__stem": one.stem}
    search = Recipe(
        f"gal-search-{name}",
        "darts_gal",
        f"{one.title}: DARTS's search of the cells",
        override(
            darts.SEARCH.settings,
            dataset=one.dataset,  # sections 3.2 to 3.4
            **space,
            **dict(one.data),
        ),
        scales.stacked_search(name),
    )
    return search, *found


_MNIST = tuple(
    recipe
    for which in ("as printed", "as counted")
    for recipe in _pair("mnist", f"-{which.replace(' ', '-')}", which, scales.MNIST)
)
RECIPES = (*(recipe for name in EXPERIMENTS for recipe in _recipes(name)), *_MNIST)


# Where the settings are from ------------------------------------------------------------------------------------------

_DATA = {
    **dict.fromkeys(("dataset", "train_images", "test_images"), "paper, sections 3.1 to 3.4: all images"),
    **dict.fromkeys(("image_size", "fit"), "paper, sections 3.3 and 3.4; elsewhere images are as they are"),
    **dict.fromkeys(("clip_seconds", "speakers"), "paper, section 3.4"),
    "augment": "DARTS (cited code), where the data set allows it; the paper does not say",
    "precision": "ours; the paper does not say",
}
_UNUSED = {
    **dict.fromkeys(("final_learning_rate", "decay", "step_epochs", "restart_epochs"), "of another schedule: not used"),
    "nesterov": "DARTS (cited code)",
}
_SOURCES: dict[str, dict[str, str]] = {
    "training": _UNUSED
    | _DATA
    | dict.fromkeys(
        ("learning_rate", "final_learning_rate", "schedule", "momentum", "weight_decay", "gradient_clip", "batch_size"),
        "DARTS (cited code); the paper does not say",
    )
    | dict.fromkeys(("cutout", "drop_path"), "DARTS (cited code); the paper has a dropout (2.4), and no rate")
    | {
        "epochs": "paper, section 3.1, for grey images; elsewhere DARTS (cited code)",
        "network": "paper, section 2.2",
        "genotype": "paper, sections 3.1 and 3.2: DARTS's for three data sets; else a search's",
        "cells": "paper, sections 3.1 to 3.4",
        "channels": "paper, sections 3.1 to 3.4",
        "reductions": "paper, sections 3.1 to 3.4 and Tables 1, 3, 5, 7",
        "stem": "paper, section 3.3 and Figure 17; DARTS (cited code) for small images",
        "stages": "of another kind of network: not used",
        **dict.fromkeys(("auxiliary_weight", "dropout", "label_smoothing"), "ours: none; the paper does not say"),
    },
    "pruning": _UNUSED
    | _DATA
    | dict.fromkeys(
        ("epochs", "batch_size", "learning_rate", "schedule", "decay", "step_epochs", "momentum", "weight_decay"),
        "GAL (authors' cited code); the paper does not say",
    )
    | dict.fromkeys(("mask_momentum", "nonnegative", "sparsity", "mask_rate"), "GAL (authors' cited code)")
    | dict.fromkeys(("imitation", "adversarial", "restraint"), "paper, equations 4 to 7: every term has weight 1")
    | {
        "gradient_clip": "DARTS (cited code); the paper does not say",
        "clip": "ours: with the masks, as all that learns; the paper does not say",
        "cutout": "ours: none",
        "labels": "paper, equations 4 to 7: labels are not used",
        "noise": "paper, section 2.3, has the dropout; its rate is ours",
        "hidden": "paper, section 2.3: five layers; their widths are GAL's (cited code)",
        "activation": "ours: GAL's code has nothing between the layers, which makes them one",
        "discriminator_steps": "paper, section 2.3: two alternate phases",
        "discriminator_rate": "GAL (authors' cited code)",
        "mask_start": "ours: GAL's code draws from N(0, 1)",
        "mask_interval": "paper, section 2.3: masks are updated with the generator; GAL's code: every 200 steps",
        "batchnorm": "ours: it changes what is told of the generator alone",
        "rule": "paper, sections 2.3 and 2.4: nodes are trimmed, with their connections",
        "empty": "ours: what has no node left is passed by",
    },
}
_COUNTED = dict.fromkeys(("reductions", "channels", "rule", "empty"), "found by counting: it gives the printed sizes")


def sourced(recipe: Recipe) -> pd.DataFrame:
    """All settings of a training or a pruning at `paper`, with the source of each: columns setting, value, source.

    Raises `ConfigError` for a recipe that is none of DARTS-GAL's trainings and prunings.
    """
    parts = recipe.name.split("-")
    kind = parts[1] if parts[0] == "gal" else ""
    sources = dict(choose("kind of recipe of DARTS-GAL", kind, _SOURCES))
    if recipe.name.endswith("-as-counted"):
        sources |= {name: source for name, source in _COUNTED.items() if name in sources}
    rows = [(name, value, sources[name]) for name, value in settings_items(recipe.settings)]
    return pd.DataFrame(rows, columns=["setting", "value", "source"])
