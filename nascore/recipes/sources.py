"""Where each value of a recipe is from, as a table: what the comments beside the values say.

A recipe's module writes the source of a value behind it, as in `epochs=50,  # appendix, search`. Here these comments
are read from the module's code, each with the name, the value and the kind of settings that it stands beside, and
looked up for the settings that a recipe has in the end, however it was put together. A comment behind the end of a
call or a dict counts for all in it that has none of its own; one on a line of its own counts for nothing. What an
answer has by its class's default is as the comment behind the answer says.
"""

import ast
import dataclasses
import inspect
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd

from nascore.base import config
from nascore.base.arguments import checked
from nascore.base.config import Settings
from nascore.base.errors import ConfigError
from nascore.recipes.recipe import Recipe
from nascore.recipes.registry import MODULES, find

Path = tuple[str, ...]  # the names of settings, from the outermost: ("space", "cells")

DEFAULT = "nascore's default"

# How a comment says where a value is from: of what matches, what comes first.
ORIGINS = {
    "ours": r"\bnot stated|\bours\b",
    "authors' code": r"\b(its )?code\b",
    "cited": r"\b(P-)?DARTS\b|\bGAL\b|\bGDAS\b|\bSSS\b|\bNAS-Bench-201\b",
    "paper": r"\b(sections?|appendix|equations?|algorithm|tables?|setup|method|introduction)\b|^(A\.)?\d",
}
_UNGIVEN = r"gives no number|without (its|their) values?"  # a paper that names what it does not tell

# Whose code a module's "code" is, where that is not the paper's own.
_CODES = {"eoinas": "GDAS's code", "eth_thesis": "P-DARTS's code"}


class _Any:
    """A value that only a function's arguments tell."""


_ANY = _Any()


class Citation(NamedTuple):
    """A comment beside a value: `path` is () for a value that has a name of its own, as `_GRADUAL = Gradual(...)`."""

    group: str  # the name of the statement that it is in
    path: Path
    value: Any
    scope: type[Settings] | None  # of what settings it is, where that can be told
    source: str


class Fit(Enum):
    """What of a setting a citation has, the best first."""

    VALUE = "its name and its value"
    ANSWER = "an answer that it is in, which has a name of its own"
    WITHIN = "an answer that it is in, of which the comment is: it has the value from there"
    NAME = "its name alone; its value is told elsewhere"


class _Setting(NamedTuple):
    path: Path
    value: Any
    given: bool  # whether it differs from what its class has by default
    around: tuple[tuple[Path, Settings], ...]  # the answers that it is in, the innermost first


@checked
def sources_of(recipe: Recipe | str) -> pd.DataFrame:
    """Every setting of `recipe` at `paper`: columns setting (`space.cells`), value, source, origin.

    `origin` is paper, authors' code, cited (another paper or its code) or ours; of what has its class's default and no
    comment, the source is `DEFAULT` and the origin ours. A source is "" where a recipe gives a value and its module
    does not say from where. Raises `ConfigError` for a recipe that is in no module of the package.
    """
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    chain = _chain(recipe)
    rows = []
    for setting in _settings(recipe.settings):
        source, origin = _source(setting, recipe.settings, chain)
        rows.append((".".join(setting.path), _said(setting.value), source, origin))
    return pd.DataFrame(rows, columns=["setting", "value", "source", "origin"])


@checked
def sources_of_paper(paper: str, defaults: bool = False) -> pd.DataFrame:
    """`sources_of` all recipes of a paper in one table, rows that are alike once: one more column, recipes, says which
    of them have the row. Without `defaults`, what has its class's default is left out.

    Raises `ConfigError` for a paper that has no recipe.
    """
    papers = {recipe.paper: None for module in MODULES for recipe in module.RECIPES}
    config.choose("paper with recipes", paper, papers)
    recipes = [recipe for module in MODULES for recipe in module.RECIPES if recipe.paper == paper]
    whole = pd.concat([sources_of(recipe).assign(recipes=recipe.name) for recipe in recipes], ignore_index=True)
    if not defaults:
        whole = whole[whole["source"] != DEFAULT]
    columns = ["setting", "value", "source", "origin"]
    rows = whole.groupby(columns, sort=False)["recipes"].agg(list).reset_index()
    rows["recipes"] = ["all" if len(names) == len(recipes) else ", ".join(names) for names in rows["recipes"]]
    first = {setting: at for at, setting in enumerate(dict.fromkeys(rows["setting"]))}
    return rows.sort_values("setting", key=lambda names: names.map(first), kind="stable", ignore_index=True)


