"""Runs side by side."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import nascore
from nascore.base.errors import ConfigError, RunError
from nascore.records import journal
from nascore.relaxations import Softmax
from nascore.runs import many

QUICK = {"epochs": 1, "network": "lenet", "train_images": 40, "test_images": 20, "device": "cpu", "progress": False}


def test_runs_side_by_side_are_those_one_by_one(tmp_path, capsys):
    alone = [nascore.run("retraining", "smoke", seed=seed, root=tmp_path / "alone", **QUICK) for seed in (0, 1)]
    capsys.readouterr()
    runs = nascore.run_many(["retraining"], "smoke", seeds=(0, 1), workers=2, root=tmp_path / "both", **QUICK)
    assert [run.name for run in runs] == [run.name for run in alone]
    assert [run.metrics for run in runs] == [run.metrics for run in alone]
    assert capsys.readouterr().out.count("loaded") == 2  # computed elsewhere
    again = nascore.run_many(["retraining"], "smoke", seeds=(0, 1), workers=2, root=tmp_path / "both", **QUICK)
    assert [run.path for run in again] == [run.path for run in runs]


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
    changes = QUICK | {"root": tmp_path, "gradient_clip": 1e20}
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
    assert not [path for path in tmp_path.glob("runs/*/result.json")]
