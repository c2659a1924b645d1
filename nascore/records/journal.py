"""Which runs were asked for, in order: `nascore.run` notes each, for whoever compares, keeps or counts them."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from nascore.base import paths
from nascore.base.errors import RunError

VARIABLE = "NASCORE_JOURNAL"  # the environment variable that names the file which calls are noted in


@dataclass(frozen=True)
class Call:
    """One call of `nascore.run` that ended well. `folder` is where its record is; `source` is "committed" for one of
    the project's records, "loaded" for another that was there, "computed" otherwise; `seconds` are those of its epochs.
    """

    name: str
    recipe: str
    profile: str
    seed: int
    folder: str
    source: str
    seconds: float


def note(call: Call) -> None:
    """Add a line to the file that the environment names, if it does."""
    if name := os.environ.get(VARIABLE):
        try:
            with Path(name).open("a") as file:
                file.write(json.dumps(asdict(call)) + "\n")
        except OSError as error:
            raise RunError(f"{VARIABLE} names {name!r}, which cannot be written ({error})") from error


def read(path: str | Path) -> list[Call]:
    """The calls in a journal. Raises `RunError` where it is none."""
    try:
        return [Call(**json.loads(line)) for line in Path(path).read_text().splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{paths.shown(Path(path))} is no journal of runs ({error})") from error
