"""DSO-NAS (Zhang et al. 2018): a fully connected block with scales, made sparse by an accelerated proximal gradient.

Numbers carry the paper's section. Where it is silent, "code" marks its public code's, "SSS" those of Huang and Wang
(2018), whose settings section 4.1 follows, and "ours" what nobody says.
"""

from typing import Any

from nascore.base.config import override
from nascore.derivation.every_edge import EveryEdge
from nascore.optimization.budgets import AdaptiveFlops, AdaptiveMac, Budget
from nascore.optimization.proximal import Proximal
from nascore.pruning.isolated import Isolated
from nascore.pruning.stops import Converged, Stop
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
        momentum_of="unclamped",  # code
        gradient_clip=2.0,  # code
        clip="elementwise",  # code
        penalty=1e-3,  # code
        ratio=(1, 1),  # table 3
        budget=AdaptiveFlops(),  # section 4.2
    ),
    pruning=Isolated(
        every="end",  # section 3.2: after optimization
    ),
    stop=Converged(  # section 4.2: until convergence
        patience=5,  # ours
        tolerance=0.03,  # ours
    ),
    derivation=EveryEdge(),  # section 3.2: what is left
    alpha_mean=1.0,  # code
    alpha_std=0.0,  # code
    dataset="cifar10",  # section 4.2
    initialisation="kaiming",  # section 4.1: SSS
    epochs=360,  # section 4.2: 120 to pre-train, about 120 to search; ours: twice as many at most
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
    initialisation="kaiming",  # section 4.1: SSS
    epochs=630,  # section 4.2
    schedule="restarts",  # section 4.2
    restart_epochs=10,  # section 4.2
    learning_rate=0.05,  # section 4.2
    final_learning_rate=0.001,  # section 4.2
    momentum=0.9,  # SSS
    nesterov=True,  # section 4.2
    weight_decay=3e-4,  # code
    gradient_clip=5.0,  # ours; neither paper nor code has any
    batch_size=128,  # code
    cutout=16,  # section 4.2
    dropout=0.4,  # section 4.2 says 0.6, which its code keeps
    drop_path=0.5,  # section 4.2; its code keeps as many
    auxiliary_weight=0.4,  # section 4.2
)

_IMAGENET = TrainingSettings(
    dataset="folder:imagenet",  # section 4.3
    image_size=224,  # ours; not stated
    stages=(2, 2, 13, 6),  # section 4.3
    stem="imagenet",  # code
    initialisation="kaiming",  # section 4.1: SSS
    epochs=240,  # section 4.3
    batch_size=1024,  # section 4.3
    learning_rate=0.5,  # section 4.3
    schedule="linear",  # section 4.3
    momentum=0.9,  # SSS
    nesterov=True,  # section 4.3
    weight_decay=4e-5,  # section 4.3
    gradient_clip=5.0,  # ours; neither paper nor code has any
    label_smoothing=0.1,  # section 4.3; ours: it gives no number
    auxiliary_weight=0.4,  # section 4.3; ours: it gives no number
)

# The steps of the scales that a search may take are the same with and without a split, and for any ratio: otherwise
# times would be compared. An epoch of all images has twice as many as one of a half, one of 4 : 1 two fifths.
_UNPRETRAINED: dict[str, Any] = {
    "optimization__warm_up": 0,  # table 3
    "epochs": 240,  # ours: as many steps of the scales at most
}
_FOUR_TO_ONE: dict[str, Any] = {
    "optimization__ratio": (4, 1),  # table 3
    "optimization__train_fraction": 0.8,  # section 4.4.2: the ratio of the images, too
    "optimization__warm_up": 75,  # ours: as many steps of the weights
    "epochs": 675,  # ours: as many steps of the scales at most
    "stop__patience": 12,  # ours: as many steps of the scales
}
_UNSPLIT: dict[str, Any] = {
    "optimization__train_fraction": 1.0,  # table 3
    "optimization__warm_up": 60,  # ours: as many steps of the weights
    "epochs": 180,  # ours: as many steps of the scales at most
    "stop__patience": 2,  # ours: as many steps of the scales
}
_FULL: dict[str, Any] = {
    "space__shared": False,  # section 3.2
}
# what the authors' code does otherwise than the paper says, or says nothing of
_AS_CODED: dict[str, Any] = {
    "space__first_level": "fixed",  # code
    "space__shortcuts": True,  # code
    "space__last_norm": True,  # code
    "space__reduction_scales": True,  # code
    "space__norm_scales": True,  # code
    "pruning__every": "epoch",  # code: for good, every 5 epochs
    "stop": Stop(),  # code
    "epochs": 240,  # code: 120 to search
    "weight_decay": 1e-4,  # code
}

# what each search changes; the first are Table 1's, the others Table 3's, section 3.4's, and the code's
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "dso-share": ("one block for all places", {}),
    "dso-full": ("a block for each place", _FULL),
    "dso-share-unpretrained": ("from random weights", _UNPRETRAINED),
    "dso-share-4-to-1": ("four images and steps of the weights for one of the scales", _FOUR_TO_ONE),
    "dso-share-unsplit": ("weights and scales from all images", _UNSPLIT),
    "dso-full-unpretrained": ("from random weights, a block for each place", _FULL | _UNPRETRAINED),
    "dso-full-4-to-1": (
        "four images and steps of the weights for one of the scales, a block for each place",
        _FULL | _FOUR_TO_ONE,
    ),
    "dso-full-unsplit": ("weights and scales from all images, a block for each place", _FULL | _UNSPLIT),
    "dso-full-even": (
        "the same penalty everywhere",
        _FULL
        | {
            "optimization__budget": Budget(),  # section 3.4
        },
    ),
    "dso-full-mac": (
        "adaptive MAC",
        _FULL
        | {
            "optimization__budget": AdaptiveMac(),  # section 3.4
        },
    ),
    "dso-share-as-coded": (
        "one block for all places, as the authors' code has it",
        _AS_CODED
        | {
            "optimization__budget": Budget(),  # code
        },
    ),
    "dso-full-as-coded": (
        "a block for each place, as the authors' code has it",
        _FULL
        | _AS_CODED
        | {
            "optimization__budget": AdaptiveFlops(count="authors"),  # code
        },
    ),
}

_IMAGENET_SEARCH = override(
    _SEARCH,
    space__stages=(2, 2, 13, 6),  # section 4.3
    space__stem="imagenet",  # code
    optimization__train_fraction=0.8,  # section 4.3
    optimization__ratio=(4, 1),  # section 4.4.2: that of the images
    optimization__warm_up=30,  # section 4.3
    optimization__penalty=1e-2,  # code
    dataset="folder:imagenet",  # section 4.3
    image_size=224,  # ours; not stated
    epochs=60,  # section 4.3: 30 to pre-train; ours: of the search only its cost is given
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
