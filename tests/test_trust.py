"""A record is what it says: whatever is done to a run's files, it is told, and nothing is taken for what it is not."""

import contextlib
import errno
import io
import json
import os
import pickle
import shutil
import threading
import warnings
import zipfile

import numpy as np
import pytest
import torch

import nascore
from nascore.base import paths
from nascore.base.errors import DamageWarning, RunError
from nascore.records import checkpoints
from nascore.records import record as records
from nascore.training import Training

SETTINGS = {"epochs": 2, "network": "lenet", "train_images": 40, "test_images": 20}


def compute(root, recipe="retraining", **changes):
    settings = SETTINGS if recipe == "retraining" else {}
    here = {"root": root, "device": "cpu", "progress": False}
    return nascore.run(recipe, "smoke", **(here | settings | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return compute(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return compute(tmp_path_factory.mktemp("search"), "darts", epochs=1, train_images=40)


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of a finished run, in a folder for runs of its own."""
    shutil.copytree(finished.path, tmp_path / "runs" / finished.name)
    return tmp_path / "runs" / finished.name


def rewrite(folder, name, change, *, sealed=True):
    """Change a JSON file as somebody would who knows how records vouch for themselves."""
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(text := json.dumps(content))
    if name == records.CONFIG:
        files = {records.CONFIG: records.sha256(text.encode())}
        rewrite(folder, records.RESULT, lambda result: result["files"].update(files), sealed=sealed)
    elif sealed:
        content[records.SEAL] = records.seal(content)
        (folder / name).write_text(json.dumps(content))


def replace(folder, name, content):
    """Replace a file and its recorded hash."""
    (folder / name).write_bytes(content)
    rewrite(folder, records.RESULT, lambda result: result["files"].update({name: records.sha256(content)}))


def interrupted(monkeypatch, root, **changes):
    """Compute the first epoch of two; returns the run's folder."""
    run_epoch = Training.run_epoch

    def stop(self):
        if self.epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(self)

    with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr(Training, "run_epoch", stop)
        compute(root, **changes)
    return next(path for path in root.iterdir() if not records.is_finished(path))


def same(first, second):
    ours, theirs = first.weights(), second.weights()
    return first.metrics == second.metrics and all(torch.equal(ours[name], theirs[name]) for name in ours)


# -- integrity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [records.RESULT, records.CONFIG, records.HISTORY])
def test_no_flipped_bit_passes(name, copied, finished):
    path = copied / name
    content = path.read_bytes()
    said = [json.dumps(finished.result), json.dumps(finished.config), finished.history.to_csv()]
    for bit in range(0, 8 * len(content), 11):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with contextlib.suppress(RunError):  # a blank may become another blank
            run = nascore.load_run(copied)
            assert [json.dumps(run.result), json.dumps(run.config), run.history.to_csv()] == said, f"bit {bit}"


def test_metrics_are_vouched_for(copied):
    rewrite(copied, records.RESULT, lambda result: result["metrics"].update(train_loss=9.285), sealed=False)
    with pytest.raises(RunError, match=r"result\.json is damaged \(its content is not what was recorded"):
        nascore.load_run(copied)


def test_a_record_of_another_version_is_told(copied):
    rewrite(copied, records.CONFIG, lambda config: config.update(record_version=1))
    with pytest.raises(RunError, match="is a record of version 1, and this nascore reads 3 and 4"):
        nascore.load_run(copied)


def test_committed_records_of_the_version_before_are_found(tmp_path, monkeypatch, finished):
    """As version 3 wrote them: no digest, no name, no data, and a name that data are no part of."""
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path)
    asked = []
    identity = nascore.runs.asked.Identity
    monkeypatch.setattr(
        nascore.runs.asked, "Identity", lambda *given, **named: asked.append(identity(*given, **named)) or asked[-1]
    )
    compute(finished.path.parent)
    folder = tmp_path / asked[0].unsealed_name
    shutil.copytree(finished.path, folder)
    rewrite(folder, records.CONFIG, lambda config: [config.pop(name) for name in ("name", "data")], sealed=False)
    rewrite(folder, records.CONFIG, lambda config: config.update(record_version=3), sealed=False)
    rewrite(folder, records.RESULT, lambda result: result.pop(records.SEAL), sealed=False)
    assert folder.name != finished.name and compute(tmp_path / "none").path == folder
    rewrite(folder, records.CONFIG, lambda config: config.update(seed=1), sealed=False)
    with pytest.raises(RunError, match="holds the record of another run, seed 1 instead of 0"):
        compute(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda config: config.update(seed=1), "seed 1 instead of 0"),
        (lambda config: config.update(profile="demo"), "profile 'demo' instead of 'smoke'"),
        (lambda config: config.update(data={"sha256": "another"}), "data {'sha256': 'another'} instead of"),
        (lambda config: config.pop("data"), "data None instead of"),
        (lambda config: config.update(after={"run": "another"}), "after {'run': 'another'} instead of None"),
        (lambda config: config.update(name="another"), "name 'another' instead of"),
        (lambda config: config["settings"].update(epochs=3), "when epochs had another default"),
    ],
)
def test_a_folder_is_not_believed_by_its_name(change, said, copied):
    rewrite(copied, records.CONFIG, change)
    with pytest.raises(RunError, match=said):
        compute(copied.parent)


