"""What a call of `run` asks for: which run it is, and whether that is there already."""

import numbers
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascore.base import paths
from nascore.base.errors import ConfigError, DataError, shortened
from nascore.recipes.recipe import Recipe
from nascore.recipes.registry import find
from nascore.records.identity import Identity, predecessor
from nascore.records.record import Run, is_finished, load_run
from nascore.training.settings import DataSettings

MAX_SEED = 2**64 - 1  # the largest that torch's generators take


@dataclass(frozen=True)
class Asked:
    """`folder` is where it is computed; `found` where a finished record of it is, None for nowhere."""

    settings: Any
    seed: int
    after: Run | None
    identity: Identity
    folder: Path
    found: Path | None


def ask(
    recipe: Any, profile: str, seed: Any, fresh: Any, recompute: bool, after: Any, root: Any, data_root: Any, overrides: Mapping[str, Any]
) -> Asked:
    """The arguments are those of `run`, checked here. Raises `DataError` where images are needed that are not there."""
    recipe, seed, after, passed_over = _recipe(recipe), _seed(seed), _before(after), _passed_over(fresh, seed)
    root = (_folder(root, "root") or paths.root() / "runs")
    settings = recipe.at(profile, **overrides)
    data, missing = _data(settings, _folder(data_root, "data_root"))
    before = predecessor(after) if after else None
    identity = Identity(recipe.name, recipe.paper, profile, seed, settings, data, before, at_hand=missing is None)
    folder = root / identity.name
    committed = [paths.committed_runs() / name for name in (identity.name, identity.unsealed_name)]
    places = [] if recompute else [folder] if passed_over else [*committed, folder]
    found = next((place for place in places if is_finished(place)), None)
    if missing and not found:
        found = identity.elsewhere([] if recompute else [root] if passed_over else [paths.committed_runs(), root])
        if not found:
            raise missing
    return Asked(settings, seed, after, identity, folder, found)


def _passed_over(fresh: Any, seed: int) -> bool:
    """Whether committed records of this seed are."""
    seeds = isinstance(fresh, Collection) and all(isinstance(each, numbers.Integral) for each in fresh)
    require(isinstance(fresh, bool) or seeds, "fresh", "True, False or some seeds", fresh)
    return fresh if isinstance(fresh, bool) else seed in fresh


def _folder(given: Any, name: str) -> Path | None:
    require(given is None or isinstance(given, (str, os.PathLike)), name, "a folder's path or None", given)
    return None if given is None else Path(given)


def _data(settings: Any, root: str | Path | None) -> tuple[dict[str, Any] | None, DataError | None]:
    """The fingerprint of the images, and what is wrong where they cannot be had."""
    try:
        return settings.fingerprint(root) if isinstance(settings, DataSettings) else None, None
    except DataError as error:
        return None, error


def _recipe(given: Recipe | str) -> Recipe:
    require(isinstance(given, (Recipe, str)), "recipe", "a Recipe or the name of one", given)
    return find(given) if isinstance(given, str) else given


def _seed(given: Any) -> int:
    whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    require(whole and 0 <= given <= MAX_SEED, "seed", f"a whole number from 0 to {MAX_SEED} (2**64 - 1)", given)
    return int(given)  # one of numpy's has no JSON form


def _before(given: Run | str | Path | None) -> Run | None:
    known = given is None or isinstance(given, (Run, str, os.PathLike))
    require(known, "after", "a finished run, the path of its folder, or None", given)
    return given if given is None or isinstance(given, Run) else load_run(given)


def require(holds: bool, name: str, must: str, given: Any) -> None:
    """Raise `ConfigError` saying what an argument must be, unless `holds`."""
    if not holds:
        raise ConfigError(f"{name} must be {must}, not {shortened(given)}")
