"""Run records: what a finished run leaves behind, and how it is read back.

A record is a folder of JSON, CSV and npz files; nothing in it is ever unpickled or evaluated. `nascore.runs` writes it.
"""

import hashlib
import io
import os
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import numpy as np
import pandas as pd
import torch

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.config import digest
from nascore.base.display import Displayed, beside_html, picture_html, table_html, title_html
from nascore.base.errors import ConfigError, GenotypeError, RunError, shortened
from nascore.base.reading import parse, read_text
from nascore.networks import genotypes
from nascore.networks.genotypes import AnyGenotype

CONFIG, RESULT, HISTORY, ARCHITECTURE, WEIGHTS = (
    "config.json",
    "result.json",
    "history.csv",
    "architecture.npz",
    "weights.pt",
)
SEAL = "digest"  # the name in a result of the digest of all the rest

# Raised when the same configuration may give other results than before, or a default is changed, so that old records
# are not taken for new ones.
RECORD_VERSION = 4
UNSEALED = 3  # the version before: its results have no digest, and data are no part of its configurations

_LARGEST = 64 * 2**20  # bytes of what an npz file holds
_CONFIG: dict[str, Any] = {"recipe": str, "paper": str, "profile": str, "seed": int}
_CONFIG |= {"settings": dict, "record_version": int}
_RESULT: dict[str, Any] = {"metrics": dict, "genotype": dict | None, "environment": dict, "seconds": int | float}
_RESULT |= {"files": dict, "remarks": list | None, "candidates": list | None}

