"""Measure each group of alternatives against its reference (the first of the group); prints a table, saves JSON and a
plot.

`python -m benchmarks supernet`, or `small`, or `stages`, or `blocks`, or `imports`, measures one of the parts.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from benchmarks import augmentation, blocks, imports, plot, search_step, small, stages, supernet
from benchmarks.timing import compare
from nascore.base import paths
from nascore.records.environment import environment, find_device

RESULTS = paths.root() / "benchmarks" / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", choices=list(PARTS), help="one of the parts; otherwise all")
    part = parser.parse_args().part
    device = find_device("auto")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for measure in [PARTS[part]] if part else PARTS.values():
        measure(device)


def _supernet(device: torch.device) -> None:
    steps = pd.concat([_searches(device), *(_steps(device, batch) for batch in (16, 64))], ignore_index=True)
    growth = _growth(supernet.growth(device), total=14)
    memory = {batch: supernet.memory(batch) for batch in (16, 64)} if device.type == "cpu" else {}
    _print(steps, memory, device)
    _save("bench", device, {"steps": _rows(steps), "growth": _rows(growth), "memory_mib": memory})
    plot.draw(steps[steps["what"] == "fast"], growth).savefig(RESULTS / "bench.png", dpi=200)


def _small(device: torch.device) -> None:
    steps = _measured(small.groups(device), rounds=7)
    growth = _growth(small.growth(device), total=6)
    _print(steps, {}, device)
    for row in growth.itertuples():
        print(f"weight step, {row.varied} {row.value:3}  {row.form:6} {row.seconds:9.4f} s")
    _save("small", device, {"steps": _rows(steps), "growth": _rows(growth)})
    plot.draw(steps[steps["what"] == "fast"], growth).savefig(RESULTS / "small.png", dpi=200)


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


PARTS = {"supernet": _supernet, "small": _small, "stages": _stages, "blocks": _blocks, "imports": _imports}


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


def _measured(groups: dict[str, supernet.Calls], rounds: int) -> pd.DataFrame:
    rows = []
    for group, calls in tqdm(groups.items(), unit="group"):
        medians = compare(calls, rounds)
        reference = next(iter(medians.values()))
        rows += [
            {"group": group, "what": what, "seconds": taken, "times": reference / taken}
            for what, taken in medians.items()
        ]
    return pd.DataFrame(rows)


def _growth(settings: Iterator[tuple[str, int, supernet.Calls]], total: int) -> pd.DataFrame:
    rows = []
    for varied, value, calls in tqdm(settings, unit="setting", total=total):
        for form, taken in compare(calls, rounds=3).items():
            rows.append({"varied": varied, "value": value, "form": form, "seconds": taken})
    return pd.DataFrame(rows)


def _print(steps: pd.DataFrame, memory: dict[int, dict[str, dict[str, float]]], device: torch.device) -> None:
    print(f"\nmedian seconds, and how many times as fast as the first ({torch.get_num_threads()} threads on {device})")
    for row in steps.itertuples():
        print(f"{row.group:36} {row.what:34} {row.seconds:9.4f} s {row.times:6.2f}")
    for batch, forms in memory.items():
        shown = ", ".join(f"{name} {used['peak']:.0f} (kept {used['kept']:.0f})" for name, used in forms.items())
        print(f"MiB at the peak of a weight step, batch {batch}: {shown}")


if __name__ == "__main__":
    main()
