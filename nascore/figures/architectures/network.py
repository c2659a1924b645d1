"""A network from its image to its classifier: blocks of equal cells, and some of its cells with what they read."""

from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches, Index
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.kinds import check_kinds, kind_face, kind_name
from nascore.figures.shared.panels import LINE, Frame, draw_panels, wrapped
from nascore.figures.shared.style import INK, PAGE, style, text_width

_TYPE = 7.0  # points
_HIGH, _SHEET = 26.0, 2.0  # points: how high a block is; how far one of its cells looks out from behind another
_LEAST, _MOST = 11.0, 30.0  # points between two blocks
_EDGE = 3.0  # points left free at both sides
_CELL, _PITCH = (41.0, 17.0), 59.0  # points: a cell of the enlarged part, and from one to the next
_VISIBLE, _BEYOND = 6, 0.62  # cells shown whole; the share of a pitch shown beyond their middles
_PART, _LENS = 62.0, 22.0  # points: how high the enlarged part is; between the blocks and it
_ARC = 0.36  # how much the arrows that skip a cell are bent
_TINT, _PLAIN = "#f3f3f3", "#ffffff"
_ARROW = "-|>,head_length=3.6,head_width=1.6"


class _Units(NamedTuple):
    """What a network is stacked from: the name of a normal one, the notes, and whether each reads two before it."""

    normal: str
    reads: str
    reduces: str
    two: bool

    def name(self, kind: str) -> str:
        return kind_name(kind).replace("normal", self.normal)

    def label(self, kind: str, count: int) -> list[str]:
        """The lines of a box for so many, narrow where there may be many boxes."""
        if kind == "reduce":
            return [self.name(kind)]
        return [f"{self.name(kind)} × {count}"] if self.two else [self.name(kind), f"× {count}"]


_CELLS = _Units(
    "normal",
    "Each cell reads the outputs of the two cells before it.",
    "A reduction cell halves height and width and doubles the channels.",
    True,
)
_BLOCKS = _Units(
    "block",
    "Each block reads the output of the one before it.",
    "A reduction block halves height and width and doubles the channels.",
    False,
)


class _Block(NamedTuple):
    """A box: its lines of text, its colour, its slots (the first, how many), and whether these are cells."""

    lines: list[str]
    face: str
    first: int
    slots: int
    cells: bool

    @property
    def wide(self) -> float:
        return max(text_width(line, _TYPE) for line in self.lines) + 8

    @property
    def sheets(self) -> int:
        """How many cells look out from behind the first."""
        return min(self.slots - 1, 2) if self.cells else 0


@checked
def draw_network(
    kinds: Sequence[str],
    *,
    stem: Sequence[str] = ("stem",),
    image: Sequence[str] = ("image",),
    width: Inches = PAGE,
) -> Figure:
    """Draw a network from left to right, as figures 1.1 and 3.2 of the thesis on P-DARTS do, from its cells' `kinds`.

    `kinds` is what `networks.kinds` gives. On top image, stem, a block for each run of equal normal cells and for
    each reduction cell, pooling and classifier; below it the cells around the first reduction enlarged, each with
    arrows from what it reads: the outputs of the two cells before it, or of the stem (an ImageNet stem gives two, which
    is not shown). `image` and `stem` are the lines of the first two blocks. Raises `ConfigError` without cells, for a
    kind not known, for more than two lines, or a `width` (inches) that is too small.
    """
    check_kinds(kinds, "a network")
    return _draw(kinds, _CELLS, stem, image, width)


@checked
def draw_stages_of_blocks(
    stages: Sequence[Index],
    *,
    stem: Sequence[str] = ("stem",),
    image: Sequence[str] = ("image",),
    width: Inches = PAGE,
) -> Figure:
    """Draw a network of `stages` of so many blocks each, as figure 3 of DSO-NAS does: see `draw_network`.

    `stages` is what `networks.block_stack` takes: a reduction stands between two stages, and none after the last.
    A block reads the one before it. Raises `ConfigError` for a stage without blocks, and as `draw_network` does.
    """
    if not len(stages) or min(stages) < 1:
        raise ConfigError(f"each stage needs at least one block, not {stages}")
    kinds = [kind for blocks in stages for kind in ["reduce", *["normal"] * blocks]][1:]
    return _draw(kinds, _BLOCKS, stem, image, width)


