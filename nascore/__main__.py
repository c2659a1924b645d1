"""Runs from the command line: `python -m nascore darts --profile smoke --set epochs=3`; see `nascore.run`.

For several processes: `torchrun --nproc-per-node 8 -m nascore eoinas-imagenet --profile paper --genotype GDAS_V1`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import nascore
from nascore import recipes
from nascore.base.config import from_dict
from nascore.base.errors import ConfigError, NascoreError
from nascore.base.processes import team
from nascore.networks import genotypes
from nascore.networks.genotypes import AnyGenotype
from nascore.networks.published import PUBLISHED
from nascore.recipes.recipe import PROFILES


def main(arguments: list[str] | None = None) -> int:
    """Compute or load one run and print its metrics; returns the exit status, 2 for an error that was told."""
    given = _parser().parse_args(arguments)
    if given.list:
        for name, recipe in recipes.RECIPES.items():
            print(f"{name:28} {recipe.summary}")
        return 0
    try:
        run = nascore.run(_wanted(given.recipe), **_settings(given))
    except NascoreError as error:
        print(f"nascore: {error}", file=sys.stderr)
        return 2
    if team().leads:
        for name, value in run.metrics.items():
            print(f"{name:28} {value:.6g}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nascore", description="Compute a run, or load it where it is.")
    parser.add_argument("recipe", nargs="?", help="the name of a recipe, see --list")
    parser.add_argument("--list", action="store_true", help="list the recipes")
    parser.add_argument("--profile", default="demo", choices=list(PROFILES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--fresh", action="store_true", help="do not take a committed record")
    parser.add_argument("--wait", type=float, default=3600.0, metavar="S", help="seconds to wait for another process")
    parser.add_argument("--root", metavar="DIR", help="the folder of run folders")
    parser.add_argument("--after", metavar="RUN", help="the folder of a finished run to go on from")
    parser.add_argument("--genotype", metavar="NAME|FILE", help="a published architecture, or a JSON file")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings, such as space__cells=4")
    return parser


def _wanted(recipe: str | None) -> str:
    if recipe is None:
        raise ConfigError("name a recipe; --list lists them")
    return recipe


def _settings(given: argparse.Namespace) -> dict[str, Any]:
    names = ("profile", "seed", "device", "fresh", "wait", "root")
    settings = {name: getattr(given, name) for name in names} | dict(map(_assigned, given.set))
    settings |= {"after": nascore.load_run(given.after)} if given.after else {}
    return settings | ({"genotype": _genotype(given.genotype)} if given.genotype else {})


def _assigned(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON where it is JSON (3, 0.1, true, null, [1, 2], {"type": "Entmax", "alpha": 2}),
    else as text.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set takes NAME=VALUE, not {text!r}")
    try:
        return name, from_dict(json.loads(value))
    except json.JSONDecodeError:
        return name, value


def _genotype(text: str) -> AnyGenotype:
    if text in PUBLISHED:
        return PUBLISHED[text]
    if not Path(text).is_file():
        raise ConfigError(f"there is no genotype {text!r}: give a file, or one of {', '.join(PUBLISHED)}")
    return genotypes.load(text)


if __name__ == "__main__":
    sys.exit(main())
