"""Timing of alternatives, turn by turn, so that a noisy machine disturbs them alike."""

import statistics
import time
from collections.abc import Callable

import torch

Clock = Callable[[], float]


def clock(device: torch.device) -> Clock:
    """The time on the wall; with one thread on a CPU that of the process, which is the same but for what else runs."""
    return time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def seconds(call: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Seconds of one call, the device's queue included."""
    began = clock()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - began


def compare(
    calls: dict[str, Callable[[], object]], rounds: int = 7, clock: Clock = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each call over `rounds` turns, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            taken = seconds(call, clock)
            if turn:
                times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}
