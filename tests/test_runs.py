"""Run records: what happens when everything goes well, and when it doesn't."""

import errno
import importlib
import json
import multiprocessing
import os
import pickle
import random
import signal
import sys
import time
from unittest import mock

import numpy as np
import pytest
import torch

import nascore
from nascore import runs
from nascore.base import files, paths
from nascore.base.errors import ConfigError, DamageWarning, RunError
from nascore.gal import Gal
from nascore.networks import PUBLISHED, BenchmarkCell, BlockGenotype
from nascore.recipes import darts
from nascore.records import checkpoints, identity
from nascore.records import record as records
from nascore.search import RandomSearch, Search, Stage, StagedSearch
from nascore.training import Training

SEARCH = {"epochs": 5, "train_images": 120, "space__operations": ("none", "skip_connect", "sep_conv_3x3")}
TRAINING = {"epochs": 5, "genotype": PUBLISHED["DARTS_V2"], "drop_path": 0.3, "auxiliary_weight": 0.4}
DROPOUT = {"epochs": 5, "network": "lenet", "batch_size": 20}
PRUNED = {"epochs": 5, "train_images": 120, "optimization__learning_rate": 0.006}
GRADUAL = {"epochs": 5, "train_images": 120, "optimization__learning_rate": 0.01}
CELL = {"epochs": 5, "genotype": BenchmarkCell(("nor_conv_1x1",) * 6), "cells": 1}
CELL |= {"reductions": None, "auxiliary_weight": 0.0, "drop_path": 0.0}
STAGED = {"epochs": 3, "train_images": 60, "batch_size": 30, "optimization__learning_rate": 0.05}
STAGED |= {"space__operations": ("none", "skip_connect", "sep_conv_3x3"), "space__cells": 3}
STAGED |= {"stages": (Stage(cells=3, operations=3, skip_dropout=0.5), Stage(cells=4, operations=2, skip_dropout=0.5))}
# pruned adversarially half way, the masks' step between two of its interval, with noise
NODES = {"epochs": 5, "step_epochs": 3, "mask_interval": 3, "imitation": 50.0, "sparsity": 3.0, "noise": 0.3}
NODES |= {"gradient_clip": 1e3}
# pruned half way, with a step of the scales owed at each epoch's end
SCALES = {"epochs": 5, "train_images": 150, "optimization__warm_up": 1, "optimization__penalty": 0.08}
SCALES |= {"optimization__learning_rate": 1.0, "optimization__momentum": 0.5, "optimization__ratio": (2, 1)}
SCALES |= {"batch_size": 25, "pruning__every": "epoch"}
# pruned at the end, scales of reductions learning with the others
CODED = {"epochs": 5, "train_images": 120, "optimization__warm_up": 1, "optimization__penalty": 0.05}
CODED |= {"optimization__learning_rate": 1.0, "pruning__every": "end"}
BLOCKS = {"epochs": 5, "genotype": BlockGenotype(("sep_conv_3x3",), 1, (((0, 1), (1, 2)),)), "drop_path": 0.3}
BLOCKS |= {"dropout": 0.3}
CELLS = {"samples": 3, "epochs": 2, "train_images": 120}
CASES = {
    "search": ("darts", SEARCH),
    "pruned": ("sparse-darts", PRUNED),
    "pruned benchmark": ("sparse-darts-bilevel-201", PRUNED | {"optimization__learning_rate": 0.012}),
    "importance": ("eoinas", GRADUAL),
    "importance benchmark": ("eoinas-201", GRADUAL),
    "staged": ("pdarts", STAGED),
    "pairs": ("gdas", {"epochs": 5, "train_images": 120}),
    "training": ("retraining", TRAINING),
    "benchmark": ("retraining", CELL),
    "dropout": ("retraining", DROPOUT),
    "node pruning": ("gal-pruning-mnist", NODES),
    "scales": ("dso-full-4-to-1", SCALES),
    "scales to the end": ("dso-full-as-coded", CODED),
    "blocks": ("dso-retraining", BLOCKS),
    "random search": ("random-search", CELLS),
}
BEFORE = {"node pruning": "gal-training-mnist"}  # what a case goes on from, trained in a folder beside its own


