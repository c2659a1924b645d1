"""Checkers of DARTS-GAL's own: its six layouts, sizes under either rule of pruning, and what its game aims at.

Layouts and kept nodes are read from the printed Tables 1, 3, 5 and 7; what those do not say of the networks (section 3)
is in `NETWORKS`. Nothing is trained.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, shortened
from nascore.base.ranges import Amount, Channels, Index, Seed
from nascore.evidence import tables
from nascore.evidence.checks.base import Finding, Quantity, Sources, whether
from nascore.evidence.formulas import Number, number
from nascore.evidence.verdicts import HOLDS, UNTOLD
from nascore.networks import operations
from nascore.networks.baselines import BASELINES
from nascore.networks.cell_network import CellNetwork
from nascore.networks.cell_stack import default_reductions, stacked
from nascore.networks.cells import INPUTS, Cell, Genotype, Kept, Stack
from nascore.networks.node_pruning import Empty, Rule, pruned
from nascore.networks.published import PUBLISHED

Dataset = Literal["MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "Cats vs. Dogs", "VoxCeleb1-Min"]
Reductions = Literal["printed", "rule"]  # as the tables have them, or by DARTS's rule, which section 2.2 repeats
Measure = Literal["test_accuracy_percent", "params_million"]

PAPER = "darts_gal"
CHANNELS = 16  # sections 3.1 to 3.4
# data set -> the table of its kept nodes (the next one has its accuracies), classes, channels of an image, the stem
NETWORKS: dict[str, tuple[int, int, int, str]] = {
    "MNIST": (1, 10, 1, "cifar"),
    "FashionMNIST": (1, 10, 1, "cifar"),
    "CIFAR10": (3, 10, 3, "cifar"),
    "CIFAR100": (3, 100, 3, "cifar"),
    "Cats vs. Dogs": (5, 2, 3, "stride2"),
    "VoxCeleb1-Min": (7, 100, 3, "stride2"),
}
_KNOWN = ("MNIST", "FashionMNIST", "CIFAR10")  # their cells are those that DARTS published (sections 3.1, 3.2)
_NODES = 4
_COLUMN = {"paper", "table", "column"}
WIDTHS = range(4, 65, 4)  # channels of the first cell that are tried where the printed 16 explain nothing
_CANDIDATES = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "skip_connect",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
_EXTREMES = ("max_pool_3x3", "sep_conv_5x5")  # of no parameters, and of the most


# What its tables say of all six ------------------------------------------------------------------------------------


@checked
def in_cases(
    sources: Sources, *, column: Measure, better: Literal["higher", "lower"], at_least: Amount, ties: bool = False
) -> Finding:
    """Whether DARTS-GAL is better than DARTS, in a column of Tables 2, 4, 6 and 8, on so many of the six data sets."""
    sign = 1 if better == "higher" else -1
    gaps = {name: ours.value - theirs.value for name, (theirs, ours) in _pairs(sources, column).items()}
    wins = sum(sign * gap > 0 or (ties and gap == 0) for gap in gaps.values())
    said = f"{better} on {wins} of {len(gaps)}: " + ", ".join(f"{name} {gap:+.3g}" for name, gap in gaps.items())
    return Finding(whether(wins >= at_least), said, gaps)


@checked
def most_pruned(sources: Sources, *, dataset: Dataset) -> Finding:
    """Whether the share of parameters that pruning takes away is largest on this data set, by the printed sizes."""
    shares = {name: 100 * (1 - after.value / before.value) for name, (before, after) in _sizes(sources).items()}
    said = ", ".join(f"{name} {share:.1f} %" for name, share in sorted(shares.items(), key=lambda pair: -pair[1]))
    return Finding(whether(max(shares, key=lambda name: shares[name]) == dataset), said, shares)


@checked
def kept(sources: Sources, *, dataset: Dataset, nodes: Index) -> Finding:
    """Whether a data set's table lists so many kept nodes."""
    layout = _layout(sources, dataset)
    found, whole = sum(map(len, layout.kept)), _NODES * layout.cells
    return Finding(whether(found == nodes), f"{found} of {whole} in the table", {"kept": found, "nodes": whole})


# Layouts -------------------------------------------------------------------------------------------------------------


