"""Data sets: what is loaded, what goes wrong and is said, and that batches are what their draws say."""

import hashlib
import lzma
import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import urllib.error
import urllib.request
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nascore.base import paths
from nascore.base.errors import ConfigError, DataError
from nascore.data import (
    DATASETS,
    Batches,
    Dataset,
    Share,
    StreamedBatches,
    StreamedDataset,
    available,
    batches,
    fingerprint,
    fingerprints,
    load,
    published,
    split_indices,
    zipped,
)
from nascore.data.augment import crop_and_flip, cut_out, draw
from nascore.data.splits import balanced_order

REAL = os.environ.get("NASCORE_DATA")
real_data = pytest.mark.skipif(not REAL, reason="NASCORE_DATA does not name a folder of real data sets")

OPENED: list[str] | None = None


def _audit(event, arguments):
    if event == "open" and OPENED is not None:
        OPENED.append(str(arguments[0]))


sys.addaudithook(_audit)  # sees every open() of the process, however it is spelled; it cannot be taken off again


@pytest.fixture
def opened(monkeypatch):
    """The files that are opened during the test."""
    monkeypatch.setattr(sys.modules[__name__], "OPENED", [])
    return OPENED


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No test reaches the network, the developer's own data or the checkout's downloads folder."""

    def refuse(*arguments, **named):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.delenv("NASCORE_DATA", raising=False)
    for module in (paths, published, zipped, fingerprints):
        monkeypatch.setattr(module, "downloads", lambda: tmp_path / "downloads")


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def everything(source):
    images, labels = zip(*source, strict=True)
    return torch.cat(images), torch.cat(labels)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# --- named sets -----------------------------------------------------------------------------------------------------


def test_digits_are_split_without_overlap(digits):
    from sklearn.datasets import load_digits

    test = load("digits", "test")
    assert digits.images.shape == (797, 1, 8, 8) and test.images.shape == (1000, 1, 8, 8)
    assert digits.images.dtype == torch.uint8 and digits.images.min() == 0 and digits.images.max() == 255
    assert test.labels.bincount().tolist() == [100] * 10
    assert digits.info.class_names == tuple("0123456789") and len(digits.info.class_names) == digits.info.classes
    whole = np.round(load_digits().images * 255 / 16).astype("uint8").reshape(-1, 64)
    parts = torch.cat([digits.images, test.images]).flatten(1).numpy()
    assert sorted(map(bytes, whole)) == sorted(map(bytes, parts))


def test_digits_and_limit_are_the_same_for_everyone():
    part = load("digits", "train", limit=200)
    seen = hashlib.sha256(part.images.numpy().tobytes() + part.labels.numpy().tobytes()).hexdigest()
    assert seen.startswith("e10d7e8ea40373b3")


def moments(images):
    counts = torch.stack([torch.bincount(c.flatten().int(), minlength=256) for c in images.unbind(1)]).double()
    values = torch.arange(256).double() / 255
    mean = (counts * values).sum(1) / counts.sum(1)
    return mean, ((counts * (values - mean[:, None]) ** 2).sum(1) / counts.sum(1)).sqrt()


def check_constants(dataset):
    for found, stated in zip(moments(dataset.images), (dataset.info.mean, dataset.info.std), strict=True):
        torch.testing.assert_close(found, torch.tensor(stated).double(), atol=6e-5, rtol=0)


def test_digits_constants(digits):
    check_constants(digits)


@real_data
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_idx_sets(name, opened):
    train = load(name, "train", root=REAL)
    assert train.images.shape == (60000, 1, 28, 28) and train.labels.unique().tolist() == list(range(10))
    assert opened and not any("t10k" in file for file in opened)
    check_constants(train)
    assert len(load(name, "test", root=REAL)) == 10000


@real_data
def test_real_cifar10(monkeypatch, opened):
    monkeypatch.undo()  # the downloads folder of the checkout, where it may lie unpacked
    if not (paths.downloads() / "cifar-10-batches-py" / "data_batch_5").is_file():
        pytest.skip("CIFAR-10 has not been unpacked yet, which takes half a minute")
    train = load("cifar10", "train")
    assert train.images.shape == (50000, 3, 32, 32) and train.labels.bincount().tolist() == [5000] * 10
    check_constants(train)


@real_data
def test_real_image_folder(tmp_path):
    with zipfile.ZipFile(Path(REAL, "tiny_imagenet", "tiny_imagenet_10.zip")) as archive:
        archive.extractall(tmp_path / "tiny")
    train, test = (load("folder:tiny", split, root=tmp_path, limit=100) for split in ("train", "test"))
    assert train.images.shape == test.images.shape == (100, 3, 64, 64) and train.info.crop_padding == 8
    assert train.labels.bincount().tolist() == test.labels.bincount().tolist() == [10] * 10
    assert train.info.class_names == test.info.class_names


def test_limit_is_balanced_and_nested(digits):
    for limit in (1, 10, 95, 200):
        part = load("digits", "train", limit=limit)
        counts = part.labels.bincount(minlength=10)
        assert len(part) == limit and counts.max() - counts.min() <= 1
        assert torch.equal(part.images[:10], load("digits", "train", limit=200).images[: min(limit, 10)])
    order = balanced_order(digits.labels)
    assert order.sort().values.tolist() == list(range(797))


def test_balanced_order_of_unequal_classes():
    labels = torch.tensor([0] * 50 + [3] * 2 + [7] * 10)
    chosen = labels[balanced_order(labels)]
    assert chosen[:6].bincount(minlength=8).tolist() == [2, 0, 0, 2, 0, 0, 0, 2]
    assert chosen[:22].bincount(minlength=8).tolist() == [10, 0, 0, 2, 0, 0, 0, 10]


@pytest.mark.parametrize("limit", [0, -1, 1438])
def test_impossible_limit(limit):
    with pytest.raises(ConfigError, match=rf"797.*not {limit}"):
        load("digits", "train", limit=limit)


def test_image_size_of_a_named_set(digits):
    larger = load("digits", "train", limit=20, image_size=32)
    assert larger.images.shape == (20, 1, 32, 32) and larger.info.image_size == 32 and larger.info.crop_padding == 4
    assert load("digits", "train", image_size=8).info == digits.info
    with pytest.raises(ConfigError, match="image_size"):
        load("digits", "train", image_size=0)


def test_unknown_names():
    with pytest.raises(ConfigError, match="unknown data set 'cifar_10': did you mean 'cifar10'"):
        load("cifar_10", "train")
    with pytest.raises(ConfigError, match=r"unknown split 'valid'.*train, test"):
        load("digits", "valid")
    with pytest.raises(ConfigError, match="unknown data set"):
        available("nothing")
    with pytest.raises(ConfigError, match=r"load: name must be str, not None \(NoneType\)"):
        load(None, "train")


@pytest.mark.parametrize("path", ["\0", "~nobody-of-this-name/x", "x" * 5000, "\ud800"])
@pytest.mark.parametrize("kind", ["folder:", "voices:"])
def test_paths_that_are_none(path, kind):
    for ask in (lambda: load(kind + path, "train"), lambda: available(kind + path), lambda: fingerprint(kind + path)):
        with pytest.raises(ConfigError, match="names no folder that can be looked into"):
            ask()


@pytest.mark.parametrize("value", ["x", 1.5, True, [], {}, b"x", object()])
@pytest.mark.parametrize("name", ["limit", "image_size", "speakers", "resident_limit", "clip_seconds", "root"])
def test_values_of_another_type(name, value):
    if (name, value) in [("resident_limit", 1.5), ("clip_seconds", 1.5), ("root", "x"), ("root", []), ("root", {})]:
        return  # which is one, or none
    with pytest.raises(ConfigError, match=rf"load: {name} must be (int|float|str)( \| \w+)*, not "):
        load("mnist" if name == "root" else "digits", "train", **{name: value})


def test_dataset_moves_and_subsets(digits):
    part = digits.subset([5, 3])
    assert torch.equal(part.images, digits.images[[5, 3]]) and torch.equal(part.labels, digits.labels[[5, 3]])
    assert part.to("meta").device.type == "meta" and len(part) == 2
    with pytest.raises(DataError, match="digits"):
        Dataset(digits.images.float(), digits.labels, digits.info)
    with pytest.raises(DataError, match="digits"):
        Dataset(digits.images[:-1], digits.labels, digits.info)


def test_import_is_light():
    code = "import sys, nascore.data; print([m for m in ('torchvision', 'sklearn', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.root(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_split_indices():
    first, second = split_indices(101, 0.3, seed=1)
    assert len(first) == 30 and sorted(torch.cat([first, second]).tolist()) == list(range(101))
    assert same(split_indices(101, 0.3, seed=1), (first, second))
    assert not torch.equal(split_indices(101, 0.3, seed=2)[0], first)
    for fraction in (0.0, 1.0, -0.5, 0.001):
        with pytest.raises(ConfigError, match="101"):
            split_indices(101, fraction, seed=1)


# --- augmentation and batches ---------------------------------------------------------------------------------------


def plain_crop_and_flip(image, offset, flip, padding):
    height, width = image.shape[1:]
    padded = np.zeros((len(image), height + 2 * padding, width + 2 * padding), image.dtype)
    padded[:, padding : padding + height, padding : padding + width] = image
    cut = padded[:, offset[0] : offset[0] + height, offset[1] : offset[1] + width]
    return cut[:, :, ::-1] if flip else cut


def plain_cut_out(image, centre, side):
    image = image.copy()
    for row in range(centre[0] - side // 2, centre[0] - side // 2 + side):
        for column in range(centre[1] - side // 2, centre[1] - side // 2 + side):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                image[:, row, column] = 0
    return image


def colour_set(count=300):
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator(9))
    return Dataset(images, torch.arange(count) % 10, DATASETS["cifar10"])


@pytest.mark.parametrize(("height", "width", "padding"), [(8, 8, 1), (5, 9, 3), (6, 4, 0)])
def test_crop_and_flip_is_the_plain_loop(height, width, padding):
    images = torch.randint(0, 256, (40, 2, height, width), dtype=torch.uint8, generator=generator())
    offsets = torch.randint(0, 2 * padding + 1, (40, 2), generator=generator(1))
    flips = torch.arange(40) % 2 == 0
    found = crop_and_flip(images, offsets, flips, padding).numpy()
    for i in range(40):
        np.testing.assert_array_equal(
            found[i], plain_crop_and_flip(images[i].numpy(), offsets[i].tolist(), flips[i], padding)
        )


@pytest.mark.parametrize("side", [1, 4, 5, 40])
def test_cut_out_is_the_plain_loop(side):
    images = torch.rand(60, 3, 7, 10, generator=generator()) + 1
    centres = torch.stack([torch.arange(60) % 7, torch.arange(60) % 10], dim=1)
    found = cut_out(images, centres, side).numpy()
    for i in range(60):
        np.testing.assert_array_equal(found[i], plain_cut_out(images[i].numpy(), centres[i].tolist(), side))


def test_augmented_batches_are_the_plain_loop():
    dataset, indices = colour_set(), torch.arange(0, 300, 2)
    settings = {"indices": indices, "augment": True, "cutout": 6, "shuffle": True, "drop_last": False}
    images, labels = everything(Batches(dataset, 32, generator=generator(3), **settings))
    again = generator(3)
    order = indices[torch.randperm(150, generator=again)]
    draws = draw(150, dataset.info, again)
    assert torch.equal(labels, dataset.labels[order])
    mean, std = (np.float32(values).reshape(3, 1, 1) for values in (dataset.info.mean, dataset.info.std))
    for i, (offset, flip, centre) in enumerate(zip(*draws, strict=True)):
        plain = plain_crop_and_flip(dataset.images[order[i]].numpy(), offset.tolist(), flip, 4)
        plain = (plain.astype(np.float32) / np.float32(255) - mean) / std
        np.testing.assert_array_equal(images[i].numpy(), plain_cut_out(plain, centre.tolist(), 6))


def test_normalised_pixels_as_torchvision_has_them(digits):
    from torchvision.transforms import functional as t

    images, labels = everything(Batches(digits, 100, augment=False, shuffle=False, drop_last=False, generator=None))
    assert images.dtype == torch.float32 and torch.equal(labels, digits.labels)
    plain = t.normalize(digits.images.float() / 255, digits.info.mean, digits.info.std)
    assert torch.equal(images, plain)
    torch.testing.assert_close(torch.stack([images.mean(), images.std()]), torch.tensor([0.0, 1.0]), atol=1e-3, rtol=0)


def test_batches_leave_the_set_alone(digits):
    before = digits.images.clone()
    everything(Batches(digits, 64, augment=False, shuffle=False, drop_last=False, generator=None))
    everything(Batches(digits, 64, augment=True, cutout=2, shuffle=True, drop_last=False, generator=generator()))
    assert torch.equal(digits.images, before)


def test_draws_are_uniform():
    info, count = DATASETS["cifar10"], 40_000
    offsets, flips, centres = draw(count, info, generator(5))
    assert abs(flips.float().mean() - 0.5) < 5 * 0.5 / count**0.5
    for values, high in ((offsets[:, 0] * 9 + offsets[:, 1], 81), (centres[:, 0] * 32 + centres[:, 1], 1024)):
        found, expected = values.bincount(minlength=high), count / high
        assert len(found) == high
        chi_squared = ((found - expected) ** 2 / expected).sum()
        assert abs(chi_squared - (high - 1)) < 5 * (2 * (high - 1)) ** 0.5


def test_unflippable_sets_are_never_flipped(digits):
    assert not draw(5000, digits.info, generator()).flips.any()


def test_cutout_area():
    white = torch.ones(1, 1, 32, 32)
    area = {
        at: int((cut_out(white, torch.tensor([at]), 16) == 0).sum()) for at in [(16, 16), (0, 0), (31, 31), (0, 16)]
    }
    assert area == {(16, 16): 256, (0, 0): 64, (31, 31): 81, (0, 16): 128}
    assert torch.equal(cut_out(white, torch.tensor([(16, 16)]), 0), white)
    covered = [sum(0 <= row < 32 for row in range(centre - 8, centre + 8)) for centre in range(32)]
    everywhere = torch.cartesian_prod(torch.arange(32), torch.arange(32))
    holes = (cut_out(white.expand(1024, 1, 32, 32), everywhere, 16) == 0).sum()
    assert holes == sum(covered) ** 2


def test_same_generator_state_gives_the_same_bits():
    source = generator(1)
    made = Batches(colour_set(), 64, augment=True, cutout=8, shuffle=True, drop_last=True, generator=source)
    state = source.get_state()
    first, second = everything(made), everything(made)
    assert not torch.equal(first[1], second[1])
    source.set_state(state)
    assert same(everything(made), first) and same(everything(made), second)
    source.set_state(state)
    next(iter(made))  # an iteration that is given up draws as much as a whole one
    assert same(everything(made), second)


def test_draws_come_from_the_generator_alone():
    before = torch.get_rng_state()
    everything(Batches(colour_set(), 64, augment=True, cutout=8, shuffle=True, drop_last=True, generator=generator()))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, [64] * 4), (False, [64] * 4 + [44])])
def test_batch_sizes(drop_last, sizes):
    made = Batches(colour_set(), 64, augment=False, shuffle=True, drop_last=drop_last, generator=generator())
    assert [len(labels) for _, labels in made] == sizes and len(made) == len(sizes)
    assert next(iter(made))[0].is_contiguous()


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(9, 4, [4, 5]), (10, 4, [4, 4, 2]), (5, 4, [5]), (3, 4, [3]), (8, 4, [4, 4]), (3, 1, [1, 1, 1]), (3, 2, [3])],
)
def test_a_last_single_image_to_train_on_joins_the_batch_before(count, batch_size, sizes):
    settings = {"augment": True, "shuffle": True, "generator": generator(2), "share": Share(least=2)}
    made = Batches(colour_set(count), batch_size, drop_last=False, **settings)
    found = list(made)
    assert [len(labels) for _, labels in found] == sizes == made.whole() and len(made) == len(sizes)
    # joined or not, order and augmentation are the same
    settings |= {"generator": generator(2), "share": Share()}
    assert same(everything(found), everything(Batches(colour_set(count), batch_size, drop_last=False, **settings)))


def test_nothing_is_joined_where_nothing_is_trained():
    still = {"augment": False, "shuffle": False, "drop_last": False, "generator": None}
    assert [len(labels) for _, labels in Batches(colour_set(9), 4, **still)] == [4, 4, 1]
    dropped = Batches(colour_set(9), 4, share=Share(least=2), **still | {"drop_last": True})
    assert [len(labels) for _, labels in dropped] == [4, 4]


@pytest.mark.parametrize("share", [Share(least=2), Share(0, 2, 2), Share(2, 3, 2)])
def test_too_few_images_to_train_on(share):
    settings = {"augment": False, "shuffle": True, "drop_last": False, "generator": generator(), "share": share}
    least = 2 * share.size
    with pytest.raises(ConfigError, match=f"at least {least} images to train on, not {least - 1}"):
        Batches(colour_set(least - 1), 64, **settings)
    (images, _), *more = Batches(colour_set(least), 64, **settings)
    assert len(images) == 2 and not more


def test_indices_restrict_the_images():
    dataset = Dataset(colour_set().images, torch.arange(300), DATASETS["cifar10"])
    chosen = [7, 3, 250]
    settings = {"indices": chosen, "augment": False, "drop_last": False}
    assert everything(Batches(dataset, 2, shuffle=False, generator=None, **settings))[1].tolist() == chosen
    shuffled = Batches(dataset, 2, shuffle=True, generator=generator(), **settings)
    assert sorted(everything(shuffled)[1].tolist()) == sorted(chosen)


def test_forever_starts_anew():
    dataset = Dataset(colour_set().images[:10], torch.arange(10), DATASETS["cifar10"])
    made = Batches(dataset, 4, augment=False, shuffle=True, drop_last=False, generator=generator())
    endless = made.forever()
    rounds = [torch.cat([next(endless)[1] for _ in range(len(made))]).tolist() for _ in range(3)]
    assert all(sorted(labels) == list(range(10)) for labels in rounds) and rounds[0] != rounds[1] != rounds[2]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 301}, "301 .*300 images"),
        ({"batch_size": 0}, "batch of 0"),
        ({"indices": []}, "0 images"),
        ({"indices": [0, 300], "batch_size": 1}, "299"),
        ({"indices": [-1], "batch_size": 1}, "299"),
        ({"cutout": -1}, "cutout"),
        ({"cutout": 4, "augment": False}, "without augment"),
        ({"generator": None}, "generator"),
        ({"generator": None, "augment": False}, "generator"),
    ],
)
def test_settings_that_make_no_sense(changed, message):
    settings = {"batch_size": 32, "augment": True, "shuffle": True, "drop_last": True, "generator": generator()}
    with pytest.raises(ConfigError, match=message):
        Batches(colour_set(), **settings | changed)


def test_generator_on_another_device():
    with pytest.raises(ConfigError, match="generator is on cpu, the images are on meta"):
        Batches(colour_set().to("meta"), 8, augment=False, shuffle=True, drop_last=True, generator=generator())


# --- published files ------------------------------------------------------------------------------------------------


def write_idx(folder, prefix, labels, side=28):
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.asarray(labels, np.uint8)
    images = np.random.RandomState(0).randint(0, 256, (len(labels), side, side)).astype(np.uint8)
    header = struct.pack(">4I", 0x803, *images.shape)
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, len(labels)) + labels.tobytes())
    return images


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A small MNIST, which is taken for the published one: prefix -> images."""
    raw = tmp_path / "MNIST" / "raw"
    written = {prefix: write_idx(raw, prefix, list(range(10)) * 2) for prefix in ("train", "t10k")}
    take_for_published(monkeypatch, "mnist", raw)
    return written