@checked
def origin(source: str) -> str | None:
    """The kind of source that a comment names, one of `ORIGINS`; None for a comment that names none."""
    if re.search(_UNGIVEN, source):
        return "ours"
    found = {kind: match.start() for kind, rule in ORIGINS.items() if (match := re.search(rule, source))}
    return min(found, key=lambda kind: found[kind]) if found else None


# -- looking up --------------------------------------------------------------------------------------------------------


def _chain(recipe: Recipe) -> list[ModuleType]:
    """The module that a recipe is in, then those whose recipes it starts from."""
    for module in MODULES:
        if recipe in module.RECIPES:
            others = [each for each in vars(module).values() if isinstance(each, ModuleType) and each in MODULES]
            return [module, *others]
    raise ConfigError(f"recipe {recipe.name!r} is in no module of nascore.recipes, whose comments could be read")


def _settings(settings: Settings, path: Path = (), around: Any = ()) -> Iterator[_Setting]:
    """All settings within `settings`, each answer before what it has."""
    for field in dataclasses.fields(settings):
        value, here = getattr(settings, field.name), (*path, field.name)
        default = config._default(field)
        if isinstance(value, Settings):
            yield _Setting(here, value, type(value) is not type(default), around)
            yield from _settings(value, here, ((here, value), *around))
        else:
            yield _Setting(here, value, default is dataclasses.MISSING or value != default, around)


def _source(setting: _Setting, settings: Settings, chain: list[ModuleType]) -> tuple[str, str]:
    """Source and origin of one setting."""
    # what nobody gave is as the first had it, from whom the others took it
    upward = chain if setting.given else chain[::-1]
    places = [(Fit.VALUE, module) for module in chain]
    places += [(level, module) for module in upward for level in (Fit.ANSWER, Fit.WITHIN)]
    places += [(Fit.NAME, module) for module in chain]
    known = {module: _fitting(setting, type(settings), module) for module in chain}
    for level, module in places:
        if fitting := known[module][level]:
            made_of = _explained(settings, module)
            best = max(fitting, key=lambda each: made_of[each.group])
            return _told(best.source, module, module is not chain[0])
    if isinstance(setting.value, Settings):  # an answer that is written out, its settings with their sources
        inner = _settings(setting.value, setting.path, ((setting.path, setting.value), *setting.around))
        for source, kind in (_source(each, settings, chain) for each in inner):
            if source not in ("", DEFAULT):
                return source, kind
    return ("", "") if setting.given else (DEFAULT, "ours")


def _told(source: str, module: ModuleType, borrowed: bool) -> tuple[str, str]:
    """A comment as the table has it, with the name of whose it is; and its origin."""
    name = module.__name__.rpartition(".")[2]
    if (code := _CODES.get(name)) and origin(source) == "authors' code":
        source = re.sub(r"\b(its )?code\b", code, source, count=1)
        return source, "cited"
    if borrowed:
        title = name.upper().replace("_", "-")
        return f"{title}: {source}", "cited"
    return source, origin(source) or ""


def _fitting(setting: _Setting, kind: type[Settings], module: ModuleType) -> dict[Fit, list[Citation]]:
    """The citations in a module that a setting fits, by how well."""
    known = [each for each in citations(module) if each.scope is None or _akin(each.scope, kind)]
    here = [each for each in known if each.path == setting.path]
    around = dict(setting.around)
    answers = [*around.values(), setting.value]
    return {
        Fit.VALUE: [each for each in here if _same(each.value, setting.value)],
        Fit.ANSWER: [each for each in known if each.path == () and each.value in answers],
        Fit.WITHIN: [each for each in known if each.path in around and _has(each, setting)],
        Fit.NAME: [each for each in here if each.value is _ANY],
    }


def _akin(one: type, other: type) -> bool:
    return issubclass(one, other) or issubclass(other, one)


def _same(cited: Any, value: Any) -> bool:
    """Whether a citation is of this value; of an answer, whether it is of that kind: what it has is looked up apart."""
    if isinstance(value, Settings):
        return type(cited) is type(value)
    return type(cited) is not bool and cited == value if not isinstance(value, bool) else cited is value


