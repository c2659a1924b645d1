"""Run the notebooks.

`reproduce` computes everything on this machine, and `execute` one notebook; `keep` makes those runs the committed
records; `refresh` executes the notebooks in place from the committed records.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TQDM_DISABLE", "1")  # bars belong to people at a terminal; a batch gets a line a run

import nbformat
import papermill
from nbclient import NotebookClient

import nascore
from nascore.base import paths

NOTEBOOKS = paths.root() / "notebooks"
CORES = len(os.sched_getaffinity(0))


def numbered() -> list[Path]:
    """The notebooks in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def reproduce(profile: str, jobs: int) -> None:
    """Execute each notebook with papermill, fresh, `jobs` of them at once, and list what was written.

    Each has its share of the CPU's cores: where steps are small, two threads are hardly faster than one.
    """
    began, jobs = time.time(), min(jobs, len(numbered()))
    print(f"{len(numbered())} notebooks at profile {profile}, {jobs} at once", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        codes = list(pool.map(lambda path: reproduce_one(path, profile, threads=max(1, CORES // jobs)), numbered()))
    print(f"\n== done in {time.time() - began:.0f} s; written:")
    for path in sorted(written(since=began)):
        print(f"   {paths.shown(path)}")
    if failed := [path.name for path, code in zip(numbered(), codes, strict=True) if code]:
        sys.exit(f"a cell failed in {', '.join(failed)}: see runs/notebooks/{profile}")


def reproduce_one(path: Path, profile: str, threads: int) -> int:
    """Execute one notebook in a process of its own, its lines marked with its number; returns the exit status."""
    command = [sys.executable, __file__, "execute", str(path), "--profile", profile]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            print(f"{path.stem[:2]} | {line}", end="", flush=True)
    return process.returncode


def execute(source: Path, profile: str) -> None:
    """Execute one notebook, its printed lines shown as they come; the executed copy is kept even if a cell fails."""
    target = paths.root() / "runs" / "notebooks" / profile / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.time()
    papermill.execute_notebook(
        source,
        target,
        parameters={"profile": profile, "fresh": True},
        kernel_name="python3",
        cwd=NOTEBOOKS,
        progress_bar=False,
        stdout_file=sys.stdout,
    )
    print(f"{source.stem}: {time.time() - began:.0f} s", flush=True)


def written(since: float) -> list[Path]:
    """Figures and executed notebooks newer than `since`, and the folders of runs."""
    places = [paths.root() / "figures", paths.root() / "runs" / "notebooks"]
    files = [path for place in places for path in place.rglob("*.*") if path.is_file()]
    files += [path.parent for path in (paths.root() / "runs").glob("*/result.json")]
    return [path for path in files if path.stat().st_mtime >= since - 1]


def keep(profile: str) -> None:
    """Replace the committed records of a profile by the runs that the last `reproduce` showed."""
    executed = [path.read_text() for path in (paths.root() / "runs" / "notebooks" / profile).glob("*.ipynb")]
    names = {name for text in executed for name in re.findall(r"\bruns/([\w-]+-s\d+-\w+)", text)}
    computed = [folder for name in names if (folder := paths.root() / "runs" / name).is_dir()]
    if not computed:
        sys.exit(f"runs/notebooks/{profile} shows no run: call make reproduce first")
    for old in paths.committed_runs().glob(f"*-{profile}-s*"):
        shutil.rmtree(old)
    for folder in sorted(computed):
        print(f"kept {paths.shown(nascore.keep(nascore.load_run(folder)))}")


def refresh() -> None:
    """Execute each notebook in place from the committed records; the same code gives the same bytes."""
    for path in numbered():
        began = time.time()
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=1200,
            kernel_name="python3",
            resources={"metadata": {"path": str(NOTEBOOKS)}},
            record_timing=False,
        )
        client.execute()
        tidy(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.time() - began:.0f} s")


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave the machine's own version numbers out of the metadata."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    everything = commands.add_parser("reproduce")
    everything.add_argument("--profile", default="demo")
    everything.add_argument("--jobs", type=int, default=default_jobs(), help="notebooks at once")
    one = commands.add_parser("execute")
    one.add_argument("notebook", type=Path)
    one.add_argument("--profile", default="demo")
    commands.add_parser("keep").add_argument("--profile", default="demo")
    commands.add_parser("refresh")
    arguments = parser.parse_args()
    match arguments.command:
        case "reproduce":
            reproduce(arguments.profile, arguments.jobs)
        case "execute":
            execute(arguments.notebook, arguments.profile)
        case "keep":
            keep(arguments.profile)
        case "refresh":
            refresh()


def default_jobs() -> int:
    """As many notebooks as cores; one where all would share a GPU."""
    import torch

    return 1 if torch.cuda.is_available() else CORES


if __name__ == "__main__":
    main()
