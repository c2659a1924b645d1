"""The recipes: a module a paper, each with its published settings and the smaller profiles."""

from nascore.recipes import darts as darts
from nascore.recipes import darts_gal as darts_gal
from nascore.recipes import dso_nas as dso_nas
from nascore.recipes import eoinas as eoinas
from nascore.recipes import eth_thesis as eth_thesis
from nascore.recipes import sparse_darts as sparse_darts
from nascore.recipes.recipe import PROFILES as PROFILES
from nascore.recipes.recipe import Recipe as Recipe
from nascore.recipes.registry import RECIPES as RECIPES
from nascore.recipes.registry import find as find
from nascore.recipes.registry import register as register
from nascore.recipes.registry import table as table
from nascore.recipes.sources import sources_of as sources_of
from nascore.recipes.sources import sources_of_paper as sources_of_paper
