"""Reading JSON that others may have written: what no file of this package's is like is refused before it does harm."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from nascore.base.errors import ConfigError

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 64  # levels of lists and objects in each other


def read_text(path: str | Path) -> str:
    """A file's text. Raises `OSError`, or `ConfigError` for what is no file, too large or not UTF-8."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ConfigError("it is no file")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ConfigError(f"it has {size / 2**20:.0f} MiB, and the most that is read are {MAX_BYTES // 2**20}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"it is not UTF-8: {error}") from error


def parse(text: str) -> Any:
    """The value that JSON `text` writes.

    Raises `ConfigError` for what is not JSON (NaN and Infinity are not), an object that has a key twice, a number with
    thousands of digits, and for what is nested deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ConfigError(_DEEP) from error
    level, depth = [value], 0
    while level := [inner for each in level for inner in _within(each)]:
        if (depth := depth + 1) > MAX_DEPTH:
            raise ConfigError(_DEEP)
    return value


_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"


def _within(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _no_number(name: str) -> NoReturn:
    raise ConfigError(f"not JSON: {name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ConfigError(f"an object names {max(names, key=names.count)!r} twice")
    return dict(pairs)
