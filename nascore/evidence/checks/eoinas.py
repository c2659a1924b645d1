"""Checkers of EoiNAS's own: what its indicator, its draws and its pruning do by themselves, which cells its printed
sizes leave, what its search cost is made of, and whom its tables cite and quote.
"""

import itertools
import re
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Cells, Channels, Count, Epochs, NonNegative, Pixels, Steps
from nascore.evidence import statistics
from nascore.evidence.checks.base import Finding, Quantity, Sources, whether
from nascore.evidence.checks.common import Share, _count
from nascore.evidence.checks.measured import _ranked
from nascore.evidence.formulas import Number, number, reach
from nascore.evidence.verdicts import FAILS, HOLDS, UNTESTED, UNTOLD, Verdict
from nascore.networks import operations
from nascore.networks.cell_network import CellNetwork
from nascore.networks.cell_stack import Stem
from nascore.networks.cells import Cell, Genotype
from nascore.networks.counting import count
from nascore.relaxations.gumbel import GumbelSoftmax
from nascore.relaxations.softmax import Softmax

Unit = Literal["relative", "raw", "percent"]

_EDGES = 2_000  # that are drawn, with a seed of their own
_SPREAD = 0.3  # standard deviation of alpha on them: weights of 0.08 to 0.19 about an even 1/8


# What the tables cite and quote ------------------------------------------------------------------------------------


@checked
def cites_the_work(
    sources: Sources, *, table: str | int, column: str, expected: dict[str, Amount], paper: str | None = None
) -> Finding:
    """Whether each row cites the work that it names: `expected` has, by the beginning of what stands in `column`, the
    number of the work in the references; the row's own is the last in brackets. Rows that cite nothing are left out.
    """
    frame, wrong, cited = sources.table(table, paper), [], 0
    for text in frame[choose(f"column of table {table}", column, {each: each for each in frame.columns})]:
        numbers = re.findall(r"\[(\d+)\]", text)
        names = [name for name in expected if text.startswith(name)]
        if not numbers:
            continue
        if not names:
            raise ConfigError(f"expected says nothing of {text!r}")
        cited += 1
        right = expected[max(names, key=len)]
        wrong += [] if int(numbers[-1]) == right else [f"{text}, whose work is [{right}]"]
    said = f"{cited - len(wrong)} of {cited} rows do" + (f"; not {', '.join(wrong)}" if wrong else "")
    return Finding(whether(not wrong), said, {"right": cited - len(wrong), "of": cited})


@checked
def quoted_alike(
    sources: Sources,
    *,
    table: str | int,
    column: str,
    rows: dict[str, str],
    columns: dict[str, str],
    other_paper: str,
    other_table: str | int,
) -> Finding:
    """Whether two papers print the same numbers of the same systems, to the digits of the coarser.

    `rows` maps rows of `table`, by what stands in `column`, to those of the other's, by its first column; `columns`
    likewise. Cells that are empty in one of them are left out.
    """
    compared, apart = 0, []
    for (mine, other), (own, theirs) in itertools.product(rows.items(), columns.items()):
        pair = (
            sources.cell(table, {column: mine}, own),
            sources.cell(other_table, other, theirs, other_paper),
        )
        if not all(pair):
            continue
        compared += 1
        one, two = (number(text) for text in pair)
        if abs(one.value - two.value) > max(one.half, two.half) * (1 + 1e-9):
            apart.append(f"{mine}: {pair[0]} and {pair[1]}")
    said = f"{compared - len(apart)} of {compared} numbers are the same"
    return Finding(
        whether(not apart) if compared else UNTOLD,
        said + (f"; {'; '.join(apart)}" if apart else ""),
        {"same": compared - len(apart), "of": compared},
    )


# Draws, weights and the indicator ----------------------------------------------------------------------------------


@checked
def draws_follow_softmax(sources: Sources) -> Finding:
    """Whether the largest of alpha plus Gumbel noise is an operation as often as softmax(alpha) says: 100,000 draws of
    an edge with eight operations, seed 0, by the chi-square test.
    """
    n = 100_000
    alpha = torch.linspace(-1, 1, 8, dtype=torch.float64).expand(n, 8)
    alive = torch.ones_like(alpha, dtype=torch.bool)
    drawn = GumbelSoftmax().weights(alpha, alive, torch.Generator().manual_seed(0)).values.argmax(dim=1)
    seen = drawn.bincount(minlength=8).double().numpy()
    wanted = n * Softmax().strengths(alpha[:1], alive[:1])[0].numpy()
    p = float(stats.chisquare(seen, wanted).pvalue)
    said = f"of {n:,} draws shares are off by {100 * np.abs(seen - wanted).max() / n:.2f} points at most, p = {p:.2g}"
    return Finding(whether(p > 0.001), said, {"p": p})


