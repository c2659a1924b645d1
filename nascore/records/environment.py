"""The machine that a run is computed on: its device, its random state, and what a record says of it."""

import contextlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from nascore.base import paths
from nascore.base.config import choose
from nascore.base.errors import ConfigError
from nascore.base.processes import team
from nascore.supernets import choice


def find_device(name: str) -> torch.device:
    """The device of that name: auto (the GPU if there is one), cpu, cuda, cuda:0, ...

    Raises `ConfigError` for any other, saying what this machine has.
    """
    if name in ("auto", "cuda") and torch.cuda.is_available():
        # of several processes on a machine each has a GPU of its own
        return torch.device("cuda", int(os.environ["LOCAL_RANK"])) if team().size > 1 else torch.device("cuda")
    if name == "auto":
        return torch.device("cpu")
    gpus = [f"cuda:{at}" for at in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if re.fullmatch(r"cuda(:[0-9]+)?", name) and not gpus:
        raise ConfigError(f"device {name!r}: torch sees no GPU on this machine; use 'auto' or 'cpu'")
    choose("device", name, dict.fromkeys(["auto", "cpu", *gpus]))  # torch knows more, which are not computed on here
    return torch.device(name)


def lacks_memory(error: Exception) -> bool:
    """Whether it is what Python and torch raise where there is no more memory."""
    said = isinstance(error, RuntimeError) and re.search("out of memory|can't allocate memory", str(error))
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or bool(said)


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own generators, which initialisation and dropout use, and give their state back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def set_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def environment(device: torch.device) -> dict[str, Any]:
    """Where a run was computed: versions, device, threads, git commit and date."""
    import numpy
    import torchvision

    return {
        "processes": team().size,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "numba": choice.version() if choice.wanted() and torch.get_num_threads() == 1 else None,
        "system": f"{platform.system()} {platform.machine()}",
        "git": _git(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def _processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if found:
            return f"CPU {found[1].strip()}"
    return f"CPU {platform.machine()}"


def _git() -> str | None:
    """The commit of the project, marked where the working tree differs from it."""
    if not shutil.which("git"):
        return None
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        cwd=paths.root(),
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or None
