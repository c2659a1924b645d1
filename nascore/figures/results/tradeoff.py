"""What is paid for against what is got: a point for each run, in the look of its group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, ScalarFormatter
from matplotlib.transforms import ScaledTranslation

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Inches
from nascore.figures.results.curves import metric_label
from nascore.figures.shared.frames import check_columns
from nascore.figures.shared.panels import figure_of, wrapped
from nascore.figures.shared.style import COLUMN, INK, SERIES_COLOURS, style, text_width

# marker, size in points, filled: every second one is open, so that groups stay apart without their colours
_MARKERS = (("o", 4.4, True), ("s", 3.7, False), ("^", 5.0, True), ("D", 3.5, False), ("X", 5.3, True),
            ("v", 4.4, False), ("P", 5.3, True))  # fmt: skip
_OPEN: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 0.9}
_TYPE, _HIGH, _THIN = 7.0, 2.4, 0.7  # points; inches: a figure without a legend below; points: the lines of means
_DOT, _STAR = 5.6, 9.0  # points: the largest point, and the reference's star
_MOVE, _SAME = 1.5, 0.004  # points that those are moved which coincide: nearer than this share of what is drawn
_OVER, _CLEAR, _AMPLE = 6.5, 2.5, 14.0  # points from a line to its text's middle, that texts need around them, may need
_INSET, _HANDLE = 3.0, 26.0  # points between the legend and the axes' edges, and what the markers take of its width
_SMALL = 1000  # whole numbers that may be counts of nodes
_STEP = 3.0  # points between the places that are tried
_FRAME = "#cccccc"


@checked
def draw_tradeoff(
    table: pd.DataFrame,
    x: str,
    y: str,
    by: str = "label",
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    reference: Mapping[str, Any] | None = None,
    connect: bool = False,
    xscale: str = "linear",
    groups: Sequence[str] = (),
    width: Inches = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw column `y` (what is got) against column `x` (what is paid): a point for each row of `table`.

    Groups are the values of `by`, up to seven, in the table's order; each has its colour and marker, by its place among
    `groups` where these are given, so that it looks the same in several figures. `connect` joins
    the means of a group's points at equal `x` by a thin line (several seeds at one setting). `reference` has the keys
    x, y and label: a star at (x, y), and a dotted line at y with the label beside it, or in the legend if it finds no
    room. `xscale` is linear or log; `xlabel` and `ylabel` are those of `metric_label` unless given. Points that
    coincide (to 1/250 of their range) are moved apart, by 1.5 pt each, in the table's order. The legend goes where the
    axes are emptiest, or below them: `ax` should have its final size. Raises `ConfigError` for a missing column or
    number, other keys of the reference, more than seven groups, another scale, or an `x` that a log axis has no place
    for.
    """
    points = _checked(table, (x, y, by), reference, xscale)
    looks = _looks(points["group"].unique().tolist(), groups)
    with style():
        own, ax = ax is None, ax or plt.subplots(figsize=(width, _HIGH))[1]
        labels = [metric_label(name) if label is None else label for name, label in ((x, xlabel), (y, ylabel))]
        ax.set(xlabel=labels[0], ylabel=labels[1], xscale=xscale)
        ax.margins(0.06)
        ax.grid(True)
        handles = [
            _draw_group(ax, rows, str(name), looks.index(str(name)), connect)
            for name, rows in points.groupby("group", sort=False)
        ]
        star = [_draw_reference(ax, **reference)] if reference else []
        ends = pd.concat([points[["x", "y"]], *(pd.DataFrame(each.get_xydata(), columns=["x", "y"]) for each in star)])
        _tick(ax.xaxis, ends["x"], xscale)
        _tick(ax.yaxis, ends["y"], "linear")
        figure_of(ax).draw_without_rendering()  # settles the axes' limits and size
        taken = np.vstack([_dots(ax, points), *([_ways(ax, points)] if connect else [])])
        for each in star:
            taken, written = _write_label(ax, each, taken)
            handles += [] if written else star
        _write_legend(ax, handles, taken, own)
    return ax