def take_for_published(monkeypatch, name, folder):
    sums = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    monkeypatch.setitem(published.SUMS, name, sums)


def test_idx_files_are_read(tmp_path, mnist):
    for split, prefix in (("train", "train"), ("test", "t10k")):
        dataset = load("mnist", split, root=tmp_path)
        np.testing.assert_array_equal(dataset.images[:, 0].numpy(), mnist[prefix])
        assert dataset.labels.tolist() == list(range(10)) * 2 and dataset.info.class_names[3].startswith("3")
    assert available("mnist", tmp_path) and not available("fashion_mnist", tmp_path)


def test_data_root_comes_from_the_environment(tmp_path, mnist, monkeypatch):
    monkeypatch.setenv("NASCORE_DATA", str(tmp_path))
    assert available("mnist") and len(load("mnist", "train")) == 20


def test_loading_train_opens_no_test_file(tmp_path, mnist, opened):
    opened.clear()
    load("mnist", "train", root=tmp_path)
    assert any("train-images" in file for file in opened) and not any("t10k" in file for file in opened)
    load("mnist", "test", root=tmp_path)
    assert any("t10k" in file for file in opened)


def test_train_needs_no_test_files(tmp_path, mnist):
    for file in (tmp_path / "MNIST" / "raw").glob("t10k*"):
        file.unlink()
    assert len(load("mnist", "train", root=tmp_path)) == 20 and not available("mnist", tmp_path)


