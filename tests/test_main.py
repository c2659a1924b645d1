"""The command line, in this process; `test_distributed` starts it with several."""

import signal
import subprocess
import sys
import time

import pytest

import nascore
from nascore.__main__ import main
from nascore.networks import PUBLISHED, BenchmarkCell

FEW = ["--profile", "smoke", "--device", "cpu", "--set", "epochs=1", "train_images=40", "test_images=20"]


def test_a_run_and_its_metrics(tmp_path, capsys):
    command = ["retraining", *FEW, "network=lenet", "--seed", "3", "--root", str(tmp_path)]
    assert main(command) == 0
    said = capsys.readouterr().out
    (folder,) = tmp_path.iterdir()
    run = nascore.load_run(folder)
    assert run.seed == 3 and run.settings["network"] == "lenet" and run.settings["train_images"] == 40
    assert f"{run.metrics['test_accuracy']:.6g}" in said and "computing" in said
    assert main(command) == 0 and "loaded" in capsys.readouterr().out


def test_an_answer_as_json(tmp_path):
    stages = '[{"type": "Stage", "cells": 3, "operations": 8}, {"type": "Stage", "cells": 4, "operations": 2}]'
    given = [*FEW, "space__cells=3", f"stages={stages}", 'derivation={"type": "StrongestGroups", "skip_limit": 1}']
    assert main(["pdarts", *given, "optimization__warm_up=0", "--root", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    settings = nascore.load_run(folder).settings
    assert [stage["cells"] for stage in settings["stages"]] == [3, 4] and settings["derivation"]["skip_limit"] == 1


def test_a_run_that_goes_on_from_another(tmp_path):
    assert main(["gal-training-mnist", *FEW, "--root", str(tmp_path / "before")]) == 0
    (before,) = (tmp_path / "before").iterdir()
    assert main(["gal-pruning-mnist", *FEW, "--after", str(before), "--root", str(tmp_path / "after")]) == 0
    (after,) = (tmp_path / "after").iterdir()
    assert nascore.load_run(after).config["after"]["run"] == before.name


@pytest.mark.parametrize("kind", ["published", "file", "benchmark"])
def test_a_genotype_by_name_or_from_a_file(kind, tmp_path):
    genotype = BenchmarkCell(("skip_connect",) * 6) if kind == "benchmark" else PUBLISHED["DARTS_V2"]
    genotype.save(tmp_path / "found.json")
    given = "DARTS_V2" if kind == "published" else str(tmp_path / "found.json")
    more = ["cells=1", "reductions=null", "auxiliary_weight=0", "drop_path=0"] if kind == "benchmark" else []
    assert main(["retraining", *FEW, *more, "--genotype", given, "--root", str(tmp_path / "runs")]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert nascore.load_run(folder).genotype == genotype


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "name a recipe"),
        (["dart"], "did you mean 'darts'"),
        (["darts", "--set", "epochs"], "--set takes NAME=VALUE, not 'epochs'"),
        (["darts", "--set", "epochs=many"], "epochs must be int, not 'many'"),
        (["retraining", "--genotype", "DARTS_V9"], "unknown genotype 'DARTS_V9': did you mean 'DARTS_V2', "),
        (["retraining", "--genotype", "gone.json"], "gone.json: "),
        (["--wait", "nan", "darts"], "wait must be finite in float32 and at least 0 (seconds), not nan"),
        (["darts", "--wait", "-1"], "wait must be at least 0 (seconds), not -1"),
        (["darts", "--wait", "long"], "invalid float value: 'long'"),
        (["darts", "--seed", "1e3"], "invalid int value: '1e3'"),
        (["darts", "--seed", "-1"], "seed must be at least 0 and at most 18446744073709551615"),
        (["darts", "--profile", "large"], "invalid choice: 'large'"),
        (["darts", "--no-such"], "unrecognized arguments: --no-such; --help"),
        (["darts", "--device", "meta", *FEW[4:]], "unknown device 'meta': there are auto, cpu"),
        (["darts", "--after", ""], "--after is empty"),
        (["darts", "--genotype", ""], "--genotype is empty"),
        (["darts", "--root", ""], "--root is empty"),
        (["darts", "--set", "epochs=1", "--set", "epochs=2"], "epochs is given twice: 1 and 2"),
        (["retraining", "--genotype", "PDARTS", "--set", "genotype=DARTS_V2"], "genotype is given twice"),
        (["darts", "--set", "seed=1"], "--set takes settings, and seed is none"),
        (["darts", "--set", "recipe=1"], "--set takes settings, and recipe is none"),
        (["darts", "--set", "=1"], "--set takes NAME=VALUE, not '=1'"),
        (["darts", "--set", "space=" + 100_000 * "[" + 100_000 * "]"], "space: it is nested deeper than 64 levels"),
        (["darts", "--set", "space=" + 900 * "[" + 900 * "]"], "space: it is nested deeper than 64 levels"),
        (["darts", "--set", "epochs=" + 5000 * "9"], "--set epochs: not JSON"),
        (["darts", "--set", "learning_rate=NaN"], "learning_rate: not JSON: NaN is no number"),
        (["darts", "--set", 'space={"type": "CellSpace", "cells": 2, "cells": 3}'], "names 'cells' twice"),
        (["darts", "--set", 'pruning={"type": "Settings"}'], "pruning must be Pruning"),
        (["darts", "--set", 'pruning={"type": "DataSettings"}'], "--set pruning: DataSettings"),
        (
            ["darts", "--set", 'relaxation={"type": "Relaxation"}'],
            "Relaxation is no answer: it does not say its strengths",
        ),
        (["darts", "--set", 'space={"type": "Space", "operations": ["none"]}'], "Space is no answer"),
        (["darts", "--set", 'optimization={"type": "Optimization"}'], "Optimization is no answer"),
        (["darts", "--set", 'derivation={"type": "Derivation"}'], "Derivation is no answer"),
        ([":RECIPE"], "a recipe in a module is written my_module:RECIPE, not :RECIPE"),
        (["../module:RECIPE"], "a recipe in a module is written my_module:RECIPE"),
        (["there_is_none:RECIPE"], "there_is_none:RECIPE: No module named 'there_is_none'; run where there_is_none.py"),
        (["nascore.recipes.darts:SEARC"], "unknown recipe in nascore.recipes.darts 'SEARC': did you mean 'SEARCH'"),
    ],
)
def test_errors_are_one_line_and_status_2(given, said, capsys):
    assert main(given) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("nascore: ") and error.count("\n") == 1


