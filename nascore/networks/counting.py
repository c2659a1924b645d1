"""How large a network is: parameters and multiply-adds, counted."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.ranges import Channels, Finite, Pixels


@checked
def fitted_channels(
    make: Callable[[int], nn.Module],
    shape: tuple[Channels, Pixels, Pixels],
    *,
    least: Channels = 2,
    step: Channels = 2,
    **budget: Finite,
) -> int:
    """The number of channels with which `make(channels)` comes nearest to a budget, `parameters=3e6` or `macs=5e8`,
    without going beyond it: DSO-NAS's global width multiplier (section 4.1), in steps of `step` channels.

    Raises `ConfigError` for a budget that `least` channels exceed, or another one than these.
    """
    (name, most) = next(iter(budget.items())) if len(budget) == 1 else ("", 0.0)
    choose("budget", name, dict.fromkeys(Count._fields))

    def cost(channels: int) -> int:
        with torch.device("meta"):  # whose numbers nobody asks for
            network = make(channels)
        return _parameters(network) if name == "parameters" else count(network, shape).macs

    if cost(least) > most:
        raise ConfigError(f"{name} of {most:g} are too few: {least} channels have {cost(least)}")
    low, high = least, 2 * least
    while cost(high) <= most:
        low, high = high, 2 * high
    while high - low > step:
        middle = low + (high - low) // (2 * step) * step
        low, high = (middle, high) if cost(middle) <= most else (low, middle)
    return low


class Count(NamedTuple):
    """A network's size: `parameters`, and `macs`, the multiply-adds of one image's forward pass."""

    parameters: int
    macs: int


@checked
def count(network: nn.Module, shape: tuple[Channels, Pixels, Pixels]) -> Count:
    """The size of a network for one image of `shape` (channels, height, width).

    Parameters are all weights and biases, BatchNorm's included, without the auxiliary head. Multiply-adds are those
    of convolutions and linear layers (half of the operations that torch's flop counter counts); BatchNorm, pooling
    and additions are not counted.
    """
    weight = next(network.parameters(), torch.empty(0))
    image = weight.new_zeros((1, *shape))
    modes = [(module, module.training) for module in network.modules()]
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.eval()(image)
    finally:
        for module, training in modes:
            module.training = training
    return Count(_parameters(network), counter.get_total_flops() // 2)


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith("auxiliary."))
