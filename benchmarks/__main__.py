"""Measure each group of alternatives against its reference (the first of the group); prints a table, saves JSON.

`python -m benchmarks` measures whole steps at several sizes (`steps`) and draws the plot of how they grow; so does
`make bench`. With `supernet`, `stages`, `blocks` or `imports` it measures these.
"""

import argparse
import json
import time
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from benchmarks import augmentation, blocks, bound, imports, plot, search_step, stages, supernet
from benchmarks import steps as steps_of
from benchmarks.timing import Clock, clock, compare
from nascore.base import paths
from nascore.records.environment import environment, find_device

RESULTS = paths.root() / "benchmarks" / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", default="bench", choices=list(PARTS), help="bench, if none is named")
    part = parser.parse_args().part
    device = find_device("auto")
    RESULTS.mkdir(parents=True, exist_ok=True)
    PARTS[part](device)


def _bench(device: torch.device) -> None:
    steps = _measured(steps_of.groups(device), 5, clock(device))
    speed = bound.bandwidth(device)
    growth = _growth(device, speed)
    _print(steps, {}, device)
    for row in growth.itertuples():
        print(f"{row.what:16} {row.varied:20} {row.value:3}  {row.form:16} {row.milliseconds:9.2f} ms")
    found = {"steps": _rows(steps), "growth": _rows(growth), "bytes_per_second": speed}
    _save("bench", device, found)
    plot.draw(growth).savefig(RESULTS / "bench.png", dpi=200)


def _supernet(device: torch.device) -> None:
    steps = pd.concat([_searches(device), *(_steps(device, batch) for batch in (16, 64))], ignore_index=True)
    memory = {batch: supernet.memory(batch) for batch in (16, 64)} if device.type == "cpu" else {}
    _print(steps, memory, device)
    _save("supernet", device, {"steps": _rows(steps), "memory_mib": memory})


def _stages(device: torch.device) -> None:
    steps = _measured(stages.groups(device), rounds=5)
    _print(steps, {}, device)
    _save("stages", device, {"steps": _rows(steps)})


def _blocks(device: torch.device) -> None:
    steps = _measured(blocks.groups(device), rounds=5)
    _print(steps, {}, device)
    _save("blocks", device, {"steps": _rows(steps)})


def _imports(device: torch.device) -> None:
    steps = _measured(imports.groups(), rounds=5)
    _print(steps, {}, device)
    _save("imports", device, {"steps": _rows(steps)})


PARTS = {"bench": _bench, "supernet": _supernet, "stages": _stages, "blocks": _blocks, "imports": _imports}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")


def _save(name: str, device: torch.device, found: dict[str, Any]) -> None:
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps({"environment": environment(device)} | found, indent=1) + "\n")
    print(f"saved {paths.shown(target)}")


def _searches(device: torch.device) -> pd.DataFrame:
    return _measured(augmentation.groups(device) | search_step.groups(device), rounds=7)


def _steps(device: torch.device, batch: int) -> pd.DataFrame:
    return _measured(supernet.groups(device, batch), rounds=3)


def _measured(groups: dict[str, supernet.Calls], rounds: int, timer: Clock = time.perf_counter) -> pd.DataFrame:
    rows = []
    for group, calls in tqdm(groups.items(), unit="group"):
        medians = compare(calls, rounds, timer)
        reference = next(iter(medians.values()))
        rows += [
            {"group": group, "what": what, "seconds": taken, "times": reference / taken}
            for what, taken in medians.items()
        ]
    return pd.DataFrame(rows)


def _growth(device: torch.device, speed: float) -> pd.DataFrame:
    rows = []
    for setting in tqdm(steps_of.growth(device), unit="setting", total=steps_of.SETTINGS):
        taken = compare(setting.calls, 5, clock(device)) | {steps_of.BOUND: setting.least / speed}
        point = {"what": setting.what, "varied": setting.varied, "value": setting.value}
        rows += [point | {"form": form, "milliseconds": 1e3 * each} for form, each in taken.items()]
    return pd.DataFrame(rows)


def _print(steps: pd.DataFrame, memory: dict[int, dict[str, dict[str, float]]], device: torch.device) -> None:
    print(f"\nmedian seconds, and how many times as fast as the first ({torch.get_num_threads()} threads on {device})")
    for row in steps.itertuples():
        print(f"{row.group:62} {row.what:34} {row.seconds:9.4f} s {row.times:6.2f}")
    for batch, forms in memory.items():
        shown = ", ".join(f"{name} {used['peak']:.0f} (kept {used['kept']:.0f})" for name, used in forms.items())
        print(f"MiB at the peak of a weight step, batch {batch}: {shown}")


if __name__ == "__main__":
    main()