def test_a_file_that_is_no_genotype_is_named(tmp_path, capsys):
    (tmp_path / "wrong.json").write_text("[1]")
    assert main(["retraining", "--genotype", str(tmp_path / "wrong.json")]) == 2
    assert "wrong.json: a genotype has the keys" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "deep", "bytes", "nan", "large"])
def test_files_that_no_genotype_is_in_are_told(kind, tmp_path, capsys):
    path = tmp_path / "wrong.json"
    if kind == "folder":
        path.mkdir()
    else:
        deep = 100_000 * b"[" + 100_000 * b"]"
        path.write_bytes({"deep": deep, "bytes": b'{"a": "\xff"}', "nan": b"NaN", "large": 17 * 2**20 * b" "}[kind])
    assert main(["retraining", "--genotype", str(path)]) == 2
    error = capsys.readouterr().err
    said = {"folder": "it is no file", "deep": "nested deeper", "bytes": "not UTF-8", "nan": "NaN", "large": "17 MiB"}
    assert "wrong.json: " in error and said[kind] in error and error.count("\n") == 1


def test_settings_of_several_options_add_up(tmp_path):
    command = ["retraining", *FEW, "--set", "network=lenet", "--set", "epochs=1", "--root", str(tmp_path)]
    assert main(command) == 0
    (folder,) = tmp_path.iterdir()
    settings = nascore.load_run(folder).settings
    assert settings["network"] == "lenet" and settings["train_images"] == 40


def test_the_list_names_every_recipe(capsys):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    table = nascore.recipes.table()
    assert named == table.name.tolist() and {*named} == {*nascore.recipes.RECIPES}
    assert [line for line in lines if not line.startswith("  ")] == table.paper.unique().tolist()


def test_a_recipe_of_a_module_in_the_current_folder(tmp_path, monkeypatch, capsys):
    text = (
        "from nascore.recipes import Recipe, darts\nMINE = Recipe('mine', 'none', 'mine', darts.SEARCH.at('smoke'))\n"
    )
    (tmp_path / "module_of_mine.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(tmp_path))])
    command = ["module_of_mine:MINE", "--device", "cpu", "--root", str(tmp_path / "runs")]
    assert main([*command, "--profile", "paper", "--set", "epochs=1", "train_images=40"]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert nascore.load_run(folder).recipe == "mine"
    assert main(command) == 2 and "recipe 'mine' has no profile 'demo': it has paper" in capsys.readouterr().err


def test_a_run_is_recomputed(tmp_path, capsys):
    command = ["retraining", *FEW, "network=lenet", "--root", str(tmp_path)]
    assert main(command) == 0 and main([*command, "--recompute"]) == 0
    assert capsys.readouterr().out.count("computing") == 2 and len(list(tmp_path.glob("*.replaced"))) == 1


def test_an_interruption_is_one_line_and_status_130(tmp_path, monkeypatch, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(nascore.training.Training, "run_epoch", interrupted)
    assert main(["retraining", *FEW, "network=lenet", "--root", str(tmp_path)]) == 130
    said = capsys.readouterr().err
    assert said == "nascore: interrupted; checkpoints are kept, and the same command goes on from the last one\n"


def test_ctrl_c_in_a_process_of_its_own(tmp_path):
    settings = ["--set", "network=lenet", "epochs=100000", "train_images=40", "test_images=20"]
    command = ["retraining", "--profile", "smoke", "--device", "cpu", *settings, "--root", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", "nascore", *command], **pipes) as process:
        while not list(tmp_path.glob("*/checkpoint-*.pt")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in error
    assert error.splitlines()[-1].startswith("nascore: interrupted; checkpoints are kept")
    assert list(tmp_path.glob("*/checkpoint-*.pt"))


def test_a_papers_figure_by_its_number(tmp_path, capsys):
    assert main(["figure", "sparse_darts", "5", "--root", str(tmp_path)]) == 0
    assert "figures/demo/sparse_entmax.png" in capsys.readouterr().out
    for wrong, said in (("50", "unknown figure of sparse_darts '50'"), ("3", "describes it nowhere")):
        assert main(["figure", "sparse_darts", wrong]) == 2
        assert said in capsys.readouterr().err
    assert main(["figure", "sparse_darts"]) == 2
    assert "--help lists all options" in capsys.readouterr().err
