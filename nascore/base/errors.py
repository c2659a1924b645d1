"""The errors that name a thing and its remedy; each is also the standard error a caller may already expect."""

from typing import Any


class NascoreError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(NascoreError, ValueError):
    """A setting, profile or override is unknown, of the wrong type or out of range."""


class GenotypeError(NascoreError, ValueError):
    """A genotype does not describe a cell network."""


class DataError(NascoreError, RuntimeError):
    """A data set is missing, truncated or not what it should be."""


class RunError(NascoreError, RuntimeError):
    """A run cannot go on, or its record cannot be read."""


class DamageWarning(UserWarning):
    """A file was damaged, and the run found a way round it."""


def shortened(data: Any) -> str:
    """`data` as errors show it, in 80 characters at most."""
    try:
        text = repr(data)
    except Exception:  # a number of too many digits, or whatever else an object does
        text = f"a value of type {type(data).__name__} that cannot be shown"
    return text if len(text) <= 80 else text[:77] + "..."
