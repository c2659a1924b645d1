"""Run all notebooks, several at once, and say how what was computed here agrees with the committed records.

`seed`: the first seed of everything computed on this machine, the others from the records. `all`: all seeds computed.
`figures`: everything from the records, into `figures/`. The first two write below `runs/` alone.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from nascore.base import paths
from nascore.base.config import digest
from nascore.evidence.agreement import agreement, summary
from nascore.records.journal import VARIABLE, Call, read
from nascore.records.record import load_run
from nascore.runs import many
from nascore.runs.many import CORES
from notebooks import NOTEBOOKS, journal_of_records, numbered

SEED = 0
FIRST = "00_tour"  # the first figure comes from here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["seed", "all", "figures"])
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--jobs", type=int, default=1 if torch.cuda.is_available() else CORES, help="notebooks at once")
    parser.add_argument("--again", action="store_true", help="even if nothing has changed since the last time")
    given = parser.parse_args()
    Reproduction(given.what, given.profile, given.jobs).run(given.again)


@dataclass
class Notebook:
    """One notebook, executed in a process of its own; `expected` are the runs that the records have of it."""

    path: Path
    journal: Path
    expected: list[Call]
    process: subprocess.Popen[str] | None = None
    began: float = 0.0
    seconds: float = 0.0
    code: int | None = None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def log(self) -> Path:
        """All that it printed."""
        return self.journal.with_suffix(".log")

    def calls(self) -> list[Call]:
        return read(self.journal) if self.journal.is_file() else []

    def ended(self) -> bool:
        """Whether it has ended just now."""
        if self.process is None or self.code is not None or (code := self.process.poll()) is None:
            return False
        self.code, self.seconds = code, time.time() - self.began
        return True


class Reproduction:
    """All notebooks at one profile; `what` is computed."""

    def __init__(self, what: str, profile: str, jobs: int):
        self.what, self.profile, self.jobs = what, profile, jobs
        self.folder = paths.root() / "runs" / ("figures" if what == "figures" else f"reproduce-{what}") / profile
        self.recorded = journal_of_records(profile)
        self.fresh: Any = {"seed": [SEED], "all": True, "figures": False}[what]
        self.notebooks = [
            Notebook(path, self.folder / f"{path.stem}.jsonl", _calls(self.recorded.get(path.stem, [])))
            for path in numbered()
        ]
        self.notebooks.sort(key=lambda each: (each.name != FIRST, -self.expected_seconds(each)))

    def expected_seconds(self, notebook: Notebook) -> float:
        """What its runs that are computed took when they were recorded."""
        return sum(call.seconds for call in notebook.expected if self.fresh is True or call.seed in (self.fresh or []))

    def run(self, again: bool) -> None:
        stamp, now = self.folder / "stamp.json", {"of": _state()}
        if not again and stamp.is_file() and (last := json.loads(stamp.read_text()))["of"] == now["of"]:
            print(f"{last['said']}\n\nNothing has changed since then; --again executes the notebooks again.")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        began, total = time.time(), sum(map(self.expected_seconds, self.notebooks))
        took = f"; their runs took {total / 60:.0f} min of one core when they were recorded" if total else ""
        print(f"{len(self.notebooks)} notebooks at profile {self.profile}, {self.jobs} at once{took}", flush=True)
        try:
            self._execute_all()
        finally:
            for notebook in self.notebooks:
                if notebook.process and notebook.code is None:
                    notebook.process.terminate()  # runs are gone on with from their checkpoints
        said = self._said(time.time() - began)
        print(f"\n{said}")
        if failed := [each for each in self.notebooks if each.code]:
            for each in failed:
                print(f"\n== {each.name} failed, the end of {paths.shown(each.log)}:")
                print(each.log.read_text(errors="replace")[-3000:])
            sys.exit(f"a cell failed in {', '.join(each.name for each in failed)}: see {paths.shown(self.folder)}")
        stamp.write_text(json.dumps(now | {"said": said}))

    def _execute_all(self) -> None:
        waiting, running = list(self.notebooks), []
        with _Progress(self) as progress:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    running.append(waiting.pop(0))
                    self._start(running[-1])
                time.sleep(0.5)
                for notebook in [each for each in running if each.ended()]:
                    running.remove(notebook)
                    progress.ended(notebook)
                progress.update(running)

    def _start(self, notebook: Notebook) -> None:
        notebook.journal.unlink(missing_ok=True)
        command = [sys.executable, str(Path(__file__).with_name("notebooks.py")), "execute", str(notebook.path)]
        command += ["--profile", self.profile, "--fresh", json.dumps(self.fresh), "--target", str(self.folder)]
        command += ["--workdir", "" if self.what == "figures" else str(self.folder.parent)]
        environment = os.environ | {VARIABLE: str(notebook.journal), "TQDM_DISABLE": "1"}
        share = str(max(1, CORES // self.jobs))
        environment |= {"OMP_NUM_THREADS": share, many.VARIABLE: share}
        notebook.began = time.time()
        with notebook.log.open("w") as log:
            notebook.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True
            )

    def _said(self, seconds: float) -> str:
        calls = {each.name: each.calls() for each in self.notebooks}
        computed = sum(call.source != "committed" for group in calls.values() for call in group)
        lines = [f"done in {seconds / 60:.1f} min: {sum(map(len, calls.values()))} runs shown, {computed} of them ours"]
        if self.what != "figures":
            table = agreement(calls, self.recorded)
            table.to_csv(self.folder / "agreement.csv", index=False)
            by_recipe = table.groupby(["recipe", "agreement"], sort=False).difference.agg(
                ["size", "mean", "min", "max"]
            )
            lines += ["", summary(table), ""] + ([by_recipe.round(2).to_string(), ""] if len(table) else [])
            lines += [f"each run: {paths.shown(self.folder / 'agreement.csv')}"]
        figures = paths.root() if self.what == "figures" else self.folder.parent
        lines += [f"figures and tables: {paths.shown(figures / 'figures' / self.profile)}"]
        lines += [f"executed notebooks: {paths.shown(self.folder)}"]
        lines += [] if self.what == "figures" else [f"records: {paths.shown(self.folder.parent / 'runs')}"]
        return "\n".join(lines)


class _Progress:
    """A line a notebook that is updated, where a terminal shows it; elsewhere a line when one ends."""

    def __init__(self, work: Reproduction):
        self.work, self.terminal, self.done = work, sys.stdout.isatty(), 0
        self.bars: dict[str, tqdm[Any]] = {}

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        for bar in self.bars.values():
            bar.close()

    def update(self, running: list[Notebook]) -> None:
        for notebook in running if self.terminal else []:
            calls, name = notebook.calls(), notebook.name
            if name not in self.bars:
                self.bars[name] = tqdm(total=len(notebook.expected) or None, desc=name, unit="run", file=sys.stdout)
            bar = self.bars[name]
            bar.n = min(len(calls), bar.total or len(calls))
            bar.set_postfix_str(calls[-1].name if calls else "", refresh=True)

    def ended(self, notebook: Notebook) -> None:
        self.done += 1
        state = f"failed ({notebook.code})" if notebook.code else f"{len(notebook.calls())} runs"
        line = f"{notebook.name}: {state} in {notebook.seconds:.0f} s; {self.done} of {len(self.work.notebooks)}"
        if bar := self.bars.pop(notebook.name, None):
            bar.close()
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


def _calls(names: list[str]) -> list[Call]:
    runs = [load_run(paths.committed_runs() / name) for name in names]
    return [Call(run.name, run.recipe, run.profile, run.seed, "", "committed", run.seconds) for run in runs]


def _state() -> str:
    """All that decides what is computed here, in short."""
    root = paths.root()
    files = [*(root / "nascore").rglob("*.py"), *(root / "tools").glob("*.py"), *NOTEBOOKS.glob("*.ipynb")]
    files += [root / "requirements.lock", *paths.committed_runs().glob("*/result.json")]
    return digest([[str(path.relative_to(root)), digest(path.read_bytes().hex())] for path in sorted(files)])


if __name__ == "__main__":
    main()
