"""How all figures look: sizes, type, and one colour and line style for each candidate operation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
from cycler import cycler
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.textpath import TextPath

from nascore.base.arguments import checked
from nascore.base.ranges import Index

COLUMN = 3.3  # inches: the width of one column of a printed page
PAGE = 6.9  # inches: the width of both

INK = "#222222"
# keeps axes where they are put; with "none" matplotlib falls back to what the style says when it saves
FIXED = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)
_TIMES = "\N{MULTIPLICATION SIGN}"


Line = Literal["-", "--", "-.", ":"]


class Look(NamedTuple):
    """How an operation is drawn: its colour, its line style and its short label."""

    colour: str
    line: Line
    label: str


# Related operations share a hue and differ by line style; hues stay apart under the common colour blindnesses.
_LOOKS = {
    "none": Look("#8a8a8a", ":", "none"),
    "skip_connect": Look("#d55e00", "-", "skip"),
    "max_pool_3x3": Look("#7a1f66", "-", "max 3x3"),
    "avg_pool_3x3": Look("#d98ac0", "-.", "avg 3x3"),
    "sep_conv_3x3": Look("#0072b2", "-", "sep 3x3"),
    "sep_conv_5x5": Look("#56b4e9", "--", "sep 5x5"),
    "sep_conv_7x7": Look("#0b3c5d", "--", "sep 7x7"),
    "dil_conv_3x3": Look("#009e73", "-", "dil 3x3"),
    "dil_conv_5x5": Look("#8fbf3f", "--", "dil 5x5"),
    "conv_7x1_1x7": Look("#b8860b", "-.", "7x1, 1x7"),
    "nor_conv_1x1": Look("#e6b800", "--", "conv 1x1"),
    "nor_conv_3x3": Look("#5b4a1f", "-", "conv 3x3"),
    "dil_dil_conv_3x3": Look("#0b4631", ":", "dil 3x3 twice"),
    "dil_dil_conv_5x5": Look("#c3e02e", "-.", "dil 5x5 twice"),
    "dil_sep_conv_3x3": Look("#0cd9c2", ":", "dil+sep 3x3"),
    "dil_sep_conv_5x5": Look("#a5e3ea", "-.", "dil+sep 5x5"),
    "deep_sep_conv_3x3": Look("#1b2f9e", "-.", "deep 3x3"),
    "deep_sep_conv_5x5": Look("#727dfc", ":", "deep 5x5"),
}
OPERATION_COLOURS: dict[str, str] = {name: look.colour for name, look in _LOOKS.items()}

SERIES_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#8b2f78", "#e69f00", "#56b4e9", "#222222")
SERIES_LINES: tuple[Line, ...] = ("-", "--", "-.", ":", "-", "--", "-.")

_SETTINGS: dict[str, Any] = {
    "text.usetex": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that text is equally wide everywhere
    "mathtext.fontset": "dejavusans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
    "figure.dpi": 160,  # large and sharp enough to read in a notebook
    "figure.figsize": (COLUMN, 2.2),
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "savefig.bbox": None,  # files are as wide as they are printed
    "pdf.fonttype": 42,
    "svg.hashsalt": "nascore",
    "axes.prop_cycle": cycler(color=SERIES_COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style: `with style(): ...`. Every figure function here does so by itself.

    Type is 7 to 8 pt; `COLUMN` and `PAGE` are the two widths (inches). Starts from matplotlib's defaults, so that
    what a machine or a notebook has set does not show; only the backend stays.
    """
    kept = ("backend", "interactive")
    defaults: dict[Any, Any] = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith(kept)}
    with mpl.rc_context(defaults | _SETTINGS):
        yield


@checked
def operation_look(name: str) -> Look:
    """The colour, line style and short label of an operation; grey-brown with its own name for one not known here."""
    look = _LOOKS.get(name) or Look("#6b5d4d", "-", name.replace("_", " "))
    return look._replace(label=re.sub(r"(?<=\d)x(?=\d)", _TIMES, look.label))


@checked
def node_name(node: Index, inputs: Index = 2) -> str:
    """What drawings call a cell's node: c(k-2), c(k-1), then the intermediate nodes from 0 on, as DARTS does.

    With one input it is c(k-1), then 1 and 2, the numbers in NAS-Bench-201's strings, and c(k), the cell's output.
    """
    if inputs == 1:
        return ("$c_{k-1}$", "1", "2", "$c_k$")[node]
    return ("$c_{k-2}$", "$c_{k-1}$")[node] if node < 2 else str(node - 2)


@cache
def text_width(text: str, points: float) -> float:
    """How wide `text` is in type of `points`, in points."""
    # the outlines' width holds at every resolution, a canvas would give that of its own
    with style():
        return float(TextPath((0, 0), text, size=points, prop=FontProperties(family="DejaVu Sans")).get_extents().width)
