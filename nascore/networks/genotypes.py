"""Genotypes: what a search finds. Values with a JSON form, of several kinds that `read` tells apart."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from nascore.base.arguments import checked_genotype
from nascore.base.display import Displayed, picture_html
from nascore.base.errors import ConfigError, GenotypeError, NascoreError, shortened
from nascore.base.files import atomic_write
from nascore.base.reading import parse, read_text

Edge = tuple[str, int]  # (operation, source node)


Arrow = tuple[str, int, int]  # (operation, source node, target node)


class AnyGenotype(Displayed):
    """What all kinds of genotype share: text and files, and that `read` knows them by the keys of their JSON form.

    A kind is a frozen dataclass `class Kind(AnyGenotype, keys=(...))` with `to_dict`, `from_dict` and `cells`.
    """

    _kinds: ClassVar[dict[frozenset[str], type["AnyGenotype"]]] = {}

    def __init_subclass__(cls, keys: Iterable[str], **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls._kinds[frozenset(keys)] = cls

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, under the kind's own keys."""
        raise NotImplementedError

    @classmethod
    @checked_genotype
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        raise GenotypeError(
            f"{cls.__name__} is no kind of genotype of its own: nascore.networks.read tells the kinds apart"
        )

    @classmethod
    @checked_genotype
    def from_text(cls, text: str) -> "AnyGenotype":
        """The published genotype of that name, or NAS-Bench-201's cell of that string: text for settings, of any kind.

        Raises `ConfigError` with the near names where there is none, `GenotypeError` for a string that is no cell.
        """
        from nascore.networks.published import named  # it imports the kinds, which import this

        return named(text)

    def cells(self) -> Mapping[str, Any]:
        """Cell type -> cell; a cell has `edges`, and what drawings ask of it: `inputs`, `output` and `arrows`."""
        raise NotImplementedError

    def _html(self) -> str:
        return picture_html(self)

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    @checked_genotype
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises `GenotypeError` for anything that is not a genotype of this kind."""
        try:
            data = parse(text)
        except ConfigError as error:
            raise GenotypeError(str(error)) from error
        return cls.from_dict(data)

    @checked_genotype
    def save(self, path: str | Path) -> None:
        """Write a genotype file; raises `NascoreError` where it cannot be written."""
        try:
            atomic_write(path, self.to_json() + "\n")
        except OSError as error:
            raise NascoreError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    @checked_genotype
    def load(cls, path: str | Path) -> Self:
        """Read a genotype file; raises `GenotypeError` naming the file."""
        try:
            return cls.from_json(read_text(path))
        except (OSError, ValueError) as error:
            raise GenotypeError(f"{path}: {error}") from error


def listed(value: Any) -> list[Any]:
    """What JSON has as a list; raises `TypeError` for strings and objects, which could be gone through as well."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{shortened(value)} is no list")
    return list(value)


def read(data: Mapping[str, Any]) -> AnyGenotype:
    """The genotype of whatever kind that `to_dict` wrote as `data`; raises `GenotypeError` where it is of none."""
    kind = AnyGenotype._kinds.get(frozenset(data)) if isinstance(data, Mapping) else None
    if kind is None:
        known = " or ".join("{" + ", ".join(sorted(keys)) + "}" for keys in AnyGenotype._kinds)
        raise GenotypeError(f"a genotype has the keys {known}, which {shortened(data)} has not")
    return kind.from_dict(data)


@checked_genotype
def load(path: str | Path) -> AnyGenotype:
    """The genotype of whatever kind in a file that `AnyGenotype.save` wrote; raises `GenotypeError` naming the file."""
    try:
        return read(parse(read_text(path)))
    except (OSError, ValueError) as error:
        raise GenotypeError(f"{path}: {error}") from error