def test_a_renamed_folder_is_another_run(copied):
    other = compute(copied.parent, seed=1)
    shutil.rmtree(copied)
    other.path.rename(copied)
    with pytest.raises(RunError, match="another run, seed 1 instead of 0: move it to where it belongs"):
        compute(copied.parent)


def test_a_pruning_after_another_training_is_told(tmp_path):
    trained = [compute(tmp_path, "gal-training-mnist", seed=seed) for seed in (0, 1)]
    pruned = [compute(tmp_path, "gal-pruning-mnist", after=run) for run in trained]
    shutil.rmtree(pruned[0].path)
    pruned[1].path.rename(pruned[0].path)
    with pytest.raises(RunError, match=r"another run, after \{'run': 'gal-training-mnist-smoke-s1"):
        compute(tmp_path, "gal-pruning-mnist", after=trained[0])


def test_a_run_without_weights_is_nothing_to_go_on_from(copied):
    rewrite(copied, records.RESULT, lambda result: result["files"].pop(records.WEIGHTS))
    with pytest.raises(RunError, match="has no weights to go on from"):
        compute(copied.parent, "gal-pruning-mnist", after=copied)


# -- data ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path):
    """Write an image folder of two classes; returns what writes it, with another image where one is given."""
    from PIL import Image

    generator = np.random.default_rng(0)
    drawn = {
        f"{split}/{label}/{i}.png": generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        for split in ("train", "test")
        for label in ("cat", "dog")
        for i in range(6)
    }

    def write(folder="images", **changed):
        for name, pixels in (drawn | {name.replace("__", "/") + ".png": new for name, new in changed.items()}).items():
            (path := tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        return tmp_path / folder

    return write


def test_other_images_are_another_run(images, tmp_path):
    def trained(folder, **changes):
        settings = {"dataset": f"folder:{folder}", "train_images": None, "test_images": None, "image_size": 8}
        return compute(tmp_path / "runs", **(settings | changes))

    first = trained(images())
    assert trained(images()).path == first.path  # written once more, the same
    second = trained(images(train__cat__0=np.zeros((8, 8, 3), np.uint8)))
    assert second.path != first.path and second.config["data"] != first.config["data"]
    images("a/images"), images("b/images", train__cat__0=np.zeros((8, 8, 3), np.uint8))
    there = [trained("images", data_root=tmp_path / root) for root in ("a", "b")]
    assert there[0].config["data"] == first.config["data"] and there[1].config["data"] == second.config["data"]
    assert there[0].path != there[1].path


def test_a_record_of_images_that_are_not_here_can_be_read(images, tmp_path):
    settings = {"dataset": "folder:images", "train_images": None, "test_images": None, "image_size": 8}
    found = compute(tmp_path / "runs", data_root=images().parent, **settings)
    there = {"data_root": tmp_path / "nowhere"}
    assert compute(tmp_path / "runs", **there, **settings).path == found.path
    for changes in ({"seed": 1}, {"epochs": 1}, {"recompute": True}):
        with pytest.raises(nascore.DataError):
            compute(tmp_path / "runs", **there, **(settings | changes))


# -- threads ---------------------------------------------------------------------------------------------------------


def test_threads_of_one_process_take_turns(tmp_path):
    alone = [compute(tmp_path / "alone", seed=seed) for seed in (0, 1)]
    found = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: compute(tmp_path / "both", seed=seed)}))
        for seed in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(alone[seed], found[seed]) for seed in (0, 1))


