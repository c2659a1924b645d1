"""DSO-NAS's search steps: the fast supernet of blocks against the plain one, complete and when a quarter is left.

One block in each of three stages, of the published width (48 channels), on 32x32 images.
"""

import torch

from benchmarks.supernet import Calls, Steps
from nascore.relaxations import Scales
from nascore.spaces import BlockSpace
from nascore.supernets import BlockSupernet, FastBlockSupernet

SPACE = BlockSpace(stages=(1, 1, 1))


def groups(device: torch.device, batch: int = 16) -> dict[str, Calls]:
    """A step of the weights and one of the scales, of both forms."""
    found = {}
    for left, share in (("all connections", 1.0), ("a quarter left", 0.25)):
        plain, fast = (_steps(form, share, device, batch) for form in (BlockSupernet, FastBlockSupernet))
        found[f"weight step, {left}"] = {"plain": plain.weight, "fast": fast.weight}
        found[f"step of the scales, {left}"] = {"plain": plain.architecture, "fast": fast.architecture}
    return found


def _steps(form: type[BlockSupernet], share: float, device: torch.device, batch: int) -> Steps:
    steps, draws = Steps(form, device, batch, SPACE, Scales()), torch.Generator().manual_seed(0)
    alive = {
        kind: SPACE.connected(torch.rand(shape, generator=draws) < share) for kind, shape in SPACE.shapes().items()
    }
    steps.problem.architecture.keep(alive)
    return steps
