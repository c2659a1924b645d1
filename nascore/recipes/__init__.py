"""The recipes: a module a paper, each with its published settings and the smaller profiles."""

from nascore.config import choose
from nascore.recipe import PROFILES as PROFILES
from nascore.recipe import Recipe as Recipe
from nascore.recipes import darts as darts
from nascore.recipes import darts_gal as darts_gal
from nascore.recipes import dso_nas as dso_nas
from nascore.recipes import eoinas as eoinas
from nascore.recipes import eth_thesis as eth_thesis
from nascore.recipes import sparse_darts as sparse_darts

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for module in (darts, darts_gal, sparse_darts, dso_nas, eth_thesis, eoinas)
    for recipe in module.RECIPES
}


def find(name: str) -> Recipe:
    """The recipe of that name; raises `ConfigError` listing all of them."""
    return choose("recipe", name, RECIPES)
