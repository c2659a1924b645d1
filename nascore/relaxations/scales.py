"""Free scales: what DSO-NAS has in the place of a relaxation."""

from typing import ClassVar

from torch import Tensor

from nascore.relaxations.base import ANYWHERE, Context, Relaxation


class Scales(Relaxation):
    """No relaxation: architecture parameters are themselves the scales of connections (DSO-NAS, equation 2).

    They are free, and none is weighed against another.
    """

    competes: ClassVar[bool] = False
    sparse: ClassVar[bool] = True
    outruns_statistics: ClassVar[bool] = True  # as scales shrink, so does what BatchNorm sees

    def strengths(self, alpha: Tensor, alive: Tensor, context: Context = ANYWHERE) -> Tensor:
        return alpha.masked_fill(~alive, 0.0)
