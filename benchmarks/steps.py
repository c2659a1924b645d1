"""Small supernets, where most of a step is fixed cost: search steps at the sizes of demonstrations, and how a weight
step grows with the size of images and channels.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.supernet import Calls, Steps
from nascore.relaxations import GumbelSoftmax, Relaxation
from nascore.spaces import CellSpace, NasBench201, Space
from nascore.supernets import BenchmarkSupernet, CellSupernet, FastBenchmarkSupernet, FastCellSupernet

# what is measured -> the space and the side of the images
SETTINGS: dict[str, tuple[Space, int]] = {
    "demo: 2 cells, 4 channels": (CellSpace(cells=2, channels=4, nodes=3, reductions=(1,)), 8),
    "5 cells, 8 channels": (CellSpace(cells=5, channels=8), 16),
    "NAS-Bench-201, 8 channels": (NasBench201(cells=1, channels=8), 16),
}
BATCH = 64


def groups(device: torch.device) -> dict[str, Calls]:
    """A whole search step (alpha and weights) of each setting, also with one operation an edge, in both forms."""
    found: dict[str, Calls] = {}
    for name, (space, size) in SETTINGS.items():
        plain, fast = _forms(space, device, size)
        found[f"{name}, {size}x{size}"] = {
            "plain, all gradients": partial(_step, plain.architecture_as_public_code, plain.weight),
            "plain": partial(_step, plain.architecture, plain.weight),
            "fast": partial(_step, fast.architecture, fast.weight),
        }
        sampled = _forms(space, device, size, GumbelSoftmax())
        found[f"{name}, {size}x{size}, sampled"] = {
            form: partial(_step, steps.architecture, steps.weight)
            for form, steps in zip(("plain", "fast"), sampled, strict=True)
        }
    return found


def growth(device: torch.device) -> Iterator[tuple[str, int, Calls]]:
    """What is varied, its value, and a weight step of both forms, one setting after the other."""
    for varied, values in {"image size": (8, 16, 32), "channels": (4, 8, 16)}.items():
        for value in values:
            channels, size = (4, value) if varied == "image size" else (value, 8)
            space = CellSpace(cells=2, channels=channels, nodes=3, reductions=(1,))
            plain, fast = _forms(space, device, size)
            yield varied, value, {"plain": plain.weight, "fast": fast.weight}


def _forms(space: Space, device: torch.device, size: int, relaxation: Relaxation | None = None) -> list[Steps]:
    made: tuple[Callable[[Any, int, int], nn.Module], ...] = (CellSupernet, FastCellSupernet)
    if isinstance(space, NasBench201):
        made = BenchmarkSupernet, FastBenchmarkSupernet
    return [Steps(form, device, BATCH, space, relaxation, size) for form in made]


def _step(*parts: Callable[[], object]) -> None:
    for part in parts:
        part()