@checked
def cold_draws_are_discrete(sources: Sources) -> Finding:
    """Whether a Gumbel-softmax becomes a discrete draw as its temperature falls: the mean of its largest weight on
    2,000 edges of eight operations, seed 0.
    """
    alpha = torch.zeros(_EDGES, 8, dtype=torch.float64)
    alive = torch.ones_like(alpha, dtype=torch.bool)
    largest = {}
    for temperature in (5.0, 1.0, 0.1, 0.001):
        soft = GumbelSoftmax(temperature=temperature, final_temperature=temperature, hard=False)
        values = soft.weights(alpha, alive, torch.Generator().manual_seed(0)).values
        largest[f"{temperature:g}"] = float(values.max(dim=1).values.mean())
    said = "the largest weight is " + ", ".join(f"{value:.3f} (T = {at})" for at, value in largest.items())
    rises = all(one < other for one, other in itertools.pairwise(largest.values()))
    return Finding(whether(rises and largest["0.001"] > 0.99), said, largest)


@checked
def decays_to(sources: Sources, *, first: NonNegative, last: NonNegative, epochs: Epochs) -> Finding:
    """Whether equal factors, one an epoch, lead from `first` to `last`, and by more than one step."""
    factor = (last / first) ** (1 / max(1, epochs - 1)) if first else 0.0
    second = first * factor
    said = (
        f"a factor of ({last:g} / {first:g})^(1 / {epochs - 1}) = {factor:.3g} an epoch, after the first {second:.3g}"
    )
    return Finding(whether(last < second < first), said, {"factor": factor})


@checked
def weights_tell_inputs(sources: Sources, *, left: Count) -> Finding:
    """Whether architecture weights still tell an edge from another once `left` operations are left on each: of 2,000
    pairs of edges, seed 0, the share whose largest weights differ.
    """
    generator = torch.Generator().manual_seed(0)
    alpha = torch.randn(2 * _EDGES, 8, generator=generator, dtype=torch.float64)
    alive = torch.zeros_like(alpha, dtype=torch.bool)
    alive.scatter_(1, alpha.topk(min(left, 8), dim=1).indices, True)
    one, other = Softmax().strengths(alpha, alive).max(dim=1).values.view(2, _EDGES)
    share = 100 * float((one != other).double().mean())
    said = f"the largest weights of {share:.0f} % of pairs of edges differ; they are {float(one.min()):.2f} at least"
    return Finding(whether(share == 100), said, {"differ": share})


@checked
def weight_decides_between_equals(
    sources: Sources, *, unit: Unit, passes: Steps, operations: Count = 8, scale: NonNegative = 0.5
) -> Finding:
    """Whether the indicator ranks operations by their weights where they are equally accurate.

    On 2,000 edges, seed 0, each operation drawn in proportion to its weight in `passes` passes, all 70 % accurate: the
    mean of Kendall's tau between weight and importance, and how often the least important has the largest weight.
    """
    weights = _weights(operations)
    importance = _importance(weights, torch.full_like(weights, 0.7), unit, passes, scale)
    tau = _tau(weights, importance)
    worst = 100 * float((importance.argmin(dim=1) == weights.argmax(dim=1)).double().mean())
    said = f"tau of weight and importance {tau:+.2f}; the largest weight is least important on {worst:.0f} % of edges"
    return Finding(whether(tau > 0.95), said, {"tau": tau, "turned": worst})


