"""Runs side by side."""

import configparser
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import nascore
from nascore.base import paths
from nascore.base.errors import ConfigError, RunError
from nascore.records import journal
from nascore.records.record import Run
from nascore.relaxations import Softmax
from nascore.runs import keep, many

QUICK = {"epochs": 1, "network": "lenet", "train_images": 40, "test_images": 20, "device": "cpu", "progress": False}


def test_runs_side_by_side_are_those_one_by_one(tmp_path, capsys):
    alone = [nascore.run("retraining", "smoke", seed=seed, root=tmp_path / "alone", **QUICK) for seed in (0, 1)]
    capsys.readouterr()
    runs = nascore.run_many(["retraining"], "smoke", seeds=(0, 1), workers=2, root=tmp_path / "both", **QUICK)
    assert [run.name for run in runs] == [run.name for run in alone]
    assert [run.metrics for run in runs] == [run.metrics for run in alone]
    assert re.fullmatch(r"2 runs: all computed in \d+ s\n", capsys.readouterr().out)
    again = nascore.run_many(["retraining"], "smoke", seeds=(0, 1), workers=2, root=tmp_path / "both", **QUICK)
    assert [run.path for run in again] == [run.path for run in runs]
    assert re.fullmatch(r"2 runs: all from earlier runs of 20\d\d-\d\d-\d\d\n", capsys.readouterr().out)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_labelled_comes_back_under_its_labels(workers, tmp_path, monkeypatch):
    monkeypatch.setenv(journal.VARIABLE, str(tmp_path / "journal"))
    one = {"recipe": "retraining", "seed": 3}
    asked = {"two seeds": "retraining", ("one", 0.5): one, "several": [one, "retraining"], "none": []}
    found = nascore.run_many(asked, "smoke", seeds=(0, 1), workers=workers, root=tmp_path, **QUICK)
    seeds = {"two seeds": [0, 1], ("one", 0.5): [3], "several": [3, 0, 1], "none": []}
    assert {label: [run.seed for run in group] for label, group in found.items()} == seeds
    calls = journal.read(tmp_path / "journal")
    assert [call.name for call in calls] == [run.name for group in found.values() for run in group]
    assert [call.source for call in calls] == ["computed"] * 3 + ["loaded"] * 3  # as one by one


