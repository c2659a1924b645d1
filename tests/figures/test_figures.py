"""Figures: cells are drawn without overlaps, files are reproducible and say where they come from."""

import random
from itertools import combinations
from types import SimpleNamespace

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.path import Path as MplPath
from matplotlib.transforms import Bbox
from PIL import Image

from nascore import figures
from nascore.base.errors import ConfigError, NascoreError
from nascore.figures import COLUMN, PAGE
from nascore.figures.shared.layout import spread
from nascore.networks import PUBLISHED, BenchmarkCell, Cell, Genotype
from nascore.networks.benchmark_cells import EDGES
from nascore.networks.operations import DARTS, OPERATIONS

FULL = Cell(tuple(tuple((DARTS[(3 * node + source) % 8], source) for source in range(2 + node)) for node in range(4)),
            (2, 3, 4, 5))  # fmt: skip


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def overlaps(ax):
    """(what, what) for every two boxes that overlap, and every label that an arrow of another label crosses."""
    drawn = figures.drawn_boxes(ax)
    boxes = [Bbox.from_extents(*row) for row in drawn[["x0", "y0", "x1", "y1"]].to_numpy()]
    found = [(drawn["text"][i], drawn["text"][j]) for i, j in combinations(range(len(boxes)), 2)
             if Bbox.intersection(boxes[i], boxes[j])]  # fmt: skip
    for label, box in enumerate(box for box, kind in zip(boxes, drawn["kind"], strict=True) if kind == "label"):
        in_pixels = Bbox(box.get_points() * ax.figure.dpi / 72)
        for arrow in (patch for patch in ax.patches if str(patch.get_gid()).startswith("arrow")):
            lines = arrow.get_transform().transform_path(arrow.get_path()).to_polygons(closed_only=False)
            crossed = any(MplPath(line).intersects_bbox(in_pixels, filled=False) for line in lines)
            if crossed and arrow.get_gid() != f"arrow {label}":
                found.append((f"label {label}", arrow.get_gid()))
    return found


def random_cell(seed, nodes, inputs):
    """Some nodes may have no inputs, and pairs of nodes several operations."""
    generator, made, dead = random.Random(seed), [], set()
    for node in range(2, 2 + nodes):
        sources = [source for source in range(node) if source not in dead]
        count = generator.randint(0 if node < 1 + nodes else 1, inputs)
        dead |= {node} if not count else set()
        made.append(tuple((generator.choice(DARTS), generator.choice(sources)) for _ in range(count)))
    alive = sorted(set(range(2, 2 + nodes)) - dead)
    return Cell(tuple(made), tuple(sorted(generator.sample(alive, generator.randint(1, len(alive))))))


@pytest.mark.parametrize("name", ["DARTS_V2", "PDARTS", "GDAS_V1", "MdeNAS", "NASNet_A"])
@pytest.mark.parametrize("kind", ["normal", "reduce"])
def test_published_cells_have_no_overlaps_at_column_width(name, kind):
    assert overlaps(figures.draw_cell(PUBLISHED[name].cells()[kind], width=COLUMN)) == []


def test_a_cell_with_all_edges_has_no_overlaps_at_page_width():
    ax = figures.draw_cell(FULL, width=PAGE, title="all")
    assert overlaps(ax) == []
    assert (figures.drawn_boxes(ax)["kind"] == "label").sum() == 14


@pytest.mark.parametrize("seed", range(5))
def test_random_cells_have_no_overlaps(seed):
    cell = random_cell(seed, nodes=3 + seed % 3, inputs=2 + seed % 3)
    ax = figures.draw_cell(cell, width=PAGE)
    assert overlaps(ax) == []
    drawn = figures.drawn_boxes(ax)
    assert sorted(drawn["text"][drawn["kind"] == "label"]) == sorted(
        figures.operation_look(operation).label for operation, *_ in cell.edges()
    )


def test_overlaps_would_be_seen():
    figure = plt.figure(figsize=(COLUMN, 0.3))
    ax = figures.draw_cell(PUBLISHED["DARTS_V2"].reduce, figure.add_axes((0, 0, 1, 1)))
    found = overlaps(ax)
    assert ("max 3×3", "max 3×3") in found
    assert [pair for pair in found if pair[1].startswith("arrow")]