@checked
def placed(sources: Sources, *, told: dict[Dataset, list[Index]]) -> Finding:
    """Whether the tables have the reduction cells where the text has them: data set -> positions from 1."""
    found = {name: [at + 1 for at in _layout(sources, name).reductions] for name in told}
    wrong = [name for name in told if found[name] != told[name]]
    said = "; ".join(f"{name} {', '.join(map(str, found[name]))}" for name in wrong or told)
    return Finding(whether(not wrong), f"in the tables: {said}", {"wrong": len(wrong), "of": len(told)})


@checked
def thirds(sources: Sources, *, dataset: Dataset) -> Finding:
    """Whether the reduction cells of a data set's table are where DARTS's rule has them: L // 3, 2 L // 3, from 0."""
    layout = _layout(sources, dataset)
    rule, table = ([str(at + 1) for at in each] for each in (default_reductions(layout.cells), layout.reductions))
    said = f"of {layout.cells} cells {' and '.join(table)}, by DARTS's rule {' and '.join(rule)}"
    return Finding(whether(rule == table), said, {"rule": rule, "printed": table})


@checked
def one_rule_of_thirds(sources: Sources) -> Finding:
    """Whether some way of rounding a third and two thirds of the depth gives the reduction cells of all six tables.

    Down, up or to the nearest, counted from 0 or from 1.
    """
    rounds: dict[str, Callable[[float], float]] = {"down": math.floor, "up": math.ceil, "to the nearest": round}
    layouts = {name: _layout(sources, name) for name in NETWORKS}
    fits = {
        f"{word}, from {first}": sum(
            tuple(int(rounding(part * each.cells / 3)) - first for part in (1, 2)) == each.reductions
            for each in layouts.values()
        )
        for word, rounding in rounds.items()
        for first in (0, 1)
    }
    best = max(fits.values())
    said = f"at best {best} of {len(layouts)} ({'; '.join(name for name, fit in fits.items() if fit == best)})"
    return Finding(whether(best == len(layouts)), said, fits)


# Sizes ---------------------------------------------------------------------------------------------------------------


@checked
def sized(
    sources: Sources,
    *,
    dataset: Literal["MNIST", "FashionMNIST", "CIFAR10"],
    pruning: Rule | Literal["none"] = "none",
    empty: Empty = "keep",
    reductions: Reductions = "printed",
) -> Finding:
    """Whether the network of a data set with DARTS's published cells has the size that is printed (millions).

    Unpruned, or pruned to the nodes of the table by a rule of `nascore.gal.pruned`; cells that keep none are kept whole
    or bypassed.
    """
    before, after = _sizes(sources)[dataset]
    printed = before if pruning == "none" else after
    stack = _published(sources, dataset, reductions)
    if pruning != "none":
        stack = pruned(stack, _layout(sources, dataset).kept, pruning, empty)
    found = _size(stack, dataset)
    said = f"{found:.3f} M counted, {_shown(printed)} printed"
    return Finding(whether(_agree(found, printed)), said, {"counted": found, "printed": printed.value})


@checked
def reachable(sources: Sources, *, dataset: Dataset, channels: Channels = CHANNELS) -> Finding:
    """Whether any cells at all give the unpruned network the printed size, from pools alone to 5x5 convolutions."""
    printed = _sizes(sources)[dataset][0]
    least, most = (_extreme(sources, dataset, channels, name) for name in _EXTREMES)
    said = (
        f"between {least:.3f} and {most:.3f} M with {channels} channels, whatever the cells; {_shown(printed)} printed"
    )
    return Finding(whether(least <= printed.high and printed.low <= most), said, {"least": least, "most": most})


@checked
def counted_by_concat(sources: Sources, *, dataset: Dataset, channels: Channels = CHANNELS) -> Finding:
    """Whether the printed sizes are as far apart as the rule `concat` has them, of which the lost cells are no part.

    Only the 1x1 convolutions behind a cell, and the classifier, become narrower then: what that saves depends on the
    kept nodes and the number of channels alone.
    """
    found, printed = _narrowed(sources, dataset, channels), _lost(sources, dataset)
    narrowed = _by_width(lambda width: _narrowed(sources, dataset, width))
    others = [width for width in WIDTHS if _agree(narrowed(width), printed)]
    said = f"{found:.3f} M less with {channels} channels, {_shown(printed)} printed"
    said += (
        f"; {', '.join(map(str, others)) or 'none'} of {WIDTHS[0]}, {WIDTHS[1]}, ... {WIDTHS[-1]} channels gives that"
    )
    return Finding(whether(_agree(found, printed)), said, {"computed": found, "printed": printed.value, "fits": others})


