"""DARTS-GAL's own checkers: the word follows the printed tables, and sizes are those of networks that are built."""

import pytest
import torch

from nascore import CellNetwork
from nascore.base import paths
from nascore.base.errors import ConfigError
from nascore.evidence.checks import base
from nascore.evidence.checks import darts_gal as checks
from nascore.evidence.checks.base import Sources
from nascore.evidence.verdicts import FAILS, HOLDS, UNTOLD
from nascore.networks import stacked
from nascore.networks.node_pruning import pruned
from nascore.recipes.darts_gal import EXPERIMENTS

GAL = Sources("darts_gal")


@pytest.fixture
def printed(tmp_path, monkeypatch):
    """Printed tables of which some text is another: `printed(table, old, new)`."""
    place = tmp_path / "data" / "reported"
    place.mkdir(parents=True)
    for path in paths.reported().glob("*.csv"):
        (place / path.name).write_text(path.read_text())
    monkeypatch.setattr(paths, "root", lambda: tmp_path)

    def change(table, old, new):
        path = place / f"darts_gal_table{table}.csv"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        base._printed.cache_clear()

    return change


def test_networks_are_those_of_the_recipes():
    for one in EXPERIMENTS.values():
        table, classes, in_channels, stem = checks.NETWORKS[one.title]
        assert (table, classes, in_channels, stem) == (one.table, one.classes, one.image[0], one.stem)
        layout = checks._layout(GAL, one.title)
        assert (layout.cells, layout.reductions, layout.kept) == (one.cells, one.reductions, one.kept)


def test_in_how_many_cases(printed):
    asked = {"column": "test_accuracy_percent", "better": "higher"}
    assert checks.in_cases(GAL, **asked, at_least=4).verdict == HOLDS
    assert checks.in_cases(GAL, **asked, at_least=5).verdict == FAILS
    assert checks.in_cases(GAL, column="params_million", better="lower", at_least=6).verdict == HOLDS
    printed(4, "99.60", "92.35")
    assert checks.in_cases(GAL, **asked, at_least=4).said.startswith("higher on 3 of 6")
    assert checks.in_cases(GAL, **asked, at_least=4, ties=True).verdict == HOLDS


def test_the_most_pruned_and_the_kept(printed):
    assert checks.most_pruned(GAL, dataset="Cats vs. Dogs").said.startswith("Cats vs. Dogs 56.3 %, VoxCeleb1-Min 38.2")
    assert checks.most_pruned(GAL, dataset="CIFAR10").verdict == FAILS
    assert checks.kept(GAL, dataset="VoxCeleb1-Min", nodes=17).verdict == HOLDS
    assert checks.kept(GAL, dataset="CIFAR10", nodes=17).said == "19 of 48 in the table"
    printed(6, "0.132", "0.232")
    assert checks.most_pruned(GAL, dataset="Cats vs. Dogs").verdict == FAILS


def test_where_reductions_are(printed):
    assert checks.placed(GAL, told={"MNIST": [2, 3], "CIFAR10": [5, 9]}).verdict == HOLDS
    assert checks.placed(GAL, told={"MNIST": [2, 4], "CIFAR10": [5, 9]}).said == "in the tables: MNIST 2, 3"
    assert checks.thirds(GAL, dataset="CIFAR10").verdict == HOLDS
    assert checks.thirds(GAL, dataset="MNIST").said == "of 5 cells 2 and 3, by DARTS's rule 2 and 4"
    assert checks.one_rule_of_thirds(GAL).verdict == FAILS
    for old, new in (("3,Reduction", "3,Normal"), ("4,Normal", "4,Reduction")):
        printed(1, old, new)
    assert checks.thirds(GAL, dataset="MNIST").verdict == HOLDS
    assert checks.one_rule_of_thirds(GAL).values["down, from 0"] == 5
    for old, new in (("5,Reduction", "5,Normal"), ("6,Normal", "6,Reduction")):
        printed(5, old, new)
    assert checks.one_rule_of_thirds(GAL).verdict == HOLDS


def test_sizes(printed):
    assert checks.sized(GAL, dataset="CIFAR10").said == "0.369 M counted, 0.369 printed"
    assert checks.sized(GAL, dataset="CIFAR10", pruning="concat").verdict == HOLDS
    assert checks.sized(GAL, dataset="CIFAR10", pruning="concat", empty="bypass").verdict == FAILS
    assert checks.sized(GAL, dataset="CIFAR10", pruning="node").verdict == FAILS
    assert checks.sized(GAL, dataset="MNIST").verdict == FAILS
    assert checks.sized(GAL, dataset="MNIST", reductions="rule").verdict == HOLDS
    with pytest.raises(ConfigError, match="dataset must be one of"):
        checks.sized(GAL, dataset="CIFAR100")  # whose cells are lost
    printed(4, "0.298", "0.169")
    assert checks.sized(GAL, dataset="CIFAR10", pruning="node").verdict == HOLDS


