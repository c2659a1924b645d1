"""Checkers: each is given numbers that hold and numbers that do not, and says the sum."""

import pandas as pd
import pytest

from nascore.base.errors import ConfigError
from nascore.evidence.checks import sparse_darts
from nascore.evidence.checks.base import Sources
from nascore.evidence.checks.common import (
    beats,
    beyond_images,
    cites,
    compares,
    complete,
    counted,
    equals,
    ordered,
    outdoes,
    ranks,
    refers,
    same,
)
from nascore.evidence.checks.measured import always, correlates, measured
from nascore.evidence.studies import study
from nascore.evidence.verdicts import FAILS, HOLDS, UNTESTED, UNTOLD

SPARSE, EOINAS = Sources("sparse_darts"), Sources("eoinas")
CIFAR10, CIFAR100 = "darts_space_cifar10_accuracy_percent", "darts_space_cifar100_accuracy_percent"
OURS = "3-entmax, prune, single-level"


def cell(row, column=CIFAR10, **more):
    return {"table": 1, "row": row, "column": column} | more


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ({"printed": "0.34", "formula": "a - b", "given": {"a": cell(OURS), "b": "97.24"}}, HOLDS),
        ({"printed": "0.36", "formula": "a - b", "given": {"a": cell(OURS), "b": "97.24"}}, FAILS),
        ({"printed": "0.35", "formula": "a - b", "given": {"a": "97.58", "b": "97.24"}}, HOLDS),  # 97.584 - 97.236
        ({"printed": "0.35", "formula": "a - b", "given": {"a": "97.58", "b": "97.24"}, "rounding": "strict"}, FAILS),
        ({"printed": "0.36", "formula": "a - b", "given": {"a": 97.58, "b": 97.24}, "tolerance": 0.03}, HOLDS),
        ({"printed": 8, "formula": "3 * n + 2", "given": {"n": 2}}, HOLDS),
        ({"printed": 9, "formula": "3 * n + 2", "given": {"n": 2}}, FAILS),
    ],
)
def test_equals(arguments, verdict):
    found = equals(SPARSE, **arguments)
    assert found.verdict == verdict and "printed" in found.said


def test_a_sum_shows_what_it_is_of():
    given = {"a": cell(OURS), "ab": "1.0"}
    assert equals(SPARSE, printed="96.6", formula="a - ab", given=given).said == "97.58 - 1.0 = 96.58, 96.6 printed"


def test_compares():
    assert compares(SPARSE, left=cell(OURS), relation=">", right="97.24").verdict == HOLDS
    found = compares(SPARSE, left=cell(OURS), relation="<=", right="94.37", unit="%")
    assert (found.verdict, found.said) == (FAILS, "97.58 is not ≤ 94.37 %")


def test_ranks():
    found = ranks(SPARSE, table=1, row=OURS, column=CIFAR10)
    assert (found.verdict, found.said) == (FAILS, "97.58: place 2 of 16; ahead: ASAP 98.32")
    assert ranks(SPARSE, table=1, row=OURS, column=CIFAR10, place=2).verdict == HOLDS
    assert ranks(SPARSE, table=1, row=OURS, column=CIFAR10, without=["ASAP"]).verdict == HOLDS
    among = {"search_method": "gradient-based"}
    errors = {"table": 1, "row": {"architecture": "EoiNAS + CutOut"}, "column": "test_error_cifar10_percent"}
    assert ranks(EOINAS, **errors, better="lower", among=among).verdict == HOLDS
    assert ranks(EOINAS, **errors, among=among).verdict == FAILS  # of accuracies it would be last
    with pytest.raises(ConfigError, match="has no darts_space_cifar100"):
        ranks(SPARSE, table=1, row="ASAP", column=CIFAR100)


