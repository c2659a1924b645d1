"""Data sets by name."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from nascore.config import choose
from nascore.data import published
from nascore.data.folders import folder_available, load_folder
from nascore.data.info import DATASETS, Info, padding_for
from nascore.data.resident import Dataset
from nascore.data.splits import balanced_order, limited
from nascore.data.streaming import StreamedDataset
from nascore.errors import ConfigError
from nascore.paths import data_root

_FOLDER = "folder:"
_DIGITS_TO_TEST = 360  # 36 of each digit, a fifth; 1,437 are left to train on


def load(
    name: str,
    split: str,
    *,
    root: str | Path | None = None,
    limit: int | None = None,
    image_size: int | None = None,
    resident_limit: int = 2 * 2**30,
) -> Dataset | StreamedDataset:
    """The split "train" or "test" of the data set `name`: one of `DATASETS`, or "folder:PATH" for an image folder.

    Files are looked for in `nascore.paths.data_root(root)`, where a relative PATH starts, too; a missing set is
    downloaded to it, which a printed line says. Loading "train" opens no test file. `limit` takes the first so many
    images of a fixed, class-balanced order that is the same for everyone. `image_size` scales the shorter side and
    keeps the centre. An image folder whose decoded training images take more than `resident_limit` bytes is streamed.

    Raises `ConfigError` for an unknown name or split and an impossible limit or size; `DataError`, with the file and
    the remedy, for data that are missing or damaged, and for image folders with a wrong layout, a test class that train
    lacks, or images that differ in size while no `image_size` is given.
    """
    choose("split", split, {"train": None, "test": None})
    if image_size is not None and image_size < 1:
        raise ConfigError(f"image_size must be at least 1 pixel, not {image_size}")
    if folder := _folder(name, root):
        return load_folder(folder, split, limit, image_size, resident_limit)
    info = _info(name)
    images, labels, names = _digits(split) if name == "digits" else published.read(name, split, data_root(root))
    dataset = limited(Dataset(images, labels, replace(info, class_names=names)), limit)
    return dataset if image_size in (None, info.image_size) else _resized(dataset, image_size)


def available(name: str, root: str | Path | None = None) -> bool:
    """Whether both splits of `name` can be loaded without a download; files are looked for, not read.

    Raises `ConfigError` for an unknown name.
    """
    if folder := _folder(name, root):
        return folder_available(folder)
    _info(name)
    if name == "digits":
        return importlib.util.find_spec("sklearn") is not None
    return published.present(name, data_root(root))


def _folder(name: str, root: str | Path | None) -> Path | None:
    if not str(name).startswith(_FOLDER):
        return None
    return data_root(root) / Path(name.removeprefix(_FOLDER)).expanduser()


def _info(name: str) -> Info:
    return choose("data set", name, DATASETS | {f"{_FOLDER}PATH": None})


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
