"""Image folders: PATH/train/<class>/<image>, and PATH/test or PATH/val likewise, or one zip file of these in PATH."""

from dataclasses import replace
from pathlib import Path

import torch

from nascore.base.errors import DataError
from nascore.base.paths import shown
from nascore.data.images import FITS, ShorterSide, sides
from nascore.data.info import IMAGENET, Info, padding_for
from nascore.data.splits import limited
from nascore.data.streaming import AnyDataset, Reader, StreamedDataset, decoded
from nascore.data.zipped import Layout, unzipped, zipped_files

_SPLITS = ("train", "test", "val")
_HINT = (
    "images belong in PATH/train/<class>/ and in PATH/test/<class>/ or PATH/val/<class>/, or a zip file of these in "
    "PATH; a relative PATH of folder:PATH starts in the folder that NASCORE_DATA names"
)


def load_folder(
    path: Path, split: str, limit: int | None, image_size: int | None, resident_limit: int, fit: str
) -> AnyDataset:
    """The split "train" or "test" of the image folder `path`; the other settings are those of `load`.

    Whether it is resident is decided by the number of all training images, so that both splits are treated alike.
    Raises `DataError` as `load` does.
    """
    folder = unzipped(path, _LAYOUT)
    dataset = train = _listed(folder / "train", path.name, FITS[fit](), image_size)
    if split == "test":
        dataset = _listed(
            folder / ("test" if (folder / "test").is_dir() else "val"), path.name, train.reader, like=train
        )
    dataset = limited(dataset, limit)
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


def _listed(
    folder: Path, title: str, reader: Reader, image_size: int | None = None, like: StreamedDataset | None = None
) -> StreamedDataset:
    """The files of a split; classes are numbered as in `like`, the training images, if given."""
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    try:
        names = find_classes(folder)[0]
        known = like.info.class_names if like else tuple(names)
        if unknown := sorted(set(names) - set(known)):
            raise DataError(f"{shown(folder / unknown[0])} is a class that train lacks: add it there or remove it here")
        samples = make_dataset(folder, {name: known.index(name) for name in names}, IMG_EXTENSIONS)
    except OSError as error:
        raise DataError(f"{shown(folder)} has no folder of images for each class ({error}): {_HINT}") from error
    files, labels = zip(*samples, strict=True)
    info = like.info if like else _info(title, known, image_size or sides(files[0])[0])
    return StreamedDataset(files, torch.tensor(labels), info, reader)


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