@checked
def all_counted_by_concat(sources: Sources) -> Finding:
    """Whether some number of channels (4 to 64) explains, on each data set, both printed sizes by the rule `concat`.

    The reductions may be where the table or where DARTS's rule has them, and lost cells any.
    """
    fits = {name: _fitting(sources, name) for name in NETWORKS}
    said = ", ".join(f"{name} {' or '.join(map(str, widths)) or 'none'}" for name, widths in fits.items())
    return Finding(whether(all(fits.values())), f"channels that do: {said}", fits)


@checked
def cells_exist(
    sources: Sources,
    *,
    dataset: Literal["CIFAR100", "Cats vs. Dogs", "VoxCeleb1-Min"],
    pruning: Rule = "node",
    empty: Empty = "bypass",
    reductions: Reductions = "printed",
    draws: Amount = 10_000,
    seed: Seed = 0,
) -> Finding:
    """Whether there are cells with both printed sizes: looked for among so many uniform draws of the DARTS space.

    One that is found shows it; that none is found shows nothing, and cannot be told.
    """
    printed = _sizes(sources)[dataset]
    layout, found = _layout(sources, dataset), 0
    near = 0
    for genotype in _of_size(sources, dataset, printed[0], reductions, draws, seed):
        stack = stacked(genotype, layout.cells, _reductions(layout, reductions))
        near += 1
        found += _agree(_size(pruned(stack, layout.kept, pruning, empty), dataset), printed[1])
    said = f"of {draws:,} random pairs of cells (seed {seed}) {near} have {_shown(printed[0])} M before pruning"
    said += f", {found} of them {_shown(printed[1])} M after it"
    return Finding(HOLDS if found else UNTOLD, said, {"draws": draws, "before": near, "both": found})


@checked
def fully_convolutional(sources: Sources, *, network: Literal["lenet", "vgg16", "resnet18"]) -> Finding:
    """Whether a hand-made network, as it is built here, has no weights but those of convolutions."""
    with torch.device("meta"):
        built = BASELINES[network](10, 1 if network == "lenet" else 3, 28 if network == "lenet" else 32)
    whole = sum(p.numel() for p in built.parameters())
    linear = sum(p.numel() for each in built.modules() if isinstance(each, nn.Linear) for p in each.parameters())
    said = f"{100 * linear / whole:.0f} % of its {whole / 1e6:.2f} M parameters are those of linear layers"
    return Finding(whether(not linear), said, {"linear": linear, "parameters": whole})


# Figures, other papers, the game -------------------------------------------------------------------------------------


@checked
def captioned(sources: Sources, *, figure: Index, words: list[str]) -> Finding:
    """Whether a figure's caption has one of the words for what the text says that it shows."""
    rows = tables.figures(PAPER).set_index("figure")["caption"]
    caption = choose(f"figure of {PAPER}", str(figure), {str(name): str(each) for name, each in rows.items()})
    true = any(word.lower() in caption.lower() for word in words)
    return Finding(whether(true), f"Figure {figure}: {caption}", {"caption": caption})


@checked
def highest(sources: Sources, *, printed: Quantity, among: list[dict[str, Any]]) -> Finding:
    """Whether a number is above all in the columns `among`, {paper, table, column}, and error = true of error rates."""
    for given in among:
        if not _COLUMN <= given.keys() <= _COLUMN | {"error"}:
            raise ConfigError(f"a column is paper, table, column, and perhaps error, not {shortened(given)}")
    found = [each for given in among for each in _accuracies(sources, **given)]
    if not found:
        raise ConfigError("there is no number to be above of")
    best, name, paper = max(found)
    ours = sources.number(printed).value
    said = f"{sources.text(printed)}; the highest of {len(found)} others is {best:.2f} ({name} in {paper})"
    return Finding(whether(ours > best), said, {"ours": ours, "best": best, "rows": len(found)})


@checked
def restrained(sources: Sources) -> Finding:
    """Whether R(W_D) keeps the best discriminator from D = 0 on outputs that it tells apart (equations 5 and 7)."""
    d = np.linspace(0.0005, 0.9995, 2000)  # D of a generated output
    plain, with_r = (float(d[np.argmax(np.log(1 - d) + weight * np.log(d))]) for weight in (0.0, 1.0))
    said = f"the best D of a generated output that is told apart: {with_r:.2f} with R, {plain:.2f} without"
    return Finding(whether(plain < 0.01 < 0.49 < with_r), said, {"with R": with_r, "without": plain})


