"""Values as types want them, down to their ranges: what settings ask of each field, and `checked` of each argument."""

import sys
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from nascore.base.errors import ConfigError, GenotypeError, shortened
from nascore.base.ranges import ANY, Range

_EXACT = (bool, int, float, str, types.NoneType)  # whose subclasses are not taken for them, as True for 1


class _OutOfRange(ConfigError):
    """Of the right type: no other option of a union has more to say."""


def conform(value: Any, hint: Any, where: str, within: Range = ANY) -> Any:
    """`value` as the type `hint` wants it, and in the ranges that this has.

    A number of numpy's becomes Python's, a whole number given for a float one, a list given for a tuple a tuple, and
    text what the type's `from_text` makes of it. What can be read but once, as generators, is not looked into. Raises
    `ConfigError` naming `where`, the value, and what it must be.
    """
    kind, within = _unwrapped(hint, within)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in (Any, object):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if origin in (typing.Union, types.UnionType):
        return _conform_any(value, arguments, hint, where)
    if origin is typing.Literal:
        if type(value) in {type(option) for option in arguments} and value in arguments:
            return value
        raise ConfigError(f"{where} must be one of {', '.join(map(repr, arguments))}, not {shortened(value)}")
    if origin is tuple:
        found: Any = _conform_tuple(value, arguments, hint, where)
    elif origin is not None and issubclass(origin, Iterable):
        found = _conform_items(value, origin, arguments, hint, where)
    else:
        found = _conform_one(value, kind, hint, where)
    if isinstance(found, (int, float, tuple)) and found not in within:
        raise _OutOfRange(f"{where} must {_words(found, within)}, not {shortened(found)}")
    return found


def _words(value: Any, within: Range) -> str:
    if isinstance(value, tuple):
        return f"have {within} items"
    return f"be {ANY} and {within}" if value not in ANY and str(ANY) not in str(within) else f"be {within}"


def _unwrapped(hint: Any, within: Range = ANY) -> tuple[Any, Range]:
    """The type that `hint` annotates, or that bounds it, and the range that it has there."""
    if isinstance(hint, typing.TypeVar):
        return _unwrapped(hint.__bound__ or Any, within)
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, within
    return hint.__origin__, next((each for each in hint.__metadata__ if isinstance(each, Range)), within)


def _conform_one(value: Any, kind: Any, hint: Any, where: str) -> Any:
    if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
        value = float(value)
    if isinstance(value, str) and hasattr(kind, "from_text"):
        value = _from_text(value, kind, where)
    if not _is_a(value, kind):
        raise _wrong_type(value, hint, where)
    return value


def _is_a(value: Any, kind: Any) -> bool:
    origin = typing.get_origin(kind) or kind
    if origin is Callable:
        return callable(value)
    if origin is type:
        return isinstance(value, type) and issubclass(value, typing.get_args(kind) or object)
    if kind in _EXACT:
        return type(value) is kind
    of_a_protocol = isinstance(value, type) and getattr(origin, "_is_protocol", False)
    return isinstance(value, origin) and not of_a_protocol  # a class has what its instances must have, too


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


def _conform_items(value: Any, kind: Any, of: tuple[Any, ...], hint: Any, where: str) -> Any:
    """A list, a mapping, ...: arrays count as sequences, texts as nothing of the kind."""
    indexed = kind is Sequence and isinstance(value, Collection) and hasattr(value, "__getitem__")
    fits = isinstance(value, kind) or (indexed and not isinstance(value, (Mapping, Set)))
    if not fits or isinstance(value, (str, bytes)) or getattr(value, "ndim", 1) == 0:
        raise _wrong_type(value, hint, where)
    if isinstance(value, Mapping) and issubclass(kind, Mapping):
        return {
            conform(key, of[0], f"a key of {where}"): conform(item, of[1], f"{where}[{shortened(key)}]")
            for key, item in value.items()
        }
    quick = isinstance(of[0], type) and of[0] not in (int, float, Any)  # and has no range
    if not isinstance(value, Collection) or (quick and all(_is_a(item, of[0]) for item in value)):
        return value
    items = [conform(item, of[0], f"{where}[{i}]") for i, item in enumerate(value)]
    return tuple(items) if type(value) is tuple else items if type(value) is list else value


def _wrong_type(value: Any, hint: Any, where: str) -> ConfigError:
    allowed = f"; allowed: {said}" if (said := ", ".join(ranges_of(hint))) else ""
    return ConfigError(f"{where} must be {spelled(hint)}, not {shortened(value)} ({type(value).__name__}){allowed}")


def spelled(hint: Any) -> str:
    """A type in words, without its ranges: those that it is annotated with, if it is."""
    if words := [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str)]:
        return words[0]
    kind, _ = _unwrapped(hint)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(spelled, arguments))
    if origin is typing.Literal:
        return " | ".join(map(repr, arguments))
    if origin is not None and origin is not Callable:
        return f"{origin.__name__}[{', '.join(map(spelled, arguments))}]"
    if kind in (types.NoneType, Ellipsis):
        return "None" if kind is types.NoneType else "..."
    return str(getattr(kind, "__name__", kind))


def ranges_of(hint: Any) -> Iterator[str]:
    """The ranges in a type, each in words: its own, and those of its options or items."""
    kind, within = _unwrapped(hint)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if any(isinstance(each, Range) for each in getattr(hint, "__metadata__", ())):
        yield f"{within} items" if origin is tuple else str(within)
    if origin not in (typing.Literal, Callable):
        several = origin not in (None, typing.Union, types.UnionType)
        inner = dict.fromkeys(words for of in arguments for words in ranges_of(of))
        yield from (f"each {words}" if several and not words.startswith("each") else words for words in inner)
