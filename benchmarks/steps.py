"""A whole search step (alpha and weights) and a step of retraining, in the fast form, the plain one, and as public code
does it: at the sizes of the profiles, and how both grow with the size of images and channels.

Public code takes all gradients in a step of alpha, too, and throws those of the weights away.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import bound
from benchmarks.supernet import Calls, Steps
from nascore.networks import PUBLISHED, CellNetwork
from nascore.relaxations import GumbelSoftmax, Relaxation
from nascore.spaces import CellSpace, NasBench201, Space
from nascore.supernets import (
    BenchmarkSupernet,
    CellSupernet,
    FastBenchmarkSupernet,
    FastCellNetwork,
    FastCellSupernet,
)

PUBLIC, PLAIN, FAST, BOUND = "public way", "plain", "fast", "bound by bytes"


class Size(NamedTuple):
    """How large a step is; the cells' number of nodes is that of a search alone."""

    cells: int
    channels: int
    side: int
    batch: int = 64
    nodes: int = 4

    def __str__(self) -> str:
        return f"{self.cells} cells, {self.channels} channels, {self.side}x{self.side}, batch {self.batch}"


GENOTYPE = PUBLISHED["DARTS_V2"]


def groups(device: torch.device) -> dict[str, Calls]:
    """A search step of each size, also with one operation an edge, and a step of retraining."""
    found: dict[str, Calls] = {}
    for size in (Size(2, 4, 8, nodes=3), Size(5, 8, 16), Size(8, 16, 32, batch=16)):
        found[f"search, {size}"] = _search(_space(size), device, size)
        found[f"sampled search, {size}"] = _search(_space(size), device, size, GumbelSoftmax())
    size = Size(3, 8, 16)
    found[f"search, NAS-Bench-201, {size}"] = _search(NasBench201(cells=1, channels=8), device, size)
    for size in (Size(3, 8, 8), Size(5, 8, 16), Size(8, 16, 32)):
        found[f"retraining, {size}"] = {
            name: Retraining(form, device, size).step for name, form in ((PLAIN, CellNetwork), (FAST, FastCellNetwork))
        }
    return found


class Setting(NamedTuple):
    """One point of the plot: of what step, what is varied, its value, what is timed, and the bytes that bound it."""

    what: str
    varied: str
    value: int
    calls: Calls
    least: int


def growth(device: torch.device) -> Iterator[Setting]:
    """One setting after the other; three cells, 16x16 images and 8 channels unless varied, batches of 32."""
    for varied, values in {"image side (pixels)": (8, 16, 32), "channels": (4, 8, 16, 32)}.items():
        for value in values:
            size = Size(3, value, 16, 32) if varied == "channels" else Size(3, 8, value, 32)
            steps = _forms(_space(size), device, size)
            fast = steps[FAST].problem
            # two forward passes, of a step of alpha and of one of the weights
            least = 2 * 2 * bound.kept(lambda fast=fast, steps=steps: fast.loss(steps[FAST].train), fast.weights)
            yield Setting("search step", varied, value, _whole(steps), least)
            plain, quick = (Retraining(form, device, size) for form in (CellNetwork, FastCellNetwork))
            least = 2 * bound.kept(quick.loss, quick.network.parameters())
            yield Setting("retraining step", varied, value, {PLAIN: plain.step, FAST: quick.step}, least)


SETTINGS = 14  # that `growth` yields


class Retraining:
    """A step of a derived network's training, always on the same batch."""

    def __init__(self, form: type[CellNetwork], device: torch.device, size: Size):
        torch.manual_seed(0)
        self.network = form(GENOTYPE, size.cells, size.channels).to(device)
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
        self.images = torch.randn(size.batch, 3, size.side, size.side, device=device)
        self.labels = torch.randint(10, (size.batch,), device=device)

    def loss(self) -> Tensor:
        return F.cross_entropy(self.network(self.images), self.labels)

    def step(self) -> None:
        loss = self.loss()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()


def _space(size: Size) -> CellSpace:
    reductions = (1,) if size.cells == 2 else None
    return CellSpace(cells=size.cells, channels=size.channels, nodes=size.nodes, reductions=reductions)


def _search(space: Space, device: torch.device, size: Size, relaxation: Relaxation | None = None) -> Calls:
    return _whole(_forms(space, device, size, relaxation))


def _whole(steps: dict[str, Steps]) -> Calls:
    plain, fast = steps[PLAIN], steps[FAST]
    return {
        PUBLIC: partial(_step, plain.architecture_as_public_code, plain.weight),
        PLAIN: partial(_step, plain.architecture, plain.weight),
        FAST: partial(_step, fast.architecture, fast.weight),
    }


def _forms(space: Space, device: torch.device, size: Size, relaxation: Relaxation | None = None) -> dict[str, Steps]:
    made: tuple[Callable[[Any, int, int], nn.Module], ...] = (CellSupernet, FastCellSupernet)
    if isinstance(space, NasBench201):
        made = BenchmarkSupernet, FastBenchmarkSupernet
    steps = [Steps(form, device, size.batch, space, relaxation, size.side) for form in made]
    return dict(zip((PLAIN, FAST), steps, strict=True))


def _step(*parts: Callable[[], object]) -> None:
    for part in parts:
        part()
