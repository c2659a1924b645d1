"""A recipe: the five answers and the training settings of a method, at every profile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nascore.base.config import Settings, choose, override

# what each profile is for; `paper` is the recipe's settings themselves
PROFILES = {
    "smoke": "tests: really trains, seconds on 2 CPU cores",
    "demo": "teaching, and what notebooks are committed with: minutes on 2 CPU cores",
    "gpu": "real but modest: minutes on one data-centre GPU",
    "paper": "the published settings, to the letter: GPU-days",
}


@dataclass(frozen=True)
class Recipe:
    """`settings` are the published ones; `profiles` say which numbers the smaller profiles change."""

    name: str
    paper: str
    summary: str
    settings: Settings
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def at(self, profile: str, **overrides: Any) -> Settings:
        """The settings at `profile`, then with `overrides` (`space__cells=4` reaches into a choice).

        Raises `ConfigError` for an unknown profile or name, a wrong type or a value out of range.
        """
        choose("profile", profile, PROFILES)
        changes = {} if profile == "paper" else self.profiles[profile]
        return override(override(self.settings, **changes), **overrides)
