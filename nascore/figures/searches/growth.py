"""A search in stages: networks get deeper while each edge keeps fewer candidate operations."""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches, Index
from nascore.figures.searches.bundles import draw_kept, draw_strands, operations_of
from nascore.figures.searches.weights import weights_of
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.graphs import NODE, Place, circle, draw_nodes
from nascore.figures.shared.kinds import cell_name, check_kinds, draw_squares, kind_entries
from nascore.figures.shared.layout import Drawable
from nascore.figures.shared.legends import Rows, draw_legend, legend_height, legend_rows, operation_lines
from nascore.figures.shared.panels import LINE, Frame, balanced, draw_panels, titles
from nascore.figures.shared.style import PAGE, style

_TYPE = 7.0  # points
_LEAST, _MOST = 114.0, 160.0  # points: a panel's width at least, a graph's at most
_BETWEEN = 6.0  # points between panels
_SQUARE, _UNDER = 9.0, 7.0  # points: the place of a cell's square at most; between the squares and the graph
_COLUMNS = ("epoch", "cell", "source", "target", "operation", "weight")


class _Stage(NamedTuple):
    """The kinds of a stage's cells, its last epoch, what is alive in it, and on how many edges."""

    kinds: Sequence[str]
    epoch: int
    alive: pd.DataFrame
    edges: int

    def operations(self) -> str:
        """How many operations an edge has."""
        counts = [int(count) for count in self.alive.groupby(["source", "target"]).size()]
        few, most = min(counts, default=0) if len(counts) == self.edges else 0, max(counts, default=0)
        return _counted(most, "operation") if few == most else f"{few} to {most} operations"

    def note(self, wide: float) -> list[str]:
        if self.alive.empty:
            return ["all pruned"]
        largest = f"the largest {self.alive['weight'].max():.2f}"
        return titles([f"widths: weights of epoch {self.epoch}"], [largest], wide)[0]


@checked
def draw_growth(
    weights: pd.DataFrame,
    cell: str,
    starts: Sequence[Index],
    *,
    kinds: Sequence[Sequence[str]],
    chosen: Drawable | None = None,
    width: Inches = PAGE,
) -> Figure:
    """Draw a panel for each stage of a search, as figure A.1 of the thesis on P-DARTS does: its cells, and one of them.

    `weights` is what `draw_weights` takes, `cell` the cell type that is drawn. Stage i covers the epochs after
    `starts[i]` up to `starts[i + 1]`, the last one all that follow; `starts` begins with 0. `kinds` has the kinds of
    the cells of each stage's supernet, which are squares on top of its panel. In the cell an edge has a strand for each
    operation with a weight in any of the stage's epochs, as wide as its last one there; a panel's widths are on one
    scale. With `chosen`, the cell that was derived, comes a last panel, whose labels are left out if they do not all
    find room. Raises `ConfigError` for a missing column, a cell type without weights, `starts` that are no stages of
    these epochs, or other `kinds` than one list a stage, or a `chosen` cell with other nodes.
    """
    check_columns(weights, _COLUMNS)
    rows, inputs = weights_of(weights, cell)
    stages = _stages(rows, starts, kinds)
    kept = _kept(chosen, int(rows["target"].max()))
    count = len(stages) + (chosen is not None)
    across = balanced(count, int(72 * width / _LEAST))
    wide = Frame(left=_BETWEEN / 2, right=_BETWEEN / 2, between=_BETWEEN).wide(width, across)
    places = circle(int(rows["target"].max()) + 1, inputs, min(wide, _MOST))
    heads = _heads(stages, cell, None if chosen is None else len(kept), wide)
    notes = [stage.note(wide) for stage in stages]
    with style():
        legend = [
            *legend_rows(kind_entries(kind for stage in stages for kind in stage.kinds), width),
            *legend_rows(operation_lines(rows["operation"]), width),
        ]
        figure, panels = _panels(across, width, places, (heads, notes), legend)
        pitch = min(_SQUARE, wide / max(len(stage.kinds) for stage in stages))
        for ax, stage, note in zip(panels, stages, notes, strict=False):
            _draw_stage(ax, stage, note, places, pitch)
        if chosen is not None:
            draw_kept(panels[-1], kept, places, points=_TYPE)
        for ax, lines in zip(panels, heads, strict=True):
            ax.set_title("\n".join(lines), loc="left", pad=3)
            draw_nodes(ax, places, inputs, points=_TYPE)
        draw_legend(figure, legend)
    return figure


