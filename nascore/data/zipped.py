"""Data sets that are kept as one zip file: found, checked and unpacked once."""

import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from filelock import FileLock

from nascore.base.config import digest
from nascore.base.errors import DataError
from nascore.base.paths import downloads, shown

_DAMAGED = (BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError)  # RuntimeError: encrypted, or packed unusually


@dataclass(frozen=True)
class Layout:
    """How the files of one kind of data set lie in their folder, whose names here are relative to it, with slashes.

    `unpacked` says whether a folder has files of such a set; `chosen` which of a folder's files are the set's: none
    where they do not make up a whole one.
    """

    kind: str
    wanted: str  # what there must be, for messages
    unpacked: Callable[[Path], bool]
    chosen: Callable[[list[str]], list[str]]

    def located(self, names: Iterable[str]) -> tuple[str, list[str]]:
        """(the folder that encloses the set, or "", and the set's files in there) among all files; ("", []) for none.

        What is not enclosed goes first; of several enclosing folders none is taken.
        """
        names = list(names)
        if chosen := self.chosen(names):
            return "", chosen
        below: dict[str, list[str]] = {}
        for name in names:
            top, slash, rest = name.partition("/")
            if slash:
                below.setdefault(top, []).append(rest)
        found = [(top, chosen) for top, held in below.items() if (chosen := self.chosen(held))]
        return found[0] if len(found) == 1 else ("", [])


def unzipped(path: Path, layout: Layout) -> Path:
    """The folder with the files of the data set `path`: itself, or what its only zip file was unpacked to.

    A `path` that is `unpacked`, or without any zip file, is returned as it is. A zip file is unpacked once, below
    `nascore.paths.downloads()`, to a folder named by its path, size and time of change, so that a changed one is
    unpacked anew; nothing is written beside it. Raises `DataError` for several zip files and for one that is damaged,
    has another layout, names a place outside itself, or cannot be unpacked for want of space, say.
    """
    source = _only_zip(path, layout)
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
                    _unpack(source, target, layout)
        except OSError as error:
            remedy = "make room there, or unpack it yourself beside it"
            raise DataError(f"{shown(source)} cannot be unpacked to {shown(target)} ({error}): {remedy}") from error
    return target


def zipped_files(path: Path, layout: Layout) -> list[str]:
    """The data set's files in the one zip file that the folder `path` holds instead of them, which is not unpacked.

    Empty where there is no such zip file, or it cannot be used.
    """
    try:
        source = _only_zip(path, layout)
        return _listed(source, layout)[1] if source else []
    except (DataError, OSError):
        return []


def _only_zip(path: Path, layout: Layout) -> Path | None:
    if layout.unpacked(path):
        return None
    found = sorted(path.glob("*.zip"))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{shown(path)} holds {len(found)} zip files ({names}): leave the one with the data set there")
    return found[0] if found else None


def _unpack(source: Path, target: Path, layout: Layout) -> None:
    """Unpack aside and then move into place whole: a folder of the target's name is never half of it."""
    for left in target.parent.glob(f".{target.name}-*"):  # by a process that was killed: the lock is ours
        shutil.rmtree(left)
    top, names = _listed(source, layout)
    print(f"Unpacking {shown(source)} to {shown(target)}, once", flush=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        try:
            with ZipFile(source) as file:
                file.extractall(Path(scratch, "files"), [f"{top}/{name}" if top else name for name in names])
        except _DAMAGED as error:
            raise _damaged(source, error) from error
        os.replace(Path(scratch, "files", top), target)


def _listed(source: Path, layout: Layout) -> tuple[str, list[str]]:
    """What `layout` locates in a good zip file."""
    try:
        with ZipFile(source) as file:
            names = [member.filename for member in file.infolist() if not member.is_dir()]
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    if outside := [name for name in names if _leads_out(name)]:
        raise DataError(f"{shown(source)} names a place outside itself, {outside[0]!r}: it is not unpacked; replace it")
    top, chosen = layout.located(names)
    if not chosen:
        where = "all of them at most one folder further down"
        raise DataError(f"{shown(source)} is no {layout.kind}: it must hold {layout.wanted}, {where}")
    return top, chosen


def _leads_out(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or "\\" in name


def _damaged(source: Path, error: Exception) -> DataError:
    return DataError(f"{shown(source)} is damaged or of an unknown kind ({error}): replace it")
