"""Figures of what is paid against what is got."""

import io

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from drawn import check_texts, shown
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.figures import COLUMN, PAGE

GROUPS = ("adversarial", "adversarial, no penalty", "l1 pruning", "magnitude", "random nodes")
UNPRUNED = {"x": 20, "y": 98.2, "label": "unpruned, mean of 3 seeds"}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def kept(groups=GROUPS, count=12, nodes=(0, 4, 5, 10, 20)):
    """Whole accuracies at few numbers of nodes: many points coincide."""
    generator = np.random.default_rng(0)
    rows = []
    for label in groups:
        for at in generator.choice(nodes, count):
            rows.append((label, at, round(80 + 19 * (1 - np.exp(-at / 4)) + generator.uniform(-1, 1))))
    return pd.DataFrame(rows, columns=["label", "nodes_kept", "test_accuracy"])


def sweep(penalties=(1e-4, 1e-3, 1e-2, 1e-1), seeds=3):
    generator = np.random.default_rng(1)
    rows = [
        (method, 2e6 * factor * (penalty / 1e-4) ** -0.35, 4 + np.log10(penalty / 1e-4) + generator.normal(0, 0.3))
        for method, factor in (("DARTS-GAL", 1.2), ("plain l1", 1.0))
        for penalty in penalties
        for _ in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["method", "parameters", "error"])


def scattered():
    """Points everywhere, so that no text finds room among them."""
    generator = np.random.default_rng(0)
    values = {"nodes_kept": np.arange(200) / 10, "test_accuracy": generator.uniform(80, 99, 200)}
    return pd.DataFrame({"label": ["a name that is as long as a line, and then is longer still", "b"] * 100} | values)


def draw(table=None, **more):
    return figures.draw_tradeoff(kept() if table is None else table, "nodes_kept", "test_accuracy", **more)


def draw_sweep(table=None, **more):
    table = sweep() if table is None else table
    return figures.draw_tradeoff(table, "parameters", "error", "method", **{"xscale": "log"} | more)