def test_a_thread_that_may_not_wait_is_told(tmp_path):
    with nascore.runs.one._alone(0, 1):
        told = []

        def other():
            with pytest.raises(RunError, match="another thread of this process computes a run") as error:
                compute(tmp_path, wait=0)
            told.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert told


def test_a_run_goes_on_with_the_threads_that_it_was_begun_with(tmp_path, monkeypatch):
    began = torch.get_num_threads()
    folder = interrupted(monkeypatch, tmp_path, threads=3)
    seen, run_epoch = [], Training.run_epoch
    monkeypatch.setattr(Training, "run_epoch", lambda self: seen.append(torch.get_num_threads()) or run_epoch(self))
    run = compute(tmp_path)
    assert run.path == folder and seen == [3] and run.environment["threads"] == 3
    assert torch.get_num_threads() == began


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8e12 bytes"),
    ],
)
def test_want_of_memory_is_told(error, tmp_path, monkeypatch):
    def run_epoch(self):
        raise error

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    with pytest.raises(RunError, match="needs more memory than there is"):
        compute(tmp_path)


def test_other_errors_are_left_as_they_are(tmp_path, monkeypatch):
    def run_epoch(self):
        raise RuntimeError("a reader's own")

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    with pytest.raises(RuntimeError, match="a reader's own"):
        compute(tmp_path)


# -- leftovers, and ways out -----------------------------------------------------------------------------------------


def test_what_a_killed_process_left_is_swept(tmp_path, monkeypatch, finished):
    folder = interrupted(monkeypatch, tmp_path)
    for name in (".config.json.a1b2c3d4", ".checkpoint-00001-0123456789abcdef.pt.abcdefgh", "..owner.abc_def0"):
        (folder / name).write_text("half of it")
    (folder / ".mine.txt").write_text("a reader's own")
    run = compute(tmp_path)
    assert same(run, finished)
    assert sorted(path.name for path in run.path.glob(".*")) == [".lock", ".mine.txt"]


def test_checkpoints_of_a_finished_run_are_swept(copied, finished):
    (copied / "checkpoint-00002-0123456789abcdef.pt").write_text("death came before it was deleted")
    (copied / ".weights.pt.a1b2c3d4").write_text("half of it")
    (copied / ".owner").write_text("process 1 on a machine")
    assert compute(copied.parent).metrics == finished.metrics
    assert not list(copied.glob("checkpoint*")) and [path.name for path in copied.glob(".*")] == [".lock"]


@pytest.mark.parametrize("name", ["[" * 5000, "a\0b", ""])
def test_names_that_no_file_can_have_are_told(name, tmp_path):
    with pytest.raises(RunError, match="holds no run record"):
        compute(tmp_path, "gal-pruning-mnist", after=tmp_path / name)


