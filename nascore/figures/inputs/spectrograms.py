"""Spectrograms side by side, on one scale of levels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches, Positive
from nascore.figures.shared.panels import LINE, Frame, balanced, draw_panels, outer, wrapped
from nascore.figures.shared.style import INK, PAGE, style
from nascore.figures.shared.ticks import ticks_up

_LEAST, _HIGH = 90.0, 86.0  # points: a panel's width at least, and its height
_SPACE = Frame(left=26, right=48, below=8, between=14, under=20)
_BAR, _BESIDE = 7.0, 8.0  # points: the colour bar's width, and between it and the panels
_LOWEST = -80.0  # dB


@checked
def draw_spectrograms(
    spectrograms: Sequence[np.ndarray],
    titles: Sequence[str],
    *,
    seconds: Positive,
    kilohertz: Positive = 8.0,
    width: Inches = PAGE,
) -> Figure:
    """Draw `spectrograms` side by side, each a (frequency, time) array of levels in dB: 0 for the loudest, down to -80.

    The first row of each is at 0 Hz and its last at `kilohertz`; the first column at 0 s and its last at `seconds`
    (what `nascore.data.spectrograms.spectrogram` gives). Time in s goes to the right, frequency in kHz up; one colour
    bar is for all. Raises `ConfigError` without spectrograms, without a title for each, or for one of another shape.
    """
    if not len(spectrograms) or len(titles) != len(spectrograms):
        raise ConfigError(f"there are {len(spectrograms)} spectrograms and {len(titles)} titles: give one for each")
    for title, levels in zip(titles, spectrograms, strict=True):
        if len(np.shape(levels)) != 2 or min(np.shape(levels)) < 2:
            raise ConfigError(f"the spectrogram {title!r} is not (frequency, time), but {np.shape(levels)}")
    across = balanced(len(titles), int((72 * width - _SPACE.left - _SPACE.right) / _LEAST))
    wide = _SPACE.wide(width, across)
    heads = [wrapped(title, wide) for title in titles]
    space = _SPACE._replace(above=LINE * max(map(len, heads)) + 4)
    with style():
        figure, panels = draw_panels(len(titles), across, width, _HIGH, space)
        for ax, lines, levels in zip(panels, heads, spectrograms, strict=True):
            ax.set_title("\n".join(lines), loc="left", pad=3)
            image = _draw(ax, np.asarray(levels), seconds, kilohertz)
        _label(panels, across, seconds, kilohertz)
        _draw_bar(figure, panels, image)
    return figure


def _draw(ax: Axes, levels: np.ndarray, seconds: float, kilohertz: float) -> AxesImage:
    half_up, half_right = (end / (count - 1) / 2 for end, count in zip((kilohertz, seconds), levels.shape, strict=True))
    ends = (-half_right, seconds + half_right, -half_up, kilohertz + half_up)  # pixels lie around their values
    image = ax.imshow(levels, cmap="viridis", vmin=_LOWEST, vmax=0, origin="lower", aspect="auto", extent=ends)
    ax.set(xlim=(0, seconds), ylim=(0, kilohertz))
    return image


def _label(panels: Sequence[Axes], across: int, seconds: float, kilohertz: float) -> None:
    times, frequencies = ticks_up(0, seconds, 3), ticks_up(0, kilohertz, 5)
    for ax, (first, lowest) in zip(panels, outer(len(panels), across), strict=True):
        ax.set_xticks(times.values, times.labels if lowest else [""] * len(times.values))
        ax.set_yticks(frequencies.values, frequencies.labels if first else [""] * len(frequencies.values))
        ax.set(xlabel="time (s)" if lowest else "", ylabel="frequency (kHz)" if first else "")


def _draw_bar(figure: Figure, panels: Sequence[Axes], image: AxesImage) -> None:
    """One for all panels, to the right of them and as high as their first row."""
    frame = panels[0].get_position()
    points = 72 * figure.get_figwidth()
    left = max(ax.get_position().x1 for ax in panels) + _BESIDE / points
    bar = figure.colorbar(image, cax=figure.add_axes((left, frame.y0, _BAR / points, frame.height)))
    bar.set_label("level (dB)")
    bar.set_ticks(range(-80, 1, 20))
    bar.outline.set(linewidth=0.6, edgecolor=INK)
