"""What is written for a class or function: its part of a file or notebook cell, and the global names that it reads.

Where nothing is written, its bytecode.
"""

import ast
import functools
import inspect
import linecache
import symtable
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import resolve_name
from typing import Any

PLAIN = (int, float, complex, str, bytes, bool, types.NoneType, types.EllipsisType)
Scope = dict[str, Any]  # global names and their values

# the methods by which lists, dicts and sets are changed
_CHANGES = {"append", "extend", "insert", "pop", "popitem", "remove", "clear", "sort", "reverse", "add", "discard"}
_CHANGES |= {"update", "setdefault", "appendleft", "popleft"}


def source(code: Any, functions: list[types.FunctionType], file: str) -> tuple[ast.AST | None, ast.Module | None]:
    """A class's or function's part of the file or notebook cell that it is in, and the whole; None where unknown.

    `file` is where a class without `functions` may be. Unknown it is, too, where the file has been edited since it was
    imported: what runs is not what is written there.
    """
    files = [each.__code__.co_filename for each in functions] or [file]
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


def written(name: str, module: ast.Module | None) -> str | None:
    """What a global name is set to in `module`, as it is written there."""
    for node in reversed(module.body if module else []):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return ast.unparse(node.value)
    return None


# -- global names ----------------------------------------------------------------------------------------------------


def names_in(text: str) -> list[str]:
    """The global names that a piece of source reads, with the attributes that follow them."""
    tables = list(_tables(symtable.symtable(text, "<source>", "exec")))
    symbols = [(table, each) for table in tables for each in table.get_symbols()]
    counters = {each.get_name() for _, each in symbols if each.is_declared_global() and each.is_assigned()}
    found = {each.get_name() for table, each in symbols if each.is_referenced() and _is_global(table, each)} - counters
    found |= {each.get_name() for _, each in symbols if each.is_imported()}  # within a function
    chains = {ast.unparse(node) for node in ast.walk(ast.parse(text)) if _is_chain(node)}
    return sorted(found | {chain for chain in chains if chain.partition(".")[0] in found})


def changed_in(text: str) -> set[str]:
    """What a piece of source changes itself, such as a cache: `cache` where it has `cache[key] = value`, or
    `helpers.seen` where it has `helpers.seen.append(value)`.
    """
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            found.add(_chain(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            found.add(_chain(node.func.value))
    return found


def _chain(node: ast.expr) -> str:
    """A name and its attributes up to the first index; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        parts = [node.attr, *parts] if isinstance(node, ast.Attribute) else []
        node = node.value
    return ".".join([node.id, *parts]) if isinstance(node, ast.Name) else ""


def imports_in(node: ast.AST, scope: Scope, follows: Callable[[str], bool]) -> Scope:
    """What a definition imports within its functions, by the names that it has there, of modules that `follows` takes.

    These are imported, as the functions themselves would; what cannot be is left out.
    """
    found: Scope = {}
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            for alias in each.names:
                shown = alias.name if alias.asname else alias.name.partition(".")[0]
                if follows(shown) and _imported(alias.name):
                    found[alias.asname or shown] = _imported(shown)
        elif isinstance(each, ast.ImportFrom):
            start = scope.get("__package__") or ""
            name = resolve_name("." * each.level + (each.module or ""), start) if each.level else each.module or ""
            if follows(name) and (module := _imported(name)):
                parts = {alias.asname or alias.name: vars(module).get(alias.name) for alias in each.names}
                found |= {shown: part or _imported(f"{name}.{part}") for shown, part in parts.items()}
    return found


def _imported(name: str) -> types.ModuleType | None:
    try:
        return import_module(name)
    except Exception:  # whatever a reader's module does when it is imported, its function will tell of it
        return None


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


def resolve(name: str, scope: Scope) -> tuple[str, Any]:
    """The first thing in a chain that is no module, and how it is called; this function itself stands for nothing."""
    head, *rest = name.split(".")
    value = scope.get(head, resolve)
    while rest and isinstance(value, types.ModuleType):
        head = f"{head}.{rest[0]}"
        value = vars(value).get(rest.pop(0), resolve)
    return head, value


# -- bytecode: where there is no source, and to see whether a source is what runs ------------------------------------


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)


def bytecode_names(code: types.CodeType) -> set[str]:
    return {name for each in _codes(code) for name in each.co_names}


def _key(code: types.CodeType) -> str:
    """What code does, wherever it is written."""
    consts = [_constant(each) for each in code.co_consts]
    return repr((code.co_name, code.co_code.hex(), code.co_names, code.co_varnames, consts))


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _key(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def bytecode(code: Any, functions: list[types.FunctionType]) -> str:
    """What can be said without source: annotations, plain attributes, and what the functions do."""
    said = [_key(each.__code__) for each in functions]
    if isinstance(code, type):
        said += [f"{name}: {hint}" for name, hint in inspect.get_annotations(code).items()]
        said += [f"{name} = {v!r}" for name, v in vars(code).items() if type(v) in PLAIN and name[:2] != "__"]
    return "\n".join(said)