@checked
def deceives(sources: Sources, *, with_regulariser: bool = True) -> Finding:
    """Whether minimising the loss over the generator raises D of its outputs everywhere, so that they pass for the
    baseline's: of log(1 - D), and log D of R(W_D) where that is counted among what (4) minimises over W_G.
    """
    d = np.linspace(0.0005, 0.9995, 2000)
    slope = -1 / (1 - d) + (1 / d if with_regulariser else 0)  # of the loss by D; a descent raises D where it is < 0
    raised = slope < 0
    low, high = (
        f"where it is {d[part].min():.2f} to {d[part].max():.2f}" if part.any() else "nowhere"
        for part in (~raised, raised)
    )
    said = f"descent lowers D {low}, and raises it {high}"
    return Finding(whether(bool(raised.all())), said, {"raised": float(raised.mean())})


# What these share ----------------------------------------------------------------------------------------------------


@checked
def _accuracies(
    sources: Sources, paper: str, table: str | int, column: str, error: bool = False
) -> list[tuple[float, str, str]]:
    """(accuracy, name, paper) of all rows of a column of any paper's table; of an `error` rate what is left to 100."""
    frame = sources.table(table, paper)
    choose(f"column of {paper}'s table {table}", column, dict.fromkeys(frame.columns))
    names = next(each for each in ("architecture", "model", "genotype", column) if each in frame)
    rows = frame.loc[frame[column] != "", [names, column]].itertuples(index=False)
    values = [(name, number(text).value) for name, text in rows]
    return [(100 - value if error else value, name, paper) for name, value in values]


@dataclass(frozen=True)
class _Layout:
    cells: int
    reductions: tuple[int, ...]  # from 0
    kept: Kept


def _layout(sources: Sources, dataset: str) -> _Layout:
    table = sources.table(NETWORKS[dataset][0], PAPER)
    rows = table[table["dataset"] == dataset]
    nodes = rows["reserved_intermediate_nodes"]
    kept_ = tuple(() if each == "None" else tuple(int(part) for part in each.split(",")) for each in nodes)
    reductions = tuple(at for at, kind in enumerate(rows["type"]) if kind == "Reduction")
    return _Layout(len(rows), reductions, kept_)


def _reductions(layout: _Layout, which: Reductions) -> tuple[int, ...]:
    return layout.reductions if which == "printed" else default_reductions(layout.cells)


def _pairs(sources: Sources, column: str) -> dict[str, tuple[Number, Number]]:
    """Data set -> what is printed of DARTS and of DARTS-GAL."""
    found = {}
    for dataset, (table, *_) in NETWORKS.items():
        name = "model" if table == 1 else "method"
        rows = ({"dataset": dataset, name: method} for method in ("DARTS", "DARTS-GAL"))
        theirs, ours = (number(sources.cell(table + 1, row, column, PAPER)) for row in rows)
        found[dataset] = (theirs, ours)
    return found


def _sizes(sources: Sources) -> dict[str, tuple[Number, Number]]:
    return _pairs(sources, "params_million")


def _lost(sources: Sources, dataset: str) -> Number:
    before, after = _sizes(sources)[dataset]
    return Number(before.value - after.value, before.half + after.half)


def _shown(printed: Number) -> str:
    """A printed number with the digits that it has."""
    return f"{printed.value:.{round(-math.log10(2 * printed.half))}f}" if printed.half else f"{printed.value:g}"


def _agree(found: float, printed: Number) -> bool:
    return abs(found - printed.value) <= printed.half * (1 + 1e-9)


def _published(sources: Sources, dataset: str, reductions: Reductions) -> Stack:
    layout = _layout(sources, dataset)
    return stacked(PUBLISHED["DARTS_V2"], layout.cells, _reductions(layout, reductions))


def _of(operation: str) -> Genotype:
    """Cells of one operation: each of their nodes reads the two inputs by it."""
    cell = Cell(tuple(((operation, 0), (operation, 1)) for _ in range(_NODES)), tuple(range(INPUTS, INPUTS + _NODES)))
    return Genotype((cell,), cell)


def _extreme(sources: Sources, dataset: str, channels: int, operation: str) -> float:
    """The size of the network, unpruned, if its cells are of that operation alone."""
    layout = _layout(sources, dataset)
    return _size(stacked(_of(operation), layout.cells, layout.reductions), dataset, channels)


