"""The one call that notebooks, batch jobs and tests share.

`run` computes a recipe in a folder of its own, checkpoint by checkpoint, and reads it back when it is there already.
"""

import math
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import torch
from tqdm import tqdm

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.errors import RunError
from nascore.base.processes import join, team
from nascore.base.ranges import Processors, Seconds, Seed
from nascore.recipes.recipe import Recipe
from nascore.records.checkpoints import RunFolder, Task, leftovers, locked, sweep
from nascore.records.environment import find_device, lacks_memory, seeded
from nascore.records.journal import Call, note
from nascore.records.record import REPLACED, Run, is_finished, load_run
from nascore.runs.asked import ask
from nascore.supernets.choice import compiling, wanted

SMALL = ("smoke", "demo")  # the profiles whose steps are too small to be shared out

Device = Annotated[str | torch.device, "a name such as 'cpu' or 'cuda:1'"]

_COMPUTING = threading.RLock()


@contextmanager
def interrupted_in_a_line() -> Iterator[None]:
    """Let a notebook show an interruption in one line: IPython asks what stopped a cell how it is to be shown."""
    try:
        yield
    except KeyboardInterrupt as stop:
        vars(stop)["_render_traceback_"] = lambda: ["interrupted: run the cell again to go on"]
        raise


@checked
@interrupted_in_a_line()
def run(
    recipe: Recipe | str,
    profile: str = "demo",
    *,
    seed: Seed = 0,
    device: Device = "auto",
    fresh: bool | Collection[int] = False,
    recompute: bool = False,
    after: Run | str | Path | None = None,
    root: str | Path | None = None,
    data_root: str | Path | None = None,
    wait: Seconds = 3600.0,
    threads: Processors | None = None,
    progress: bool = True,
    verbose: bool = True,
    **overrides: Any,
) -> Run:
    """Compute a recipe, or load it where the same configuration has been computed before.

    Args:
        recipe: a recipe, or the name of one in `nascore.recipes`.
        profile: smoke, demo, gpu or paper; `overrides` change single settings, such as `epochs=5` or `space__cells=4`.
            A genotype may be given by the name of a published one (`genotype="DARTS_V2"`) or as a NAS-Bench-201 string.
        seed: of everything random, 0 to 2**64 - 1. The same seed and settings give the same bits on a CPU of one kind
            with the same number of threads.
        device: auto (the GPU if there is one), cpu, cuda, cuda:1, ...
        fresh: pass over the project's committed records (`data/runs`), which have no weights, or over those of some
            seeds alone (`fresh=[0]`). A finished run in `root` is loaded all the same, and an unfinished one gone on
            with.
        recompute: pass over finished runs in `root`, too. One that is there is set aside as `<name>.replaced` (then
            `-2`, `-3`, ...); an unfinished one is gone on with, so that a recomputation may be interrupted.
        after: a finished run that this one goes on from, or its folder, such as the training of the network that is to
            be pruned; it must have its weights, which committed records do not.
        root: the folder of run folders, `runs/` of the project unless given.
        data_root: where the data sets are; see `nascore.data`.
        wait: how many seconds to wait, at most, for another process that is computing the same run.
        threads: of the CPU. Unless given it is 1 at smoke and demo, whose steps are too small to be shared out and
            would have other bits on machines with other numbers of cores, and torch's own number elsewhere. A run that
            goes on has those that it was begun with.
        progress: show a progress bar on runs of more than two seconds (`TQDM_DISABLE=1` silences it too).
        verbose: print what is computed or loaded, and leave the bar.

    Under `torchrun` a retraining is shared out to all processes (see `nascore.training`); the leader writes the record.
    An unfinished run goes on from its last checkpoint and ends as if it had never stopped. Raises `ConfigError` for
    an unknown name or a wrong value, `GenotypeError` for a NAS-Bench-201 string that is none, `DataError` for missing
    or broken data, and `RunError` where the run cannot go on: another process computes it, the loss is no longer
    finite, the disk is full, `after` is no finished run.
    """
    asked = ask(recipe, profile, seed, fresh, recompute, after, root, data_root, overrides)
    folder, found = asked.folder, asked.found
    if found is None or team().size > 1:  # a record is read whatever device was asked for
        target = find_device(str(device))
        found = join(target).agree(found)
    if recompute and team().leads and is_finished(folder):
        _set_aside(folder, wait)
    if found is None:
        threads = threads or (1 if profile in SMALL else torch.get_num_threads())
        with _alone(wait, threads), locked(folder, wait) if team().leads else nullcontext():
            if not (done := team().agree(is_finished(folder))):  # else by whoever held the lock
                with seeded(asked.seed, target), _memory_told(folder):
                    task = asked.settings.start(target, asked.seed, data_root, asked.after)
                    _compute(RunFolder(folder, asked.identity.config(), target, team()), task, progress, verbose)
            team().agree(None)  # nobody goes on before the record is there
        found = folder if done else None
    run = load_run(found or folder)
    if found:
        asked.identity.check(run)
        if verbose and team().leads:
            tell(run)
    if found == folder and team().leads and leftovers(folder):  # of a process that died when all was done
        with suppress(RunError), locked(folder, wait=0):
            sweep(folder)
    if team().leads:
        note_call(run, "computed" if not found else "loaded" if found == folder else "committed")
    return run


