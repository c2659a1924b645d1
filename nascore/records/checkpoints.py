"""The folder of a run that is being computed: its lock, its checkpoints, and the record it ends with."""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import socket
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from filelock import FileLock, Timeout

from nascore.base import paths
from nascore.base.errors import DamageWarning, RunError, shortened
from nascore.base.files import atomic_write
from nascore.base.processes import ALONE, Team
from nascore.records.environment import environment, lacks_memory, random_state, set_random_state
from nascore.records.record import (
    ARCHITECTURE,
    CONFIG,
    HISTORY,
    RESULT,
    SEAL,
    WEIGHTS,
    Result,
    is_finished,
    seal,
    sha256,
)
from nascore.supernets import choice

# what `atomic_write` writes to before it gives a file its name
_TEMPORARY = re.compile(r"\.(.+\.(json|csv|npz|pt)|\.owner)\.\w{8}")


class Task(Protocol):
    """What a run computes, epoch by epoch. Between epochs its state is all that the rest depends on."""

    epochs: int
    epoch: int  # how many are done

    def run_epoch(self) -> dict[str, float]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...
    def weights(self) -> dict[str, torch.Tensor]: ...
    def result(self) -> Result: ...


@dataclass
class RunFolder:
    """The files of a run that is being computed. Writing raises `RunError` where the disk is full, say.

    Of several processes the leader alone reads and writes.
    """

    path: Path
    config: dict[str, Any]
    device: torch.device
    team: Team = ALONE

    def open(self) -> None:
        if self.team.leads:
            sweep(self.path)
        self.write(CONFIG, json.dumps(self.config, indent=1) + "\n")

    def write(self, name: str, content: bytes | str) -> str:
        """Write a file, its bytes on the disk before its name; returns the sha256 of its content."""
        try:
            if self.team.leads:
                atomic_write(self.path / name, content)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            why = "no space is left on the disk" if full else f"the folder cannot be written ({error})"
            raise RunError(
                f"{paths.shown(self.path / name)}: {why}; what was checkpointed is safe: make room, then call run again"
            ) from error
        return sha256(content.encode() if isinstance(content, str) else content)

    def save_history(self, rows: list[dict[str, float]]) -> str:
        """Write one row an epoch; returns the sha256 of the file."""
        return self.write(HISTORY, pd.DataFrame(rows).to_csv(index=False))

    def checkpoints(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.path.glob("checkpoint-*.pt"))

    def save_checkpoint(self, task: Task, rows: list[dict[str, float]]) -> None:
        state = {
            "task": task.state_dict(),
            "rows": rows,
            "random": self.team.gather(random_state(self.device)),
            "threads": torch.get_num_threads(),
            "compiled": choice.wanted(),
            "config": json.dumps(self.config),
        }
        if not self.team.leads:
            return
        content = _to_bytes(state)
        self.write(f"checkpoint-{task.epoch:05d}-{sha256(content)[:16]}.pt", content)
        for old in self.checkpoints()[:-2]:
            _remove(old)

    def restore(self, task: Task) -> list[dict[str, float]]:
        """Bring `task` to the newest sound checkpoint; returns the history up to there.

        The number of threads becomes the one that it was begun with: another one sums in another order; and so do
        compiled passes. Raises `RunError` if it was written by another number of processes, whose draws cannot be
        shared out anew, or with Numba, which is not here.
        """
        state = self.team.agree(self._newest() if self.team.leads else None)
        if state is None:
            return []
        if (wrote := len(state["random"])) != self.team.size:
            raise RunError(
                f"{paths.shown(self.path)} was begun by {wrote} processes, and these are {self.team.size}: go on with "
                f"{wrote}, or delete the folder"
            )
        begun = state.get("compiled", False)  # not in checkpoints from before there was such a thing
        if begun and choice.version() is None:
            raise RunError(
                f"{paths.shown(self.path)} was begun with Numba, which is not installed here: pip install "
                "'nascore[numba]' to go on, or delete the folder"
            )
        choice.go_on(begun)
        try:
            torch.set_num_threads(state["threads"])
            task.load_state_dict(state["task"])
            set_random_state(state["random"][self.team.rank], self.device)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            if lacks_memory(error):  # which is no fault of the checkpoint
                raise
            why = f"does not fit this run ({type(error).__name__}: {error})"
            raise RunError(
                f"the last checkpoint in {paths.shown(self.path)} {why}: move it away, then call run again"
            ) from error
        return state["rows"]

    def _newest(self) -> dict[str, Any] | None:
        found = (self._read(path) for path in reversed(self.checkpoints()))
        return next((state for state in found if state is not None), None)

    def _read(self, path: Path) -> dict[str, Any] | None:
        """A checkpoint, or None for one that is set aside; a sound one of another run is kept there for good."""
        suffix, why, ours = "damaged", "is damaged", json.loads(json.dumps(self.config))
        try:
            content = path.read_bytes() if path.is_file() else b""  # a pipe would never end
            if sha256(content)[:16] == path.stem.rpartition("-")[2]:
                state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
                if (config := json.loads(state["config"])) != ours:
                    suffix, why = "foreign", f"is of another run, {shortened(config.get('name'))}"
                elif {"task", "rows", "random", "threads"} <= state.keys():
                    return state
        except PermissionError as error:
            raise RunError(f"{paths.shown(path)} cannot be read ({error.strerror}): ask for permission") from error
        except Exception:  # whatever torch makes of bytes that it did not write
            pass
        aside = path.rename(path.with_suffix(f".{suffix}"))
        warnings.warn(
            f"{paths.shown(path)} {why}: it is set aside as {aside.name}, and the checkpoint before it is used",
            DamageWarning,
            stacklevel=9,
        )
        return None

    def finish(self, task: Task, rows: list[dict[str, float]]) -> tuple[str, ...]:
        """Write the record, its result last; returns what there is to say of that."""
        if not self.team.leads:
            return ()
        result = task.result()
        files = {CONFIG: sha256((self.path / CONFIG).read_bytes()), HISTORY: self.save_history(rows)}
        if result.architecture is not None:
            files[ARCHITECTURE] = self.write(ARCHITECTURE, result.architecture.to_bytes())
        files[WEIGHTS] = self.write(WEIGHTS, _to_bytes(dict(task.weights())))
        last = {name: value for name, value in rows[-1].items() if name not in ("epoch", "seconds")}
        record: dict[str, Any] = {
            "metrics": last | result.metrics,
            "genotype": result.genotype and result.genotype.to_dict(),
            "seconds": round(sum(row["seconds"] for row in rows), 3),
            "environment": environment(self.device),
            "files": files,
        }
        record |= {"remarks": list(result.remarks)} if result.remarks else {}
        tried = [{"genotype": each.genotype.to_dict(), "metrics": each.metrics} for each in result.candidates]
        record |= {"candidates": tried} if tried else {}
        record[SEAL] = seal(record)
        self.write(RESULT, json.dumps(record, indent=1, allow_nan=False) + "\n")
        sweep(self.path)
        return result.remarks