def test_a_line_says_where_all_runs_come_from(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    for run in nascore.run_many(["retraining"], "smoke", seeds=(0, 1), root=tmp_path / "first", **QUICK):
        keep(run)
    said = _said(capsys, seeds=(0, 1, 2), root=tmp_path / "second")
    assert re.fullmatch(r"3 runs: 2 from committed records of 20[-\d]{8}, 1 computed in \d+ s\n", said)
    said = _said(capsys, seeds=(0, 1, 2), root=tmp_path / "second")
    assert re.fullmatch(r"3 runs: 2 from committed records of 20[-\d]{8}, 1 from earlier runs of 20[-\d]{8}\n", said)


def test_details_are_for_one_run_and_for_whoever_asks(tmp_path, capsys):
    assert "finished" in _said(capsys, seeds=(0,), root=tmp_path)
    assert (
        _said(capsys, seeds=(0, 1), root=tmp_path, verbose=True).count("retraining-smoke") == 3
    )  # computing, finished
    assert _said(capsys, seeds=(0, 1, 2, 3), root=tmp_path, verbose=True, workers=2).count("loaded ") == 4


def test_remarks_are_counted(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Run, "remarks", ["as it happens"])
    assert _said(capsys, seeds=(0, 1), root=tmp_path).endswith("; 2 with remarks\n")


def test_checked_cells_may_print_it(tmp_path, capsys):
    config = configparser.RawConfigParser()
    config.read(paths.root() / "tests" / "nbval.cfg")
    said = [_said(capsys, seeds=(0, 1), root=tmp_path) for _ in range(2)]
    assert said[0] != said[1]
    for section in config.sections():
        said = [re.sub(config[section]["regex"], config[section]["replace"], each) for each in said]
    assert said[0] == said[1]


def _said(capsys, **changes):
    capsys.readouterr()
    nascore.run_many(["retraining"], "smoke", **QUICK, **changes)
    return capsys.readouterr().out


@pytest.mark.parametrize("call", ["run_many(['darts'], seeds=[0, 1], workers=1,", "run('darts',"])
def test_a_notebook_shows_an_interruption_in_one_line_and_stops(call, tmp_path):
    cells = [
        "from nascore.search.loop import Search\nimport nascore\ndef interrupted(self): raise KeyboardInterrupt",
        "Search.run_epoch = interrupted",
        f"nascore.{call} profile='smoke', root={str(tmp_path)!r})",
        "print('not reached')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, kernel_name="python3").execute()
    error = notebook.cells[2].outputs[-1]
    assert (error.ename, error.traceback) == ("KeyboardInterrupt", ["interrupted: run the cell again to go on"])
    assert not notebook.cells[3].outputs


def test_what_differs_in_more_than_the_seed_is_a_mapping(tmp_path, monkeypatch):
    monkeypatch.setenv(journal.VARIABLE, str(tmp_path / "journal"))
    asked = [{"recipe": "retraining", "seed": 3, "dropout": 0.1}, {"recipe": "retraining", "epochs": 2}]
    runs = nascore.run_many(asked, "smoke", seeds=(0, 1), workers=1, root=tmp_path, **QUICK)
    assert [(run.seed, run.settings["epochs"], run.settings["dropout"]) for run in runs] == [
        (3, 1, 0.1),
        (0, 2, 0.0),
        (1, 2, 0.0),
    ]
    assert [call.name for call in journal.read(tmp_path / "journal")] == [run.name for run in runs]


def test_the_first_error_names_its_run_and_the_others_stay(tmp_path):
    asked = [{"recipe": "retraining", "seed": 0}, {"recipe": "retraining", "seed": 1, "learning_rate": 1e20}]
    changes = QUICK | {"root": tmp_path, "gradient_clip": 1e20, "precision": "float32"}  # the other holds more
    with pytest.raises(RunError, match=r"retraining, seed 1: .*train_loss is (nan|inf)"):
        nascore.run_many(asked, "smoke", workers=1, **changes)
    with pytest.raises(RunError, match=r"retraining, seed 1: .*train_loss is (nan|inf)"):
        nascore.run_many(asked, "smoke", workers=2, **changes)
    assert len(nascore.all_runs(tmp_path)) == 1


def test_what_only_this_process_knows_is_computed_here(tmp_path, monkeypatch):
    class Own(Softmax):
        pass

    Own.__module__ = "__main__"
    monkeypatch.setattr(many, "_compute", None)
    changes = {"epochs": 1, "train_images": 40, "device": "cpu", "progress": False, "relaxation": Own()}
    runs = nascore.run_many(["darts"], "smoke", seeds=(0, 1), workers=2, root=tmp_path, **changes)
    assert [run.seed for run in runs] == [0, 1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workers": 0}, "run_many: workers must be at least 1 and at most 1024, not 0"),
        ({"workers": "2"}, r"workers must be int \| None, not '2' \(str\); allowed: at least 1"),
        ({"recipes": [{"seed": 1}]}, "mappings that have a 'recipe'"),
        ({"recipes": {"recipe": "retraining", "seed": 1}}, "mappings that have a 'recipe', not 1"),
        ({"recipes": [{"recipe": 7}]}, r"mappings that have a 'recipe', not \{'recipe': 7\}"),
        ({"recipes": ["dart"]}, "did you mean 'darts'"),
        ({"seeds": [-1]}, "retraining, seed -1: run: seed must be at least 0 and at most"),
    ],
)
def test_wrong_arguments_are_named(changes, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        nascore.run_many(**({"recipes": ["retraining"], "profile": "smoke", "root": tmp_path} | QUICK | changes))


def test_an_interruption_leaves_all_to_be_gone_on_with(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import nascore

        if __name__ == "__main__":
            print("begun", flush=True)
            nascore.run_many(["darts"], "smoke", seeds=(0, 1), workers=2, root={str(tmp_path / "runs")!r}, epochs=300)
        """)
    )
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.time() + 120
        while len(list(tmp_path.glob("runs/*/checkpoint-*.pt"))) < 2 and time.time() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert "KeyboardInterrupt" in said and len(list(tmp_path.glob("runs/*/checkpoint-*.pt"))) >= 2
    assert not list(tmp_path.glob("runs/*/result.json"))
