"""Values as types want them: what `nascore.base.config.Settings` asks of each of its fields, down to its range."""

import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

import numpy as np

from nascore.base.errors import ConfigError, GenotypeError, shortened
from nascore.base.ranges import ANY, Range


class _OutOfRange(ConfigError):
    """Of the right type: no other option of a union has more to say."""


def conform(value: Any, hint: Any, where: str, within: Range = ANY) -> Any:
    """`value` as the type `hint` wants it, and in the ranges that this has.

    A number of numpy's becomes Python's, a whole number given for a float one, a list given for a tuple a tuple, and
    text what the type's `from_text` makes of it. Raises `ConfigError` naming `where`, the value, and what it must be.
    """
    if isinstance(value, np.generic):
        value = value.item()
    kind, within = _unwrapped(hint, within)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _conform_any(value, arguments, hint, where)
    if origin is typing.Literal:
        if type(value) in {type(option) for option in arguments} and value in arguments:
            return value
        raise ConfigError(f"{where} must be one of {', '.join(map(repr, arguments))}, not {shortened(value)}")
    found = _conform_tuple(value, arguments, hint, where) if origin is tuple else _conform_one(value, kind, hint, where)
    if isinstance(found, (int, float, tuple)) and found not in within:
        raise _OutOfRange(f"{where} must {_words(found, within)}, not {shortened(found)}")
    return found


def _words(value: Any, within: Range) -> str:
    if isinstance(value, tuple):
        return f"have {within} items"
    return f"be {ANY} and {within}" if value not in ANY and within != ANY else f"be {within}"


def _unwrapped(hint: Any, within: Range = ANY) -> tuple[Any, Range]:
    """The type that `hint` annotates, and the range that it has there."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, within
    return hint.__origin__, next((each for each in hint.__metadata__ if isinstance(each, Range)), within)


def _conform_one(value: Any, kind: Any, hint: Any, where: str) -> Any:
    if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
        value = float(value)
    if isinstance(value, str) and hasattr(kind, "from_text"):
        value = _from_text(value, kind, where)
    exact = kind in (bool, int, float, str, types.NoneType)
    if not (type(value) is kind if exact else isinstance(value, kind)):
        raise _wrong_type(value, hint, where)
    return value


def _conform_any(value: Any, options: tuple[Any, ...], hint: Any, where: str) -> Any:
    for option in options:
        try:
            return conform(value, option, where)
        except _OutOfRange:
            raise
        except (ConfigError, GenotypeError):
            continue
    for option in options:
        if isinstance(value, str) and hasattr(option, "from_text"):
            _from_text(value, option, where)  # says what is wrong with the text, if that is all
    raise _wrong_type(value, hint, where)


def _from_text(text: str, kind: Any, where: str) -> Any:
    try:
        return kind.from_text(text)
    except (ConfigError, GenotypeError) as error:
        raise type(error)(f"{where}: {error}") from error


def _conform_tuple(value: Any, items: tuple[Any, ...], hint: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise _wrong_type(value, hint, where)
    if items[-1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        raise _wrong_type(value, hint, where)
    return tuple(conform(item, of, f"{where}[{i}]") for i, (item, of) in enumerate(zip(value, items, strict=True)))


def _wrong_type(value: Any, hint: Any, where: str) -> ConfigError:
    allowed = f"; allowed: {said}" if (said := ", ".join(ranges_of(hint))) else ""
    return ConfigError(f"{where} must be {spelled(hint)}, not {shortened(value)} ({type(value).__name__}){allowed}")


def spelled(hint: Any) -> str:
    """A type in words, without its ranges."""
    kind, _ = _unwrapped(hint)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(spelled, arguments))
    if origin is typing.Literal:
        return " | ".join(map(repr, arguments))
    if origin is tuple:
        return f"tuple[{', '.join(map(spelled, arguments))}]"
    if kind in (types.NoneType, Ellipsis):
        return "None" if kind is types.NoneType else "..."
    return str(getattr(kind, "__name__", kind))


def ranges_of(hint: Any) -> Iterator[str]:
    """The ranges in a type, each in words: its own, and those of its options or items."""
    kind, within = _unwrapped(hint)
    is_tuple = typing.get_origin(kind) is tuple
    if kind is not hint:
        yield f"{within} items" if is_tuple else str(within)
    if typing.get_origin(kind) is not typing.Literal:
        inner = dict.fromkeys(words for of in typing.get_args(kind) for words in ranges_of(of))
        yield from (f"each {words}" if is_tuple and not words.startswith("each") else words for words in inner)
