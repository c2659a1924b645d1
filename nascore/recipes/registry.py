"""All recipes by name."""

from nascore.base.config import choose
from nascore.recipes import darts, darts_gal, dso_nas, eoinas, eth_thesis, related, sparse_darts
from nascore.recipes.recipe import Recipe

RELATED = (related.darts_minus, related.darts_plus, related.darts_pt, related.fair_darts, related.pc_darts)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for module in (darts, darts_gal, sparse_darts, dso_nas, eth_thesis, eoinas, *RELATED)
    for recipe in module.RECIPES
}


def find(name: str) -> Recipe:
    """The recipe of that name; raises `ConfigError` listing all of them."""
    return choose("recipe", name, RECIPES)