def _draw(kinds: Sequence[str], units: _Units, stem: Sequence[str], image: Sequence[str], width: Inches) -> Figure:
    for name, lines in (("image", image), ("stem", stem)):
        if not 1 <= len(lines) <= 2:
            raise ConfigError(f"{name} is one or two lines of text, not {lines!r}")
    blocks = _blocks(kinds, units, stem, image)
    starts = _starts(blocks, 72 * width)
    high = _PART + _LENS + _HIGH + 2 * _SHEET + 2
    with style():
        figure, (ax,) = draw_panels(1, 1, width, high, Frame(below=2))
        ax.set(xlim=(0, 72 * width), ylim=(0, high))
        ax.axis("off")
        _draw_blocks(ax, blocks, starts, _PART + _LENS)
        _draw_part(ax, kinds, units, blocks, starts)
    return figure


def _blocks(kinds: Sequence[str], units: _Units, stem: Sequence[str], image: Sequence[str]) -> list[_Block]:
    """All boxes; cells have the slots from 0 on, the stem has -1, and the pooling the one behind the last cell."""
    blocks = [_Block(list(image), _PLAIN, -2, 1, False), _Block(list(stem), _PLAIN, -1, 1, False)]
    at = 0
    # reductions stay apart even side by side
    for (kind, _), run in groupby(enumerate(kinds), lambda cell: (cell[1], cell[0] if cell[1] == "reduce" else -1)):
        count = len(list(run))
        blocks.append(_Block(units.label(kind, count), kind_face(kind), at, count, True))
        at += count
    blocks.append(_Block(["global", "pooling"], _PLAIN, at, 1, False))
    return [*blocks, _Block(["linear", "classifier"], _PLAIN, at + 1, 1, False)]


def _starts(blocks: Sequence[_Block], points: float) -> list[float]:
    """Where each block begins, so that equal gaps are left between them."""
    wide = [block.wide + _SHEET * block.sheets for block in blocks]
    gap = min(_MOST, (points - 2 * _EDGE - sum(wide)) / (len(blocks) - 1))
    if gap < _LEAST:
        needed = (sum(wide) + _LEAST * (len(blocks) - 1) + 2 * _EDGE) / 72
        raise ConfigError(f"{len(blocks)} blocks need a width of {needed:.1f} inches, not {points / 72:.1f}")
    return list(accumulate([each + gap for each in wide[:-1]], initial=_EDGE))


def _draw_blocks(ax: Axes, blocks: Sequence[_Block], starts: Sequence[float], bottom: float) -> None:
    middle = bottom + _HIGH / 2
    for block, left in zip(blocks, starts, strict=True):
        for sheet in range(block.sheets, -1, -1):
            moved = _SHEET * sheet
            _draw_box(ax, (left + moved, bottom + moved), (block.wide, _HIGH), block.face, "block")
        _write(ax, (left + block.wide / 2, middle), block.lines, block.face)
    for (block, left), (_, right) in pairwise(zip(blocks, starts, strict=True)):
        end = left + block.wide + _SHEET * block.sheets
        _draw_arrow(ax, (end + 0.5, middle), (right - 0.5, middle))


def _draw_box(ax: Axes, corner: Place, size: Place, face: str, gid: str) -> None:
    shape = "round,pad=0,rounding_size=2.2"
    ax.add_patch(FancyBboxPatch(corner, *size, shape, fc=face, ec=INK, lw=0.6, gid=gid, zorder=3))


def _write(ax: Axes, middle: Place, lines: Sequence[str], face: str) -> None:
    colour = "white" if face == kind_face("reduce") else INK
    for at, line in enumerate(lines):
        height = middle[1] + LINE * ((len(lines) - 1) / 2 - at)
        ax.text(middle[0], height, line, color=colour, ha="center", va="center_baseline", fontsize=_TYPE, zorder=4)


