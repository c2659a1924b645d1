"""Random search, the reference that each method's table has a row for: DARTS's, in its space and in NAS-Bench-201.

DARTS's paper takes the best of 24 random cells by their validation error after 100 epochs of training (Table 1, the
row that EoiNAS's Table 1 quotes). It does not say how large their networks are, how they are trained, or on which
part of the images: here all of that is as in DARTS's search.
"""

from nascore.recipes import profiles as scales
from nascore.recipes.recipe import Recipe
from nascore.search.random_search import RandomSearchSettings
from nascore.spaces.base import Space
from nascore.spaces.cells import CellSpace
from nascore.spaces.nasbench201 import NasBench201


def _settings(space: Space) -> RandomSearchSettings:
    return RandomSearchSettings(
        space=space,  # as DARTS's search has it, cells and channels included
        samples=24,  # DARTS, Table 1
        epochs=100,  # DARTS, Table 1
        train_fraction=0.5,  # DARTS's search
        dataset="cifar10",  # DARTS, Table 1
        batch_size=64,  # DARTS's search
        learning_rate=0.025,  # DARTS's search
        final_learning_rate=0.001,  # DARTS's search, in its code
        momentum=0.9,  # DARTS's search
        weight_decay=3e-4,  # DARTS's search
        gradient_clip=5.0,  # DARTS's search, in its code
    )


_ABOUT = "random cells, each trained for some epochs: the best by validation"

RANDOM = Recipe("random-search", "darts", _ABOUT, _settings(CellSpace()), scales.RANDOM_SEARCH)

RANDOM_201 = Recipe(
    "random-search-201", "darts", f"{_ABOUT}, NAS-Bench-201", _settings(NasBench201()), scales.RANDOM_SEARCH_201
)

RECIPES = (RANDOM, RANDOM_201)
