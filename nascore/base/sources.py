"""The source of what readers write, in short: code that a run depends on is part of the run's name.

What is the package's own is known by its name, and `RECORD_VERSION` in `nascore.runs`; what is a reader's by its source
and that of all it refers to.
"""

import ast
import dataclasses
import enum
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from nascore.base import parsed
from nascore.base.parsed import PLAIN, Scope

registered: dict[str, Any] = {}  # what readers gave a name, such as operations: makers by their names

_MUTABLE = (list, dict, set)
_MADE = ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__")


def outside(kind: Any) -> bool:
    """Whether a class or function is defined outside this package."""
    return _root(kind) != "nascore"


def place(kind: Any) -> str:
    """Where a class or function is defined, and its name there: `module:Name`."""
    module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__  # a spawned process's name for it
    return f"{module}:{kind.__qualname__}"


def fingerprint(obj: Any) -> str:
    """A short digest of the source of a class or function, and of all of a reader's that it refers to.

    It follows global names and attributes of modules to functions, classes and constants, unless they are of nascore,
    the standard library or installed packages. Lists, dicts, sets and arrays count by what they hold, unless the code
    itself changes them, as it does a cache. `obj` may also be a `partial` or a callable object. Comments, docstrings
    and layout do not count. Not seen are: attributes found by `getattr`, and what objects of other kinds hold that are
    not written in the same file or cell.
    """
    text = "\n\n".join(_Walk().all_from(obj))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:10]


class _Walk:
    """All code that can be reached from an object, each described once."""

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}
        self.waiting: list[Any] = []
        self.within: list[int] = []  # the lists, dicts and sets that are being looked into

    def all_from(self, obj: Any) -> list[str]:
        """The descriptions of `obj` and what it refers to, in an order that is the same on every machine."""
        found = [self.value(obj, _root(obj))]
        if not _is_code(obj):  # a callable object, with what it has been given
            found[0] += self.value(tuple(sorted(getattr(obj, "__dict__", {}).items())), _root(obj))
        while self.waiting:
            found.append(self.describe(self.waiting.pop()))
        return [found[0], *sorted(found[1:])]

    def value(self, value: Any, home: str) -> str:
        """What stands for `value`; code in it is described later. `home` is the package of who refers to it."""
        if isinstance(value, _Changing):
            return self.changing(value.value, home)
        value = inspect.unwrap(value) if callable(value) and not isinstance(value, type) else value
        if type(value) in PLAIN:
            return repr(value)
        if isinstance(value, (tuple, frozenset)):
            items = [self.value(item, home) for item in value]
            return f"({', '.join(items if isinstance(value, tuple) else sorted(items))})"
        if type(value) in _MUTABLE:
            return self.container(value, home)
        if isinstance(value, functools.partial):
            return f"partial{self.value((value.func, *value.args, *sorted(value.keywords.items())), home)}"
        if isinstance(value, types.MethodType):
            return f"method{self.value((value.__func__, value.__self__), home)}"
        if _is_code(value):
            return self.code(value, home)
        shown = self.code(type(value), home)
        if hasattr(type(value), "__dataclass_params__"):
            return shown + self.value(tuple(_changed(value)), home)
        if isinstance(value, enum.Enum):
            return f"{shown} {value.name}"
        return f"{shown} {getattr(value, '__name__', '')}{_numbers(value)}"  # such as torch.relu

    def container(self, value: Any, home: str) -> str:
        """What stands for a list, dict or set."""
        if id(value) in self.within:
            return "..."
        self.within.append(id(value))
        items = [self.value(item, home) for item in (value.items() if isinstance(value, dict) else value)]
        self.within.pop()
        return f"[{', '.join(items if isinstance(value, list) else sorted(items))}]"

    def changing(self, value: Any, home: str) -> str:
        """What stands for a value that the code changes itself: only the code in it counts."""
        if type(value) not in _MUTABLE:
            return f"{self.code(type(value), home)} "
        held = list(value.values() if isinstance(value, dict) else value)
        return f"[{', '.join(sorted(self.code(item, home) for item in held if _is_code(item)))}]"

    def code(self, value: Any, home: str) -> str:
        """The name of a class or function. Where it stands counts for readers' own alone: libraries rearrange."""
        if not _is_readers(value, home):
            return f"{_root(value)}:{value.__name__}"
        if id(value) not in self.seen:
            self.seen[id(value)] = value  # kept alive, so that no other gets its id
            self.waiting.append(value)
        return place(value)

    def describe(self, code: Any) -> str:
        functions, foreign = _functions(code)
        home, scope = _root(code), functions[0].__globals__ if functions else _globals(code)
        node, module = parsed.source(code, functions, _globals(code).get("__file__") or "")
        if node:
            text = ast.unparse(node)
            names, changed = parsed.names_in(text), parsed.changed_in(text)
            scope = scope | parsed.imports_in(node, scope, lambda name: _follows(name, home))
        else:
            text, changed = parsed.bytecode(code, functions), set()
            names = sorted({name for each in functions for name in parsed.bytecode_names(each.__code__)})
        refers = [f"{name} = {shown}" for name, shown in self.references(names, scope, module, home, changed)]
        own = [self.value(part, home) for part in (foreign, *_own_values(code, functions, changed))]
        return "\n".join([place(code), text, *refers, *own])

    def references(
        self, names: list[str], scope: Scope, module: ast.Module | None, home: str, changed: set[str]
    ) -> Iterator[tuple[str, str]]:
        """Each of the global `names` that is there, and what stands for its value."""
        names = list(names)
        for name in names:  # it grows
            name, value = parsed.resolve(name, scope)
            if value is not parsed.resolve and not isinstance(value, types.ModuleType):
                yield name, self.value(_marked(name, value, changed), home)
                if _is_opaque(value) and (written := parsed.written(name, module)):
                    yield name, written
                    names += [more for more in parsed.names_in(written) if more not in names]


