"""The fast supernet of the DARTS space against the plain one: 8 cells, 16 channels, 4 nodes, 32x32 images.

Public implementations take an architecture step's gradient by the weights too, and throw it away; the plain form is
measured both ways, and their way is the reference.
"""

import multiprocessing
import resource
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks.bound import kept
from nascore.optimization import Bilevel, Stepper
from nascore.relaxations import GumbelSoftmax, Relaxation, Softmax
from nascore.search.problem import SearchProblem
from nascore.spaces import CellSpace, Space
from nascore.supernets import CellSupernet, FastCellSupernet

FORMS = {"plain": CellSupernet, "fast": FastCellSupernet}
SPACE = CellSpace()

Calls = dict[str, Callable[[], object]]


def groups(device: torch.device, batch: int) -> dict[str, Calls]:
    """Each kind of step of both forms."""
    made = {name: Steps(form, device, batch) for name, form in FORMS.items()}
    sampled = {name: Steps(form, device, batch, relaxation=GumbelSoftmax()) for name, form in FORMS.items()}
    plain, fast = made.values()
    return {
        f"weight step, batch {batch}": {"plain": plain.weight, "fast": fast.weight},
        f"architecture step, batch {batch}": {
            "plain, all gradients": plain.architecture_as_public_code,
            "plain, gradients of alpha alone": plain.architecture,
            "fast": fast.architecture,
        },
        f"second-order step, batch {batch}": {
            "plain, all gradients": plain.second_order_as_public_code,
            "fast": fast.second_order,
        },
        f"one operation an edge, batch {batch}": {
            "plain, all operations": plain.weight,
            "plain": sampled["plain"].weight,
            "fast": sampled["fast"].weight,
        },
    }


class Steps:
    """The steps of a search on one supernet, on the same two batches."""

    def __init__(
        self,
        form: Callable[[Space, int, int], nn.Module],
        device: torch.device,
        batch: int,
        space: Space = SPACE,
        relaxation: Relaxation | None = None,
        size: int = 32,
    ):
        torch.manual_seed(0)
        architecture = space.architecture(relaxation or Softmax(), torch.Generator().manual_seed(0)).to(device)
        draws = torch.Generator(device).manual_seed(0)
        problem = SearchProblem(form(space, 3, 10).to(device), architecture, draws)
        optimizer = torch.optim.SGD(problem.weights, 0.025, momentum=0.9, weight_decay=3e-4)
        self.stepper: Stepper = Bilevel(order=1).start(problem, optimizer, clip=5.0)
        self.unrolled: Stepper = Bilevel(order=2).start(problem, optimizer, clip=5.0)
        self.problem = problem
        self.train, self.valid = (
            (torch.randn(batch, 3, size, size, device=device), torch.randint(10, (batch,), device=device))
            for _ in range(2)
        )

    def weight(self) -> None:
        self.stepper.step_weights(self.train)

    def architecture(self) -> None:
        self.stepper._step_alpha(self.train, self.valid)

    def architecture_as_public_code(self) -> None:
        loss = self.problem.loss(self.valid)[0]
        wanted = [*self.problem.alphas, *self.problem.weights]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)  # a sampled pass reaches some weights only
        self.stepper.update_architecture(found[: len(self.problem.alphas)])

    def second_order(self) -> None:
        self.unrolled._step_alpha(self.train, self.valid)

    def second_order_as_public_code(self) -> None:
        """The same four passes, each with all gradients."""
        problem = self.problem
        for _ in range(4):
            loss = problem.loss(self.train)[0]
            found = torch.autograd.grad(loss, [*problem.alphas, *problem.weights])
        self.unrolled.update_architecture(found[: len(problem.alphas)])


def memory(batch: int) -> dict[str, dict[str, float]]:
    """MiB that a weight step on the CPU keeps for its backward pass, and its peak, of both forms."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1, maxtasksperchild=1) as pool:  # a process each, whose peak is its own
        return {name: pool.apply(partial(_memory, form, batch)) for name, form in FORMS.items()}


def _memory(form: type[CellSupernet], batch: int) -> dict[str, float]:
    steps = Steps(form, torch.device("cpu"), batch)
    seen, done = [_resident()], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            seen.append(_resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    steps.weight()
    done.set()
    watcher.join()
    return {
        "peak": max(seen) - seen[0],
        "kept": kept(lambda: steps.problem.loss(steps.train), steps.problem.weights) / 2**20,
    }


def _resident() -> float:
    """MiB of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
