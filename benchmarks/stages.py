"""What P-DARTS's search steps cost in each of its stages, and what the ETH thesis's variants of the cell change.

Supernets of the published sizes (16 channels, 32x32 images), with as many operations on each edge as the stage has.
"""

from functools import partial

import torch

from benchmarks.supernet import Calls, Steps
from nascore.pruning import strongest
from nascore.recipes import eth_thesis, find
from nascore.supernets import FastCellSupernet

VARIANTS = ("PDARTS", "PDARTS-3", "PDARTS-N3", "PDARTS-N3ex")


def groups(device: torch.device, batch: int = 16) -> dict[str, Calls]:
    """For each stage, a weight step and an architecture step of each variant, P-DARTS's first."""
    return {
        f"stage {stage + 1}, batch {batch}": {
            name: partial(_step, _steps(name, stage, device, batch)) for name in VARIANTS
        }
        for stage in range(3)
    }


def _steps(name: str, stage: int, device: torch.device, batch: int) -> Steps:
    settings = find(eth_thesis.NAMES[name]).settings
    space = settings.at(stage).space
    steps = Steps(FastCellSupernet, device, batch, space)
    architecture = steps.problem.architecture
    drawn = {
        kind: torch.rand(shape, generator=torch.Generator().manual_seed(0)) for kind, shape in space.shapes().items()
    }
    architecture.keep(strongest(space, drawn, architecture.alive, settings.stages[stage].operations))
    return steps


def _step(steps: Steps) -> None:
    steps.architecture()
    steps.weight()
