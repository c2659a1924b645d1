"""Several processes: what each takes of the data, and real ones that `torchrun` starts on this machine's CPU."""

import json
import os
import subprocess
import sys

import pytest
import torch

import nascore
from nascore import data, networks
from nascore.base import paths, processes
from nascore.base.errors import ConfigError, RunError
from nascore.networks import PUBLISHED
from nascore.recipes import darts
from nascore.records.checkpoints import RunFolder

# -- the data --------------------------------------------------------------------------------------------------------


def parts(kind, size, tmp_path, count=50, least=0):
    """The batches of `count` images that each of `size` processes sees, and those that one process sees."""
    images = data.load("digits", "train", limit=50)
    if kind == "streamed":
        images = streamed(tmp_path)

    def seen(share):
        generator = torch.Generator().manual_seed(7)
        augmented = {"augment": True, "cutout": 2, "shuffle": True, "drop_last": False, "generator": generator}
        workers = {"workers": 0} if kind == "streamed" else {}
        return data.batches(images, 12, indices=range(count), share=share, **augmented, **workers)

    return [seen(data.Share(rank, size, 2)) for rank in range(size)], seen(data.Share(least=least))


def streamed(folder):
    from PIL import Image

    for name in ("cat", "dog"):
        (folder / "train" / name).mkdir(parents=True)
        for number in range(25):
            pixels = torch.randint(255, (12, 12, 3), dtype=torch.uint8).numpy()
            Image.fromarray(pixels).save(folder / "train" / name / f"{number}.png")
    (folder / "val").mkdir()
    return data.load(f"folder:{folder}", "train", image_size=8, resident_limit=0)