SEVEN = kept([f"group {at}" for at in range(7)], 8)
STACK = pd.DataFrame({"label": list("abcdefg"), "nodes_kept": 5, "test_accuracy": 90.0})
DRAWINGS = {
    "five": lambda: draw(reference=UNPRUNED),
    "five, wide": lambda: draw(reference=UNPRUNED, width=PAGE),
    "five, joined": lambda: draw(kept(nodes=range(21)), reference=UNPRUNED, connect=True),
    "seven": lambda: draw(SEVEN),
    "scattered": lambda: draw(scattered(), reference={"x": 10, "y": 90, "label": "a reference that has a long name"}),
    "scattered, joined": lambda: draw(scattered(), connect=True),
    "sweep": lambda: draw_sweep(reference={"x": 3.3e6, "y": 3.3, "label": "unpruned"}, connect=True),
    "short sweep": lambda: draw_sweep(sweep((1e-4, 1e-3))),
    "long sweep": lambda: draw_sweep(sweep((1e-7, 1e-4, 1e1)), width=PAGE),
    "sweep, linear": lambda: draw_sweep(xscale="linear"),
    "one": lambda: draw_sweep(sweep().iloc[:1], xscale="linear"),
    "one, log": lambda: draw_sweep(sweep().iloc[:1]),
    "one place": lambda: draw(STACK),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_large_inside_the_figure_and_do_not_overlap(name):
    figure = DRAWINGS[name]().figure
    check_texts(figure)
    assert min(text.get_fontsize() for text, _ in shown(figure)) >= 7


@pytest.mark.parametrize("name", DRAWINGS)
def test_legend_and_label_cover_no_point_or_line(name):
    ax = DRAWINGS[name]()
    ax.figure.draw_without_rendering()
    texts = [ax.get_legend().get_window_extent(), *(text.get_window_extent() for text in ax.texts)]
    for box in texts:
        for line in ax.lines:
            places = line.get_transform().transform_path(line.get_path())
            assert line.get_linestyle() == "None" or not places.intersects_bbox(box, filled=False)
            reach = line.get_markersize() / 2 * ax.figure.dpi / 72 if line.get_marker() != "None" else 0
            assert not any(Bbox([place, place]).padded(reach).overlaps(box) for place in places.vertices)
    assert not any(texts[0].overlaps(text) for text in texts[1:])


@pytest.mark.parametrize("name", ["five", "five, joined", "scattered", "sweep"])
def test_the_same_table_gives_the_same_bytes(name):
    files = []
    for _ in range(2):
        buffer = io.BytesIO()
        with figures.style():
            DRAWINGS[name]().figure.savefig(buffer)
        files.append(buffer.getvalue())
    assert files[0] == files[1]


def drawn(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def entries(ax):
    return [text.get_text().replace("\n", " ") for text in ax.get_legend().texts]


def offsets(ax):
    """How far each drawn point is from where its numbers are, in points."""
    ax.figure.draw_without_rendering()
    moved = [
        (line.get_transform().transform(line.get_xydata()) - ax.transData.transform(line.get_xydata()))
        for line in ax.lines
        if line.get_gid().startswith("points")
    ]
    return np.vstack(moved) * 72 / ax.figure.dpi


def test_each_row_is_a_point_in_the_look_of_its_group():
    ax = draw()
    looks = []
    for name, rows in kept().groupby("label", sort=False):
        lines = drawn(ax, f"points {name}")
        points = np.vstack([line.get_xydata() for line in lines]).tolist()
        assert sorted(points) == sorted(rows[["nodes_kept", "test_accuracy"]].to_numpy(float).tolist())
        looks += {(line.get_color(), line.get_marker(), line.get_markerfacecolor()) for line in lines}
        assert all(line.get_linestyle() == "None" for line in lines)
    assert len({colour for colour, *_ in looks}) == len({marker for _, marker, _ in looks}) == len(looks) == 5
    assert [face == "none" for *_, face in looks] == [False, True] * 2 + [False]
    assert entries(ax) == list(GROUPS)
    handles = ax.get_legend().legend_handles
    assert [(each.get_color(), each.get_marker(), each.get_markerfacecolor()) for each in handles] == looks
    assert sum(len(line.get_xdata()) for line in ax.lines) == len(kept())


def test_points_that_coincide_are_moved_a_little_and_others_are_not():
    ax = draw(STACK)
    moved = offsets(ax)
    assert np.hypot(*moved.T) == pytest.approx(1.5)
    assert np.linalg.norm(moved[:, None] - moved, axis=2)[~np.eye(7, dtype=bool)].min() > 1.2
    assert np.allclose(offsets(draw_sweep(sweep(seeds=1))), 0)
    two = pd.DataFrame({"label": ["a", "a", "b"], "nodes_kept": [1, 1, 2], "test_accuracy": [90, 90 + 1e-12, 91]})
    assert offsets(draw(two)) == pytest.approx(np.array([(-1.5, 0), (1.5, 0), (0, 0)]), abs=1e-9)


def test_limits_come_from_the_numbers_and_labels_from_the_columns():
    ax = draw()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("nodes kept", "test accuracy (%)")
    assert ax.get_xlim() == pytest.approx((-1.2, 21.2))
    ax = draw(xlabel="what is paid", ylabel="")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("what is paid", "")
    given = plt.subplots(figsize=(PAGE, 3))[1]
    assert draw(ax=given) is given
    assert draw().figure.get_figwidth() == COLUMN and draw(width=PAGE).figure.get_figwidth() == PAGE


def test_means_at_equal_x_are_joined_if_that_is_asked_for():
    for name, rows in sweep().groupby("method"):
        (line,) = drawn(draw_sweep(connect=True), f"means {name}")
        means = rows.groupby("parameters")["error"].mean()
        assert line.get_xdata().tolist() == means.index.tolist() and line.get_ydata().tolist() == means.tolist()
        assert line.get_color() == drawn(draw_sweep(), f"points {name}")[0].get_color()
        assert not drawn(draw_sweep(), f"means {name}")


def test_reference_is_a_star_and_a_dotted_line_with_its_label():
    ax = draw(reference=UNPRUNED | {"label": "unpruned"})
    (star,), (line,) = drawn(ax, "reference"), drawn(ax, "reference line")
    assert star.get_xydata().tolist() == [[20, 98.2]] and star.get_marker() == "*"
    assert set(line.get_ydata()) == {98.2} and line.get_linestyle() == ":"
    assert [text.get_text() for text in ax.texts] == ["unpruned"]
    assert entries(ax) == list(GROUPS)
    ax = draw(reference={"x": 30, "y": 70, "label": "beyond all points"})
    assert ax.get_xlim()[1] > 30 and ax.get_ylim()[0] < 70


def test_texts_without_room_are_below():
    ax = DRAWINGS["scattered"]()
    assert not ax.texts
    assert entries(ax) == [*dict.fromkeys(scattered()["label"]), "a reference that has a long name"]
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y1 < ax.xaxis.get_tightbbox().y0
    assert ax.get_window_extent().height > 0.6 * draw().get_window_extent().height


def ticks(ax):
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    pairs = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    return [text.get_text() for at, text in pairs if low <= at <= high]


def test_ticks_are_round_and_written_out():
    assert ticks(draw()) == ["0", "5", "10", "15", "20"]
    assert ticks(draw_sweep()) == ["200k", "500k", "1M", "2M"]
    assert ticks(DRAWINGS["short sweep"]()) == ["1M", "1.5M", "2M", "2.5M"]
    assert ticks(draw(STACK)) == ["4", "5", "6"]
    table = pd.DataFrame({"label": "a", "nodes_kept": [1e-3, 1e-1, 10], "test_accuracy": [90.0, 91.0, 92.0]})
    assert ticks(draw(table, xscale="log")) == ["0.001", "0.01", "0.1", "1", "10"]


def test_what_cannot_be_drawn_is_an_error():
    for column in ("nodes_kept", "test_accuracy", "label"):
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            draw(kept().drop(columns=column))
        with pytest.raises(ConfigError, match=f"row 3 has no {column}"):
            draw(kept().astype({column: object}).assign(**{column: lambda t, c=column: t[c].where(t.index != 3)}))
    with pytest.raises(ConfigError, match="no rows"):
        draw(kept().iloc[:0])
    with pytest.raises(ConfigError, match="8 groups do not stay apart: draw up to 7 of a, b"):
        draw(pd.DataFrame({"label": list("abcdefgh"), "nodes_kept": 1, "test_accuracy": 90}))
    with pytest.raises(ConfigError, match="no scale 'symlog': xscale is linear or log"):
        draw(xscale="symlog")
    with pytest.raises(ConfigError, match="a log axis has no place for nodes_kept 0"):
        draw(xscale="log")
    with pytest.raises(ConfigError, match="the keys x, y and label, this one has x, y"):
        draw(reference={"x": 1, "y": 2})


def test_groups_look_the_same_in_several_figures():
    table = kept(GROUPS[1:3])
    axes = figures.draw_tradeoff(table, "nodes_kept", "test_accuracy", groups=GROUPS)
    whole = figures.draw_tradeoff(kept(), "nodes_kept", "test_accuracy")
    for name in GROUPS[1:3]:
        one, other = (drawn(ax, f"points {name}")[0] for ax in (axes, whole))
        assert (one.get_color(), one.get_marker()) == (other.get_color(), other.get_marker())
    with pytest.raises(ConfigError, match="not among"):
        figures.draw_tradeoff(table, "nodes_kept", "test_accuracy", groups=GROUPS[:2])
