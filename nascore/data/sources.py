"""Data sets by name."""

import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, DataError, shortened
from nascore.base.paths import data_root
from nascore.base.ranges import Range
from nascore.data import fingerprints, published
from nascore.data.folders import folder_available, load_folder, used_files
from nascore.data.images import FITS
from nascore.data.info import DATASETS, Info, padding_for
from nascore.data.resident import Dataset
from nascore.data.splits import balanced_order, limited
from nascore.data.streaming import AnyDataset
from nascore.data.voices import CLIP_SECONDS, SHORTEST_CLIP, load_voices, used_recordings, voices_available

_FOLDER, _VOICES = "folder:", "voices:"
_LARGEST = 4096  # pixels
_DIGITS_TO_TEST = 1000  # a hundred of each digit: a small error of the test's own; 797 are left to train on


@checked
def load(
    name: str,
    split: str,
    *,
    root: str | Path | None = None,
    limit: int | None = None,
    image_size: Annotated[int, Range(1, _LARGEST, why="pixels")] | None = None,
    resident_limit: float = 2 * 2**30,
    fit: str = "shorter",
    clip_seconds: Annotated[float, Range(SHORTEST_CLIP)] = CLIP_SECONDS,
    speakers: Annotated[int, Range(2)] | None = None,
) -> AnyDataset:
    """The split "train" or "test" of the data set `name`: one of `DATASETS`, "folder:PATH" for an image folder, or
    "voices:PATH" for recordings by speaker.

    Files are looked for in `nascore.paths.data_root(root)`, where a relative PATH starts, too; a missing set is
    downloaded to it, which a printed line says. Loading "train" opens no test file (but all recordings are looked
    through). `limit` takes the first so many images of a fixed, class-balanced order that is the same for everyone.
    An image folder or voices whose decoded training images take more than `resident_limit` bytes are streamed.

    `image_size` scales the shorter side and keeps the centre. With `fit` "square" images of a folder are scaled to
    squares of 8/7 of that size, whatever their shape, and their centre is kept (DARTS-GAL, section 3.3).

    Recordings are cut into pieces of `clip_seconds`, shown as spectrograms of `image_size` (360) pixels; remainders,
    silent pieces and too short recordings are left out, which a printed line says. `speakers` takes the so many whose
    recordings' total lengths differ least. No recording is in both splits. Where its names are those of the Free Spoken
    Digit Dataset, numbers 0 to 4 are to test with; else a fixed draw of recordings that have at least 20 clips of
    each speaker, or half of the clips if they are fewer than 40.

    The files of an image folder or voices are each taken once, whatever links there are, and hidden ones not at all.
    Images of every depth are scaled to 8 bits, and show white where they are transparent. A printed line says which
    classes have no test images.

    Raises `ConfigError` for an unknown name, split or fit, an impossible limit, size, length of clips or number of
    speakers, and settings that are for another kind of set. Raises `DataError`, with the file and the remedy, for data
    that are missing, damaged, or not the published ones of their name; for image folders with a wrong layout, a single
    class, a test class that train lacks, files of too many pixels or of values whose range nothing says, or images that
    differ in size while no `image_size` is given; for zip files that unpack to too much; and for voices with a wrong
    layout, a file that it takes the package `soundfile` to read, or a speaker who has nothing left for one of the
    splits.
    """
    choose("split", split, {"train": None, "test": None})
    choose("fit", fit, FITS)
    _check_settings(name, fit, clip_seconds, speakers)
    if folder := _path(name, _FOLDER, root):
        return load_folder(folder, split, limit, image_size, resident_limit, fit)
    if voices := _path(name, _VOICES, root):
        return load_voices(voices, split, limit, image_size, resident_limit, clip_seconds, speakers)
    info = _info(name)
    images, labels, names = _digits(split) if name == "digits" else published.read(name, split, data_root(root))
    dataset = limited(Dataset(images, labels, replace(info, class_names=names)), limit)
    return dataset if image_size in (None, info.image_size) else _resized(dataset, image_size)


