"""Gradients as steps of a search need them: of some parameters, with others constant, nothing else changed by it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Positive

Clip = Literal["norm", "elementwise"]


@checked
@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Let BatchNorm normalise by the batch as in training, but leave its running statistics alone."""
    norms = [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats]
    try:
        for norm in norms:
            norm.track_running_stats = False
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@checked
@contextmanager
def constant(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Let what is computed here not be differentiated by these: less is kept, and less goes backward."""
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@checked
@contextmanager
def restored(tensors: Sequence[Tensor]) -> Iterator[None]:
    """Give the tensors back the values that they had, bit for bit, whatever is done to them here."""
    saved = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, saved, strict=True):
                tensor.copy_(value)


@checked
def gradients_of(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """One for each parameter, zeros for those that the loss, one number, does not depend on."""
    if loss.numel() != 1 or not all(parameter.requires_grad for parameter in parameters):
        raise ConfigError("gradients are those of one number, by tensors that require them")
    if not parameters:
        return []
    if not loss.requires_grad:  # a draw of `none` everywhere, say, which leaves nothing that depends on alpha
        return [torch.zeros_like(parameter) for parameter in parameters]
    return or_zeros(torch.autograd.grad(loss, parameters, allow_unused=True), parameters)


def or_zeros(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Zeros for a parameter that the loss does not depend on, as for weights of operations that are not computed."""
    return [torch.zeros_like(of) if one is None else one for one, of in zip(gradients, parameters, strict=True)]


@checked
def clip_gradients(parameters: Sequence[Tensor], most: Positive, how: Clip = "norm") -> None:
    """Bound the gradients that the parameters have, in place: the norm of all of them together, by scaling all alike,
    or each element, to -`most` at least and `most` at most.
    """
    if how == "norm":
        nn.utils.clip_grad_norm_(parameters, most)
    else:
        nn.utils.clip_grad_value_(parameters, most)
