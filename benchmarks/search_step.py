"""Steps of a search on the DARTS supernet, against training its weights alone."""

from collections.abc import Callable

import torch

from nascore.optimization import Bilevel, Optimization, SingleLevel
from nascore.relaxations import Softmax
from nascore.search.problem import SearchProblem
from nascore.spaces import CellSpace

# small enough for two cores: two normal cells and two reductions
SPACE = CellSpace(cells=4, channels=8, nodes=4)
BATCH = 16


def groups(device: torch.device) -> dict[str, dict[str, Callable[[], object]]]:
    """One group: a weight step, then whole search steps (alpha and weights) of each optimization."""
    steps = {
        "first order": Bilevel(order=1),
        "second order": Bilevel(order=2),
        "single level": SingleLevel(),
    }
    calls = {"weights alone": _weight_step(device)}
    return {"search step, 4 cells, batch 16": calls | {name: _step(made, device) for name, made in steps.items()}}


def _problem(device: torch.device) -> tuple[SearchProblem, torch.optim.SGD, list[tuple[torch.Tensor, torch.Tensor]]]:
    torch.manual_seed(0)
    architecture = SPACE.architecture(Softmax(), torch.Generator().manual_seed(0)).to(device)
    problem = SearchProblem(SPACE.supernet(3, 10).to(device), architecture, torch.Generator(device))
    optimizer = torch.optim.SGD(problem.weights, 0.025, momentum=0.9, weight_decay=3e-4)
    batches = [
        (torch.randn(BATCH, 3, 16, 16, device=device), torch.randint(10, (BATCH,), device=device)) for _ in range(2)
    ]
    return problem, optimizer, batches


def _weight_step(device: torch.device) -> Callable[[], object]:
    problem, optimizer, (train, _) = _problem(device)

    def step() -> None:
        optimizer.zero_grad()
        problem.loss(train)[0].backward(inputs=problem.weights)
        torch.nn.utils.clip_grad_norm_(problem.weights, 5.0)
        optimizer.step()

    return step


def _step(optimization: Optimization, device: torch.device) -> Callable[[], object]:
    problem, optimizer, (train, valid) = _problem(device)
    stepper = optimization.start(problem, optimizer, clip=5.0)
    return lambda: stepper.step(train, valid)
