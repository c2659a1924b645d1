"""Checkers of the ETH thesis's own: what its counter counts, which cells its printed sizes allow, what it names."""

from functools import cache
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, shortened
from nascore.base.ranges import Amount, Cells, Channels, Count, EvenChannels, Fraction, Images, Index, Positive
from nascore.evidence import tables
from nascore.evidence.checks.base import Finding, Quantity, Sources, whether
from nascore.evidence.checks.common import RELATIONS, Relation
from nascore.evidence.formulas import Number
from nascore.evidence.verdicts import HOLDS, UNTOLD
from nascore.networks import operations as candidates
from nascore.networks.cell_network import CellNetwork
from nascore.networks.cells import INPUTS, Cell, Genotype, cell_types
from nascore.networks.counting import count
from nascore.networks.published import named
from nascore.spaces.cells import CellSpace

_USABLE = tuple(name for name in candidates.DARTS if name != "none")


@checked
def operations_counted(
    sources: Sources, *, printed: Quantity, network: str, cells: Cells = 20, channels: Channels = 36
) -> Finding:
    """Whether a published genotype has as many million operations as are printed, counted as pytorch-OpCounter does,
    which the thesis names: multiply-adds of convolutions and linear layers, two for each output of a BatchNorm, one for
    each of an average pool.
    """
    genotype = named(network)
    if not isinstance(genotype, Genotype):
        raise ConfigError(f"{network} is no genotype of the DARTS space")
    parts = _operations(_network(genotype, cells, channels)) / 1e6
    said = " + ".join(f"{part:.1f}{name}" for part, name in zip(parts, ("", " of BatchNorm", " of pools"), strict=True))
    said += f" = {parts.sum():.1f} M, {sources.text(printed)} printed"
    values = dict(zip(("macs", "norms", "pools"), parts.tolist(), strict=True)) | {"total": float(parts.sum())}
    return Finding(whether(bool(_rounds(parts.sum(), sources.number(printed)))), said, values)


@checked
def one_cell_has(
    sources: Sources, *, nodes: Count, among: list[str], layouts: list[dict[str, Amount]], printed: list[Quantity]
) -> Finding:
    """Whether one pair of cells, of `nodes` nodes and operations `among` these, has each of the `printed` sizes
    (million parameters) in the layout of the same place: {cells = 26, channels = 36}. All mixtures are counted.
    """
    if not layouts or len(layouts) != len(printed):
        raise ConfigError(f"each layout has its printed size: there are {len(layouts)} and {len(printed)}")
    if wrong := [each for each in layouts if each.keys() != {"cells", "channels"}]:
        raise ConfigError(f"a layout is {{ cells = ..., channels = ... }}, not {shortened(wrong[0])}")
    at = [choose("operation", name, {each: place for place, each in enumerate(_USABLE)}) for name in among]
    mixtures = list(combinations_with_replacement(range(len(among)), 2 * nodes))
    drawn = np.array([np.bincount(each, minlength=len(among)) for each in mixtures])
    fits = np.ones((len(drawn), len(drawn)), dtype=bool)
    for layout, text in zip(layouts, printed, strict=True):
        base, costs = _costs(nodes, 1, layout["cells"], layout["channels"])
        normal, reduce = (drawn @ costs[at, kind, 0] for kind in (0, 1))
        fits &= _rounds((base[0] + normal[:, None] + reduce[None, :]) / 1e6, sources.number(text))
    sizes = ", ".join(
        f"{sources.text(text)} M in {each['cells']} cells of {each['channels']} channels"
        for each, text in zip(layouts, printed, strict=True)
    )
    said = f"{int(fits.sum()):,} of {fits.size:,} mixtures of {len(among)} operations have {sizes}"
    return Finding(whether(bool(fits.any())), said, {"found": int(fits.sum()), "of": fits.size})


