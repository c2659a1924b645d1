"""What data are, in a few numbers: the same for the same files on every machine, wherever they lie."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from nascore.base.config import digest
from nascore.base.errors import DataError
from nascore.base.files import atomic_write
from nascore.base.paths import downloads, shown

_MOST_BYTES, _MOST_FILES = 2 * 10**9, 50_000  # of a set whose contents are all read
_SAMPLE = 1_000  # files that are read of a larger one


def of_sums(sums: dict[str, str]) -> dict[str, Any]:
    """Of files whose sums are known, which need not be there."""
    return {"sha256": _hash(sums), "files": len(sums)}


def of_files(folder: Path, names: list[str]) -> dict[str, Any]:
    """Of the files `names` below `folder`: their names, sizes and contents, so that only what is used counts.

    {"sha256": ..., "files": how many, "bytes": in all}. Of more than 2 GB or 50,000 files the contents of 1,000 are
    read, chosen by their names, which {"contents_of": 1000} says. Whoever asks again is told without reading: it is
    kept in `nascore.paths.downloads()`, for as long as no name, size or time of change differs. Raises `DataError` for
    a file that cannot be read.
    """
    names = sorted(names)
    states = [_state(folder / name) for name in names]
    kept = downloads() / f"fingerprint-{digest(str(folder.resolve()), 20)}.json"
    now = _hash([names, states])
    if (found := _kept(kept, now)) is None:
        found = _computed(folder, names, [size for size, *_ in states])
        with suppress(OSError):  # it is computed again next time
            atomic_write(kept, json.dumps({"of": now, "fingerprint": found, "sum": _hash([now, found])}))
    return found


def _computed(folder: Path, names: list[str], sizes: list[int]) -> dict[str, Any]:
    read, told = names, {}
    if sum(sizes) > _MOST_BYTES or len(names) > _MOST_FILES:
        # RandomState's stream is frozen for good
        read = [names[i] for i in np.random.RandomState(0).permutation(len(names))[:_SAMPLE]]
        told = {"contents_of": len(read)}
    contents = {name: _content(folder / name) for name in read}
    return {"sha256": _hash([names, sizes, contents]), "files": len(names), "bytes": sum(sizes)} | told


def _kept(file: Path, now: str) -> dict[str, Any] | None:
    """What was kept of files in this state; None where nothing was, or it is damaged."""
    try:
        held = json.loads(file.read_bytes())
        found: dict[str, Any] = held["fingerprint"]
        return found if held["of"] == now and held["sum"] == _hash([now, found]) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _state(file: Path) -> tuple[int, int, int]:
    """Size and times of change; the second cannot be set back."""
    try:
        state = file.stat()
    except OSError as error:
        raise _unreadable(file, error) from error
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> DataError:
    return DataError(f"{shown(file)} cannot be read ({error.strerror or error}): replace or delete it")


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
