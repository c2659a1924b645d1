"""How a network's weights start, where that is not as torch has it."""

from typing import Literal

from torch import nn

from nascore.base.arguments import checked

Initialisation = Literal["torch", "kaiming"]


@checked
def initialise(network: nn.Module, how: Initialisation) -> None:
    """Draw the weights of a fresh network from torch's generator; "torch" leaves them as its modules have drawn them.

    "kaiming": convolutions from a normal distribution of variance 2 / (kernel area * outputs), linear layers from one
    of standard deviation 0.01, with biases of 0 (He et al. 2015; as Huang and Wang 2018, whom DSO-NAS follows in this
    by its section 4.1; both codes).
    """
    if how == "torch":
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
