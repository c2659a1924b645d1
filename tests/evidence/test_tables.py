"""Tables: the papers' printed numbers are all there and readable, and new ones are written as they should be."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nascore.base import paths
from nascore.base.errors import ConfigError, NascoreError
from nascore.evidence import tables

FILES = sorted(paths.reported().glob("*_table*.csv"))
UNITS = ("_percent", "_million", "_days", "_percent_mean", "_percent_std", "_million_mean", "_million_std")
PLAIN = {"cell", "gpus", "layers", "init_channels", "batch_size", "learning_rate", "nodes"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_reported_table_reads_and_its_columns_have_units(path):
    paper, _, number = path.stem.partition("_table")
    table = tables.reported(paper, number.replace("_", "."))
    assert len(table) > 1
    assert not table.isna().all().any() or paper == "sparse_darts"
    for column in table.select_dtypes("number"):
        assert column in PLAIN or column.removesuffix("_min").removesuffix("_max").endswith(UNITS)
    percent = table[[column for column in table if column.endswith(("_percent", "_percent_mean"))]]
    assert ((percent.isna()) | ((percent > 0) & (percent < 100))).all().all()


def test_the_list_of_papers_names_all_tables_and_figures():
    papers = tables.papers().set_index("paper")
    assert list(papers.index) == ["darts_gal", "sparse_darts", "dso_nas", "eth_thesis", "eoinas"]
    assert papers["tables"].sum() == len(FILES) == 23
    for paper, row in papers.iterrows():
        assert len([path for path in FILES if path.name.startswith(f"{paper}_table")]) == row["tables"]
        whole = tables.figures(paper)["figure"].astype(str).str.replace(r"\(.\)", "", regex=True)
        assert whole.nunique() == row["figures"]
        assert len(tables.settings(paper)) > 20


@pytest.mark.parametrize(
    ("paper", "table", "where", "column", "value"),
    [
        ("eoinas", 1, ("architecture", "EoiNAS + CutOut"), "test_error_cifar10_percent", 2.50),
        ("eoinas", "2", ("architecture", "EoiNAS"), "madds_million", 570),
        ("eoinas", 3, ("architecture", "Baseline+GOP"), "error_percent", 2.72),
        ("dso_nas", 1, ("architecture", "random-share + c/o"), "test_error_percent_std", 0.21),
        ("dso_nas", 2, ("architecture", "DSO-NAS-full"), "flops_million", 608),
        ("sparse_darts", 1, ("model", "3-entmax, prune, single-level"), "darts_space_cifar10_accuracy_percent", 97.58),
        ("eth_thesis", 4.3, ("genotype", "DARTS-noDil"), "params_million_mean", 3.73),
        ("eth_thesis", "A.3", ("genotype", "PDARTS-2g"), "val_accuracy_percent", 97.09),
        ("darts_gal", 8, ("method", "VGG16"), "params_million", 134.67),
    ],
)
def test_known_values(paper, table, where, column, value):
    rows = tables.reported(paper, table)
    assert rows.loc[rows[where[0]] == where[1], column].tolist() == [value]


def test_a_printed_none_is_a_word_and_an_empty_cell_is_missing():
    cells = tables.reported("darts_gal", 3)
    assert cells["reserved_intermediate_nodes"][0] == "None"
    assert np.isnan(tables.reported("eoinas", 1)["gpus"][0])


def test_settings_say_where_they_are_stated_or_that_they_are_not():
    stated = tables.settings("eoinas").set_index(["phase", "dataset", "setting"])
    assert stated.loc[("search", "CIFAR-10", "warm_up_epochs"), "value"] == "20 (network parameters only)"
    missing = tables.settings("dso_nas").query("location == 'not stated'")
    assert len(missing) == 14
    assert missing["value"].isna().all()


def test_what_is_not_there_is_an_error_that_lists_what_is():
    with pytest.raises(ConfigError, match=r"unknown paper 'darts_gl'.*'darts_gal'"):
        tables.reported("darts_gl", 1)
    with pytest.raises(ConfigError, match=r"unknown table of eth_thesis '5'.*4\.1, 4\.2"):
        tables.reported("eth_thesis", 5)
    for unknown in (tables.settings, tables.figures):
        with pytest.raises(ConfigError, match="unknown paper"):
            unknown("x")


def test_mean_and_sample_deviation():
    assert tables.mean_std([97.19, 97.24, 97.29]) == "97.24 ± 0.05 (3)"
    assert tables.mean_std([1.0, 2.0], digits=1) == "1.5 ± 0.7 (2)"
    assert tables.mean_std([97.241]) == "97.24 (1)"
    with pytest.raises(ConfigError, match="no values"):
        tables.mean_std([])


def test_numbers_of_several_kinds_stand_side_by_side_and_never_mix():
    wide = tables.side_by_side(
        tables.numbers("reported", "accuracy_percent", {"DARTS": 97.24, "LeNet": 91.3}),
        tables.numbers("measured", "accuracy_percent", {"DARTS": [90.0, 92.0], "random": [89.5]}),
        tables.numbers("computed", "params_million", {"DARTS": 3.349}, digits=3),
    )
    columns = ["name", "accuracy_percent, reported", "accuracy_percent, measured", "params_million, computed"]
    assert list(wide.columns) == columns
    assert wide.to_numpy().tolist() == [
        ["DARTS", "97.24", "91.00 ± 1.41 (2)", "3.349"],
        ["LeNet", "91.30", "", ""],
        ["random", "", "89.50 (1)", ""],
    ]
    with pytest.raises(ConfigError, match="'guessed'"):
        tables.numbers("guessed", "x", {})


def test_saved_tables_are_reproducible_and_say_where_they_come_from(tmp_path):
    table = pd.DataFrame({"name": ["a|b", "c_d & e"], "accuracy_percent": [1 / 3, np.nan], "shown": ["1.0 ± 0.1", ""]})
    run = SimpleNamespace(name="darts-demo-s0-0123456789")
    first, second = [tables.save(table, "t/one", runs=[run], folder=tmp_path / turn) for turn in "ab"]
    assert set(first) == {"csv", "md", "tex"}
    assert all(path.read_bytes() == second[suffix].read_bytes() for suffix, path in first.items())
    assert pd.read_csv(first["csv"])["accuracy_percent"].tolist()[0] == 1 / 3
    lines = first["md"].read_text().splitlines()
    assert lines[:3] == [
        "| name | accuracy_percent | shown |",
        "|---|---:|---|",
        "| a\\|b | 0.333333 | 1.0 ± 0.1 |",
    ]
    assert lines[-1].startswith("Run records: darts-demo-s0-0123456789; nascore ")
    latex = first["tex"].read_text()
    assert "% nascore:runs=darts-demo-s0-0123456789\n" in latex
    assert "c\\_d \\& e &  &  \\\\\n" in latex
    assert "$\\pm$" in latex


def test_a_table_stays_in_its_folder(tmp_path):
    with pytest.raises(ConfigError, match="inside its folder"):
        tables.save(pd.DataFrame(), "../x", folder=tmp_path / "in")
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NascoreError, match=r"cannot write .*taken"):
        tables.save(pd.DataFrame(), "x", folder=tmp_path / "taken")


def test_nothing_but_figures_imports_matplotlib():
    code = "import sys, nascore.evidence.tables; sys.exit('matplotlib' in sys.modules or 'seaborn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=paths.root(), timeout=60).returncode == 0


def group(*accuracies):
    metrics = [{"test_accuracy": value, "parameters": 1500, "macs": 2_250_000} for value in accuracies]
    return [
        SimpleNamespace(name=f"r{seed}", profile="demo", seed=seed, seconds=10.0 + seed, metrics=each)
        for seed, each in enumerate(metrics)
    ]


def test_trainings_side_by_side():
    table = tables.trained({"A": group(90.0, 92.0), "B": group(80.0)})
    assert table.to_dict("records")[0] == {
        "name": "A",
        "test accuracy (%), measured": "91.00 ± 1.41 (2)",
        "training time (s), measured": "10 ± 1 (2)",
        "parameters (thousand), computed": "1.5",
        "multiply-adds (million), computed": "2.25",
    }
    assert table.iloc[1, 1] == "80.00 (1)"
    assert tables.points({"A": group(90.0), "B": group(80.0)}).test_accuracy.tolist() == [90.0, 80.0]


def test_a_verdict_is_that_of_the_one_rule():
    better, worse, level = group(93.0, 93.2, 93.4), group(90.1, 90.2, 90.3), group(92.0, 93.0, 94.0)
    groups = {"better": better, "worse": worse, "level": level, "alone": group(90.0)}
    # pairs differ by 2.9, 3.0 and 3.1: a standard error of 0.1 / sqrt(3), times 4.303
    said = "better beats worse: +3.00 points [+2.75, +3.25], p = 0.00037, n = 3 and 3"
    assert tables.verdict(groups, "better", "worse") == said
    assert tables.verdict(groups, "worse", "better").startswith("worse loses to better: -3.00 points")
    assert tables.verdict(groups, "better", "level").startswith("better cannot be told from level: +0.20 points")
    assert "would have shown a difference of" in tables.verdict(groups, "better", "level")
    with pytest.raises(ConfigError, match="two seeds"):
        tables.verdict(groups, "better", "alone")


def test_records_of_the_same_seeds_are_pairs():
    def seeded(*pairs):
        return [SimpleNamespace(name="r", seed=seed, metrics={"test_accuracy": value}) for seed, value in pairs]

    ours, theirs = seeded((0, 90.0), (1, 95.1), (2, 92.0)), seeded((2, 91.0), (0, 89.2), (1, 94.0))
    groups = {"ours": ours, "theirs": theirs, "more": seeded((0, 89.2), (1, 94.0), (2, 91.0), (3, 90.0))}
    found = tables.compared(groups, "ours", "theirs")
    assert found.test == "paired t" and found.verdict == "holds" and found.difference == pytest.approx(2.9 / 3)
    assert tables.compared(groups, "ours", "more").test == "Welch's t"
    assert tables.compared(groups | {"again": theirs + theirs}, "again", "again").test == "Welch's t"
