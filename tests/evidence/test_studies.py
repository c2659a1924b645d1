"""Studies: tidy, told apart, written where it is said, and read back as they were."""

import math

import pandas as pd
import pytest

import nascore
from nascore.base import paths
from nascore.base.errors import ConfigError, DataError
from nascore.evidence import measures
from nascore.evidence.studies import FACTS, KEYS, load_studies, study


def frame(**more):
    rows = {"method": ["a", "a", "b"], "seed": [0, 1, 0], "run": ["", "", ""], "accuracy": [90.0, 92.0, 95.5]}
    return pd.DataFrame(rows | more)


@pytest.fixture(scope="module")
def runs():
    return [nascore.load_run(min(paths.committed_runs().glob(f"retraining-demo-s{seed}-*"))) for seed in (0, 1)]


def test_it_is_written_where_the_environment_says_and_read_back(tmp_path, monkeypatch):
    study("not_kept", frame())
    monkeypatch.setenv("NASCORE_STUDIES", str(tmp_path / "studies"))
    made = study("one_two", frame(dataset="digits", train_images=1000))
    (path,) = (tmp_path / "studies").iterdir()
    assert path.name == "one_two.csv"
    read = load_studies(tmp_path / "studies")["one_two"]
    assert list(read.frame) == [*KEYS, *FACTS, "accuracy"] and read.methods == ["a", "b"]
    assert read.values("a", "accuracy").to_dict() == made.values("a", "accuracy").to_dict() == {0: 90.0, 1: 92.0}
    assert read.where() == "digits (1000 training images)" and read.columns == ["accuracy"]
    before = path.read_bytes()
    study("one_two", frame(dataset="digits", train_images=1000))
    assert path.read_bytes() == before


def test_what_it_was_measured_on_is_in_the_records(runs):
    table = measures.trainings({"DARTS": runs})
    for made in (study("x", table, runs), study("x", table)):
        first, settings = made.frame.iloc[0], runs[0].settings
        assert [first[fact] for fact in FACTS[:2]] == ["demo", settings["dataset"]]
        assert first["train_images"] == settings["train_images"]
        assert made.where().startswith(f"demo, digits ({settings['train_images']} training images)")
    assert study("x", table.assign(run="no-such-run")).where() == ""


def test_rows_of_one_seed_count_once_and_missing_numbers_not_at_all():
    made = study("x", frame(seed=[0, 0, 0], accuracy=[90.0, 92.0, math.nan]))
    assert made.values("a", "accuracy").to_dict() == {0: 91.0}
    assert made.values("b", "accuracy").empty
    for method, column, message in (("c", "accuracy", "method of study x 'c'"), ("a", "loss", "column of study x")):
        with pytest.raises(ConfigError, match=message):
            made.values(method, column)


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("a/b", frame(), "lowercase words"),
        ("Upper", frame(), "lowercase words"),
        ("x", frame().drop(columns="run"), "columns run are missing"),
        ("x", frame().drop(columns="accuracy"), "no column of numbers"),
        ("x", frame()[:0], "there must be some"),
        ("x", frame(seed=[0.5, 1, 2]), "a whole number as its seed"),
        ("x", frame(method=["a", None, "b"]), "each row needs a method"),
    ],
)
def test_a_table_that_is_no_study_is_told(name, table, message):
    with pytest.raises(ConfigError, match=message):
        study(name, table)


@pytest.mark.parametrize("content", [b"", b"method,seed\na,0\n", b"\xff\xfe", b"method,seed,run\na,x,\n"])
def test_a_file_that_is_no_study_is_named(tmp_path, content):
    (tmp_path / "broken.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.csv is no study"):
        load_studies(tmp_path)


@pytest.mark.parametrize("name", sorted(load_studies()))
def test_committed_studies_show_records_that_are_there(name):
    found = load_studies()[name]
    records = {path.name for path in paths.committed_runs().iterdir()}
    assert set(found.frame["run"]) - {""} <= records
    assert len(found.frame) == len(found.frame.drop_duplicates(["method", "seed"]))


