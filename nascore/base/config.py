"""Settings as values: frozen dataclasses that check their types, take overrides by name and turn into JSON and a hash.

Every answer to one of the five choices, and every recipe's training settings, is a `Settings`.
"""

import dataclasses
import difflib
import hashlib
import json
import sys
import typing
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from nascore.base import sources
from nascore.base.conform import conform, ranges_of, spelled
from nascore.base.errors import ConfigError, shortened


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all settings: every subclass is a frozen dataclass of keyword-only fields.

    Construction checks every field's type and, where this names one, its range (`nascore.base.ranges`); then `validate`
    checks what fields say together.

    Lists given for tuples are turned into tuples, whole numbers given for floats into floats, numpy's numbers into
    Python's, and text given for a type that has a `from_text`, as genotypes have, into what that makes of it, so that
    equal settings have equal hashes. Raises `ConfigError` naming the field.
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        for name, hint in hints(type(self)).items():
            object.__setattr__(self, name, conform(getattr(self, name), hint, f"{type(self).__name__}.{name}"))
        self.validate()

    def validate(self) -> None:
        """Raise `ConfigError` where values, each of its type and in its range, make no sense together."""

    def require(self, holds: bool, field: str, must: str) -> None:
        """Raise `ConfigError` saying what `field` must be, unless `holds`."""
        if not holds:
            raise ConfigError(f"{type(self).__name__}.{field} must be {must}, not {getattr(self, field)!r}")


S = TypeVar("S", bound=Settings)


class Row(NamedTuple):
    """One field of a class of settings: its type, and the range of each number in it, in words."""

    settings: str
    field: str
    type: str
    range: str


def table() -> list[Row]:
    """Every field of every class of settings that is imported, readers' too: `pandas.DataFrame(table())` shows it."""
    return [
        Row(name, field, spelled(hint), ", ".join(ranges_of(hint)))
        for name, kind in sorted(_kinds(Settings).items())
        if kind is not Settings
        for field, hint in hints(kind).items()
    ]


def hints(kind: type[Settings]) -> dict[str, Any]:
    """The type of each of a class's fields, ranges included."""
    types = typing.get_type_hints(kind, include_extras=True)
    return {field.name: types[field.name] for field in dataclasses.fields(kind)}


