"""All recipes by name: the package's own, and those that readers and other packages add."""

import types
import warnings
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.recipes import darts, darts_gal, dso_nas, eoinas, eth_thesis, random_search, related, sparse_darts
from nascore.recipes.recipe import Recipe

RELATED = (related.darts_minus, related.darts_plus, related.darts_pt, related.fair_darts, related.pc_darts)

MODULES: tuple[types.ModuleType, ...] = (
    darts,
    random_search,
    darts_gal,
    sparse_darts,
    dso_nas,
    eth_thesis,
    eoinas,
    *RELATED,
)

# the package's own
RECIPES: dict[str, Recipe] = {recipe.name: recipe for module in MODULES for recipe in module.RECIPES}

ENTRY_POINTS = "nascore.recipes"  # the group under which an installed package names recipes

_added: dict[str, Recipe] = {}


@checked
def find(name: str) -> Recipe:
    """The recipe of that name; raises `ConfigError` with the near ones where there is none.

    A name that is not known yet is also looked for in the entry points of installed packages, see `table`.
    """
    if name not in RECIPES and name not in _added:
        _add_entry_points()
    return choose("recipe", name, RECIPES | _added, see="`python -m nascore --list` lists all")


def register(recipe: Recipe) -> Recipe:
    """Let `run` and `find` know a recipe by its name; returns it. A later one of the same name takes its place.

    Raises `ConfigError` for what is no recipe, and for the name of one of the package's own.
    """
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"register takes a Recipe, not {recipe!r}")
    if recipe.name in RECIPES:
        raise ConfigError(f"recipe {recipe.name!r} is one of nascore's own: give yours another name")
    _added[recipe.name] = recipe
    return recipe


def table() -> pd.DataFrame:
    """All recipes, a row each, paper by paper: columns paper, name, summary, profiles (their names, with commas).

    Among them are those of installed packages, of whose entry points in the group `nascore.recipes` each is a recipe,
    several, or a module with `RECIPES`. A broken one is left out with a warning that names it.
    """
    _add_entry_points()
    recipes = [*RECIPES.values(), *_added.values()]
    papers = list(dict.fromkeys(recipe.paper for recipe in recipes))
    recipes.sort(key=lambda recipe: papers.index(recipe.paper))
    rows = [(recipe.paper, recipe.name, recipe.summary, ", ".join(recipe.has())) for recipe in recipes]
    return pd.DataFrame(rows, columns=["paper", "name", "summary", "profiles"])


@cache  # packages are looked through once
def _add_entry_points() -> None:
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            for recipe in _recipes(entry):
                register(_added.get(recipe.name, recipe))  # one that the reader registered stays
        except Exception as error:  # whatever another package does, the other recipes are there
            warnings.warn(
                f"entry point {entry.name!r} ({entry.value}) of the group {ENTRY_POINTS} is broken and left out "
                f"({type(error).__name__}: {error}): mend or uninstall its package",
                stacklevel=3,
            )


def _recipes(entry: EntryPoint) -> list[Recipe]:
    """What an entry point names; raises `TypeError` where that is no recipe."""
    found: Any = entry.load()
    found = found.RECIPES if isinstance(found, types.ModuleType) else found
    listed = list(found) if isinstance(found, Iterable) else [found]
    if wrong := [each for each in listed if not isinstance(each, Recipe)]:
        raise TypeError(f"{wrong[0]!r} is no Recipe")
    return listed
