"""Figures of searches: stages, functions, landscapes, speed, what survives, densities."""

from itertools import combinations

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from drawn import check_texts
from matplotlib import pyplot as plt
from matplotlib.patches import Circle, FancyArrowPatch

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.figures import COLUMN, PAGE
from nascore.networks import PUBLISHED, BenchmarkCell
from nascore.networks.benchmark_cells import EDGES, OPERATIONS
from nascore.networks.operations import DARTS

ALL_SKIP = BenchmarkCell(("skip_connect",) * 6)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def edges(nodes):
    return [(source, target) for target in range(2, 2 + nodes) for source in range(target)]


def weights_table(cell="normal", between=None, operations=DARTS, pruned_below=0.0):
    generator = np.random.default_rng(0)
    rows = []
    for epoch in (0, 5):
        for edge in between or edges(4):
            values = generator.dirichlet(np.ones(len(operations)))
            values[values < pruned_below * (epoch > 0)] = np.nan
            rows += [(epoch, cell, *edge, *pair) for pair in zip(operations, values, strict=True)]
    return pd.DataFrame(rows, columns=["epoch", "cell", "source", "target", "operation", "weight"])


def space():
    """Accuracies as in NAS-Bench-201: most of them high, some at chance."""
    return np.concatenate([np.full(20, 10.0), 94.37 - np.random.default_rng(0).gamma(2, 2, 980), [94.37]])


def found():
    values = [54.3] * 6 + [94.2, 94.2, 93.9, 93.8, 93.1, 90.0]
    return pd.DataFrame({"method": ["DARTS"] * 6 + ["sparse"] * 6, "seed": [*range(6)] * 2, "accuracy": values})


def history():
    rows = [
        (method, seed, epoch, (10.0 + seed) * (1 - fall * (epoch - 1)), 112 - round(200 * fall * (epoch - 1)))
        for method, fall in (("DARTS", 0.0), ("sparse", 0.05))
        for seed in range(3)
        for epoch in range(1, 11)
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "epoch", "seconds", "alive"])


def survivors():
    counts = {"DARTS": [8] * 28, "sparse": [0] + [1] * 24 + [2, 3, 5]}
    rows = [(method, seed, count) for method, edges in counts.items() for seed in (0, 1) for count in edges]
    return pd.DataFrame(rows, columns=["method", "seed", "survivors"])


def density():
    last = weights_table().query("epoch == 5")[["operation", "weight"]]
    return pd.concat([last.assign(method="DARTS"), last.assign(method="GDAS", weight=last["weight"] / 4)])


def entmax(alphas=(1.0, 2.0, 3.0)):
    z = np.linspace(-3, 3, 121)
    curves = {1.0: 1 / (1 + np.exp(-z)), 2.0: np.clip(0.5 + z / 2, 0, 1), 3.0: np.clip(0.5 + z, 0, 1)}
    return pd.concat([pd.DataFrame({"z": z, "weight": curves[alpha], "alpha": alpha}) for alpha in alphas])