def test_beats():
    columns = [CIFAR10, CIFAR100]
    assert beats(SPARSE, table=1, ours=OURS, theirs="Vanilla DARTS (re-run)", columns=columns).verdict == HOLDS
    found = beats(SPARSE, table=1, ours=OURS, theirs=["DARTS", "ASAP"], columns=columns)
    assert (found.verdict, found.said) == (FAILS, "better in 1 of 2, but not 97.58 against 98.32 (ASAP)")
    level = {"table": 1, "ours": "2-entmax, prune", "theirs": "Vanilla DARTS (re-run)", "columns": [CIFAR10]}
    assert beats(SPARSE, **level).verdict == FAILS and beats(SPARSE, **level, ties=True).verdict == HOLDS
    assert beats(SPARSE, table=1, ours=OURS, theirs="DARTS", columns=[CIFAR100]).verdict == UNTOLD


def test_outdoes():
    asked = {"table": 1, "row": OURS, "column": CIFAR10}
    assert outdoes(SPARSE, **asked).said == "97.58 is better than 14 of 15"
    assert outdoes(SPARSE, **asked, share=0.95).verdict == FAILS
    assert outdoes(SPARSE, **asked, among=["ASAP"]).verdict == FAILS
    assert outdoes(SPARSE, **asked, among=["ASAP", "DARTS", "DARTS-"]).verdict == HOLDS


def test_beyond_images():
    assert beyond_images(SPARSE, ours="97.58", theirs="97.24", images=10_000).verdict == UNTOLD
    assert beyond_images(SPARSE, ours="97.58", theirs="97.24", images=100_000).verdict == HOLDS
    assert beyond_images(SPARSE, ours="97.24", theirs="97.58", images=100_000).verdict == FAILS


def test_complete_and_ordered_and_same():
    assert complete(SPARSE, table=1, columns=[CIFAR10, CIFAR100]).verdict == FAILS
    assert complete(SPARSE, table=1, columns=["printed_marker"]).verdict == HOLDS
    assert complete(SPARSE, table=1, columns=[CIFAR10, CIFAR100], row=OURS).verdict == HOLDS
    assert complete(SPARSE, table=1, columns=[CIFAR10, CIFAR100], row="ASAP").verdict == FAILS
    rows = ["2-entmax, prune", "3-entmax, prune", OURS]
    assert ordered(SPARSE, table=1, rows=rows, column=CIFAR10).verdict == HOLDS
    assert ordered(SPARSE, table=1, rows=rows, column=CIFAR10, direction="falling").verdict == FAILS
    darts = {"paper": "eoinas", "table": 1, "row": "x", "column": "test_error_cifar10_percent"}
    darts["row"] = {"architecture": "DARTS (2nd) + CutOut [23]"}
    assert same(SPARSE, cells=["97.18", darts], other_formula="100 - b").verdict == HOLDS
    assert same(SPARSE, cells=["97.2", darts], other_formula="100 - b").verdict == HOLDS  # to its own digit
    assert same(SPARSE, cells=[cell("DARTS"), darts], other_formula="100 - b").verdict == FAILS
    with pytest.raises(ConfigError, match="two cells"):
        same(SPARSE, cells=["1"])


def test_counted():
    darts = {"network": "DARTS_V2", "printed": "3.35"}
    found = counted(SPARSE, **darts)
    assert (found.verdict, found.said) == (HOLDS, "3.349 counted, 3.35 printed")
    assert counted(SPARSE, network="DARTS_V2", printed="3.3").verdict == HOLDS
    assert counted(SPARSE, network="DARTS_V2", printed="3.4").verdict == FAILS
    assert counted(SPARSE, network="DARTS_V2", printed="3.4", tolerance=0.1).verdict == HOLDS
    assert counted(SPARSE, **darts, channels=16).verdict == FAILS
    assert counted(SPARSE, network="lenet", printed="1.20", in_channels=1, image_size=28).verdict == HOLDS
    cell_ = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    macs = counted(SPARSE, network=cell_, printed="1", what="macs", cells=1, channels=4)
    assert macs.values["counted"] > 0
    with pytest.raises(ConfigError, match="unknown genotype 'DARTS_V3'"):
        counted(SPARSE, network="DARTS_V3", printed="3.3")


