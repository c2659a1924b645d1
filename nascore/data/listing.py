"""The files of a data set's folder: each once, none that is hidden, and none that is no file."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from nascore.base.errors import DataError
from nascore.base.paths import shown


def hidden(name: str) -> bool:
    """Whether a path of a data set, with slashes, is hidden, or lies in what is, and so no part of it."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def files(folder: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """The names of all files in and below `folder` whose own names are `wanted`, relative to it, with slashes, sorted
    folder by folder; none where there is no such folder.

    A link to a folder is followed unless it leads into `folder`, or to what holds it, or to where another link led: so
    no file is met twice. Raises `DataError` for a wanted name that is no file, such as a pipe, which would be waited
    for, or a link to nothing, and for folders that cannot be read.
    """
    top = folder.resolve()
    return _below(folder, "", wanted, top, {top}) if folder.is_dir() else iter(())


def _below(folder: Path, within: str, wanted: Callable[[str], bool], top: Path, seen: set[Path]) -> Iterator[str]:
    try:
        with os.scandir(folder / within) as found:
            entries = sorted((entry for entry in found if not hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{shown(folder / within)} cannot be read ({error}): give yourself access to it") from error
    for entry in entries:
        name = f"{within}{entry.name}"
        if os.path.isdir(entry):  # unlike its own is_dir, False of a link to itself
            place = Path(entry.path).resolve()
            back = entry.is_symlink() and (place.is_relative_to(top) or top.is_relative_to(place))
            if not back and place not in seen:
                seen.add(place)
                yield from _below(folder, f"{name}/", wanted, top, seen)
        elif wanted(entry.name):
            _check(entry)
            yield name


def _check(entry: os.DirEntry[str]) -> None:
    try:
        regular = stat.S_ISREG(entry.stat().st_mode)
    except OSError:  # a link to nothing, or to itself
        regular = False
    if not regular:
        raise DataError(f"{shown(Path(entry.path))} is no file that can be read: replace or delete it")
