"""Runs: the one call that notebooks, batch jobs and tests share.

`run` computes a recipe in a folder of its own, checkpoint by checkpoint, and reads it back when it is there already.
"""

import math
import re
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nascore.base import paths, sources
from nascore.base.config import Settings, digest, to_dict
from nascore.base.errors import ConfigError, RunError
from nascore.base.files import atomic_write
from nascore.base.processes import join, team
from nascore.recipes.recipe import Recipe
from nascore.records.checkpoints import RunFolder, Task, locked
from nascore.records.environment import find_device, seeded
from nascore.records.record import RESULT, WEIGHTS, Run, is_finished, load_run

# Raised when the same configuration may give other results than before, or a default is changed, so that old records
# are not taken for new ones.
RECORD_VERSION = 3

MAX_COMMITTED = 200 * 1024  # bytes of one committed record


def run(
    recipe: Recipe | str,
    *,
    profile: str = "demo",
    seed: int = 0,
    device: str = "auto",
    fresh: bool = False,
    after: Run | None = None,
    root: str | Path | None = None,
    data_root: str | Path | None = None,
    wait: float = 3600.0,
    progress: bool = True,
    **overrides: Any,
) -> Run:
    """Compute a recipe, or load it where the same configuration has been computed before.

    Args:
        recipe: a recipe, or the name of one in `nascore.recipes`. profile: smoke, demo, gpu or paper; `overrides`
        change single settings, such as `epochs=5` or `space__cells=4`. seed: of everything random. The same seed and
        settings give the same bits on a CPU with the same number of threads. device: auto (the GPU if there is one),
        cpu, cuda, cuda:1, ... fresh: compute on this machine even where the project's committed records (`data/runs`)
        hold the run. after: a finished run that this one goes on from, such as the training of the network that is to
        be pruned; it must have its weights, which committed records do not. root: the folder of run folders, `runs/` of
        the project unless given. data_root: where the data sets are; see `nascore.data`. wait: how many seconds to
        wait, at most, for another process that is computing the same run. progress: show a progress bar on runs of more
        than two seconds (`TQDM_DISABLE=1` silences it too).

    Under `torchrun` a retraining is shared out to all processes (see `nascore.training`); the leader writes the record.
    An unfinished run goes on from its last checkpoint and ends as if it had never stopped. Raises `ConfigError` for
    an unknown name or a wrong value, `DataError` for missing or broken data, and `RunError` where the run cannot go
    on: another process computes it, the loss is no longer finite, the disk is full.
    """
    if isinstance(recipe, str):
        from nascore.recipes import find

        recipe = find(recipe)
    if type(seed) is not int or seed < 0:
        raise ConfigError(f"seed must be a whole number from 0 on, not {seed!r}")
    settings = recipe.at(profile, **overrides)
    config = {"recipe": recipe.name, "paper": recipe.paper, "profile": profile, "seed": seed}
    config |= {"settings": to_dict(settings), "record_version": RECORD_VERSION}
    config |= {"after": _identity(after)} if after else {}
    name = f"{recipe.name}-{profile}-s{seed}-{_hash(recipe, seed, settings, after)}"
    folder = Path(root or paths.root() / "runs") / name
    places = [folder] if fresh else [paths.committed_runs() / name, folder]
    found = next((place for place in places if is_finished(place)), None)
    if found is None or team().size > 1:  # a record is read whatever device was asked for
        target = find_device(device)
        found = join(target).agree(found)
    if found is None:
        with locked(folder, wait) if team().leads else nullcontext():
            if not (done := team().agree(is_finished(folder))):  # else by whoever held the lock
                with seeded(seed, target):
                    task = settings.start(target, seed, data_root, after)
                    _compute(RunFolder(folder, config, target, team()), task, progress)
            team().agree(None)  # nobody goes on before the record is there
        found = folder if done else None
    run = load_run(found or folder)
    if found:
        _check_defaults(run, config)
        _tell(run)
    return run