def test_lost_weights_can_be_computed_again(copied, finished):
    (copied / records.WEIGHTS).unlink()
    with pytest.raises(RunError, match="compute the run again with recompute=True"):
        nascore.load_run(copied).weights()
    assert same(compute(copied.parent, recompute=True), finished)


def test_a_checkpoint_that_lacks_something_is_set_aside(tmp_path, monkeypatch, finished):
    folder = interrupted(monkeypatch, tmp_path)
    [path] = folder.glob("checkpoint-*.pt")
    state = torch.load(path, weights_only=True)
    del state["rows"]
    path.unlink()
    content = checkpoints._to_bytes(state)
    (folder / f"checkpoint-00001-{records.sha256(content)[:16]}.pt").write_bytes(content)
    (folder / "checkpoint-00009-0123456789abcdef.pt").mkdir()
    os.mkfifo(folder / "checkpoint-00008-0123456789abcdef.pt")
    with pytest.warns(DamageWarning) as seen:
        assert same(compute(tmp_path), finished)
    assert ["is damaged" in str(warning.message) for warning in seen] == [True] * 3


def test_a_folder_in_an_old_checkpoints_place_is_removed(tmp_path, monkeypatch, finished):
    folder = interrupted(monkeypatch, tmp_path)
    (folder / "checkpoint-00000-0123456789abcdef.pt").mkdir()
    (folder / "checkpoint-00000-0123456789abcdef.pt" / "file").write_text("in it")
    assert same(compute(tmp_path), finished)
    assert not list(folder.glob("checkpoint-*"))


def test_a_checkpoint_whose_state_does_not_fit_is_told(tmp_path, monkeypatch):
    folder = interrupted(monkeypatch, tmp_path)
    [path] = folder.glob("checkpoint-*.pt")
    state = torch.load(path, weights_only=True)
    state["task"] = {}
    path.unlink()
    content = checkpoints._to_bytes(state)
    (folder / f"checkpoint-00001-{records.sha256(content)[:16]}.pt").write_bytes(content)
    with pytest.raises(RunError, match=r"does not fit this run .*: move it away"):
        compute(tmp_path)


@pytest.mark.parametrize("name", [".lock", ".owner", records.CONFIG, records.HISTORY])
def test_a_folder_in_a_files_place_is_told(name, tmp_path, finished):
    (tmp_path / finished.name / name).mkdir(parents=True)
    with pytest.raises(RunError, match="cannot be written"):
        compute(tmp_path)