def compute(case, root, seed=0, **overrides):
    recipe, settings = CASES[case]
    here = {"profile": "smoke", "device": "cpu", "progress": False}
    after = nascore.run(BEFORE[case], root=root.with_name(f"{root.name}-before"), **here) if case in BEFORE else None
    return nascore.run(recipe, seed=seed, root=root, after=after, **here, **(settings | overrides))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Each case computed without any interruption."""
    return {case: compute(case, tmp_path_factory.mktemp(case)) for case in CASES}


def same(first, second):
    """Whether two runs left the same bits, timings and dates aside."""
    for run in (first, second):
        assert not list(run.path.glob("checkpoint*")) and not list(run.path.glob("*.damaged"))
    columns = [name for name in first.history if name != "seconds"]
    assert first.history[columns].equals(second.history[columns])
    assert first.metrics == second.metrics and first.genotype == second.genotype
    assert first.candidates == second.candidates
    ours, theirs = first.weights(), second.weights()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    if "architecture.npz" in first.result["files"]:
        assert (first.path / "architecture.npz").read_bytes() == (second.path / "architecture.npz").read_bytes()
    return True


# -- the record ------------------------------------------------------------------------------------------------------


def test_a_run_is_loaded_and_not_computed_again(undisturbed, monkeypatch, capsys):
    found = undisturbed["search"]
    monkeypatch.setattr(Search, "run_epoch", None)
    again = compute("search", found.path.parent)
    assert again.path == found.path and again.history.equals(found.history)
    assert capsys.readouterr().out.startswith("loaded ")
    assert found.name.startswith("darts-smoke-s0-") and (found.recipe, found.profile, found.seed) == (
        "darts",
        "smoke",
        0,
    )


def test_the_record_is_complete(undisturbed):
    search, training = undisturbed["search"], undisturbed["training"]
    assert list(search.history.epoch) == [1, 2, 3, 4, 5]
    assert {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "learning_rate", "seconds"} <= set(
        search.history
    )
    assert search.architecture_weights.epoch.max() == 5 and search.genotype is not None
    assert search.settings["optimization"]["type"] == "Bilevel" and search.settings["epochs"] == 5
    assert {"device", "threads", "torch", "git", "date", "python"} <= set(search.environment)
    assert 0 <= training.metrics["test_accuracy"] <= 100 and training.metrics["parameters"] > 0
    assert training.genotype == PUBLISHED["DARTS_V2"] and search.seconds == pytest.approx(
        search.history.seconds.sum(), abs=1e-2
    )
    with pytest.raises(RunError, match=r"has no architecture\.npz"):
        _ = training.architecture_weights


def test_the_name_follows_everything_that_decides_the_result(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr(runs.one, "_compute", lambda folder, *_: names.append(folder.path.name))
    monkeypatch.setattr(runs.one, "load_run", lambda path: mock.Mock())
    for overrides in ({}, {"seed": 1}, {"learning_rate": 0.5}, {"optimization__betas": (0.9, 0.9)}):
        compute("search", tmp_path, **overrides)
    monkeypatch.setattr(identity, "RECORD_VERSION", 1000)
    compute("search", tmp_path)
    assert len(set(names)) == 5


def test_a_new_setting_leaves_old_records_theirs_and_a_changed_default_is_told(tmp_path):
    finished = compute("dropout", tmp_path)
    config, result = (json.loads((finished.path / name).read_text()) for name in ("config.json", "result.json"))

    def rewrite():
        text = json.dumps(config)
        (finished.path / "config.json").write_text(text)
        result["files"]["config.json"] = records.sha256(text.encode())
        result["digest"] = records.seal(result)
        (finished.path / "result.json").write_text(json.dumps(result))

    del config["settings"]["nesterov"]  # as written before there was one
    rewrite()
    assert compute("dropout", tmp_path).path == finished.path
    config["settings"]["momentum"] = 0.8
    rewrite()
    with pytest.raises(RunError, match="when momentum had another default"):
        compute("dropout", tmp_path)


def test_same_seed_same_bits_other_seed_other_bits(undisturbed, tmp_path):
    for case, found in undisturbed.items():
        assert same(found, compute(case, tmp_path / case))
    assert not compute("search", tmp_path, seed=1).history.equals(undisturbed["search"].history)


def test_the_callers_generator_is_left_alone(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    compute("dropout", tmp_path, epochs=1)
    assert torch.equal(torch.rand(2), expected)


# -- interruptions ---------------------------------------------------------------------------------------------------


def test_a_case_is_pruned_half_way(undisturbed):
    alive = undisturbed["scales"].history.alive
    assert alive[1] > alive[4] > 0
    kept = undisturbed["node pruning"].history.kept
    assert 20 > kept[1] > kept[4] > 0
    assert undisturbed["staged"].history.dropped.tolist() == [0, 0, 10, 0, 0, 0]
    for case in ("pruned", "pruned benchmark", "importance", "importance benchmark"):
        dropped = undisturbed[case].history.dropped
        assert dropped[:2].sum() > 0 and dropped[2:].sum() > 0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("done", [0, 1, 3])
def test_an_interrupted_run_goes_on_to_the_same_bits(case, done, undisturbed, tmp_path, monkeypatch, capsys):
    others = {"retraining": Training, "dso-retraining": Training, "pdarts": StagedSearch, "gal-pruning-mnist": Gal}
    others |= {"random-search": RandomSearch}
    task = others.get(CASES[case][0], Search)
    run_epoch = task.run_epoch

    def interrupted(self):
        if self.epoch == done:
            run_epoch(self)  # half of the next epoch's work is lost
            raise KeyboardInterrupt
        return run_epoch(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(task, "run_epoch", interrupted)
        compute(case, tmp_path)
    capsys.readouterr()
    assert same(compute(case, tmp_path), undisturbed[case])
    assert f"epoch {done + 1} of {len(undisturbed[case].history)}" in capsys.readouterr().out


def _child(case, root, replaces, started):
    """Compute a run in a process of its own, and die at once before a file takes its name for the so-manyeth time."""
    torch.set_num_threads(1)
    replace, left = os.replace, iter(range(replaces))

    def dying(source, target):
        if replaces and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    files.os.replace = dying
    started.set()
    compute(case, root)


@pytest.fixture(scope="module")
def processes():
    """Starts processes that have imported everything already, so that a kill hits the run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nascore", "nascore.recipes", "sklearn.datasets", "torchvision", "test_runs"])
    return context