@dataclasses.dataclass(frozen=True)
class _Changing:
    """Marks a value that the code which refers to it changes."""

    value: Any


def _marked(name: str, value: Any, changed: set[str]) -> Any:
    """`value`, marked where it or a part of it is among what is `changed`."""
    own = not (type(value) in PLAIN or callable(value))
    return _Changing(value) if own and any(f"{each}.".startswith(f"{name}.") for each in changed) else value


def _is_code(value: Any) -> bool:
    return isinstance(value, (type, types.FunctionType))


def _changed(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass's instance that are not what its class says, which may get new ones."""
    for field in dataclasses.fields(value):
        now = getattr(value, field.name, dataclasses.MISSING)
        if type(now) is not type(field.default) or not _equal(now, field.default):
            yield field.name, now


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):  # arrays are compared element by element
        return False


def _is_opaque(value: Any) -> bool:
    """Whether a value does not tell what it holds, so that what is written for it does."""
    return not (type(value) in PLAIN or _is_code(value))


def _root(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def _is_readers(value: Any, home: str) -> bool:
    """Whether a class or function is a reader's own, or of the package `home` that refers to it."""
    root = _root(value)
    if root in ("", "nascore"):
        return False
    known = root in sys.stdlib_module_names or _is_installed(sys.modules.get(value.__module__))
    return root == home or not known


def _is_installed(module: Any) -> bool:
    """Whether a module, or the spec of one, is of an installed package."""
    file = getattr(module, "__file__", None) or getattr(module, "origin", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _follows(module: str, home: str) -> bool:
    """Whether a module, which need not be imported, is a reader's own, or of the package `home`."""
    root = module.partition(".")[0]
    if root in ("", "nascore", "__main__") or root in sys.stdlib_module_names:
        return False
    spec = None if root in sys.modules else find_spec(root)
    return root == home or not _is_installed(sys.modules.get(root, spec))


def _numbers(value: Any) -> str:
    """What an array or tensor of numbers holds, in short; "" for anything else."""
    try:
        array = (value.detach().cpu() if hasattr(value, "detach") else value).__array__()
        held = array.tobytes() if array.dtype.kind in "biufc" else b""
        return f"{array.dtype}{array.shape}{hashlib.blake2b(held, digest_size=16).hexdigest()}"
    except (AttributeError, TypeError, RuntimeError):  # no array, or one that numpy has no numbers for
        return ""


def _globals(kind: type) -> Scope:
    return vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}


def _functions(code: Any) -> tuple[list[types.FunctionType], tuple[types.FunctionType, ...]]:
    """A function itself, or a class's methods: those written in it, and those that were put in from elsewhere."""
    if not isinstance(code, type):
        return [code], ()
    parts = [getattr(part, "fget", None) or getattr(part, "func", part) for part in vars(code).values()]
    found = [inspect.unwrap(each) for part in parts if callable(each := getattr(part, "__func__", part))]
    found = [each for each in found if isinstance(each, types.FunctionType) and not _is_made(each, code)]
    own = [each for each in found if each.__qualname__.startswith(f"{code.__qualname__}.")]
    return own, tuple(each for each in found if each not in own and _root(each) not in sys.stdlib_module_names)


def _is_made(function: types.FunctionType, kind: type) -> bool:
    """Whether `dataclass` wrote it."""
    made = function.__code__.co_filename == "<string>" and dataclasses.is_dataclass(kind)
    return made and function.__name__ in _MADE


def _own_values(code: Any, functions: list[types.FunctionType], changed: set[str]) -> Iterator[Any]:
    """What a class or function holds itself: bases, defaults and closures."""
    for function in functions:
        defaults, names = function.__defaults__ or (), function.__code__.co_varnames[: function.__code__.co_argcount]
        last = names[len(names) - len(defaults) :]
        yield tuple(_marked(name, value, changed) for name, value in zip(last, defaults, strict=True))
        by_name = sorted((function.__kwdefaults__ or {}).items())
        yield tuple((name, _marked(name, value, changed)) for name, value in by_name)
        yield from ((name, _marked(name, value, changed)) for name, value in _closed_over(function))
    if isinstance(code, type):
        yield code.__bases__
        fields = getattr(code, "__dataclass_fields__", {})
        for field in (fields[name] for name in inspect.get_annotations(code) if name in fields):  # without inherited
            yield (field.name, *(v for v in (field.default, field.default_factory) if v is not dataclasses.MISSING))


def _closed_over(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # a name that has no value yet
            continue
        if name != "__class__" and not isinstance(value, types.ModuleType):
            yield name, value
