"""What the papers claim, one by one, and what became of it: `data/claims/<paper>.toml` read, checked, and tabled.

A claim names what checks it, or says why nothing can. `data/claims/README.md` says how one is written.
"""

import inspect
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from nascore.base import paths
from nascore.base.arguments import bound, checked
from nascore.base.config import choose
from nascore.base.conform import conform
from nascore.base.errors import ConfigError, DataError, shortened
from nascore.base.reading import read_text
from nascore.evidence import tables
from nascore.evidence.checks.base import Finding, Sources
from nascore.evidence.studies import Lacking, Study, load_studies
from nascore.evidence.verdicts import UNTESTED

ClaimKind = Literal["count", "arithmetic", "own table", "cross", "measured"]
GENERAL = ("common", "measured")  # the modules of checkers that all papers share


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of a paper, in our words.

    `where` is the section, page, table or figure; `check` names the function that judges it, `arguments` are what that
    is given (`with` in the file); `unchecked` says instead why nothing can. `main` marks the five of a paper that
    matter most, `reading` what our reading is where the text may be meant otherwise.
    """

    paper: str
    id: str
    where: str
    claim: str
    kind: ClaimKind
    check: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    unchecked: str = ""
    main: bool = False
    reading: str = ""

    def finding(self, studies: Mapping[str, Study] | None = None) -> Finding:
        """What checking it gives; a study that has not what it takes has not tested it.

        Raises `ConfigError` naming the claim where its checker cannot work with what it is given.
        """
        if self.unchecked:
            return Finding(UNTESTED, self.unchecked)
        sources = Sources(self.paper, load_studies() if studies is None else studies)
        try:
            return _checker(self)(sources, **self.arguments)
        except Lacking as lacking:
            return Finding(UNTESTED, str(lacking))
        except ConfigError as error:
            raise ConfigError(f"claim {self.id} of {self.paper}: {error}") from error


@checked
def load_claims(paper: str, folder: str | Path | None = None) -> list[Claim]:
    """The claims of `paper`, in the order of its file in `folder` (`data/claims`); none where there is no file.

    Raises `ConfigError` for an unknown paper, `DataError` naming the file and the claim for unknown keys, an id that is
    there twice, a claim without a checker or a reason, an unknown checker, and wrong arguments.
    """
    choose("paper", paper, dict.fromkeys(tables.papers()["paper"]))
    path = (Path(folder) if folder is not None else paths.claims()) / f"{paper}.toml"
    if not path.is_file():
        return []
    try:
        content = tomllib.loads(read_text(path))
        return _claims(paper, content)
    except (ConfigError, OSError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{paths.shown(path)}: {error}") from error


@checked
def ledger(
    paper: str | None = None, studies: Iterable[Study] | None = None, folder: str | Path | None = None
) -> pd.DataFrame:
    """Every claim of `paper`, or of all, with its verdict: columns paper, id, where, claim, kind, verdict, said (one
    sentence with the sum), values (its numbers), main, reading.

    Claims of kind "measured" are judged by the committed studies, or by `studies` of the same name where given: those
    of another profile, say. Raises what `load_claims` does.
    """
    known = load_studies() | {each.name: each for each in studies or ()}
    names = list(tables.papers()["paper"]) if paper is None else [paper]
    rows = [_row(claim, known) for name in names for claim in load_claims(name, folder)]
    columns = ["paper", "id", "where", "claim", "kind", "verdict", "said", "values", "main", "reading"]
    return pd.DataFrame(rows, columns=columns)


@checked
def checkers(paper: str) -> dict[str, Callable[..., Finding]]:
    """name -> function, of all checkers that a claim of `paper` can name: the general ones, and the paper's own.

    Raises `ConfigError` for an unknown paper.
    """
    choose("paper", paper, dict.fromkeys(tables.papers()["paper"]))
    own = [paper] if (paths.checks() / f"{paper}.py").is_file() else []
    found: dict[str, Callable[..., Finding]] = {}
    for name in (*GENERAL, *own):
        module = import_module(f"nascore.evidence.checks.{name}")
        for each, value in vars(module).items():
            defined = inspect.isfunction(value) and value.__module__ == module.__name__
            if defined and not each.startswith("_") and inspect.signature(value).return_annotation is Finding:
                found[each] = value
    return found


def _row(claim: Claim, studies: Mapping[str, Study]) -> dict[str, Any]:
    found = claim.finding(studies)
    said = {"verdict": found.verdict, "said": found.said, "values": dict(found.values)}
    names = ("paper", "id", "where", "claim", "kind", "main", "reading")
    return {name: getattr(claim, name) for name in names} | said


_REQUIRED = ("id", "where", "claim", "kind")
_TYPES: dict[str, Any] = {**dict.fromkeys(("id", "where", "claim", "check", "unchecked", "reading"), str)}
_TYPES |= {"kind": ClaimKind, "main": bool, "with": dict[str, Any]}


def _claims(paper: str, content: Mapping[str, Any]) -> list[Claim]:
    if unknown := content.keys() - {"claim"}:
        raise ConfigError(f"unknown {', '.join(sorted(unknown))}: a file of claims has [[claim]] alone")
    given = content.get("claim", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ConfigError("claims are tables [[claim]]")
    claims: dict[str, Claim] = {}
    for at, each in enumerate(given, 1):
        name = shortened(each["id"]) if "id" in each else f"number {at}"
        try:
            claim = _claim(paper, each)
        except ConfigError as error:
            raise ConfigError(f"claim {name}: {error}") from error
        if claim.id in claims:
            raise ConfigError(f"claim {name} is there twice: each has an id of its own")
        claims[claim.id] = claim
    return list(claims.values())


def _claim(paper: str, given: Mapping[str, Any]) -> Claim:
    for key, value in given.items():
        conform(value, choose("key", key, _TYPES), key)
    if missing := [key for key in _REQUIRED if not given.get(key)]:
        raise ConfigError(f"it needs {', '.join(missing)}")
    if bool(given.get("check")) == bool(given.get("unchecked")):
        raise ConfigError('it needs a checker, check = "...", or the reason why there is none, unchecked = "..."')
    if "with" in given and "check" not in given:
        raise ConfigError("what is not checked has no `with`")
    rest = {key: value for key, value in given.items() if key != "with"}
    claim = Claim(paper=paper, arguments=given.get("with", {}), **rest)
    if claim.check:
        _accepts(_checker(claim), claim.arguments)
    return claim


def _checker(claim: Claim) -> Callable[..., Finding]:
    return choose(f"checker of {claim.paper}", claim.check, checkers(claim.paper))


def _accepts(checker: Callable[..., Finding], arguments: Mapping[str, Any]) -> None:
    """Raises `ConfigError` for arguments that the checker does not take, lacks, or cannot use."""
    if "sources" in arguments:
        raise ConfigError("`sources` is what every checker is given")
    try:
        bound(inspect.unwrap(checker), Sources(""), **arguments)
    except TypeError as error:
        known = ", ".join(list(inspect.signature(checker).parameters)[1:])
        raise ConfigError(f"{checker.__name__}: {error}; it takes {known}") from error
