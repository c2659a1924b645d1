"""Checkers for any paper: sums, cells, ranks and orders of printed tables, sizes of networks, what is referred to.

A printed number stands for all that round to it, so a sum of printed numbers has a range; a printed result agrees with
it where the two meet. `unit` and `digits` say how a number is shown.
"""

import itertools
import math
import operator
import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

import torch

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Cells, Channels, Digits, Images, Index, NonNegative, Pixels, Positive, Range
from nascore.evidence import statistics, tables
from nascore.evidence.checks.base import Finding, Quantity, Row, Sources, row_label, whether
from nascore.evidence.formulas import Number, number, reach
from nascore.evidence.statistics import image_error
from nascore.evidence.verdicts import FAILS, HOLDS, UNTOLD, WITHIN_MARGIN, Claimed, Comparison, Verdict
from nascore.networks.baselines import BASELINES
from nascore.networks.benchmark_cells import BenchmarkCell
from nascore.networks.benchmark_network import BenchmarkNetwork
from nascore.networks.cell_network import CellNetwork
from nascore.networks.cell_stack import Stem
from nascore.networks.counting import Count, count
from nascore.networks.published import named

Z95 = 1.959964  # of a normal distribution, 95 % are within so many standard errors
Share = Annotated[float, Range(0, below=1)]
Better = Literal["higher", "lower"]
Relation = Literal[">", ">=", "==", "!=", "<=", "<"]

_SIGNS: dict[Relation, str] = {">=": "≥", "==": "=", "!=": "≠", "<=": "≤"}
RELATIONS: dict[Relation, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    "<": operator.lt,
}


@checked
def equals(
    sources: Sources,
    *,
    printed: Quantity,
    formula: str,
    given: dict[str, Quantity],
    tolerance: NonNegative | None = None,
    rounding: Literal["either", "strict"] = "either",
    unit: str = "",
) -> Finding:
    """Whether `formula` of the `given` numbers is the `printed` one: differences, ratios, percentages, sums, and the
    same number in two tables (`formula = "100 - a"` for an error beside an accuracy).

    They agree where the range of what rounds to `printed` meets the range that the roundings of `given` leave;
    `rounding = "strict"` takes `given` as exact, `tolerance` replaces the half unit of `printed`.
    """
    numbers = {name: sources.number(each) for name, each in given.items()}
    if rounding == "strict":
        numbers = {name: Number(each.value) for name, each in numbers.items()}
    found, wanted = reach(formula, numbers), sources.number(printed)
    half = wanted.half if tolerance is None else tolerance
    gap, slack = abs(found.value - wanted.value), half + found.half
    agrees = gap <= slack * (1 + 1e-9) + 1e-12 * max(1.0, abs(wanted.value))
    sum_ = formula
    for name in sorted(given, key=len, reverse=True):
        sum_ = re.sub(rf"\b{name}\b", str(sources.text(given[name])), sum_)
    shown = f"{found.value:.6g}" + (f" ± {found.half:.2g} by rounding" if found.half and gap > half else "")
    equal = f"{sum_} = " if re.search(r"[^\d.,%]", sum_) else ""
    said = f"{equal}{shown}, {sources.text(printed)} printed" + (f" ({unit})" if unit else "")
    values = {name: each.value for name, each in numbers.items()}
    return Finding(whether(agrees), said, values | {"computed": found.value, "printed": wanted.value})


@checked
def compares(sources: Sources, *, left: Quantity, relation: Relation, right: Quantity, unit: str = "") -> Finding:
    """Whether two numbers stand in a relation as they are printed: "more than 10 times", "at least as many"."""
    one, other = sources.number(left), sources.number(right)
    true = RELATIONS[relation](one.value, other.value)
    sign = _SIGNS.get(relation, relation)
    said = f"{sources.text(left)} {'is' if true else 'is not'} {sign} {sources.text(right)}" + (unit and f" {unit}")
    return Finding(whether(true), said, {"left": one.value, "right": other.value})


