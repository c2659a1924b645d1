"""Layout of a cell's drawing: arithmetic in points, without a canvas.

Layers and an order with few crossings come first (`layers`), then heights (`heights`), then the labels' places on
their arrows (`labels`); `arrange` puts these together and tries stronger means until nothing touches.
"""

from nascore.figures.shared.layout.arrange import Layout, Sizes, layout
from nascore.figures.shared.layout.heights import spread
from nascore.figures.shared.layout.layers import Drawable
from nascore.figures.shared.layout.tracks import Box, Size, Track

__all__ = ["Box", "Drawable", "Layout", "Size", "Sizes", "Track", "layout", "spread"]