def test_drawings_are_as_wide_as_asked_and_their_type_is_readable():
    ax = figures.draw_cell(PUBLISHED["DARTS_V2"].reduce, width=COLUMN)
    assert ax.figure.get_figwidth() == COLUMN
    assert min(text.get_fontsize() for text in ax.texts) >= 6
    drawn = figures.drawn_boxes(ax)
    assert drawn[["x0", "y0"]].min().min() >= 0
    assert drawn["x1"].max() <= 72 * COLUMN
    assert drawn["y1"].max() <= 72 * ax.figure.get_figheight()


def test_a_cell_reads_from_left_to_right():
    drawn = figures.drawn_boxes(figures.draw_cell(PUBLISHED["PDARTS"].normal[0])).set_index("text")
    assert drawn["x1"]["$c_{k-2}$"] < drawn["x0"]["0"]
    assert drawn["x1"]["1"] < drawn["x0"]["2"]
    assert drawn["x1"]["2"] < drawn["x0"]["3"] < drawn["x1"]["3"] < drawn["x0"]["$c_k$"]
    assert drawn["y0"]["$c_{k-2}$"] > drawn["y1"]["$c_{k-1}$"]


@pytest.mark.parametrize("operations", [
    ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3", "skip_connect", "avg_pool_3x3"),
    ("nor_conv_1x1", "avg_pool_3x3", "none", "skip_connect", "nor_conv_3x3", "nor_conv_1x1"),
    ("none", "none", "nor_conv_3x3", "none", "skip_connect", "none"),
    ("none",) * 6,
])  # fmt: skip
def test_a_benchmark_cell_is_drawn_from_its_input_to_its_output(operations):
    cell = BenchmarkCell(operations)
    figure = figures.draw_genotype(cell)
    (ax,) = figure.axes
    assert overlaps(ax) == [] and figure.get_figwidth() == COLUMN
    drawn = figures.drawn_boxes(ax)
    assert drawn["text"][drawn["kind"] == "node"].to_list() == ["$c_{k-1}$", "1", "2", "$c_k$"]
    table = figures.genotype_table(cell)
    assert len(table) == (drawn["kind"] == "label").sum() == 6 - operations.count("none")
    assert set(table["operation"]) == set(operations) - {"none"}
    x = drawn.set_index("text")
    assert x["x1"]["$c_{k-1}$"] < min(x["x0"]["1"], x["x0"]["2"])
    assert max(x["x1"]["1"], x["x1"]["2"]) < x["x0"]["$c_k$"]


def test_weights_of_a_cell_with_one_input_name_its_nodes_as_its_drawing_does():
    names = ("none", "nor_conv_3x3")
    rows = [(epoch, "cell", *edge, name, 0.2) for epoch in (0, 1) for edge in EDGES for name in names]
    weights = pd.DataFrame(rows, columns=["epoch", "cell", "source", "target", "operation", "weight"])
    figure = figures.draw_weights(weights, "cell", chosen=BenchmarkCell(("none",) * 5 + ("nor_conv_3x3",)))
    titles = {ax.get_title() for ax in figure.axes} - {""}
    assert titles >= {"$c_{k-1}$ → 1: none", "1 → 2: none", "2 → $c_k$: conv 3×3"} and len(titles) == 6


def test_a_genotype_shows_all_its_cells_and_its_table_all_arrows():
    cells = (PUBLISHED["PDARTS"].normal[0], PUBLISHED["MdeNAS"].normal[0], PUBLISHED["GDAS_V1"].normal[0])
    genotype = Genotype(cells, PUBLISHED["PDARTS"].reduce)
    figure = figures.draw_genotype(genotype)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["(a) normal cell 1", "(b) normal cell 2", "(c) normal cell 3", "(d) reduction cell"]
    table = figures.genotype_table(genotype)
    arrows = [patch for ax in figure.axes for patch in ax.patches if patch.get_gid().startswith("arrow")]
    assert len(arrows) == len(table) == 4 * (8 + 4)
    assert set(table.columns) == {"cell", "source", "target", "operation"}


def test_boxes_of_axes_without_a_cell_are_an_error():
    with pytest.raises(ValueError, match="no cell"):
        figures.drawn_boxes(plt.figure().add_subplot())


