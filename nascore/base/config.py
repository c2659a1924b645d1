"""Settings as values: frozen dataclasses that check their types, take overrides by name and turn into JSON and a hash.

Every answer to one of the five choices, and every recipe's training settings, is a `Settings`.
"""

import dataclasses
import difflib
import hashlib
import json
import math
import types
import typing
from dataclasses import dataclass
from typing import Any

from nascore.base.errors import ConfigError


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
class Settings:
    """Base of all settings: every subclass is a frozen dataclass of keyword-only fields.

    Construction checks every field's type, then `validate` checks what types cannot say.

    Lists given for tuples are turned into tuples, and whole numbers given for floats into floats, so that equal
    settings have equal hashes. Raises `ConfigError` naming the field.
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self):
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            where = f"{type(self).__name__}.{field.name}"
            object.__setattr__(self, field.name, _conform(getattr(self, field.name), hints[field.name], where))
        self.validate()

    def validate(self) -> None:
        """Raise `ConfigError` where values of the right type make no sense together."""

    def require(self, holds: bool, field: str, must: str) -> None:
        """Raise `ConfigError` saying what `field` must be, unless `holds`."""
        if not holds:
            raise ConfigError(f"{type(self).__name__}.{field} must be {must}, not {getattr(self, field)!r}")


def override(settings: Settings, **overrides: Any) -> Settings:
    """`settings` with some fields changed; `space__cells=4` reaches a field of a field.

    Raises `ConfigError` for a name that does not exist (with the nearest one that does) or a value of the wrong type.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in overrides.items():
        head, _, rest = name.partition("__")
        if head not in (names := [field.name for field in dataclasses.fields(settings)]):
            raise ConfigError(_unknown(f"{type(settings).__name__} setting", head, names))
        if rest:
            nested.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    for name, inner in nested.items():
        value = own.get(name, getattr(settings, name))
        if not isinstance(value, Settings):
            raise ConfigError(
                f"{type(settings).__name__}.{name} is a plain value: it has no field {next(iter(inner))!r}"
            )
        own[name] = override(value, **inner)
    return dataclasses.replace(settings, **own)  # all at once: some make sense only together


def to_dict(value: Any, *, defaults: bool = True) -> Any:
    """`value` as plain JSON types; a `Settings` becomes its fields and, under `type`, its class's name.

    Without `defaults`, fields that have their default value are left out: what remains is equal for settings that are
    equal, and stays what it was when a class gets a new field that changes nothing unless it is given.
    """
    if isinstance(value, Settings):
        fields = [
            field for field in dataclasses.fields(value) if defaults or getattr(value, field.name) != _default(field)
        ]
        shown = {field.name: to_dict(getattr(value, field.name), defaults=defaults) for field in fields}
        return {"type": type(value).__name__} | shown
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, tuple):
        return [to_dict(item, defaults=defaults) for item in value]
    return value


def from_dict(data: Any) -> Any:
    """The settings that `to_dict` wrote, fields that are missing having their defaults; plain values as they are.

    Raises `ConfigError` for a type or a field that there is not (in what is imported), or a wrong value.
    """
    if isinstance(data, list):
        return tuple(map(from_dict, data))
    if not isinstance(data, dict) or "type" not in data:
        return data
    kind = choose("kind of settings", data["type"], {kind.__name__: kind for kind in _kinds(Settings)})
    given = {name: from_dict(value) for name, value in data.items() if name != "type"}
    for name in given:
        choose(f"{kind.__name__} setting", name, {field.name: field for field in dataclasses.fields(kind)})
    return kind(**given)


def _kinds(of: type[Settings]) -> list[type[Settings]]:
    return [of, *(kind for below in of.__subclasses__() for kind in _kinds(below))]


def _default(field: dataclasses.Field) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def digest(value: Any, length: int = 10) -> str:
    """A short hash of JSON-able `value`: the same for equal values, on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()[:length]


def choose(kind: str, name: str, options: typing.Mapping[str, Any]) -> Any:
    """`options[name]`, or a `ConfigError` that lists what there is to choose from."""
    if not isinstance(name, str) or name not in options:
        raise ConfigError(_unknown(kind, name, list(options)))
    return options[name]


def _unknown(kind: str, name: Any, known: list[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {name!r}: {hint}There {'are' if len(known) != 1 else 'is'} {', '.join(known)}"


def _conform(value: Any, hint: Any, where: str) -> Any:
    """`value` as `hint` wants it; raises `ConfigError` naming `where`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _conform_any(value, arguments, hint, where)
    if origin is typing.Literal:
        if value in arguments and type(value) in {type(option) for option in arguments}:
            return value
        raise ConfigError(f"{where} must be one of {', '.join(map(repr, arguments))}, not {value!r}")
    if origin is tuple:
        return _conform_tuple(value, arguments, hint, where)
    if hint is float and type(value) is int:
        value = float(value)
    exact = hint in (bool, int, float, str, types.NoneType)
    if not (type(value) is hint if exact else isinstance(value, hint)):
        raise _wrong_type(value, hint, where)
    if hint is float and not math.isfinite(value):
        raise ConfigError(f"{where} must be finite, not {value!r}")
    return value


def _conform_any(value, arguments, hint, where):
    for option in arguments:
        try:
            return _conform(value, option, where)
        except ConfigError:
            continue
    raise _wrong_type(value, hint, where)


def _conform_tuple(value, arguments, hint, where):
    if not isinstance(value, (tuple, list)):
        raise _wrong_type(value, hint, where)
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(arguments) != len(value):
        raise _wrong_type(value, hint, where)
    return tuple(_conform(item, of, f"{where}[{i}]") for i, (item, of) in enumerate(zip(value, arguments, strict=True)))


def _wrong_type(value, hint, where) -> ConfigError:
    named = getattr(hint, "__name__", str(hint)) if not typing.get_args(hint) else str(hint)
    return ConfigError(f"{where} must be {named}, not {value!r} ({type(value).__name__})")
