"""Measure each group of alternatives against its reference (the first of the group); prints a table and saves JSON."""

import json

import torch
from tqdm import tqdm

from benchmarks import augmentation, search_step, supernet
from benchmarks.timing import compare
from nascore import paths
from nascore.environment import environment, find_device


def main() -> None:
    device = find_device("auto")
    small = {**augmentation.groups(device), **search_step.groups(device)}
    large = {**supernet.groups(device, 16), **supernet.groups(device, 64)}
    rows = []
    for group, calls in tqdm((small | large).items(), unit="group"):
        medians = compare(calls, rounds=3 if group in large else 7)
        reference = next(iter(medians))
        rows += [
            {
                "group": group,
                "what": what,
                "seconds": taken,
                "reference": reference,
                "ratio": taken / medians[reference],
            }
            for what, taken in medians.items()
        ]
    print(f"\nmedian seconds, and as a multiple of the group's first ({torch.get_num_threads()} threads on {device})")
    for row in rows:
        print(f"{row['group']:28} {row['what']:34} {row['seconds']:9.4f} s {row['ratio']:8.2f}")
    kept = {batch: supernet.kept(device, batch) for batch in (16, 64)}
    for batch, sizes in kept.items():
        shown = ", ".join(f"{name} {size:.0f} MiB" for name, size in sizes.items())
        print(f"kept for the backward pass of a weight step, batch {batch}: {shown}")
    target = paths.root() / "benchmarks" / "results" / "bench.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"environment": environment(device), "rows": rows, "kept_mib": kept}, indent=1) + "\n")
    print(f"saved {paths.shown(target)}")


if __name__ == "__main__":
    main()
