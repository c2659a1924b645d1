"""Data sets by name."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from nascore.base.arguments import Amount, checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.paths import data_root
from nascore.data import published
from nascore.data.folders import folder_available, load_folder
from nascore.data.images import FITS
from nascore.data.info import DATASETS, Info, padding_for
from nascore.data.resident import Dataset
from nascore.data.splits import balanced_order, limited
from nascore.data.streaming import AnyDataset
from nascore.data.voices import CLIP_SECONDS, SHORTEST_CLIP, load_voices, voices_available

_FOLDER, _VOICES = "folder:", "voices:"
_DIGITS_TO_TEST = 360  # 36 of each digit, a fifth; 1,437 are left to train on


@checked
def load(
    name: str,
    split: str,
    *,
    root: str | Path | None = None,
    limit: int | None = None,
    image_size: Amount | None = None,
    resident_limit: int = 2 * 2**30,
    fit: str = "shorter",
    clip_seconds: float = CLIP_SECONDS,
    speakers: int | None = None,
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

    Raises `ConfigError` for an unknown name, split or fit, an impossible limit, size, length of clips or number of
    speakers, and settings that are for another kind of set; `DataError`, with the file and the remedy, for data that
    are missing or damaged, for image folders with a wrong layout, a test class that train lacks, or images that differ
    in size while no `image_size` is given, and for voices with a wrong layout, a file that it takes the package
    `soundfile` to read, or a speaker who has nothing left for one of the splits.
    """
    choose("split", split, {"train": None, "test": None})
    choose("fit", fit, FITS)
    if image_size is not None and image_size < 1:
        raise ConfigError(f"image_size must be at least 1 pixel, not {image_size}")
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


def _path(name: str, prefix: str, root: str | Path | None) -> Path | None:
    if not str(name).startswith(prefix):
        return None
    return data_root(root) / Path(name.removeprefix(prefix)).expanduser()


def _info(name: str) -> Info:
    return choose("data set", name, DATASETS | {f"{prefix}PATH": None for prefix in (_FOLDER, _VOICES)})


def _check_settings(name: str, fit: str, clip_seconds: float, speakers: int | None) -> None:
    """Raise `ConfigError` for what makes no sense, or not with a data set of this kind."""
    if fit != "shorter" and not str(name).startswith(_FOLDER):
        raise ConfigError(f"fit={fit!r} is for image folders, {_FOLDER}PATH, not for {name!r}")
    if (clip_seconds, speakers) != (CLIP_SECONDS, None) and not str(name).startswith(_VOICES):
        raise ConfigError(f"clip_seconds and speakers are for {_VOICES}PATH, not for {name!r}")
    if not SHORTEST_CLIP <= clip_seconds < math.inf:
        raise ConfigError(f"clip_seconds must be at least {SHORTEST_CLIP}, not {clip_seconds}")
    if speakers is not None and speakers < 2:
        raise ConfigError(f"speakers must be at least 2, not {speakers}")


def _digits(split: str) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
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
