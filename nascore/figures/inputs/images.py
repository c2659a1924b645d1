"""Images side by side, their pixels as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Inches
from nascore.figures.shared.panels import LINE, Frame, draw_panels, wrapped
from nascore.figures.shared.style import PAGE, style

_TYPE = 7.0  # points
_BETWEEN, _EDGE = 5.0, 1.0  # points between two images, and left free around all
_RIM = "#b0b0b0"


@checked
def draw_images(
    images: Any, captions: Sequence[str] | None = None, *, across: Amount = 8, width: Inches = PAGE
) -> Figure:
    """Draw uint8 `images`, (N, C, H, W) with one channel (0 is black) or red, green and blue, in rows of `across`.

    `images` is an array or a tensor. Pixels stay squares of one colour where images are enlarged, and are averaged
    where they are shrunk. `captions` has a text for each, which stands below it. Raises `ConfigError` for what are no
    such images, or another number of captions.
    """
    pixels = _pixels(images)
    count, _, rows, columns = pixels.shape
    if captions is not None and len(captions) != count:
        raise ConfigError(f"there are {count} images, but {len(captions)} captions: give one for each, or none")
    frame = Frame(_EDGE, _EDGE, _EDGE, _BETWEEN, _BETWEEN)
    wide = frame.wide(width, across)
    lines = [wrapped(caption, wide, _TYPE) for caption in captions or []]
    frame = frame._replace(below=_BETWEEN + LINE * max(map(len, lines), default=0))
    with style():
        figure, panels = draw_panels(count, across, width, wide * rows / columns, frame)
        enlarged = columns <= wide * figure.dpi / 72
        for ax, image in zip(panels, pixels, strict=True):
            _draw(ax, image, "nearest" if enlarged else "antialiased")
        for ax, each in zip(panels, lines, strict=False):
            ax.set_xlabel("\n".join(each), fontsize=_TYPE, labelpad=2)
    return figure


def _pixels(images: Any) -> np.ndarray:
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or not pixels.size:
        raise ConfigError(
            f"images are uint8 (N, C, H, W) with 1 or 3 channels, not {pixels.dtype} {pixels.shape}: convert them"
        )
    return pixels


def _draw(ax: Axes, image: np.ndarray, interpolation: str) -> None:
    shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    ax.imshow(shown, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation=interpolation)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=_RIM, linewidth=0.4)