@pytest.mark.parametrize("case", ["search", "training"])
def test_kill_9_at_random_moments(case, undisturbed, tmp_path, processes):
    draw, killed, tries = random.Random(case), 0, 0
    while not list(tmp_path.glob("*/result.json")):
        # three times while a file is being written, then also at any time, and at last undisturbed
        writing, anytime = (draw.randint(1, 2), 60), (0, draw.uniform(0.0, 0.3))
        replaces, seconds = writing if tries < 3 else (anytime, writing)[tries % 2] if tries < 8 else (0, 60)
        started = processes.Event()
        child = processes.Process(target=_child, args=(case, tmp_path, replaces, started))
        child.start()
        assert started.wait(60)
        child.join(timeout=seconds)
        child.kill()
        child.join()
        tries, killed = tries + 1, killed + (child.exitcode == -signal.SIGKILL)
    assert killed >= 3
    assert same(compute(case, tmp_path), undisturbed[case])


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def unfinished(tmp_path, monkeypatch):
    """A search that stopped after three of five epochs: its folder of runs, and its checkpoints, oldest first."""
    run_epoch = Search.run_epoch
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):

        def stop(self):
            if self.epoch == 3:
                raise KeyboardInterrupt
            return run_epoch(self)

        patched.setattr(Search, "run_epoch", stop)
        compute("search", tmp_path)
    found = sorted(tmp_path.glob("*/checkpoint-*.pt"))
    assert len(found) == 2
    return tmp_path, found


def _truncate(path):
    path.write_bytes(path.read_bytes()[:1000])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [_truncate, _flip, lambda path: path.write_bytes(b"")], ids=["truncated", "tampered", "empty"]
)
@pytest.mark.parametrize("how_many", [1, 2])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(damage, how_many, unfinished, undisturbed, capsys):
    root, found = unfinished
    for path in found[-how_many:]:
        damage(path)
    with pytest.warns(DamageWarning) as seen:
        run = compute("search", root)
    said = [str(warning.message) for warning in seen]
    assert len(said) == how_many and all(
        f"{path.name} is damaged" in text for path, text in zip(found[::-1], said, strict=False)
    )
    assert f"epoch {3 if how_many == 1 else 1} of 5" in capsys.readouterr().out
    assert same(run, undisturbed["search"])


