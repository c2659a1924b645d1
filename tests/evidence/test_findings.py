import numpy as np
import pandas as pd
import pytest

import nascore
from nascore import derivation
from nascore.base import paths
from nascore.base.config import from_dict
from nascore.base.errors import ConfigError
from nascore.derivation import EveryEdge, StrongestEdges, StrongestGroups
from nascore.evidence import findings
from nascore.gal import pruned
from nascore.networks import stacked
from nascore.recipes.darts_gal import experiment

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def runs(recipe, **overrides):
        return [
            nascore.run(recipe, profile="smoke", seed=seed, root=folder, device="cpu", progress=False, **overrides)
            for seed in SEEDS
        ]

    return {
        "softmax": runs("darts-201"),
        "entmax": runs("sparse-darts-201", optimization__learning_rate=0.02),
    }


def test_pace(groups):
    pace = findings.pace(groups)
    assert list(pace) == ["method", "seed", "epoch", "seconds", "alive"] and len(pace) == 2 * 2 * 2
    assert (pace[pace.method == "softmax"].alive == 30).all() and pace[pace.method == "entmax"].alive.min() < 30
    assert (pace.seconds > 0).all()


def test_strongest_and_survivors(groups):
    found = findings.strongest(groups)
    assert len(found) == 2 * 2 * 6 and set(found.cell) == {"cell"}
    assert (found[found.method == "softmax"].survivors == 5).all()
    for run in groups["entmax"]:
        history = run.architecture_weights
        last = history[history.epoch == 2].pivot(index=["source", "target"], columns="operation", values="weight")
        rows = found[(found.method == "entmax") & (found.seed == run.seed)]
        rows = rows.set_index(["source", "target"]).loc[last.index]
        assert list(rows.operation) == list(last.idxmax(axis=1))
        assert list(rows.survivors) == [int((np.nan_to_num(row) > 0).sum()) for row in last.to_numpy()]


def test_agreement(groups):
    share = findings.agreement(groups)
    found = findings.strongest(groups)
    first, second = (found[(found.method == "softmax") & (found.seed == seed)].operation.to_numpy() for seed in SEEDS)
    assert share["softmax"] == pytest.approx(100 * np.mean(first == second)) and list(share.index) == list(groups)
    with pytest.raises(ConfigError, match="two searches"):
        findings.agreement({"one": groups["softmax"][:1]})


def test_judged(groups):
    class Table:
        def accuracy(self, cell):
            return type("", (), {"test": {"cifar10": float(len(cell.string))}})

        def rank(self, cell, dataset):
            return type("", (), {"place": 7})

    found = findings.judged(groups, Table(), "cifar10")
    assert list(found) == ["method", "seed", "architecture", "accuracy", "place", "collapse"]
    assert list(found.architecture) == [run.genotype.string for runs in groups.values() for run in runs]
    assert (found.accuracy == found.architecture.str.len()).all() and (found.place == 7).all()
    assert found.collapse.map(type).eq(str).all()


RECORDS = [nascore.load_run(path.parent) for path in sorted(paths.committed_runs().glob("*/architecture.npz"))]
SEARCHES = [run for run in RECORDS if "derivation" in run.settings]


def test_every_committed_search_leads_to_its_genotype_again():
    trying = [run for run in SEARCHES if from_dict(run.settings["derivation"]).needs_search]
    assert len(SEARCHES) > len(trying) > 0
    for run in SEARCHES:
        if run in trying:
            with pytest.raises(ConfigError, match="evaluates the supernet, which a record does not hold"):
                derivation.rederived(run)
        else:
            assert derivation.rederived(run) == run.genotype, run.name


def test_every_committed_pruning_of_nodes_leads_to_its_genotype_again():
    prunings = [run for run in RECORDS if "sparsity" in run.settings]
    assert prunings
    for run in prunings:
        one = experiment(run.recipe.removeprefix("gal-pruning-").partition("-as-")[0])
        before = nascore.load_run(paths.committed_runs() / run.config["after"]["run"])
        whole = stacked(before.genotype, one.cells, tuple(before.settings["reductions"]))
        how = run.settings["rule"], run.settings["empty"]
        assert pruned(whole, findings.kept_nodes(run), *how) == run.genotype, run.name


@pytest.fixture(scope="module")
def search():
    """The committed search of two edges a node whose normal cell has the most skips."""
    runs = [run for run in SEARCHES if run.settings["derivation"]["type"] == "StrongestEdges"]
    return max(runs, key=lambda run: skips(run.genotype))


def skips(genotype):
    return sum(name == "skip_connect" for name, _, _ in genotype.normal[0].edges())


def test_another_derivation_of_the_same_record(search):
    assert all(len(edges) <= 1 for edges in derivation.rederived(search, inputs=1).normal[0].nodes)
    every = derivation.rederived(search, EveryEdge())
    assert len(every.normal[0].edges()) > len(search.genotype.normal[0].edges())
    assert derivation.rederived(search, StrongestEdges(), inputs=1) == derivation.rederived(search, inputs=1)
    with pytest.raises(ConfigError, match="input"):
        derivation.rederived(search, input=1)


