"""Pruning, the fourth question: what is dropped, when, and by what is it judged?"""

from nascore.pruning.base import Pruning as Pruning
from nascore.pruning.base import Seen as Seen
from nascore.pruning.gradual import Gradual as Gradual
from nascore.pruning.gradual import strongest as strongest
from nascore.pruning.importance import Importance as Importance
from nascore.pruning.indicator import Indicator as Indicator
from nascore.pruning.indicator import Judge as Judge
from nascore.pruning.isolated import Isolated as Isolated
from nascore.pruning.stops import Converged as Converged
from nascore.pruning.stops import Stop as Stop
from nascore.pruning.stops import TimeLimit as TimeLimit
from nascore.pruning.zeros import Zeros as Zeros
