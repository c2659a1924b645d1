"""Many runs side by side, in processes."""

import contextlib
import inspect
import io
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import torch
from tqdm import tqdm

from nascore.base.arguments import bound, checked
from nascore.base.conform import conform
from nascore.base.errors import ConfigError, NascoreError, shortened
from nascore.base.processes import check_alone
from nascore.base.ranges import Processors
from nascore.recipes.recipe import Recipe
from nascore.recipes.registry import find
from nascore.records.record import Run
from nascore.runs.asked import Asked, ask
from nascore.runs.one import run

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
VARIABLE = "NASCORE_WORKERS"  # the environment variable that says how many, unless it is said

_ASKED = inspect.signature(ask).parameters.keys()


@checked
def run_many(
    recipes: Iterable[Recipe | str | Mapping[str, Any]],
    profile: str = "demo",
    *,
    seeds: Iterable[int] = (0,),
    workers: Processors | None = None,
    progress: bool = True,
    **arguments: Any,
) -> list[Run]:
    """Compute or load each recipe with each seed, several side by side; the runs of the first recipe come first.

    Args:
        recipes: recipes or names of such; or, for runs that differ in more, mappings with the arguments of `run`, such
            as `{"recipe": "retraining", "genotype": found.genotype, "seed": found.seed}`. One with a `seed` is one run.
        seeds: of all others.
        workers: processes; unless given, as many as the machine has cores (`NASCORE_WORKERS` says otherwise), and one
            where there is a GPU, which all would share. With one, runs are computed in this process. So are those with
            classes or operations of a notebook, which other processes cannot import.
        progress: show one bar for all.
        arguments: as `run` takes them, for all runs.

    What is there already is loaded. After an interruption, or the first error, the next call goes on with what was
    begun. Raises what `run` raises, naming the run, and `ConfigError` for an argument that makes no sense and under
    `torchrun`, whose processes are there to share out one run.
    """
    check_alone("run_many")
    requests = [request for each in recipes for request in _requests(each, profile, list(seeds), arguments)]
    asked = [_asked(request) for request in requests]
    missing = [at for at, each in enumerate(asked) if each.found is None]
    workers = min(_workers(workers), len(missing))
    if workers > 1 and not any(_is_of_a_notebook(asked[at]) for at in missing):
        _compute([requests[at] for at in missing], workers, progress)
        for at in missing:  # now it is there, and no record but this is meant
            requests[at] |= {"fresh": True, "recompute": False}
    return [_run(request, progress) for request in requests]


def _requests(given: Any, profile: str, seeds: list[int], arguments: dict[str, Any]) -> list[dict[str, Any]]:
    own = dict(given) if isinstance(given, Mapping) else {"recipe": given}
    if "recipe" not in own:
        raise ConfigError(f"run_many takes recipes, or mappings that have a 'recipe', not {shortened(given)}")
    if isinstance(own["recipe"], str):
        own["recipe"] = find(own["recipe"])
    shared = {"profile": profile} | arguments
    return [shared | own] if "seed" in own else [shared | own | {"seed": seed} for seed in seeds]


def _asked(request: dict[str, Any]) -> Asked:
    with _naming(request):
        given = bound(run, **request)
        given.apply_defaults()
        return ask(**{name: value for name, value in given.arguments.items() if name in _ASKED})


def _workers(given: int | None) -> int:
    said = os.environ.get(VARIABLE, "")
    if given is None and said.isdecimal():
        given = conform(int(said), Processors, VARIABLE)
    return given or (1 if torch.cuda.is_available() else CORES)


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
        with tqdm(total=len(requests), unit="run", delay=2, **off) as bar:
            for done in as_completed(pool.submit(_quietly, request) for request in requests):
                bar.set_postfix_str(done.result())
                bar.update()
    except BaseException:  # what was begun can be gone on with
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's
    torch.set_num_threads(threads)


def _quietly(request: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()):
        return _run(request, progress=False).name


def _run(request: dict[str, Any], progress: bool) -> Run:
    with _naming(request):
        return run(**({"progress": progress} | request))


@contextlib.contextmanager
def _naming(request: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except NascoreError as error:
        raise type(error)(f"{request['recipe'].name}, seed {request['seed']}: {error}") from error
