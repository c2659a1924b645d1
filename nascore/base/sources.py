"""The source of what readers write, in short: code that a run depends on is part of the run's name.

What is the package's own is known by its name, and `RECORD_VERSION` in `nascore.runs`; what is a reader's by its source
and that of all it refers to.
"""

import ast
import dataclasses
import functools
import hashlib
import inspect
import linecache
import symtable
import sys
import types
from collections.abc import Iterator
from typing import Any

registered: dict[str, Any] = {}  # what readers gave a name, such as operations: makers by their names

_PLAIN = (int, float, complex, str, bytes, bool, types.NoneType, types.EllipsisType)
_MUTABLE = (list, dict, set)
_MADE = ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__")
_Scope = dict[str, Any]


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
    the standard library or installed packages. `obj` may also be a `partial` or a callable object. Comments, docstrings
    and layout do not count. Not seen are: what is imported within a function, attributes found by `getattr`, and what
    lists, dicts and sets hold that are not written in the same file or cell.
    """
    text = "\n\n".join(_Walk().all_from(obj))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:10]


class _Walk:
    """All code that can be reached from an object, each described once."""

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}
        self.waiting: list[Any] = []

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
        value = inspect.unwrap(value) if callable(value) and not isinstance(value, type) else value
        if type(value) in _PLAIN:
            return repr(value)
        if isinstance(value, (tuple, frozenset)):
            items = [self.value(item, home) for item in value]
            return f"({', '.join(items if isinstance(value, tuple) else sorted(items))})"
        if type(value) in _MUTABLE:  # what they hold changes, as in a cache: only the code in them counts
            held = list(value.values() if isinstance(value, dict) else value)
            return f"[{', '.join(sorted(self.code(item, home) for item in held if _is_code(item)))}]"
        if isinstance(value, functools.partial):
            return f"partial{self.value((value.func, *value.args, *sorted(value.keywords.items())), home)}"
        if isinstance(value, types.MethodType):
            return f"method{self.value((value.__func__, value.__self__), home)}"
        if _is_code(value):
            return self.code(value, home)
        shown = self.code(type(value), home)
        if (rules := getattr(type(value), "__dataclass_params__", None)) and rules.frozen:
            return shown + self.value(tuple(_changed(value)), home)
        return f"{shown} {getattr(value, '__name__', '')}"  # such as torch.relu

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
        node, module = _source(code, functions)
        text = ast.unparse(node) if node else _bytecode(code, functions)
        names = _names(text) if node else sorted({name for each in functions for name in _all_names(each.__code__)})
        home, scope = _root(code), functions[0].__globals__ if functions else _globals(code)
        refers = [f"{name} = {shown}" for name, shown in self.references(names, scope, module, home)]
        own = [self.value(part, home) for part in (foreign, *_own_values(code, functions))]
        return "\n".join([place(code), text, *refers, *own])

    def references(
        self, names: list[str], scope: _Scope, module: ast.Module | None, home: str
    ) -> Iterator[tuple[str, str]]:
        """Each of the global `names` that is there, and what stands for its value."""
        names = list(names)
        for name in names:  # it grows
            name, value = _resolve(name, scope)
            if value is not _resolve and not isinstance(value, types.ModuleType):
                yield name, self.value(value, home)
                if _is_opaque(value) and (written := _written(name, module)):
                    yield name, written
                    names += [more for more in _names(written) if more not in names]


def _is_code(value: Any) -> bool:
    return isinstance(value, (type, types.FunctionType))


def _changed(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a frozen dataclass's instance that are not what its class says, which may get new ones."""
    for field in dataclasses.fields(value):
        now = getattr(value, field.name)
        if type(now) is not type(field.default) or now != field.default:
            yield field.name, now


def _is_opaque(value: Any) -> bool:
    """Whether a value does not tell what it holds, so that what is written for it does."""
    return not (type(value) in _PLAIN or _is_code(value))