def _has(citation: Citation, setting: _Setting) -> bool:
    """Whether the answer that is cited has the setting's value, too."""
    value = citation.value
    for name in setting.path[len(citation.path) :]:
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return bool(_same(value, setting.value))


@cache
def _explained(settings: Settings, module: ModuleType) -> Counter[str]:
    """How many settings each statement of the module has with their values: the recipe is made of what has most."""
    found = Counter[str]()
    for setting in _settings(settings):
        here = {each.group for each in citations(module) if each.path == setting.path and each.value == setting.value}
        found.update(here)
    return found


def _said(value: Any) -> str:
    """A value as a table has it; an answer by its name, what it has follows."""
    if isinstance(value, Settings):
        return type(value).__name__
    if isinstance(value, tuple) and value and isinstance(value[0], Settings):
        return ", ".join(map(str, value))
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


# -- reading -----------------------------------------------------------------------------------------------------------


@cache
def citations(module: ModuleType) -> tuple[Citation, ...]:
    """All comments of a recipe module that name a source, with what they stand beside."""
    text = inspect.getsource(module)
    reader = _Reader(vars(module), _comments(text))
    return tuple(each for statement in ast.parse(text).body for each in reader.read(statement, _name(statement)))


def _comments(text: str) -> dict[int, str]:
    """The number of a line -> the comment behind its code."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        token.start[0]: token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip()
    }


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
    return ""


@cache
def _fields() -> frozenset[str]:
    """The names that a recipe's settings can have."""
    kinds = {type(recipe.settings) for module in MODULES for recipe in module.RECIPES}
    return frozenset(field.name for kind in kinds for field in dataclasses.fields(kind))


class _At(NamedTuple):
    """Where in a statement a node is: its statement's name, the settings around it, what they are of, the source that
    counts for all there.
    """

    group: str
    path: Path = ()
    scope: type[Settings] | None = None
    source: str = ""


class _Reader:
    """Finds values and the comments beside them; what is written out is evaluated in the module, as it is there."""

    def __init__(self, names: dict[str, Any], comments: dict[int, str]):
        self.names, self.comments = names, comments

    def read(self, statement: ast.stmt, group: str) -> Iterator[Citation]:
        return self._walk(statement, _At(group))

    def _walk(self, node: ast.AST, at: _At) -> Iterator[Citation]:
        match node:
            case ast.keyword(arg=str(key), value=value):
                yield from self._value(key, value, value, at)
            case ast.Dict(keys=keys, values=values):
                for name, value in zip(keys, values, strict=True):
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        yield from self._value(name.value, value, value, at)
                    else:
                        yield from self._walk(value, at)
            case ast.Tuple(elts=[ast.Constant(value=str(key)), value]) if key in _fields():
                yield from self._value(key, value, value, at)
            case (
                ast.Assign(targets=[ast.Name(id=key)], value=value)
                | ast.AnnAssign(target=ast.Name(id=key), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id=key), value=value)
            ):
                yield from self._value(key, value, node, at)
            case ast.Call():
                inner = at._replace(scope=at.scope if at.path else self._scope(node))
                for child in ast.iter_child_nodes(node):
                    yield from self._walk(child, inner)
            case _:
                for child in ast.iter_child_nodes(node):
                    yield from self._walk(child, at)

    def _value(self, key: str, value: ast.expr, ends: Any, at: _At) -> Iterator[Citation]:
        """What stands behind a name, and all that is in it."""
        names = tuple(key.split("__"))
        path = (*at.path, *names) if at.path or names[0] in _fields() else ()
        path = at.path if isinstance(value, ast.Dict) else path  # of changes, whatever their name
        comment = self.comments.get(ends.end_lineno, "")
        source = comment if origin(comment) else at.source
        if source:
            found = self._evaluated(value)
            if path or isinstance(found, Settings):
                yield Citation(at.group, path, found, at.scope, source)
        yield from self._walk(value, at._replace(path=path, source=source))

    def _scope(self, call: ast.Call) -> type[Settings] | None:
        """Of what settings a call's keywords are."""
        made = self._evaluated(call.func)
        if isinstance(made, type) and issubclass(made, Settings):
            return made
        if made is config.override and call.args and isinstance(base := self._evaluated(call.args[0]), Settings):
            return type(base)
        return None

    def _evaluated(self, node: ast.expr) -> Any:
        try:
            return eval(compile(ast.Expression(node), "", "eval"), self.names)
        except Exception:  # a function's own names, and whatever follows from them
            return _ANY