def test_measures_of_searches_are_those_of_their_records():
    runs = [nascore.load_run(min(paths.committed_runs().glob(f"sparse-darts-demo-s{seed}-*"))) for seed in (0, 1)]
    table = measures.searches({"sparse": runs})
    assert table["run"].tolist() == [run.name for run in runs] and table["seed"].tolist() == [0, 1]
    ends = nascore.findings.strongest({"sparse": runs[:1]})
    assert table["operations_left"][0] == ends["survivors"].mean() and table["most_left"][0] == ends["survivors"].max()
    agreed = measures.agreements({"sparse": runs})["agreement"]
    assert agreed.mean() == pytest.approx(nascore.findings.agreement({"sparse": runs})["sparse"])
    with pytest.raises(ConfigError, match="two searches"):
        measures.agreements({"sparse": runs[:1]})
    with pytest.raises(ConfigError, match="no runs"):
        measures.trainings({})
    with pytest.raises(ConfigError, match="no cell of NAS-Bench-201"):
        measures.benchmarked({"sparse": runs}, Flat())


def test_skips_of_normal_cells_are_counted_by_hand():
    run = nascore.load_run(min(paths.committed_runs().glob("darts-demo-s0-*")))
    kept = [name for name, _, _ in run.genotype.cells()["normal"].edges()]
    (row,) = measures.normal_cells({"darts": [run]}).to_dict("records")
    assert row["skips"] == 100 * kept.count("skip_connect") / len(kept)
    last = run.architecture_weights[lambda table: table.epoch == table.epoch.max()]
    normal = last[last.cell == "normal"]
    for column, name in (("none_weight", "none"), ("skip_weight", "skip_connect")):
        assert row[column] == pytest.approx(normal[normal.operation == name].weight.sum() / 14)
    with pytest.raises(ConfigError, match="has found no genotype of cells"):
        measures.normal_cells({"benchmark": [nascore.load_run(min(paths.committed_runs().glob("darts-201-demo-*")))]})


def test_epochs_to_learn_are_counted_from_the_curve(runs):
    accuracy = runs[0].history["test_accuracy"].tolist()
    for share in (0.5, 0.95, 1.0):
        found = measures.epochs_to_learn(runs[0], share)
        assert accuracy[found - 1] >= share * accuracy[-1] > max(accuracy[: found - 1], default=-1.0)
    assert measures.learned_early(runs[0]) == pytest.approx(100 * sum(accuracy) / len(accuracy) / accuracy[-1])
    search = nascore.load_run(min(paths.committed_runs().glob("darts-demo-s0-*")))
    for measure in (measures.epochs_to_learn, measures.learned_early):
        with pytest.raises(ConfigError, match="was not tested after each epoch"):
            measure(search)


def test_budgets_are_what_the_searches_went_through(tmp_path):
    space = nascore.spaces.CellSpace(nodes=1, cells=1, channels=4, operations=("none", "skip_connect"))
    short = {"space": space, "train_images": 41, "batch_size": 20, "epochs": 2}
    runs = {
        name: [nascore.run(recipe, "smoke", seed=seed, root=tmp_path, **short) for seed in (0, 1)]
        for name, recipe in (("bilevel", "darts"), ("single", "darts-single-level"))
    }
    table = measures.budgets(runs).set_index("method")
    counts = ["images", "alpha_images", "steps", "alpha_steps", "seen"]
    assert table.loc["bilevel", counts].tolist() == [20, 21, 2, 2, 82]
    assert table.loc["single", counts].tolist() == [41, 41, 4, 4, 82]
    assert table["alpha_learning_rate"].tolist() == [
        run[0].settings["optimization"]["learning_rate"] for run in runs.values()
    ]
    with pytest.raises(ConfigError, match="the searches of both were given different budgets"):
        measures.budgets({"both": [group[0] for group in runs.values()]})
    with pytest.raises(ConfigError, match="there are no runs"):
        measures.budgets({"none": []})


def test_a_training_has_no_budget_of_a_search(runs):
    with pytest.raises(ConfigError, match="is no search"):
        measures.budgets({"training": runs})


class Flat:
    def accuracy(self, cell):
        raise AssertionError("not asked")
