"""Many runs side by side, in processes."""

import contextlib
import inspect
import io
import multiprocessing
import os
import signal
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from tqdm import tqdm

from nascore.base import paths
from nascore.base.arguments import bound, checked
from nascore.base.conform import conform
from nascore.base.errors import ConfigError, NascoreError, shortened
from nascore.base.processes import check_alone
from nascore.base.ranges import Processors
from nascore.recipes.recipe import Recipe
from nascore.recipes.registry import find
from nascore.records import journal
from nascore.records.record import Run, load_run
from nascore.runs.asked import Asked, ask
from nascore.runs.one import interrupted_in_a_line, note_call, run, tell

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
VARIABLE = "NASCORE_WORKERS"  # the environment variable that says how many, unless it is said

Request = Recipe | str | Mapping[str, Any]
Label = TypeVar("Label", bound=Hashable)

_ASKED = inspect.signature(ask).parameters.keys()


@overload
def run_many(
    recipes: Mapping[Label, Request | Iterable[Request]],
    profile: str = ...,
    *,
    seeds: Iterable[int] = ...,
    workers: Processors | None = ...,
    progress: bool = ...,
    verbose: bool = ...,
    **arguments: Any,
) -> dict[Label, list[Run]]: ...
@overload
def run_many(
    recipes: Iterable[Request],
    profile: str = ...,
    *,
    seeds: Iterable[int] = ...,
    workers: Processors | None = ...,
    progress: bool = ...,
    verbose: bool = ...,
    **arguments: Any,
) -> list[Run]: ...
@checked
@interrupted_in_a_line()
def run_many(
    recipes: Iterable[Request] | Mapping[Any, Request | Iterable[Request]],
    profile: str = "demo",
    *,
    seeds: Iterable[int] = (0,),
    workers: Processors | None = None,
    progress: bool = True,
    verbose: bool = False,
    **arguments: Any,
) -> list[Run] | dict[Any, list[Run]]:
    """Compute or load each recipe with each seed, several side by side; the runs of the first recipe come first.

    Args:
        recipes: recipes or names of such; or, for runs that differ in more, mappings with the arguments of `run`, such
            as `{"recipe": "retraining", "genotype": found.genotype, "seed": found.seed}`. One with a `seed` is one run.
            Under labels, as in `{"DARTS": "darts", "random cell": [...]}`, they are returned as a list a label.
        seeds: of all others.
        workers: processes; unless given, as many as the machine has cores (`NASCORE_WORKERS` says otherwise), and one
            where there is a GPU, which all would share, and at smoke, whose runs take no longer than a process to
            start. With one, runs are computed in this process. So are those with classes or operations of a notebook,
            which other processes cannot import.
        progress: show one bar for all, or in this process one a run.
        verbose: print a line a run, as `run` does, instead of one that sums them up.
        arguments: as `run` takes them, for all runs.

    What is there already is loaded. After an interruption, or the first error, the next call goes on with what was
    begun. Raises what `run` raises, naming the run, and `ConfigError` for an argument that makes no sense and under
    `torchrun`, whose processes are there to share out one run.
    """
    check_alone("run_many")
    labelled = isinstance(recipes, Mapping)
    given, seeds = recipes if isinstance(recipes, Mapping) else {"": recipes}, list(seeds)
    shared = {"profile": profile} | arguments
    groups = {
        label: [request for each in _listed(group) for request in _requests(each, seeds, shared)]
        for label, group in given.items()
    }
    requests = [request for group in groups.values() for request in group]
    runs = iter(_runs(requests, workers, progress, verbose or len(requests) < 2))
    found = {label: [next(runs) for _ in group] for label, group in groups.items()}
    return found if labelled else found[""]


def _listed(group: Any) -> Iterable[Any]:
    alone = isinstance(group, (Recipe, str, Mapping)) or not isinstance(group, Iterable)
    return [group] if alone else group


def _requests(given: Any, seeds: list[int], shared: dict[str, Any]) -> list[dict[str, Any]]:
    own = dict(given) if isinstance(given, Mapping) else {"recipe": given}
    if isinstance(recipe := own.get("recipe"), str):
        own["recipe"] = recipe = find(recipe)
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"run_many takes recipes, or mappings that have a 'recipe', not {shortened(given)}")
    return [shared | own] if "seed" in own else [shared | own | {"seed": seed} for seed in seeds]