@pytest.mark.parametrize("kind", ["resident", "streamed"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_processes_share_out_the_batches_that_one_process_sees(kind, size, tmp_path):
    shares, whole = parts(kind, size, tmp_path)
    expected, sizes = list(whole), shares[0].whole()
    found = [list(share) for share in shares]
    # 50 images in batches of 12: the last has two, which are not two for each of several processes
    assert sizes == ([12, 12, 12, 12, 2] if size == 1 else [12, 12, 12, 14])
    assert all(share.whole() == sizes for share in shares) and {len(batches) for batches in found} == {len(sizes)}
    whole_images, whole_labels = (torch.cat(parts).split(sizes) for parts in zip(*expected, strict=True))
    for at, (count, images, labels) in enumerate(zip(sizes, whole_images, whole_labels, strict=True)):
        assert sum(len(batches[at][1]) for batches in found) == count
        for rank, batches in enumerate(found):
            assert torch.equal(batches[at][0], images[rank::size]) and torch.equal(batches[at][1], labels[rank::size])


@pytest.mark.parametrize("kind", ["resident", "streamed"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_last_single_image_joins_the_batch_before_however_many_processes(kind, size, tmp_path):
    shares, whole = parts(kind, size, tmp_path, count=49, least=2)
    (images, labels), found = list(whole)[-1], [list(share)[-1] for share in shares]
    assert whole.whole() == shares[-1].whole() == [12, 12, 12, 13] and len(whole) == 4
    # number 0, 1, ... of 13 go round, so that by hand the shares have 13, or 7 and 6, or 5, 4 and 4
    assert [len(part[1]) for part in found] == {1: [13], 2: [7, 6], 3: [5, 4, 4]}[size]
    for rank, (own_images, own_labels) in enumerate(found):
        assert torch.equal(own_images, images[rank::size]) and torch.equal(own_labels, labels[rank::size])


def test_evaluation_leaves_out_what_is_empty_alone():
    images = data.load("digits", "test", limit=10)
    still = {"augment": False, "shuffle": False, "drop_last": False, "generator": None}
    seen = [
        torch.cat([labels for _, labels in data.batches(images, 3, share=data.Share(rank, 4), **still)])
        for rank in range(3)
    ]
    assert sorted(torch.cat(seen).tolist()) == sorted(images.labels.tolist())
    assert list(data.batches(images, 3, share=data.Share(3, 4), **still)) == []


# -- one process pretending ------------------------------------------------------------------------------------------


@pytest.fixture
def second(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)


def test_alone_nothing_is_asked_of_anybody():
    alone = processes.team()
    assert alone == processes.ALONE and alone.leads
    assert alone.agree("x") == "x" and alone.gather(3) == [3] and alone.add(torch.ones(()))[0] == 1
    module = torch.nn.Linear(2, 2)
    assert alone.parallel(module, torch.device("cpu")) is module


def test_who_is_who(second, monkeypatch):
    assert processes.team() == processes.Team(1, 2) and not processes.team().leads
    monkeypatch.delenv("RANK")
    with pytest.raises(ConfigError, match="WORLD_SIZE is set but not RANK: start several processes with torchrun"):
        processes.team()


def test_a_search_runs_in_one_process(second):
    with pytest.raises(ConfigError, match="a search runs in one process"):
        darts.SEARCH.at("smoke").start(torch.device("cpu"), seed=0)


def test_each_process_needs_two_images_of_a_batch(second):
    settings = darts.RETRAINING.at("smoke", network="lenet", batch_size=3)
    with pytest.raises(ConfigError, match="batch_size must be at least 4, two images for each of 2 processes, not 3"):
        settings.start(torch.device("cpu"), seed=0)


def test_another_number_of_processes_does_not_go_on(tmp_path):
    task = darts.RETRAINING.at("smoke", network="lenet").start(torch.device("cpu"), seed=0)
    RunFolder(tmp_path, {}, torch.device("cpu")).save_checkpoint(task, [])
    pair = type("Pair", (processes.Team,), {"agree": lambda self, value: value})(0, 2)
    with pytest.raises(RunError, match="was begun by 1 processes, and these are 2"):
        RunFolder(tmp_path, {}, torch.device("cpu"), pair).restore(task)


# -- three processes -------------------------------------------------------------------------------------------------

# a network without BatchNorm and dropout, in which three processes must do what one does
PLAIN = {"network": "lenet", "epochs": 2, "train_images": 50, "batch_size": 20, "cutout": 2}
CELLS = {"genotype": PUBLISHED["DARTS_V2"], "epochs": 3, "drop_path": 0.3, "auxiliary_weight": 0.4}
CELLS |= {"train_images": 60, "label_smoothing": 0.1}


def plain(classes, in_channels, image_size):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(in_channels * image_size**2, classes))


def run(root, **settings):
    return nascore.run("retraining", profile="smoke", device="cpu", root=root, progress=False, **settings)


def work(folder):
    """What each of the three processes does."""
    from nascore.training import Training

    networks.BASELINES["lenet"] = plain
    run(f"{folder}/plain", **PLAIN)
    run(f"{folder}/undisturbed", **CELLS)
    whole = Training.run_epoch

    def dying(self):
        if self.epoch == 1:
            raise KeyboardInterrupt
        return whole(self)

    Training.run_epoch = dying
    try:
        run(f"{folder}/resumed", **CELLS)
    except KeyboardInterrupt:
        Training.run_epoch = whole
    found = run(f"{folder}/resumed", **CELLS)
    team = processes.team()
    task = darts.RETRAINING.at("smoke", **CELLS).start(torch.device("cpu"), seed=0)
    task.run_epoch()
    state = torch.cat([value.double().flatten() for value in task.weights().values()])
    rows = team.gather([float(state.sum()), float(state.square().sum()), found.metrics["test_accuracy"]])
    draws = team.gather(torch.rand(3, generator=task.draws).tolist())
    with open(f"{folder}/rank{team.rank}.json", "w") as file:
        json.dump({"rows": rows, "draws": draws}, file)


def torchrun(processes, *arguments):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
        *arguments,
    ]
    settings = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    settings |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(paths.root())}
    return subprocess.run(command, env=settings, cwd=paths.root(), capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    done = torchrun(3, __file__, str(folder))  # of two, sums have but one order
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stdout


def record(folder, name):
    (found,) = (path for path in (folder / name).iterdir() if path.is_dir())
    return nascore.load_run(found)


def test_three_processes_end_where_one_does(three, tmp_path, monkeypatch):
    monkeypatch.setitem(networks.BASELINES, "lenet", plain)
    # 50 images in batches of 20: parts of 7 and 6, and in the last batch of 4 and 3
    alone, together = run(tmp_path, **PLAIN), record(three[0], "plain")
    assert together.name == alone.name and together.environment["processes"] == 3
    for name, value in alone.weights().items():
        torch.testing.assert_close(together.weights()[name], value, atol=1e-6, rtol=1e-5)
    for name, value in alone.metrics.items():
        assert together.metrics[name] == pytest.approx(value, rel=1e-5)
    assert any((value != together.weights()[name]).any() for name, value in plain(10, 1, 8).state_dict().items())


def test_three_interrupted_processes_go_on_to_the_same_bits(three):
    undisturbed, resumed = (record(three[0], name) for name in ("undisturbed", "resumed"))
    columns = [name for name in undisturbed.history if name != "seconds"]
    assert undisturbed.history[columns].equals(resumed.history[columns]) and len(resumed.history) == 3
    ours, theirs = undisturbed.weights(), resumed.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert three[1].count("going on with") == 1


def test_the_leader_alone_writes_and_prints_and_all_are_alike(three):
    folder, said = three
    assert said.count("computing") == 3 and said.count("finished") == 3 and "on 3 processes" in said
    ranks = [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(3)]
    assert ranks[0] == ranks[1] == ranks[2] and ranks[0]["rows"][0] == ranks[0]["rows"][1] == ranks[0]["rows"][2]
    assert len({tuple(draws) for draws in ranks[0]["draws"]}) == 3  # but their drop-path is their own


def test_the_command_line_under_torchrun(tmp_path):
    few = ["epochs=1", "train_images=40", "test_images=20"]
    done = torchrun(2, "-m", "nascore", "retraining", "--profile", "smoke", "--genotype", "DARTS_V2",
                    "--root", str(tmp_path), "--set", *few)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("test_accuracy") == 1 and len(list(tmp_path.glob("*/result.json"))) == 1


if __name__ == "__main__":
    work(sys.argv[1])
