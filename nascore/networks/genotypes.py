"""Genotypes: what a search finds. Values with a JSON form, of several kinds that `read` tells apart."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from nascore.base.display import Displayed, picture_html
from nascore.base.errors import GenotypeError, shortened

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
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; raises `GenotypeError` where `data` has another form."""
        raise NotImplementedError

    @classmethod
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
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises `GenotypeError` for anything that is not a genotype of this kind."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise GenotypeError(f"not JSON: {error}") from error
        return cls.from_dict(data)

    def save(self, path: str | Path) -> None:
        Path(path).write_text(self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a genotype file; raises `GenotypeError` naming the file."""
        try:
            return cls.from_json(Path(path).read_text())
        except (OSError, UnicodeDecodeError, GenotypeError) as error:
            raise GenotypeError(f"{path}: {error}") from error


def read(data: Mapping[str, Any]) -> AnyGenotype:
    """The genotype of whatever kind that `to_dict` wrote as `data`; raises `GenotypeError` where it is of none."""
    kind = AnyGenotype._kinds.get(frozenset(data)) if isinstance(data, Mapping) else None
    if kind is None:
        known = " or ".join("{" + ", ".join(sorted(keys)) + "}" for keys in AnyGenotype._kinds)
        raise GenotypeError(f"a genotype has the keys {known}, which {shortened(data)} has not")
    return kind.from_dict(data)


def load(path: str | Path) -> AnyGenotype:
    """The genotype of whatever kind in a file that `AnyGenotype.save` wrote; raises `GenotypeError` naming the file."""
    try:
        return read(json.loads(Path(path).read_text()))
    except (OSError, ValueError, GenotypeError) as error:
        raise GenotypeError(f"{path}: {error}") from error