DRAWINGS = {
    "stages": lambda: figures.draw_stages(weights_table(), "normal", chosen=PUBLISHED["DARTS_V2"].normal[0]),
    "stages, narrow": lambda: figures.draw_stages(weights_table(between=edges(2)), "normal", width=COLUMN),
    "function": lambda: figures.draw_function(entmax(), "z", "weight", "alpha", name="α").figure,
    "landscape": lambda: figures.draw_landscape(space(), found()),
    "landscape, narrow": lambda: figures.draw_landscape(space(), found(), width=COLUMN),
    "speed": lambda: figures.draw_speed(history()),
    "survivors": lambda: figures.draw_survivors(survivors()),
    "density": lambda: figures.draw_density(density()),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_readable_inside_the_figure_and_do_not_overlap(name):
    check_texts(DRAWINGS[name]())


# stages


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


@pytest.mark.parametrize(("between", "inputs"), [(edges(2), 2), (edges(3), 2), (edges(4), 2), (EDGES, 1)])
def test_stages_show_every_edge_in_the_same_places(between, inputs):
    figure = figures.draw_stages(weights_table(between=list(between)), "normal")
    unknown, all_of_them, learned, _ = figure.axes
    assert [text.get_text() for text in unknown.texts].count("?") == len(arrows(unknown)) == len(between)
    strands = [line for line in all_of_them.lines if line.get_gid()]
    assert len(strands) == len(between) * len(DARTS) == len([line for line in learned.lines if line.get_gid()])
    nodes = [[patch.center for patch in ax.patches if isinstance(patch, Circle)] for ax in figure.axes]
    assert nodes[0] == nodes[1] == nodes[2] == nodes[3]
    assert len(set(nodes[0])) == max(target for _, target in between) + 1
    assert unknown.texts[-1].get_text() == ("$c_k$" if inputs == 1 else str(len(nodes[0]) - 3))
    for (source, target), node in ((edge, node) for edge in between for node in range(len(nodes[0]))):
        if node not in (source, target):  # no edge passes a node that is not its own
            (x0, y0), (x1, y1), (x, y) = (nodes[0][at] for at in (source, target, node))
            assert abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / np.hypot(x1 - x0, y1 - y0) > 17


def test_strands_are_as_wide_as_their_weights_and_pruned_ones_are_gone():
    weights = weights_table(pruned_below=0.08)
    last = weights[weights["epoch"] == 5].dropna()
    figure = figures.draw_stages(weights, "normal")
    strands = {(line.get_gid(), line.get_label()): line.get_linewidth() for line in figure.axes[2].lines
               if line.get_gid()}  # fmt: skip
    assert len(strands) == len(last) < 14 * 8
    names = zip(last["source"], last["target"], last["operation"], strict=True)
    wanted = pd.Series(last["weight"].to_numpy(), [(f"strand {source} {to}", name) for source, to, name in names])
    ratio = pd.Series(strands) / wanted.set_axis(pd.MultiIndex.from_tuples(wanted.index))
    assert np.allclose(ratio, ratio.iloc[0])
    assert f"the largest {last['weight'].max():.2f}" in figure.axes[2].texts[-1].get_text()


def test_the_last_stage_is_the_cell_that_was_chosen_or_the_strongest_operations():
    weights = weights_table(between=list(EDGES), operations=OPERATIONS)
    last = weights[weights["epoch"] == 5]
    best = last.loc[last.groupby(["source", "target"])["weight"].idxmax(), "operation"]
    strongest = figures.draw_stages(weights, "normal").axes[3]
    wanted = {figures.operation_look(name).colour for name in set(best) - {"none"}}
    assert {mpl.colors.to_hex(arrow.get_edgecolor()) for arrow in arrows(strongest)} == wanted
    assert len(arrows(strongest)) == (best != "none").sum()
    chosen = figures.draw_stages(weights, "normal", chosen=ALL_SKIP).axes[3]
    assert [text.get_text() for text in chosen.texts].count("skip") == len(arrows(chosen)) == 6
    empty = figures.draw_stages(weights, "normal", chosen=BenchmarkCell(("none",) * 6)).axes[3]
    assert arrows(empty) == []


def test_stages_of_a_search_that_pruned_everything_have_no_strands():
    weights = weights_table()
    weights.loc[weights["epoch"] == 5, "weight"] = np.nan
    figure = figures.draw_stages(weights, "normal")
    assert not [line for line in figure.axes[2].lines if line.get_gid()] and arrows(figure.axes[3]) == []
    assert figure.axes[2].texts[-1].get_text() == "all pruned"
    with pytest.raises(ConfigError, match="'reduce', only of normal"):
        figures.draw_stages(weights, "reduce")


# functions


def test_functions_are_named_at_their_curves():
    ax = figures.draw_function(entmax(), "z", "weight", "alpha", name="α", xlabel="input $z$")
    assert [text.get_text() for text in ax.texts] == ["α = 1", "α = 2", "α = 3"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("input $z$", "weight", None)
    for line, text in zip(ax.lines, ax.texts, strict=True):
        assert text.get_color() == line.get_color()
        box = text.get_window_extent()
        for other in ax.lines:
            points = ax.transData.transform(other.get_xydata())
            inside = np.all((points > box.min) & (points < box.max), axis=1)
            assert other is line or not inside.any()
        own = ax.transData.transform(line.get_xydata())
        away = np.maximum(np.maximum(box.min - own, own - box.max), 0).max(axis=1)
        assert away.min() < 5 * ax.figure.dpi / 72


def test_curves_that_leave_no_room_get_a_legend():
    same = pd.concat([entmax((1.0,)).assign(alpha=alpha) for alpha in ("one", "other")])
    ax = figures.draw_function(same, "z", "weight", "alpha")
    assert len(ax.texts) == 0
    assert [text.get_text() for text in ax.get_legend().texts] == ["one", "other"]


def test_what_is_no_function_is_an_error():
    twice = pd.concat([entmax(), entmax()])
    with pytest.raises(ConfigError, match="two rows at one 'z'"):
        figures.draw_function(twice, "z", "weight", "alpha")
    with pytest.raises(ConfigError, match="no column 'beta', only z, weight, alpha"):
        figures.draw_function(entmax(), "z", "weight", "beta")


# landscape


def test_a_landscape_shows_the_whole_space_and_every_search():
    figure = figures.draw_landscape(space(), found(), label="CIFAR-10 test accuracy (%)")
    upper, lower = figure.axes
    assert sum(bar.get_height() for bar in upper.patches) == pytest.approx(100)
    assert "94.37 %" in upper.texts[0].get_text()
    rows = {line.get_label(): line for line in lower.lines if line.get_marker() == "o"}
    assert list(rows) == ["DARTS (n=6)", "sparse (n=6)"]
    assert sorted(rows["sparse (n=6)"].get_xdata()) == sorted(found()["accuracy"][6:])
    assert [text.get_text() for text in lower.texts] == ["54.30", f"{found()['accuracy'][6:].mean():.2f}", "mean"]
    assert upper.get_xlim() == lower.get_xlim()
    assert lower.get_xlim()[0] < 10 and lower.get_xlim()[1] > 94.37
    assert lower.get_xlabel() == "CIFAR-10 test accuracy (%)"


@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_marks_of_equal_accuracy_can_be_counted(width):
    figure = figures.draw_landscape(space(), found(), width=width)
    figure.draw_without_rendering()
    for line in (line for line in figure.axes[1].lines if line.get_marker() == "o"):
        places = figure.axes[1].transData.transform(line.get_xydata()) * 72 / figure.dpi
        apart = [np.hypot(*(one - other)) for one, other in combinations(places, 2)]
        assert min(apart) >= 0.99 * line.get_markersize()


def test_near_the_ceiling_a_landscape_shows_more_than_far_from_it():
    ax = figures.draw_landscape(space(), found()).axes[1]
    ax.figure.draw_without_rendering()
    x = ax.transData.transform([(value, 0) for value in (10, 50, 90, 93, 94, 94.37)])[:, 0]
    assert np.all(np.diff(x) > 15)
    ticks = [float(label.get_text()) for label in ax.get_xticklabels()]
    assert ticks[0] == 10 and {80, 90, 94} <= set(ticks)


def test_a_landscape_lower_than_what_was_found_is_an_error():
    for wrong in (95.0, np.nan):
        with pytest.raises(ConfigError, match=r"best of the space has 94\.37 %"):
            figures.draw_landscape(space(), found().assign(accuracy=wrong))
    with pytest.raises(ConfigError, match="no column 'method'"):
        figures.draw_landscape(space(), found().drop(columns="method"))
    with pytest.raises(ConfigError, match="no rows"):
        figures.draw_landscape(space(), found().iloc[:0])


# speed and survivors


def test_speed_is_set_against_the_first_epochs():
    figure = figures.draw_speed(history(), first=1)
    above, below = figure.axes
    assert [text.get_text() for text in above.texts] == ["sparse (0.55×)", "DARTS (1.00×)"]
    assert [text.get_text() for text in below.texts] == ["sparse: 22", "DARTS: 112"]
    medians = [line for line in above.lines if line.get_label() in ("DARTS", "sparse")]
    assert medians[0].get_ydata().tolist() == [11.0] * 10
    references = [line for line in above.lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in references] == [11.0, 11.0]
    assert len(above.lines) == 2 * (3 + 1 + 1) and len(below.lines) == 2 * (3 + 1)
    assert (above.get_ylabel(), below.get_xlabel()) == ("time per epoch (s)", "epoch")
    with pytest.raises(ConfigError, match="no column 'alive'"):
        figures.draw_speed(history().drop(columns="alive"))


def test_shares_of_survivors_fill_their_bars():
    (ax,) = figures.draw_survivors(survivors()).axes
    bars = pd.DataFrame([(bar.get_y(), bar.get_width()) for bar in ax.patches], columns=["row", "share"])
    assert bars.groupby("row")["share"].sum().tolist() == pytest.approx([100, 100])
    assert bars["share"].tolist() == pytest.approx([100, 100 / 28, 2400 / 28, 100 / 28, 200 / 28])
    assert sorted(text.get_text() for text in ax.texts) == ["100", "4", "4", "7", "86"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["DARTS (n=2)", "sparse (n=2)"]


# density


def test_every_weight_is_a_tick_below_the_density():
    weights = density()
    weights.iloc[:5, weights.columns.get_loc("weight")] = np.nan
    figure = figures.draw_density(weights)
    for (method, rows), (above, below) in zip(
        weights.groupby("method"), np.reshape(figure.axes, (2, 2)).T, strict=True
    ):
        alive = rows["weight"].dropna()
        assert above.get_title(loc="left") == f"{method} ({len(alive)} weights)"
        assert sorted(x for line in below.lines for x in line.get_xdata()) == sorted(alive)
        (curve,) = above.lines
        assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(1, abs=0.01)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[0].get_ylim() != figure.axes[1].get_ylim()


def test_equal_weights_have_no_density_and_missing_ones_are_an_error():
    above, below = figures.draw_density(density().assign(weight=0.125, method="DARTS"), width=COLUMN).axes
    assert len(above.lines) == 0 and above.texts[0].get_text() == "all are 0.125"
    assert len(below.lines) == len(DARTS)
    with pytest.raises(ConfigError, match="no rows"):
        figures.draw_density(density().assign(weight=np.nan))