def _looks(drawn: Sequence[str], groups: Sequence[str]) -> list[str]:
    """The groups in the order of their looks."""
    if groups and (unknown := [name for name in drawn if name not in groups]):
        raise ConfigError(f"group {unknown[0]!r} is drawn and not among `groups`, {', '.join(groups)}")
    if len(groups) > len(_MARKERS):
        raise ConfigError(f"{len(groups)} groups do not stay apart: give up to {len(_MARKERS)}")
    return list(groups or drawn)


def _checked(
    table: pd.DataFrame, columns: Sequence[str], reference: Mapping[str, Any] | None, xscale: str
) -> pd.DataFrame:
    """The columns x, y, group, and how many points each is moved right and up."""
    check_columns(table, columns)
    if xscale not in ("linear", "log"):
        raise ConfigError(f"there is no scale {xscale!r}: xscale is linear or log")
    if reference and set(reference) != {"x", "y", "label"}:
        raise ConfigError(f"a reference has the keys x, y and label, this one has {', '.join(map(str, reference))}")
    names = list(dict.fromkeys(table[columns[2]].astype(str)))
    if len(names) > len(_MARKERS):
        raise ConfigError(f"{len(names)} groups do not stay apart: draw up to {len(_MARKERS)} of {', '.join(names)}")
    for column in columns:
        lost = table[column].isna() | table[column].isin([np.inf, -np.inf])
        if lost.any():
            raise ConfigError(f"row {table.index[lost].tolist()[0]!r} has no {column}: leave it out, or give one")
    points = pd.DataFrame(dict(zip(("x", "y", "group"), (table[column].to_numpy() for column in columns), strict=True)))
    points = points.astype({"x": float, "y": float, "group": str})
    least = min(points["x"].min(), reference["x"] if reference else np.inf)
    if xscale == "log" and least <= 0:
        raise ConfigError(f"a log axis has no place for {columns[0]} {least:g}: leave it out, or draw a linear one")
    return points.assign(**_moves(np.log10(points["x"]) if xscale == "log" else points["x"], points["y"]))


def _moves(x: pd.Series, y: pd.Series) -> dict[str, np.ndarray]:
    """Points that coincide stand around their place, the first of the table on its left."""
    shares = np.stack([(values - values.min()) / (np.ptp(values) or 1) for values in (x, y)], axis=1)
    first = np.argmax(np.all(np.abs(shares[:, None] - shares) < _SAME, axis=2), axis=1)
    same = pd.Series(first[first]).groupby(first[first])
    count = same.transform("size").to_numpy()
    angle, reach = np.pi * (1 - 2 * same.cumcount().to_numpy() / count), _MOVE * (count > 1)
    return {"right": reach * np.cos(angle), "up": reach * np.sin(angle)}


def _draw_group(ax: Axes, rows: pd.DataFrame, name: str, at: int, connect: bool) -> Line2D:
    """Draw a group's points, and the line through their means; return its entry in the legend."""
    colour, (marker, size, filled) = SERIES_COLOURS[at], _MARKERS[at]
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": size, "linestyle": "none"}
    look |= {"markeredgecolor": "white", "markeredgewidth": 0.4} if filled else _OPEN
    for (right, up), same in rows.groupby(["right", "up"], sort=False):
        # open ones on top: they hide nothing
        (drawn,) = ax.plot(same["x"], same["y"], zorder=3 if filled else 4, gid=f"points {name}", **look)
        # after plotting, so that the axes' limits come from the numbers alone
        drawn.set_transform(ax.transData + ScaledTranslation(right / 72, up / 72, ax.figure.dpi_scale_trans))
    line: dict[str, Any] = {"linestyle": "-", "linewidth": _THIN} if connect else {}
    if connect:
        means = rows.groupby("x")["y"].mean()
        ax.plot(means.index, means, color=colour, zorder=2, gid=f"means {name}", **line)
    return Line2D([], [], label=name, **look | line)


def _draw_reference(ax: Axes, x: float, y: float, label: str) -> Line2D:
    """Draw the line, and the star, open and above all points; return their entry in the legend."""
    look: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 0.9}
    star: dict[str, Any] = {"marker": "*", "markersize": _STAR} | _OPEN
    ax.axhline(y, zorder=2.4, gid="reference line", **look)
    ax.plot(x, y, zorder=4.5, gid="reference", **look | star)
    return Line2D([x], [y], label=str(label), **look | star)