@checked
def skips_fit(
    sources: Sources, *, printed: Quantity, skips: list[Index], cells: Cells = 20, channels: Channels = 36
) -> Finding:
    """Whether cells of 4 nodes with so many `skips`, a number for each normal type, can have the printed size (million
    parameters): it lies between those of the smallest and of the largest operations in all other places.
    """
    edges = 8
    if any(each > edges for each in skips):
        raise ConfigError(f"a cell of 4 nodes has {edges} edges, not {max(skips)}")
    base, costs = _costs(4, len(skips), cells, channels)
    others = [name for name in range(len(_USABLE)) if _USABLE[name] != "skip_connect"]
    most = costs[others, :, 0].max(axis=0)
    free = [edges - each for each in skips] + [edges]
    low, high = base[0] / 1e6, (base[0] + float(np.dot(most, free))) / 1e6
    wanted = sources.number(printed)
    said = f"{low:.2f} to {high:.2f} M with {', '.join(map(str, skips))} skips, {sources.text(printed)} printed"
    return Finding(whether(low <= wanted.high and high >= wanted.low), said, {"low": low, "high": high})


@checked
def size_and_operations(
    sources: Sources,
    *,
    size: Quantity,
    operations: Quantity,
    normal_types: Count = 3,
    cells: Cells = 20,
    channels: Channels = 36,
    draws: Images = 300_000,
) -> Finding:
    """Whether some random genotype has both: so many million parameters and, as `operations_counted` has them,
    operations. Of `draws` from seed 0, each cell with its own frequencies of operations; that none has is no proof.
    """
    base, costs = _costs(4, normal_types, cells, channels)
    draw, found = np.random.default_rng(0), base[:, None]
    for kind in range(normal_types + 1):  # each cell has its own taste for operations, or all cells would be much alike
        taste = draw.dirichlet(np.full(len(_USABLE), 0.5), size=draws)
        found = found + costs[:, kind, :].T @ draw.multinomial(8, taste).T
    right = _rounds(found[0] / 1e6, sources.number(size))
    both = right & _rounds(found[1] / 1e6, sources.number(operations))
    span = f"{found[1][right].min() / 1e6:.0f} to {found[1][right].max() / 1e6:.0f} M operations" if right.any() else ""
    said = f"of {draws:,} random genotypes {int(right.sum()):,} have {sources.text(size)} M parameters"
    said += f"{span and f' ({span})'}, and {int(both.sum()):,} of these {sources.text(operations)} M operations"
    return Finding(HOLDS if both.any() else UNTOLD, said, {"size": int(right.sum()), "both": int(both.sum())})


@checked
def nodes_concatenate(sources: Sources, *, printed: Quantity, network: str) -> Finding:
    """Whether a network whose nodes concatenate what comes in, instead of summing it, can have the printed size
    (million parameters).

    Two inputs a node make cells twice as wide, and so do what reads them: the 1x1 convolutions before each cell, and
    the classifier. What operations would cost more is left out.
    """
    genotype = named(network)
    if not isinstance(genotype, Genotype):
        raise ConfigError(f"{network} is no genotype of the DARTS space")
    built = _network(genotype, 20, 36)
    summed, wanted = _parameters(built) / 1e6, sources.number(printed)
    # the first two cells read the stem, which stays as it is
    readers = [each for preprocess in list(built.preprocess)[2:] for each in preprocess.modules()]
    wider = [each.weight.numel() for each in (*readers, built.classifier) if isinstance(each, (nn.Conv2d, nn.Linear))]
    least = summed + sum(wider) / 1e6
    said = f"{summed:.2f} M with sums, {least:.2f} M at least with concatenation, {sources.text(printed)} printed"
    fits = least <= wanted.high and not _rounds(summed, wanted)
    return Finding(whether(fits), said, {"summed": summed, "concatenated": least})


@checked
def few_architecture_weights(sources: Sources, *, normal_types: Count, share: Fraction, cells: Cells = 5) -> Finding:
    """Whether the architecture parameters of a supernet are less than a `share` of its weights."""
    space = CellSpace(cells=cells, normal_types=normal_types)
    with torch.device("meta"):
        weights = _parameters(space.supernet(3, 10))
    alphas = sum(edges * operations for edges, operations in space.shapes().values())
    said = f"{alphas:,} for {weights:,} weights, {100 * alphas / weights:.2g} %"
    return Finding(whether(alphas < share * weights), said, {"alphas": alphas, "weights": weights})