def _kept(chosen: Drawable | None, last: int) -> list[tuple[str, int, int]]:
    """The operations of the derived cell, whose nodes must be those of the weights."""
    kept = operations_of(chosen) if chosen is not None else []
    if (most := max((target for *_, target in kept), default=0)) > last:
        raise ConfigError(
            f"chosen has an edge to node {most}, but the weights are of nodes up to {last}: give the cell that was "
            "derived from them"
        )
    return kept


def _stages(rows: pd.DataFrame, starts: Sequence[Index], kinds: Sequence[Sequence[str]]) -> list[_Stage]:
    last = int(rows["epoch"].max())
    ends = [*starts[1:], last]
    if not len(starts) or starts[0] != 0 or any(end <= start for start, end in zip(starts, ends, strict=True)):
        raise ConfigError(f"stages start after epoch 0 and then later and later, before epoch {last}, not {starts}")
    if len(kinds) != len(starts):
        raise ConfigError(f"there are {len(starts)} stages, but kinds for {len(kinds)}: give the cells of each stage")
    edges = len(rows[["source", "target"]].drop_duplicates())
    stages = []
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        check_kinds(kinds[at], f"stage {at + 1}")
        stages.append(_Stage(kinds[at], end, _alive(rows, start, end), edges))
    return stages


def _alive(rows: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """The operations with a weight after epoch `start` and up to `end`, each with its last, in the table's order."""
    order = {name: at for at, name in enumerate(dict.fromkeys(rows["operation"]))}
    stage = rows[rows["epoch"].gt(start) & rows["epoch"].le(end)].dropna(subset="weight").sort_values("epoch")
    latest = stage.drop_duplicates(["source", "target", "operation"], keep="last")
    latest = latest.assign(order=latest["operation"].map(order))
    return latest.sort_values(["target", "source", "order"], ignore_index=True)


def _heads(stages: Sequence[_Stage], cell: str, kept: int | None, wide: float) -> list[list[str]]:
    """The lines of the panels' titles, all equally many."""
    names = [
        f"({ascii_lowercase[at]}) stage {at + 1}: {_counted(len(stage.kinds), 'cell')}"
        for at, stage in enumerate(stages)
    ]
    notes = [f"{stage.operations()} an edge" for stage in stages]
    if kept is not None:
        names.append(f"({ascii_lowercase[len(stages)]}) derived {cell_name(cell)}")
        notes.append(_counted(kept, "operation"))
    heads = titles(names, notes, wide)
    return [[*lines, *[" "] * (max(map(len, heads)) - len(lines))] for lines in heads]


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _panels(
    across: int, width: Inches, places: Sequence[Place], texts: tuple[list[list[str]], list[list[str]]], legend: Rows
) -> tuple[Figure, list[Axes]]:
    """Axes with points as units, with room for the `texts` above and below them, and for a legend below all."""
    above, below = (LINE * max(map(len, lines)) + 5 for lines in texts)
    frame = Frame(_BETWEEN / 2, _BETWEEN / 2, above, below, _BETWEEN, legend_height(legend))
    high = max(y for _, y in places) + NODE + 1 + _UNDER + _SQUARE
    figure, panels = draw_panels(len(texts[0]), across, width, high, frame)
    for ax in panels:
        ax.set(xlim=(0, frame.wide(width, across)), ylim=(0, high))
        ax.axis("off")
    return figure, panels


def _draw_stage(ax: Axes, stage: _Stage, note: Sequence[str], places: Sequence[Place], pitch: float) -> None:
    draw_squares(ax, stage.kinds, (0, ax.get_ylim()[1] - (_SQUARE + pitch) / 2), pitch)
    draw_strands(ax, stage.alive, places)
    for at, line in enumerate(note):
        ax.text(0, -LINE * (at + 0.5) - 2, line, va="center_baseline", fontsize=_TYPE)
