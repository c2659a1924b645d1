"""What a reader of a figure sees: its texts, and that they can be read."""

from itertools import combinations

import matplotlib as mpl
from matplotlib.transforms import Bbox

from nascore.figures import COLUMN, PAGE


def shown(figure):
    """The texts of a figure that are drawn, with their boxes in pixels."""
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(mpl.text.Text) if text.get_text() and text.get_visible()]
    # tick labels beyond the axis are kept, but not drawn
    off = {
        label
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        for label in (tick.label1, tick.label2)
        if not (ax.axison and min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval()))
    }
    return [(text, text.get_window_extent()) for text in texts if text not in off]


def check_texts(figure):
    """Texts are large enough, inside the figure, and do not overlap; the figure has one of the two widths."""
    assert figure.get_figwidth() in (COLUMN, PAGE)
    texts = shown(figure)
    assert len(texts) > 5
    assert min(text.get_fontsize() for text, _ in texts) >= 6
    beyond = [text.get_text() for text, box in texts if not (-1 < box.x0 and box.x1 < figure.bbox.x1 + 1)]
    assert beyond == []
    assert [text.get_text() for text, box in texts if not (-1 < box.y0 and box.y1 < figure.bbox.y1 + 1)] == []
    overlaps = []
    for (one, here), (other, there) in combinations(texts, 2):
        common = Bbox.intersection(here, there)
        if common and min(common.width, common.height) > 1.5:
            overlaps.append((one.get_text(), other.get_text()))
    assert overlaps == []
