"""Proximal gradients: descent on a loss plus an l1 penalty, whose solutions have exact zeros.

min f(x) + penalty * |x|_1. A step is one of plain gradient descent on f, then the proximal operator of the penalty. Two
papers prune by it: DARTS-GAL the masks on nodes (its code: FISTA), DSO-NAS the scales on connections (APG-NAG). The two
are one algorithm that differs in its momentum, see `ProximalGradient`.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Finite

Momentum = float | Literal["fista"]
Points = Literal["clamped", "unclamped"]


@checked
def soft_threshold(x: Tensor, threshold: Finite | Tensor, nonnegative: bool = False) -> Tensor:
    """argmin over z of (z - x)^2 / 2 + threshold * |z|, elementwise: x pulled towards 0, and exactly 0 within reach.

    With `nonnegative` z must be at least 0, too. `threshold` is a number or of a shape that broadcasts
    to that of `x`.
    """
    if isinstance(threshold, Tensor) and not _broadcasts(threshold, x):
        raise ConfigError(f"a threshold of shape {tuple(threshold.shape)} does not broadcast to {tuple(x.shape)}")
    pulled = (x if nonnegative else x.abs()) - threshold
    pulled = pulled.clamp(min=0.0)
    return pulled if nonnegative else pulled * x.sign()


def _broadcasts(one: Tensor, to: Tensor) -> bool:
    sizes = zip(reversed(one.shape), reversed(to.shape), strict=False)
    return one.ndim <= to.ndim and all(each in (1, size) for each, size in sizes)


@checked
class ProximalGradient(torch.optim.Optimizer):
    """The accelerated proximal gradient method, x_k = S(y_k - lr * grad f(y_k)), y_{k+1} = x_k + m_k (x_k - x_{k-1}).

    It starts from x_0 = y_1. S is `soft_threshold` at lr * `penalty`; gradients must be of f alone, without the
    penalty. The parameters hold y, where the next gradient is taken.

    If `nonnegative`, parameters below 0 become 0, and there are two ways to go on from there. With `momentum_of`
    "clamped" points S clamps, too, and the momentum is that of its points: the method above for the loss, the penalty
    and the constraint together. With "unclamped" ones, as DSO-NAS's code has it, equations 6 to 8 are taken as they
    are, from the clamped lambda: v = S(z) - lambda + m v, lambda = max(0, S(z) + m v). There S(z) and v may be below 0,
    and v keeps what the clamp took from lambda, so that what has fallen to 0 stays there longer. Where nothing is
    clamped the two are the same. Unclamped momentum is a number: it has no "fista".

    `momentum` is m: 0 for none (ISTA), a number (APG-NAG, DSO-NAS, equations 6 to 8: its v is x_k - x_{k-1}), or
    "fista", (t_k - 1) / t_{k+1} with t_1 = 1, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2 (Beck and Teboulle 2009).
    `penalty` is a number or, in a parameter group, a tensor that broadcasts to its parameters. Raises `ConfigError`
    for numbers out of range.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: Finite,
        penalty: Finite | Tensor,
        momentum: Momentum = 0.0,
        nonnegative: bool = False,
        momentum_of: Points = "clamped",
    ):
        if momentum != "fista" and not (isinstance(momentum, float | int) and 0 <= momentum < 1):
            raise ConfigError(f"momentum must be 'fista', or at least 0 and below 1, not {momentum!r}")
        if momentum_of == "unclamped" and (momentum == "fista" or not nonnegative):
            raise ConfigError("momentum_of is 'unclamped' with a number for momentum and nonnegative=True alone")
        groups: list[Any] = [] if isinstance(parameters, Tensor) else list(parameters)
        if not groups:
            raise ConfigError("parameters must be one tensor or more in a list, or groups of them")
        if lr <= 0 or (not isinstance(penalty, Tensor) and penalty < 0):
            raise ConfigError(f"lr must be above 0 and penalty at least 0, not {lr!r} and {penalty!r}")
        defaults: dict[str, Any] = {"lr": lr, "penalty": penalty, "momentum": momentum}
        defaults |= {"nonnegative": nonnegative, "momentum_of": momentum_of}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient; a closure is called first, to compute them."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update = self._update if group["momentum_of"] == "clamped" else self._update_unclamped
                    update(parameter, group)
        return loss

    def _update(self, y: Tensor, group: dict[str, Any]) -> None:
        state, lr, nonnegative = self.state[y], group["lr"], group["nonnegative"]
        x = soft_threshold(y - lr * y.grad, lr * group["penalty"], nonnegative)
        before = state.setdefault("x", y.clone())
        ahead = x + self._momentum(state, group["momentum"]) * (x - before)
        y.copy_(ahead.clamp(min=0.0) if nonnegative else ahead)
        before.copy_(x)  # in place, so that a recorded step finds it

    def _update_unclamped(self, scales: Tensor, group: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        pulled = soft_threshold(scales - lr * scales.grad, lr * group["penalty"])
        v = self.state[scales].setdefault("v", torch.zeros_like(scales))
        v.mul_(momentum).add_(pulled - scales)
        scales.copy_((pulled + momentum * v).clamp(min=0.0))

    @staticmethod
    def _momentum(state: dict[str, Any], momentum: Momentum) -> float:
        if momentum != "fista":
            return momentum
        now = state.get("t", 1.0)
        state["t"] = (1 + math.sqrt(1 + 4 * now**2)) / 2
        return (now - 1) / state["t"]

    def restart(self) -> None:
        """Forget the momentum, as when the learning rate is changed."""
        for state in self.state.values():
            state.clear()