def test_every_limit_on_skips(search):
    found = derivation.by_skip_limit(search)
    edges = len(search.genotype.normal[0].edges())
    assert list(found) == list(range(edges, -1, -1)) and found[edges] == search.genotype and skips(search.genotype) > 1
    assert all(skips(genotype) == min(limit, skips(search.genotype)) for limit, genotype in found.items())
    assert len({genotype.reduce for genotype in found.values()}) == 1
    with pytest.raises(ConfigError, match="skip_limit"):
        derivation.by_skip_limit(search, EveryEdge())
    grouped = derivation.by_skip_limit(search, StrongestGroups())
    assert grouped[6] == derivation.rederived(search, StrongestGroups()) and skips(grouped[0]) == 0


def test_nothing_to_look_at():
    with pytest.raises(ConfigError, match="no searches"):
        findings.pace({"softmax": []})


def test_rank_correlation():
    # of the 6 pairs of the first edge's rows 5 agree; the third has one pair of numbers, the fourth equal ones
    rows = [("x", 0, at, value) for at, value in enumerate((1, 2, 4, 3))]
    rows += [("x", 1, at, -at) for at in range(3)] + [("y", 1, 1, 2), ("y", 1, np.nan, 3), ("y", 1, 3, np.nan)]
    rows += [("z", 0, 0.5, at) for at in range(4)] + [("z", 1, np.nan, 1)]
    # tau-b with a tie: 5 of 6 pairs are ordered in x, all in y, and agree: 5 / sqrt(5 * 6)
    rows += [("tie", 0, max(at, 1), at) for at in range(4)]
    frame = pd.DataFrame(rows, columns=["method", "edge", "weight", "accuracy"])
    found = findings.rank_correlation(frame, "weight", "accuracy", ["method", "edge"])
    assert list(found) == ["method", "edge", "tau", "n"]
    assert list(zip(found.method, found.edge, found.n, strict=True)) == [
        ("x", 0, 4), ("x", 1, 3), ("y", 1, 1), ("z", 0, 4), ("z", 1, 0), ("tie", 0, 4)
    ]  # fmt: skip
    assert found.tau.to_list() == pytest.approx([2 / 3, -1, np.nan, np.nan, np.nan, 5 / 30**0.5], nan_ok=True)
    assert findings.rank_correlation(frame[frame.method == "x"], "weight", "accuracy", "edge").edge.to_list() == [0, 1]
    with pytest.raises(ConfigError, match="no column 'worth', only method, edge"):
        findings.rank_correlation(frame, "worth", "accuracy", "edge")


# -- weights against true accuracies ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = {"root": tmp_path_factory.mktemp("drawn"), "device": "cpu", "progress": False}
    return {
        name: [nascore.run(f"{name}-201", profile="smoke", seed=seed, **root) for seed in SEEDS]
        for name in ("eoinas-oii", "eoinas-gop")
    }


def test_at_end(drawn):
    found = findings.at_end(drawn)
    assert len(found) == 2 * 2 * 30
    whole, pruned = (found[found.method == name] for name in drawn)
    assert (whole.lasted == 5).all() and whole.importance.notna().all() and whole.weight.notna().all()
    # one operation of each edge is dropped after each of the epochs 2 to 5, whose rows no longer have it
    assert all(sorted(rows) == [1, 2, 3, 4, 5] for _, rows in pruned.groupby(["seed", "source", "target"]).lasted)
    assert pruned.weight.notna().equals(pruned.lasted == 5)


def test_the_best_seed(drawn):
    runs = drawn["eoinas-oii"]
    assert findings.best(runs).metrics["valid_accuracy"] == max(run.metrics["valid_accuracy"] for run in runs)
    assert findings.best(runs, "alive") is runs[0]
    with pytest.raises(ConfigError, match="has no 'test_accuracy'"):
        findings.best(runs, "test_accuracy")
    with pytest.raises(ConfigError, match="no runs"):
        findings.best([])


class Counted:
    """Stands for the benchmark's table: a cell's accuracy is made of its operations, so that each edge can be told."""

    def accuracy(self, cell):
        value = sum(10**-at * len(name) for at, name in enumerate(cell.operations))
        return type("Found", (), {"test": {"cifar10": value}})


def test_swapped(drawn):
    table, groups = Counted(), {"oii": drawn["eoinas-oii"]}
    found = findings.swapped(groups, table, "cifar10")
    assert len(found) == 2 * 30 and found.groupby(["seed", "source", "target"]).chosen.sum().eq(1).all()
    for run in groups["oii"]:
        own = found[(found.seed == run.seed) & found.chosen]
        assert np.allclose(own.accuracy, table.accuracy(run.genotype).test["cifar10"])
        row = found[(found.seed == run.seed) & (found.source == 1) & (found.target == 3)].iloc[0]
        cell = run.genotype.replaced(1, 3, row.operation)
        assert cell.operations[4] == row.operation and cell.operations[:4] == run.genotype.operations[:4]
        assert row.accuracy == pytest.approx(table.accuracy(cell).test["cifar10"])