def _runs(requests: list[dict[str, Any]], workers: int | None, progress: bool, verbose: bool) -> list[Run]:
    began = time.perf_counter()
    asked = [_asked(request) for request in requests]
    missing = {each.folder: request for each, request in zip(asked, requests, strict=True) if each.found is None}
    workers = min(_workers(workers, missing.values()), len(missing))
    elsewhere: dict[Path, str] = {}
    if workers > 1 and not any(_is_of_a_notebook(each) for each in asked if each.found is None):
        _compute(list(missing.values()), workers, progress)
        elsewhere = dict.fromkeys(missing, "computed")
    runs = []
    for each, request in zip(asked, requests, strict=True):
        if each.folder in elsewhere:
            runs.append(_computed_elsewhere(each.folder, elsewhere[each.folder], verbose))
            elsewhere[each.folder] = "loaded"  # when it is asked for again
        else:
            runs.append(_run({"progress": progress, "verbose": verbose} | request))
    if not verbose:
        computed = {folder.resolve() for folder in missing}
        print(_summary(runs, computed, time.perf_counter() - began))
    return runs


def _computed_elsewhere(folder: Path, source: str, verbose: bool) -> Run:
    found = load_run(folder)
    if verbose:
        tell(found)
    note_call(found, source)
    return found


def _summary(runs: Sequence[Run], computed: set[Path], seconds: float) -> str:
    """How many runs there are, and where they come from, such as "3 runs: 2 from committed records of 2026-11-24, 1
    computed in 41 s".
    """
    origins: dict[str, dict[Path, Run]] = {}
    for each in runs:
        known = "committed records" if each.path.parent == paths.committed_runs() else "earlier runs"
        origins.setdefault("" if each.path in computed else known, {})[each.path] = each
    total = sum(map(len, origins.values()))
    said = []
    for origin, group in sorted(origins.items(), key=lambda item: (item[0] == "", item[0])):
        dates = dict.fromkeys(each(run.environment["date"][:10] for run in group.values()) for each in (min, max))
        where = f"from {origin} of {' to '.join(dates)}" if origin else f"computed in {seconds:.0f} s"
        said.append(f"{len(group) if len(origins) > 1 else 'all'} {where}")
    remarks = sum(bool(each.remarks) for group in origins.values() for each in group.values())
    return f"{total} runs: {', '.join(said)}" + (f"; {remarks} with remarks" if remarks else "")


def _asked(request: dict[str, Any]) -> Asked:
    with _naming(request):
        given = bound(run, **request)
        given.apply_defaults()
        return ask(**{name: value for name, value in given.arguments.items() if name in _ASKED})


def _workers(given: int | None, missing: Iterable[dict[str, Any]]) -> int:
    said = os.environ.get(VARIABLE, "")
    if given is None and said.isdecimal():
        given = conform(int(said), Processors, VARIABLE)
    if given is None and (torch.cuda.is_available() or all(each["profile"] == "smoke" for each in missing)):
        return 1
    return given or CORES


def _is_of_a_notebook(asked: Asked) -> bool:
    """Whether its code is known to this process alone."""
    config = asked.identity.config()
    return "operations" in config or "'__main__:" in repr(config["settings"])


def _compute(requests: list[dict[str, Any]], workers: int, progress: bool) -> None:
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(max(1, CORES // workers),))
    off = {} if progress else {"disable": True}
    try:
        with tqdm(total=len(requests), unit="run", delay=2, leave=False, **off) as bar:
            with _interruptions_ours():
                begun = [pool.submit(_quietly, request) for request in requests]
            for done in as_completed(begun):
                bar.set_postfix_str(done.result())
                bar.update()
    except BaseException:  # what was begun can be gone on with
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


@contextlib.contextmanager
def _interruptions_ours() -> Iterator[None]:
    """Processes begun in here get no Ctrl-C, not even while they import; this one gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's
    os.environ.pop(journal.VARIABLE, None)  # so are the notes, in the order of the requests
    torch.set_num_threads(threads)


def _quietly(request: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()):
        return _run(request | {"progress": False}).name


def _run(request: dict[str, Any]) -> Run:
    with _naming(request):
        return run(**request)


@contextlib.contextmanager
def _naming(request: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except NascoreError as error:
        raise type(error)(f"{request['recipe'].name}, seed {request['seed']}: {error}") from error
