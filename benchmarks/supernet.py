"""The fast supernet of the DARTS space against the plain one: 8 cells, 16 channels, 4 nodes, 32x32 images."""

from collections.abc import Callable

import torch

from nascore.architecture import Architecture
from nascore.optimization import Bilevel, Stepper
from nascore.relaxations import Softmax
from nascore.search import SearchProblem
from nascore.spaces import CellSpace
from nascore.spaces.fast import FastCellSupernet
from nascore.spaces.plain import CellSupernet

FORMS = {"plain": CellSupernet, "fast": FastCellSupernet}


def groups(device: torch.device, batch: int) -> dict[str, dict[str, Callable[[], object]]]:
    """A weight step and a first-order architecture step of both forms."""
    made = {name: _stepper(form, device) for name, form in FORMS.items()}
    images, labels = torch.randn(batch, 3, 32, 32, device=device), torch.randint(10, (batch,), device=device)

    def weight_step(stepper: Stepper) -> None:
        loss = stepper.problem.loss((images, labels))[0]
        stepper._update_weights(torch.autograd.grad(loss, stepper.problem.weights))

    def architecture_step(stepper: Stepper) -> None:
        stepper._update_alpha(stepper._gradient(None, (images, labels)))

    steps = {"weight step": weight_step, "architecture step": architecture_step}
    return {
        f"{what}, batch {batch}": {name: lambda step=step, at=stepper: step(at) for name, stepper in made.items()}
        for what, step in steps.items()
    }


def kept(device: torch.device, batch: int) -> dict[str, float]:
    """MiB of activations that each form keeps for the backward pass of a weight step."""
    images, labels = torch.randn(batch, 3, 32, 32, device=device), torch.randint(10, (batch,), device=device)
    return {name: _kept(_stepper(form, device), (images, labels)) for name, form in FORMS.items()}


def _kept(stepper: Stepper, data: tuple[torch.Tensor, torch.Tensor]) -> float:
    sizes: dict[int, int] = {}
    weights = {weight.untyped_storage().data_ptr() for weight in stepper.problem.weights}

    def pack(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        stepper.problem.loss(data)
    return sum(sizes.values()) / 2**20


def _stepper(form: type[CellSupernet], device: torch.device) -> Stepper:
    torch.manual_seed(0)
    space = CellSpace()
    architecture = Architecture(space.shapes(), torch.Generator().manual_seed(0)).to(device)
    problem = SearchProblem(form(space, 3, 10).to(device), architecture, Softmax(), torch.Generator(device))
    optimizer = torch.optim.SGD(problem.weights, 0.025, momentum=0.9, weight_decay=3e-4)
    return Bilevel(order=1).start(problem, optimizer, clip=5.0)