@checked
def available(name: str, root: str | Path | None = None) -> bool:
    """Whether both splits of `name` can be loaded without a download; files are looked for, not read.

    Raises `ConfigError` for an unknown name.
    """
    if folder := _path(name, _FOLDER, root):
        return folder_available(folder)
    if voices := _path(name, _VOICES, root):
        return voices_available(voices)
    _info(name)
    if name == "digits":
        return importlib.util.find_spec("sklearn") is not None
    return published.present(name, data_root(root))


def fingerprint(name: str, *, root: str | Path | None = None) -> dict[str, Any]:
    """What the data of `name` are, both splits: {"sha256": ..., "files": how many}, and "bytes" in all where files are
    read; equal for equal data on every machine, wherever they lie.

    For a named set it is a constant, known without its files; `load` takes no others. Of an image folder or voices the
    names in the folder, sizes and contents of all files that are used count; of more than 2 GB or 50,000 files the
    contents of 1,000, which "contents_of" says. What is in a zip file counts as if unpacked, which it is, once. A
    second call reads nothing where no file's size or time of change differs.

    Raises `ConfigError` for an unknown name, and `DataError` for missing files, a wrong layout, and files that cannot
    be read, as `load` does.
    """
    if folder := _path(name, _FOLDER, root):
        return fingerprints.of_files(*used_files(folder))
    if voices := _path(name, _VOICES, root):
        return fingerprints.of_files(*used_recordings(voices))
    _info(name)
    return fingerprints.of_sums(published.SUMS[name])


def _path(name: str, prefix: str, root: str | Path | None) -> Path | None:
    if not str(name).startswith(prefix):
        return None
    folder = data_root(root)
    try:
        folder /= Path(name.removeprefix(prefix)).expanduser()
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # which the loader says
    except (OSError, ValueError, RuntimeError) as error:  # too long, with a zero byte, the home of an unknown user, ...
        raise ConfigError(f"{shortened(name)} names no folder that can be looked into ({error})") from error
    return folder


def _info(name: str) -> Info:
    return choose("data set", name, DATASETS | {f"{prefix}PATH": None for prefix in (_FOLDER, _VOICES)})


def _check_settings(name: str, fit: str, clip_seconds: float, speakers: int | None) -> None:
    """Raise `ConfigError` for what makes no sense, or not with a data set of this kind."""
    if fit != "shorter" and not str(name).startswith(_FOLDER):
        raise ConfigError(f"fit={fit!r} is for image folders, {_FOLDER}PATH, not for {name!r}")
    if (clip_seconds, speakers) != (CLIP_SECONDS, None) and not str(name).startswith(_VOICES):
        raise ConfigError(f"clip_seconds and speakers are for {_VOICES}PATH, not for {name!r}")


def _digits(split: str) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    held = bunch.images.astype(np.uint8).tobytes() + bunch.target.astype(np.uint8).tobytes()
    if hashlib.md5(held, usedforsecurity=False).hexdigest() != published.SUMS["digits"]["digits"]:
        raise DataError("scikit-learn's digits are not the published ones: install scikit-learn anew")
    labels = torch.from_numpy(bunch.target).long()
    images = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    order = balanced_order(labels)
    chosen = (order[_DIGITS_TO_TEST:] if split == "train" else order[:_DIGITS_TO_TEST]).sort().values
    return images[chosen], labels[chosen], tuple(map(str, bunch.target_names))


def _resized(dataset: Dataset, size: int) -> Dataset:
    from torchvision.transforms.functional import resize

    chunks = dataset.images.split(4096)  # resizing turns them into floats: not all at once
    images = torch.cat([resize(chunk, [size, size], antialias=True) for chunk in chunks])
    return replace(dataset, images=images, info=replace(dataset.info, image_size=size, crop_padding=padding_for(size)))
