"""Relaxation, the second question: how do architecture parameters (alpha) become weights of candidate operations?"""

from nascore.relaxations.architecture import Architecture as Architecture
from nascore.relaxations.base import ANYWHERE as ANYWHERE
from nascore.relaxations.base import Context as Context
from nascore.relaxations.base import EdgeWeights as EdgeWeights
from nascore.relaxations.base import Relaxation as Relaxation
from nascore.relaxations.entmax import Entmax as Entmax
from nascore.relaxations.gumbel import GumbelSoftmax as GumbelSoftmax
from nascore.relaxations.scales import Scales as Scales
from nascore.relaxations.softmax import Softmax as Softmax