def test_what_channels_can_explain():
    assert checks.reachable(GAL, dataset="CIFAR100").verdict == FAILS
    assert checks.reachable(GAL, dataset="CIFAR100", channels=32).verdict == HOLDS
    assert checks.reachable(GAL, dataset="Cats vs. Dogs", channels=32).verdict == FAILS  # even of pools alone
    found = checks.counted_by_concat(GAL, dataset="VoxCeleb1-Min")
    assert found.verdict == FAILS and found.values["fits"] == [36]
    assert checks.counted_by_concat(GAL, dataset="VoxCeleb1-Min", channels=36).verdict == HOLDS


def test_sizes_at_other_widths_are_those_of_networks(printed):
    exact = checks._narrowed(GAL, "CIFAR100", 36)
    assert checks._by_width(lambda width: checks._narrowed(GAL, "CIFAR100", width))(36) == pytest.approx(exact)


def test_one_count_for_all(printed):
    found = checks.all_counted_by_concat(GAL)
    assert found.verdict == FAILS and found.values["Cats vs. Dogs"] == [] and found.values["CIFAR10"] == [16]
    printed(6, "0.132", "0.264")
    assert checks.all_counted_by_concat(GAL).verdict == HOLDS


def test_cells_that_are_looked_for(printed):
    asked = {"dataset": "Cats vs. Dogs"}
    found = checks.cells_exist(GAL, **asked)
    assert found.verdict == HOLDS and found.values["both"] > 0
    assert checks.cells_exist(GAL, **asked) == found  # its seed is in it
    assert checks.cells_exist(GAL, **asked, pruning="concat", empty="keep").verdict == UNTOLD
    printed(6, "0.132", "0.301")
    assert checks.cells_exist(GAL, **asked).verdict == UNTOLD


def test_sizes_by_sums_are_those_of_the_networks(printed):
    """The search adds up operations; here what it yields is built."""
    layout, before = checks._layout(GAL, "Cats vs. Dogs"), checks._sizes(GAL)["Cats vs. Dogs"][0]
    drawn = list(checks._of_size(GAL, "Cats vs. Dogs", before, "rule", 2000, 1))
    assert drawn
    for genotype in drawn:
        stack = stacked(genotype, layout.cells, (2, 5))
        network = CellNetwork(stack, channels=16, classes=2, stem="stride2")
        assert abs(sum(each.numel() for each in network.parameters()) / 1e6 - 0.302) <= 0.0005
    after = CellNetwork(pruned(stack, layout.kept), channels=16, classes=2, stem="stride2")
    assert after(torch.rand(2, 3, 32, 32)).shape == (2, 2)


def test_lenet_is_mostly_linear():
    assert checks.fully_convolutional(GAL, network="lenet").said.startswith("98 % of its 1.20 M")


def test_captions_and_the_state_of_the_art(printed):
    assert checks.captioned(GAL, figure=17, words=["large"]).verdict == HOLDS
    assert checks.captioned(GAL, figure=16, words=["stack"]).verdict == FAILS
    with pytest.raises(ConfigError, match="unknown figure of darts_gal '24'"):
        checks.captioned(GAL, figure=24, words=["stack"])
    among = [
        {"paper": "sparse_darts", "table": 1, "column": "darts_space_cifar10_accuracy_percent"},
        {"paper": "eoinas", "table": 1, "column": "test_error_cifar10_percent", "error": True},
    ]
    ours = {"table": 4, "row": {"dataset": "CIFAR10", "method": "DARTS-GAL"}, "column": "test_accuracy_percent"}
    found = checks.highest(GAL, printed=ours, among=among)
    assert found.verdict == HOLDS and "98.32 (ASAP in sparse_darts)" in found.said
    assert "97.50 (EoiNAS + CutOut in eoinas)" in checks.highest(GAL, printed=ours, among=among[1:]).said
    with pytest.raises(ConfigError, match="a column is paper, table, column, and perhaps error"):
        checks.highest(GAL, printed=ours, among=[{"paper": "eoinas"}])
    printed(4, "99.60", "97.60")
    assert checks.highest(GAL, printed=ours, among=among).verdict == FAILS


def test_what_the_game_aims_at():
    assert checks.restrained(GAL).verdict == HOLDS
    assert checks.deceives(GAL).verdict == FAILS
    assert checks.deceives(GAL, with_regulariser=False).verdict == HOLDS
