"""Run the notebooks.

`execute` runs one, for `tools/reproduce.py`; `keep` makes what that computed the committed records, and `index` notes
which of these each notebook shows; `refresh` executes the notebooks in place from the committed records.
"""

import argparse
import base64
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")  # bars belong to people at a terminal; a batch gets a line a call

import nbformat
import numpy as np
import papermill
from nbclient import NotebookClient
from PIL import Image

import nascore
from nascore.base import paths
from nascore.evidence import studies
from nascore.records.journal import VARIABLE, Call, read
from nascore.runs import many

JOURNAL = paths.root() / "data" / "journal.json"  # profile -> notebook -> the names of its committed records, in order
NOTEBOOKS = paths.root() / "notebooks"
_UNSEEN = 16  # of 255: how much a pixel's colour may change


def numbered() -> list[Path]:
    """The notebooks in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def execute(source: Path, profile: str, fresh: Any, target: Path, workdir: str) -> None:
    """Execute one notebook; the executed copy is kept even if a cell fails."""
    target.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(
        source,
        target / source.name,
        parameters={"profile": profile, "fresh": fresh, "workdir": workdir},
        kernel_name="python3",
        cwd=NOTEBOOKS,
        progress_bar=False,
        stdout_file=sys.stdout,
    )


def journal_of_records(profile: str) -> dict[str, list[str]]:
    """The names of the committed records that each notebook shows, in the order in which it asks for them."""
    return json.loads(JOURNAL.read_text())[profile] if JOURNAL.is_file() else {}


def keep(profile: str) -> None:
    """Replace the committed records of a profile by the runs that the last `make reproduce-all` showed."""
    journals = sorted((paths.root() / "runs" / "reproduce-all" / profile).glob("*.jsonl"))
    if not journals:
        sys.exit(f"nothing was computed at {profile}: call make reproduce-all first")
    calls = {path.stem: [] for path in numbered()} | {path.stem: read(path) for path in journals}
    for old in paths.committed_runs().glob(f"*-{profile}-s*"):
        shutil.rmtree(old)
    for folder in sorted({call.folder for group in calls.values() for call in group}):
        print(f"kept {paths.shown(nascore.keep(nascore.load_run(folder)))}")
    _write_journal(profile, calls)


def index(profile: str) -> None:
    """Write down which committed records each notebook shows, by executing all from them."""
    calls = {}
    with tempfile.TemporaryDirectory() as scratch:
        for path in numbered():
            os.environ[VARIABLE] = str(journal := Path(scratch, f"{path.stem}.jsonl"))
            execute(path, profile, False, Path(scratch), "")
            calls[path.stem] = read(journal) if journal.is_file() else []
    if missing := [call.name for group in calls.values() for call in group if call.source != "committed"]:
        sys.exit(f"{len(missing)} runs have no committed record, {missing[0]} for one")
    _write_journal(profile, calls)


def _write_journal(profile: str, calls: dict[str, list[Call]]) -> None:
    known = json.loads(JOURNAL.read_text()) if JOURNAL.is_file() else {}
    known[profile] = {notebook: [call.name for call in group] for notebook, group in calls.items()}
    JOURNAL.write_text(json.dumps(known, indent=1) + "\n")


def refresh() -> None:
    """Execute each notebook in place from the committed records; the same code gives the same bytes.

    The studies that they make become the committed ones. What notebooks say on top is judged by these: where one has
    changed, all are executed once more.
    """
    folder = paths.root() / "data" / "studies"
    os.environ[studies.FOLDER] = str(folder)
    os.environ["OMP_NUM_THREADS"] = os.environ[many.VARIABLE] = "1"
    for again in (False, True):
        before = _contents(folder)
        with ProcessPoolExecutor(many.CORES) as pool:
            for path, seconds in pool.map(_refresh, numbered()):
                print(f"{path.name}: {seconds:.0f} s", flush=True)
        if again or _contents(folder) == before:
            return
        print("studies have changed: once more", flush=True)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def _refresh(path: Path) -> tuple[Path, float]:
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
    return path, time.time() - began


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave out the machine's own version numbers, and in how many pieces printed lines happened to come; make pictures
    lighter.
    """
    for cell in notebook.cells:
        outputs: list[nbformat.NotebookNode] = []
        for output in cell.get("outputs", []):
            if outputs and output.output_type == "stream" and output.name == outputs[-1].get("name"):
                outputs[-1].text += output.text
            else:
                outputs.append(output)
        for output in outputs:
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = lighter(output.data["image/png"])
        if cell.cell_type == "code":
            cell.outputs = outputs
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def lighter(picture: str) -> str:
    """A PNG in base64 with a palette of 256 colours, a quarter of the bytes, if no pixel changes by what the eye sees.

    Photographs stay as they are. The figures in `figures/` have all their colours.
    """
    whole = Image.open(BytesIO(base64.b64decode(picture))).convert("RGB")
    few = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    if np.abs(np.asarray(few.convert("RGB"), int) - np.asarray(whole, int)).max() > _UNSEEN:
        return picture
    written = BytesIO()
    few.save(written, "PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode() if len(written.getvalue()) < len(picture) * 3 / 4 else picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("execute")
    one.add_argument("notebook", type=Path)
    one.add_argument("--profile", default="demo")
    one.add_argument("--fresh", type=json.loads, default=False)
    one.add_argument("--target", type=Path, required=True)
    one.add_argument("--workdir", default="")
    for name in ("keep", "index"):
        commands.add_parser(name).add_argument("--profile", default="demo")
    commands.add_parser("refresh")
    given = parser.parse_args()
    match given.command:
        case "execute":
            execute(given.notebook, given.profile, given.fresh, given.target, given.workdir)
        case "keep":
            keep(given.profile)
        case "index":
            index(given.profile)
        case "refresh":
            refresh()


if __name__ == "__main__":
    main()
