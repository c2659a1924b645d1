"""Double precision: which numbers a run is made of, and how it begins in the place where one of single precision does.

Rounding of single precision differs from CPU to CPU, and a search amplifies it until another cell is found; that of
double precision is a billion times smaller. But not even the random numbers that torch draws in single precision are
the same everywhere: what makes normal ones, and uniform ones of some range, of random bits rounds as the CPU's
instructions do. So a run in double precision takes the same bits, and computes the rest of it in double precision.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nascore.training.settings import Precision

_BLOCK = 16  # of so many uniform numbers torch makes as many normal ones; of fewer it makes them one by one


def numbers(precision: Precision) -> torch.dtype:
    """The type of weights, architecture parameters, images and losses; bfloat16 is a matter of autocast alone."""
    return torch.float64 if precision == "float64" else torch.float32


@contextmanager
def beginning(precision: Precision) -> Iterator[None]:
    """Make networks and parameters here, on the CPU, of the numbers of this precision.

    Initial values are those of single precision before they were rounded, from the same generators' states and leaving
    the same ones.
    """
    if precision != "float64":
        yield
        return
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _SameDraws():
            yield
    finally:
        torch.set_default_dtype(before)


class _SameDraws(TorchDispatchMode):
    """What torch draws in double precision is made of what it draws in single precision."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here: or torch would import its compiler, which takes a second

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        draw, generator = func.overloadpacket, options.get("generator")
        if draw in (torch.ops.aten.uniform_, torch.ops.aten.normal_) and args[0].dtype == torch.float64:
            given: list[Any] = [*args, *(0.0, 1.0)[len(args) - 1 :]]  # limits, or mean and deviation
            to, first, second = given
            if draw is torch.ops.aten.uniform_:
                found = first + (second - first) * _uniform(to.numel(), generator)
            else:
                found = first + second * _normal(to.numel(), generator)
            return to.copy_(found.view(to.shape))
        if draw is torch.ops.aten.randn and options.get("dtype") in (None, torch.float64):
            return _normal(math.prod(args[0]), generator).view(list(args[0]))
        return func(*args, **options)


def _uniform(count: int, generator: torch.Generator | None) -> Tensor:
    """From 0 to 1, (count,): the same on any CPU, as 24 bits are no more than single precision has."""
    return torch.rand(count, generator=generator, dtype=torch.float32).double()


def _normal(count: int, generator: torch.Generator | None) -> Tensor:
    """As torch makes them: by Box and Muller from blocks of uniform numbers, the last of which reaches back."""
    if count < _BLOCK:
        return torch.empty(count, dtype=torch.float64).normal_(generator=generator)
    found = _uniform(count, generator)
    whole = count - count % _BLOCK
    found[:whole] = _box_muller(found[:whole])
    if whole < count:
        found[-_BLOCK:] = _box_muller(_uniform(_BLOCK, generator))
    return found


def _box_muller(uniform: Tensor) -> Tensor:
    one, other = uniform.view(-1, 2, _BLOCK // 2).unbind(1)
    radius, angle = torch.sqrt(-2 * torch.log(1 - one)), 2 * math.pi * other
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1).flatten()
