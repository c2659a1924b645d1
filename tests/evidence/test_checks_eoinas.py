"""EoiNAS's own checkers: each is given numbers that hold and numbers that do not."""

import numpy as np
import pandas as pd
import pytest
import torch

from nascore import CellNetwork, count
from nascore.base.errors import ConfigError
from nascore.evidence.checks import Sources, eoinas
from nascore.evidence.studies import study
from nascore.evidence.verdicts import FAILS, HOLDS, UNTESTED, UNTOLD
from nascore.pruning import Importance
from nascore.relaxations import GumbelSoftmax
from nascore.spaces import CellSpace

EOINAS = Sources("eoinas")


def test_citations_are_those_of_the_works():
    asked = {"table": 3, "column": "architecture", "expected": {"EoiNAS": 7}}
    assert eoinas.cites_the_work(EOINAS, **asked).said == "0 of 0 rows do"  # none cites anything
    cited = {
        "Inception": 10, "MobileNet-V2": 30, "MobileNet-V3": 13, "ShuffleNet": 37, "NASNet": 40, "AmoebaNet": 28,
        "Progressive": 21, "DARTS": 23, "SNAS": 36, "GDAS": 7, "MdeNAS": 38,
    }  # fmt: skip
    asked = {"table": 2, "column": "architecture"}
    assert eoinas.cites_the_work(EOINAS, **asked, expected=cited).verdict == HOLDS
    found = eoinas.cites_the_work(EOINAS, **asked, expected=cited | {"Inception": 34})
    assert (found.verdict, found.said) == (FAILS, "14 of 15 rows do; not Inception-v1 [10], whose work is [34]")
    assert (
        eoinas.cites_the_work(EOINAS, **asked, expected=cited | {"Inception": 34, "Inception-v1": 10}).verdict == HOLDS
    )
    with pytest.raises(ConfigError, match=r"expected says nothing of 'Inception-v1 \[10\]'"):
        eoinas.cites_the_work(EOINAS, **asked, expected={"GDAS": 7})


def test_quotations_of_two_papers():
    asked = {"table": 1, "column": "architecture", "other_paper": "dso_nas", "other_table": 1}
    columns = {"test_error_cifar10_percent": "test_error_percent_mean", "params_million": "params_million_mean"}
    alike = {"DenseNet [15]": "DenseNet", "ENAS + CutOut [27]": "ENAS + c/o (Pham et al. (2018))"}
    found = eoinas.quoted_alike(EOINAS, **asked, rows=alike, columns=columns)
    assert (found.verdict, found.said) == (HOLDS, "4 of 4 numbers are the same")
    apart = alike | {"Progressive NAS [21]": "PNAS (Liu et al. (2018a))"}
    found = eoinas.quoted_alike(EOINAS, **asked, rows=apart, columns=columns)
    assert found.verdict == FAILS and found.said.endswith("Progressive NAS [21]: 3.63 and 3.41")
    empty = {"test_error_cifar100_percent": "params_million_std"}
    assert eoinas.quoted_alike(EOINAS, **asked, rows=alike, columns=empty).verdict == UNTOLD


def test_draws(monkeypatch):
    assert eoinas.draws_follow_softmax(EOINAS).verdict == HOLDS
    assert eoinas.cold_draws_are_discrete(EOINAS).verdict == HOLDS
    weights = GumbelSoftmax.weights

    def biased(self, alpha, alive, generator):
        return weights(self, 1.1 * alpha, alive, generator)

    def lukewarm(self, alpha, alive, generator):
        return weights(GumbelSoftmax(temperature=1.0, final_temperature=1.0, hard=False), alpha, alive, generator)

    monkeypatch.setattr(GumbelSoftmax, "weights", biased)
    assert eoinas.draws_follow_softmax(EOINAS).verdict == FAILS
    monkeypatch.setattr(GumbelSoftmax, "weights", lukewarm)
    assert eoinas.cold_draws_are_discrete(EOINAS).verdict == FAILS


def test_equal_factors_never_arrive():
    assert eoinas.decays_to(EOINAS, first=5.0, last=0.1, epochs=160).verdict == HOLDS
    found = eoinas.decays_to(EOINAS, first=5.0, last=0.0, epochs=160)
    assert found.verdict == FAILS and found.values["factor"] == 0


def test_one_operation_left_ties_all_edges():
    found = eoinas.weights_tell_inputs(EOINAS, left=1)
    assert found.verdict == FAILS and found.values["differ"] == 0
    assert eoinas.weights_tell_inputs(EOINAS, left=2).verdict == HOLDS


def test_the_indicator_depends_on_its_unit():
    def asked(unit, passes=7800, **more):
        return {"unit": unit, "passes": passes} | more

    for unit, equals, say in (("raw", HOLDS, FAILS), ("percent", HOLDS, HOLDS), ("relative", FAILS, HOLDS)):
        assert eoinas.weight_decides_between_equals(EOINAS, **asked(unit)).verdict == equals
        assert eoinas.indicator_has_a_say(EOINAS, **asked(unit)).verdict == say
    assert eoinas.weight_decides_between_equals(EOINAS, **asked("relative", scale=0.001)).verdict == HOLDS
    assert eoinas.indicator_has_a_say(EOINAS, **asked("raw", passes=100)).verdict == HOLDS


