"""Checkers of DSO-NAS's own: its proximal steps, its blocks, hand-made networks of its tables, and who is quoted."""

import re
from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import nn

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.ranges import Digits, NonNegative, Positive
from nascore.evidence import statistics
from nascore.evidence.checks.base import Finding, Quantity, Row, Sources, row_label, whether
from nascore.evidence.formulas import number
from nascore.evidence.verdicts import UNTESTED, UNTOLD
from nascore.networks.counting import Count, count
from nascore.networks.operations import build_post_norm, conv_bn
from nascore.spaces.blocks import BlockSpace

_VARIABLES, _GAMMA, _MOMENTUM = 30, 2.0, 0.9


@checked
def steps_are_accelerated(sources: Sources) -> Finding:
    """Whether equations 6 to 8 are accelerated proximal gradient, x_t = S(y - eta grad(y)), y_t = x_t + mu (x_t -
    x_{t-1}), with y in the place of lambda: on 200 steps of a random lasso problem.
    """
    gradient, rate = _lasso(0)
    printed = _printed_steps(gradient, rate, 200)
    before = y = np.ones(_VARIABLES)
    apart = 0.0
    for scales, _ in printed:
        x = _soft(y - rate * gradient(y), rate * _GAMMA)
        y, before = x + _MOMENTUM * (x - before), x
        apart = max(apart, float(np.abs(scales - y).max()))
    said = f"largest difference in 200 steps of a lasso with {_VARIABLES} variables: {apart:.1g}"
    return Finding(whether(apart < 1e-9), said, {"difference": apart})


@checked
def steps_reach_the_minimum(sources: Sources) -> Finding:
    """Whether equations 6 to 8 end in the minimum of a random lasso problem, some variables being exactly 0."""
    gradient, rate = _lasso(0)
    last, _ = _printed_steps(gradient, rate, 5000)[-1]
    slopes = gradient(last)
    off = np.where(last == 0, np.maximum(np.abs(slopes) - _GAMMA, 0), np.abs(slopes + _GAMMA * np.sign(last)))
    zeros = int((last == 0).sum())
    said = f"the condition of a minimum is met to {off.max():.1g}, and {zeros} of {_VARIABLES} scales are exactly 0"
    return Finding(whether(bool(off.max() < 1e-6) and zeros > 0), said, {"off": float(off.max()), "zeros": zeros})


@checked
def thresholded_is_zero(sources: Sources) -> Finding:
    """Whether what the soft threshold has set to 0 is 0 after the step, too: of equations 7 and 8 as printed, in 200
    steps of a random lasso problem.
    """
    gradient, rate = _lasso(0)
    after = np.concatenate([scales[thresholded == 0] for scales, thresholded in _printed_steps(gradient, rate, 200)])
    moved = int((after != 0).sum())
    said = f"{moved} of {len(after)} times it is not: the momentum carries it on, as far as {after.min():.2f}"
    return Finding(whether(moved == 0), said if moved else f"{len(after)} times it is", {"moved": moved})


@checked
def penalties_of_blocks(sources: Sources, *, shared: bool) -> Finding:
    """Whether blocks can have penalties of their own, as equation 9 has them: each needs scales of its own for that."""
    space = BlockSpace(shared=shared)
    sets, blocks = len(space.cell_types()), sum(space.stages)
    said = f"{sets} set{'s' * (sets > 1)} of scales to be penalised for {blocks} blocks"
    return Finding(whether(sets == blocks), said, {"sets": sets, "blocks": blocks})


@checked
def scales_are_felt(sources: Sources) -> Finding:
    """Whether halving all scales into an operation changes what it gives, BatchNorm having no scale of its own: for
    the four operations with random inputs and weights.
    """
    torch.manual_seed(0)
    x = torch.randn(64, 16, 8, 8)
    changes = {}
    with torch.no_grad():
        for name in BlockSpace().candidates:
            operation = build_post_norm(name, 16, lambda channels: nn.BatchNorm2d(channels, affine=False))
            whole, halved = operation(x), operation(0.5 * x)
            changes[name] = float((whole - halved).norm() / whole.norm())
    most = max(changes.values())
    said = f"halving all scales into an operation changes its output by {100 * most:.3f} % at most"
    return Finding(whether(most > 0.01), said, changes)


@checked
def handmade(
    sources: Sources,
    *,
    printed: Quantity,
    network: Literal["mobilenet", "shufflenet_v2", "inception_v1", "densenet"],
    what: Literal["parameters", "macs"] = "parameters",
    unit: Positive = 1e6,
    tolerance: NonNegative | None = None,
) -> Finding:
    """Whether a hand-made network has as many parameters or multiply-adds as are printed.

    MobileNet is built from its paper's layout; ShuffleNet-v2 2x and Inception-v1 are torchvision's, and so is
    DenseNet-BC (190 layers, growth 40), but for its first convolution, which is of 7x7 pixels there.
    """
    found = getattr(_handmade(network), what) / unit
    wanted = sources.number(printed)
    half = wanted.half if tolerance is None else tolerance
    said = f"{found:.2f} counted, {sources.text(printed)} printed"
    return Finding(whether(abs(found - wanted.value) <= half), said, {"counted": found, "printed": wanted.value})


