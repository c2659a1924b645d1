"""All pairs of answers to different questions: each works together, or is refused with a sentence before anything runs.

What is refused is listed in CONTRIBUTING.md, which a test compares with the code; running this file prints the list.
"""

import random
from itertools import combinations, product
from types import SimpleNamespace

import pytest
import torch

from nascore.base import paths
from nascore.base.config import override
from nascore.base.errors import ConfigError
from nascore.derivation import EveryEdge, StrongestEdges, StrongestGroups, StrongestPairs
from nascore.optimization import Bilevel, Penalty, Price, Proximal, SingleLevel
from nascore.pruning import Converged, Gradual, Importance, Indicator, Isolated, Pruning, Stop, TimeLimit, Zeros
from nascore.recipes import find
from nascore.recipes.related.darts_minus import AuxiliarySkip
from nascore.recipes.related.darts_plus import TooManySkips
from nascore.recipes.related.darts_pt import Perturbation
from nascore.recipes.related.fair_darts import AboveThreshold, Sigmoid, ZeroOneLoss
from nascore.recipes.related.pc_darts import EdgeNormalised, PartialCellSpace
from nascore.relaxations import Entmax, GumbelSoftmax, Scales, Softmax
from nascore.search.loop import ANSWERS, Search
from nascore.spaces import BlockSpace, CellSpace, NasBench201

_CELLS = {"cells": 2, "reductions": (1,), "nodes": 2, "channels": 4}
QUESTIONS = {
    "space": {
        "CellSpace": CellSpace(**_CELLS),
        "NasBench201": NasBench201(cells=1, channels=4),
        "BlockSpace": BlockSpace(levels=2, stages=(1, 1), channels=4),
        "PartialCellSpace": PartialCellSpace(**_CELLS, parts=2),
    },
    "relaxation": {
        "Softmax": Softmax(),
        "Entmax": Entmax(alpha=2.0),
        "Scales": Scales(),
        "GumbelSoftmax(hard=True)": GumbelSoftmax(),
        "GumbelSoftmax(hard=False)": GumbelSoftmax(hard=False),
        "Sigmoid": Sigmoid(),
        "EdgeNormalised": EdgeNormalised(),
        "AuxiliarySkip": AuxiliarySkip(),
    },
    "optimization": {
        "Bilevel(order=1)": Bilevel(),
        "Bilevel(order=2)": Bilevel(order=2),
        "SingleLevel": SingleLevel(),
        "Proximal": Proximal(),
    },
    "penalty": {"Penalty": Penalty(), "Price": Price(), "ZeroOneLoss": ZeroOneLoss()},
    "pruning": {
        "Pruning": Pruning(),
        "Zeros": Zeros(),
        "Isolated": Isolated(),
        "Gradual": Gradual(interval=1, warm_up=0),
    },
    "stop": {
        "Stop": Stop(),
        "Converged": Converged(patience=9),
        "TimeLimit": TimeLimit(seconds=1e-3),
        "TooManySkips": TooManySkips(skips=1),
    },
    "indicator": {"Indicator": Indicator(), "Importance": Importance()},
    "derivation": {
        "StrongestEdges": StrongestEdges(skip_limit=1),
        "StrongestGroups": StrongestGroups(),
        "StrongestPairs": StrongestPairs(),
        "EveryEdge": EveryEdge(),
        "AboveThreshold": AboveThreshold(),
        "Perturbation": Perturbation(fine_tuning=1),
    },
}

Names = tuple[str, ...]  # an answer to each question, in the order of QUESTIONS


def objections(names: Names) -> dict[str, str]:
    """The answer that objects -> why."""
    answers = {question: QUESTIONS[question][name] for question, name in zip(QUESTIONS, names, strict=True)}
    search = SimpleNamespace(**answers, nesterov=False)
    said = zip(names, (answer.objection(search) for answer in answers.values()), strict=True)
    return {name: reason for name, reason in said if reason}


def pairs(names: Names) -> set[tuple[str, str]]:
    return set(combinations(names, 2))


EVERY = list(product(*QUESTIONS.values()))
WORKING = [names for names in EVERY if not objections(names)]
ALLOWED = set().union(*map(pairs, WORKING))
REFUSED = sorted(set().union(*map(pairs, EVERY)) - ALLOWED)


def _covering() -> list[Names]:
    """Few of the working combinations, in which every allowed pair occurs; always the same ones."""
    left, chosen, draw = set(ALLOWED), [], random.Random(0)
    while left:
        tried = draw.sample(WORKING, min(len(WORKING), 400))
        best = max(tried, key=lambda names: len(pairs(names) & left))
        if gained := pairs(best) & left:
            left -= gained
            chosen.append(best)
    return chosen


@pytest.mark.parametrize("names", _covering(), ids=" ".join)
def test_what_is_not_refused_works(names):
    answers = {question: QUESTIONS[question][name] for question, name in zip(QUESTIONS, names, strict=True)}
    few = {"train_images": 24, "batch_size": 6, "epochs": 2}
    settings = override(find("darts").at("smoke", **few), **answers)
    torch.manual_seed(0)
    search = Search(settings, torch.device("cpu"), 0, None)
    row = search.run_epoch()
    assert all(value == value for value in row.values()), row
    found = search.result()
    assert found.genotype is not None and found.architecture is not None
    assert (search.epochs == 1) == bool(search.stopped)


@pytest.mark.parametrize("pair", REFUSED, ids=" + ".join)
def test_what_is_refused_is_refused_with_a_sentence_before_anything_runs(pair):
    names = next(names for names in EVERY if set(pair) <= set(names))
    answers = {question: QUESTIONS[question][name] for question, name in zip(QUESTIONS, names, strict=True)}
    with pytest.raises(ConfigError) as told:
        override(find("darts").at("smoke"), **answers)
    assert len(str(told.value).split()) > 8


def test_a_search_asks_every_answer():
    assert set(ANSWERS) == set(QUESTIONS)


def table() -> str:
    """The refused pairs, as CONTRIBUTING.md has them: who objects, to what, and why."""
    rows: dict[str, tuple[list[str], str]] = {}
    for pair in REFUSED:
        said = (objections(names) for names in EVERY if set(pair) <= set(names))
        who, why = next((name, found[name]) for found in said for name in pair if name in found)
        other = pair[1] if pair[0] == who else pair[0]
        rows.setdefault(who, ([], why))[0].append(f"`{other}`")
    lines = [f"| `{who}` | {', '.join(others)} | {why} |" for who, (others, why) in sorted(rows.items())]
    return "\n".join(["| answer | not beside | as it says of the first |", "|---|---|---|", *lines])


def test_contributing_lists_what_is_refused():
    assert table() in (paths.root() / "CONTRIBUTING.md").read_text()


if __name__ == "__main__":
    print(table())