def keep(finished: Run) -> Path:
    """Copy a finished run's record, without weights, to the project's committed records; returns its folder there.

    Raises `RunError` for a record over 200 KiB.
    """
    target = paths.committed_runs() / finished.name
    names = [name for name in (*finished.result["files"], RESULT) if name != WEIGHTS]
    size = sum((finished.path / name).stat().st_size for name in names)
    if size > MAX_COMMITTED:
        raise RunError(f"the record of {finished.name} has {size / 1024:.0f} KiB; a committed one has at most 200")
    for name in names:
        atomic_write(target / name, (finished.path / name).read_bytes())
    return target


def _hash(recipe: Recipe, seed: int, settings: Settings, after: Run | None) -> str:
    """Of all that decides the result. Defaults are left out, so that a new setting leaves old records theirs."""
    decides: list[Any] = [recipe.name, seed, to_dict(settings, defaults=False), RECORD_VERSION]
    used = sorted(sources.registered.keys() & set(_words(to_dict(settings))))
    if used:  # readers' operations, in a space or a genotype
        decides.append({"operations": {name: sources.fingerprint(sources.registered[name]) for name in used}})
    return digest([*decides, _identity(after)] if after else decides)


def _words(shown: Any) -> Iterator[str]:
    """The words of all strings in settings' dict: some genotypes are written as one string."""
    if isinstance(shown, str):
        yield from re.findall(r"\w+", shown)
    elif isinstance(shown, (list, dict)):
        for each in shown.values() if isinstance(shown, dict) else shown:
            yield from _words(each)


def _identity(run: Run) -> dict[str, str]:
    """A finished run, and its weights to the bit."""
    return {"run": run.name, "weights": run.result["files"][WEIGHTS]}


def _check_defaults(found: Run, config: dict[str, Any]) -> None:
    if differing := sorted(_differing(found.settings, config["settings"])):
        raise RunError(
            f"{paths.shown(found.path)} was computed when {', '.join(differing)} had another default: delete its "
            "folder and compute the run again (whoever changes a default raises RECORD_VERSION)"
        )


def _tell(found: Run) -> None:
    when, where = found.environment["date"][:10], found.environment["device"]
    if team().leads:
        print(f"loaded {paths.shown(found.path)} (computed {when} on {where} in {found.seconds:.0f} s)")


def _differing(old: dict[str, Any], now: dict[str, Any], within: str = "") -> Iterator[str]:
    """The names of settings that `old` has and that are others `now`."""
    for name, value in old.items():
        if isinstance(value, dict) and isinstance(now.get(name), dict):
            yield from _differing(value, now[name], f"{within}{name}__")
        elif value != now.get(name):
            yield within + name


def _compute(folder: RunFolder, task: Task, progress: bool) -> None:
    rows = folder.restore(task)
    folder.open()
    name = paths.shown(folder.path)
    doing = f"going on with {name} at" if rows else f"computing {name} from"
    say = print if folder.team.leads else lambda *_: None
    say(f"{doing} epoch {len(rows) + 1} of {task.epochs} on {_workers(folder)}")
    with _bar(folder, task, progress) as bar:
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


def _bar(folder: RunFolder, task: Task, progress: bool) -> tqdm:
    # `disable` is only given to switch it off: without it TQDM_DISABLE decides
    off = {} if progress and folder.team.leads else {"disable": True}
    return tqdm(total=task.epochs, initial=task.epoch, desc=folder.path.name, unit="epoch", delay=2, **off)


def _check_finite(row: dict[str, float], name: str) -> None:
    bad = [f"{key} is {value}" for key, value in row.items() if not math.isfinite(value)]
    if bad:
        raise RunError(
            f"{name}: {', '.join(bad)} in epoch {row['epoch']}, so the run stops there; the epochs before are kept. "
            "Try a lower learning_rate or gradient_clip, or another seed"
        )
