"""Runs from the command line: `python -m nascore darts --profile smoke --set epochs=3`; see `nascore.run`.

A recipe of one's own: `python -m nascore my_module:RECIPE`, a module in the current folder or installed.

For several processes: `torchrun --nproc-per-node 8 -m nascore eoinas-imagenet --profile paper --genotype GDAS_V1`.

A paper's figure or table by its number, from the committed records: `python -m nascore figure eoinas 5`.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import nascore
from nascore.base.config import choose, from_dict
from nascore.base.errors import ConfigError, NascoreError, shortened
from nascore.base.reading import parse

if TYPE_CHECKING:  # imported below when they are used: while torch is imported, Ctrl-C is one line, too
    from nascore.networks.genotypes import AnyGenotype
    from nascore.recipes.recipe import Recipe

INTERRUPTED = 130  # as shells have it: 128 and the signal's number


def main(arguments: list[str] | None = None) -> int:
    """Compute or load one run and print its metrics.

    Returns the exit status: 2 for an error that was told, 130 after Ctrl-C.
    """
    try:
        return _main(arguments)
    except NascoreError as error:
        print(f"nascore: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # of several processes one tells
            said = "nascore: interrupted; checkpoints are kept, and the same command goes on from the last one"
            print(said, file=sys.stderr)
        return INTERRUPTED


def _main(arguments: list[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["figure"], ["table"]):
        return _draw(arguments)
    given = _parser().parse_args(arguments)
    if given.list:
        _list()
        return 0
    run = nascore.run(_recipe(given.recipe), **_settings(given))
    if nascore.base.processes.team().leads:
        for name, value in run.metrics.items():
            print(f"{name:28} {value:.6g}")
    return 0


def _draw(arguments: list[str]) -> int:
    from nascore.evidence.drawn import draw

    parser = _Parser(prog="python -m nascore", description="Make a figure or table of a paper from the records.")
    parser.add_argument("kind", choices=["figure", "table"])
    parser.add_argument("paper", help="darts_gal, sparse_darts, dso_nas, eth_thesis or eoinas")
    parser.add_argument("number", help="as it is printed, such as 5 or A.1")
    parser.add_argument("--root", metavar="DIR", help="the folder that gets figures/; runs/drawn unless given")
    given = parser.parse_args(arguments)
    for path in draw(given.paper, given.number, given.kind, given.root):
        print(nascore.base.paths.shown(path))
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; --help lists all options")  # in one line, as all that is told


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m nascore", description="Compute a run, or load it where it is.")
    parser.add_argument("recipe", nargs="?", help="the name of a recipe, see --list, or my_module:RECIPE")
    parser.add_argument("--list", action="store_true", help="list the recipes, paper by paper")
    parser.add_argument("--profile", default="demo", choices=list(nascore.recipes.PROFILES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--fresh", action="store_true", help="do not take a committed record")
    parser.add_argument("--recompute", action="store_true", help="take no finished run; set it aside as NAME.replaced")
    parser.add_argument("--wait", type=float, default=3600.0, metavar="S", help="seconds to wait for another process")
    parser.add_argument("--threads", type=int, help="of the CPU; one at smoke and demo unless given")
    parser.add_argument("--root", metavar="DIR", help="the folder of run folders")
    parser.add_argument("--after", metavar="RUN", help="the folder of a finished run to go on from")
    parser.add_argument("--genotype", metavar="NAME|FILE", help="a published or NAS-Bench-201 one, or a JSON file")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="settings, such as space__cells=4; may be given several times",
    )
    return parser


def _list() -> None:
    for paper, recipes in nascore.recipes.table().groupby("paper", sort=False):
        print(paper)
        for recipe in recipes.itertuples():
            print(f"  {recipe.name:28} {recipe.summary}")


def _recipe(given: str | None) -> "Recipe | str":
    """The recipe that `my_module:RECIPE` names; a name as it is."""
    if given is None:
        raise ConfigError("name a recipe; --list lists them")
    module, colon, name = given.partition(":")
    return _imported(module, name) if colon else given


def _imported(module: str, name: str) -> "Recipe":
    """A recipe in a module. What is wrong within the module is raised with its traceback; it is for its author."""
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise ConfigError(f"a recipe in a module is written my_module:RECIPE, not {module}:{name}")
    if not {"", (here := str(Path.cwd()))} & {*sys.path}:
        sys.path.insert(0, here)
    try:
        found = vars(importlib.import_module(module))
    except ModuleNotFoundError as error:
        raise ConfigError(f"{module}:{name}: {error}; run where {module}.py is, or install it") from error
    recipes = {each: value for each, value in found.items() if isinstance(value, nascore.Recipe)}
    return choose(f"recipe in {module}", name, recipes, see=f"see {module}")


def _settings(given: argparse.Namespace) -> dict[str, Any]:
    names = ("profile", "seed", "device", "fresh", "recompute", "after", "wait", "threads", "root")
    settings = {name: getattr(given, name) for name in names}
    for name in ("after", "root", "genotype"):
        if getattr(given, name) == "":
            raise ConfigError(f"--{name} is empty: give its value, or leave it out")
    overrides: dict[str, Any] = {} if given.genotype is None else {"genotype": _genotype(given.genotype)}
    for name, value in map(_assigned, given.set):
        if name in settings or name == "recipe":
            raise ConfigError(f"--set takes settings, and {name} is none: give {name} by itself, see --help")
        if overrides.setdefault(name, value) != value:
            raise ConfigError(f"{name} is given twice: {shortened(overrides[name])} and {shortened(value)}")
    return settings | overrides


def _assigned(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON where it is JSON (3, 0.1, true, null, [1, 2], {"type": "Entmax", "alpha": 2}),
    else as text.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ConfigError(f"--set takes NAME=VALUE, not {shortened(text)}")
    try:
        return name, from_dict(parse(value))
    except ConfigError as error:
        if isinstance(error.__cause__, json.JSONDecodeError):
            return name, value
        raise ConfigError(f"--set {name}: {error}") from error


def _genotype(text: str) -> "AnyGenotype | str":
    """The genotype in a file; any other text is for `run` to read."""
    if text in nascore.PUBLISHED or not (text.endswith(".json") or _exists(text)):
        return text
    return nascore.networks.load(text)


def _exists(text: str) -> bool:
    try:
        return os.path.exists(text)
    except ValueError:  # a NUL byte, which no name has
        return False


if __name__ == "__main__":
    sys.exit(main())