@checked
def ranks(
    sources: Sources,
    *,
    table: str | int,
    row: Row,
    column: str,
    place: Amount = 1,
    better: Better = "higher",
    among: dict[str, str] | None = None,
    without: list[str] | None = None,
    paper: str | None = None,
) -> Finding:
    """Whether `row` is first (or at another `place`) of a column of a printed table; equal numbers share a place.

    `among` keeps the rows in which columns have these values, `without` leaves out rows by their first column.
    """
    own = sources.row(table, row, paper)
    frame = sources.table(table, paper)
    choose(f"column of table {table}", column, dict.fromkeys(frame.columns))
    for name, value in (among or {}).items():
        frame = frame[frame[choose(f"column of table {table}", name, {each: each for each in frame.columns})] == value]
    frame = frame[(frame[column] != "") & ~frame.iloc[:, 0].isin(without or [])]
    if not own[column] or own.name not in frame.index:
        raise ConfigError(f"{row_label(row)} has no {column} among the rows that are compared")
    sign = 1 if better == "higher" else -1
    values = frame[column].map(lambda text: sign * number(text).value)
    mine = values[own.name]
    name = next(iter(row)) if isinstance(row, dict) else frame.columns[0]
    ahead = [f"{frame.loc[at, name]} {frame.loc[at, column]}" for at in values.index[values > mine]]
    level = int((values == mine).sum()) - 1
    said = f"{own[column]}: place {len(ahead) + 1} of {len(values)}"
    said += f", with {level} more like it" * (level > 0)
    said += f"; ahead: {', '.join(ahead[:4])}{' and others' * (len(ahead) > 4)}" * bool(ahead)
    return Finding(whether(len(ahead) + 1 == place), said, {"place": len(ahead) + 1, "of": len(values)})


@checked
def beats(
    sources: Sources,
    *,
    table: str | int,
    ours: Row,
    theirs: Row | list[Row],
    columns: list[str],
    better: Better = "higher",
    ties: bool = False,
    paper: str | None = None,
) -> Finding:
    """Whether the row `ours` is better than the row, or than each of the rows `theirs`, in all `columns` that both
    have numbers in; `ties` allows equal ones. What the spread over seeds would say is not looked at: it is their table.
    """
    others = theirs if isinstance(theirs, list) else [theirs]
    said, wins, values = [], [], {}
    for column, other in itertools.product(columns, others):
        one, two = (sources.cell(table, each, column, paper) for each in (ours, other))
        if not one or not two:
            continue
        gap = (number(one).value - number(two).value) * (1 if better == "higher" else -1)
        wins.append(gap > 0 or (ties and gap == 0))
        values[f"{row_label(other)}: {column}"] = gap
        said.append(f"{one} against {two}" + (f" ({row_label(other)})" if len(others) > 1 else ""))
    if not wins:
        return Finding(UNTOLD, "no column has numbers in both rows")
    shown = said if all(wins) else [each for each, win in zip(said, wins, strict=True) if not win]
    text = ", ".join(shown[:6]) + (" and more" if len(shown) > 6 else "")
    count_ = f"better in {sum(wins)} of {len(wins)}" + (": " if all(wins) else ", but not ") + text
    return Finding(whether(all(wins)), count_ if len(wins) > 1 else text, values)


@checked
def outdoes(
    sources: Sources,
    *,
    table: str | int,
    row: Row,
    column: str,
    share: Share = 0.5,
    better: Better = "higher",
    among: list[Row] | None = None,
    paper: str | None = None,
) -> Finding:
    """Whether a row is better than more than a `share` of the other rows that have a number: "better than most"."""
    own = sources.row(table, row, paper)
    frame = sources.table(table, paper)
    choose(f"column of table {table}", column, dict.fromkeys(frame.columns))
    chosen = frame if among is None else frame.loc[[sources.row(table, each, paper).name for each in among]]
    others = [number(text).value for text in chosen.drop(own.name, errors="ignore")[column] if text]
    if not others or not own[column]:
        return Finding(UNTOLD, "there are no numbers to compare")
    mine = number(own[column]).value
    wins = sum(each < mine if better == "higher" else each > mine for each in others)
    said = f"{own[column]} is better than {wins} of {len(others)}"
    return Finding(whether(wins > share * len(others)), said, {"wins": wins, "of": len(others)})