@checked
def deep_separable(
    sources: Sources,
    *,
    halved: bool,
    relation: Relation,
    times: Positive,
    kernel: Literal[3, 5] = 3,
    channels: EvenChannels = 36,
) -> Finding:
    """How many parameters the deep separable convolution, with or without its halved inner channels, has for each of
    the separable one: whether that is in `relation` to so many `times`.
    """
    deep = candidates.SeparableConvolution(kernel, (1,) * 4, channels, 1, False, divided=2 if halved else 1)
    sizes = [_parameters(each) for each in (deep, candidates.build(f"sep_conv_{kernel}x{kernel}", channels, 1))]
    ratio = sizes[0] / sizes[1]
    said = f"{sizes[0]:,} parameters for {sizes[1]:,}, {ratio:.2f} times as many, at {channels} channels"
    return Finding(whether(RELATIONS[relation](ratio, times)), said, {"deep": sizes[0], "separable": sizes[1]})


@checked
def labels_there(sources: Sources, *, to: Literal["figure", "table"], named: list[str]) -> Finding:
    """Whether figures, or tables, that are named by label ("4.1", "A.2") are there."""
    if to == "figure":
        there = set(tables.figures(sources.paper)["figure"].astype(str))
    else:
        stems = [path.stem for path in paths.reported().glob(f"{sources.paper}_table*.csv")]
        there = {stem.rpartition("_table")[2].replace("_", ".") for stem in stems}
    missing = [each for each in named if each not in there]
    said = f"{len(named) - len(missing)} of {len(named)} are there"
    said += f", not {', '.join(missing)}" if missing else ""
    return Finding(whether(not missing), said, {"named": len(named), "missing": len(missing)})


def _rounds(values: Any, wanted: Number) -> np.ndarray:
    return np.abs(np.asarray(values) - wanted.value) <= wanted.half * (1 + 1e-9)


def _network(genotype: Genotype, cells: int, channels: int) -> CellNetwork:
    with torch.device("meta"):
        return CellNetwork(genotype, cells, channels)


def _operations(module: nn.Module, shape: tuple[int, int, int] = (3, 32, 32)) -> np.ndarray:
    """Of one image: multiply-adds, two for each output of a BatchNorm, one for each of an average pool."""
    outputs = {nn.BatchNorm2d: 0, nn.AvgPool2d: 0}

    def add(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        outputs[type(layer)] += output.numel()

    hooks = [layer.register_forward_hook(add) for layer in module.modules() if type(layer) in outputs]
    macs = count(module, shape).macs
    for hook in hooks:
        hook.remove()
    return np.array([macs, 2 * outputs[nn.BatchNorm2d], outputs[nn.AvgPool2d]], dtype=float)


def _parameters(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


@cache
def _costs(nodes: int, normal_types: int, cells: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(parameters and operations of the network whose operations cost nothing; what each operation adds to them in one
    place of all cells of each type, (7, types, 2)). In reduction cells places read the cell's inputs, at stride 2.
    """
    types = cell_types(normal_types)
    pairs = tuple((("max_pool_3x3", 0), ("max_pool_3x3", 1)) for _ in range(nodes))  # which cost nothing as counted
    cell = Cell(pairs, tuple(range(INPUTS, INPUTS + nodes)))
    network = _network(Genotype((cell,) * normal_types, cell), cells, channels)
    base = np.array([_parameters(network), _operations(network).sum()])
    costs = np.zeros((len(_USABLE), len(types), 2))
    for kind, width in zip(network.kinds, network.widths, strict=True):
        width //= nodes
        costs[:, types.index(kind)] += [
            _added(name, width, 32 * channels // width, kind == "reduce") for name in _USABLE
        ]
    return base, costs


@cache
def _added(name: str, channels: int, side: int, reduction: bool) -> tuple[float, float]:
    """Parameters and operations of one operation whose output has so many channels and pixels a side."""
    stride = 2 if reduction else 1
    with torch.device("meta"):
        operation = candidates.build(name, channels, stride)
    return _parameters(operation), float(_operations(operation, (channels, stride * side, stride * side)).sum())