def test_refers_and_cites():
    assert refers(SPARSE, to="figure", numbers=[4, 6]).verdict == HOLDS
    assert refers(SPARSE, to="figure", numbers=[4, 9]).said == "figure 9 is named, and there are 6"
    assert refers(SPARSE, to="reference", numbers=[22], there=21).verdict == FAILS
    with pytest.raises(ConfigError, match="must be said"):
        refers(SPARSE, to="reference", numbers=[1])
    assert cites(SPARSE, table=1, column="printed_citation", references=26).verdict == HOLDS
    assert "22, 23, 24, 26 not among 21" in cites(SPARSE, table=1, column="printed_citation", references=21).said


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (cell("DARTZ"), "0 rows of sparse_darts's table 1 are 'DARTZ'; its model can be DARTS"),
        (cell("Single-level DARTS"), "4 rows .* Name other columns, too"),
        (cell({"nodel": "DARTS"}), "unknown column of sparse_darts's table 1 'nodel': did you mean 'model'"),
        (cell("DARTS", CIFAR100), "is empty"),
        (cell("DARTS", "nope"), "unknown column of sparse_darts's table 1 'nope'"),
        (cell("DARTS", "note"), "no printed number"),
        (cell("DARTS", colour="red"), "a cell has no colour"),
        ({"table": 1}, "a cell needs row, column"),
        (cell("DARTS") | {"table": 7}, "unknown table of sparse_darts '7'"),
    ],
)
def test_a_cell_that_is_not_there_is_told(quantity, message):
    with pytest.raises(ConfigError, match=message):
        compares(SPARSE, left=quantity, relation=">", right=0)


def made(**columns):
    """Three methods, four seeds each; `b` is one above `a`, `c` like `a`."""
    base = [90.0, 90.5, 91.0, 90.2]
    rows = [
        {"method": name, "seed": seed, "run": "", "accuracy": value + shift + 0.05 * seed * (name == "b"), "size": size}
        for name, shift, size in (("a", 0, 1.0), ("b", 1, 1.1), ("c", 0.01, 9.0))
        for seed, (value, size) in enumerate(zip(base, [size, 1.05 * size, 1.2 * size, 1.15 * size], strict=True))
    ]
    return Sources("sparse_darts", {"s": study("s", pd.DataFrame(rows).assign(**columns))})


def test_measured():
    sources, asked = made(), {"study": "s", "column": "accuracy"}
    assert measured(sources, **asked, ours="b", theirs="a").verdict == HOLDS
    assert measured(sources, **asked, ours="a", theirs="b").verdict == FAILS
    assert measured(sources, **asked, ours="b", theirs="a", claim="less").verdict == FAILS
    assert measured(sources, **asked, ours="b", theirs=89.0).verdict == HOLDS
    assert measured(sources, **asked, ours="b", theirs=91.5).verdict == UNTOLD
    assert measured(sources, **asked, ours="c", theirs="a", claim="no less", margin=0.5).verdict == UNTOLD  # no spread
    assert measured(sources, **asked, ours="b", theirs="a", claim="no less", margin=0.5).verdict == HOLDS
    assert measured(sources, **asked, ours="b", theirs="a", claim="no more", margin=0.5).verdict == FAILS
    assert measured(sources, **asked, ours="b", theirs="a", test="permutation").verdict == UNTOLD  # 16 signs: 0.125
    assert measured(Sources("sparse_darts"), **asked, ours="b", theirs="a").verdict == UNTESTED
    with pytest.raises(ConfigError, match="'equal' needs margin"):
        measured(sources, **asked, ours="b", theirs="a", claim="equal")
    with pytest.raises(ConfigError, match="'greater' has no margin"):
        measured(sources, **asked, ours="b", theirs="a", margin=1.0)
    with pytest.raises(ConfigError, match="unknown method of study s 'd'"):
        measured(sources, **asked, ours="b", theirs="d")