@checked
def beyond_images(sources: Sources, *, ours: Quantity, theirs: Quantity, images: Images) -> Finding:
    """Whether one printed accuracy (%) is above another by more than chance in `images` test images can explain.

    The two-sided test of two proportions at 5 %, each as if it had images of its own; that both have the same ones
    makes their difference surer, by an amount that is not printed. What other seeds would give it can't say.
    """
    one, other = sources.number(ours).value, sources.number(theirs).value
    error = math.hypot(image_error(one, images), image_error(other, images))
    gap = one - other
    verdict: Verdict = UNTOLD if abs(gap) < Z95 * error else whether(gap > 0)
    said = (
        f"{sources.text(ours)} - {sources.text(theirs)} = {gap:+.2f} points, chance in {images:,} images ± {error:.2f}"
    )
    return Finding(verdict, said, {"difference": gap, "error": error})


@checked
def complete(
    sources: Sources, *, table: str | int, columns: list[str], row: Row | None = None, paper: str | None = None
) -> Finding:
    """Whether each row (or the one `row`) has a number in some of `columns` (in all of them, for the one)."""
    if row is not None:
        texts = [sources.cell(table, row, column, paper) for column in columns]
        said = f"{sum(map(bool, texts))} of {len(columns)} cells have a number"
        return Finding(whether(all(texts)), said, {"cells": len(columns)})
    frame = sources.table(table, paper)
    for column in columns:
        choose(f"column of table {table}", column, dict.fromkeys(frame.columns))
    bare = frame[(frame[columns] == "").all(axis=1)]
    said = f"{len(bare)} of {len(frame)} rows are empty" + (": " if len(bare) else "") + ", ".join(bare.iloc[:, 0])
    return Finding(whether(bare.empty), said, {"empty": len(bare), "rows": len(frame)})


@checked
def ordered(
    sources: Sources,
    *,
    table: str | int,
    rows: list[Row],
    column: str,
    direction: Literal["rising", "falling"] = "rising",
    strict: bool = True,
    paper: str | None = None,
) -> Finding:
    """Whether a column rises (or falls) from one of the `rows` to the next."""
    texts = [sources.text({"table": table, "row": row, "column": column} | _of(paper)) for row in rows]
    sign = 1 if direction == "rising" else -1
    steps = [sign * (number(b).value - number(a).value) for a, b in itertools.pairwise(texts)]
    true = all(step > 0 or (step == 0 and not strict) for step in steps)
    return Finding(
        whether(true), ", ".join(map(str, texts)), {row_label(r): t for r, t in zip(rows, texts, strict=True)}
    )


@checked
def same(sources: Sources, *, cells: list[Quantity], formula: str = "a", other_formula: str = "b") -> Finding:
    """Whether two cells, of one paper or two, quote the same number, to the digits of the coarser one.

    `formula` of the first, a, and `other_formula` of the second, b: "100 - b" turns an error into an accuracy.
    """
    if len(cells) != 2:
        raise ConfigError(f"two cells are compared, not {len(cells)}")
    one = reach(formula, {"a": sources.number(cells[0])})
    other = reach(other_formula, {"b": sources.number(cells[1])})
    agree = abs(one.value - other.value) <= max(one.half, other.half) * (1 + 1e-9) + 1e-12
    texts = [str(sources.text(each)) for each in cells]
    said = f"{texts[0]} and {texts[1]}"
    if (formula, other_formula) != ("a", "b"):
        said += f", that is {one.value:.6g} and {other.value:.6g}"
    return Finding(whether(agree), said, {"first": one.value, "second": other.value})


