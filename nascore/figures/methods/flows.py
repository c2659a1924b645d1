"""The two flowcharts of DARTS-GAL: from a search to a pruned network, and the adversarial pruning itself."""

from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from matplotlib.transforms import Bbox

from nascore.base.arguments import checked
from nascore.base.ranges import Inches
from nascore.figures.methods.flow import Box, draw_flow
from nascore.figures.methods.routes import Arrow
from nascore.figures.shared.graphs import Place
from nascore.figures.shared.style import COLUMN, INK, PAGE

_DRAWN = 31.0  # points: what the cells in the generator's box take
_CELL, _NODE = (64.0, 17.0), 6.2  # points: a cell there, and the radius of one of its nodes
_TYPE = 7.0  # points
_FACE = "#e8eef6"
_GENERATOR = (
    "generator: its copy with masks $s$\nfrozen in step 1\nstep 2: SGD of the weights,\nproximal step of the masks"
)


@checked
def draw_pipeline(width: Inches = PAGE) -> Figure:
    """Draw the method's steps, as figure 1 of DARTS-GAL does: from left to right, in a column's width downwards.

    Arrows carry what a step hands on. `width` is in inches.
    """
    steps = {
        "search": ("DARTS searches the cells", "plain"),
        "stack": ("stack them into a network", "plain"),
        "train": ("train it: the baseline", "normal"),
        "prune": ("prune nodes adversarially", "accent"),
        "retrain": ("train the rest from scratch", "normal"),
    }
    down = width <= COLUMN
    places = [(0, at) if down else (at, 0) for at in range(len(steps))]
    boxes = {name: Box(text, *place, face) for (name, (text, face)), place in zip(steps.items(), places, strict=True)}
    results = ("two cells", "network", "weights", "nodes kept")
    arrows = [Arrow(*pair, label) for pair, label in zip(pairwise(steps), results, strict=True)]
    return draw_flow(boxes, arrows, width=width)


@checked
def draw_adversarial(width: Inches = PAGE) -> Figure:
    """Draw one round of adversarial pruning, as figure 3 of DARTS-GAL does: solid arrows are outputs, dashed updates.

    Step 1 updates the discriminator, by what it makes of both networks' class probabilities; step 2 the generator, its
    weights by gradient descent and the masks of its cells' intermediate nodes by a proximal step. `width` (inches)
    must be a page's.
    """
    # a column of the grid is as wide as the gap between boxes, so that boxes may be of any width
    boxes = {
        "images": Box("batch of images", 1.05, 1, columns=2.1),
        "baseline": Box("baseline: the trained network\nfrozen in both steps", 4.475, 0.25, "reduce", 4.75),
        "generator": Box(_GENERATOR, 4.475, 2, "normal", 4.75, _DRAWN),
        "baseline's": Box("softmax", 7.85, 0.25, columns=2),
        "generator's": Box("softmax", 7.85, 2, columns=2),
        "discriminator": Box("discriminator\nfrozen in step 2", 10.175, 1, "accent", 2.65),
        "data": Box(r"$L_\mathrm{data}$", 4.475, 1, columns=2),
        "adversarial": Box(r"$L_\mathrm{adv}$", 12.4, 1, columns=1.8),
        "sparsity": Box(r"$\lambda\,\Vert{}s\Vert_1$", 1.05, 2, columns=2.1),
    }
    arrows = [
        *(Arrow("images", name) for name in ("baseline", "generator")),
        *(Arrow(name, f"{name}'s") for name in ("baseline", "generator")),
        Arrow("baseline's", "discriminator", leave="right", enter="top"),
        Arrow("generator's", "discriminator", leave="right", enter="bottom"),
        Arrow("discriminator", "adversarial"),
        *(Arrow(name, "data") for name in ("baseline", "generator")),
        Arrow("adversarial", "discriminator", "step 1: SGD", dashed=True),
        Arrow("data", "generator", "step 2", dashed=True),
        Arrow("adversarial", "generator", "step 2", True, "bottom", "bottom"),
        Arrow("sparsity", "generator", "step 2", dashed=True),
    ]
    figure = draw_flow(boxes, arrows, width=width)
    (ax,) = figure.axes
    (box,) = (patch for patch in ax.patches if patch.get_gid() == "box generator")
    assert isinstance(box, FancyBboxPatch)
    _draw_cells(ax, box.get_bbox())
    return figure


def _draw_cells(ax: Axes, frame: Bbox) -> None:
    """The first and the last cell with their nodes' masks, at the bottom of the generator's box."""
    middle, apart, up = (frame.x0 + frame.x1) / 2, _CELL[0] / 2 + 8, frame.y0 + 4 + _CELL[1] / 2
    look: dict[str, Any] = {"ec": INK, "lw": 0.5}
    for x, name in ((middle - apart, "cell 1"), (middle + apart, "cell $n$")):
        corner = (x - _CELL[0] / 2, up - _CELL[1] / 2)
        ax.add_patch(FancyBboxPatch(corner, *_CELL, "round,pad=0,rounding_size=2.2", fc="white", zorder=4, **look))
        _write(ax, (x, up + _CELL[1] / 2 + 5), name)
        for node in range(4):
            place = (x + (node - 1.5) * _CELL[0] / 4.2, up)
            ax.add_patch(Circle(place, _NODE, fc=_FACE, zorder=5, **look))
            _write(ax, place, f"$s_{node}$")
    _write(ax, (middle, up), "…")


def _write(ax: Axes, place: Place, text: str) -> None:
    ax.text(*place, text, ha="center", va="center_baseline", fontsize=_TYPE, zorder=6)
