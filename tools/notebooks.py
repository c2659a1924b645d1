"""Run the notebooks.

`reproduce` computes everything on this machine; `keep` makes those runs the committed records; `refresh` executes the
notebooks in place from the committed records.
"""

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path

os.environ.setdefault("TQDM_DISABLE", "1")  # bars belong to people at a terminal; a batch gets a line a run

import nbformat
import papermill
from nbclient import NotebookClient

import nascore
from nascore import paths

NOTEBOOKS = paths.root() / "notebooks"


def numbered() -> list[Path]:
    """The notebooks in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def reproduce(profile: str) -> None:
    """Execute each notebook with papermill, fresh, and list what was written."""
    began = time.time()
    for number, path in enumerate(numbered(), start=1):
        print(f"\n== {path.stem} ({number} of {len(numbered())}) at profile {profile}", flush=True)
        execute(path, paths.root() / "runs" / "notebooks" / profile / path.name, {"profile": profile, "fresh": True})
    print(f"\n== done in {time.time() - began:.0f} s; written:")
    for path in sorted(written(since=began)):
        print(f"   {paths.shown(path)}")


def execute(source: Path, target: Path, parameters: dict) -> None:
    """Execute one notebook, its printed lines shown as they come; the executed copy is kept even if a cell fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(
        source,
        target,
        parameters=parameters,
        kernel_name="python3",
        cwd=NOTEBOOKS,
        progress_bar=False,
        stdout_file=sys.stdout,
    )


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
    commands.add_parser("reproduce").add_argument("--profile", default="demo")
    commands.add_parser("keep").add_argument("--profile", default="demo")
    commands.add_parser("refresh")
    arguments = parser.parse_args()
    match arguments.command:
        case "reproduce":
            reproduce(arguments.profile)
        case "keep":
            keep(arguments.profile)
        case "refresh":
            refresh()


if __name__ == "__main__":
    main()
