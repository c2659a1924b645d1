"""Timing of alternatives, turn by turn, so that a noisy machine disturbs them alike."""

import statistics
import time
from collections.abc import Callable

import torch


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, the device's queue included."""
    began = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def compare(calls: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """Median seconds of each call over `rounds` turns, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            taken = seconds(call)
            if turn:
                times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}
