"""Space, the first question: what may be chosen?"""

from nascore.spaces.base import Space as Space
from nascore.spaces.blocks import BlockSpace as BlockSpace
from nascore.spaces.cells import CellSpace as CellSpace
from nascore.spaces.nasbench201 import NasBench201 as NasBench201
