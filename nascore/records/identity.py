"""What a run is: all that decides its result, the name that follows from that, and whether a record is of it."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascore.base import paths, sources
from nascore.base.config import Settings, digest, to_dict
from nascore.base.errors import RunError, shortened
from nascore.records.record import RECORD_VERSION, UNSEALED, WEIGHTS, Run, load_run

_COMPARED = ("recipe", "profile", "seed", "record_version", "data", "after", "operations", "name")


@dataclass(frozen=True)
class Identity:
    """`data` is the fingerprint of the images, None for a task without; `after` what `predecessor` says.

    Where the images are not on this machine (`at_hand`), records of theirs can still be read.
    """

    recipe: str
    paper: str
    profile: str
    seed: int
    settings: Settings
    data: dict[str, Any] | None = None
    after: dict[str, str] | None = None
    at_hand: bool = True

    @property
    def name(self) -> str:
        """The folder of the run; defaults are left out of its hash, so that a new setting leaves old records theirs."""
        return self._name(RECORD_VERSION, self._made_from())

    @property
    def unsealed_name(self) -> str:
        """The name that the same run's record of the version before has."""
        found = self._made_from()
        operations = {"operations": found["operations"]} if "operations" in found else None
        return self._name(UNSEALED, *filter(None, (operations, self.after)))

    def elsewhere(self, roots: Iterable[Path]) -> Path | None:
        """The finished record that is this run's but for images that are not at hand, if one of the folders has it."""
        for folder in (path for root in roots for path in sorted(root.glob(self._named("*")))):
            with suppress(RunError):
                self.check(load_run(folder))
                return folder
        return None

    def config(self) -> dict[str, Any]:
        """All of it as plain JSON types, defaults too."""
        labels = {"name": self.name, "recipe": self.recipe, "paper": self.paper, "profile": self.profile}
        settings = {"seed": self.seed, "settings": to_dict(self.settings), "record_version": RECORD_VERSION}
        return labels | settings | self._made_from()

    def check(self, run: Run) -> None:
        """Raise `RunError` where the record that was found under this run's name is another's."""
        found, asked = run.config, self.config()
        if found["record_version"] == UNSEALED:
            asked |= {"record_version": UNSEALED, "data": None, "operations": None, "name": None}
        if not self.at_hand:
            asked |= {"data": found.get("data"), "name": found.get("name")}
        pairs = [(name, found.get(name), asked.get(name)) for name in _COMPARED]
        differing = [(name, there, here) for name, there, here in pairs if there != here]
        settings = list(_differing(found["settings"], asked["settings"]))
        if settings and not differing and asked["name"]:
            names = ", ".join(sorted(name for name, _, _ in settings))
            raise RunError(
                f"{paths.shown(run.path)} was computed when {names} had another default: delete its folder and "
                "compute the run again (whoever changes a default raises RECORD_VERSION)"
            )
        if differing or settings:
            name, there, here = [*differing, *settings][0]
            raise RunError(
                f"{paths.shown(run.path)} holds the record of another run, {name} {shortened(there)} instead of "
                f"{shortened(here)}: move it to where it belongs, then call run again"
            )

    def _made_from(self) -> dict[str, Any]:
        """What there is of readers' operations, of data, and of a run before."""
        used = sorted(sources.registered.keys() & set(_words(to_dict(self.settings))))
        operations = {name: sources.fingerprint(sources.registered[name]) for name in used}
        found = {"operations": operations, "data": self.data, "after": self.after}
        return {name: value for name, value in found.items() if value}

    def _name(self, *decides: Any) -> str:
        whole = [self.recipe, self.seed, to_dict(self.settings, defaults=False), *decides]
        return self._named(digest(whole))

    def _named(self, end: str) -> str:
        return f"{self.recipe}-{self.profile}-s{self.seed}-{end}"


def predecessor(run: Run) -> dict[str, str]:
    """A finished run that another goes on from, and its weights to the bit; `RunError` for a record without any."""
    if WEIGHTS not in run.result["files"]:
        raise RunError(f"{paths.shown(run.path)} has no weights to go on from: give a run that trains a network")
    return {"run": run.config.get("name", run.name), "weights": run.result["files"][WEIGHTS]}


def _words(shown: Any) -> Iterator[str]:
    """The words of all strings in settings' dict: some genotypes are written as one string."""
    if isinstance(shown, str):
        yield from re.findall(r"\w+", shown)
    elif isinstance(shown, (list, dict)):
        for each in shown.values() if isinstance(shown, dict) else shown:
            yield from _words(each)


def _differing(old: dict[str, Any], now: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, `old` value, value `now`) of settings that differ; what `old` lacks is newer than the record."""
    for name, value in old.items():
        other = now.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _differing(value, other, f"{within}{name}__")
        elif value != other:
            yield within + name, value, other
