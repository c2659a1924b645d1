"""Image folders that are kept as one zip file: found, checked and unpacked once."""

import os
import shutil
import tempfile
import zlib
from lzma import LZMAError
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from filelock import FileLock

from nascore.config import digest
from nascore.errors import DataError
from nascore.paths import downloads, shown

_SPLITS = ("train", "test", "val")
_DAMAGED = (BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError)  # RuntimeError: encrypted, or packed unusually


def unzipped(path: Path) -> Path:
    """The folder with the `train/` of the image folder `path`: itself, or what its only zip file was unpacked to.

    A `path` with `train/`, or without any zip file, is returned as it is. A zip file is unpacked once, below
    `nascore.paths.downloads()`, to a folder named by its path, size and time of change, so that a changed one is
    unpacked anew; nothing is written beside it. Raises `DataError` for several zip files and for one that is damaged,
    has another layout, names a place outside itself, or cannot be unpacked for want of space, say.
    """
    source = _only_zip(path)
    if source is None:
        return path
    state = source.stat()
    name = f"{path.name}-{digest([str(source.resolve()), state.st_size, state.st_mtime_ns])}"
    target = downloads() / name
    if not target.is_dir():
        try:
            downloads().mkdir(parents=True, exist_ok=True)
            with FileLock(downloads() / f".{name}.lock"):
                if not target.is_dir():  # else another process was faster
                    _unpack(source, target)
        except OSError as error:
            remedy = "make room there, or unpack it yourself beside it"
            raise DataError(f"{shown(source)} cannot be unpacked to {shown(target)} ({error}): {remedy}") from error
    return target


def zip_available(path: Path) -> bool:
    """Whether the folder holds, instead of `train/`, one zip file with training and test images; it is not unpacked."""
    try:
        source = _only_zip(path)
        return source is not None and bool(_listed(source))
    except (DataError, OSError):
        return False


def _only_zip(path: Path) -> Path | None:
    if (path / "train").is_dir():
        return None
    found = sorted(path.glob("*.zip"))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{shown(path)} holds {len(found)} zip files ({names}): leave the one with the images there")
    return found[0] if found else None


def _unpack(source: Path, target: Path) -> None:
    """Unpack aside and then move into place whole: a folder of the target's name is never half of it."""
    for left in target.parent.glob(f".{target.name}-*"):  # by a process that was killed: the lock is ours
        shutil.rmtree(left)
    members, top = _listed(source)
    print(f"Unpacking {shown(source)} to {shown(target)}, once", flush=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        try:
            with ZipFile(source) as file:
                file.extractall(Path(scratch, "images"), members)
        except _DAMAGED as error:
            raise _damaged(source, error) from error
        os.replace(Path(scratch, "images", top), target)


def _listed(source: Path) -> tuple[list[str], str]:
    """(the names of the splits' files, the folder in the zip file that encloses the splits or ""), of a good one."""
    try:
        with ZipFile(source) as file:
            names = [member.filename for member in file.infolist() if not member.is_dir()]
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    if outside := [name for name in names if _leads_out(name)]:
        raise DataError(f"{shown(source)} names a place outside itself, {outside[0]!r}: it is not unpacked; replace it")
    tops = sorted({"", *(name.partition("/")[0] for name in names if name.count("/") > 2)})
    found = [(chosen, top) for top in tops if (chosen := _splits(names, top))]
    if len(found) == 1:
        return found[0]
    layout = "train/<class>/<image>, and test/ or val/ likewise, all of them at most one folder further down"
    raise DataError(f"{shown(source)} is no image folder: it must hold {layout}")


def _splits(names: list[str], top: str) -> list[str]:
    """The files `top`/<split>/<class>/<image> where both training and test images are among them, else none."""
    prefix = f"{top}/" if top else ""
    parts = {name: name.removeprefix(prefix).split("/") for name in names if name.startswith(prefix)}
    chosen = {name: split for name, (split, *rest) in parts.items() if split in _SPLITS and len(rest) > 1}
    return list(chosen) if {"train"} < set(chosen.values()) else []


def _leads_out(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or "\\" in name


def _damaged(source: Path, error: Exception) -> DataError:
    return DataError(f"{shown(source)} is damaged or of an unknown kind ({error}): replace it")
