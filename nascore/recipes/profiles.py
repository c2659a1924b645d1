"""The profiles' numbers, the same for every method of a kind: one protocol, so that methods can be compared.

Each maps a profile to the settings that it changes; the `paper` profile changes nothing.
"""

from typing import Any

Changes = dict[str, Any]  # the names of settings -> their values
Profiles = dict[str, Changes]

# what is small is computed in double precision: it costs little there, and results are the same on other CPUs
_DOUBLE: Changes = {"precision": "float64"}

# what all searches share, whatever their space
_SMOKE: Changes = _DOUBLE | {"dataset": "digits", "train_images": 200, "epochs": 2, "batch_size": 32}
_DEMO: Changes = _DOUBLE | {
    "dataset": "digits",
    "train_images": 600,
    "batch_size": 60,
    "learning_rate": 0.1,
    "final_learning_rate": 0.01,
}
_GPU: Changes = {"dataset": "cifar10", "epochs": 25, "batch_size": 256, "learning_rate": 0.1, "precision": "bfloat16"}

# searches in the DARTS space
_SMALL: Changes = {"space__cells": 2, "space__reductions": (1,)}
SEARCH: Profiles = {
    "smoke": _SMOKE | _SMALL | {"space__nodes": 2, "space__channels": 4},
    "demo": _DEMO | _SMALL | {"space__channels": 8, "epochs": 8, "optimization__learning_rate": 0.02},
    "gpu": _GPU,
}

# the same where weights can become zero: longer, and alpha moves more slowly, or 3-entmax cuts at its first step
SPARSE_SEARCH: Profiles = SEARCH | {
    "demo": SEARCH["demo"] | {"epochs": 10, "optimization__learning_rate": 0.01},
    "gpu": _GPU | {"epochs": 50},
}

# the same, stopped when the clock says so (the recipe's stop): of as many epochs as four of DARTS's, as published
TIMED_SEARCH: Profiles = SPARSE_SEARCH | {
    profile: SPARSE_SEARCH[profile] | {"epochs": 4 * SEARCH[profile]["epochs"]} for profile in SEARCH
}

# long searches, to see whether skip connections take over: few photographs, seen often, by a deeper and narrower
# supernet whose alpha moves fast
LONG_SEARCH: Profiles = {
    "smoke": SEARCH["smoke"],
    "demo": _DOUBLE
    | {"dataset": "cifar10", "image_size": 16, "train_images": 400, "batch_size": 40}
    | {"space__cells": 6, "space__reductions": (2, 4), "space__channels": 4, "epochs": 40}
    | {"learning_rate": 0.1, "final_learning_rate": 0.01, "optimization__learning_rate": 0.03},
    "gpu": _GPU | {"epochs": 100},
}

# the same where a pass computes one operation of each edge: its steps cost little, and it takes many more of them
SAMPLED_SEARCH: Profiles = {
    "smoke": SEARCH["smoke"] | {"epochs": 8},
    "demo": SEARCH["demo"] | {"epochs": 24, "batch_size": 30},
    "gpu": _GPU | {"epochs": 80},
}