def test_legacy_files_are_not_read(tmp_path, mnist):
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3).long()), processed / name)
    assert len(load("mnist", "train", root=tmp_path)) == 20


@pytest.mark.parametrize("keep", [0, 3, 10, 500])
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_truncated_idx_file(tmp_path, mnist, kind, keep):
    file = tmp_path / "MNIST" / "raw" / f"train-{kind}-ubyte"
    file.write_bytes(file.read_bytes()[: min(keep, file.stat().st_size - 1)])
    with pytest.raises(DataError, match=rf"train-{kind}-ubyte is damaged .*delete it"):
        load("mnist", "train", root=tmp_path)


@pytest.mark.parametrize("kind", ["train-images-idx3", "train-labels-idx1"])
def test_idx_files_that_are_not_the_published_ones(tmp_path, kind, mnist):
    file = tmp_path / "MNIST" / "raw" / f"{kind}-ubyte"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # one bit of one pixel, or label
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"{kind}-ubyte is damaged or not the published file: .* into folder:PATH"):
        load("mnist", "train", root=tmp_path)
    assert len(load("mnist", "test", root=tmp_path)) == 20


def test_made_up_files_are_not_taken_for_the_published_ones(tmp_path):
    for name in ("MNIST", "FashionMNIST"):
        write_idx(tmp_path / name / "raw", "train", range(10))
    for name in ("mnist", "fashion_mnist"):
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte is damaged or not the published file"):
            load(name, "train", root=tmp_path)


def test_other_digits_are_not_taken_for_scikit_learn_s(monkeypatch):
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    bunch.images[7, 2, 3] += 1
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bunch)
    with pytest.raises(DataError, match="digits are not the published ones: install scikit-learn anew"):
        load("digits", "train")


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("mnist", ["MNIST", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"]),
        ("cifar10", ["cifar-10-batches-py", "data_batch_1", "data_batch_5", "batches.meta"]),
        ("cifar100", ["cifar-100-python", "train", "meta"]),
    ],
)
def test_missing_without_network(tmp_path, name, lacking, capsys):
    with pytest.raises(DataError) as caught:
        load(name, "train", root=tmp_path)
    message = str(caught.value)
    assert all(part in message for part in [*lacking, str(tmp_path), "no network", "NASCORE_DATA", '"digits"'])
    assert "test_batch" not in message and "t10k" not in message and "\n" not in message
    assert DATASETS[name].title in capsys.readouterr().out
    assert not [entry for entry in tmp_path.rglob("*") if not entry.name.endswith(".lock")]