def _draw_arrow(ax: Axes, start: Place, end: Place, bent: float = 0.0, gid: str = "") -> None:
    look: dict[str, Any] = {"arrowstyle": _ARROW, "mutation_scale": 1, "shrinkA": 0, "shrinkB": 0}
    look |= {"color": INK, "linewidth": 0.7}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bent}", gid=gid, zorder=2, **look))


def _draw_part(
    ax: Axes, kinds: Sequence[str], units: _Units, blocks: Sequence[_Block], starts: Sequence[float]
) -> None:
    """The cells around the first reduction, enlarged; what they are of the blocks above; and what to note."""
    shown = min(_VISIBLE, len(kinds) + 2)
    reduction = kinds.index("reduce") if "reduce" in kinds else 0
    first = max(-1, min(reduction - 2, len(kinds) + 1 - shown))
    wide = (shown - 1 + 2 * _BEYOND) * _PITCH
    ends = [_edge(blocks, starts, first), _edge(blocks, starts, first + shown - 1, right=True)]
    lens = [(ends[0], _PART + _LENS - 1), (ends[1], _PART + _LENS - 1), (_EDGE + wide, _PART), (_EDGE, _PART)]
    ax.add_patch(Polygon(lens, fc=_TINT, ec="none", zorder=0))
    ax.add_patch(frame := Rectangle((_EDGE, 0), wide, _PART, fc=_TINT, ec="none", zorder=0))
    before = len(ax.patches)
    _draw_cells(ax, kinds, units, range(first, first + shown), _EDGE + (_BEYOND - first) * _PITCH)
    for patch in list(ax.patches)[before:]:
        patch.set_clip_path(frame)
    left = _EDGE + wide + 10
    notes = [units.reads, *([units.reduces] if "reduce" in kinds else [])]
    lines = [line for text in notes for line in wrapped(text, ax.get_xlim()[1] - left - _EDGE, _TYPE)]
    for at, line in enumerate(lines):
        height = _PART / 2 + LINE * ((len(lines) - 1) / 2 - at)
        ax.text(left, height, line, va="center_baseline", fontsize=_TYPE)


def _edge(blocks: Sequence[_Block], starts: Sequence[float], slot: int, *, right: bool = False) -> float:
    """Where the left or right end of a slot's share of its block is."""
    at = max(at for at, block in enumerate(blocks) if block.first <= slot)
    block = blocks[at]
    return starts[at] + block.wide * (slot - block.first + right) / block.slots


def _draw_cells(ax: Axes, kinds: Sequence[str], units: _Units, shown: range, zero: float) -> None:
    """Cells, stem and pooling by their slots, the first cell's middle at `zero`; also those only partly in sight."""
    middle, (wide, high) = _PART / 2, _CELL
    for slot in range(shown.start - 1, shown.stop + 1):
        if not -1 <= slot <= len(kinds):
            continue
        kind = kinds[slot] if 0 <= slot < len(kinds) else ""
        name = units.name(kind) if kind else "stem" if slot < 0 else "pooling"
        face = kind_face(kind) if kind else _PLAIN
        x = zero + slot * _PITCH
        _draw_box(ax, (x - wide / 2, middle - high / 2), _CELL, face, f"slot {slot}")
        if slot in shown:
            _write(ax, (x, middle), [name], face)
    for target in range(shown.start, shown.stop + 2):
        _draw_reads(ax, target, len(kinds), zero, two=units.two)


def _draw_reads(ax: Axes, target: int, cells: int, zero: float, *, two: bool) -> None:
    """The arrows to a cell from the one before it, or the `two` (perhaps the stem); to the pooling from the last."""
    middle, (wide, high) = _PART / 2, _CELL
    x = zero + target * _PITCH
    if 0 <= target <= cells:
        start = x - _PITCH + wide / 2 + 0.5
        _draw_arrow(ax, (start, middle), (x - wide / 2 - 0.5, middle), gid=f"read {target - 1} {target}")
    if two and 1 <= target < cells:
        side = 1 if target % 2 else -1  # by turns above and below, so that arrows do not cross
        height = middle + side * (high / 2 + 0.5)
        ends = (x - 2 * _PITCH + wide / 6, height), (x - wide / 6, height)
        _draw_arrow(ax, *ends, bent=-side * _ARC, gid=f"read {target - 2} {target}")
