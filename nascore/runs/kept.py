"""Committed records: what of a run travels with the project."""

from pathlib import Path

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.errors import RunError
from nascore.base.files import atomic_write
from nascore.records.record import RESULT, WEIGHTS, Run, load_run

MAX_COMMITTED = 200 * 1024  # bytes of one committed record


@checked
def keep(finished: Run) -> Path:
    """Copy a finished run's record, without weights, to the project's committed records; returns its folder there.

    Raises `RunError` for a record over 200 KiB, and for one whose files are not what was recorded.
    """
    finished = load_run(finished.path)
    target = paths.committed_runs() / finished.name
    names = [name for name in finished.result["files"] if name != WEIGHTS]
    finished.check_files(*names)
    size = sum((finished.path / name).stat().st_size for name in (*names, RESULT))
    if size > MAX_COMMITTED:
        raise RunError(f"the record of {finished.name} has {size / 1024:.0f} KiB; a committed one has at most 200")
    if target.is_symlink():
        raise RunError(f"{paths.shown(target)} is a link, which nothing is written through: delete it")
    for name in (*names, RESULT):
        atomic_write(target / name, (finished.path / name).read_bytes())
    return target