class _Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def test_a_checkpoint_is_never_unpickled(unfinished, undisturbed, tmp_path):
    root, found = unfinished
    bomb = pickle.dumps({"task": _Bomb(tmp_path / "exploded")}, protocol=2)
    torch_bomb = checkpoints._to_bytes({"task": _Bomb(tmp_path / "exploded"), "config": "{}"})
    for old, content in zip(found, (bomb, torch_bomb), strict=True):
        old.unlink()
        (old.parent / f"checkpoint-00004-{records.sha256(content)[:16]}.pt").write_bytes(content)
    with pytest.warns(DamageWarning) as seen:
        run = compute("search", root)
    assert ["is damaged" in str(warning.message) for warning in seen] == [True, True]
    assert same(run, undisturbed["search"]) and not (tmp_path / "exploded").exists()


def test_a_checkpoint_of_another_run_is_not_taken(unfinished, undisturbed):
    root, found = unfinished
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoints.RunFolder, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            compute("search", root, seed=7)
    other = sorted(root.glob("darts-smoke-s7-*/checkpoint-*.pt"))[-1]
    (found[0].parent / other.name).write_bytes(other.read_bytes())
    with pytest.warns(DamageWarning, match="is of another run, 'darts-smoke-s7-.*set aside as .*foreign"):
        run = compute("search", root)
    (aside,) = run.path.glob("*.foreign")
    assert aside.read_bytes() == other.read_bytes()
    aside.unlink()
    assert same(run, undisturbed["search"])


@pytest.mark.parametrize("name", ["result.json", "history.csv", "architecture.npz", "config.json", "weights.pt"])
@pytest.mark.parametrize("damage", ["truncated", "changed", "missing"])
def test_a_damaged_record_is_named(name, damage, undisturbed, tmp_path):
    run = undisturbed["search"]
    copy = tmp_path / run.name
    copy.mkdir()
    for path in run.path.glob("[!.]*"):
        (copy / path.name).write_bytes(path.read_bytes())
    broken = copy / name
    if damage == "missing":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:-20] if damage == "truncated" else b"{}" + broken.read_bytes()[2:])
    said = {"result.json": "unfinished", "weights.pt": "no weights"}.get(name, name) if damage == "missing" else name
    with pytest.raises(RunError, match=said):
        found = nascore.load_run(copy)
        _ = found.history, found.architecture_weights
        found.weights()
        raise AssertionError("nothing was noticed")


def test_a_folder_without_a_record_says_so(tmp_path):
    with pytest.raises(RunError, match="holds no run record"):
        nascore.load_run(tmp_path)


# -- everything else that can go wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 3, 6, 12])
def test_a_full_disk_is_named_and_costs_nothing(at, undisturbed, tmp_path, monkeypatch):
    left, fsync = iter(range(at)), os.fsync

    def full(handle):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patched, pytest.raises(RunError, match="no space is left on the disk"):
        patched.setattr(files.os, "fsync", full)
        compute("search", tmp_path)
    assert not [path for path in tmp_path.glob("*/.*") if path.name not in (".lock", ".owner")]
    assert same(compute("search", tmp_path), undisturbed["search"])


def _hold(folder, seconds, held):
    with checkpoints.locked(folder, 0):
        held.set()
        time.sleep(seconds)


def test_a_second_process_is_told_who_computes_the_run(undisturbed, tmp_path, processes):
    folder = tmp_path / undisturbed["search"].name
    held = processes.Event()
    child = processes.Process(target=_hold, args=(folder, 60, held))
    child.start()
    assert held.wait(30)
    with pytest.raises(RunError, match=f"is being computed by process {child.pid} on"):
        compute("search", tmp_path, wait=0)
    child.kill()
    child.join()
    assert same(compute("search", tmp_path), undisturbed["search"])


def test_a_second_process_waits_and_says_so(undisturbed, tmp_path, processes, capsys):
    held = processes.Event()
    child = processes.Process(target=_hold, args=(tmp_path / undisturbed["search"].name, 0.5, held))
    child.start()
    assert held.wait(30)
    assert same(compute("search", tmp_path), undisturbed["search"])
    assert f"waiting for process {child.pid} on" in capsys.readouterr().out
    child.join()


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    with pytest.raises(RunError, match=r"train_loss is (nan|inf).* in epoch \d.*lower learning_rate"):
        compute("dropout", tmp_path, learning_rate=1e20, gradient_clip=1e20)