def test_measured_against_several_is_a_family():
    sources, asked = made(), {"study": "s", "column": "accuracy"}
    both = measured(sources, **asked, ours="b", theirs=["*"])
    assert both.verdict == HOLDS and both.values.keys() == {"a", "c"}
    alone = measured(sources, **asked, ours="b", theirs="a")
    assert both.values["a"]["p"] == pytest.approx(2 * min(alone.values["a"]["p"], both.values["c"]["p"] / 2), rel=1)
    assert both.values["a"]["p"] > alone.values["a"]["p"]
    assert measured(sources, **asked, ours="a", theirs=["b", "c"]).verdict == FAILS
    rows = measured(made(), **asked, ours="b", theirs="a", family=["*"])
    assert rows.verdict == HOLDS and rows.values.keys() == {"a"}


def test_measured_at_equal_size():
    asked = {"study": "s", "column": "accuracy", "size": "size"}
    assert "do not overlap" in measured(made(), **asked, ours="c", theirs="a").said
    assert measured(made(), **asked, ours="b", theirs="a").verdict in (HOLDS, UNTOLD)
    with pytest.raises(ConfigError, match="no size to be compared at"):
        measured(made(), **asked, ours="b", theirs=1.0)
    with pytest.raises(ConfigError, match="differences are claimed"):
        measured(made(), **asked, ours="b", theirs="a", claim="equal", margin=1.0)


def test_always():
    asked = {"study": "s", "column": "accuracy", "ours": "a"}
    found = always(made(), **asked, relation=">=", value=90.0)
    assert found.verdict == UNTOLD and "up to 53 % of runs might not" in found.said
    assert always(made(), **asked, relation=">=", value=90.0, tolerated=0.6).verdict == HOLDS
    found = always(made(), **asked, relation=">", value=90.0)
    assert found.verdict == FAILS and found.said.startswith("3 of 4 runs have accuracy > 90")
    assert always(Sources("sparse_darts"), **asked, relation=">", value=90.0).verdict == UNTESTED


def test_correlates():
    rising = made(x=range(12), y=[value + 0.5 * (value % 3) for value in range(12)])
    asked = {"study": "s", "x": "x", "y": "y"}
    assert correlates(rising, **asked).verdict == HOLDS and correlates(rising, **asked, sign=-1).verdict == FAILS
    noise = made(x=range(12), y=[3, 9, 1, 7, 5, 2, 8, 4, 10, 0, 6, 5])
    assert correlates(noise, **asked).verdict == UNTOLD
    assert correlates(rising, **asked, method="a").verdict == UNTOLD  # four rows have no interval
    assert correlates(Sources("sparse_darts"), **asked).verdict == UNTESTED
    with pytest.raises(ConfigError, match="unknown column of study s 'z'"):
        correlates(rising, study="s", x="x", y="z")


def test_what_only_sparse_darts_needs(monkeypatch):
    assert sparse_darts.candidates(SPARSE, space="darts", operations=8).verdict == HOLDS
    assert sparse_darts.candidates(SPARSE, space="nasbench201", operations=8).verdict == FAILS
    cited = {"table": 1, "column": "printed_citation"}
    assert sparse_darts.cited_as(SPARSE, **cited, expected={"DARTS": 13, "GAEA": 22}).verdict == HOLDS
    assert sparse_darts.cited_as(SPARSE, **cited, expected={"DARTS": 2, "GAEA": 22}).said.startswith("1 of 2")
    checks = (
        sparse_darts.entmax_of_one_is_softmax,
        sparse_darts.entropy_of_one_is_shannons,
        sparse_darts.larger_alpha_is_more_rigid,
    )
    assert [check(SPARSE).verdict for check in checks] == [HOLDS] * 3
    monkeypatch.setattr(sparse_darts, "_ALPHAS", (3.0, 2.0, 1.5))
    assert sparse_darts.larger_alpha_is_more_rigid(SPARSE).verdict == FAILS
