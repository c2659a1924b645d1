"""DARTS (Liu, Simonyan, Yang 2019): the method that all five papers start from.

Its own paper gives the settings in section 3 and its appendix; where it is silent, "code" marks the value of its
public code.
"""

from nascore.base.config import override
from nascore.derivation.edges import StrongestEdges
from nascore.optimization.bilevel import Bilevel
from nascore.optimization.single_level import SingleLevel
from nascore.pruning.base import Pruning
from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.relaxations.softmax import Softmax
from nascore.search.loop import SearchSettings
from nascore.spaces.cells import CellSpace
from nascore.training.retraining import TrainingSettings

_SEARCH = SearchSettings(
    space=CellSpace(),  # 8 cells, 16 channels, 4 nodes, 8 operations: appendix, search
    relaxation=Softmax(),  # equation 2
    optimization=Bilevel(order=1),  # algorithm 1; Adam for alpha: appendix, search
    pruning=Pruning(),  # section 2.4: nothing goes before the end
    derivation=StrongestEdges(inputs=2),  # section 2.4
    dataset="cifar10",  # section 3.1
    epochs=50,  # appendix, search
    batch_size=64,  # appendix, search
    learning_rate=0.025,  # appendix, search
    final_learning_rate=0.001,  # code
    momentum=0.9,  # appendix, search
    weight_decay=3e-4,  # appendix, search
    gradient_clip=5.0,  # code
    alpha_std=1e-3,  # code; the appendix says zero
)

_RETRAINING = TrainingSettings(
    dataset="cifar10",  # section 3.1
    cells=20,  # appendix, evaluation
    channels=36,  # code
    epochs=600,  # appendix, evaluation
    batch_size=96,  # appendix, evaluation
    learning_rate=0.025,  # code
    final_learning_rate=0.0,  # code
    momentum=0.9,  # code
    weight_decay=3e-4,  # code
    gradient_clip=5.0,  # code
    cutout=16,  # appendix, evaluation
    drop_path=0.2,  # appendix, evaluation
    auxiliary_weight=0.4,  # appendix, evaluation
)

_IMAGENET = TrainingSettings(
    dataset="folder:imagenet",  # appendix, ImageNet
    image_size=224,  # appendix, ImageNet
    cells=14,  # appendix, ImageNet
    channels=48,  # appendix, ImageNet
    stem="imagenet",  # code
    reductions=None,
    epochs=250,  # appendix, ImageNet
    batch_size=128,  # appendix, ImageNet
    learning_rate=0.1,  # appendix, ImageNet
    schedule="exponential",  # appendix, ImageNet
    decay=0.97,  # appendix, ImageNet
    weight_decay=3e-5,  # appendix, ImageNet
    gradient_clip=5.0,  # code
    auxiliary_weight=0.4,  # appendix, ImageNet
    label_smoothing=0.1,  # code
)

SEARCH = Recipe("darts", "darts", "bilevel search, first order", _SEARCH, scales.SEARCH)

SECOND_ORDER = Recipe(
    "darts-second-order",
    "darts",
    "bilevel search, second order",
    override(_SEARCH, optimization__order=2),  # equation 7
    scales.SEARCH,
)

SINGLE_LEVEL = Recipe(
    "darts-single-level",
    "darts",
    "weights and architecture parameters by the same gradient, on all training images",
    override(_SEARCH, optimization=SingleLevel()),  # section 3.3: an alternative
    scales.SEARCH,
)

RETRAINING = Recipe("retraining", "darts", "a derived network, trained from scratch", _RETRAINING, scales.RETRAINING)

IMAGENET = Recipe("retraining-imagenet", "darts", "a derived network, trained on ImageNet", _IMAGENET, scales.IMAGENET)

RECIPES = (SEARCH, SECOND_ORDER, SINGLE_LEVEL, RETRAINING, IMAGENET)
