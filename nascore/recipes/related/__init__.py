"""Methods related to the five papers', each in one file that uses public names alone: what yours could look like."""

from nascore.recipes.related import darts_minus as darts_minus
from nascore.recipes.related import darts_plus as darts_plus
from nascore.recipes.related import darts_pt as darts_pt
from nascore.recipes.related import fair_darts as fair_darts
from nascore.recipes.related import pc_darts as pc_darts