def _root(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def _is_readers(value: Any, home: str) -> bool:
    """Whether a class or function is a reader's own, or of the package `home` that refers to it."""
    root = _root(value)
    if root in ("", "nascore"):
        return False
    known = root in sys.stdlib_module_names or _is_installed(sys.modules.get(value.__module__))
    return root == home or not known


def _is_installed(module: types.ModuleType | None) -> bool:
    file = getattr(module, "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _globals(kind: type) -> _Scope:
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


def _own_values(code: Any, functions: list[types.FunctionType]) -> Iterator[Any]:
    """What a class or function holds itself: bases, defaults and closures."""
    for function in functions:
        yield function.__defaults__ or ()
        yield tuple(sorted((function.__kwdefaults__ or {}).items()))
        yield from _closed_over(function)
    if isinstance(code, type):
        yield code.__bases__
        fields = getattr(code, "__dataclass_fields__", {})
        for field in (fields[name] for name in inspect.get_annotations(code) if name in fields):  # without inherited
            yield (field.name, *(v for v in (field.default, field.default_factory) if v is not dataclasses.MISSING))


def _closed_over(function: types.FunctionType) -> Iterator[Any]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # a name that has no value yet
            continue
        if name != "__class__" and not isinstance(value, types.ModuleType):
            yield (name, value)


# -- finding the source ----------------------------------------------------------------------------------------------


def _source(code: Any, functions: list[types.FunctionType]) -> tuple[ast.AST | None, ast.Module | None]:
    """A class's or function's part of the file or notebook cell that it is in, and the whole; None where unknown.

    Unknown it is, too, where the file has been edited since it was imported: what runs is not what is written there.
    """
    files = [each.__code__.co_filename for each in functions] or [_globals(code).get("__file__") or ""]
    linecache.checkcache(files[0])
    module, compiled = _parsed("".join(linecache.getlines(files[0])))
    if module is None or not all(_key(each.__code__) in compiled for each in functions):
        return None, None
    lines = [each.__code__.co_firstlineno for each in functions]
    return _find(module, code.__qualname__, lines[0] if lines else 0), module


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[ast.Module | None, frozenset[str]]:
    """A file without its docstrings, and all code that it compiles to; (None, nothing) for none."""
    try:
        module = ast.parse(text)
        # notebooks' cells may await
        whole = compile(text, "<file>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None, frozenset()
    return (_without_docstrings(module), frozenset(map(_key, _codes(whole)))) if text else (None, frozenset())


def _without_docstrings(module: ast.Module) -> ast.Module:
    for node in ast.walk(module):
        if isinstance(body := getattr(node, "body", None), list):
            body[:] = [each for each in body if not _is_docstring(each)] or [ast.Pass()]
    return module


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _find(module: ast.Module, qualname: str, line: int) -> ast.AST | None:
    """The definition of that name that has `line` in it, or else the last one."""
    if qualname.endswith("<lambda>"):
        found = [node for node in ast.walk(module) if isinstance(node, ast.Lambda) and node.lineno == line]
        return ast.Module([ast.Expr(node) for node in found], []) if found else None
    found = [node for name, node in _definitions(module) if name == qualname]
    here = [node for node in found if _first_line(node) <= line <= (node.end_lineno or line)]
    return (here or found)[-1] if found else None


def _first_line(node: Any) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _definitions(node: ast.AST, within: str = "") -> Iterator[tuple[str, Any]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield within + child.name, child
            yield from _definitions(child, f"{within}{child.name}.")
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield within + child.name, child
            yield from _definitions(child, f"{within}{child.name}.<locals>.")
        else:
            yield from _definitions(child, within)


def _written(name: str, module: ast.Module | None) -> str | None:
    """What a global name is set to in `module`, as it is written there."""
    for node in reversed(module.body if module else []):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return ast.unparse(node.value)
    return None


# -- global names ----------------------------------------------------------------------------------------------------


def _names(text: str) -> list[str]:
    """The global names that a piece of source reads, with the attributes that follow them."""
    tables = list(_tables(symtable.symtable(text, "<source>", "exec")))
    symbols = [(table, each) for table in tables for each in table.get_symbols()]
    counters = {each.get_name() for _, each in symbols if each.is_declared_global() and each.is_assigned()}
    found = {each.get_name() for table, each in symbols if each.is_referenced() and _is_global(table, each)} - counters
    chains = {ast.unparse(node) for node in ast.walk(ast.parse(text)) if _is_chain(node)}
    return sorted(found | {chain for chain in chains if chain.partition(".")[0] in found})


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _is_global(table: symtable.SymbolTable, symbol: symtable.Symbol) -> bool:
    return symbol.is_global() or table.get_type() == "module"


def _is_chain(node: ast.AST) -> bool:
    """Whether it is a name and its attributes, such as `helpers.scale`."""
    while isinstance(node, ast.Attribute):
        node = node.value
        if isinstance(node, ast.Name):
            return True
    return False


def _resolve(name: str, scope: _Scope) -> tuple[str, Any]:
    """The first thing in a chain that is no module, and how it is called; this function itself stands for nothing."""
    head, *rest = name.split(".")
    value = scope.get(head, _resolve)
    while rest and isinstance(value, types.ModuleType):
        head = f"{head}.{rest[0]}"
        value = vars(value).get(rest.pop(0), _resolve)
    return head, value


# -- bytecode: where there is no source, and to see whether a source is what runs ------------------------------------


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)


def _all_names(code: types.CodeType) -> set[str]:
    return {name for each in _codes(code) for name in each.co_names}


def _key(code: types.CodeType) -> str:
    """What code does, wherever it is written."""
    consts = [_constant(each) for each in code.co_consts]
    return repr((code.co_name, code.co_code.hex(), code.co_names, code.co_varnames, consts))


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _key(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _bytecode(code: Any, functions: list[types.FunctionType]) -> str:
    """What can be said without source: annotations, plain attributes, and what the functions do."""
    said = [_key(each.__code__) for each in functions]
    if isinstance(code, type):
        said += [f"{name}: {hint}" for name, hint in inspect.get_annotations(code).items()]
        said += [f"{name} = {v!r}" for name, v in vars(code).items() if type(v) in _PLAIN and name[:2] != "__"]
    return "\n".join(said)
