"""Candidate operations by their field names, each mapping C channels to C channels at stride 1 or 2.

The definitions are DARTS's (Liu et al. 2019, section 3.1 and public code): convolutions are ReLU-Conv-BN, separable
ones are applied twice; NAS-Bench-201's plain ones have the same form (Dong and Yang 2020, section 2.1). In a supernet
BatchNorm has no affine parameters and also follows the pools (`searching=True`).
"""

import re
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore.base import sources
from nascore.base.config import unknown
from nascore.base.errors import ConfigError


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, *, affine: bool = True) -> list[nn.Module]:
    """An ordinary convolution that keeps the size at stride 1, and its BatchNorm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs, affine=affine)]


class PlainConvolution(nn.Sequential):
    """ReLU, an ordinary convolution that keeps the size at stride 1, BatchNorm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, affine: bool = True):
        super().__init__(nn.ReLU(), *conv_bn(inputs, outputs, kernel, stride, affine=affine))


def relu_conv_bn(inputs: int, outputs: int, *, affine: bool = True) -> PlainConvolution:
    """ReLU, 1x1 convolution, BatchNorm: what preprocesses a cell's input."""
    return PlainConvolution(inputs, outputs, 1, affine=affine)


class FactorizedReduce(nn.Module):
    """Halve height and width by two 1x1 stride-2 convolutions, the second on the input shifted by one pixel.

    (N, inputs, H, W) -> (N, outputs, ceil(H/2), ceil(W/2)); an odd side is padded by one row or column of zeros so
    that the two halves agree. Raises `ConfigError` for an odd number of outputs.
    """

    def __init__(self, inputs: int, outputs: int, *, affine: bool = True):
        super().__init__()
        if outputs % 2:
            raise ConfigError(f"a factorized reduction makes an even number of channels, not {outputs}")
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        shifted = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(x), self.odd(shifted)], dim=1))


class Skip(nn.Identity):
    """The operation `skip_connect` at stride 1: the input, elementwise dropped out with probability `dropout` in
    training.

    What is kept is scaled by 1 / (1 - dropout). Draws come from `generator`, on the device of the input. Searches raise
    the dropout above 0 (see `nascore.search.dropout`); no derived network has any.
    """

    dropout = 0.0
    generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.dropout == 0:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.dropout, generator=self.generator)
        return x * kept.div_(1 - self.dropout)


class Zero(nn.Module):
    """The operation `none`: zeros of the shape that any other operation would give."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0.0


def _none(channels: int, stride: int, searching: bool) -> nn.Module:
    return Zero(stride)


def _skip_connect(channels: int, stride: int, searching: bool) -> nn.Module:
    return Skip() if stride == 1 else FactorizedReduce(channels, channels, affine=not searching)


def _pool(kind: Callable[[int], nn.Module], channels: int, stride: int, searching: bool) -> nn.Module:
    pool = kind(stride)
    return NormalisedPool(pool, channels) if searching else pool


class NormalisedPool(nn.Sequential):
    """A pool, and a BatchNorm without affine parameters: what a supernet of DARTS's has for pools."""

    def __init__(self, pool: nn.Module, channels: int):
        super().__init__(pool, nn.BatchNorm2d(channels, affine=False))


class SeparableConvolution(nn.Sequential):
    """[ReLU, depthwise convolution, 1x1 convolution, BatchNorm], once for each of `dilations`.

    The first depthwise convolution has the stride. Between first and last, the channels are `divided`.
    """

    def __init__(
        self,
        kernel: int,
        dilations: tuple[int, ...],
        channels: int,
        stride: int,
        searching: bool,
        *,
        divided: int = 1,
    ):
        layers: list[nn.Module] = []
        widths = [channels] + [channels // divided] * (len(dilations) - 1) + [channels]
        for at, dilation in enumerate(dilations):
            inputs, padding = widths[at], dilation * (kernel - 1) // 2
            step = 1 if at else stride
            depthwise = nn.Conv2d(inputs, inputs, kernel, step, padding, dilation, groups=inputs, bias=False)
            layers += [nn.ReLU(), depthwise, *conv_bn(inputs, widths[at + 1], 1, affine=not searching)]
        super().__init__(*layers)
        self.stride, self.dilations = stride, dilations


def _conv_7x1_1x7(channels: int, stride: int, searching: bool) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
        nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False),
        nn.BatchNorm2d(channels, affine=not searching),
    )


def _nor_conv(kernel: int, channels: int, stride: int, searching: bool) -> nn.Module:
    return PlainConvolution(channels, channels, kernel, stride, affine=not searching)


Maker = Callable[[int, int, bool], nn.Module]  # of channels, stride, and whether it is for a supernet

