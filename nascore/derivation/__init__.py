"""Derivation, the fifth question: how does a trained supernet become a genotype?"""

from nascore.derivation.base import Derivation as Derivation
from nascore.derivation.base import Trained as Trained
from nascore.derivation.edges import StrongestEdges as StrongestEdges
from nascore.derivation.every_edge import EveryEdge as EveryEdge
from nascore.derivation.groups import StrongestGroups as StrongestGroups
from nascore.derivation.pairs import StrongestPairs as StrongestPairs
from nascore.derivation.rederived import by_skip_limit as by_skip_limit
from nascore.derivation.rederived import rederived as rederived
