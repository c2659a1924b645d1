"""Equal panels in rows, placed in points, and titles that keep to their panel's width."""

from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.figures.shared.style import FIXED, text_width

LINE = 9.5  # points: the height of a title's line


class Frame(NamedTuple):
    """What surrounds the panels, in points: left and right of all, above and below each, between two, under all."""

    left: float = 0.0
    right: float = 0.0
    above: float = 0.0
    below: float = 0.0
    between: float = 0.0
    under: float = 0.0

    def wide(self, width: float, across: int) -> float:
        """The points that each of `across` panels has of `width` inches."""
        return (72 * width - self.left - self.right - self.between * (across - 1)) / across


def figure_of(ax: Axes) -> Figure:
    """The whole figure that `ax` is in."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # only axes that were taken out of theirs have none
    return figure


def balanced(count: int, most: int) -> int:
    """How many of `count` panels stand abreast, so that rows of at most `most` are as equal as can be."""
    rows = -(-count // max(1, most))
    return -(-count // rows)


def outer(count: int, across: int) -> list[tuple[bool, bool]]:
    """For each of `count` panels in rows of `across`: whether it begins its row, and whether none stands below it."""
    return [(at % across == 0, at + across >= count) for at in range(count)]


def draw_panels(count: int, across: int, width: float, high: float, frame: Frame) -> tuple[Figure, list[Axes]]:
    """A figure of `width` inches with `count` axes that are `high` points high, in rows of `across`."""
    each, wide = frame.above + high + frame.below, frame.wide(width, across)
    height = -(-count // across) * each + frame.under
    figure = plt.figure(figsize=(width, height / 72), layout=FIXED)
    panels = []
    for at in range(count):
        left = frame.left + at % across * (wide + frame.between)
        bottom = height - (at // across + 1) * each + frame.below
        panels.append(figure.add_axes((left / 72 / width, bottom / height, wide / 72 / width, high / height)))
    return figure, panels


def wrapped(text: str, points: float, size: float = 7.5) -> list[str]:
    """`text` in lines of at most `points`, broken between words where that is enough."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= points:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, points, size)
    return lines


def titles(names: list[str], notes: list[str], points: float) -> list[list[str]]:
    """The lines of each panel's title: name and note in one if they fit in all panels, otherwise each for itself."""
    joined = [f"{name}, {note}" for name, note in zip(names, notes, strict=True)]
    if max(text_width(text, 7.5) for text in joined) <= points:
        return [[text] for text in joined]
    return [wrapped(name, points) + wrapped(note, points) for name, note in zip(names, notes, strict=True)]


def _pieces(word: str, points: float, size: float) -> list[str]:
    """`word`, cut where it is too wide for a line."""
    pieces = [""]
    for letter in word if text_width(word, size) > points and "$" not in word else [word]:
        if pieces[-1] and text_width(pieces[-1] + letter, size) > points:
            pieces.append("")
        pieces[-1] += letter
    return pieces
