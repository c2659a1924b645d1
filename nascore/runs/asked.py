"""What a call of `run` asks for: which run it is, and whether that is there already."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascore.base import paths
from nascore.base.errors import DataError
from nascore.recipes.recipe import Recipe
from nascore.recipes.registry import find
from nascore.records.identity import Identity, predecessor
from nascore.records.record import Run, is_finished, load_run
from nascore.training.settings import DataSettings


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
    recipe: Recipe | str,
    profile: str,
    seed: int,
    fresh: bool | Collection[int],
    recompute: bool,
    after: Run | str | Path | None,
    root: str | Path | None,
    data_root: str | Path | None,
    overrides: Mapping[str, Any],
) -> Asked:
    """The arguments are those of `run`. Raises `DataError` where images are needed that are not there."""
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    after = load_run(after) if isinstance(after, (str, Path)) else after
    passed_over = fresh if isinstance(fresh, bool) else seed in fresh  # committed records are
    root = paths.root() / "runs" if root is None else Path(root)
    settings = recipe.at(profile, **overrides)
    data, missing = _data(settings, data_root)
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


def _data(settings: Any, root: str | Path | None) -> tuple[dict[str, Any] | None, DataError | None]:
    """The fingerprint of the images, and what is wrong where they cannot be had."""
    try:
        return settings.fingerprint(root) if isinstance(settings, DataSettings) else None, None
    except DataError as error:
        return None, error
