"""Figures of networks that grow: blocks, depths, stages; and what leaving something out changes."""

import io

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from drawn import check_texts, shown
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from nascore import figures, networks
from nascore.base.errors import ConfigError
from nascore.figures import COLUMN, PAGE
from nascore.figures.shared.kinds import kind_face
from nascore.networks import PUBLISHED
from nascore.networks.operations import DARTS

NEW = tuple(f"{name}_conv_{size}" for name in ("dil_dil", "dil_sep", "deep_sep") for size in ("3x3", "5x5"))
KINDS = ("normal", "normal1", "normal2", "normal3", "reduce")
CELL = PUBLISHED["DARTS_V2"].normal[0]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def kinds(cells, normal_types=1):
    return networks.kinds(cells, networks.default_reductions(cells), normal_types)


STAGES = [kinds(5), kinds(11), kinds(17)]
DEPTHS = {"DARTS, search": kinds(8), "P-DARTS, stage 1": kinds(5), "stage 3": kinds(17), "evaluation": kinds(20)}
NOTES = {"DARTS, search": "8 operations an edge", "stage 3": "3 operations an edge"}


def weights(nodes=4, counts=(8, 5, 3), operations=DARTS, cell="normal"):
    """Three epochs a stage; those of an edge that are not among the first `counts[stage]` of its order are dropped."""
    generator = np.random.default_rng(0)
    rows = []
    for source, target in [(one, other) for other in range(2, 2 + nodes) for one in range(other)]:
        order = generator.permutation(len(operations))
        for epoch in range(3 * len(counts) + 1):
            values = generator.dirichlet(np.ones(len(operations)))
            values[order >= counts[max(0, epoch - 1) // 3]] = np.nan
            rows += [(epoch, cell, source, target, *pair) for pair in zip(operations, values, strict=True)]
    return pd.DataFrame(rows, columns=["epoch", "cell", "source", "target", "operation", "weight"])


def growth(**more):
    return figures.draw_growth(weights(), "normal", [0, 3, 6], **{"kinds": STAGES, "chosen": CELL} | more)


def change(
    panels=("DARTS", "P-DARTS"), names=(*DARTS, "both pools", "all dilated ones", "each but the skips"), seeds=3
):
    generator = np.random.default_rng(0)
    rows = [
        (panel, name, generator.normal(at / 5 - 1, 0.5), 0.4 + 0.2 * place)
        for place, panel in enumerate(panels)
        for at, name in enumerate(names)
        for _ in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["panel", "name", "change", "floor"])


DRAWINGS = {
    "network of 5": lambda: figures.draw_network(kinds(5)),
    "network of 8": lambda: figures.draw_network(kinds(8)),
    "network of 29": lambda: figures.draw_network(kinds(29, 3)),
    "network of 1": lambda: figures.draw_network(["normal"]),
    "depths": lambda: figures.draw_depths(DEPTHS, NOTES),
    "depths, narrow": lambda: figures.draw_depths(DEPTHS, NOTES, width=COLUMN),
    "depths, 29": lambda: figures.draw_depths({"a network with a name " * 3: kinds(29, 3), "b": kinds(2)}),
    "growth": growth,
    "growth, narrow": lambda: growth(width=COLUMN),
    "growth, deep": lambda: growth(kinds=[kinds(9, 3), kinds(19, 3), kinds(29, 3)], chosen=None),
    "change": lambda: figures.draw_change(change(), width=PAGE),
    "change, narrow": lambda: figures.draw_change(change(("a", "b"), ("operations wider than 3x3", *NEW))),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_large_inside_the_figure_and_do_not_overlap(name):
    figure = DRAWINGS[name]()
    check_texts(figure)
    assert min(text.get_fontsize() for text, _ in shown(figure)) >= 7


@pytest.mark.parametrize("name", ["network of 29", "depths", "growth", "change"])
def test_the_same_input_gives_the_same_bytes(name):
    files = []
    for _ in range(2):
        buffer = io.BytesIO()
        with figures.style():
            DRAWINGS[name]().savefig(buffer)
        files.append(buffer.getvalue())
    assert files[0] == files[1]


def test_the_six_operations_of_the_thesis_have_looks_of_their_own():
    looks = [figures.operation_look(name) for name in (*DARTS, *NEW)]
    assert len({look.colour for look in looks}) == len({look.label for look in looks}) == len(looks)
    assert [look.label for look in looks[8:]] == [
        "dil 3×3 twice", "dil 5×5 twice", "dil+sep 3×3", "dil+sep 5×5", "deep 3×3", "deep 5×5"
    ]  # fmt: skip
    lines = [look.line for look in looks]
    for first in range(8, 14, 2):  # relatives differ by line style too
        assert lines[first] != lines[first + 1]


def test_kinds_have_colours_of_their_own():
    assert len({kind_face(kind) for kind in KINDS}) == len(KINDS)


# networks


def texts(ax):
    return [text.get_text() for text in ax.texts]


def boxes(ax, gid):
    return [patch for patch in ax.patches if (patch.get_gid() or "").startswith(gid)]


def faces(patches):
    return [to_hex(patch.get_facecolor()) for patch in patches]


def reads(ax):
    """(source slot, target slot) of the arrows in the enlarged part."""
    return [tuple(map(int, patch.get_gid().split()[1:])) for patch in boxes(ax, "read")]


def test_a_network_is_blocks_of_equal_cells_between_stem_and_classifier():
    (ax,) = figures.draw_network(kinds(20, 3)).axes
    assert texts(ax)[:11] == ["image", "stem", "normal1 × 6", "reduction", "normal2 × 6", "reduction", "normal3 × 6",
                              "global", "pooling", "linear", "classifier"]  # fmt: skip
    plain = "#ffffff"
    wanted = [plain] * 2
    for kind, count in (("normal1", 3), ("reduce", 1), ("normal2", 3), ("reduce", 1), ("normal3", 3)):
        wanted += [kind_face(kind)] * count  # at most three sheets stand for a run
    assert faces(boxes(ax, "block")) == [*wanted, plain, plain]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch) and not patch.get_gid()]
    assert len(arrows) == 8


def test_reductions_are_blocks_of_their_own_even_side_by_side():
    assert texts(figures.draw_network(["reduce", "reduce"]).axes[0])[2:4] == ["reduction", "reduction"]
    assert texts(figures.draw_network(["normal"] * 4).axes[0])[2:5] == ["normal × 4", "global", "pooling"]


@pytest.mark.parametrize(("cells", "slots"), [(1, range(-1, 2)), (5, range(-1, 5)), (20, range(4, 10))])
def test_each_cell_shown_reads_the_two_before_it(cells, slots):
    (ax,) = figures.draw_network(kinds(cells)).axes
    found = reads(ax)
    assert len(found) == len(set(found))
    for slot in slots:
        wanted = {(slot - 1, slot), (slot - 2, slot)} if 0 < slot < cells else {(slot - 1, slot)}
        assert {pair for pair in found if pair[1] == slot} == (wanted if slot >= 0 else set())
    named = [box.get_gid() for box in boxes(ax, "slot")]
    assert [f"slot {slot}" for slot in slots] == [name for name in named if int(name.split()[1]) in slots]
    by_slot = {int(box.get_gid().split()[1]): to_hex(box.get_facecolor()) for box in boxes(ax, "slot")}
    for slot, kind in enumerate(kinds(cells)):
        assert by_slot.get(slot, kind_face(kind)) == kind_face(kind)


def test_arrows_lie_between_or_beside_the_cells_they_join():
    (ax,) = figures.draw_network(kinds(20)).axes
    by_slot = {int(box.get_gid().split()[1]): box.get_bbox() for box in boxes(ax, "slot")}
    joined = [arrow for arrow in boxes(ax, "read") if {*map(int, arrow.get_gid().split()[1:])} <= by_slot.keys()]
    assert len(joined) > 10
    for arrow in joined:
        source, target = (by_slot[int(slot)] for slot in arrow.get_gid().split()[1:])
        path = arrow.get_path()
        x, y = path.vertices[path.codes != path.CLOSEPOLY].T
        if target.x0 - source.x1 < source.width:
            assert source.x1 <= x.min() < x.max() <= target.x0
        else:
            assert (y.min() >= source.y1 or y.max() <= source.y0) and source.x0 < x.min() < x.max() < target.x1


def test_what_is_no_network_is_an_error():
    with pytest.raises(ConfigError, match="a list with the kind of each cell"):
        figures.draw_network([])
    with pytest.raises(ConfigError, match="kind 'cell', only for normal, normal1"):
        figures.draw_network(["normal", "cell"])
    with pytest.raises(ConfigError, match=r"9 blocks need a width of \d\.\d inches, not 3\.3"):
        figures.draw_network(kinds(8), width=COLUMN)


# depths


def squares(ax):
    """The squares of each row, from top to bottom: lists of (left, size, colour)."""
    rows = {}
    for patch in ax.patches:
        if isinstance(patch, Rectangle) and (patch.get_gid() or "").startswith("cell"):
            square = (patch.get_x(), patch.get_width(), to_hex(patch.get_facecolor()))
            rows.setdefault(round(patch.get_y() + patch.get_height() / 2, 3), []).append(square)
    return [rows[height] for height in sorted(rows, reverse=True)]


@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_depths_are_a_square_for_each_cell(width):
    (ax,) = figures.draw_depths(DEPTHS, NOTES, width=width).axes
    rows = squares(ax)
    assert [[colour for *_, colour in row] for row in rows] == [[kind_face(kind) for kind in row]
                                                                for row in DEPTHS.values()]  # fmt: skip
    assert len({round(size, 6) for row in rows for _, size, _ in row}) == 1
    columns = [round(left, 6) for left, *_ in rows[3]]
    assert columns == sorted(columns) and all([round(left, 6) for left, *_ in row] == columns[: len(row)]
                                              for row in rows)  # fmt: skip
    assert [text.get_text() for text in ax.figure.legends[0].texts] == ["normal cell", "reduction cell"]


def test_rows_end_with_their_notes():
    (ax,) = figures.draw_depths(DEPTHS, NOTES).axes
    written = {text.get_text(): text.get_position() for text in ax.texts}
    assert list(written) == [
        "evaluation", "20 cells",
        "stage 3", "17 cells, 3 operations an edge",
        "P-DARTS, stage 1", "5 cells",
        "DARTS, search", "8 cells, 8 operations an edge",
    ]  # fmt: skip
    heights = [height for _, height in written.values()]
    assert heights == sorted(heights)
    for (x, _), row in zip(list(written.values())[1::2], reversed(squares(ax)), strict=True):
        assert 5 < x - (row[-1][0] + row[-1][1]) < 12


def test_what_are_no_depths_is_an_error():
    with pytest.raises(ConfigError, match="no networks to draw"):
        figures.draw_depths({})
    with pytest.raises(ConfigError, match="network 'a' needs a list"):
        figures.draw_depths({"a": []})
    with pytest.raises(ConfigError, match="note for 'c', but the networks are a"):
        figures.draw_depths({"a": kinds(5)}, {"c": "8 operations"})
    with pytest.raises(ConfigError, match="200 cells of 'a' find no room"):
        figures.draw_depths({"a": kinds(200), "b": kinds(5)})


# growth


def strands(ax):
    return {(line.get_gid(), line.get_label()): line.get_linewidth() for line in ax.lines if line.get_gid()}


def test_stages_have_their_cells_and_what_is_alive():
    table = weights()
    axes = growth().axes
    titles = [ax.get_title(loc="left").split("\n") for ax in axes]
    assert titles == [
        ["(a) stage 1: 5 cells", "8 operations an edge"],
        ["(b) stage 2: 11 cells", "5 operations an edge"],
        ["(c) stage 3: 17 cells", "3 operations an edge"],
        ["(d) derived normal cell", "8 operations"],
    ]
    for ax, stage, last in zip(axes, STAGES, (3, 6, 9), strict=False):
        (row,) = squares(ax)
        assert [colour for *_, colour in row] == [kind_face(kind) for kind in stage]
        alive = table[table["epoch"] == last].dropna()
        wanted = {(f"strand {row.source} {row.target}", row.operation): row.weight for row in alive.itertuples()}
        drawn = strands(ax)
        assert drawn.keys() == wanted.keys()
        ratios = [drawn[name] / wanted[name] for name in wanted]
        assert np.allclose(ratios, ratios[0])
        assert texts(ax)[:2] == [f"widths: weights of epoch {last}", f"the largest {alive['weight'].max():.2f}"]
    assert squares(axes[3]) == [] and strands(axes[3]) == {}
    arrows = [patch for patch in axes[3].patches if isinstance(patch, FancyArrowPatch)]
    assert [to_hex(arrow.get_edgecolor()) for arrow in arrows] == [
        figures.OPERATION_COLOURS[name] for name, *_ in CELL.edges()
    ]
    entries = [text.get_text() for legend in axes[0].figure.legends for text in legend.texts]
    assert entries == ["normal cell", "reduction cell", *(figures.operation_look(name).label for name in DARTS)]


def test_names_of_nodes_are_inside_their_circles_and_these_inside_the_panel():
    figure = growth()
    figure.draw_without_rendering()
    for ax in figure.axes:
        circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
        assert len(circles) == 6
        for circle in circles:
            around, frame = circle.get_window_extent(), ax.get_window_extent()
            assert frame.x0 <= around.x0 and around.x1 <= frame.x1 and frame.y0 <= around.y0
            (name,) = (text for text in ax.texts if text.get_position() == circle.center)
            box = name.get_window_extent()
            free = figure.dpi / 72  # a point
            assert around.x0 + free < box.x0 and box.x1 < around.x1 - free


def test_an_operation_dropped_when_a_stage_ends_is_alive_in_it():
    table = weights(nodes=2, counts=(8, 8))
    lost = table["operation"].eq("none") & table["epoch"].ge(3) & table["target"].eq(2)
    first, second = figures.draw_growth(
        table.assign(weight=table["weight"].mask(lost)), "normal", [0, 3], kinds=STAGES[:2]
    ).axes
    assert len(strands(first)) == 5 * 8 and len(strands(second)) == 5 * 8 - 2
    assert "8 operations an edge" in first.get_title(loc="left").replace("\n", " ")
    assert "7 to 8 operations an edge" in second.get_title(loc="left").replace("\n", " ")


def test_a_stage_without_operations_and_a_cell_type_of_three():
    table = weights(counts=(8, 1), cell="normal2")
    table.loc[table["epoch"] > 3, "weight"] = np.nan
    stages = [kinds(5, 3), kinds(1)]
    figure = figures.draw_growth(table, "normal2", [0, 3], kinds=stages, chosen=CELL)
    titles = [ax.get_title(loc="left").replace("\n", " ") for ax in figure.axes]
    assert "derived normal cell 2" in titles[2]
    assert (
        "stage 2: 1 cell" in titles[1]
        and "0 operations an edge" in titles[1]
        and texts(figure.axes[1])[0] == ("all pruned")
    )


def test_what_are_no_stages_is_an_error():
    for starts in ([], [1, 3], [0, 3, 3], [0, 9], [0, 6, 3]):
        with pytest.raises(ConfigError, match="stages start after epoch 0"):
            figures.draw_growth(weights(2), "normal", starts, kinds=[kinds(5)] * len(starts))
    with pytest.raises(ConfigError, match="3 stages, but kinds for 2"):
        growth(kinds=STAGES[:2])
    with pytest.raises(ConfigError, match="stage 2 needs a list"):
        growth(kinds=[STAGES[0], [], STAGES[2]])
    with pytest.raises(ConfigError, match="'reduce', only of normal"):
        figures.draw_growth(weights(2), "reduce", [0], kinds=[kinds(5)])
    with pytest.raises(ConfigError, match="chosen has an edge to node 5, but the weights are of nodes up to 3"):
        figures.draw_growth(weights(2), "normal", [0], kinds=[kinds(5)], chosen=CELL)
    with pytest.raises(ConfigError, match="no column 'weight'"):
        figures.draw_growth(weights(2).drop(columns="weight"), "normal", [0], kinds=[kinds(5)])


# changes


def marked(ax, gid):
    """What is drawn under this name, by the row's name."""
    return {line.get_gid().removeprefix(f"{gid} "): line for line in ax.lines if str(line.get_gid()).startswith(gid)}


def test_a_change_shows_every_seed_its_mean_and_the_error_of_that():
    frame = change()
    figure = figures.draw_change(frame, label="change of the error (points)", width=PAGE)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["DARTS, n=3", "P-DARTS, n=3"]
    for (_, rows), ax in zip(frame.groupby("panel"), figure.axes, strict=True):
        points, means, errors = (marked(ax, gid) for gid in ("points", "mean", "error"))
        assert points.keys() == means.keys() == errors.keys() == set(frame["name"])
        for at, (name, values) in enumerate(rows.groupby("name", sort=False)["change"]):
            assert points[name].get_xdata().tolist() == values.tolist()
            middle = points[name].get_ydata().mean()
            assert at - 0.5 < points[name].get_ydata().min() and middle < at < means[name].get_ydata().min() < at + 0.5
            assert means[name].get_xdata() == pytest.approx([values.mean()] * 2)
            error = values.std() / np.sqrt(3)
            assert errors[name].get_xdata() == pytest.approx([values.mean() - error, values.mean() + error])
        (band,) = (patch for patch in ax.patches if patch.get_gid() == "floor")
        assert (band.get_x(), band.get_width()) == pytest.approx((-rows["floor"].iloc[0], 2 * rows["floor"].iloc[0]))
        assert marked(ax, "zero")["zero"].get_xdata() == [0, 0]
    assert "change of the error (points)" in [text.get_text() for text in figure.texts]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [figures.operation_look(name).label for name in dict.fromkeys(frame["name"])]
    assert len(figure.axes[1].get_yticks()) == 0 and labels[-3] == "both pools"


def test_rows_keep_their_order_and_may_lack_a_panel_or_seeds():
    frame = change(names=("skip_connect", "none", "both pools"), seeds=2).drop(columns="floor")
    frame = frame[(frame["panel"] == "DARTS") | (frame["name"] != "none")].iloc[1:]
    first, second = figures.draw_change(frame).axes
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["DARTS, n=1 to 2", "P-DARTS, n=2"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["skip", "none", "both pools"]
    assert (
        marked(first, "mean").keys() == {"none", "both pools"}
        and len(marked(first, "points")["skip_connect"].get_xdata()) == 1
    )
    assert marked(second, "points").keys() == {"skip_connect", "both pools"}
    heights = marked(second, "points")["both pools"].get_ydata()
    assert 1.5 < heights.min() and heights.max() < 2.5
    assert not [patch for ax in (first, second) for patch in ax.patches if patch.get_gid() == "floor"]


def test_panels_are_on_one_scale_unless_asked():
    frame = change()
    frame.loc[frame["panel"] == "DARTS", "change"] *= 20
    together, apart = (figures.draw_change(frame, shared=shared, width=PAGE).axes for shared in (True, False))
    assert together[0].get_xlim() == together[1].get_xlim() == apart[0].get_xlim()
    assert np.ptp(apart[1].get_xlim()) < np.ptp(apart[0].get_xlim()) / 5
    for (_, rows), ax in zip(frame.groupby("panel"), apart, strict=True):
        assert ax.get_xlim()[0] < min(rows["change"].min(), 0) and max(rows["change"].max(), 0) < ax.get_xlim()[1]


def test_what_is_no_change_is_an_error():
    for column in ("panel", "name", "change"):
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            figures.draw_change(change().drop(columns=column))
    with pytest.raises(ConfigError, match="no rows"):
        figures.draw_change(change().iloc[:0])
    frame = change()
    frame.loc[4, "change"] = np.nan
    with pytest.raises(ConfigError, match="'max_pool_3x3' in panel 'DARTS' has no change"):
        figures.draw_change(frame)
    with pytest.raises(ConfigError, match=r"'DARTS' needs one floor in all its rows, not below 0: there are 0\.4, 9"):
        figures.draw_change(change().assign(floor=[0.4, *[9.0] * 65]))
    with pytest.raises(ConfigError, match="floor in all its rows, not below 0"):
        figures.draw_change(change().assign(floor=-1.0))
    with pytest.raises(ConfigError, match="6 panels beside their names find no room"):
        figures.draw_change(change(panels="abcdef"))