# name -> what makes the operation; `register` adds to it
OPERATIONS: dict[str, Maker] = {
    "none": _none,
    "max_pool_3x3": partial(_pool, lambda stride: nn.MaxPool2d(3, stride, 1)),
    "avg_pool_3x3": partial(_pool, lambda stride: nn.AvgPool2d(3, stride, 1, count_include_pad=False)),
    "skip_connect": _skip_connect,
    "sep_conv_3x3": partial(SeparableConvolution, 3, (1, 1)),
    "sep_conv_5x5": partial(SeparableConvolution, 5, (1, 1)),
    "dil_conv_3x3": partial(SeparableConvolution, 3, (2,)),
    "dil_conv_5x5": partial(SeparableConvolution, 5, (2,)),
    # of published cells only: NASNet-A, AmoebaNet-A, PNASNet-5
    "sep_conv_7x7": partial(SeparableConvolution, 7, (1, 1)),
    "conv_7x1_1x7": _conv_7x1_1x7,
    # of NAS-Bench-201, whose other three are among the first
    "nor_conv_1x1": partial(_nor_conv, 1),
    "nor_conv_3x3": partial(_nor_conv, 3),
    # of the ETH thesis (section 3.4): dilated convolutions as deep as separable ones, followed by another dilated one
    # (PDARTS-DD) or by an ordinary one (PDARTS-DC), and two separable ones in a row at half the channels
    "dil_dil_conv_3x3": partial(SeparableConvolution, 3, (2, 2)),
    "dil_dil_conv_5x5": partial(SeparableConvolution, 5, (2, 2)),
    "dil_sep_conv_3x3": partial(SeparableConvolution, 3, (2, 1)),
    "dil_sep_conv_5x5": partial(SeparableConvolution, 5, (2, 1)),
    "deep_sep_conv_3x3": partial(SeparableConvolution, 3, (1, 1, 1, 1), divided=2),
    "deep_sep_conv_5x5": partial(SeparableConvolution, 5, (1, 1, 1, 1), divided=2),
}

# The eight candidates of the DARTS space, in the order of its architecture parameters.
DARTS = tuple(OPERATIONS)[:8]

_OWN = frozenset(OPERATIONS)


def unknown_operation(name: object) -> str:
    """What errors say of a name that is no operation's."""
    name = name[:80] if isinstance(name, str) else name
    return unknown("operation", name, list(OPERATIONS), see="`nascore.networks.operations.OPERATIONS` has all")


def register(name: str, make: Maker) -> None:
    """Let `name` be an operation like any other: in spaces, genotypes, networks, counts and figures.

    `make(channels, stride, searching)` makes a module that maps (N, channels, H, W) to the same number of channels, at
    stride 2 halving H and W, rounded up. `searching` asks for the form that supernets take: no BatchNorm with affine
    parameters, since these would undo the architecture weights. Supernets compute a module of a known type faster and
    any other as it is, see `nascore.supernets.computes`. Registering a name again replaces it, as when a notebook's
    cell is run again; a run's identity holds the source of `make`. Raises `ConfigError` for a name of this package's
    own operations, and one that is no word.
    """
    if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
        raise ConfigError(f"an operation's name is a word of letters, digits and underscores, not {name!r}")
    if name in _OWN:
        raise ConfigError(f"{name!r} is an operation of nascore's own: give yours another name")
    OPERATIONS[name] = sources.registered[name] = make


def build_post_norm(name: str, channels: int, norm: Callable[[int], nn.Module]) -> nn.Sequential:
    """A separable convolution or pool as DSO-NAS has it: once, and then BatchNorm and ReLU (section 3.2: Conv-BN-ReLU;
    its code gives pools the same). (N, channels, H, W) -> the same shape; `norm(channels)` makes the BatchNorm.

    Raises `ConfigError` for another operation.
    """
    if name in ("sep_conv_3x3", "sep_conv_5x5"):
        size = int(name[-1])
        depthwise = nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels, bias=False)
        layers: list[nn.Module] = [depthwise, nn.Conv2d(channels, channels, 1, bias=False)]
    elif name in ("avg_pool_3x3", "max_pool_3x3"):
        layers = [OPERATIONS[name](channels, 1, False)]
    else:
        raise ConfigError(f"blocks are made of separable convolutions and pools, not of {name!r}")
    return nn.Sequential(*layers, norm(channels), nn.ReLU())


def build(name: str, channels: int, stride: int, *, searching: bool = False) -> nn.Module:
    """The operation `name` on (N, channels, H, W); at stride 2 it halves H and W (rounding up).

    `searching` makes the supernet's form of it (no affine BatchNorm, pools normalised). `name` must be in `OPERATIONS`.
    """
    return OPERATIONS[name](channels, stride, searching)
