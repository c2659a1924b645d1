"""The kinds of cells that networks are stacked from: names, colours, and rows of small squares."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from nascore.base.errors import ConfigError
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.style import INK

# Hues are apart under the common colour blindnesses, and so is how dark they are; paler than operations are drawn.
_FACES = {
    "normal": "#cfe3f5",
    "normal1": "#7db1de",
    "normal2": "#f4cb6a",
    "normal3": "#5faa8b",
    "normal4": "#dba3c6",
    "reduce": "#45454f",
}
_FILLED = 0.8  # the share of its place that a square fills


def kind_face(kind: str) -> str:
    """The colour of a kind of cell. Raises `ConfigError` for one not known here."""
    if kind not in _FACES:
        raise ConfigError(f"there is no look for cells of kind {kind!r}, only for {', '.join(_FACES)}")
    return _FACES[kind]


def kind_name(kind: str) -> str:
    """What a label calls it: "reduction", or its own name."""
    return "reduction" if kind == "reduce" else kind


def cell_name(kind: str) -> str:
    """What a title calls a cell of this kind: "reduction cell", "normal cell", "normal cell 2"; others by their names.

    So "cell 2" of a `nascore.networks.Stack` stays that.
    """
    if kind == "reduce":
        return "reduction cell"
    return f"normal cell {kind.removeprefix('normal')}".strip() if kind.startswith("normal") else kind


def block_name(kind: str) -> str:
    """What a title calls a type of block: "block 1" for `block1` (`nascore.networks.blocks.block_types`)."""
    return re.sub(r"(?<=[a-z])(?=\d)", " ", kind)


def check_kinds(kinds: Sequence[str], network: str) -> None:
    """Raises `ConfigError` if `network` has no cells, or one of a kind not known here."""
    if isinstance(kinds, str) or not len(kinds):
        raise ConfigError(
            f"{network} needs a list with the kind of each cell, as nascore.networks.kinds gives: {kinds!r}"
        )
    for kind in kinds:
        kind_face(kind)


def kind_entries(kinds: Iterable[str]) -> list[Line2D]:
    """A legend's entry for each kind, normal ones in order and the reduction last."""
    known = set(kinds)
    looks: dict[str, Any] = {
        "marker": "s",
        "markersize": 6.5,
        "markeredgecolor": INK,
        "markeredgewidth": 0.5,
        "linestyle": "none",
    }
    faces = [kind for kind in _FACES if kind in known]
    return [Line2D([], [], color=kind_face(kind), label=cell_name(kind), **looks) for kind in faces]


def draw_squares(ax: Axes, kinds: Sequence[str], start: Place, pitch: float) -> None:
    """A square for each cell, from left to right, the first's place beginning at its lower left corner `start`."""
    side, free = _FILLED * pitch, (1 - _FILLED) * pitch / 2
    for at, kind in enumerate(kinds):
        corner = (start[0] + at * pitch + free, start[1] + free)
        look: dict[str, Any] = {"fc": kind_face(kind), "ec": INK, "lw": min(0.5, 0.06 * pitch)}
        ax.add_patch(Rectangle(corner, side, side, gid=f"cell {at} {kind}", **look))