def test_a_read_only_disk_is_told(tmp_path, monkeypatch):
    def acquire(self, **_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(checkpoints.FileLock, "acquire", acquire)
    with pytest.raises(RunError, match=r"cannot be written .*Read-only file system.*: give another root"):
        compute(tmp_path)


def test_a_checkpoint_that_may_not_be_read_is_told_and_kept(tmp_path, monkeypatch, finished):
    folder = interrupted(monkeypatch, tmp_path)
    [path] = folder.glob("checkpoint-*.pt")

    def read_bytes(self):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched, pytest.raises(RunError, match=r"cannot be read .*: ask for permission"):
        patched.setattr(type(path), "read_bytes", read_bytes)
        compute(tmp_path)
    assert path.is_file() and same(compute(tmp_path), finished)


def test_want_of_memory_while_going_on_is_no_fault_of_the_checkpoint(tmp_path, monkeypatch, finished):
    folder = interrupted(monkeypatch, tmp_path)

    def load_state_dict(self, state):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched, pytest.raises(RunError, match="needs more memory than there is"):
        patched.setattr(Training, "load_state_dict", load_state_dict)
        compute(tmp_path)
    assert list(folder.glob("checkpoint-*.pt")) and same(compute(tmp_path), finished)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_written_is_told(tmp_path, finished):
    (folder := tmp_path / finished.name).mkdir()
    folder.chmod(0o500)
    with pytest.raises(RunError, match=r"cannot be written .*: give another root"):
        compute(tmp_path)


@pytest.mark.parametrize("name", [".lock", ".owner", records.CONFIG, records.HISTORY, records.WEIGHTS])
def test_nothing_is_written_through_a_link(name, tmp_path, finished):
    (folder := tmp_path / "runs" / finished.name).mkdir(parents=True)
    (secret := tmp_path / "secret").write_text("keep this")
    (folder / name).symlink_to(secret)
    if name == ".lock":
        with pytest.raises(RunError, match="is a link, and locks are files"):
            compute(tmp_path / "runs")
    else:
        assert same(compute(tmp_path / "runs"), finished)
    assert secret.read_text() == "keep this"


# -- hostile records -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../secret", "/etc/hosts", "notes.txt", ".lock"])
def test_keep_follows_no_name_out_of_the_folder(name, copied, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    (tmp_path / "secret").write_text("secret")
    run = nascore.load_run(copied)
    rewrite(copied, records.RESULT, lambda result: result["files"].update({name: records.sha256(b"secret")}))
    with pytest.raises(RunError, match=r"result\.json is damaged \(no record has a file"):
        nascore.keep(run)
    assert not (tmp_path / "committed").exists()


def test_keep_checks_what_it_copies(copied, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    run = nascore.load_run(copied)
    (copied / records.HISTORY).write_text("epoch,train_loss\n1,0.0\n")
    with pytest.raises(RunError, match=r"history\.csv is damaged"):
        nascore.keep(run)
    assert not (tmp_path / "committed").exists()


def test_keep_writes_through_no_link(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    (tmp_path / "committed").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "committed" / finished.name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        nascore.keep(finished)
    assert not list((tmp_path / "elsewhere").iterdir())


class _Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def test_weights_that_are_pickled_code_are_named(copied, tmp_path):
    for content in (pickle.dumps(_Bomb(tmp_path / "exploded")), checkpoints._to_bytes({"a": _Bomb(tmp_path / "x")})):
        replace(copied, records.WEIGHTS, content)
        with pytest.raises(RunError, match=r"weights\.pt is damaged \("), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of an old protocol
            nascore.load_run(copied).weights()
    assert not (tmp_path / "exploded").exists() and not (tmp_path / "x").exists()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[]", "{}", "7", '{"metrics": NaN}', "\xff"])
def test_a_result_that_is_no_result_is_named(text, copied):
    (copied / records.RESULT).write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"result\.json is damaged"):
        nascore.load_run(copied)


@pytest.mark.parametrize("field", ["metrics", "genotype", "seconds", "environment", "files", "remarks"])
@pytest.mark.parametrize("value", ["x", [], 3, {"a": 1}])
def test_a_result_of_another_form_is_named(field, value, copied):
    rewrite(copied, records.RESULT, lambda result: result.update({field: value}))
    with contextlib.suppress(nascore.NascoreError):
        run = nascore.load_run(copied)
        assert [run.name, run.recipe, run.genotype, run.remarks, run._html()], (field, value)


def test_arrays_that_unpack_to_gigabytes_are_named(search, tmp_path):
    shutil.copytree(search.path, folder := tmp_path / search.name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("normal/weight.npy", "w") as file:
        for _ in range(100):
            file.write(bytes(2**20))
    replace(folder, records.ARCHITECTURE, buffer.getvalue())
    with pytest.raises(RunError, match=r"architecture\.npz is damaged \(104,857,600 bytes unpacked are too many"):
        _ = nascore.load_run(folder).architecture_weights


def test_arrays_that_declare_more_than_they_have_are_named(search, tmp_path):
    shutil.copytree(search.path, folder := tmp_path / search.name)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 1024), }"
    header += b" " * (118 - len(header)) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("normal/weight.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    replace(folder, records.ARCHITECTURE, buffer.getvalue())
    with pytest.raises(RunError, match=r"architecture\.npz is damaged"):
        _ = nascore.load_run(folder).architecture_weights