SEEDS = "at least 0 and at most 18446744073709551615 (what torch's generators take)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": "demos"}, "unknown profile 'demos': did you mean 'demo'"),
        ({"epoch": 3}, "unknown SearchSettings setting 'epoch': did you mean 'epochs'"),
        ({"space__cell": 3}, "unknown CellSpace setting 'cell': did you mean 'cells'"),
        ({"epochs": "3"}, "epochs must be int, not '3'"),
        ({"augment": "true"}, "augment must be bool, not 'true'"),
        ({"relaxation": "softmax"}, "relaxation must be Relaxation"),
        ({"seed": -1}, f"run: seed must be {SEEDS}, not -1"),
        ({"seed": "0"}, "run: seed must be int, not '0' (str); allowed: at least 0 and at most"),
        ({"seed": True}, "run: seed must be int, not True (bool); allowed: at least 0 and at most"),
        ({"seed": 1.0}, "run: seed must be int, not 1.0 (float); allowed: at least 0 and at most"),
        ({"seed": 2**64}, f"run: seed must be {SEEDS}, not 184"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": 0}, "device must be a name such as 'cpu' or 'cuda:1', not 0"),
        ({"root": 3}, "run: root must be str | Path | None, not 3 (int)"),
        ({"data_root": 3}, "run: data_root must be str | Path | None, not 3 (int)"),
        ({"wait": "long"}, "run: wait must be float, not 'long' (str); allowed: at least 0 (seconds)"),
        ({"wait": -1}, "run: wait must be at least 0 (seconds), not -1"),
        ({"wait": float("nan")}, "at least 0 (seconds), not nan"),
        ({"after": 3}, "run: after must be Run | str | Path | None, not 3 (int)"),
        ({"recipe": None}, "run: recipe must be Recipe | str, not None (NoneType)"),
        ({"recipe": "retraining", "genotype": "darts_v3"}, "unknown genotype 'darts_v3': did you mean 'DARTS_V"),
        ({"dataset": "digit"}, "digit"),
    ],
)
def test_wrong_arguments_are_named_and_leave_nothing(changes, said, tmp_path):
    with pytest.raises(ConfigError) as error:
        nascore.run(**({"recipe": "darts", "profile": "smoke", "root": tmp_path} | changes))
    assert said in str(error.value)
    assert not list(tmp_path.glob("*/*.json"))


def test_an_unknown_recipe_is_told_with_near_ones_and_how_to_see_all():
    with pytest.raises(ConfigError, match=r"did you mean 'darts', .*`python -m nascore --list` lists all"):
        nascore.run("dart")


def quick(root, **changes):
    """A run of one epoch, mostly of a network that is no cell network."""
    settings = {"epochs": 1, "network": "lenet", "train_images": 40, "test_images": 20}
    here = {"root": root, "device": "cpu", "progress": False}
    return nascore.run("retraining", "smoke", **(here | settings | changes))


def test_a_seed_may_be_one_of_numpys_and_any_that_the_generators_take(tmp_path):
    assert quick(tmp_path, seed=np.int64(3)).path == quick(tmp_path, seed=3).path
    largest = quick(tmp_path, seed=2**64 - 1, device=torch.device("cpu"))
    assert nascore.load_run(largest.path).seed == 2**64 - 1
    search = nascore.run("darts", "smoke", seed=2**64 - 1, root=tmp_path, device="cpu", epochs=1, train_images=40)
    assert search.seed == 2**64 - 1


def test_a_genotype_by_name_or_as_a_string(tmp_path):
    cell = BenchmarkCell(("skip_connect",) * 6)
    settings = {"network": "cells", "cells": 1, "reductions": None, "auxiliary_weight": 0.0, "drop_path": 0.0}
    found = quick(tmp_path, genotype=cell.string, **settings)
    assert found.genotype == cell and quick(tmp_path, genotype=cell, **settings).path == found.path
    config = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runs.one, "_compute", lambda folder, *_: config.append(folder.config))
        patched.setattr(runs.one, "load_run", lambda path: mock.Mock())
        quick(tmp_path, network="cells", genotype="DARTS_V2")
    assert config[0]["settings"]["genotype"] == PUBLISHED["DARTS_V2"].to_dict()


