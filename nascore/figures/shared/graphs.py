"""A cell's nodes on a circle, and the arrows between them; all in points."""

from collections.abc import Sequence
from math import cos, radians, sin
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch

from nascore.figures.shared.style import INK, node_name

NODE = 8.5  # points: the radius of a node
_GIVEN, _COMPUTED = "#f4f0e1", "#e8eef6"  # faces of a cell's inputs and output, and of its other nodes
REMOVED = "#b0b0b0"

Place = tuple[float, float]
Edge = tuple[int, int]  # (source, target)


def circle(nodes: int, inputs: int, width: float) -> list[Place]:
    """Nodes on a circle from left to right, above and below by turns, so that no edge passes a node not its own.

    They fill a frame of `width` points that begins at (0, 0), and is as high as it must be.
    """
    step = 360 / nodes
    circle = []
    for node in range(nodes):
        turn = (node + 1) // 2 * step if inputs == 1 else (node // 2 + 0.5) * step
        above = (node % 2 == 1) == (inputs == 1)
        angle = radians(180 - turn if above else 180 + turn)
        circle.append((cos(angle), sin(angle)))
    x, y = np.array(circle).T
    scale, edge = (width - 2 * (NODE + 1)) / np.ptp(x), NODE + 1
    return [(edge + scale * (across - x.min()), edge + scale * (up - y.min())) for across, up in circle]


def draw_nodes(ax: Axes, places: Sequence[Place], inputs: int, *, output: bool = False, points: float = 6.0) -> None:
    """A circle with its name for each of a cell's nodes, in their order; `output`: the last is what concatenates.

    `points` is the type size of those that are given.
    """
    for node, place in enumerate(places):
        last = output and node == len(places) - 1
        draw_node(ax, place, "$c_k$" if last else node_name(node, inputs), given=node < inputs or last, points=points)


def draw_node(
    ax: Axes, place: Place, name: str, *, given: bool = False, removed: bool = False, points: float = 6.0
) -> None:
    """A circle with its name; `given` is what comes from other cells or goes to them, named in type of `points`.

    One that is `removed` is pale and dashed.
    """
    # grows with its name, and keeps within what `circle` leaves at the edge
    radius = NODE + (0.9 * (points - 6.0) if given else 0.0)
    face, colour, line = ("white", REMOVED, "--") if removed else (_GIVEN if given else _COMPUTED, INK, "-")
    ax.add_patch(Circle(place, radius, fc=face, ec=colour, lw=0.6, ls=line, zorder=4))
    size = points if given else 7.0
    ax.text(*place, name, color=colour, ha="center", va="center_baseline", fontsize=size, zorder=5)


def draw_arrow(ax: Axes, ends: Sequence[Place] | np.ndarray, **look: Any) -> None:
    """A straight arrow between the rims of two nodes, `ends` being their centres."""
    arrow = FancyArrowPatch(*ends, arrowstyle="-|>,head_length=4,head_width=1.7", mutation_scale=1,
                            shrinkA=NODE, shrinkB=NODE + 0.5, **look)  # fmt: skip
    ax.add_patch(arrow)


def aside(ends: np.ndarray) -> np.ndarray:
    """The unit vector to the left of an edge."""
    x, y = ends[1] - ends[0]
    return np.array([-y, x]) / np.hypot(x, y)