def test_every_operation_has_its_own_look():
    looks = [figures.operation_look(name) for name in OPERATIONS]
    assert set(OPERATIONS) <= set(figures.OPERATION_COLOURS)
    assert len({look.colour for look in looks}) == len({look.label for look in looks}) == len(looks)
    assert figures.operation_look("sep_conv_3x3").label == "sep 3×3"
    assert figures.operation_look("max_pool_3x3").label == "max 3×3"
    assert figures.operation_look("some_new_op").label == "some new op"


def test_spread_moves_things_apart_as_little_as_possible():
    assert spread([0, 10, 20], [1, 1]) == [0, 10, 20]
    assert spread([5, 5, 5], [2, 2]) == [3, 5, 7]
    assert np.allclose(spread([0, 0], [3], weights=[1, 2]), [-2, 1])


def test_the_style_ends_where_it_should():
    before = dict(mpl.rcParams)
    with figures.style():
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert not mpl.rcParams["text.usetex"]
    assert dict(mpl.rcParams) == before


# files


def test_saved_twice_gives_the_same_bytes_that_say_where_they_come_from(tmp_path):
    genotype, run = PUBLISHED["DARTS_V2"], SimpleNamespace(name="darts-demo-s0-0123456789")
    table = figures.genotype_table(genotype)
    first, second = [
        figures.save(figures.draw_genotype(genotype), "sub/cells", table, runs=[run, "other"], folder=tmp_path / turn)
        for turn in "ab"
    ]
    assert set(first) == {"pdf", "png", "csv"}
    for suffix, path in first.items():
        assert path == tmp_path / "a" / "sub" / f"cells.{suffix}"
        assert path.read_bytes() == second[suffix].read_bytes()
    assert b"nascore:runs=darts-demo-s0-0123456789 other; nascore:version=" in first["pdf"].read_bytes()
    assert b"CreationDate" not in first["pdf"].read_bytes()
    with Image.open(first["png"]) as image:
        assert image.text["nascore:runs"] == "darts-demo-s0-0123456789 other"
        assert image.text["nascore:version"]
        assert image.width == round(200 * PAGE)
        ink = np.mean(np.asarray(image.convert("L")) < 200)
    assert 0.01 < ink < 0.5
    pd.testing.assert_frame_equal(pd.read_csv(first["csv"]), table)


def test_saving_leaves_a_figure_and_numbers_as_they_are(tmp_path):
    table = pd.DataFrame({"epoch": [1, 2], "test_accuracy": [1 / 3, 2e-17]})
    ax = plt.subplots()[1]
    ax.plot(table["epoch"], table["test_accuracy"])
    figures.save(ax, "plain", table, folder=tmp_path)
    read = pd.read_csv(tmp_path / "plain.csv")
    assert read["test_accuracy"].tolist() == ax.lines[0].get_ydata().tolist()
    assert ax.figure.get_layout_engine() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.csv", "plain.pdf", "plain.png"]


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "", "a/"])
def test_a_name_that_leaves_the_folder_is_an_error(name, tmp_path):
    with pytest.raises(ConfigError, match="inside its folder"):
        figures.save(plt.figure(), name, pd.DataFrame(), folder=tmp_path / "figures")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NascoreError, match=r"cannot write .*taken"):
        figures.save(plt.figure(), "x", pd.DataFrame(), folder=tmp_path / "taken")


# curves


def weights_table(nodes=4, epochs=3, pruned=()):
    generator = random.Random(0)
    rows = [
        (epoch, "normal", source, target, name, np.nan if name in pruned and epoch > 1 else generator.random())
        for epoch in range(epochs + 1)
        for target in range(2, 2 + nodes)
        for source in range(target)
        for name in DARTS
    ]
    return pd.DataFrame(rows, columns=["epoch", "cell", "source", "target", "operation", "weight"])


