"""The source of what readers write, in short: code that a run depends on is part of the run's name.

What is the package's own is known by its name, and `RECORD_VERSION` in `nascore.records.record`.
"""

import ast
import dataclasses
import dis
import functools
import hashlib
import inspect
import linecache
import sys
import types
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

registered: dict[str, Any] = {}  # what readers gave a name, such as operations: makers by their names

_PLAIN = (int, float, complex, bool, str, bytes, types.NoneType, types.EllipsisType)
_NEVER = {"nascore", "torch", "torchvision", "numpy", *sys.stdlib_module_names}  # a reader's own
_DATACLASS = {
    ("<string>", f"__{name}__") for name in ("init", "repr", "eq", "hash", "setattr", "delattr")
}  # its methods
_READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_unparse = functools.lru_cache(maxsize=None)(ast.unparse)
_compile = functools.partial(compile, filename="", mode="exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def outside(kind: Any) -> bool:
    """Whether a class or function is defined outside this package."""
    return _root(kind) != "nascore"


def place(kind: Any) -> str:
    """Where a class or function is defined, and its name there: `module:Name`."""
    module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__  # a spawned process's name for it
    return f"{module}:{kind.__qualname__}"


def fingerprint(obj: Any) -> str:
    """A short digest of the source of a class or function, and of all that it may use which is a reader's own.

    For code in a file, the whole file counts, and each file that it imports, wherever in it, and so on; never nascore,
    torch and the standard library, nor installed packages but the one that `obj` is of. For code in a notebook's cell,
    its statement counts, and what it reads by global name: functions, classes, modules, values. For code without a
    source, or edited since its import, its bytecode counts, and what that reads. What a callable was given counts by
    value: a `partial`'s arguments, an object's attributes, closures, defaults, fields.

    Comments, docstrings and layout don't count, nor do lists, dicts and sets among the defaults of a `def` that is in
    no function: they may be caches. Not seen are: attributes found by `getattr`, modules imported by a computed name,
    data files that the code reads, values that others set at run time, and a file's constants edited since its import.
    A notebook's global list, or one in a closure, that the code itself changes makes what follows another run.
    """
    walk = _Walk(_root(obj.func if isinstance(obj, functools.partial) else obj))
    return _digest(walk.value(obj), *sorted(walk.found.values()))[:10]


class _Walk:
    """All code that can be reached from an object. The package `home` counts even if it is installed."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.found: dict[tuple[str, int], str] = {}  # files, and statements of cells, by where they are
        self.seen: dict[int, tuple[Any, str]] = {}  # values are kept alive, so that no other gets their id

    def value(self, value: Any) -> str:
        """What stands for a value, having found the code in it."""
        if type(value) in _PLAIN:
            return repr(value)
        if id(value) not in self.seen:
            self.seen[id(value)] = value, "..."  # within itself
            self.seen[id(value)] = value, _digest(*self.parts(value))
        return self.seen[id(value)][1]

    def parts(self, value: Any) -> list[str]:
        if isinstance(value, type):
            return self.kind(value)
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, types.ModuleType):
            self.module(value.__name__)
            return [value.__name__]
        if isinstance(value, (set, frozenset)):
            return ["set", *sorted(map(self.value, value))]
        held = value if type(value) in (tuple, list) else _held(value)
        return [self.value(type(value)), *map(self.value, held)]

    def owns(self, module: str, file: str = "") -> bool:
        """Whether a module is a reader's own, or of the package `home`."""
        root, file = module.partition(".")[0], file or getattr(sys.modules.get(module), "__file__", None) or ""
        return root not in _NEVER and (root == self.home or not ("site-packages" in file or "dist-packages" in file))

    def kind(self, kind: type) -> list[str]:
        if not self.owns(kind.__module__):
            return [f"{_root(kind)}:{kind.__name__}"]  # no more: libraries rearrange
        if not (functions := list(_functions(kind))):
            self.module(kind.__module__)
        fields = {each.name for each in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
        made = "<" in kind.__qualname__ or not functions  # by a function, or nothing says in which cell
        held = {name: each for name, each in vars(kind).items() if name in fields or (made and name[:2] != "__")}
        return [place(kind), *map(self.value, (*kind.__bases__, *functions, held))]

    def function(self, function: types.FunctionType) -> list[str]:
        code, scope = function.__code__, function.__globals__
        given = [each.cell_contents for each in function.__closure__ or () if each != types.CellType()]
        if not self.owns(scope.get("__name__", ""), code.co_filename):  # such as what a decorator of torch's made
            return [f"{_root(function)}:{function.__name__}", *map(self.value, given)]
        made = "<" in function.__qualname__  # by a function, or a lambda
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        given += [each for each in defaults if made or not isinstance(each, (list, dict, set))]
        compiled = self.source(code.co_filename, scope, code.co_firstlineno)
        runs = [] if _key(code) in compiled else [_key(code), *self.reads(code, scope)]
        return [place(function), *map(self.value, given), *runs]

    def source(self, file: str, scope: dict[str, Any], line: int = 0) -> frozenset[str]:
        """Find a file or the statement of a cell that has `line`, and all it refers to. Returns what is compiled."""
        linecache.checkcache(file)
        nodes, compiled = _parsed("".join(linecache.getlines(file, scope)))
        if not (whole := Path(file).is_file()):
            nodes = [each for each in nodes if (each.end_lineno or 0) >= line]  # a decorator's line is before its def's
            nodes = [each for each in nodes if each.lineno <= (nodes[0].end_lineno or 0)]
        where = file, 0 if whole or not nodes else nodes[0].lineno
        if where not in self.found:
            self.found[where] = ""  # while it is looked into
            more = _imported(file, scope, compiled) if whole else self.reads(_compile(ast.Module(nodes, [])), scope)
            self.found[where] = _digest(*map(_unparse, nodes), *more)
            for name in (name for node in nodes for name in _imports(node, scope.get("__package__") or "")):
                self.module(name)
        return compiled

    def module(self, name: str) -> None:
        """Find the source of a module, which need not be imported, if it is a reader's own."""
        spec = _spec(name)
        if spec and spec.origin and self.owns(name, spec.origin) and Path(spec.origin).is_file():
            self.source(spec.origin, vars(sys.modules[name]) if name in sys.modules else {"__package__": spec.parent})

    def reads(self, code: types.CodeType, scope: dict[str, Any]) -> list[str]:
        """The global names that code reads, but does not set itself, with what stands for their values."""
        found = [each for part in _codes(code) for each in dis.get_instructions(part)]
        names = {each.argval for each in found if each.opname in _READS} & scope.keys()
        names -= {each.argval for each in found if each.opname == "STORE_GLOBAL"}
        return [f"{name} = {self.value(scope[name])}" for name in sorted(names)]


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[list[ast.stmt], frozenset[str]]:
    """The statements of a file or cell without docstrings, and all code that it compiles to."""
    try:
        module, code = ast.parse(text), _compile(text)
    except (SyntaxError, ValueError):
        return [], frozenset()
    for node in ast.walk(module):
        if isinstance(body := getattr(node, "body", None), list):
            said = [each for each in body if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)]
            body[:] = [each for each in body if each not in said] or [ast.Pass()]
    return ast.fix_missing_locations(module).body, frozenset(map(_key, _codes(code)))


def _imports(statement: ast.stmt, package: str) -> Iterator[str]:
    """The names of all modules that a statement may import, wherever in it, with the packages that they are in."""
    for node in ast.walk(statement):
        start = ""
        if isinstance(node, ast.ImportFrom):  # one dot is the package itself
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            start = "".join(f"{name}." for name in [*above, node.module] if name)
        for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            words = f"{start}{alias.name}".split(".")
            yield from (".".join(words[: count + 1]) for count in range(len(words)))


def _spec(name: str) -> ModuleSpec | None:
    """Where a module is, without importing it or the packages that it is in."""
    parent = name.rpartition(".")[0]
    if name in sys.modules or not parent:
        return getattr(sys.modules[name], "__spec__", None) if name in sys.modules else find_spec(name)
    places = getattr(_spec(parent), "submodule_search_locations", None)
    return PathFinder.find_spec(name, places) if places else None


def _held(value: Any) -> Iterable[Any]:
    """What a value is made of: what pickle would write of it, one level deep."""
    try:
        if hasattr(value, "tolist") and hasattr(value, "dtype"):  # an array or tensor
            return str(value.dtype), value.tolist()
        found = (value.__wrapped__,) if hasattr(value, "cache_info") else value.__reduce_ex__(4)
    except Exception:  # whatever its class says where there is nothing to be written
        return ()
    return [list(each) if isinstance(each, Iterator) else each for each in found] if type(found) is tuple else (found,)


def _imported(file: str, scope: dict[str, Any], compiled: frozenset[str]) -> list[str]:
    """The code in a module's `scope` that it has from `file`, but that is written there no more."""
    kinds = [each for each in scope.values() if isinstance(each, type) and each.__module__ == scope.get("__name__")]
    found = [each for each in scope.values() if isinstance(each, types.FunctionType)]
    found += [each for kind in kinds for each in _functions(kind)]
    return sorted({_key(each.__code__) for each in found if each.__code__.co_filename == file} - compiled)


def _functions(kind: type) -> Iterator[types.FunctionType]:
    """A class's methods, also those that were put in from elsewhere, but not those that `dataclass` wrote or `enum`."""
    for each in vars(kind).values():
        part = getattr(each, "fget", None) or getattr(each, "func", None) or getattr(each, "__func__", each)
        if isinstance(part, types.FunctionType) and _root(part) not in sys.stdlib_module_names:
            code = getattr(inspect.unwrap(part), "__code__", part.__code__)
            if (code.co_filename, code.co_name) not in _DATACLASS:
                yield part


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)


def _key(code: types.CodeType) -> str:
    """What code does, wherever it is written."""
    consts = [_key(each) if isinstance(each, types.CodeType) else each for each in code.co_consts]
    shown = [repr(sorted(map(repr, each)) if isinstance(each, frozenset) else each) for each in consts]
    return _digest(repr((code.co_name, code.co_code, code.co_names, code.co_varnames)), *shown)


def _root(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def _digest(*texts: str) -> str:
    return hashlib.blake2b(repr(texts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
