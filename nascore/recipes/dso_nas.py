"""DSO-NAS (Zhang et al. 2018): a fully connected block with scales, made sparse by an accelerated proximal gradient.

Numbers carry the paper's section. Where it is silent, "code" marks its public code's, and "SSS" those of Huang and Wang
(2018), whose settings section 4.1 follows.
"""

from typing import Any

from nascore.base.config import override
from nascore.derivation.every_edge import EveryEdge
from nascore.optimization.budgets import AdaptiveFlops, AdaptiveMac, Budget
from nascore.optimization.proximal import Proximal
from nascore.pruning.isolated import Isolated
from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.relaxations.scales import Scales
from nascore.search.loop import SearchSettings
from nascore.spaces.blocks import BlockSpace
from nascore.training.retraining import TrainingSettings

_SEARCH = SearchSettings(
    space=BlockSpace(
        levels=4,  # section 4.1
        stages=(8, 8, 8),  # section 4.2
        channels=48,  # code
    ),
    relaxation=Scales(),  # equation 2
    optimization=Proximal(
        warm_up=120,  # section 4.2: pre-training
        train_fraction=0.5,  # section 4.2
        learning_rate=0.1,  # section 4.2
        momentum=0.9,  # SSS
        gradient_clip=2.0,  # code
        penalty=1e-3,  # code
        ratio=(1, 1),  # table 3
        budget=AdaptiveFlops(),  # section 4.2
    ),
    pruning=Isolated(),  # section 3.1
    derivation=EveryEdge(),  # section 3.1: what is left
    alpha_mean=1.0,  # code
    alpha_std=0.0,  # code
    dataset="cifar10",  # section 4.2
    epochs=240,  # section 4.2: 120 to pre-train, about 120 to search
    batch_size=128,  # section 4.2
    learning_rate=0.1,  # section 4.2: constant
    final_learning_rate=0.1,  # section 4.2: constant
    momentum=0.9,  # SSS
    nesterov=True,  # section 3.3
    weight_decay=3e-4,  # section 4.2
    gradient_clip=2.0,  # code
)

_RETRAINING = TrainingSettings(
    dataset="cifar10",  # section 4.2
    stages=(8, 8, 8),  # section 4.2
    epochs=630,  # section 4.2
    schedule="restarts",  # section 4.2
    restart_epochs=10,  # section 4.2
    learning_rate=0.05,  # section 4.2
    final_learning_rate=0.001,  # section 4.2
    momentum=0.9,  # SSS
    nesterov=True,  # section 4.2
    weight_decay=3e-4,  # code
    batch_size=128,  # code
    cutout=16,  # section 4.2
    dropout=0.4,  # section 4.2 says 0.6, which its code keeps
    drop_path=0.5,  # section 4.2; its code keeps as many
    auxiliary_weight=0.4,  # section 4.2
)

_IMAGENET = TrainingSettings(
    dataset="folder:imagenet",  # section 4.3
    image_size=224,  # not stated
    stages=(2, 2, 13, 6),  # section 4.3
    stem="imagenet",  # section 4.3
    epochs=240,  # section 4.3
    batch_size=1024,  # section 4.3
    learning_rate=0.5,  # section 4.3
    schedule="linear",  # section 4.3
    momentum=0.9,  # SSS
    nesterov=True,  # section 4.3
    weight_decay=4e-5,  # section 4.3
    label_smoothing=0.1,  # section 4.3 gives no number
    auxiliary_weight=0.4,  # section 4.3 gives no number
)

# what each search changes; the first are Table 1's, the others Table 3's and section 3.4's
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "dso-share": ("one block for all places", {}),
    "dso-full": ("a block for each place", {"space__shared": False}),
    "dso-share-unpretrained": ("from random weights", {"optimization__warm_up": 0, "epochs": 120}),
    "dso-share-4-to-1": ("four steps of the weights for one of the scales", {"optimization__ratio": (4, 1)}),
    "dso-share-unsplit": ("weights and scales from all images", {"optimization__train_fraction": 1.0}),
    "dso-full-unpretrained": (
        "from random weights, a block for each place",
        {"space__shared": False, "optimization__warm_up": 0, "epochs": 120},
    ),
    "dso-full-4-to-1": (
        "four steps of the weights for one of the scales, a block for each place",
        {"space__shared": False, "optimization__ratio": (4, 1)},
    ),
    "dso-full-unsplit": (
        "weights and scales from all images, a block for each place",
        {"space__shared": False, "optimization__train_fraction": 1.0},
    ),
    "dso-full-even": ("the same penalty everywhere", {"space__shared": False, "optimization__budget": Budget()}),
    "dso-full-mac": ("adaptive MAC", {"space__shared": False, "optimization__budget": AdaptiveMac()}),
}  # table 3; section 3.4 for the budgets

_IMAGENET_SEARCH = override(
    _SEARCH,
    space__stages=(2, 2, 13, 6),  # section 4.3
    space__stem="imagenet",  # section 4.3
    optimization__train_fraction=0.8,  # section 4.3
    optimization__warm_up=30,  # section 4.3
    optimization__penalty=1e-2,  # code
    dataset="folder:imagenet",  # section 4.3
    image_size=224,  # not stated
    epochs=60,  # section 4.3: 30 to pre-train; of the search only its cost is given
    batch_size=256,  # section 4.3
    weight_decay=4e-5,  # section 4.3
)

RETRAINING = Recipe("dso-retraining", "dso_nas", "a network of found blocks", _RETRAINING, scales.BLOCK_RETRAINING)

RECIPES = (
    *(
        Recipe(name, "dso_nas", f"DSO-NAS, {summary}", override(_SEARCH, **changes), scales.block_search(changes))
        for name, (summary, changes) in SEARCHES.items()
    ),
    RETRAINING,
    Recipe("dso-imagenet", "dso_nas", "DSO-NAS, searched on ImageNet", _IMAGENET_SEARCH, scales.BLOCK_IMAGENET_SEARCH),
    Recipe("dso-imagenet-retraining", "dso_nas", "found blocks, trained on ImageNet", _IMAGENET, scales.BLOCK_IMAGENET),
)