@checked
def counted(
    sources: Sources,
    *,
    printed: Quantity,
    network: str,
    what: Literal["parameters", "macs"] = "parameters",
    unit: Positive = 1e6,
    cells: Cells = 20,
    channels: Channels = 36,
    classes: Amount = 10,
    in_channels: Channels = 3,
    image_size: Pixels = 32,
    reductions: list[Index] | None = None,
    stem: Stem = "cifar",
    tolerance: NonNegative | None = None,
    digits: Digits = 3,
) -> Finding:
    """Whether a network has as many parameters or multiply-adds as are printed, by `nascore.count`.

    `network` is a published genotype's name, a cell of NAS-Bench-201 (`cells` a stage) or a baseline (`lenet`, `vgg16`,
    `resnet18`); `printed` is in units of `unit`, a million by default.
    """
    at = None if reductions is None else tuple(reductions)
    found = getattr(_count(network, cells, channels, classes, in_channels, image_size, at, stem), what) / unit
    wanted = sources.number(printed)
    half = wanted.half if tolerance is None else tolerance
    said = f"{found:.{digits}f} counted, {sources.text(printed)} printed"
    values = {"counted": found, "printed": wanted.value}
    return Finding(whether(abs(found - wanted.value) <= half * (1 + 1e-9)), said, values)


@checked
def refers(
    sources: Sources,
    *,
    to: Literal["figure", "table", "reference"],
    numbers: list[Index],
    there: Index | None = None,
) -> Finding:
    """Whether what is referred to by number is there: figures and tables as the paper has them, references up to
    `there`, or whatever `there` says.
    """
    if there is None and to == "reference":
        raise ConfigError("how many references a paper has must be said: there = 21")
    papers = tables.papers().set_index("paper")
    if there is None:
        choose("paper", sources.paper, dict.fromkeys(papers.index))
    last = int(papers.loc[sources.paper, f"{to}s"]) if there is None else there
    missing = [each for each in numbers if not 1 <= each <= last]
    named_ = ", ".join(map(str, missing))
    said = f"{to} {named_} is named, and there are {last}" if missing else f"all of the {last} {to}s that are named"
    return Finding(whether(not missing), said, {"missing": named_, "there": last})


@checked
def cites(sources: Sources, *, table: str | int, column: str, references: Amount, paper: str | None = None) -> Finding:
    """Whether all citations in a column of a printed table, such as "[11,13]", are in the list of references."""
    frame = sources.table(table, paper)
    choose(f"column of table {table}", column, dict.fromkeys(frame.columns))
    cited = sorted({int(each) for text in frame[column] for each in re.findall(r"\d+", text)})
    missing = [each for each in cited if not 1 <= each <= references]
    said = f"{len(cited)} cited, " + (
        f"{', '.join(map(str, missing))} not among {references}" if missing else "all there"
    )
    return Finding(whether(not missing), said, {"cited": len(cited), "missing": len(missing)})


@cache
def _count(
    network: str,
    cells: int,
    channels: int,
    classes: int,
    in_channels: int,
    image_size: int,
    reductions: tuple[int, ...] | None,
    stem: Stem,
) -> Count:
    shape = (in_channels, image_size, image_size)
    with torch.device("meta"):
        if network in BASELINES:
            return count(BASELINES[network](classes, in_channels, image_size), shape)
        genotype: Any = named(network)
        if isinstance(genotype, BenchmarkCell):
            return count(BenchmarkNetwork(genotype, cells, channels, classes, in_channels), shape)
        return count(CellNetwork(genotype, cells, channels, classes, in_channels, reductions, stem), shape)


def _of(paper: str | None) -> dict[str, str]:
    return {"paper": paper} if paper else {}


