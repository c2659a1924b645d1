"""Writing files so that a reader, or a crash at any moment, sees the old content or the new, never half of it."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nascore.base.errors import ConfigError, NascoreError
from nascore.base.paths import shown
from nascore.base.version import __version__


def atomic_write(path: str | Path, content: bytes | str) -> Path:
    """Write `content` to `path` through a temporary file in the same folder, which is made if need be.

    The content is on the disk before it takes the name. Raises `OSError` as the system gives it, leaving the old file
    as it was and no temporary file behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def origin(runs: Iterable[Any] = ()) -> dict[str, str]:
    """What a file says of where it came from: the names of the `runs` (records, or names) and the package's version."""
    names = " ".join(str(getattr(run, "name", run)) for run in runs)
    return {"nascore:runs": names, "nascore:version": __version__}


def export(folder: str | Path, name: str, contents: Mapping[str, bytes | str]) -> dict[str, Path]:
    """Write `folder/name.<suffix>` for each suffix of `contents`, each atomically; returns suffix -> path.

    `name` may hold folders, but must stay inside `folder`: raises `ConfigError` if it does not, and `NascoreError`
    where a file cannot be written.
    """
    parts = Path(name).parts
    if not parts or ".." in parts or Path(name).is_absolute() or "\\" in name or name.endswith("/"):
        raise ConfigError(f"a file's name must lie inside its folder, which {name!r} does not")
    paths = {suffix: Path(folder) / f"{name}.{suffix}" for suffix in contents}
    for suffix, path in paths.items():
        try:
            atomic_write(path, contents[suffix])
        except OSError as error:
            raise NascoreError(f"cannot write {shown(path)}: {error.strerror or error}") from error
    return paths