@checked
def indicator_has_a_say(
    sources: Sources,
    *,
    unit: Unit,
    passes: Steps,
    operations: Count = 8,
    scale: NonNegative = 0.5,
    share: Share = 0.1,
) -> Finding:
    """Whether the indicator drops another operation than the weights would on more than a `share` of edges.

    As `weight_decides_between_equals`, but accuracies differ, as widely as 50 to 90 %.
    """
    weights = _weights(operations)
    spread = torch.rand(weights.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    importance = _importance(weights, 0.5 + 0.4 * spread, unit, passes, scale)
    other = float((importance.argmin(dim=1) != weights.argmin(dim=1)).double().mean())
    said = f"another operation is the least on {100 * other:.1f} % of edges, after {passes:,} passes"
    return Finding(whether(other > share), said, {"other": 100 * other})


def _weights(operations: int) -> Tensor:
    alpha = torch.randn(_EDGES, operations, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (_SPREAD * alpha).softmax(dim=1)


def _importance(weights: Tensor, accuracy: Tensor, unit: Unit, passes: int, scale: float) -> Tensor:
    """Equations 6 and 7, of operations that each pass drew in proportion to their weights; units are those of
    `nascore.pruning.Importance`.
    """
    iterations = weights * (weights.shape[1] if unit == "relative" else passes)
    return weights + scale * (100 if unit == "percent" else 1) * accuracy / iterations


def _tau(one: Tensor, other: Tensor) -> float:
    """The mean of Kendall's tau over rows that have no ties."""
    signs = [(each[:, :, None] - each[:, None, :]).sign() for each in (one, other)]
    pairs = one.shape[1] * (one.shape[1] - 1)
    return float((signs[0] * signs[1]).sum(dim=(1, 2)).mean() / pairs)


# Sizes -------------------------------------------------------------------------------------------------------------


@checked
def smaller_than(
    sources: Sources,
    *,
    printed: Quantity,
    network: str,
    what: Literal["parameters", "macs"] = "parameters",
    by: Share = 0.0,
    cells: Cells = 14,
    channels: Channels = 48,
    classes: Amount = 1000,
    image_size: Pixels = 224,
    stem: Stem = "imagenet",
) -> Finding:
    """Whether a printed size (millions) is below that of a published genotype's network, by more than a share `by`."""
    counted = getattr(_count(network, cells, channels, classes, 3, image_size, None, stem), what) / 1e6
    own = sources.number(printed)
    limit = (1 - by) * counted
    verdict: Verdict = HOLDS if own.high < limit else FAILS if own.low > limit else UNTOLD
    words = "M multiply-adds" if what == "macs" else "M parameters"
    said = f"{sources.text(printed)} printed, {network} has {counted:.2f} {words} with {channels} channels"
    return Finding(verdict, said, {"printed": own.value, "counted": counted})


@checked
def a_cell_has(
    sources: Sources,
    *,
    parameters: Quantity,
    transferred_parameters: Quantity,
    macs: Quantity,
    channels: Channels = 48,
    norm: NonNegative = 0.0,
) -> Finding:
    """Whether some cell of the DARTS space has all three printed sizes (millions): the parameters as a network for
    CIFAR-10 (20 cells, 36 channels), and the parameters and multiply-adds for ImageNet (14 cells, `channels`).

    Every cell with two inputs a node is looked at, by how many of its edges have which operation: sizes ask no more.
    Multiply-adds are those of convolutions and linear layers, and `norm` for each output of a BatchNorm.
    """
    small, large = _sizes(20, 36, 10, 32, 32, "cifar", 0.0), _sizes(14, channels, 1000, 224, 28, "imagenet", norm)
    wanted = [sources.number(each) for each in (parameters, transferred_parameters, macs)]
    texts = [str(sources.text(each)) for each in (parameters, transferred_parameters, macs)]
    fitting, both, among = 0, 0, []
    for row in range(len(small[0])):  # a normal cell, with all reduction cells
        fits = _rounds_to(small[0][row, 0] + small[1][:, 0], wanted[0])
        fitting += int(fits.sum())
        fits &= _rounds_to(large[0][row, 0] + large[1][:, 0], wanted[1])
        both += int(fits.sum())
        among.append((large[0][row, 1] + large[1][:, 1])[fits])
    found = np.concatenate(among)
    all_ = int(_rounds_to(found, wanted[2]).sum())
    counted = len(small[0]) * len(small[1])
    said = f"of {counted:,} choices of operations {fitting:,} have {texts[0]} M, {both:,} of them {texts[1]} M, too"
    values: dict[str, float] = {"fitting": fitting, "both": both, "all": all_}
    if both:
        low, high = float(found.min()) / 1e6, float(found.max()) / 1e6
        said += f"; these have {low:.1f} to {high:.1f} M multiply-adds, {all_:,} of them {texts[2]}"
        values |= {"low": low, "high": high}
    return Finding(whether(all_ > 0), said, values)


def _rounds_to(sizes: np.ndarray, printed: Number) -> np.ndarray:
    return np.asarray(np.abs(sizes / 1e6 - printed.value) <= printed.half * (1 + 1e-9))


class _Costs(NamedTuple):
    """(operations, 2) parameters and multiply-adds, summed over a network's cells, and those of all the rest (2,)."""

    normal: np.ndarray
    strided: np.ndarray  # of edges that leave the inputs of a reduction cell
    inner: np.ndarray  # of its other edges
    rest: np.ndarray


# operations that differ in size: pools, and skips without a stride, have none
_NAMES = ("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5", "skip_connect")
_PLAIN = len(_NAMES) - 1  # operations that differ without a stride
_PAIRS = 8  # edges of a cell: two for each of four nodes


@cache
def _sizes(
    cells: int, channels: int, classes: int, image: int, size: int, stem: Stem, norm: float
) -> tuple[np.ndarray, np.ndarray]:
    """(normal cells, 2) and (reduction cells, 2): parameters and multiply-adds, whose sums are networks'."""
    costs = _costs(cells, channels, classes, image, size, stem, norm)
    normal = _normal_cells() @ costs.normal[:_PLAIN] + costs.rest
    reduction = _reduction_cells()
    strided, inner = reduction[:, : len(_NAMES)], reduction[:, len(_NAMES) :]
    return normal, strided @ costs.strided + inner @ costs.inner[:_PLAIN]


def _costs(cells: int, channels: int, classes: int, image: int, size: int, stem: Stem, norm: float) -> _Costs:
    parts = {name: np.zeros((len(_NAMES), 2)) for name in ("normal", "strided", "inner")}
    width = channels
    for at in range(cells):
        reduces = at in (cells // 3, 2 * cells // 3)
        if reduces:
            width, half = 2 * width, size // 2
            parts["strided"] += _table(width, 2, size, norm)
            parts["inner"] += _table(width, 1, half, norm)
            size = half
        else:
            parts["normal"] += _table(width, 1, size, norm)
    pools = Cell(((("max_pool_3x3", 0), ("max_pool_3x3", 1)),) * 4, (2, 3, 4, 5))
    with torch.device("meta"):
        network = CellNetwork(Genotype((pools,), pools), cells, channels, classes, stem=stem)
    return _Costs(**parts, rest=_cost(network, (3, image, image), norm))


@cache
def _table(width: int, stride: int, size: int, norm: float) -> np.ndarray:
    with torch.device("meta"):
        return np.array([_cost(operations.build(name, width, stride), (width, size, size), norm) for name in _NAMES])


def _cost(module: nn.Module, shape: tuple[int, int, int], norm: float) -> np.ndarray:
    found, outputs = count(module, shape), 0

    def add(_: nn.Module, __: Any, output: Tensor) -> None:
        nonlocal outputs
        outputs += output.numel()

    if norm:
        hooks = [each.register_forward_hook(add) for each in module.modules() if isinstance(each, nn.BatchNorm2d)]
        count(module, shape)
        for hook in hooks:
            hook.remove()
    return np.array([found.parameters, found.macs + norm * outputs])


@cache
def _normal_cells() -> np.ndarray:
    """(cells, operations without a stride that differ): all ways to count the eight edges of a cell."""
    return _multisets(_PAIRS, _PLAIN)


@cache
def _reduction_cells() -> np.ndarray:
    """The same of reduction cells: (cells, operations with a stride, and those without).

    Two to eight edges leave the inputs: both of the first node's, and any number of the others'.
    """
    parts = []
    for strided in range(2, _PAIRS + 1):
        one, other = _multisets(strided, len(_NAMES)), _multisets(_PAIRS - strided, _PLAIN)
        parts.append(np.hstack([np.repeat(one, len(other), axis=0), np.tile(other, (len(one), 1))]))
    return np.concatenate(parts)


def _multisets(size: int, kinds: int) -> np.ndarray:
    chosen = itertools.combinations_with_replacement(range(kinds), size)
    return np.array([np.bincount(np.array(each, dtype=int), minlength=kinds) for each in chosen])


# Cost, and correlations --------------------------------------------------------------------------------------------


@checked
def saves_beyond(
    sources: Sources, *, cost: Quantity, before: Quantity, formula: str, given: dict[str, Quantity]
) -> Finding:
    """Whether a printed `cost` is a smaller share of the one `before` than `formula` of the `given` numbers explains,
    whatever the roundings of both leave open.
    """
    pair = {"cost": sources.number(cost), "before": sources.number(before)}
    share = reach("cost / before", pair)
    explained = reach(formula, {name: sources.number(each) for name, each in given.items()})
    apart = share.value - explained.value
    verdict: Verdict = UNTOLD if abs(apart) <= share.half + explained.half else whether(apart < 0)
    said = f"{sources.text(cost)} / {sources.text(before)} = {_plus(share)}, explained {_plus(explained)}"
    return Finding(verdict, said, {"share": share.value, "explained": explained.value})


@checked
def low_correlation(
    sources: Sources, *, study: str, x: str, y: str, method: str, below: Share = 0.5, rank: statistics.Rank = "kendall"
) -> Finding:
    """Whether the rank correlation of two columns of a study is `below` a value: holds where its whole 95 % interval
    is, fails where none of it is.
    """
    table = sources.study(study)
    if table is None:
        return Finding(UNTESTED, f"there is no study {study}")
    found, said = _ranked(table, x, y, method, rank)
    verdict: Verdict = HOLDS if found.high < below else FAILS if found.low > below else UNTOLD
    return Finding(verdict, said, found.numbers())


def _plus(found: Number) -> str:
    return f"{found.value:.2f}" + (f" ± {found.half:.2f} by rounding" if found.half else "")