@checked
def systems_cited(sources: Sources, *, table: str | int, own: list[str], references: list[str]) -> Finding:
    """Whether each row of a table but its `own` names a work, "(Ma et al. (2018))", that is in the references.

    `references` are first author and year, "Ma 2018"; own rows are those that begin so.
    """
    first = sources.table(table).iloc[:, 0]
    quoted = [name for name in first if not name.startswith(tuple(own))]
    cited = {name: re.search(r"\((\w+) et al\. \((\d{4}\w?)\)\)", name) for name in quoted}
    missing = [name for name, hit in cited.items() if not hit or f"{hit[1]} {hit[2]}" not in references]
    said = f"{len(quoted) - len(missing)} of {len(quoted)} quoted rows" + (
        f", not {', '.join(missing)}" * bool(missing)
    )
    return Finding(whether(not missing), said, {"quoted": len(quoted), "missing": len(missing)})


@checked
def quoted_alike(
    sources: Sources,
    *,
    table: str | int,
    column: str,
    other: str,
    other_table: str | int,
    other_column: str,
    rows: list[list[Row]],
) -> Finding:
    """Whether another paper prints the same number for each system, to the digits of the coarser one.

    `rows` pairs a row of this paper with one of the `other`; pairs without both numbers are left out.
    """
    if any(len(pair) != 2 for pair in rows):
        raise ConfigError("rows are pairs: a row of this paper and one of the other")
    differ, total = [], 0
    for ours, theirs in rows:
        texts = sources.cell(table, ours, column), sources.cell(other_table, theirs, other_column, other)
        if all(texts):
            one, two = map(number, texts)
            total += 1
            if abs(one.value - two.value) > max(one.half, two.half) * (1 + 1e-9):
                differ.append(f"{row_label(ours)} {texts[0]} for {texts[1]}")
    if not total:
        return Finding(UNTOLD, "no system has a number in both tables")
    said = f"{total - len(differ)} of {total} alike" + (f"; not {'; '.join(differ)}" if differ else "")
    return Finding(whether(not differ), said, {"alike": total - len(differ), "of": total})


@checked
def both_with_cutout(
    sources: Sources, *, table: str | int, row: Row, other: str, other_table: str | int, other_row: Row
) -> Finding:
    """Whether two papers agree on whether a system's row is one with cutout ("c/o", "CutOut")."""
    names = sources.row(table, row).iloc[0], row_label(other_row)
    sources.row(other_table, other_row, other)  # that there is one
    one, two = (bool(re.search(r"c/o|cutout", name, re.IGNORECASE)) for name in names)
    return Finding(whether(one == two), f'"{names[0]}" here, "{names[1]}" there', {"here": one, "there": two})


@checked
def one_of_pairs(
    sources: Sources,
    *,
    study: str,
    column: str,
    ours: str,
    theirs: str,
    others: list[list[str]],
    claim: statistics.Directed = "greater",
    unit: str = "",
    digits: Digits = 2,
) -> Finding:
    """Whether ours is greater (less, ...) than theirs in a column of a study, as `measured` says, corrected for the
    `others`: pairs of methods that the same sentence compares (Holm).
    """
    table = sources.study(study)
    if table is None:
        return Finding(UNTESTED, f"there is no study {study}")
    if any(len(pair) != 2 for pair in others):
        raise ConfigError("others are pairs of methods: ours and theirs")
    asked = {}
    for pair in ([ours, theirs], *others):
        one, other = (table.values(method, column) for method in pair)
        paired = len(one) > 1 and list(one.index) == list(other.index)
        asked[" ".join(pair)] = statistics.compare(one.tolist(), other.tolist(), paired=paired, claim=claim)
    found = statistics.holm(asked)[f"{ours} {theirs}"]
    said = found.sentence(unit, digits) + (f" ({where})" if (where := table.where()) else "")
    return Finding(found.verdict, said, {"difference": found.difference, "p": found.p})


def _lasso(seed: int) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """The gradient of half a sum of squares, and a step that is safe for it."""
    random = np.random.default_rng(seed)
    matrix, truth = random.normal(size=(60, _VARIABLES)), random.normal(size=_VARIABLES)
    truth[::2] = 0
    target = matrix @ truth + 0.1 * random.normal(size=60)
    square, product = matrix.T @ matrix / 10, matrix.T @ target / 10
    return (lambda scales: square @ scales - product), 0.2 / float(np.linalg.eigvalsh(square).max())


def _printed_steps(
    gradient: Callable[[np.ndarray], np.ndarray], rate: float, steps: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Equations 6 to 8 from lambda = 1 and v = 0: lambda after each step, and S(z) in it."""
    scales, momentum, found = np.ones(_VARIABLES), np.zeros(_VARIABLES), []
    for _ in range(steps):
        pulled = _soft(scales - rate * gradient(scales), rate * _GAMMA)
        momentum = pulled - scales + _MOMENTUM * momentum
        scales = pulled + _MOMENTUM * momentum
        found.append((scales, pulled))
    return found


def _soft(z: np.ndarray, threshold: float) -> np.ndarray:
    return np.sign(z) * np.maximum(np.abs(z) - threshold, 0)


@cache
def _handmade(network: str) -> Count:
    from torchvision import models

    large = (3, 224, 224)
    makers: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
        "mobilenet": (_mobilenet, large),
        "shufflenet_v2": (models.shufflenet_v2_x2_0, large),
        "inception_v1": (lambda: models.GoogLeNet(aux_logits=False, init_weights=False), large),
        "densenet": (lambda: models.DenseNet(40, (31, 31, 31), 80, num_classes=10), (3, 32, 32)),
    }
    make, shape = choose("network", network, makers)
    with torch.device("meta"):
        return count(make(), shape)


def _mobilenet() -> nn.Module:
    """Howard et al. (2017), Table 1."""
    layers, channels = [*conv_bn(3, 32, 3, 2)], 32
    strided = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for outputs, stride in strided:
        depthwise = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
        layers += [depthwise, nn.BatchNorm2d(channels), *conv_bn(channels, outputs, 1)]
        channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
