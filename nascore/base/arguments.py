"""What public functions are given, checked against their annotations: a wrong argument is told by its name.

    @checked
    def kinds(cells: Amount, reductions: tuple[Index, ...]) -> list[str]: ...

As with settings, lists given for tuples are turned into tuples, whole numbers given for floats into floats, numpy's
numbers into Python's, and text given for a type that has a `from_text` into what that makes of it.
"""

import functools
import inspect
import math
import numbers
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from nascore.base.errors import ConfigError, GenotypeError, NascoreError, shortened

Checked = TypeVar("Checked", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """What `Annotated` says of a number: finite, and from `least` to `most`."""

    least: float = -math.inf
    most: float = math.inf

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.least <= value <= self.most

    def __str__(self) -> str:
        start = f" from {self.least:g}" if math.isfinite(self.least) else ""
        return start + (f" to {self.most:g}" if math.isfinite(self.most) else " on" if start else ", finite")


Amount = Annotated[int, Range(1, 10_000)]  # of channels, cells, pixels, ...: more would eat all memory
Index = Annotated[int, Range(0, 10_000)]
Seed = Annotated[int, Range(0, 2**64 - 1)]  # what torch's generators take
Fraction = Annotated[float, Range(0, 1)]
Positive = Annotated[float, Range(1e-12)]
Finite = Annotated[float, Range()]
Digits = Annotated[int, Range(0, 20)]
Inches = Annotated[float, Range(0.5, 100)]


def checked(given: Checked, error: type[NascoreError] = ConfigError) -> Checked:
    """`given`, a function, or a class for the sake of its constructor, with every argument checked before the call.

    It then raises `error` that names the function, the parameter, what it must be and what it was. Arguments that are
    missing, or too many, are Python's `TypeError`.
    """
    if isinstance(given, type):
        given.__init__ = checked(given.__init__, error)  # type: ignore[misc]  # of this very class
        return given
    signature, name = inspect.signature(given), given.__qualname__.removesuffix(".__init__")
    hints = functools.cache(lambda: typing.get_type_hints(given, include_extras=True))

    @functools.wraps(given)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        try:
            for parameter in bound.arguments.keys() & hints().keys():
                hint = _whole(hints()[parameter], signature.parameters[parameter].kind)
                bound.arguments[parameter] = conform(bound.arguments[parameter], hint, f"{name}: {parameter}")
        except ConfigError as wrong:
            raise error(str(wrong)) from wrong.__cause__
        return given(*bound.args, **bound.kwargs)

    return typing.cast(Checked, call)


def checked_genotype(given: Checked) -> Checked:
    """`checked`, for genotypes and what reads them: wrong arguments are a `GenotypeError`."""
    return checked(given, GenotypeError)


def _whole(hint: Any, kind: Any) -> Any:
    """What the annotation of `*args` or `**kwargs` says of all of them."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    return dict[str, hint] if kind is inspect.Parameter.VAR_KEYWORD else hint


def conform(value: Any, hint: Any, where: str) -> Any:
    """`value` as `hint` wants it; raises `ConfigError` that begins with `where`."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, TypeVar):
        hint = hint.__bound__ or Any
        return conform(value, hint, where)
    if hint is Any or hint is object:
        return value
    if origin is Annotated:
        try:
            found = conform(value, inner[0], where)
        except ConfigError as error:
            raise _wrong(value, hint, where) from error.__cause__
        return _sure(found, all(found in each for each in inner[1:]), hint, where)
    if origin in (typing.Union, types.UnionType):
        return _conform_any(value, inner, hint, where)
    if origin is Literal:
        return _sure(value, type(value) is str and value in inner, hint, where)
    if hint in _NUMBERS:
        return _number(value, hint, where)
    if isinstance(value, type) or origin in (type, Callable):
        below = origin is type and isinstance(value, type) and issubclass(value, inner[0])
        return _sure(value, below or (origin is Callable and callable(value)), hint, where)
    if origin is tuple:
        return _conform_tuple(value, inner, hint, where)
    if origin is not None and issubclass(origin, Iterable):
        return _conform_container(value, origin, inner, hint, where)
    if isinstance(value, str) and hasattr(hint, "from_text"):
        return _from_text(value, hint, where)
    return _sure(value, isinstance(value, types.NoneType if hint is None else origin or hint), hint, where)


# what is taken for each: numpy's numbers count, True and False do not
_NUMBERS: dict[Any, Any] = {int: numbers.Integral, float: numbers.Real}


def _number(value: Any, hint: Any, where: str) -> Any:
    _sure(value, isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool), hint, where)
    try:
        return hint(value)
    except OverflowError as error:
        raise _wrong(value, hint, where) from error


def _conform_any(value: Any, options: tuple[Any, ...], hint: Any, where: str) -> Any:
    told: list[NascoreError] = []
    for option in options:
        try:
            return conform(value, option, where)
        except (ConfigError, GenotypeError) as error:
            told.append(error)
    if isinstance(value, str) and (read := [error for error in told if error.__cause__]):
        raise read[0]  # it says what is wrong with the text, if that is all
    raise _wrong(value, hint, where)


def _conform_tuple(value: Any, inner: tuple[Any, ...], hint: Any, where: str) -> tuple[Any, ...]:
    _sure(value, isinstance(value, (tuple, list)), hint, where)
    each = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
    _sure(value, len(each) == len(value), hint, where)
    return tuple(conform(item, of, f"{where}[{at}]") for at, (item, of) in enumerate(zip(value, each, strict=True)))


def _conform_container(value: Any, origin: Any, inner: tuple[Any, ...], hint: Any, where: str) -> Any:
    """A list, a mapping, ...; of what can be read but once, as generators, the items are not looked at."""
    array = origin is Sequence and isinstance(value, Collection) and hasattr(value, "__getitem__")
    one = isinstance(value, (str, bytes)) or getattr(value, "ndim", 1) == 0  # which can be iterated over, or says so
    fits = (isinstance(value, origin) or array) and not one
    _sure(value, fits and not (array and isinstance(value, (Mapping, Set))), hint, where)
    if isinstance(value, Mapping) and issubclass(origin, Mapping):
        key, of = inner
        return {
            conform(at, key, f"a key of {where}"): conform(each, of, f"{where}[{at!r}]") for at, each in value.items()
        }
    if not isinstance(value, Collection):
        return value
    if type(inner[0]) is type and inner[0] not in _NUMBERS and all(isinstance(each, inner[0]) for each in value):
        return value  # the same, and quick where there are many
    items: list[Any] = [conform(each, inner[0], f"{where}[{at}]") for at, each in enumerate(value)]
    return tuple(items) if type(value) is tuple else items if type(value) is list else value


def _from_text(text: str, kind: Any, where: str) -> Any:
    try:
        return kind.from_text(text)
    except (ConfigError, GenotypeError) as error:
        raise type(error)(f"{where}: {error}") from error


def _sure(value: Any, holds: bool, hint: Any, where: str) -> Any:
    if not holds:
        raise _wrong(value, hint, where)
    return value


def _wrong(value: Any, hint: Any, where: str) -> ConfigError:
    return ConfigError(f"{where} must be {described(hint)}, not {shortened(value)} ({type(value).__name__})")


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "True or False", types.NoneType: "None"}


def described(hint: Any) -> str:
    """An annotation in words: "a whole number from 1 to 10000", "tuple[text, ...]", "Path or None"."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return described(inner[0]) + "".join(map(str, inner[1:]))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(described, inner)))
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    return _WORDS.get(hint) or re.sub(
        r"[\w.]+\.(\w+)", r"\1", getattr(hint, "__name__", "") if not inner else str(hint)
    )