def test_weight_evolution_draws_every_operation_of_every_edge():
    weights = weights_table()
    figure = figures.draw_weights(weights, "normal", chosen=PUBLISHED["DARTS_V2"].normal[0])
    panels = {ax.get_title().split(":")[0]: ax for ax in figure.axes if ax.axison}
    assert len(panels) == 14
    for (source, target), edge in weights.groupby(["source", "target"]):
        ax = panels[f"{figures.node_name(source)} → {figures.node_name(target)}"]
        lines = {line.get_label(): line for line in ax.lines}
        assert set(lines) == set(DARTS)
        for name, rows in edge.groupby("operation"):
            assert lines[name].get_ydata().tolist() == rows["weight"].tolist()
            assert lines[name].get_color() == figures.OPERATION_COLOURS[name]
    assert panels["0 → 3"].get_title() == "0 → 3: dil 3×3"
    thick = [line.get_label() for line in panels["0 → 3"].lines if line.get_linewidth() > 2]
    assert thick == ["dil_conv_3x3"]


@pytest.mark.parametrize(("nodes", "edges"), [(2, 5), (3, 9)])
def test_weight_lines_end_where_an_operation_was_pruned(nodes, edges):
    figure = figures.draw_weights(weights_table(nodes, pruned=["none"]), "normal", width=COLUMN)
    panels = [ax for ax in figure.axes if ax.axison]
    crosses = [line for ax in panels for line in ax.lines if line.get_marker() == "x"]
    assert len(panels) == len(crosses) == edges
    assert all(line.get_xdata() == [1] for line in crosses)


def test_the_legend_of_weights_lies_in_the_empty_corner():
    figure = figures.draw_weights(weights_table(3), "normal")
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert len(figure.legends[0].texts) == 8
    assert not [ax for ax in figure.axes if ax.axison and Bbox.intersection(legend, ax.get_tightbbox())]


def test_weights_of_an_unknown_cell_type_are_an_error():
    with pytest.raises(ConfigError, match="'reduce', only of normal"):
        figures.draw_weights(weights_table(1), "reduce")


def fake_run(recipe, seed, shift=0.0):
    epochs = np.arange(1, 6)
    history = pd.DataFrame({"epoch": epochs, "train_loss": 1 / epochs, "test_accuracy": 50 + 5 * epochs + shift})
    return SimpleNamespace(name=f"{recipe}-demo-s{seed}-0", recipe=recipe, profile="demo", seed=seed, history=history)


def test_training_curves_show_mean_range_and_number_of_seeds():
    runs = {"DARTS": [fake_run("darts", seed, shift=seed) for seed in range(3)], "random": fake_run("random", 0)}
    ax = figures.draw_training(runs, "test_accuracy")
    assert ax.lines[0].get_ydata().tolist() == [56, 61, 66, 71, 76]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (55, 77)
    assert sorted(text.get_text() for text in ax.texts) == ["DARTS (n=3)", "random (n=1)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy (%)")
    assert figures.metric_label("train_loss") == "training loss (cross-entropy)"


def test_names_of_curves_that_end_together_do_not_overlap():
    ax = figures.draw_training([fake_run(f"recipe{i}", 0) for i in range(5)], "train_loss")
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 5
    assert not [1 for a, b in combinations(boxes, 2) if min(a.y1, b.y1) - max(a.y0, b.y0) > 0.3 * a.height]


def test_training_without_the_metric_or_without_runs_is_an_error():
    with pytest.raises(ConfigError, match="'valid_accuracy', only label, run"):
        figures.draw_training([fake_run("darts", 0)], "valid_accuracy")
    with pytest.raises(ConfigError, match="no runs"):
        figures.draw_training([])


def test_a_comparison_shows_every_seed_and_the_mean_of_the_measured_ones():
    table = pd.DataFrame(
        {
            "label": ["DARTS", "DARTS", "DARTS", "random"],
            "test_accuracy": [97.0, 97.4, 90.0, 96.5],
            "kind": ["measured", "measured", "reported", "measured"],
        }
    )
    ax = figures.draw_comparison(table)
    points = [line for line in ax.lines if line.get_marker() not in ("None", None)]
    assert sorted(x for line in points for x in line.get_xdata()) == [90.0, 96.5, 97.0, 97.4]
    ticks = [line.get_xdata()[0] for line in ax.lines if line not in points]
    assert ticks == [pytest.approx(97.2)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["DARTS (n=2)", "random (n=1)"]
    assert {text.get_text() for text in ax.get_legend().texts} == {"measured", "reported"}