def test_unwritable_root(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.*NASCORE_DATA"):
        load("mnist", "train", root=tmp_path / "file" / "below")


def test_download_arrives_whole_and_once(tmp_path, monkeypatch, capsys):
    fetched = []

    def pretend(url, download_root, filename, md5):
        fetched.append(filename)
        write_idx(Path(download_root), filename.split("-")[0], range(10))
        Path(download_root, filename).write_bytes(b"the archive")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", pretend)
    write_idx(tmp_path / "sums", "train", range(10))
    take_for_published(monkeypatch, "mnist", tmp_path / "sums")
    assert len(load("mnist", "train", root=tmp_path)) == 10
    assert fetched == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    out = capsys.readouterr().out
    assert out.startswith("Downloading MNIST from http") and str(tmp_path) in out and out.count("\n") == 1
    raw = tmp_path / "MNIST" / "raw"
    assert sorted(file.name for file in raw.iterdir()) == ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
    load("mnist", "train", root=tmp_path)
    assert len(fetched) == 2


def test_interrupted_download_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(url, download_root, filename, md5):
        Path(download_root, "train-images-idx3-ubyte").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", "train", root=tmp_path)
    assert not list(tmp_path.rglob("*ubyte"))


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A small CIFAR-10 in the published form, which torchvision is told to take for the real one."""
    from torchvision.datasets import CIFAR10

    folder = tmp_path / "root" / "cifar-10-batches-py"
    folder.mkdir(parents=True)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(seed):
        pixels = np.random.RandomState(seed).randint(0, 256, (20, 3072)).astype(np.uint8)
        return {"data": pixels, "labels": list(range(10)) * 2}

    names = [f"data_batch_{i}" for i in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", [[name, write(name, batch(i))] for i, name in enumerate(names)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", write("test_batch", batch(9))]])
    meta = CIFAR10.meta | {"md5": write("batches.meta", {"label_names": [f"class {i}" for i in range(10)]})}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    take_for_published(monkeypatch, "cifar10", folder)
    return folder


@pytest.fixture
def packed(cifar):
    """The same, xz-compressed."""
    folder = cifar.parent / "cifar10"
    folder.mkdir()
    for file in cifar.iterdir():
        (folder / f"{file.name}.xz").write_bytes(lzma.compress(file.read_bytes(), preset=0))
        file.unlink()
    return folder


def test_cifar_is_read(cifar, opened):
    train = load("cifar10", "train", root=cifar.parent)
    assert any("data_batch_5" in file for file in opened) and not any("test_batch" in file for file in opened)
    assert train.images.shape == (100, 3, 32, 32) and train.info.class_names[2] == "class 2"
    with (cifar / "data_batch_2").open("rb") as file:  # a pickle that the fixture above has just written
        np.testing.assert_array_equal(train.images[20:40].flatten(1).numpy(), pickle.load(file)["data"])
    assert len(load("cifar10", "test", root=cifar.parent)) == 20 and available("cifar10", cifar.parent)


def test_damaged_cifar_is_never_unpickled(cifar, monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("unpickled")

    file = cifar / "data_batch_3"
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr(pickle, "load", refuse)
    with pytest.raises(DataError, match=r"data_batch_3 is damaged .*delete it"):
        load("cifar10", "train", root=cifar.parent)


def test_a_pickle_that_cannot_be_read_is_named(cifar, monkeypatch):
    from torchvision.datasets import CIFAR10

    (cifar / "data_batch_3").write_bytes(b"no pickle")
    take_for_published(monkeypatch, "cifar10", cifar)
    listed = [[name, published.SUMS["cifar10"][name]] for name, _ in CIFAR10.train_list]
    monkeypatch.setattr(CIFAR10, "train_list", listed)
    with pytest.raises(DataError, match=r"cifar10 cannot be read from .*: delete its files"):
        load("cifar10", "train", root=cifar.parent)


def test_xz_files_are_unpacked_once(packed, tmp_path, monkeypatch, opened, capsys):
    assert available("cifar10", packed.parent)
    train = load("cifar10", "train", root=packed.parent)
    assert len(train) == 100 and "Unpacking CIFAR-10" in capsys.readouterr().out
    assert not any("test_batch" in file for file in opened)
    unpacked = tmp_path / "downloads" / "cifar-10-batches-py"
    assert sorted(file.name for file in unpacked.iterdir()) == [
        "batches.meta",
        *(f"data_batch_{i}" for i in range(1, 6)),
    ]
    (unpacked / "data_batch_2").unlink()
    opened.clear()
    assert torch.equal(load("cifar10", "train", root=packed.parent).images, train.images)
    assert [Path(file).name for file in opened if file.endswith(".xz")] == ["data_batch_2.xz"]
    monkeypatch.setattr(lzma, "open", None)
    assert torch.equal(load("cifar10", "train", root=packed.parent).images, train.images)


@pytest.mark.parametrize(("damage", "message"), [("cut", "damaged"), ("swap", "does not hold the published")])
def test_unpacking_is_all_or_nothing(packed, tmp_path, damage, message):
    file = packed / "data_batch_3.xz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == "cut" else lzma.compress(b"something else"))
    with pytest.raises(DataError, match=rf"data_batch_3.xz.* {message}.*replace it"):
        load("cifar10", "train", root=packed.parent)
    unpacked = tmp_path / "downloads" / "cifar-10-batches-py"
    assert not list(unpacked.glob("*data_batch_3*")) and not list(unpacked.glob(".*"))
    file.write_bytes(whole)
    assert len(load("cifar10", "train", root=packed.parent)) == 100


def test_unpacking_ends_where_no_published_file_is_longer(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "_MOST_BYTES", 2**21)
    (packed / "data_batch_3.xz").write_bytes(lzma.compress(bytes(2**24), preset=0))
    with pytest.raises(DataError, match=r"data_batch_3.xz is damaged \(more than 2,097,152 bytes .*replace it"):
        load("cifar10", "train", root=packed.parent)
    assert not list((tmp_path / "downloads").rglob("*data_batch_3*"))


# --- image folders --------------------------------------------------------------------------------------------------


def write_folder(root, counts, size=(16, 16), suffix="png"):
    """Images of noise: counts is {"train/cat": 5, ...}, size (width, height)."""
    random = np.random.RandomState(1)
    for place, count in counts.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = random.randint(0, 256, (size[1], size[0], 3)).astype(np.uint8)
            Image.fromarray(pixels).save(root / place / f"{i}.{suffix}")
    return root


@pytest.fixture
def folder(tmp_path):
    counts = {"train/ant": 6, "train/bee": 9, "train/cat": 5, "test/bee": 3, "test/cat": 2}
    return write_folder(tmp_path / "animals", counts)


def test_image_folder(folder, opened):
    train = load(f"folder:{folder}", "train")
    assert any("train" in file for file in opened) and not any("animals/test" in file for file in opened)
    assert isinstance(train, Dataset) and train.images.shape == (20, 3, 16, 16)
    assert train.info.class_names == ("ant", "bee", "cat") and train.info.classes == 3 and train.info.flip
    first = np.asarray(Image.open(folder / "train" / "bee" / "0.png"))
    np.testing.assert_array_equal(train.images[6].permute(1, 2, 0).numpy(), first)
    test = load(f"folder:{folder}", "test")
    assert test.labels.tolist() == [1, 1, 1, 2, 2] and test.info == train.info
    assert load("folder:animals", "train", root=folder.parent, limit=6).labels.bincount().tolist() == [2, 2, 2]
    assert available("folder:animals", folder.parent) and not available("folder:plants", folder.parent)


def test_val_stands_in_for_test(folder):
    (folder / "test").rename(folder / "val")
    assert len(load(f"folder:{folder}", "test")) == 5 and available(f"folder:{folder}")


def test_images_of_mixed_size(folder):
    write_folder(folder, {"train/bee": 1}, size=(24, 20))
    with pytest.raises(DataError, match=r"bee/0.png has 24 x 20 pixels .* 16 x 16: give image_size"):
        load(f"folder:{folder}", "train")
    assert load(f"folder:{folder}", "train", image_size=12).images.shape == (20, 3, 12, 12)
    write_folder(folder, {"test/cat": 1}, size=(8, 8))
    with pytest.raises(DataError, match=r"cat/0.png has 8 x 8 pixels .* 16 x 16"):
        load(f"folder:{folder}", "test")


def test_images_that_are_not_square(tmp_path):
    write_folder(tmp_path, {"train/a": 2, "train/b": 1}, size=(16, 12))
    with pytest.raises(DataError, match=r"0.png has 16 x 12 pixels .*give image_size"):
        load(f"folder:{tmp_path}", "train")


@pytest.mark.parametrize("resident_limit", [2**30, 0])
def test_broken_jpeg(tmp_path, resident_limit):
    write_folder(tmp_path, {"train/a": 3, "train/b": 1}, suffix="jpg")
    file = tmp_path / "train" / "a" / "1.jpg"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"a/1.jpg is not a readable image"):
        dataset = load(f"folder:{tmp_path}", "train", resident_limit=resident_limit)
        everything(batches(dataset, 2, augment=False, shuffle=False, drop_last=False, generator=None, workers=0))
    file.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"a/1.jpg is not a readable image"):
        load(f"folder:{tmp_path}", "train", resident_limit=resident_limit)


def test_folders_that_are_laid_out_wrongly(folder, tmp_path):
    with pytest.raises(DataError, match=r"nowhere/train .*PATH/train/<class>"):
        load(f"folder:{tmp_path}/nowhere", "train")
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"empty/train .*PATH/train/<class>"):
        load(f"folder:{tmp_path}/empty", "train")
    (folder / "train" / "dog").mkdir()
    with pytest.raises(DataError, match=r"animals/train .*dog"):
        load(f"folder:{folder}", "train")
    (folder / "train" / "dog").rmdir()
    write_folder(folder, {"test/emu": 1})
    with pytest.raises(DataError, match="test/emu is a class that train lacks"):
        load(f"folder:{folder}", "test")
    write_folder(tmp_path / "half", {"train/a": 1, "train/b": 1})
    with pytest.raises(DataError, match=r"half/val "):
        load(f"folder:{tmp_path}/half", "test")
    assert not available(f"folder:{tmp_path}/half")


def test_a_single_class_is_refused(tmp_path):
    write_folder(tmp_path, {"train/ant": 3, "train/.ipynb_checkpoints": 1, "test/ant": 1})
    with pytest.raises(DataError, match=r"train holds one class, ant, .*PATH/train/<class>"):
        load(f"folder:{tmp_path}", "train")


def test_classes_without_test_images_are_told(folder, capsys):
    load(f"folder:{folder}", "train")
    assert capsys.readouterr().out == ""
    load(f"folder:{folder}", "test")
    assert capsys.readouterr().out == "folder:animals: no test images of ant\n"


@pytest.mark.parametrize("name", [".ipynb_checkpoints", "__MACOSX", ".git"])
def test_what_is_hidden_is_no_class_and_no_image(folder, name):
    plain = load(f"folder:{folder}", "train")
    write_folder(folder, {f"train/{name}": 2, f"train/ant/{name}": 2, f"test/{name}/deep": 1})
    (folder / "train" / "ant" / "._0.png").write_bytes(b"what a Mac adds")
    (folder / "train" / ".DS_Store").write_bytes(b"likewise")
    assert same((load(f"folder:{folder}", "train").images, plain.images), (plain.images, plain.images))
    assert load(f"folder:{folder}", "test").info.class_names == ("ant", "bee", "cat")


def test_no_link_multiplies_images(folder, tmp_path):
    plain = load(f"folder:{folder}", "train", resident_limit=0).items
    for link, target in {"back": folder, "up": folder / "train", "own": folder / "train" / "ant", "all": "/"}.items():
        (folder / "train" / "ant" / link).symlink_to(target)
    (folder / "train" / "bee" / "sideways").symlink_to("../ant")
    assert load(f"folder:{folder}", "train", resident_limit=0).items == plain
    # what lies elsewhere is followed, once
    elsewhere = write_folder(tmp_path / "elsewhere", {"emu": 2, "emu/young": 1})
    for link in ("emu", "emu2"):
        (folder / "train" / link).symlink_to(elsewhere / "emu")
    with pytest.raises(DataError, match="no images of emu2: add some"):
        load(f"folder:{folder}", "train")
    (folder / "train" / "emu2").unlink()
    (elsewhere / "emu" / "young" / "round").symlink_to(elsewhere)
    assert load(f"folder:{folder}", "train").labels.bincount().tolist() == [6, 9, 5, 3]


def test_images_of_nested_folders_are_in_torchvision_s_order(folder):
    from torchvision.datasets import ImageFolder

    write_folder(folder, {"train/bee/a": 2, "train/bee/a/b": 1, "train/bee/a-b": 2, "train/bee/0": 1})
    assert load(f"folder:{folder}", "train", resident_limit=0).items == tuple(
        name for name, _ in ImageFolder(folder / "train").samples
    )


@pytest.mark.parametrize("kind", ["pipe", "socket", "broken link", "link to itself", "device"])
def test_what_is_no_file_is_refused_and_never_opened(folder, kind, monkeypatch):
    place = folder / "train" / "ant" / "x.png"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        monkeypatch.chdir(place.parent)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("x.png")
    else:
        place.symlink_to({"broken link": "nowhere", "link to itself": "x.png", "device": "/dev/zero"}[kind])
    with pytest.raises(DataError, match=r"ant/x.png is no file that can be read: replace or delete it"):
        load(f"folder:{folder}", "train")
    place.rename(place.with_name("x.log"))
    assert len(load(f"folder:{folder}", "train")) == 20


def test_a_folder_that_cannot_be_read_is_named(folder, monkeypatch):
    scan = os.scandir

    def locked(place):
        if str(place).endswith("bee"):
            raise PermissionError(13, "Permission denied")
        return scan(place)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(DataError, match=r"train/bee cannot be read .*Permission denied"):
        load(f"folder:{folder}", "train")


# a slope from black to white, 16 x 16, in [0, 1]; 2/3 is no multiple of 1/257, so that rounding shows
SLOPE = np.linspace(0, 1, 256).reshape(16, 16)


def sixteen():
    return np.round(SLOPE * 65535).astype(np.uint16)


def grey(mode="L"):
    return Image.fromarray(np.round(SLOPE * 255).astype(np.uint8)).convert(mode)


def see_through(mode):
    """The slope, whose first half is transparent."""
    image = grey("L").convert(mode)
    image.putalpha(Image.fromarray(np.repeat([0, 255], 128).reshape(16, 16).astype(np.uint8)))
    return image


def whitened():
    return np.where(np.arange(256).reshape(16, 16) < 128, 255, np.round(SLOPE * 255))


def dithered():
    return np.asarray(grey("1")).astype(np.uint8) * 255


@pytest.mark.parametrize(
    ("image", "suffix", "settings", "expected"),
    [
        (lambda: Image.fromarray(sixteen()), "png", {}, None),
        (lambda: Image.fromarray(sixteen()), "tif", {}, None),
        (lambda: Image.fromarray(sixteen()), "tif", {"compression": "tiff_deflate"}, None),
        (lambda: Image.fromarray(sixteen().astype(">u2")), "tif", {}, None),
        (lambda: Image.fromarray(65535 - sixteen()), "tif", {"tiffinfo": {262: 0}}, None),
        (lambda: Image.fromarray(sixteen().astype(np.int32)), "pgm", {}, None),
        (lambda: grey("L"), "png", {}, None),
        (lambda: grey("1"), "png", {}, dithered),
        (lambda: grey("1"), "tif", {}, dithered),
        (lambda: grey("P"), "png", {}, None),
        (lambda: grey("P"), "png", {"transparency": bytes([0] * 128 + [255] * 128)}, whitened),
        (lambda: grey("CMYK"), "tif", {}, None),
        (lambda: see_through("RGB"), "png", {}, whitened),
        (lambda: see_through("L"), "png", {}, whitened),
        (lambda: see_through("RGB"), "tif", {}, whitened),
        (lambda: see_through("RGB"), "webp", {"lossless": True}, whitened),
    ],
)
def test_images_of_every_depth_are_scaled_to_8_bits(tmp_path, image, suffix, settings, expected):
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        image().save(tmp_path / "train" / name / f"x.{suffix}", **settings)
    wanted = (expected or (lambda: np.round(SLOPE * 255)))()
    for channel in load(f"folder:{tmp_path}", "train").images[0].numpy():
        np.testing.assert_array_equal(channel, wanted)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (SLOPE.astype(np.float32), "its values are fractions, of which nothing says what is white; save it with 8 or"),
        (sixteen().astype(np.int32), "its values are signed or of 32 bits, of which nothing says"),
    ],
)
def test_images_whose_range_is_unknown_are_refused_by_name(folder, pixels, said):
    Image.fromarray(pixels).save(folder / "train" / "bee" / "x.tif")
    with pytest.raises(DataError, match=rf"bee/x.tif is not a readable image \({said}"):
        load(f"folder:{folder}", "train")


@pytest.mark.parametrize("factor", [1.5, 3])  # Pillow warns of the one, and refuses the other
def test_images_of_too_many_pixels_are_refused_by_name(folder, factor, monkeypatch):
    Image.new("1", (100, 100)).save(folder / "train" / "cat" / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(100 * 100 / factor))
    for filters in ("error", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter(filters)
            with pytest.raises(DataError, match=r"cat/x.png has too many pixels .*: make it smaller, or delete it"):
                load(f"folder:{folder}", "train")


def test_long_thin_images_are_not_blown_up(folder):
    Image.new("L", (1, 50_000)).save(folder / "train" / "cat" / "x.png")
    with pytest.raises(DataError, match=r"cat/x.png has too many pixels \(64 x 3,200,000 scaled to 64 pixels by its"):
        load(f"folder:{folder}", "train", image_size=64)


def test_no_format_but_those_of_pictures_is_opened(folder):
    Image.new("RGB", (16, 16)).save(folder / "train" / "cat" / "x.eps")
    (folder / "train" / "cat" / "x.eps").rename(folder / "train" / "cat" / "x.png")
    with pytest.raises(DataError, match=r"cat/x.png is not a readable image \(cannot identify"):
        load(f"folder:{folder}", "train")


@pytest.fixture
def shapes(tmp_path):
    """Images of odd shapes, none of the size that is asked for."""
    for place, size in {"train/a": (40, 10), "train/b": (9, 33), "test/a": (16, 16), "test/b": (21, 20)}.items():
        write_folder(tmp_path / "shapes", {place: 3}, size)
    return f"folder:{tmp_path / 'shapes'}"


SQUARE = {"image_size": 14, "fit": "square"}


@pytest.mark.parametrize("split", ["train", "test"])
def test_square_scales_whatever_the_shape_and_cuts_the_middle_out(shapes, split):
    resident, streamed = (load(shapes, split, **SQUARE, resident_limit=limit) for limit in (2**30, 0))
    assert isinstance(resident, Dataset) and isinstance(streamed, StreamedDataset)
    for image, file in zip(resident.images, streamed.items, strict=True):
        plain = Image.open(file).resize((16, 16), Image.Resampling.BILINEAR).crop((1, 1, 15, 15))
        np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), np.asarray(plain))
    settings = {"augment": False, "shuffle": False, "drop_last": False, "generator": None}
    assert same(everything(batches(resident, 4, **settings)), everything(batches(streamed, 4, workers=0, **settings)))


def test_streamed_squares_are_padded_cropped_and_flipped(shapes):
    resident, streamed = (load(shapes, "train", **SQUARE, resident_limit=limit) for limit in (2**30, 0))
    settings = {"augment": True, "shuffle": False, "drop_last": False, "cutout": 4, "workers": 0}
    images, _ = everything(batches(streamed.subset([0, 3] * 20), 8, generator=generator(4), **settings))
    mean, std = (np.float32(values).reshape(3, 1, 1) for values in (streamed.info.mean, streamed.info.std))
    seeds = torch.randint(2**63 - 1, (40,), generator=generator(4)).tolist()
    flips = []
    for i, seed in enumerate(seeds):
        source = generator(seed)
        (offset,), (flip,), _ = draw(1, streamed.info, source)
        plain = plain_crop_and_flip(resident.images[3 * (i % 2)].numpy(), offset.tolist(), flip, 2)
        plain = (plain.astype(np.float32) / np.float32(255) - mean) / std
        centre = torch.randint(14, (2,), generator=source).tolist()
        np.testing.assert_array_equal(images[i].numpy(), plain_cut_out(plain, centre, 4))
        flips.append(bool(flip))
    assert 0 < sum(flips) < 40


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("folder:x", {"fit": "wide"}, "unknown fit 'wide'.*shorter, square"),
        ("digits", {"fit": "square"}, "fit='square' is for image folders, folder:PATH, not for 'digits'"),
        ("digits", {"clip_seconds": 2.0}, "clip_seconds and speakers are for voices:PATH, not for 'digits'"),
        ("folder:x", {"speakers": 5}, "clip_seconds and speakers are for voices:PATH, not for 'folder:x'"),
    ],
)
def test_settings_of_another_kind_of_set(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        load(name, "train", **settings)


# --- image folders in zip files -------------------------------------------------------------------------------------


def write_zip(target, folder, prefix=""):
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(folder.rglob("*.*")):
            file.write(path, f"{prefix}{path.relative_to(folder)}")
    return target


@pytest.mark.parametrize("prefix", ["", "animals-1.0/"])
def test_a_zipped_folder_is_unpacked_once(prefix, folder, tmp_path, capsys):
    source = write_zip(tmp_path / "root" / "zoo" / "a.zip", folder, prefix)
    before = source.stat()
    assert available("folder:zoo", source.parents[1]) and not (tmp_path / "downloads").exists()
    train, test = (load("folder:zoo", split, root=source.parents[1]) for split in ("train", "test"))
    plain = load(f"folder:{folder}", "train")
    assert torch.equal(train.images, plain.images) and torch.equal(train.labels, plain.labels)
    assert train.info.title == "zoo" and test.labels.tolist() == [1, 1, 1, 2, 2]
    (unpacked,) = (tmp_path / "downloads").glob("[!.]*")
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"Unpacking {source} to {unpacked}, once" and others == ["folder:zoo: no test images of ant"]
    assert list(source.parent.iterdir()) == [source] and source.stat() == before
    assert not [path for path in (tmp_path / "downloads").glob(".*") if path.is_dir()]


def test_a_changed_zip_is_unpacked_anew(folder, tmp_path):
    source = write_zip(tmp_path / "zoo" / "a.zip", folder)
    assert len(load("folder:zoo", "train", root=tmp_path)) == 20
    (folder / "train" / "ant" / "0.png").unlink()
    write_zip(source, folder)
    assert len(load("folder:zoo", "train", root=tmp_path)) == 19


def test_an_unpacked_folder_beside_zip_files_is_taken(folder, tmp_path):
    for name in ("a.zip", "b.zip"):
        write_zip(folder / name, folder / "test")
    assert len(load(f"folder:{folder}", "train")) == 20 and not (tmp_path / "downloads").exists()


def _unpacking(root, begin, results, dies):
    if dies:
        zipped.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    begin.wait()
    results.put(len(load("folder:zoo", "train", root=root)))


def test_two_processes_unpack_once_and_a_killed_one_leaves_nothing(folder, tmp_path, capfd):
    write_zip(tmp_path / "zoo" / "a.zip", folder)
    context = multiprocessing.get_context("fork")
    begin, results = context.Event(), context.Queue()
    dying, *both = (context.Process(target=_unpacking, args=(tmp_path, begin, results, i == 0)) for i in range(3))
    begin.set()
    dying.start()
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    half = [path for path in (tmp_path / "downloads").iterdir() if path.is_dir()]
    assert len(half) == 1 and half[0].name.startswith(".") and list(half[0].rglob("*.png"))
    begin.clear()
    for child in both:
        child.start()
    begin.set()
    assert [results.get(timeout=60) for _ in both] == [20, 20]
    for child in both:
        child.join()
    assert capfd.readouterr().out.count("Unpacking") == 2  # the killed one's, and one
    assert [path.name.startswith(".") for path in (tmp_path / "downloads").iterdir() if path.is_dir()] == [False]


def _spoil(source):
    content = bytearray(source.read_bytes())
    content[200] ^= 255  # in the first image's bytes
    source.write_bytes(content)


def _add(name):
    def add(source):
        with zipfile.ZipFile(source, "a") as file:
            file.writestr(name, b"x")

    return add


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda source: source.write_bytes(source.read_bytes()[:-100]), "a.zip is damaged .*replace it"),
        (lambda source: source.write_bytes(b""), "a.zip is damaged .*replace it"),
        (_spoil, "a.zip is damaged .*CRC.*replace it"),
        (_add("train/../../../escaped.png"), "a.zip names a place outside itself, 'train/../../../escaped.png'"),
        (_add("/escaped.png"), "a.zip names a place outside itself"),
        (lambda source: write_zip(source, source.parents[1] / "animals" / "test"), "a.zip is no image folder: it must"),
        (lambda source: write_zip(source, source.parents[1] / "animals", "one/two/"), "at most one folder further"),
        (
            lambda source: write_zip(source.with_name("b.zip"), source.parents[1] / "animals"),
            r"2 zip files \(a.zip, b.zip\): leave",
        ),
    ],
)
def test_zip_files_that_cannot_be_used_are_named(damage, said, folder, tmp_path):
    source = write_zip(tmp_path / "zoo" / "a.zip", folder)
    damage(source)
    with pytest.raises(DataError, match=said):
        load("folder:zoo", "train", root=tmp_path)
    assert not list(tmp_path.rglob("escaped.png")) and not list((tmp_path / "downloads").glob("[!.]*"))
    assert available("folder:zoo", tmp_path) == ("CRC" in said)  # which is seen only in reading


def _add_zeros(name, size):
    def add(source):
        with zipfile.ZipFile(source, "a", zipfile.ZIP_DEFLATED) as file:
            file.writestr(name, bytes(size))

    return add


def _add_one_of_many_zeros(source):
    with zipfile.ZipFile(source, "a") as file:
        file.writestr("train/ant/noise.png", np.random.RandomState(3).bytes(10**5))
    _add_zeros("train/ant/x.png", 3 * 2**20)(source)


def _add_many(source):
    for i in range(40):
        _add_zeros(f"train/ant/many{i}.png", 2**20)(source)


def _add_special(kind):
    def add(source):
        member = zipfile.ZipInfo("train/ant/x.png")
        member.create_system, member.external_attr = 3, (kind | 0o777) << 16
        with zipfile.ZipFile(source, "a") as file:
            file.writestr(member, "../../../../secret.png")

    return add


def _understate(source):
    """Ten million bytes that the list of the zip file gives as ten."""
    _add_zeros("train/ant/x.png", 10**7)(source)
    content = source.read_bytes()
    at = content.rindex(b"PK\x01\x02")
    source.write_bytes(content[: at + 24] + struct.pack("<I", 10) + content[at + 28 :])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            _add_zeros("train/ant/x.png", 2 * 10**8),
            r"would unpack to 200,\d+,\d+, where \d+,\d+,\d+ are allowed \(50 times",
        ),
        (
            _add_one_of_many_zeros,
            r"holds 'train/ant/x.png', of \d,\d+ bytes, which would unpack to 3,",
        ),
        (_add_many, r"would unpack to 41,\d+,\d+, where .* are allowed \(50 times its size, and 274,877,906,944\)"),
        (_add_special(stat.S_IFLNK), "holds 'train/ant/x.png', a link or a device: it is not unpacked; replace it"),
        (_add_special(stat.S_IFCHR), "holds 'train/ant/x.png', a link or a device"),
        (_add_special(stat.S_IFIFO), "holds 'train/ant/x.png', a link or a device"),
        (_understate, "is damaged .*: replace it"),
    ],
)
def test_zip_files_that_are_traps_unpack_nothing(damage, said, folder, tmp_path):
    source = write_zip(tmp_path / "zoo" / "a.zip", folder)
    damage(source)
    assert source.stat().st_size < 300_000
    with pytest.raises(DataError, match=rf"a.zip.*{said}") as caught:
        load("folder:zoo", "train", root=tmp_path)
    assert "replace it" in str(caught.value) and not list((tmp_path / "downloads").rglob("*.png"))


def test_a_zip_file_of_too_many_files_is_not_unpacked(folder, tmp_path, monkeypatch):
    write_zip(tmp_path / "zoo" / "a.zip", folder)
    monkeypatch.setattr(zipped, "_MOST_FILES", 24)
    with pytest.raises(DataError, match=r"a.zip holds 25 files, where 24 are allowed: replace it"):
        load("folder:zoo", "train", root=tmp_path)


def test_hidden_files_are_not_unpacked(folder, tmp_path):
    source = write_zip(tmp_path / "zoo" / "a.zip", folder)
    for name in ("train/.ipynb_checkpoints/0.png", "train/ant/._0.png", "__MACOSX/train/ant/0.png"):
        _add(name)(source)
    (source.parent / "._a.zip").write_bytes(b"what a Mac adds")
    assert load("folder:zoo", "train", root=tmp_path).info.class_names == ("ant", "bee", "cat")
    assert len(list((tmp_path / "downloads").rglob("*.png"))) == 25


def test_a_zip_file_may_hold_other_files_too(folder, tmp_path):
    _add("other/notes/today.txt")(write_zip(tmp_path / "zoo" / "a.zip", folder))
    assert len(load("folder:zoo", "train", root=tmp_path)) == 20
    assert sorted(path.name for path in next((tmp_path / "downloads").glob("[!.]*")).iterdir()) == ["test", "train"]


def test_a_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"nowhere/train .*or a zip file .*NASCORE_DATA"):
        load("folder:nowhere", "train", root=tmp_path)


def test_a_place_that_cannot_be_written_is_named(folder, tmp_path):
    write_zip(tmp_path / "zoo" / "a.zip", folder)
    (tmp_path / "downloads").write_text("in the way")
    with pytest.raises(DataError, match=r"a.zip cannot be unpacked to .*downloads"):
        load("folder:zoo", "train", root=tmp_path)


@real_data
@pytest.mark.parametrize(("name", "train", "test"), [("tiny_imagenet", 1500, 300), ("cats_vs_dogs", 700, 300)])
def test_real_zipped_folders(name, train, test):
    if not list(Path(REAL, name).glob("*.zip")):
        pytest.skip(f"NASCORE_DATA holds no zipped {name}")
    size = 64 if name == "cats_vs_dogs" else None
    assert available(f"folder:{name}", REAL)
    held = {split: load(f"folder:{name}", split, root=REAL, image_size=size) for split in ("train", "test")}
    assert (len(held["train"]), len(held["test"])) == (train, test) and held["train"].info.image_size == 64


# --- fingerprints ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "files", "start"),
    [
        ("digits", 1, "9d37ac57"),
        ("mnist", 4, "5c2571ce"),
        ("fashion_mnist", 4, "0dd45651"),
        ("cifar10", 7, "e551baf3"),
        ("cifar100", 3, "e8172bb3"),
    ],
)
def test_named_sets_have_a_constant_fingerprint_without_files(name, files, start, tmp_path):
    found = fingerprint(name, root=tmp_path)
    assert found["files"] == files and found["sha256"].startswith(start)
    assert set(published.SUMS) == set(DATASETS) and not list(tmp_path.iterdir())


def copied(folder, target, later=0):
    shutil.copytree(folder, target)
    for path in target.rglob("*"):
        os.utime(path, ns=(later, later))
    return target


def test_the_same_images_have_the_same_fingerprint_wherever_they_are(folder, tmp_path):
    found = fingerprint(f"folder:{folder}")
    size = sum(file.stat().st_size for file in folder.rglob("*.png"))
    assert found == {"sha256": found["sha256"], "files": 25, "bytes": size} and len(found["sha256"]) == 64
    copied(folder, tmp_path / "other" / "place", later=10**18)
    assert fingerprint("folder:place", root=tmp_path / "other") == found
    write_zip(tmp_path / "zipped" / "a.zip", folder, "animals/")
    assert fingerprint(f"folder:{tmp_path / 'zipped'}") == found
    (folder / "notes.txt").write_text("is not used")
    write_folder(folder, {"train/.hidden": 1, "other": 1})
    assert fingerprint(f"folder:{folder}") == found


def _swap(folder):
    one, other = folder / "train" / "ant" / "0.png", folder / "train" / "bee" / "0.png"
    one.rename(folder / "x"), other.rename(one), (folder / "x").rename(other)


def _flip(folder):
    file = folder / "test" / "bee" / "0.png"
    state, content = file.stat(), bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))  # as if it had not changed


@pytest.mark.parametrize(
    "change",
    [
        _swap,
        _flip,
        lambda folder: (folder / "train" / "ant" / "0.png").unlink(),
        lambda folder: (folder / "train" / "ant" / "0.png").rename(folder / "train" / "ant" / "00.png"),
        lambda folder: (folder / "test").rename(folder / "val"),
        lambda folder: write_folder(folder, {"test/ant": 1}),
    ],
)
def test_other_images_have_another_fingerprint(change, folder):
    before = fingerprint(f"folder:{folder}")
    change(folder)
    assert fingerprint(f"folder:{folder}") != before


def test_a_second_call_reads_nothing(folder, tmp_path, opened):
    found = fingerprint(f"folder:{folder}")
    (kept,) = (tmp_path / "downloads").glob("fingerprint-*.json")
    opened.clear()
    assert fingerprint(f"folder:{folder}") == found and not any(file.endswith(".png") for file in opened)
    for damage in (
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        kept.read_bytes().replace(b'"files": 25', b'"files": 24'),
    ):
        kept.write_bytes(damage)
        assert fingerprint(f"folder:{folder}") == found
    shutil.rmtree(tmp_path / "downloads")
    (tmp_path / "downloads").write_text("in the way")  # it is not kept, then
    assert fingerprint(f"folder:{folder}") == found


@pytest.mark.parametrize("limit", [{"_MOST_FILES": 24}, {"_MOST_BYTES": 1000}])
def test_of_large_folders_a_sample_is_read(folder, limit, monkeypatch, opened):
    whole = fingerprint(f"folder:{folder}")
    for name, value in (limit | {"_SAMPLE": 10}).items():
        monkeypatch.setattr(fingerprints, name, value)
    copy = copied(folder, folder.parent / "copy")
    opened.clear()
    found = fingerprint(f"folder:{copy}")
    read = {Path(file).relative_to(copy) for file in opened if file.endswith(".png")}
    assert len(read) == 10 and found == whole | {"sha256": found["sha256"], "contents_of": 10}
    _flip(copy)  # test/bee/0.png
    assert (fingerprint(f"folder:{copy}") != found) == (Path("test/bee/0.png") in read)
    for file in sorted(read)[:1]:
        (copy / file).write_bytes((copy / file).read_bytes()[:-1] + b"x")
    assert fingerprint(f"folder:{copy}") != found


def test_missing_data_have_no_fingerprint(folder, tmp_path):
    with pytest.raises(DataError, match=r"nowhere/train .*NASCORE_DATA"):
        fingerprint("folder:nowhere", root=tmp_path)
    shutil.rmtree(folder / "test")
    with pytest.raises(DataError, match=r"animals/val .*PATH/val/<class>"):
        fingerprint(f"folder:{folder}")
    with pytest.raises(ConfigError, match="unknown data set 'folders'"):
        fingerprint("folders")


# --- streaming ------------------------------------------------------------------------------------------------------


@pytest.fixture
def streamed(folder):
    return load(f"folder:{folder}", "train", image_size=12, resident_limit=0)


STREAMING = {"augment": True, "cutout": 4, "shuffle": True, "drop_last": False}


def test_large_folders_are_streamed(folder, streamed):
    assert isinstance(streamed, StreamedDataset) and len(streamed) == 20
    assert isinstance(load(f"folder:{folder}", "train", resident_limit=20 * 3 * 16 * 16), Dataset)
    assert isinstance(load(f"folder:{folder}", "train", resident_limit=20 * 3 * 16 * 16 - 1), StreamedDataset)
    # one set is treated one way, however few images of it are asked for
    for split in ("train", "test"):
        part = load(f"folder:{folder}", split, limit=3, resident_limit=20 * 3 * 16 * 16 - 1)
        assert isinstance(part, StreamedDataset) and len(part) == 3
    assert isinstance(batches(streamed, 4, generator=generator(), **STREAMING), StreamedBatches)
    assert streamed.subset([19, 0]).labels.tolist() == [2, 0] and streamed.to("meta").device.type == "meta"


def test_streaming_does_not_depend_on_workers(streamed):
    before = torch.get_rng_state()
    by_workers = [everything(batches(streamed, 8, workers=w, generator=generator(4), **STREAMING)) for w in (0, 2)]
    assert same(*by_workers) and torch.equal(torch.get_rng_state(), before)
    images, labels = by_workers[0]
    assert images.shape == (20, 3, 12, 12) and images.dtype == torch.float32
    assert sorted(labels.tolist()) == sorted(streamed.labels.tolist())


def test_streamed_draws_follow_the_generator(streamed):
    source = generator(4)
    made = batches(streamed, 8, workers=0, generator=source, **STREAMING | {"shuffle": False})
    state = source.get_state()
    first, second = everything(made), everything(made)
    assert torch.equal(first[1], second[1]) and not torch.equal(first[0], second[0])
    assert (first[0] == 0).flatten(1).any(1).all()  # each has its cutout
    source.set_state(state)
    assert same(everything(made), first) and same(everything(made), second)


def test_streamed_images_differ_in_their_draws(tmp_path):
    write_folder(tmp_path, {"train/a": 1, "train/b": 1}, size=(128, 128))
    one = load(f"folder:{tmp_path}", "train", image_size=64, resident_limit=0).subset([0] * 12)
    images, _ = everything(batches(one, 12, workers=0, generator=generator(), **STREAMING | {"cutout": 0}))
    assert len(images.flatten(1).unique(dim=0)) == 12


def test_streamed_evaluation_is_resize_and_centre_crop(streamed):
    from torchvision import transforms as t

    settings = {"augment": False, "shuffle": False, "drop_last": True, "generator": None, "workers": 0}
    images, labels = everything(batches(streamed, 8, **settings))
    assert torch.equal(labels, streamed.labels[:16])
    plain = t.Compose(
        [t.Resize(14), t.CenterCrop(12), t.ToTensor(), t.Normalize(streamed.info.mean, streamed.info.std)]
    )
    for image, file in zip(images, streamed.items, strict=False):
        assert torch.equal(image, plain(Image.open(file).convert("RGB")))


def test_streamed_training_is_random_resized_crop_and_flip(streamed):
    from torchvision import transforms as t

    settings = STREAMING | {"shuffle": False, "cutout": 0}
    images, _ = everything(batches(streamed, 8, workers=0, generator=generator(4), **settings))
    normalised = t.Compose([t.ToTensor(), t.Normalize(streamed.info.mean, streamed.info.std)])
    plain = t.Compose([t.RandomResizedCrop(12), t.RandomHorizontalFlip(), normalised])
    seeds = torch.randint(2**63 - 1, (20,), generator=generator(4)).tolist()
    for image, file, seed in zip(images, streamed.items, seeds, strict=True):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            assert torch.equal(image, plain(Image.open(file).convert("RGB")))


def test_streamed_batches_have_the_interface_of_resident_ones(streamed):
    made = batches(streamed, 8, workers=0, indices=range(10), generator=generator(), **STREAMING)
    assert len(made) == 2 and [len(labels) for _, labels in made] == [8, 2]
    endless = made.forever()
    assert [len(next(endless)[1]) for _ in range(4)] == [8, 2, 8, 2]
    with pytest.raises(ConfigError, match=r"21 .*20 images"):
        batches(streamed, 21, generator=generator(), **STREAMING | {"drop_last": True})