# and with a warm-up of an eighth of the epochs, so that seven intervals are left, as in EoiNAS (160 epochs, 20 each)
GRADUAL_SEARCH: Profiles = {
    profile: changes | {"optimization__warm_up": changes["epochs"] // 8} for profile, changes in SAMPLED_SEARCH.items()
}

# the same in stages, each of `epochs` epochs, with as many nodes as published everywhere; dropout of skips falls as far
# as over the 15 published epochs with alpha
STAGED_SEARCH: Profiles = {
    "smoke": {name: value for name, value in SEARCH["smoke"].items() if name != "space__nodes"}
    | {"space__cells": 5, "space__reductions": None, "batch_size": 100}
    | {"optimization__warm_up": 1, "skip_dropout__decay": 3.0},
    "demo": SEARCH["demo"]
    | {"space__cells": 5, "space__reductions": None, "batch_size": 20, "learning_rate": 0.05}
    | {"epochs": 4, "optimization__warm_up": 1, "skip_dropout__decay": 1.0},
    "gpu": _GPU,
}

# and how many cells their stages have there, by those that they have as published
STAGES: dict[tuple[int, ...], dict[str, tuple[int, ...]]] = {
    (5, 11, 17): {"smoke": (5, 6, 7), "demo": (5, 6, 7), "gpu": (5, 11, 17)},
    (11, 14, 17): {"smoke": (6, 7, 7), "demo": (6, 7, 7), "gpu": (11, 14, 17)},
}

# searches in NAS-Bench-201
SEARCH_201: Profiles = {
    "smoke": _SMOKE | {"space__cells": 1, "space__channels": 4},
    "demo": _DEMO | {"space__cells": 1, "space__channels": 8, "epochs": 15, "optimization__learning_rate": 0.01},
    "gpu": _GPU | {"epochs": 50},
}

# random cells, trained one by one: at demo about as many as fit into the time of a search of EoiNAS in that space
RANDOM_SEARCH: Profiles = {
    "smoke": _SMOKE | _SMALL | {"space__nodes": 2, "space__channels": 4, "samples": 3},
    "demo": _DEMO | _SMALL | {"space__channels": 8, "batch_size": 30, "epochs": 5, "samples": 10},
    "gpu": _GPU | {"epochs": 10, "samples": 8},
}
RANDOM_SEARCH_201: Profiles = {
    "smoke": _SMOKE | {"space__cells": 1, "space__channels": 4, "samples": 3},
    "demo": _DEMO | {"space__cells": 1, "space__channels": 8, "batch_size": 30, "epochs": 5, "samples": 8},
    "gpu": _GPU | {"epochs": 10, "samples": 8},
}


def factorial_201(share: int) -> Profiles:
    """The same of the factorial: photographs, small enough for many seeds, in a `share`-th of the epochs."""
    sizes = {
        "smoke": SEARCH_201["smoke"],
        "demo": _DOUBLE
        | {"dataset": "cifar10", "image_size": 8, "train_images": 600, "batch_size": 30}
        | {"learning_rate": 0.1, "final_learning_rate": 0.01, "optimization__learning_rate": 0.01}
        | {"space__cells": 1, "space__channels": 8, "epochs": 10},
        "gpu": _GPU | {"epochs": 50},
    }
    return {profile: changes | {"epochs": changes["epochs"] // share} for profile, changes in sizes.items()}


# a fifth of the epochs to warm up, and four intervals
GRADUAL_SEARCH_201: Profiles = {
    "smoke": SEARCH_201["smoke"] | {"epochs": 5, "optimization__warm_up": 1},
    "demo": SEARCH_201["demo"] | {"epochs": 25, "batch_size": 15, "learning_rate": 0.05, "optimization__warm_up": 5},
    "gpu": _GPU | {"epochs": 50, "optimization__warm_up": 10},
}

# retraining of derived networks and baselines
RETRAINING: Profiles = {
    "smoke": _DOUBLE
    | {
        "dataset": "digits",
        "train_images": 200,
        "test_images": 100,
        "epochs": 2,
        "batch_size": 32,
        "cells": 2,
        "reductions": (1,),
        "channels": 4,
        "cutout": 2,
    },
    "demo": _DOUBLE
    | {
        "dataset": "digits",
        "train_images": 600,
        "epochs": 5,
        "batch_size": 30,
        "learning_rate": 0.1,
        "cells": 3,
        "reductions": (1,),
        "channels": 8,
        "cutout": 0,
        "drop_path": 0.0,
        "auxiliary_weight": 0.0,
    },
    "gpu": {
        "epochs": 40,
        "cells": 8,
        "batch_size": 128,
        "learning_rate": 0.05,
        "cutout": 16,
        "precision": "bfloat16",
    },
}


def retraining(batch_size: int, drop_path: float) -> Profiles:
    """The same for a paper with a batch and drop-path of its own: batches as much larger or smaller than DARTS's 96 as
    they are published, and the published drop-path, a probability that means the same at any size.
    """
    return {
        profile: changes | {"batch_size": round(changes["batch_size"] * batch_size / 96), "drop_path": drop_path}
        for profile, changes in RETRAINING.items()
    }


# the same where there are three stages of normal cells, each perhaps with a type of its own
THREE_STAGES: Profiles = RETRAINING | {
    profile: RETRAINING[profile] | {"cells": 5, "reductions": None} for profile in ("smoke", "demo")
}

# retraining for ImageNet: a folder of ten of its classes, in small
IMAGENET: Profiles = {
    "smoke": _DOUBLE
    | {
        "dataset": "folder:tiny_imagenet",
        "image_size": 64,
        "train_images": 60,
        "test_images": 30,
        "epochs": 1,
        "batch_size": 20,
        "cells": 2,
        "reductions": (1,),
        "channels": 4,
    },
    "demo": _DOUBLE
    | {
        "dataset": "folder:tiny_imagenet",
        "image_size": 64,
        "train_images": 600,
        "epochs": 8,
        "batch_size": 30,
        "cells": 3,
        "reductions": (1,),
        "channels": 16,
    },
    "gpu": {
        "dataset": "folder:tiny_imagenet",
        "image_size": 64,
        "epochs": 60,
        "cells": 8,
        "channels": 32,
        "precision": "bfloat16",
    },
}


# DARTS-GAL's six experiments: its layouts at all profiles, on images that are at hand
_NO_FOLDER: Changes = {"image_size": None, "fit": "shorter", "clip_seconds": 3.0, "speakers": None}
_CATS: Changes = {"dataset": "folder:cats_vs_dogs", "fit": "square"}
_VOICES: Changes = {"dataset": "voices:fsdd", "clip_seconds": 0.3, "speakers": None}
_SOME: Changes = {"train_images": 600, "test_images": 1000}
_GAL_IMAGES: dict[str, Profiles] = {
    "mnist": {"demo": {"dataset": "digits", "train_images": 600}, "gpu": {}},
    "fashion": {"demo": {"dataset": "fashion_mnist", "image_size": 14} | _SOME, "gpu": {}},
    "cifar10": {"demo": {"dataset": "cifar10", "image_size": 16} | _SOME, "gpu": {}},
    "cifar100": {"demo": {"dataset": "folder:tiny_imagenet", "image_size": 16, "train_images": 600}, "gpu": {}},
    "cats": {"demo": _CATS | {"image_size": 32, "train_images": 600}, "gpu": _CATS | {"image_size": 96}},
    "voices": {"demo": _VOICES | {"image_size": 32, "train_images": 600}, "gpu": _VOICES | {"image_size": 96}},
}
# at demo, the penalty, and the weight of imitation (2 / classes): masks of deeper networks fall together, and sooner
_GAL_DEMO = {
    "mnist": {"sparsity": 0.1, "imitation": 0.2},
    "fashion": {"sparsity": 0.1, "imitation": 0.2},
    "cifar10": {"sparsity": 0.03, "imitation": 0.2},
    "cifar100": {"sparsity": 0.04, "imitation": 0.2},
    "cats": {"sparsity": 0.024, "imitation": 1.0},
    "voices": {"sparsity": 0.05, "imitation": 1 / 3},
}
_GAL_SMOKE: Changes = _DOUBLE | _NO_FOLDER | {"dataset": "digits", "train_images": 128, "epochs": 2, "batch_size": 32}


def stacked_training(name: str) -> Profiles:
    """The training of a stacked network, before and after its nodes are pruned, by the experiment's short name."""
    images = _GAL_IMAGES[name]
    demo = _DOUBLE | {"channels": 8, "epochs": 5, "batch_size": 30, "learning_rate": 0.05}
    demo |= {"cutout": 0, "drop_path": 0.0}
    gpu = {"epochs": 40, "batch_size": 128, "learning_rate": 0.05, "precision": "bfloat16"}
    return {
        "smoke": _GAL_SMOKE | {"test_images": 50, "channels": 4, "cutout": 0},
        "demo": images["demo"] | demo,
        "gpu": images["gpu"] | gpu,
    }


def node_pruning(name: str) -> Profiles:
    """The pruning of its nodes: the fewer steps there are, the stronger penalty and imitation."""
    images = _GAL_IMAGES[name]
    smoke = {"test_images": 50, "epochs": 4, "step_epochs": 2, "sparsity": 1.15, "imitation": 5.0}
    return {
        "smoke": _GAL_SMOKE | smoke | {"learning_rate": 0.05},
        "demo": images["demo"]
        | _DOUBLE
        | {"epochs": 8, "step_epochs": 4, "batch_size": 30, "learning_rate": 0.05}
        | _GAL_DEMO[name],
        "gpu": images["gpu"] | {"epochs": 40, "batch_size": 128, "learning_rate": 0.05, "step_epochs": 12},
    }


# DARTS-GAL's first experiment on MNIST's own images: fewer of them, of half the side, and of 4 channels for 16
_MNIST: Changes = {"dataset": "mnist", "image_size": 14}
MNIST: tuple[Profiles, Profiles] = (
    stacked_training("mnist")
    | {
        "demo": stacked_training("mnist")["demo"]
        | _MNIST
        | {"train_images": 2500, "channels": 4, "epochs": 3, "batch_size": 50}
    },
    node_pruning("mnist")
    | {
        "demo": node_pruning("mnist")["demo"]
        | _MNIST
        | {"train_images": 1000, "test_images": 1000, "batch_size": 50, "imitation": 1.0}
    },
)


def stacked_search(name: str) -> Profiles:
    """The search of its cells."""
    images = _GAL_IMAGES[name]
    small = _DOUBLE | {"space__cells": 3, "space__channels": 8, "batch_size": 60, "learning_rate": 0.1}
    return {
        "smoke": _GAL_SMOKE | {"space__cells": 2, "space__channels": 4, "space__nodes": 2},
        "demo": images["demo"] | small | {"epochs": 6, "optimization__learning_rate": 0.02},
        "gpu": images["gpu"] | {"epochs": 25, "batch_size": 128, "learning_rate": 0.1, "precision": "bfloat16"},
    }


def block_search(changes: Changes) -> Profiles:
    """A search of DSO-NAS's blocks, until it has converged, but for so many epochs at most.

    One that does not pretrain goes without those epochs. One whose epochs have fewer steps of the scales takes as many
    more of them, and looks at as many more for convergence, so that all may take equally many steps.
    """
    small = {"space__stages": (2, 2), "space__channels": 8, "optimization__learning_rate": 0.1}
    small |= {"learning_rate": 0.05, "final_learning_rate": 0.05}
    sizes = {
        "smoke": _SMOKE
        | small
        | {"space__levels": 2, "space__stages": (1, 1), "space__channels": 4}
        | {"optimization__learning_rate": 0.05},
        "demo": _DEMO | small | {"batch_size": 30, "optimization__penalty": 0.2, "optimization__learning_rate": 0.02},
        "gpu": _GPU | {"space__stages": (3, 3, 3), "space__channels": 24, "final_learning_rate": 0.1},
    }
    lengths = {"smoke": (2, 4), "demo": (4, 36), "gpu": (20, 40)}  # epochs of pretraining, and of the search at most
    weights, scales = changes.get("optimization__ratio", (1, 1))
    fraction = changes.get("optimization__train_fraction", 0.5)
    steps = fraction * (1 if fraction == 1 else scales / weights)  # of the scales, to an epoch of all images
    for profile, (before, during) in lengths.items():
        pretrains = changes.get("optimization__warm_up", before) > 0
        before, during = round(before * 0.5 / fraction) * pretrains, round(during * 0.5 / steps)
        sizes[profile] |= {"epochs": before + during, "optimization__warm_up": before}
        if "stop" not in changes:
            sizes[profile] |= {"stop__patience": round(5 * 0.5 / steps)}
    return sizes


# networks of blocks, trained from scratch
BLOCK_RETRAINING = {
    "smoke": _DOUBLE
    | {
        "dataset": "digits",
        "train_images": 200,
        "test_images": 100,
        "epochs": 3,
        "restart_epochs": 1,
        "batch_size": 32,
        "stages": (1, 1),
        "channels": 4,
        "cutout": 2,
    },
    "demo": _DOUBLE
    | {
        "dataset": "digits",
        "train_images": 600,
        "epochs": 6,
        "restart_epochs": 2,
        "batch_size": 30,
        "stages": (2, 2),
        "channels": 8,
        "cutout": 0,
        "drop_path": 0.0,
        "dropout": 0.0,
        "auxiliary_weight": 0.0,
    },
    "gpu": {"epochs": 70, "stages": (3, 3, 3), "channels": 24, "precision": "bfloat16"},
}

_TINY = {"dataset": "folder:tiny_imagenet", "image_size": 64}
BLOCK_IMAGENET = {
    "smoke": _DOUBLE
    | _TINY
    | {"train_images": 60, "test_images": 30, "epochs": 1, "batch_size": 20, "stages": (1, 1, 1, 1), "channels": 4},
    "demo": _DOUBLE
    | _TINY
    | {"train_images": 600, "epochs": 8, "batch_size": 30, "learning_rate": 0.1, "stages": (1, 1, 2, 1), "channels": 8},
    "gpu": _TINY | {"epochs": 60, "batch_size": 128, "learning_rate": 0.1, "channels": 24, "precision": "bfloat16"},
}
_TINY_SEARCH = _TINY | {"learning_rate": 0.05, "final_learning_rate": 0.05, "optimization__learning_rate": 0.05}
BLOCK_IMAGENET_SEARCH = {
    "smoke": _DOUBLE
    | _TINY_SEARCH
    | {"train_images": 60, "epochs": 2, "batch_size": 15, "optimization__warm_up": 1}
    | {"space__stages": (1, 1, 1, 1), "space__channels": 4, "space__levels": 2},
    "demo": _DOUBLE
    | _TINY_SEARCH
    | {"train_images": 600, "epochs": 33, "batch_size": 30, "optimization__warm_up": 3, "optimization__penalty": 0.04}
    | {"space__stages": (1, 1, 2, 1), "space__channels": 8, "stop__patience": 12},
    "gpu": _TINY | {"epochs": 60, "batch_size": 128, "optimization__warm_up": 15, "space__channels": 24},
}
