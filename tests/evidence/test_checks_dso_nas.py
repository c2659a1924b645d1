"""Checkers of DSO-NAS, and those for printed means and deviations: each with what holds and what does not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from torch import nn

from nascore.base.errors import ConfigError
from nascore.evidence.checks import dso_nas
from nascore.evidence.checks.base import Sources
from nascore.evidence.checks.common import beyond_runs, undominated
from nascore.evidence.studies import study
from nascore.evidence.verdicts import FAILS, HOLDS, UNTESTED, UNTOLD

DSO = Sources("dso_nas")
SPREAD = {"table": 1, "mean": "test_error_percent_mean", "std": "test_error_percent_std"}
SHARE, FULL, RANDOM = "DSO-NAS-share+c/o", "DSO-NAS-full+c/o", "random-share + c/o"
EOINAS = {"other": "eoinas", "other_table": 1}


def test_beyond_runs():
    found = beyond_runs(DSO, **SPREAD, pairs=[[SHARE, RANDOM]], runs=5, claim="less", unit="points")
    p = stats.ttest_ind_from_stats(2.84, 0.07, 5, 3.58, 0.21, 5, equal_var=False).pvalue
    assert found.verdict == HOLDS and found.said == f"-0.74 points [-1.00, -0.48], p = {p:.2g}, n = 5 and 5"
    assert beyond_runs(DSO, **SPREAD, pairs=[[SHARE, RANDOM]], runs=5).verdict == FAILS
    assert beyond_runs(DSO, **SPREAD, pairs=[[SHARE, FULL]], runs=5, claim="less").verdict == UNTOLD
    assert beyond_runs(DSO, **SPREAD, pairs=[[SHARE, FULL]], runs=20, claim="less").verdict == HOLDS
    both = {"pairs": [[SHARE, RANDOM], [SHARE, FULL]], "runs": 5, "claim": "less"}
    assert beyond_runs(DSO, **SPREAD, **both).verdict == UNTOLD  # one of two is
    assert "b: -0.11" in beyond_runs(DSO, **SPREAD, **both, names=["a", "b"]).said
    equal = {"pairs": [[SHARE, FULL]], "runs": 5, "claim": "equal"}
    assert beyond_runs(DSO, **SPREAD, **equal, margin=0.5).verdict == HOLDS
    assert beyond_runs(DSO, **SPREAD, **equal, margin=0.05).verdict == UNTOLD


@pytest.mark.parametrize(
    "wrong",
    [
        {"pairs": [[SHARE]], "runs": 5},
        {"pairs": [], "runs": 5},
        {"pairs": [[SHARE, FULL]], "runs": 1},
        {"pairs": [[SHARE, FULL]], "runs": 5, "claim": "equal"},
        {"pairs": [[SHARE, FULL]], "runs": 5, "margin": 0.1},
        {"pairs": [[SHARE, FULL]], "runs": 5, "names": ["a", "b"]},
        {"pairs": [[SHARE, "DenseNet"]], "runs": 5},  # which has no deviation
    ],
)
def test_beyond_runs_says_what_it_needs(wrong):
    with pytest.raises(ConfigError, match=r"pair|margin|empty"):
        beyond_runs(DSO, **SPREAD, **wrong)


def test_undominated():
    columns = ["test_error_percent_mean", "params_million_mean"]
    found = undominated(DSO, table=1, row=SHARE, columns=columns)
    assert found.verdict == FAILS and "AmoebaNet-B + c/o (Real et al. (2018)) (2.55, 2.8)" in found.said
    without = ["AmoebaNet-B + c/o (Real et al. (2018))"]
    assert undominated(DSO, table=1, row=SHARE, columns=columns, without=without).verdict == HOLDS
    assert undominated(DSO, table=1, row=without[0], columns=columns).verdict == HOLDS
    assert undominated(DSO, table=1, row=SHARE, columns=columns, better="higher").verdict == FAILS
    with pytest.raises(ConfigError, match="has no search_cost"):
        undominated(DSO, table=1, row="DenseNet", columns=["search_cost_gpu_days"])


def test_printed_steps_are_accelerated_proximal_gradient(monkeypatch):
    assert dso_nas.steps_are_accelerated(DSO).verdict == HOLDS
    found = dso_nas._printed_steps
    monkeypatch.setattr(dso_nas, "_printed_steps", lambda *given: [(pulled, pulled) for _, pulled in found(*given)])
    assert dso_nas.steps_are_accelerated(DSO).verdict == FAILS  # without the momentum of equation 8


def test_printed_steps_reach_the_minimum(monkeypatch):
    found = dso_nas.steps_reach_the_minimum(DSO)
    assert found.verdict == HOLDS and 0 < found.values["zeros"] < 30
    steps = dso_nas._printed_steps
    monkeypatch.setattr(dso_nas, "_printed_steps", lambda gradient, rate, _: steps(gradient, rate, 3))
    assert dso_nas.steps_reach_the_minimum(DSO).verdict == FAILS


def test_momentum_carries_a_scale_over_zero(monkeypatch):
    found = dso_nas.thresholded_is_zero(DSO)
    assert found.verdict == FAILS and found.values["moved"] > 0
    monkeypatch.setattr(dso_nas, "_MOMENTUM", 0.0)
    assert dso_nas.thresholded_is_zero(DSO).verdict == HOLDS


def test_only_blocks_with_scales_of_their_own_have_penalties_of_their_own():
    assert dso_nas.penalties_of_blocks(DSO, shared=True).verdict == FAILS
    assert dso_nas.penalties_of_blocks(DSO, shared=False).verdict == HOLDS


def test_batch_norm_takes_a_common_factor(monkeypatch):
    assert dso_nas.scales_are_felt(DSO).verdict == FAILS
    build = dso_nas.build_post_norm
    monkeypatch.setattr(
        dso_nas, "build_post_norm", lambda name, channels, norm: build(name, channels, lambda _: nn.Identity())
    )
    assert dso_nas.scales_are_felt(DSO).verdict == HOLDS


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ({"network": "mobilenet", "printed": "4.2"}, HOLDS),
        ({"network": "mobilenet", "printed": "4.3"}, FAILS),
        ({"network": "mobilenet", "printed": "569", "what": "macs"}, HOLDS),
        ({"network": "densenet", "printed": "25.6"}, HOLDS),
        ({"network": "inception_v1", "printed": "6.6"}, HOLDS),
        ({"network": "shufflenet_v2", "printed": "5"}, FAILS),
        ({"network": "shufflenet_v2", "printed": "7.4"}, HOLDS),
        ({"network": "shufflenet_v2", "printed": "5", "tolerance": 3}, HOLDS),
    ],
)
def test_handmade(arguments, verdict):
    assert dso_nas.handmade(DSO, **arguments).verdict == verdict


def test_systems_cited():
    known = ["Zoph 2018", "Real 2018", "Liu 2018a", "Liu 2018b", "Pham 2018"]
    asked = {"table": 1, "own": ["DSO-NAS", "random"]}
    found = dso_nas.systems_cited(DSO, **asked, references=known)
    assert (found.verdict, found.said) == (FAILS, "7 of 8 quoted rows, not DenseNet")
    with_dense = {"table": 1, "own": ["DSO-NAS", "random", "DenseNet"]}
    assert dso_nas.systems_cited(DSO, **with_dense, references=known).verdict == HOLDS
    assert dso_nas.systems_cited(DSO, **with_dense, references=known[1:]).values["missing"] == 1


def test_quoted_alike():
    asked = EOINAS | {"table": 1, "column": "test_error_percent_mean", "other_column": "test_error_cifar10_percent"}
    dense = ["DenseNet", {"architecture": "DenseNet [15]"}]
    pnas = ["PNAS (Liu et al. (2018a))", {"architecture": "Progressive NAS [21]"}]
    assert dso_nas.quoted_alike(DSO, **asked, rows=[dense]).verdict == HOLDS
    found = dso_nas.quoted_alike(DSO, **asked, rows=[dense, pnas])
    assert found.verdict == FAILS and found.said.endswith("not PNAS (Liu et al. (2018a)) 3.41 for 3.63")
    cost = {"column": "search_cost_gpu_days", "other_column": "times_days"}
    assert dso_nas.quoted_alike(DSO, **asked | cost, rows=[dense]).verdict == UNTOLD  # no cost is printed of it
    with pytest.raises(ConfigError, match="pairs"):
        dso_nas.quoted_alike(DSO, **asked, rows=[["DenseNet"]])


def test_both_with_cutout():
    with_it = EOINAS | {"other_row": {"architecture": "NASNet-A + CutOut [40]"}}
    without = EOINAS | {"other_row": {"architecture": "NASNet-A [40]"}}
    ours = {"table": 1, "row": "NASNet-A + c/o (Zoph et al. (2018))"}
    assert dso_nas.both_with_cutout(DSO, **ours, **with_it).verdict == HOLDS
    assert dso_nas.both_with_cutout(DSO, **ours, **without).verdict == FAILS


def test_the_lasso_is_the_same_each_time():
    one, other = (dso_nas._printed_steps(*dso_nas._lasso(0), 5)[-1][0] for _ in range(2))
    assert np.array_equal(one, other)


def test_one_of_pairs():
    rows = [("a", seed, "", 1.0 + seed / 10) for seed in range(5)] + [
        ("b", seed, "", 2.0 + seed / 9) for seed in range(5)
    ]
    rows += [("c", seed, "", 1.0 + seed) for seed in range(5)] + [("d", seed, "", 1.1 + seed % 3) for seed in range(5)]
    made = study("pairs", pd.DataFrame(rows, columns=["method", "seed", "run", "error"]))
    sources = Sources("dso_nas", {"pairs": made})
    asked = {"study": "pairs", "column": "error", "others": [["c", "d"]]}
    found = dso_nas.one_of_pairs(sources, **asked, ours="a", theirs="b", claim="less")
    alone = dso_nas.one_of_pairs(sources, **asked | {"others": []}, ours="a", theirs="b", claim="less")
    assert found.verdict == alone.verdict == HOLDS
    assert found.values["p"] == pytest.approx(2 * alone.values["p"])
    assert dso_nas.one_of_pairs(sources, **asked, ours="a", theirs="b").verdict == FAILS
    assert dso_nas.one_of_pairs(sources, **asked, ours="c", theirs="d").verdict == UNTOLD
    assert dso_nas.one_of_pairs(DSO, **asked, ours="a", theirs="b").verdict == UNTESTED
    with pytest.raises(ConfigError, match="pairs of methods"):
        dso_nas.one_of_pairs(sources, **asked | {"others": [["c"]]}, ours="a", theirs="b")