REPLACED = ".replaced"  # behind a run's name, and perhaps a number: the folder of what a recomputation replaced

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class ArchitectureHistory:
    """What is known of all candidate operations, epoch by epoch.

    `cells`: cell type -> column -> float32 (epochs + 1, edges, operations), the first row before training, NaN once an
    operation was dropped. Every search has the column `weight`; others are its indicator's. `edges` are (source,
    target) node pairs.
    """

    cells: dict[str, dict[str, np.ndarray]]
    edges: list[tuple[int, int]]
    operations: tuple[str, ...]

    def tidy(self) -> pd.DataFrame:
        """One row for each epoch (from 0, before training), cell, edge and operation, with its columns."""
        return pd.concat([self._tidy(cell, columns) for cell, columns in self.cells.items()], ignore_index=True)

    def _tidy(self, cell: str, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        epochs, edges, operations = (index.ravel() for index in np.indices(columns["weight"].shape))
        source, target = np.array(self.edges)[edges].T
        names = np.array(self.operations)[operations]
        labels = {"epoch": epochs, "cell": cell, "source": source, "target": target, "operation": names}
        return pd.DataFrame(labels | {name: values.ravel() for name, values in columns.items()})

    def to_bytes(self) -> bytes:
        """As an npz file without pickles; equal histories give equal bytes."""
        buffer = io.BytesIO()
        labels = {"edges": np.array(self.edges), "operations": np.array(self.operations)}
        values = {f"{cell}/{name}": value for cell, columns in self.cells.items() for name, value in columns.items()}
        arrays: dict[str, Any] = labels | values
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    @checked
    def load(cls, path: str | Path) -> "ArchitectureHistory":
        """What `to_bytes` gave, in a file; raises `RunError` naming the file where that is not in it, or where it would
        unpack to more than any search records.
        """
        path = Path(path)
        return _told(path, lambda: cls._read(path))

    @classmethod
    def _read(cls, path: Path) -> "ArchitectureHistory":
        with ZipFile(path) as packed:
            if (size := sum(member.file_size for member in packed.infolist())) > _LARGEST:
                raise RunError(_damaged(path, f"{size:,} bytes unpacked are too many for a record"))
        with np.load(path, allow_pickle=False) as file:
            cells: dict[str, dict[str, np.ndarray]] = {}
            for key in file.files:
                cell, _, name = key.partition("/")
                if name:
                    cells.setdefault(cell, {})[name] = file[key]
            return cls(cells, [tuple(edge) for edge in file["edges"].tolist()], tuple(file["operations"].tolist()))


@dataclass(frozen=True)
class Candidate:
    """An architecture that a run tried by itself, and how it did: losses in nats, accuracies in percent."""

    genotype: AnyGenotype
    metrics: dict[str, float]


@dataclass(frozen=True)
class Result:
    """What a task hands over when it is done: single numbers, what it found, and what its user should be told of it."""

    metrics: dict[str, float] = field(default_factory=dict)
    genotype: AnyGenotype | None = None
    architecture: ArchitectureHistory | None = None
    remarks: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()  # those that were tried one by one, in their order


@dataclass(frozen=True)
class Run(Displayed):
    """A finished run. Its files are read, and checked against their recorded hashes, when they are asked for."""

    path: Path
    config: dict[str, Any]
    result: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def recipe(self) -> str:
        return self.config["recipe"]

    @property
    def profile(self) -> str:
        return self.config["profile"]

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def settings(self) -> dict[str, Any]:
        """The whole configuration as it was run, as plain values."""
        return self.config["settings"]

    @property
    def metrics(self) -> dict[str, float]:
        """Single numbers: the last epoch's, and what was counted. Losses in nats, accuracies in percent."""
        return self.result["metrics"]

    @property
    def environment(self) -> dict[str, Any]:
        """Where it ran: versions, device, threads, git commit, date."""
        return self.result["environment"]

    @property
    def remarks(self) -> list[str]:
        """What its user should know of the result, such as that nothing was pruned; mostly nothing."""
        return self.result.get("remarks", [])

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The architectures that it tried one by one, in their order, as a random search does; mostly none."""
        listed = self.result.get("candidates", [])
        return [Candidate(genotypes.read(each["genotype"]), dict(each["metrics"])) for each in listed]

    @property
    def seconds(self) -> float:
        """Wall-clock time of all epochs."""
        return self.result["seconds"]

    @cached_property
    def genotype(self) -> AnyGenotype | None:
        """What the run found, or was built from, as the kind of genotype that it is."""
        found = self.result["genotype"]
        return None if found is None else genotypes.read(found)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row an epoch (from 1): losses in nats, accuracies in percent, seconds."""
        return self._read(HISTORY, pd.read_csv)

    @cached_property
    def architecture_weights(self) -> pd.DataFrame:
        """The weights of all candidate operations by epoch, and what else the search judged them by, as
        `ArchitectureHistory.tidy` gives them. Only searches have them.
        """
        return self._read(ARCHITECTURE, ArchitectureHistory.load).tidy()

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights at the end, on the CPU. Raises `RunError` for a record without them, as committed ones are."""
        if not (self.path / WEIGHTS).is_file():
            committed = self.path.parent == paths.committed_runs()
            remedy = "on this machine with fresh=True" if committed else "again with recompute=True"
            raise RunError(f"{paths.shown(self.path)} holds no weights: compute the run {remedy}")
        return self._read(WEIGHTS, partial(torch.load, weights_only=True, map_location="cpu"))

    def _read(self, name: str, read: Callable[[Path], Kind]) -> Kind:
        path = self.path / name
        if name not in self.result["files"]:
            raise RunError(f"{paths.shown(self.path)} has no {name}: a run of {self.recipe} records none")
        _check_file(path, self.result["files"][name])
        return _told(path, lambda: read(path))

    def check_files(self, *names: str) -> None:
        """Raise `RunError` where a file is not what was recorded."""
        for name in names:
            _check_file(self.path / name, self.result["files"].get(name))

    def _html(self) -> str:
        about = {"recipe": self.recipe, "paper": self.config.get("paper", ""), "profile": self.profile}
        about |= {"seed": self.seed, "dataset": self.settings.get("dataset", ""), "seconds": self.seconds}
        numbers = {name: f"{value:,}" if isinstance(value, int) else value for name, value in self.metrics.items()}
        tables = table_html(about.items()), table_html(numbers.items())
        notes = "".join(title_html("note:", remark) for remark in self.remarks)
        return title_html("Run", paths.shown(self.path)) + beside_html(*tables, self._picture()) + notes

    def _picture(self) -> str:
        try:
            found = self.genotype
        except GenotypeError as error:  # of an operation that is not registered here, say
            return title_html("its genotype cannot be read:", str(error))
        return "" if found is None else picture_html(found, share=0.8)

    def __repr__(self) -> str:
        return f"Run({paths.shown(self.path)})"


@checked
def load_run(path: str | Path) -> Run:
    """Read the record of a finished run.

    Raises `RunError` naming the file where there is no record, where it is unfinished or of a version that is not read
    here, or where a file is damaged or not what was recorded.
    """
    try:
        path = Path(path).resolve()
    except (OSError, ValueError) as error:  # no folder can have that name
        raise RunError(f"{shortened(str(path))} holds no run record ({error})") from error
    if not is_finished(path):
        begun = os.path.isfile(path / CONFIG)
        state = "is unfinished: call nascore.run again to go on" if begun else "holds no run record"
        raise RunError(f"{paths.shown(path)} {state}")
    result = _read_json(path / RESULT, _RESULT)
    if strange := [name for name in result["files"] if name not in (CONFIG, HISTORY, ARCHITECTURE, WEIGHTS)]:
        raise RunError(_damaged(path / RESULT, f"no record has a file {shortened(strange[0])}"))
    _check_file(path / CONFIG, result["files"].get(CONFIG))
    config = _read_json(path / CONFIG, _CONFIG)
    if config["record_version"] not in (UNSEALED, RECORD_VERSION):
        version = f"{config['record_version']!r}, and this nascore reads {UNSEALED} and {RECORD_VERSION}"
        raise RunError(f"{paths.shown(path)} is a record of version {version}: use the nascore that wrote it")
    if config["record_version"] != UNSEALED and result.get(SEAL) != seal(result):
        raise RunError(_damaged(path / RESULT, "its content is not what was recorded"))
    return Run(path, config, result)


def is_finished(path: Path) -> bool:
    """Whether the folder holds a finished record; its result is the last file written."""
    return os.path.isfile(path / RESULT)  # which takes any name, however long


def seal(result: dict[str, Any]) -> str:
    """A digest of all that a result says, apart from this digest itself."""
    return digest({name: value for name, value in result.items() if name != SEAL}, length=32)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_file(path: Path, expected: Any) -> None:
    if not path.is_file():
        raise RunError(_damaged(path, "it is missing"))
    if _told(path, lambda: sha256(path.read_bytes())) != expected:
        raise RunError(_damaged(path, "its content is not what was recorded"))


def _read_json(path: Path, form: dict[str, Any]) -> dict[str, Any]:
    """A JSON object that has what `form` names, of these types."""
    found = _told(path, lambda: parse(read_text(path)))
    if not isinstance(found, dict):
        raise RunError(_damaged(path, "it holds no JSON object"))
    for name, kind in form.items():
        if name not in found and type(None) not in typing.get_args(kind):
            raise RunError(_damaged(path, f"{name} is missing"))
        if not isinstance(found.get(name), kind):
            raise RunError(_damaged(path, f"{name} is {shortened(found.get(name))}"))
    return found


def _told(path: Path, read: Callable[[], Kind]) -> Kind:
    """What `read` makes of the file; whatever it meets in there is told with the file's name."""
    try:
        return read()
    except RunError:
        raise
    except ConfigError as error:
        raise RunError(_damaged(path, str(error))) from error
    except PermissionError as error:
        raise RunError(f"{paths.shown(path)} cannot be read ({error.strerror}): ask for permission") from error
    except Exception as error:  # readers raise many kinds for bytes that they did not write
        raise RunError(_damaged(path, f"{type(error).__name__}: {error}")) from error


def _damaged(path: Path, why: str) -> str:
    return f"{paths.shown(path)} is damaged ({why}): restore the file, or delete its folder and compute the run again"
