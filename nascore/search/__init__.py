"""The search loop and what it is made of: nothing that a method owns."""

from nascore.search.dropout import SkipDropout as SkipDropout
from nascore.search.loop import Search as Search
from nascore.search.loop import SearchSettings as SearchSettings
from nascore.search.random_search import RandomSearch as RandomSearch
from nascore.search.random_search import RandomSearchSettings as RandomSearchSettings
from nascore.search.stages import Stage as Stage
from nascore.search.stages import StagedSearch as StagedSearch
from nascore.search.stages import StagedSettings as StagedSettings
