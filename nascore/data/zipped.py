"""Data sets that are kept as one zip file: found, checked and unpacked once."""

import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from filelock import FileLock

from nascore.base.config import digest
from nascore.base.errors import DataError
from nascore.base.paths import downloads, shown
from nascore.data.listing import hidden

# RuntimeError: encrypted, or packed unusually; the others come of headers that make no sense
_DAMAGED = (BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, ValueError, OverflowError, MemoryError)

# What is unpacked at most. Images and recordings are packed to a fifth at best, ImageNet has 150 GB and 1.4 million.
_MOST_FILES = 2_000_000
_MOST_BYTES = 2**38
_MOST_TIMES = 50  # the zip file's own size, all files together
_MOST_TIMES_EACH = 200  # its packed size, a file
_SMALL = 2**20  # bytes that any file, and all of them, may have however well they are packed


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
    has another layout, names a place outside itself, holds links, unpacks to more than 256 GiB, 2 million files, 50
    times its size or, a file, 200 times its packed size, or cannot be unpacked for want of space, say.
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
        return list(_listed(source, layout)) if source else []
    except (DataError, OSError):
        return []


def _only_zip(path: Path, layout: Layout) -> Path | None:
    if layout.unpacked(path):
        return None
    found = sorted(file for file in path.glob("*.zip") if file.is_file() and not hidden(file.name))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{shown(path)} holds {len(found)} zip files ({names}): leave the one with the data set there")
    return found[0] if found else None


def _unpack(source: Path, target: Path, layout: Layout) -> None:
    """Unpack aside and then move into place whole: a folder of the target's name is never half of it."""
    for left in target.parent.glob(f".{target.name}-*"):  # by a process that was killed: the lock is ours
        shutil.rmtree(left)
    members = _listed(source, layout)
    _check_sizes(source, members)
    print(f"Unpacking {shown(source)} to {shown(target)}, once", flush=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        try:
            with ZipFile(source) as file:
                for name, member in members.items():
                    _write(file, member, Path(scratch, "files", name))
        except _DAMAGED as error:
            raise _damaged(source, error) from error
        os.replace(Path(scratch, "files"), target)


def _write(file: ZipFile, member: ZipInfo, target: Path) -> None:
    """Unpack one file, which must be as long as it was said to be: that is what was checked."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with file.open(member) as packed, target.open("xb") as written:
        while chunk := packed.read(2**20):
            left -= len(chunk)
            if left < 0:
                break
            written.write(chunk)
    if left:
        raise BadZipFile(f"{member.filename!r} has not the {member.file_size:,} bytes that it is said to have")


def _check_sizes(source: Path, members: dict[str, ZipInfo]) -> None:
    """Raise `DataError` for what would unpack to too much, by the sizes that the zip file gives."""
    packed, total = source.stat().st_size, sum(member.file_size for member in members.values())
    allowed = min(_MOST_BYTES, max(_SMALL, _MOST_TIMES * packed))
    remedy = "replace it or, where you trust it, unpack it yourself beside it"
    if len(members) > _MOST_FILES:
        raise DataError(f"{shown(source)} holds {len(members):,} files, where {_MOST_FILES:,} are allowed: {remedy}")
    if total > allowed:
        text = f"{shown(source)}, of {packed:,} bytes, would unpack to {total:,}, where {allowed:,} are allowed"
        raise DataError(f"{text} ({_MOST_TIMES} times its size, and {_MOST_BYTES:,}): {remedy}")
    for name, member in members.items():
        if member.file_size > max(_SMALL, _MOST_TIMES_EACH * member.compress_size):
            text = f"{shown(source)} holds {name!r}, of {member.compress_size:,} bytes, which would unpack to"
            raise DataError(f"{text} {member.file_size:,}, more than {_MOST_TIMES_EACH} times as many: {remedy}")


def _listed(source: Path, layout: Layout) -> dict[str, ZipInfo]:
    """What `layout` locates in a good zip file, by names in the folder that encloses it."""
    try:
        with ZipFile(source) as file:
            members = {member.filename: member for member in file.infolist() if not member.is_dir()}
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    if outside := [name for name in members if _leads_out(name)]:
        raise DataError(f"{shown(source)} names a place outside itself, {outside[0]!r}: it is not unpacked; replace it")
    if special := [name for name, member in members.items() if _is_special(member)]:
        raise DataError(f"{shown(source)} holds {special[0]!r}, a link or a device: it is not unpacked; replace it")
    top, chosen = layout.located(name for name in members if not hidden(name))
    if not chosen:
        where = "all of them at most one folder further down"
        raise DataError(f"{shown(source)} is no {layout.kind}: it must hold {layout.wanted}, {where}")
    return {name: members[f"{top}/{name}" if top else name] for name in chosen}


def _is_special(member: ZipInfo) -> bool:
    """Whether it is neither a file nor a folder, as Unix tells them; other systems have no such thing to tell."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)


def _leads_out(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or "\\" in name


def _damaged(source: Path, error: Exception) -> DataError:
    return DataError(f"{shown(source)} is damaged or of an unknown kind ({error}): replace it")
