"""Whether supernets are computed in passes that Numba compiles, where they can be: `pip install nascore[numba]`."""

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

VARIABLE = "NASCORE_COMPILED"  # 0: don't, though Numba is installed
_choice: list[bool] = []  # what was asked for last, if anything was


def version() -> str | None:
    """Of Numba, if it is installed and works with what else is."""
    found = _numba()
    return None if found is None else found.__version__


def wanted() -> bool:
    """Whether supernets are to be computed so where they can be: if Numba is there, unless the environment says no."""
    chosen = _choice[-1] if _choice else os.environ.get(VARIABLE, "1") != "0"
    return chosen and _numba() is not None


@contextmanager
def compiling(yes: bool) -> Iterator[None]:
    """Ask for it here, or for the contrary."""
    _choice.append(yes)
    try:
        yield
    finally:
        _choice.pop()


def go_on(yes: bool) -> None:
    """Ask for it, within `compiling`, as what goes on here was begun."""
    _choice[-1:] = [yes]


@cache
def _numba() -> ModuleType | None:
    try:
        return importlib.import_module("numba")
    except ModuleNotFoundError:
        return None
    except Exception as error:  # a NumPy that it doesn't know, say
        warnings.warn(f"Numba is installed but doesn't load, supernets are computed without: {error}", stacklevel=2)
        return None


def passes(name: str) -> ModuleType:
    """The module of this room whose functions are compiled; only where Numba is there."""
    return importlib.import_module(f"nascore.supernets.{name}")