@pytest.mark.parametrize("unit", ["relative", "raw", "percent"])
def test_its_importance_is_the_one_that_searches_go_by(unit):
    weights = eoinas._weights(5)[:7]
    accuracy = torch.rand(7, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    judge = Importance(normalisation=unit).start({"cell": (7, 5)})
    counts = {"trained": 40 * weights, "validated": weights, "right": weights * accuracy}
    judge.load_state_dict({name: {"cell": value} for name, value in counts.items()})
    wanted = judge.strengths({"cell": weights}, {"cell": torch.ones(7, 5, dtype=torch.bool)})["cell"]
    torch.testing.assert_close(eoinas._importance(weights, accuracy, unit, 40, 0.5), wanted)


def test_sizes_beside_a_published_network():
    asked = {"network": "GDAS_V1", "channels": 48}
    assert eoinas.smaller_than(EOINAS, printed="4.5", **asked).verdict == HOLDS
    assert eoinas.smaller_than(EOINAS, printed="4.5", by=0.2, **asked).verdict == FAILS
    assert eoinas.smaller_than(EOINAS, printed="5.0", **asked).verdict == UNTOLD
    assert eoinas.smaller_than(EOINAS, printed="570", what="macs", **asked).verdict == FAILS


def test_a_cell_of_three_sizes():
    sizes = {"parameters": "3.4", "transferred_parameters": "5.0"}
    found = eoinas.a_cell_has(EOINAS, **sizes, macs="570")
    assert found.verdict == FAILS and found.values["all"] == 0 < found.values["both"]
    assert found.values["low"] < 540 < found.values["high"] < 570
    assert eoinas.a_cell_has(EOINAS, **sizes, macs="540").verdict == HOLDS
    none = eoinas.a_cell_has(EOINAS, parameters="9.9", transferred_parameters="5.0", macs="540")
    assert none.verdict == FAILS and none.values["both"] == 0


@pytest.mark.parametrize(("layout", "norm"), [((4, 8, 10, 32, 32, "cifar"), 0.0), ((4, 8, 10, 64, 8, "imagenet"), 2.0)])
def test_its_sizes_are_those_that_networks_have(layout, norm):
    """A random cell is found among the counts, with the size that its network has."""
    cells, channels, classes, image, size, stem = layout
    genotype = CellSpace().random(torch.Generator().manual_seed(1))
    normal, reduction = eoinas._sizes(cells, channels, classes, image, size, stem, norm)

    def edges(cell, names, wanted):
        arrows = [(name.replace("avg_", "max_"), source) for node in cell.nodes for name, source in node]
        return [sum(name == each and wanted(source) for name, source in arrows) for each in names]

    def as_free(counts):  # a skip without a stride is as free as a pool
        return [counts[0] + counts[-1], *counts[1:-1]]

    one = as_free(edges(genotype.normal[0], eoinas._NAMES, lambda source: True))
    strided = edges(genotype.reduce, eoinas._NAMES, lambda source: source < 2)
    inner = as_free(edges(genotype.reduce, eoinas._NAMES, lambda source: source >= 2))
    at = np.flatnonzero((eoinas._normal_cells() == one).all(axis=1))
    row = np.flatnonzero((eoinas._reduction_cells() == [*strided, *inner]).all(axis=1))
    assert len(at) == len(row) == 1
    network = CellNetwork(genotype, cells, channels, classes, stem=stem)
    np.testing.assert_allclose(normal[at[0]] + reduction[row[0]], eoinas._cost(network, (3, image, image), norm))
    assert norm or tuple(normal[at[0]] + reduction[row[0]]) == count(network, (3, image, image))


def test_a_saving_beyond_what_epochs_explain():
    asked = {"cost": "0.6", "before": "1.0", "formula": "a / b"}
    assert eoinas.saves_beyond(EOINAS, **asked, given={"a": 160, "b": 250}).verdict == UNTOLD
    assert eoinas.saves_beyond(EOINAS, **asked, given={"a": 160, "b": 160}).verdict == HOLDS
    assert eoinas.saves_beyond(EOINAS, **asked, given={"a": 50, "b": 250}).verdict == FAILS


def test_low_correlation():
    def among(n, noise):
        x = np.arange(n, dtype=float)
        y = x + noise * np.random.default_rng(0).normal(size=n)
        rows = pd.DataFrame({"method": "a", "seed": np.arange(n), "run": "", "x": x, "y": y})
        return Sources("eoinas", {"s": study("s", rows)})

    asked = {"study": "s", "x": "x", "y": "y", "method": "a"}
    assert eoinas.low_correlation(among(40, 1000.0), **asked).verdict == HOLDS
    assert eoinas.low_correlation(among(40, 0.1), **asked).verdict == FAILS
    assert eoinas.low_correlation(among(6, 5.0), **asked).verdict == UNTOLD
    assert eoinas.low_correlation(EOINAS, **asked).verdict == UNTESTED
    with pytest.raises(ConfigError, match="unknown method of study s 'b'"):
        eoinas.low_correlation(among(6, 1.0), **asked | {"method": "b"})
    with pytest.raises(ConfigError, match="unknown column of study s 'z'"):
        eoinas.low_correlation(among(6, 1.0), **asked | {"x": "z"})
