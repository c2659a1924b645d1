"""Where things are: the project folder, its committed records, and what a machine adds to it."""

import os
from pathlib import Path

from nascore.base.errors import ConfigError, shortened

_PACKAGE = Path(__file__).resolve().parents[1]


def root() -> Path:
    """The project folder: the checkout that this package is imported from, else the current folder."""
    checkout = _PACKAGE.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def reported() -> Path:
    """The papers' printed numbers, one CSV a table."""
    return root() / "data" / "reported"


def claims() -> Path:
    """What the papers claim, one file a paper."""
    return root() / "data" / "claims"


def checks() -> Path:
    """The modules that check claims."""
    return _PACKAGE / "evidence" / "checks"


def studies() -> Path:
    """What notebooks measured, one CSV a study."""
    return root() / "data" / "studies"


def committed_runs() -> Path:
    """Records of real runs that travel with the project."""
    return root() / "data" / "runs"


def downloads() -> Path:
    """Where data sets are downloaded and unpacked to when nothing else is said."""
    return root() / "data" / "downloads"


def data_root(given: str | Path | None = None) -> Path:
    """The folder that data sets are read from: `given`, else `$NASCORE_DATA`, else `data/downloads`.

    Raises `ConfigError` for what is no path.
    """
    named = given or os.environ.get("NASCORE_DATA") or downloads()
    try:
        return Path(named).expanduser().resolve()
    except (
        TypeError,
        ValueError,
        RuntimeError,
        OSError,
    ) as error:  # of another type, with a zero byte, of no user, ...
        raise ConfigError(f"{shortened(named)} is no folder for data ({error}): give a path") from error


def shown(path: Path) -> str:
    """`path` as messages show it: relative to the project where it lies inside, which keeps machines' paths out."""
    path = Path(path)
    return str(path.relative_to(root())) if path.is_relative_to(root()) else str(path)