def note_call(run: Run, source: str) -> None:
    """Add a run to the journal of calls."""
    note(Call(run.name, run.recipe, run.profile, run.seed, str(run.path), source, run.seconds))


@contextmanager
def _memory_told(folder: Path) -> Iterator[None]:
    """Turn want of memory into a `RunError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise RunError(
            f"{paths.shown(folder)} needs more memory than there is; what was checkpointed is safe. Take a smaller "
            "batch_size, fewer channels or smaller images, or a machine with more"
        ) from error


def _set_aside(folder: Path, wait: float) -> None:
    """Rename a finished run's folder; raises `RunError` where it cannot be renamed."""
    with locked(folder, wait):
        aside = next(path for path in _replaced(folder) if not path.exists())
        try:
            folder.rename(aside)  # the lock goes with it: a process that waits for it makes the folder anew
        except OSError as error:
            why = f"cannot be set aside as {aside.name} ({error}): rename it, or give another root"
            raise RunError(f"{paths.shown(folder)} {why}") from error
    for name in (".owner", ".lock"):
        (aside / name).unlink(missing_ok=True)


def _replaced(folder: Path) -> Iterator[Path]:
    """The names that a replaced run may have: nothing that was computed is ever deleted."""
    yield folder.with_name(folder.name + REPLACED)
    yield from (folder.with_name(f"{folder.name}{REPLACED}-{number}") for number in count(2))


def tell(found: Run) -> None:
    """Print where a record is, and where it came from."""
    when, where = found.environment["date"][:10], found.environment["device"]
    print(f"loaded {paths.shown(found.path)} (computed {when} on {where} in {found.seconds:.0f} s)")


@contextmanager
def _alone(wait: float, threads: int) -> Iterator[None]:
    """One run at a time in a process, which computes with so many threads.

    Python's threads share torch's generators: each run would draw the others' numbers.
    """
    if not _COMPUTING.acquire(timeout=min(wait, threading.TIMEOUT_MAX)):
        raise RunError("another thread of this process computes a run: give a longer wait, or take processes")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with compiling(wanted()):
            yield
    finally:
        torch.set_num_threads(before)
        _COMPUTING.release()


def _compute(folder: RunFolder, task: Task, progress: bool, verbose: bool) -> None:
    rows = folder.restore(task)
    folder.open()
    name = paths.shown(folder.path)
    doing = f"going on with {name} at" if rows else f"computing {name} from"
    say = print if verbose and folder.team.leads else lambda *_: None
    say(f"{doing} epoch {len(rows) + 1} of {task.epochs} on {_workers(folder)}")
    with _bar(folder, task, progress, leave=verbose) as bar:
        while task.epoch < task.epochs:
            began = time.perf_counter()
            row = {"epoch": task.epoch + 1, **task.run_epoch()}
            _check_finite(row, name)
            rows.append(row | {"seconds": round(time.perf_counter() - began, 4)})
            folder.save_checkpoint(task, rows)
            folder.save_history(rows)
            bar.update()
    remarks = folder.finish(task, rows)
    say(f"finished {name} in {sum(row['seconds'] for row in rows):.0f} s")
    for remark in remarks:
        say(f"note: {remark}")


def _workers(folder: RunFolder) -> str:
    return f"{folder.team.size} processes" if folder.team.size > 1 else str(folder.device)


def _bar(folder: RunFolder, task: Task, progress: bool, leave: bool) -> tqdm:
    # `disable` is only given to switch it off: without it TQDM_DISABLE decides
    off = {} if progress and folder.team.leads else {"disable": True}
    name = folder.path.name
    return tqdm(total=task.epochs, initial=task.epoch, desc=name, unit="epoch", delay=2, leave=leave, **off)


def _check_finite(row: dict[str, float], name: str) -> None:
    bad = [f"{key} is {value}" for key, value in row.items() if not math.isfinite(value)]
    if bad:
        raise RunError(
            f"{name}: {', '.join(bad)} in epoch {row['epoch']}, so the run stops there; the epochs before are kept. "
            "Try a lower learning_rate or gradient_clip, or another seed"
        )