def _tick(axis: Axis, values: pd.Series, scale: str) -> None:
    """Ticks at round numbers that are written out, large ones in thousands or millions."""
    low, high = values.min(), values.max()
    decades = np.log10(high / low) if scale == "log" else 0.0
    if scale == "log" and (decades > 0.7 or low == high):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.2 else (1,)))
    else:
        whole = bool(np.all(values == values.round()))
        axis.set_major_locator(MaxNLocator(5, integer=whole, steps=[1, 2, 5, 10]))
        axis.set_minor_locator(NullLocator())
        if whole and low == high and abs(low) < _SMALL:  # else no whole number would be beside it
            ax = axis.axes
            ax.update_datalim([(low - 1,) * 2, (low + 1,) * 2], axis is ax.xaxis, axis is ax.yaxis)
            ax.autoscale_view()
    if scale == "log" or max(abs(low), abs(high)) >= 1e5:
        axis.set_major_formatter(lambda value, _: _number(value))
        axis.set_minor_formatter("")
    else:
        formatter = axis.get_major_formatter()
        assert isinstance(formatter, ScalarFormatter)  # as linear axes have it
        formatter.set_useOffset(False)


def _number(value: float) -> str:
    """`value` in few letters: 20000 -> 20k."""
    power = min(3, int(np.log10(max(abs(value), 1)) + 1e-9) // 3)
    return f"{value / 1000**power:.9g}{('', 'k', 'M', 'G')[power]}".replace("-", "−")


def _size(ax: Axes) -> np.ndarray:
    """Width and height in points."""
    return np.array(ax.get_window_extent().size) * 72 / ax.figure.dpi


def _places(ax: Axes, values: pd.DataFrame | np.ndarray) -> np.ndarray:
    """(n, 2) numbers -> (n, 2) points from the axes' lower left corner."""
    return (ax.transData.transform(np.asarray(values)) - ax.get_window_extent().p0) * 72 / ax.figure.dpi


def _boxes(centres: np.ndarray, size: np.ndarray | Sequence[float] | float) -> np.ndarray:
    return np.hstack([centres, np.broadcast_to(size, centres.shape)])


def _dots(ax: Axes, points: pd.DataFrame) -> np.ndarray:
    """Boxes (n, 4; centre and size in points) around the points."""
    return _boxes(_places(ax, points[["x", "y"]]) + points[["right", "up"]].to_numpy(), _DOT)


def _ways(ax: Axes, points: pd.DataFrame) -> np.ndarray:
    """Boxes along the lines through the means."""
    ways = [np.empty((0, 2))]
    for _, rows in points.groupby("group", sort=False):
        places = _places(ax, rows.groupby("x")["y"].mean().reset_index())
        along = np.linspace(0, len(places) - 1, 40 * len(places))
        ways.append(np.stack([np.interp(along, range(len(places)), each) for each in places.T], axis=1))
    return _boxes(np.vstack(ways), _THIN)


def _room(boxes: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """(n, 4) and (m, 4) boxes -> (n,) points that lie between each and the nearest of `taken`; below 0 they touch."""
    apart = np.abs(boxes[:, None, :2] - taken[:, :2]) - (boxes[:, None, 2:] + taken[:, 2:]) / 2
    return apart.max(axis=2).min(axis=1)


def _write_label(ax: Axes, star: Line2D, taken: np.ndarray) -> tuple[np.ndarray, bool]:
    """Write the label above or below the reference's line; return what is taken then, and whether it found room."""
    (place,), size = _places(ax, star.get_xydata()), _size(ax)
    taken = np.vstack([taken, _boxes(place[None], _STAR)])
    line = np.array([[size[0] / 2, place[1], size[0], 1.0]])
    half = text_width(str(star.get_label()), _TYPE) / 2
    across = np.arange(half + _INSET, size[0] - half - _INSET, 1.0)
    options = np.array([(x, place[1] + up) for up in (_OVER, -_OVER) for x in across]).reshape(-1, 2)
    options = options[np.abs(options[:, 1] - size[1] / 2) < (size[1] - _TYPE) / 2 - 1]
    boxes = _boxes(options, (2 * half, _TYPE))
    room = _room(boxes, taken)
    if not len(boxes) or room.max() < _CLEAR:
        return np.vstack([taken, line]), False
    best = int(np.argmax(np.minimum(room, _AMPLE) - 0.02 * np.abs(options[:, 0] - place[0])))
    where = (options[best, 0] / size[0], np.asarray(star.get_ydata())[0])
    ax.annotate(str(star.get_label()), where, (0, options[best, 1] - place[1]), ax.get_yaxis_transform(),
                "offset points", fontsize=_TYPE, color=INK, ha="center", va="center_baseline", zorder=5)  # fmt: skip
    return np.vstack([taken, line, boxes[best]]), True


def _write_legend(ax: Axes, handles: list[Line2D], taken: np.ndarray, own: bool) -> None:
    """Write the legend at the emptiest place, in as many columns as fit best, or below the axes."""
    size = _size(ax)
    for handle in handles:
        handle.set_label("\n".join(wrapped(str(handle.get_label()), size[0] - _HANDLE - 2 * _INSET, _TYPE)))
    found = []
    for columns in sorted({1, 2, 3, len(handles)} & set(range(1, len(handles) + 1))):
        needs = _extent(ax, _legend(ax, handles, columns, loc="lower left"))  # "best" would search for a place, too
        room, corner = _emptiest(needs, taken, size)
        found.append((room, -columns, corner))
    room, columns, corner = max(found, key=lambda each: each[:2])
    if room >= _CLEAR:
        legend = _legend(ax, handles, -columns, loc="lower left", bbox_to_anchor=tuple(corner / size))
        # framed, so that its markers are not taken for points
        legend.set(frame_on=True, zorder=5, in_layout=False)
        legend.get_frame().set(edgecolor=_FRAME, linewidth=0.5, alpha=1)
    else:
        _write_below(ax, handles, own)


def _legend(ax: Axes, handles: list[Line2D], columns: int, **where: Any) -> Legend:
    return ax.legend(handles=handles, ncols=columns, fontsize=_TYPE, borderaxespad=0, borderpad=0.4, fancybox=False,
                     handlelength=1.6, handletextpad=0.5, columnspacing=1.2, labelspacing=0.3, **where)  # fmt: skip


def _extent(ax: Axes, legend: Legend) -> np.ndarray:
    """A legend's width and height in points."""
    return np.array(legend.get_window_extent().size) * 72 / ax.figure.dpi


def _emptiest(needs: np.ndarray, taken: np.ndarray, size: np.ndarray) -> tuple[float, np.ndarray]:
    """How much room a box of `needs` has at most, up to what is ample, and its lower left corner there."""
    free = size - needs - 2 * _INSET
    if free.min() < 0:
        return -np.inf, np.zeros(2)
    steps = [np.linspace(0, each, max(2, int(each / _STEP))) + _INSET for each in free]
    corners = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    room = np.minimum(_room(_boxes(corners + needs / 2, needs), taken), _AMPLE)
    # of places that are equally empty the one nearest to an edge on either axis
    inside = np.minimum(corners - _INSET, free + _INSET - corners).sum(axis=1)
    best = int(np.argmax(room - 0.02 * inside))
    return float(room[best]), corners[best]


def _write_below(ax: Axes, handles: list[Line2D], own: bool) -> None:
    """Write the legend below the axes and their label; a figure of its own grows by as much."""
    wide, scale = _size(ax)[0], 72 / ax.figure.dpi
    for columns in range(len(handles), 0, -1):
        needs = _extent(ax, _legend(ax, handles, columns, loc="lower left"))  # "best" would search for a place, too
        if needs[0] <= wide:
            break
    labelled = ax.xaxis.get_tightbbox()
    assert labelled is not None  # it has numbers, at least
    drop = (ax.get_window_extent().y0 - labelled.y0) * scale + _INSET
    below = ax.transAxes + ScaledTranslation(0, -drop / 72, ax.figure.dpi_scale_trans)
    _legend(ax, handles, columns, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below)
    if own:
        figure = figure_of(ax)
        figure.set_figheight(figure.get_figheight() + (needs[1] + _INSET) / 72)
