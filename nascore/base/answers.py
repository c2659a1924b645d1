"""The answers to the five questions, as far as they know of each other."""

from typing import Any, Protocol

from nascore.base.config import Settings


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
