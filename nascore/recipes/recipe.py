"""A recipe: the five answers and the training settings of a method, at every profile."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nascore.base.arguments import checked
from nascore.base.config import Settings, choose, override
from nascore.base.display import Displayed, settings_items, table_html, title_html
from nascore.base.errors import ConfigError

# what each profile is for; `paper` is the recipe's settings themselves
PROFILES = {
    "smoke": "tests: really trains, seconds on 2 CPU cores",
    "demo": "teaching, and what notebooks are committed with: minutes on 2 CPU cores",
    "gpu": "real but modest: minutes on one data-centre GPU",
    "paper": "the published settings, and where a paper has none, as each table of sources says: GPU-days",
}


@dataclass(frozen=True)
class Recipe(Displayed):
    """`settings` are the published ones; `profiles` say which numbers the smaller profiles change.

    Raises `ConfigError` for a name that can be no part of a folder's, settings that are none, and unknown profiles.
    """

    name: str
    paper: str
    summary: str
    settings: Settings
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[\w.+-]+", self.name):
            raise ConfigError(f"a recipe's name has letters, digits and . + - _ alone, unlike {self.name!r}")
        if not isinstance(self.settings, Settings):
            raise ConfigError(f"recipe {self.name!r}: settings must be Settings, not {type(self.settings).__name__}")
        if not isinstance(self.profiles, Mapping):
            raise ConfigError(f"recipe {self.name!r}: profiles must be a mapping, not {type(self.profiles).__name__}")
        for profile in self.profiles:
            choose("profile", profile, {name: None for name in PROFILES if name != "paper"})

    def has(self) -> tuple[str, ...]:
        """The profiles that it has; `paper` is always one of them."""
        return tuple(name for name in PROFILES if name == "paper" or name in self.profiles)

    @checked
    def at(self, profile: str, /, **overrides: Any) -> Settings:
        """The settings at `profile`, then with `overrides` (`space__cells=4` reaches into a choice).

        Raises `ConfigError` for an unknown profile or one that the recipe has not, an unknown name, a wrong type or a
        value out of range.
        """
        choose("profile", profile, PROFILES)
        if profile not in self.has():
            has = ", ".join(self.has())
            raise ConfigError(
                f"recipe {self.name!r} has no profile {profile!r}: it has {has}; give Recipe(profiles=...)"
            )
        changes = {} if profile == "paper" else self.profiles[profile]
        return override(override(self.settings, **changes), **overrides)

    def _html(self) -> str:
        """All settings by name; a smaller profile's column has what it changes."""
        smaller = {name: dict(settings_items(self.at(name))) for name in self.has() if name != "paper"}
        published = dict(settings_items(self.settings))
        names = dict.fromkeys(name for settings in (published, *smaller.values()) for name in settings)
        rows = [
            (name, published.get(name, _NOT), *(_change(name, settings, published) for settings in smaller.values()))
            for name in names
        ]
        return title_html(self.name, f"({self.paper}): {self.summary}") + table_html(rows, ("", "paper", *smaller))


_NOT = "–"  # for a setting that there is not, in another answer to a question


def _change(name: str, settings: Mapping[str, Any], published: Mapping[str, Any]) -> Any:
    now = settings.get(name, _NOT)
    return "" if now == published.get(name, _NOT) else now
