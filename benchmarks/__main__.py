"""Measure each group of alternatives against its reference (the first of the group); prints a table, saves JSON and a
plot.
"""

import json

import pandas as pd
import torch
from tqdm import tqdm

from benchmarks import augmentation, plot, search_step, supernet
from benchmarks.timing import compare
from nascore import paths
from nascore.environment import environment, find_device


def main() -> None:
    device = find_device("auto")
    steps = pd.concat([_small(device), *(_steps(device, batch) for batch in (16, 64))], ignore_index=True)
    growth = _growth(device)
    memory = {batch: supernet.memory(batch) for batch in (16, 64)} if device.type == "cpu" else {}
    _print(steps, memory, device)
    target = paths.root() / "benchmarks" / "results"
    target.mkdir(parents=True, exist_ok=True)
    found = {
        "environment": environment(device),
        "steps": steps.to_dict("records"),
        "growth": growth.to_dict("records"),
        "memory_mib": memory,
    }
    (target / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    plot.draw(steps[steps["what"] == "fast"], growth).savefig(target / "bench.png", dpi=200)
    print(f"saved {paths.shown(target / 'bench.json')} and bench.png")


def _small(device: torch.device) -> pd.DataFrame:
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


def _growth(device: torch.device) -> pd.DataFrame:
    rows = []
    for varied, value, calls in tqdm(supernet.growth(device), unit="setting", total=14):
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