def test_a_run_goes_on_from_a_folder(tmp_path):
    before = nascore.run("gal-training-mnist", "smoke", root=tmp_path, device="cpu", progress=False)
    settings = {"profile": "smoke", "root": tmp_path, "device": "cpu", "progress": False}
    after = nascore.run("gal-pruning-mnist", after=str(before.path), **settings)
    assert after.config["after"]["run"] == before.name
    assert nascore.run("gal-pruning-mnist", after=before, **settings).path == after.path
    with pytest.raises(RunError, match="holds no run record"):
        nascore.run("gal-pruning-mnist", after=tmp_path / "nowhere", **settings)


def test_recomputing_sets_a_finished_run_aside(tmp_path, capsys):
    first = quick(tmp_path)
    aside = first.path.with_name(f"{first.name}.replaced")
    (first.path / "mark").write_text("first")
    assert quick(tmp_path, fresh=True).path == first.path and not aside.exists()
    for mark in ("second", "third"):
        capsys.readouterr()
        again = quick(tmp_path, recompute=True)
        assert again.path == first.path and not (again.path / "mark").exists()
        assert capsys.readouterr().out.startswith("computing ")
        (again.path / "mark").write_text(mark)
    older = [aside, aside.with_name(f"{aside.name}-2")]
    assert [(path / "mark").read_text() for path in older] == ["first", "second"]
    assert sorted(tmp_path.iterdir()) == [first.path, *older]
    assert again.metrics == nascore.load_run(aside).metrics
    assert not [path for folder in older for path in folder.iterdir() if path.name.startswith(".")]
    assert list(nascore.all_runs(tmp_path).name) == [first.name]  # what was replaced does not count again


def test_an_interrupted_recomputation_goes_on(tmp_path, monkeypatch, capsys):
    first = quick(tmp_path, epochs=2)
    run_epoch = Training.run_epoch

    def interrupted(self):
        if self.epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Training, "run_epoch", interrupted)
        quick(tmp_path, epochs=2, recompute=True)
    capsys.readouterr()
    again = quick(tmp_path, epochs=2, recompute=True)
    assert "going on with" in capsys.readouterr().out
    assert same(again, nascore.load_run(first.path.with_name(f"{first.name}.replaced")))


