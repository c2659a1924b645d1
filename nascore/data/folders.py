"""Image folders: PATH/train/<class>/<image>, and PATH/test or PATH/val likewise, or one zip file of these in PATH."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import torch

from nascore.base.errors import DataError
from nascore.base.paths import shown
from nascore.data.images import FITS, ShorterSide, is_image, sides
from nascore.data.info import IMAGENET, Info, padding_for
from nascore.data.listing import files, hidden
from nascore.data.splits import limited
from nascore.data.streaming import AnyDataset, Reader, StreamedDataset, decoded
from nascore.data.zipped import Layout, unzipped, zipped_files

_SPLITS = ("train", "test", "val")
_HINT = (
    "images belong in PATH/train/<class>/ and in PATH/test/<class>/ or PATH/val/<class>/, or a zip file of these in "
    "PATH; a relative PATH of folder:PATH starts in the folder that NASCORE_DATA names"
)


def load_folder(
    path: Path, split: str, limit: int | None, image_size: int | None, resident_limit: float, fit: str
) -> AnyDataset:
    """The split "train" or "test" of the image folder `path`; the other settings are those of `load`.

    Whether it is resident is decided by the number of all training images, so that both splits are treated alike.
    Raises `DataError` as `load` does.
    """
    folder = unzipped(path, _LAYOUT)
    train = _training(folder / "train", path.name, FITS[fit](), image_size)
    dataset = limited(_testing(folder / _test(folder), train) if split == "test" else train, limit)
    if image_size is None:
        _check_sizes(dataset)
    if len(train) * 3 * train.info.image_size**2 > resident_limit:
        return dataset
    # resident images are not trained on in random resized crops, the reason to evaluate a part of them only
    return decoded(replace(dataset, reader=ShorterSide(zoom=1)) if fit == "shorter" else dataset)


def folder_available(path: Path) -> bool:
    """Whether the folder has training and test images, judged by its folders, or its zip file's list, alone."""
    laid_out = (path / "train").is_dir() and any((path / name).is_dir() for name in ("test", "val"))
    return laid_out or bool(zipped_files(path, _LAYOUT))


def _unpacked(path: Path) -> bool:
    return (path / "train").is_dir()


def _chosen(names: list[str]) -> list[str]:
    """The files <split>/<class>/<image> where both training and test images are among them, else none."""
    parts = {name: name.split("/") for name in names}
    chosen = {name: split for name, (split, *rest) in parts.items() if split in _SPLITS and len(rest) > 1}
    return list(chosen) if {"train"} < set(chosen.values()) else []


_LAYOUT = Layout("image folder", "train/<class>/<image>, and test/ or val/ likewise", _unpacked, _chosen)


def used_files(path: Path) -> tuple[Path, list[str]]:
    """The folder with the images of both splits of the image folder `path`, and their names in it.

    Raises `DataError` as `load` does, but opens no image.
    """
    folder = unzipped(path, _LAYOUT)
    splits = {"train": _classes(folder / "train"), _test(folder): _images(folder / _test(folder))}
    return folder, [
        f"{split}/{name}" for split, classes in splits.items() for names in classes.values() for name in names
    ]


def _test(folder: Path) -> str:
    return "test" if (folder / "test").is_dir() else "val"


def _images(folder: Path) -> dict[str, list[str]]:
    """Class -> its images, in the order that they are numbered in. Raises `DataError` where there are none."""
    names = sorted((name for name in files(folder, is_image) if "/" in name), key=_order)
    found = {kind: list(group) for kind, group in groupby(names, key=lambda name: _order(name)[0])}
    if not found:
        raise DataError(f"{shown(folder)} has no folder of images for each class: {_HINT}")
    return found


def _order(name: str) -> tuple[str, str, str]:
    """Class, folder and own name: what torchvision sorts by, which says which images a `limit` takes."""
    folder, _, own = name.rpartition("/")
    return name.partition("/")[0], folder, own


def _classes(folder: Path) -> dict[str, list[str]]:
    """The same of training images, which are of two classes or more, and none of them empty."""
    found = _images(folder)
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir() and not hidden(path.name))
    if empty := [name for name in folders if name not in found]:
        raise DataError(f"{shown(folder)} has no images of {_some(empty)}: add some, or remove the folder")
    if len(found) < 2:
        raise DataError(f"{shown(folder)} holds one class, {_some(list(found))}, and nothing to tell it from: {_HINT}")
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _training(folder: Path, title: str, reader: Reader, image_size: int | None) -> StreamedDataset:
    classes = _classes(folder)
    first = next(iter(classes.values()))[0]
    info = _info(title, tuple(classes), image_size or sides(str(folder / first))[0])
    return _dataset(folder, classes, info, reader)


def _testing(folder: Path, train: StreamedDataset) -> StreamedDataset:
    """The test images, whose classes are numbered as in `train`; a line says which of them have none."""
    classes = _images(folder)
    known = train.info.class_names
    if unknown := sorted(set(classes) - set(known)):
        raise DataError(f"{shown(folder / unknown[0])} is a class that train lacks: add it there or remove it here")
    if lacking := [name for name in known if name not in classes]:
        print(f"folder:{train.info.title}: no test images of {_some(lacking)}", flush=True)
    return _dataset(folder, classes, train.info, train.reader)


def _dataset(folder: Path, classes: dict[str, list[str]], info: Info, reader: Reader) -> StreamedDataset:
    items = tuple(str(folder / name) for names in classes.values() for name in names)
    numbers = {kind: number for number, kind in enumerate(info.class_names)}
    labels = [numbers[kind] for kind, names in classes.items() for _ in names]
    return StreamedDataset(items, torch.tensor(labels), info, reader)


def _info(title: str, names: tuple[str, ...], size: int) -> Info:
    return replace(
        IMAGENET,
        title=title,
        classes=len(names),
        class_names=names,
        image_size=size,
        crop_padding=padding_for(size),
    )


def _check_sizes(dataset: StreamedDataset) -> None:
    wanted = (dataset.info.image_size,) * 2
    for file in dataset.items:
        if (held := sides(file)) != wanted:
            why = f"where the first training image asks for {wanted[0]} x {wanted[1]}: give image_size"
            raise DataError(f"{shown(file)} has {held[0]} x {held[1]} pixels {why}")