def override(settings: S, /, **overrides: Any) -> S:
    """`settings` with some fields changed; `space__cells=4` reaches a field of a field.

    Raises `ConfigError` for a name that does not exist (with the nearest one that does), or a value of the wrong type
    or out of range.
    """
    if not isinstance(settings, Settings):
        raise ConfigError(f"override takes Settings, not {shortened(settings)}")
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in overrides.items():
        head, _, rest = name.partition("__")
        if head not in (names := [field.name for field in dataclasses.fields(settings)]):
            raise ConfigError(unknown(f"{type(settings).__name__} setting", head, names))
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
    equal, and stays what it was when a class gets a new field that changes nothing unless it is given. A class from
    outside this package is known by its module, too, and by a digest of its code under `source`. Raises `ConfigError`
    where a field of its has that name.
    """
    if isinstance(value, Settings):
        fields = [
            field for field in dataclasses.fields(value) if defaults or getattr(value, field.name) != _default(field)
        ]
        shown = {field.name: to_dict(getattr(value, field.name), defaults=defaults) for field in fields}
        return _named(type(value)) | shown
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, tuple):
        return [to_dict(item, defaults=defaults) for item in value]
    return value


def from_dict(data: Any) -> Any:
    """The settings that `to_dict` wrote, fields that are missing having their defaults; plain values as they are.

    A class from outside this package is the newest of its module and name, whatever `source` says. Raises `ConfigError`
    for a type or a field that there is not (in what is imported), or a wrong value.
    """
    if isinstance(data, list):
        return tuple(map(from_dict, data))
    if not isinstance(data, dict) or "type" not in data:
        return data
    kind = _kind(data["type"])
    names = data.keys() - {"type"} - ({"source"} if sources.outside(kind) else set())
    given = {name: from_dict(value) for name, value in data.items() if name in names}
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in given:
        choose(f"{kind.__name__} setting", name, fields)
    missing = [name for name in fields if name not in given and _default(fields[name]) is dataclasses.MISSING]
    if missing:
        raise ConfigError(f"{kind.__name__} lacks {', '.join(missing)}: give all settings that have no default")
    return kind(**given)


def _named(kind: type[Settings]) -> dict[str, str]:
    if not sources.outside(kind):
        return {"type": kind.__name__}
    if "source" in {field.name for field in dataclasses.fields(kind)}:
        raise ConfigError(f"{kind.__name__}.source: records keep the digest of its code there; rename that field")
    return {"type": sources.place(kind), "source": sources.fingerprint(kind)}


def _kind(name: Any) -> type[Settings]:
    """The class of that name; one from outside goes by its name alone, too, where there is no other of that name."""
    known = _kinds(Settings)
    if isinstance(name, str) and ":" in name and name not in known:
        raise ConfigError(_not_imported(*name.split(":", 1)))
    short: dict[str, list[str]] = {}
    for full in known:
        short.setdefault(full.rpartition(":")[2], []).append(full)
    alone = {each: known[full[0]] for each, full in short.items() if len(full) == 1}
    return choose("kind of settings", name, alone | known)


def _not_imported(module: str, name: str) -> str:
    if module in ("__main__", "__mp_main__"):
        return f"settings {name} are of a script or notebook: run the cell that defines them, then try again"
    if module in sys.modules:
        return f"module {module} has no settings {name} any more: define them there, and import it again"
    return f"settings {name} are of module {module}, which is not imported: `import {module}`, then try again"


def _kinds(of: type[Settings]) -> dict[str, type[Settings]]:
    """`of` and all classes below by the names that records have for them; the newest where one was defined again."""
    found = {sources.place(of) if sources.outside(of) else of.__name__: of}
    for below in of.__subclasses__():
        for name, kind in _kinds(below).items():
            if not (name in found and _is_current(found[name])):
                found[name] = kind
    return found


def _is_current(kind: type) -> bool:
    """Whether it is what its module has under its name: subclasses of several bases do not come in order of age."""
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def digest(value: Any, length: int = 10) -> str:
    """A short hash of JSON-able `value`: the same for equal values, on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()[:length]


def choose(kind: str, name: str, options: typing.Mapping[str, Any], *, see: str = "") -> Any:
    """`options[name]`, or a `ConfigError` with the names that are near and, of 12 at most, all that there are.

    `see` says where all can be seen if there are more.
    """
    if not isinstance(name, str) or name not in options:
        raise ConfigError(unknown(kind, name, list(options), see))
    return options[name]


_MANY = 12  # more names than that are no help in a message
_SEE = {
    "setting": "`print(recipe.settings)` shows all",
    "settings": "all are classes below `nascore.base.config.Settings`",
}


def unknown(kind: str, name: Any, known: list[str], see: str = "") -> str:
    """What to say of a name that is not among `known`; a long list without a `see` is shown as a short one is."""
    folded = {each.casefold(): each for each in known}
    near = [repr(folded[each]) for each in difflib.get_close_matches(str(name).casefold(), folded, n=3)]
    hint = f"did you mean {' or '.join(filter(None, [', '.join(near[:-1]), near[-1]]))}? " if near else ""
    see = see or _SEE.get(kind.rpartition(" ")[2], "")
    if not known:
        there = "there is none"
    elif len(known) > _MANY and see:
        there = f"there are {len(known)}: {see}"
    else:
        there = f"there {'are' if len(known) != 1 else 'is'} {', '.join(known)}"
    return f"unknown {kind} {name!r}: {hint}T{there[1:]}" if hint else f"unknown {kind} {name!r}: {there}"
