"""The answers to the five questions, as far as they know of each other."""

import dataclasses
from typing import Any, Protocol

from nascore.base.config import Settings
from nascore.base.errors import ConfigError


class Answers(Protocol):
    """All answers of a search, as an answer sees its neighbours; `nascore.search.SearchSettings` is such."""

    space: Any
    relaxation: Any
    optimization: Any
    pruning: Any
    derivation: Any
    indicator: Any
    penalty: Any
    stop: Any

    @property
    def nesterov(self) -> bool:
        """Of the weights' own steps."""


class Answer(Settings):
    """Base of the answers to the questions: a value, which can say beside which others it makes no sense."""

    def objection(self, search: Answers) -> str | None:
        """Why this answer cannot work beside the others of `search`, as a sentence for its user; None where it can.

        Asked when the settings are made, so that nothing runs in vain.
        """
        return None


def check_answered(settings: Settings) -> None:
    """Raise `ConfigError` where an answer among `settings` leaves a method open, as the bases of most answers do."""
    for field in dataclasses.fields(settings):
        answer = getattr(settings, field.name)
        if isinstance(answer, Answer):
            kind = type(answer)
            missing = [name for name in dir(kind) if getattr(getattr(kind, name), "__isabstractmethod__", False)]
            if missing:
                what = f"{kind.__name__} is no answer: it does not say its {', '.join(missing)}"
                raise ConfigError(f"{type(settings).__name__}.{field.name}: {what}; take a class below it")
            check_answered(answer)