def test_recomputing_passes_over_committed_records(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    runs.keep(quick(tmp_path / "first"))
    assert quick(tmp_path / "second").path.parent.name == "committed"
    assert quick(tmp_path / "second", recompute=True).path.parent.name == "second"


def test_a_folder_that_cannot_be_set_aside_is_named(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError("denied")

    found = quick(tmp_path)
    monkeypatch.setattr(runs.one.Path, "rename", denied)
    with pytest.raises(RunError, match=f"cannot be set aside as {found.name}.replaced"):
        quick(tmp_path, recompute=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no GPU"):
        nascore.run("darts", profile="smoke", device="cuda", root=tmp_path / "other")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        compute("search", tmp_path / "file")


# -- committed records -----------------------------------------------------------------------------------------------


def test_committed_records_are_found_unless_a_fresh_run_is_asked_for(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    target = runs.keep(undisturbed["search"])
    assert sorted(path.name for path in target.iterdir()) == [
        "architecture.npz",
        "config.json",
        "history.csv",
        "result.json",
    ]
    found = compute("search", tmp_path / "runs")
    assert found.path == target and found.history.equals(undisturbed["search"].history)
    with pytest.raises(RunError, match="holds no weights"):
        found.weights()
    recipe, settings = CASES["search"]
    fresh = nascore.run(recipe, profile="smoke", root=tmp_path / "runs", fresh=True, device="cpu", **settings)
    assert fresh.path.parent == tmp_path / "runs" and same(fresh, undisturbed["search"])


def test_a_record_that_is_too_large_is_not_committed(undisturbed, monkeypatch):
    monkeypatch.setattr(runs.kept, "MAX_COMMITTED", 100)
    with pytest.raises(RunError, match="a committed one has at most"):
        runs.keep(undisturbed["search"])


def test_every_committed_record_is_sound_and_small():
    folders = [path for path in paths.committed_runs().glob("*") if path.is_dir()]
    assert folders, "the notebooks need their records"
    total = 0
    for folder in folders:
        run = nascore.load_run(folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
        total += size
        staged = run.settings["type"] == "StagedSettings"
        epochs = run.settings["epochs"] * (len(run.settings["stages"]) if staged else 1)
        assert len(run.history) == epochs and size < 200 * 1024
        assert not list(folder.glob("*.pt")) and np.isfinite(list(run.metrics.values())).all()
        assert run.config["record_version"] in (records.UNSEALED, records.RECORD_VERSION)
    assert total < 20 * 1024**2


def test_every_committed_record_is_shown_and_every_shown_one_committed():
    shown = json.loads((paths.root() / "data" / "journal.json").read_text())["demo"]
    folders = {path.name for path in paths.committed_runs().glob("*") if path.is_dir()}
    assert {name for names in shown.values() for name in names} == folders
    assert set(shown) == {path.stem for path in (paths.root() / "notebooks").glob("[0-9]*.ipynb")}


def test_the_recipes_of_darts_carry_the_published_settings():
    search, retraining = darts.SEARCH.at("paper"), darts.RETRAINING.at("paper", genotype=PUBLISHED["DARTS_V2"])
    assert (search.epochs, search.batch_size, search.learning_rate, search.weight_decay) == (50, 64, 0.025, 3e-4)
    assert (search.space.cells, search.space.channels, search.space.nodes) == (8, 16, 4)
    assert (retraining.epochs, retraining.batch_size, retraining.cutout, retraining.drop_path) == (600, 96, 16, 0.2)
    assert (retraining.cells, retraining.channels, retraining.auxiliary_weight) == (20, 36, 0.4)


def test_a_record_is_read_whatever_device_was_asked_for(undisturbed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    recipe, settings = CASES["dropout"]
    root = undisturbed["dropout"].path.parent
    found = nascore.run(recipe, profile="smoke", device="cuda", root=root, **settings)
    assert found.path == undisturbed["dropout"].path


# -- readers' own code -----------------------------------------------------------------------------------------------

OWN = """
from nascore.relaxations import Softmax

class Sharpened(Softmax):
    def strengths(self, alpha, alive, *context):
        return super().strengths(2 * alpha, alive, *context)  # twice as sharp
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a reader's module with a relaxation of theirs, and import it as in a new session."""
    (folder := tmp_path / "own").mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text=OWN):
        (folder / "own_relaxation.py").write_text(text)
        sys.modules.pop("own_relaxation", None)
        importlib.invalidate_caches()
        return importlib.import_module("own_relaxation").Sharpened()

    yield write
    sys.modules.pop("own_relaxation", None)


def search_with(relaxation, root, **changes):
    changes = {"epochs": 2, "train_images": 60} | changes
    return nascore.run("darts", "smoke", relaxation=relaxation, root=root, device="cpu", progress=False, **changes)


def test_an_edited_relaxation_is_another_run_and_a_comment_is_not(own, tmp_path, capsys):
    first = search_with(own(), tmp_path, epochs=1)
    assert first.settings["relaxation"]["type"] == "own_relaxation:Sharpened"
    assert search_with(own(OWN.replace("# twice", "# really twice")), tmp_path, epochs=1).path == first.path
    assert "loaded" in capsys.readouterr().out
    edited = own(OWN.replace("2 * alpha", "30 * alpha"))
    second = search_with(edited, tmp_path, epochs=1, fresh=True)
    assert second.path != first.path and search_with(edited, tmp_path, epochs=1).path == second.path
    weights = [run.architecture_weights.query("epoch == 1").weight.std() for run in (first, second)]
    assert weights[1] > 5 * weights[0]  # what was written is what ran


def test_a_search_with_a_relaxation_of_ones_own_goes_on_to_the_same_bits(own, tmp_path, monkeypatch, capsys):
    whole = search_with(own(), tmp_path / "whole")
    run_epoch = Search.run_epoch

    def interrupted(self):
        if self.epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Search, "run_epoch", interrupted)
        search_with(own(), tmp_path / "parts")
    assert same(search_with(own(), tmp_path / "parts"), whole)  # of a new session, which imports the module anew
    assert "going on with" in capsys.readouterr().out
