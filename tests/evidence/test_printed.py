"""Printed tables, whole, and what stands in for their rows."""

import pytest

import nascore
from nascore.base import paths
from nascore.base.errors import ConfigError
from nascore.evidence import tables
from nascore.evidence.printed import beside, printed

EVERY = [path.stem for path in sorted(paths.reported().glob("*_table*.csv"))]


@pytest.mark.parametrize("name", EVERY)
def test_all_rows_and_columns_are_there(name):
    paper, _, number = name.rpartition("_table")
    table, whole = printed(paper, number.replace("_", ".")), tables.reported(paper, number.replace("_", "."))
    kept = [each for each in whole.columns if each != "note" and not each.endswith("_std")]
    assert len(table) == len(whole) and len(table.columns) >= len(kept) and not table.isna().any().any()


def test_what_is_printed_stays_as_it_is_printed():
    table = printed("eth_thesis", "4.3")
    assert list(table.columns) == ["genotype", "params (million)", "val accuracy (%)"]
    assert table.iloc[0].tolist() == ["DARTS", "2.80 ± 0.34", "97.04 ± 0.10"]
    table = printed("eth_thesis", "4.1")
    assert table.loc[0, "val accuracy (%)"] == "97.54" and table.loc[2, "val accuracy (%)"] == "97.43 ± 0.04"
    columns = list(printed("eth_thesis", "A.1").columns)
    assert columns == ["nodes", "batch size", "validation accuracy (%)", "GPU-days"]
    with pytest.raises(ConfigError, match="unknown table of eth_thesis"):
        printed("eth_thesis", "4.9")


def records():
    found = [nascore.load_run(path) for path in sorted(paths.committed_runs().glob("pdarts-retraining-demo-s*"))]
    return found[:2]


def test_beside():
    runs = records()
    table = beside(printed("eth_thesis", "4.3"), {"ours": runs}, ["", "ours", ""], more=["ours"], images=1000)
    assert len(table) == 4 and table["stand-in here"].tolist() == ["", "ours", "", "ours"]
    row = table.iloc[1]
    accuracies = [run.metrics["test_accuracy"] for run in runs]
    assert row["genotype"] == "DARTS-noDil" and table.iloc[3]["genotype"] == ""
    assert row["test accuracy (%), measured"] == tables.with_image_error(accuracies, 1000)
    assert row["data set"] == runs[0].settings["dataset"] == "digits" and row["image size"] == "8×8"
    assert row["training images"] == str(runs[0].settings["train_images"])
    assert row["seeds"] == ", ".join(map(str, sorted({run.seed for run in runs})))
    assert row["parameters (thousand)"] == tables.mean_std([run.metrics["parameters"] / 1e3 for run in runs], 1)
    assert table.iloc[0].iloc[3:].tolist() == [""] * 7


def test_searches_have_no_size():
    search = nascore.load_run(min(paths.committed_runs().glob("pdarts-demo-s*")))
    table = beside(printed("eth_thesis", "4.3"), {"s": [search]}, ["s", "", ""], metric="valid_accuracy")
    assert table.loc[0, "search accuracy (%), measured"].endswith("(1)") and table.loc[0, "parameters (thousand)"] == ""


def test_what_does_not_fit_is_told():
    table, runs = printed("eth_thesis", "4.3"), records()
    with pytest.raises(ConfigError, match="there are 3 rows and 1 names"):
        beside(table, {"ours": runs}, ["ours"])
    with pytest.raises(ConfigError, match="unknown group 'theirs'"):
        beside(table, {"ours": runs}, ["theirs", "", ""])
    config = runs[1].config | {"settings": runs[1].settings | {"dataset": "mnist"}}
    mixed = [runs[0], nascore.Run(runs[1].path, config, runs[1].result)]
    with pytest.raises(ConfigError, match="runs of one line are made on the same data"):
        beside(table, {"ours": mixed}, ["ours", "", ""])