@checked
def beyond_runs(
    sources: Sources,
    *,
    table: str | int,
    pairs: list[list[Row]],
    mean: str,
    std: str,
    runs: Amount,
    claim: Claimed = "greater",
    margin: NonNegative = 0.0,
    names: list[str] | None = None,
    unit: str = "",
    paper: str | None = None,
) -> Finding:
    """Whether in each pair of rows, printed as mean and standard deviation over `runs`, the first is greater (less,
    ...) than the second: Welch's t at 5 %, corrected for the number of pairs (Holm).

    Welch's test needs no more than mean, deviation and number, so it is asked of runs that have just these. Claims
    within a `margin` are tests of equivalence. `names` are what the pairs are called where rows have no short names.
    """
    if (claim in WITHIN_MARGIN) != (margin > 0):
        raise ConfigError(f"{claim!r} {'needs' if claim in WITHIN_MARGIN else 'has no'} margin")
    if runs < 2 or not pairs or any(len(each) != 2 for each in pairs):
        raise ConfigError("pairs are two rows each, and a deviation takes two runs at least")
    called = names or [" against ".join(row_label(row) for row in pair) for pair in pairs]
    if len(set(called)) != len(pairs):
        raise ConfigError(f"{len(pairs)} pairs need as many different names, not {', '.join(called)}")
    asked = {}
    for name, pair in zip(called, pairs, strict=True):
        sides = []
        for row in pair:
            cells = ({"table": table, "row": row, "column": column} | _of(paper) for column in (mean, std))
            centre, spread = (sources.number(cell).value for cell in cells)
            sides.append(_runs_like(centre, spread, runs))
        asked[name] = _claimed(sides[0], sides[1], claim, margin)
    found = statistics.holm(asked)
    verdicts = [each.verdict for each in found.values()]
    verdict: Verdict = next((word for word in (FAILS, UNTOLD) if word in verdicts), HOLDS)
    parts = [each.sentence(unit) for each in found.values()]
    if len(found) > 1:
        parts = [f"{name}: {part}" for name, part in zip(found, parts, strict=True)]
    return Finding(verdict, "; ".join(parts), {name: each.difference for name, each in found.items()})


@checked
def undominated(
    sources: Sources,
    *,
    table: str | int,
    row: Row,
    columns: list[str],
    better: Better = "lower",
    without: list[str] | None = None,
    paper: str | None = None,
) -> Finding:
    """Whether no other row is at least as good in all `columns` and better in one, of those with numbers in all.

    `without` leaves out rows by their first column.
    """
    frame, own = sources.table(table, paper), sources.row(table, row, paper)
    for column in columns:
        choose(f"column of table {table}", column, dict.fromkeys(frame.columns))
        if not own[column]:
            raise ConfigError(f"{row_label(row)} has no {column}")
    sign = 1 if better == "higher" else -1
    kept = frame[(frame[columns] != "").all(axis=1) & ~frame.iloc[:, 0].isin(without or [])].drop(own.name)
    ahead = []
    for _, other in kept.iterrows():
        gaps = [sign * (number(other[column]).value - number(own[column]).value) for column in columns]
        if all(gap >= 0 for gap in gaps) and any(gap > 0 for gap in gaps):
            ahead.append(f"{other.iloc[0]} ({', '.join(other[column] for column in columns)})")
    said = f"{', '.join(own[column] for column in columns)}: "
    said += f"{', '.join(ahead)} not worse in any" if ahead else f"none of {len(kept)} others is as good in all"
    return Finding(whether(not ahead), said, {"ahead": len(ahead), "of": len(kept)})


def _runs_like(mean: float, std: float, runs: int) -> list[float]:
    steps = torch.linspace(-1, 1, runs, dtype=torch.float64)
    return (mean + std * steps / steps.std()).tolist()


def _claimed(one: list[float], other: list[float], claim: Any, margin: float) -> Comparison:
    if claim in WITHIN_MARGIN:
        return statistics.equivalent(one, other, margin, claim=claim)
    return statistics.compare(one, other, claim=claim)
