"""Dropout on skip connections, while a search goes on: it keeps them from being the easiest way early on.

P-DARTS's regularization of the search space (Chen et al. 2019).
"""

import math

import torch
from torch import nn

from nascore.base.config import Settings
from nascore.base.ranges import NonNegative, Probability
from nascore.networks.operations import Skip


class SkipDropout(Settings):
    """The probability that an element of a skip connection's output is dropped, in training, at stride 1.

    It starts at `rate`. Over the epochs that train the weights alone it falls along the line that would end with the
    last epoch of all; then it starts at `rate` again and falls by a factor of exp(-`decay`) each epoch (Code: P-DARTS;
    its paper says only that it decays).
    """

    rate: Probability = 0.0
    decay: NonNegative = 0.2

    def at(self, epoch: int, warm_up: int, epochs: int) -> float:
        """The probability in an epoch, counted from 0, of `epochs` whose first `warm_up` train the weights alone."""
        if epoch < warm_up:
            return self.rate * (epochs - epoch - 1) / epochs
        return self.rate * math.exp(-self.decay * (epoch - warm_up))


class SkipConnections:
    """All skip connections of a supernet that dropout is for; their draws come from `generator`."""

    def __init__(self, supernet: nn.Module, generator: torch.Generator):
        self._skips = [module for module in supernet.modules() if isinstance(module, Skip)]
        for skip in self._skips:
            skip.generator = generator
        self.dropout = 0.0

    def drop(self, dropout: float) -> float:
        """Drop with this probability from now on; returns it."""
        self.dropout = dropout
        for skip in self._skips:
            skip.dropout = dropout
        return dropout