def _to_bytes(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def leftovers(folder: Path) -> list[Path]:
    """What a process that was killed left in a run's folder, and checkpoints of a run that is finished."""
    found = [path for path in folder.glob(".*") if _TEMPORARY.fullmatch(path.name)]
    if is_finished(folder):
        found += [path for name in ("checkpoint-*.pt", "checkpoint-*.damaged", ".owner") for path in folder.glob(name)]
    return found


def sweep(folder: Path) -> None:
    """Remove what was left over; the caller holds the folder's lock."""
    for path in leftovers(folder):
        _remove(path)


def _remove(path: Path) -> None:
    """Remove whatever has that name; where that cannot be, it stays, which harms nothing."""
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextlib.contextmanager
def locked(folder: Path, wait: float) -> Iterator[None]:
    """Hold the run's folder, in one thread of one process; the system lets go of the lock when a process dies.

    Raises `RunError` where that takes longer than `wait` seconds, or the folder cannot be written.
    """
    owner, lock = folder / ".owner", folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the run's folder {paths.shown(folder)} cannot be made ({error}): give another root") from error
    if lock.is_symlink():  # opening it would empty what it leads to
        raise RunError(f"{paths.shown(lock)} is a link, and locks are files: delete it")
    held = FileLock(lock)
    try:
        if wait > 0 and not _free(lock):
            print(f"waiting for {_owner(owner)}, which computes {paths.shown(folder)}", flush=True)
        held.acquire(timeout=wait)
        atomic_write(owner, f"process {os.getpid()} on {socket.gethostname()}")
    except Timeout as error:
        raise RunError(
            f"{paths.shown(folder)} is being computed by {_owner(owner)}: give a longer wait, or another root"
        ) from error
    except OSError as error:
        held.release()
        raise RunError(f"{paths.shown(folder)} cannot be written ({error}): give another root") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            owner.unlink()
        held.release()


def _free(lock: Path) -> bool:
    try:
        with FileLock(lock).acquire(timeout=0):
            return True
    except Timeout:
        return False


def _owner(file: Path) -> str:
    """Who holds a lock, by a file that anybody may have written."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if file.is_file() and (found := re.fullmatch(r"process \d{1,20} on [\w.-]{1,255}", file.read_text())):
            return found[0]
    return "another process"