def _narrowed(sources: Sources, dataset: str, channels: int, reductions: Reductions = "printed") -> float:
    """How many parameters (millions) the rule `concat` takes away, whatever the cells are."""
    layout = _layout(sources, dataset)
    stack = stacked(_of("max_pool_3x3"), layout.cells, _reductions(layout, reductions))
    left = pruned(stack, layout.kept, "concat", "keep")
    return _size(stack, dataset, channels) - _size(left, dataset, channels)


def _fitting(sources: Sources, dataset: str) -> list[int]:
    """The `WIDTHS` with which `concat` explains both printed sizes of a data set."""
    before, found = _sizes(sources)[dataset][0], set()
    layout = _layout(sources, dataset)
    both: tuple[Reductions, ...] = ("printed", "rule")
    for reductions in both if layout.reductions != default_reductions(layout.cells) else both[:1]:
        narrowed = _by_width(partial(_narrowed, sources, dataset, reductions=reductions))
        if dataset in _KNOWN:
            least = most = _by_width(partial(_size, _published(sources, dataset, reductions), dataset))
        else:
            least, most = (_by_width(partial(_extreme, sources, dataset, operation=name)) for name in _EXTREMES)
        for width in WIDTHS:
            apart = _agree(narrowed(width), _lost(sources, dataset))
            if apart and least(width) <= before.high and before.low <= most(width):
                found.add(width)
    return sorted(found)


def _by_width(size: Callable[[int], float]) -> Callable[[int], float]:
    """The same at any width from three that are counted: parameters are a polynomial of degree 2 of the channels."""
    counted = (4, 8, 12)
    return np.poly1d(np.polyfit(counted, [size(width) for width in counted], 2))


def _size(stack: Stack, dataset: str, channels: int = CHANNELS) -> float:
    """Parameters of the network of a stack, in millions."""
    _, classes, in_channels, stem = NETWORKS[dataset]
    return _parameters(stack, channels, classes, in_channels, stem) / 1e6


@cache
def _parameters(stack: Stack, channels: int, classes: int, in_channels: int, stem: Any) -> int:
    with torch.device("meta"):
        network = CellNetwork(stack, channels=channels, classes=classes, in_channels=in_channels, stem=stem)
    return sum(each.numel() for each in network.parameters())


# A search for lost cells ---------------------------------------------------------------------------------------------


def _of_size(
    sources: Sources, dataset: str, printed: Number, reductions: Reductions, draws: int, seed: int
) -> Iterator[Genotype]:
    """Of uniform draws of the DARTS space those whose unpruned network has the printed size."""
    layout, random = _layout(sources, dataset), np.random.default_rng(seed)
    places = _reductions(layout, reductions)
    base = _size(stacked(_of("max_pool_3x3"), layout.cells, places), dataset)
    (normal, normal_sources), (reduce, reduce_sources) = (_drawn(random, draws) for _ in range(2))
    total = np.full(draws, base * 1e6)
    for at in range(layout.cells):
        width = CHANNELS * 2 ** sum(place <= at for place in places)
        cost = {stride: np.array([_operation(name, width, stride) for name in _CANDIDATES]) for stride in (1, 2)}
        if at in places:
            total += np.where(reduce_sources < INPUTS, cost[2][reduce], cost[1][reduce]).sum(axis=1)
        else:
            total += cost[1][normal].sum(axis=1)
    for index in np.flatnonzero(np.abs(total / 1e6 - printed.value) <= printed.half):
        cells = [_cell(normal[index], normal_sources[index]), _cell(reduce[index], reduce_sources[index])]
        yield Genotype((cells[0],), cells[1])


def _drawn(random: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Operations and sources, (draws, 8): two different sources a node."""
    sources = np.stack(
        [random.random((draws, INPUTS + node)).argsort(axis=1)[:, :2] for node in range(_NODES)], axis=1
    ).reshape(draws, -1)
    return random.integers(len(_CANDIDATES), size=sources.shape), sources


def _cell(names: np.ndarray, sources: np.ndarray) -> Cell:
    edges = [(_CANDIDATES[name], int(source)) for name, source in zip(names, sources, strict=True)]
    return Cell(tuple(zip(edges[::2], edges[1::2], strict=True)), tuple(range(INPUTS, INPUTS + _NODES)))


@cache
def _operation(name: str, channels: int, stride: int) -> int:
    with torch.device("meta"):
        return sum(each.numel() for each in operations.build(name, channels, stride).parameters())
