"""Figures of pruned nodes: masks, what is kept, the method's flowcharts; the images and spectrograms it sees."""

import io
from itertools import combinations

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check_texts, shown
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.path import Path as MplPath
from matplotlib.transforms import Bbox
from test_figures import overlaps

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.figures import COLUMN, PAGE, Arrow, Box
from nascore.figures.shared.kinds import cell_name
from nascore.networks import PUBLISHED, Genotype, Stack
from nascore.networks import kinds as kinds_of
from nascore.networks.node_pruning import without_nodes, without_outputs

FIVE, TWELVE = kinds_of(5, (1, 2), 1), kinds_of(12, (4, 8), 1)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def masks(cells, epochs=30, alive=0.5, nodes=4):
    """Masks that fall from 1; the share `alive` of them not to 0."""
    generator = np.random.default_rng(cells)
    rows = []
    for cell in range(1, cells + 1):
        for node in range(nodes):
            zero = np.inf if generator.random() < alive else generator.integers(1, epochs + 1)
            values = np.maximum(1 - np.arange(epochs + 1) / min(zero, 2 * epochs), 0)
            rows += [(epoch, cell, node, value) for epoch, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["epoch", "cell", "node", "mask"])


def kept(kinds, seed):
    generator = np.random.default_rng(seed)
    return tuple(tuple(np.flatnonzero(generator.random(4) < 0.45).tolist()) for _ in kinds)


def networks(kinds, count):
    named = {f"adversarial, seed {seed}": kept(kinds, seed) for seed in range(count)}
    ends = {"everything": ((0, 1, 2, 3),) * len(kinds), "nothing": ((),) * len(kinds)}
    return named | ends | {"plain l1 pruning of a network that trains on, seed 0": kept(kinds, 99)}


def images(channels=3, size=8, count=10):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, channels, size, size), dtype=torch.uint8, generator=generator)


def spectrograms(count):
    return [np.random.default_rng(seed).uniform(-80, 0, (17, 31)) for seed in range(count)]


CAPTIONS = ["cat", "a caption of several lines, as it is long", *["dog"] * 8]
TANGLE = {
    "a": Box("a box", 0, 0),
    "b": Box("another, with a text of several lines", 1, 0.5),
    "c": Box("wide\nand high", 2.5, 1, "accent", 2, 20),
    "d": Box("dark", 0, 2, "reduce"),
    "e": Box("$L_1$", 3.5, 0, "normal"),
}
ARROWS = [
    Arrow("a", "b", "first"),
    Arrow("b", "c", "second"),
    Arrow("d", "b", "third", True, "right", "bottom"),
    Arrow("c", "d", "back again", True, "bottom", "bottom"),
    Arrow("a", "d", "down"),
    Arrow("a", "e", "around", leave="top", enter="top"),
    Arrow("e", "c"),
]
FLOWS = {
    "pipeline": figures.draw_pipeline,
    "pipeline, narrow": lambda: figures.draw_pipeline(COLUMN),
    "adversarial": figures.draw_adversarial,
    "tangle": lambda: figures.draw_flow(TANGLE, ARROWS),
}
DRAWINGS = FLOWS | {
    "masks of 1": lambda: figures.draw_masks(masks(1), width=COLUMN),
    "masks of 5": lambda: figures.draw_masks(masks(5, epochs=3, alive=0), kinds=FIVE),
    "masks of 5, narrow": lambda: figures.draw_masks(masks(5), kinds=FIVE, width=COLUMN),
    "masks of 10": lambda: figures.draw_masks(masks(10, alive=1), kinds=kinds_of(10, (3, 6), 1)),
    "masks of 12": lambda: figures.draw_masks(masks(12), kinds=TWELVE),
    "kept of 1": lambda: figures.draw_kept(networks(["normal"], 2), kinds=["normal"], width=COLUMN),
    "kept of 5": lambda: figures.draw_kept(networks(FIVE, 4), kinds=FIVE),
    "kept of 5, narrow": lambda: figures.draw_kept(networks(FIVE, 4), kinds=FIVE, width=COLUMN),
    "kept of 12": lambda: figures.draw_kept(networks(TWELVE, 11), kinds=TWELVE),
    "images": lambda: figures.draw_images(images(), CAPTIONS),
    "images, narrow": lambda: figures.draw_images(images(1, 40), CAPTIONS, across=4, width=COLUMN),
    "spectrograms": lambda: figures.draw_spectrograms(spectrograms(7), ["a title that is long"] * 7, seconds=0.4),
    "a spectrogram": lambda: figures.draw_spectrograms(spectrograms(1), ["one"], seconds=3, width=COLUMN),
    "network": lambda: network(),
}


def network(**more):
    lines = {"image": ("image", "224 × 224"), "stem": ("3×3, stride 2", "stem")}
    return figures.draw_network(kinds_of(8, (2, 4), 1), **lines | more)


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_large_inside_the_figure_and_do_not_overlap(name):
    figure = DRAWINGS[name]()
    check_texts(figure)
    assert min(text.get_fontsize() for text, _ in shown(figure)) >= 7


@pytest.mark.parametrize("name", ["adversarial", "masks of 5", "kept of 5", "images", "a spectrogram"])
def test_the_same_input_gives_the_same_bytes(name):
    assert contents(DRAWINGS[name]()) == contents(DRAWINGS[name]())


def contents(figure):
    buffer = io.BytesIO()
    with figures.style():
        figure.savefig(buffer)
    return buffer.getvalue()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def titles(figure):
    return [ax.get_title(loc="left").replace("\n", " ") for ax in figure.axes]


def entries(figure):
    return [text.get_text() for legend in figure.legends for text in legend.texts]


# masks


def crosses(ax):
    """The node of each cross, and where it is."""
    found = [line for line in ax.lines if str(line.get_gid()).startswith("zero")]
    return {int(line.get_gid().split()[1]): (line.get_xdata()[0], line.get_ydata()[0]) for line in found}


def test_masks_are_a_line_for_each_node_crossed_where_it_stays_at_zero():
    table = masks(5)
    figure = figures.draw_masks(table, kinds=FIVE)
    for cell, ax in enumerate(figure.axes, start=1):
        rows = table[table["cell"] == cell]
        for node, line in rows.groupby("node"):
            (drawn,) = (each for each in ax.lines if each.get_label() == f"node {node}")
            assert drawn.get_ydata().tolist() == line["mask"].tolist()
            assert drawn.get_xdata().tolist() == line["epoch"].tolist()
            zero = line.loc[line["mask"] == 0, "epoch"]
            assert crosses(ax).get(node, (None,))[0] == (zero.min() if len(zero) else None)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1
    assert entries(figure) == ["node 0", "node 1", "node 2", "node 3", "0 from here on"]


def test_titles_say_what_a_cell_keeps_and_tell_reductions():
    table = masks(3, alive=1)
    table.loc[(table["cell"] == 2) & (table["epoch"] > 9) & table["node"].isin([0, 3]), "mask"] = 0.0
    wanted = ["cell 1, 4 of 4 kept", "cell 2, 2 of 4 kept", "cell 3, 4 of 4 kept"]
    assert titles(figures.draw_masks(table)) == wanted
    assert titles(figures.draw_masks(table, kinds=FIVE))[1] == "cell 2, reduction, 2 of 4 kept"
    assert "0 from here on" not in entries(figures.draw_masks(masks(1, alive=1)))


def test_a_mask_that_comes_back_is_crossed_where_it_stays_at_zero():
    values = {0: [1, 0, 0.2, 0, 0], 1: [1, 0, 0, 0, 0.1], 2: [0, 0, 0, 0, 0]}
    rows = [(epoch, 1, node, mask) for node, line in values.items() for epoch, mask in enumerate(line)]
    table = pd.DataFrame(rows, columns=["epoch", "cell", "node", "mask"]).sample(frac=1, random_state=0)
    (ax,) = figures.draw_masks(table).axes
    assert crosses(ax) == {0: (3, 0), 2: (0, 0)}


def test_crosses_of_one_epoch_stand_one_below_the_other():
    (ax,) = figures.draw_masks(pd.DataFrame({"epoch": [0, 1] * 4, "cell": 1, "node": np.repeat(range(4), 2),
                                             "mask": [1.0, 0.0] * 4}), width=COLUMN).axes  # fmt: skip
    ax.figure.draw_without_rendering()
    places = np.array([ax.transData.transform(place) for place in crosses(ax).values()]) * 72 / ax.figure.dpi
    assert np.allclose(places[:, 0], places[0, 0]) and np.allclose(np.diff(places[:, 1]), -5.5)
    assert places[:, 1].min() > ax.get_window_extent().y0 * 72 / ax.figure.dpi + 2


def test_axes_are_named_where_no_panel_stands_in_between():
    figure = figures.draw_masks(masks(10))
    assert [ax.get_ylabel() for ax in figure.axes] == ["mask", "", "", ""] * 2 + ["mask", ""]
    assert [ax.get_xlabel() for ax in figure.axes] == [""] * 6 + ["epoch"] * 4
    for ax in figure.axes:
        assert bool(ax.get_xlabel()) == any(label.get_text() for label in ax.get_xticklabels())


def test_what_are_no_masks_is_an_error():
    for column in ("epoch", "cell", "node", "mask"):
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            figures.draw_masks(masks(2).drop(columns=column))
    with pytest.raises(ConfigError, match="no rows"):
        figures.draw_masks(masks(2).iloc[:0])
    with pytest.raises(ConfigError, match="two rows for epoch 0, cell 1, node 0"):
        figures.draw_masks(pd.concat([masks(1), masks(1)]))
    with pytest.raises(ConfigError, match="masks of cell 3, but kinds of cells 1 to 2"):
        figures.draw_masks(masks(3), kinds=["normal"] * 2)


# what is kept


def squares(ax):
    """(row, cell, node) -> colour."""
    found = [patch for patch in ax.patches if str(patch.get_gid()).startswith("row")]
    return {tuple(map(int, patch.get_gid().split()[1::2])): to_hex(patch.get_facecolor()) for patch in found}


def test_squares_are_filled_for_the_nodes_that_are_kept():
    rows = networks(FIVE, 3)
    (ax,) = figures.draw_kept(rows, kinds=FIVE).axes
    drawn = squares(ax)
    assert len(drawn) == len(rows) * 5 * 4 and len(set(drawn.values())) == 2
    filled = drawn[3, 0, 0]  # of everything
    assert {at for at, colour in drawn.items() if colour == filled} == {
        (row, cell, node) for row, each in enumerate(rows.values()) for cell in range(5) for node in each[cell]
    }
    empty = {line.get_gid() for line in ax.lines}
    assert empty == {f"row {row} cell {cell} none" for row, each in enumerate(rows.values()) for cell in range(5)
                     if not each[cell]}  # fmt: skip
    counts = [text for text in texts(ax) if "/" in text]
    assert counts == [f"{sum(map(len, each))}/20" for each in rows.values()]
    assert texts(ax)[:7] == ["1", "2", "3", "4", "5", "cell", "kept"]
    assert next(iter(rows)) in texts(ax)


def test_reduction_cells_are_shaded_and_the_legend_has_what_there_is():
    figure = figures.draw_kept(networks(FIVE, 1), kinds=FIVE)
    shades = [patch for patch in figure.axes[0].patches if str(patch.get_gid()).startswith("reduction")]
    assert [shade.get_gid() for shade in shades] == ["reduction 1", "reduction 2"]
    order = "squares: nodes 0 to 3 of a cell, from left to right"
    assert entries(figure) == ["kept", "pruned", "none kept", "reduction cell", order]
    plain = figures.draw_kept({"a": ((0,), (1, 2))}, kinds=["normal"] * 2)
    assert entries(plain) == ["kept", "pruned", order]


def test_what_is_not_kept_of_a_network_is_an_error():
    with pytest.raises(ConfigError, match="no networks to draw"):
        figures.draw_kept({}, kinds=FIVE)
    with pytest.raises(ConfigError, match="'a' has nodes of 2 cells, but there are kinds of 5"):
        figures.draw_kept({"a": ((0,), ())}, kinds=FIVE)
    with pytest.raises(ConfigError, match="cell 2 of 'a' keeps node 4: its nodes are 0 to 3"):
        figures.draw_kept({"a": ((0,), (4,))}, kinds=FIVE[:2])
    with pytest.raises(ConfigError, match="12 cells of 4 nodes find no room"):
        figures.draw_kept(networks(TWELVE, 1), kinds=TWELVE, width=COLUMN)
    with pytest.raises(ConfigError, match="needs a list with the kind"):
        figures.draw_kept({"a": ()}, kinds=[])


# flowcharts


def parts(figure):
    """Boxes by name, and (source, target, corners) of the arrows, in points."""
    (ax,) = figure.axes
    boxes = {patch.get_gid()[4:]: patch.get_bbox() for patch in ax.patches if str(patch.get_gid()).startswith("box")}
    lines = [(*line.get_gid().split(" ")[1:], line.get_xydata()) for line in ax.lines]
    return boxes, lines


@pytest.mark.parametrize("name", FLOWS)
def test_arrows_join_their_boxes_and_pass_the_others(name):
    boxes, lines = parts(FLOWS[name]())
    assert len(lines) >= 4
    for source, target, corners in lines:
        steps = np.diff(corners, axis=0)
        assert np.all(np.isclose(steps, 0).sum(axis=1) == 1)  # level or upright
        for box, end, reach in ((boxes[source], corners[0], 1e-3), (boxes[target], corners[-1], 6)):
            assert box.padded(reach).contains(*end) and not box.padded(-1e-3).contains(*end)
        for box in boxes.values():
            assert not MplPath(corners).intersects_bbox(box.padded(-0.1), filled=False)
    for one, other in combinations(boxes.values(), 2):
        assert Bbox.intersection(one, other) is None


@pytest.mark.parametrize("name", FLOWS)
def test_labels_touch_neither_boxes_nor_arrows(name):
    figure = FLOWS[name]()
    figure.draw_without_rendering()
    boxes, lines = parts(figure)
    (ax,) = figure.axes
    outside = []
    for text in ax.texts:
        box = text.get_window_extent().transformed(ax.transData.inverted())
        if not any(frame.containsx(text.get_position()[0]) and frame.containsy(text.get_position()[1])
                   for frame in boxes.values()):  # fmt: skip
            outside.append(text.get_text())
            assert not any(MplPath(corners).intersects_bbox(box, filled=False) for *_, corners in lines)
            assert not any(box.overlaps(frame) for frame in boxes.values())
        else:
            assert any(frame.x0 < box.x0 and box.x1 < frame.x1 and frame.y0 < box.y0 and box.y1 < frame.y1
                       for frame in boxes.values())  # fmt: skip
    assert len(outside) >= 4


def test_neighbours_are_joined_by_straight_lines_and_others_by_two_turns():
    boxes = {"a": Box("a", 0, 0), "b": Box("b", 1, 0), "c": Box("c", 1, 1), "d": Box("wide", 0.5, 2, columns=2)}
    pairs = [("a", "b"), ("c", "b"), ("c", "d"), ("a", "c")]
    boxes, lines = parts(figures.draw_flow(boxes, [Arrow(*pair) for pair in pairs]))
    assert [len(corners) for *_, corners in lines] == [2, 2, 2, 4]
    assert boxes["a"].width == pytest.approx(boxes["b"].width) and boxes["d"].width > 2 * boxes["a"].width
    assert boxes["a"].y0 > boxes["c"].y1 > boxes["d"].y1


def test_the_pipeline_has_the_steps_of_the_paper():
    for width in (COLUMN, PAGE):
        boxes, lines = parts(figures.draw_pipeline(width))
        assert list(boxes) == ["search", "stack", "train", "prune", "retrain"]
        assert [line[:2] for line in lines] == [*zip(list(boxes), list(boxes)[1:], strict=False)]


def test_adversarial_pruning_updates_one_network_in_each_step():
    figure = figures.draw_adversarial()
    (ax,) = figure.axes
    _, lines = parts(figure)
    dashed = [(source, target) for (source, target, _), line in zip(lines, ax.lines, strict=True)
              if line.get_linestyle() == "--"]  # fmt: skip
    assert sorted(dashed) == [("adversarial", "discriminator"), ("adversarial", "generator"), ("data", "generator"),
                              ("sparsity", "generator")]  # fmt: skip
    assert not any(target == "baseline" for source, target, _ in lines if source != "images")
    written = texts(ax)
    assert {"frozen in both steps", "frozen in step 1", "frozen in step 2", "proximal step of the masks"} <= {*written}
    assert written.count("step 2") == 3 and written.count("softmax") == 2
    assert [written.count(f"$s_{node}$") for node in range(4)] == [2] * 4


def test_what_is_no_flowchart_is_an_error():
    boxes = {"a": Box("a", 0, 0), "b": Box("b", 1, 0)}
    with pytest.raises(ConfigError, match="no boxes"):
        figures.draw_flow({}, [])
    with pytest.raises(ConfigError, match="the end 'c', but the boxes are a, b"):
        figures.draw_flow(boxes, [Arrow("a", "c")])
    with pytest.raises(ConfigError, match="face 'red': there are plain"):
        figures.draw_flow({"a": Box("a", 0, 0, "red")}, [])
    with pytest.raises(ConfigError, match="boxes 'a' and 'c' overlap"):
        figures.draw_flow(boxes | {"c": Box("c", 0.5, 0)}, [])
    with pytest.raises(ConfigError, match="from 'a' to 'b' may go around by top or bottom alone"):
        figures.draw_flow(boxes, [Arrow("a", "b", leave="right", enter="right")])
    with pytest.raises(ConfigError, match="label 'unabbreviatable' finds no room"):
        figures.draw_flow(boxes, [Arrow("a", "b", "unabbreviatable")])
    with pytest.raises(ConfigError, match="text 'batch of images' finds no room in its box"):
        figures.draw_adversarial(COLUMN)


# images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", [torch.Tensor.numpy, torch.Tensor.clone])
def test_images_are_shown_pixel_by_pixel(channels, form):
    given = images(channels)
    panels = figures.draw_images(form(given), CAPTIONS).axes
    for ax, image, caption in zip(panels, given.numpy(), CAPTIONS, strict=True):
        (drawn,) = ax.images
        assert np.array_equal(drawn.get_array(), image[0] if channels == 1 else image.transpose(1, 2, 0))
        assert ax.get_xlabel().replace("\n", " ") == caption
        box = ax.get_window_extent()
        assert box.width == pytest.approx(box.height)
        assert drawn.get_interpolation() == "nearest"
        if channels == 1:
            assert drawn.get_clim() == (0, 255) and drawn.to_rgba(np.uint8(0)) == (0, 0, 0, 1)
    tops = [round(ax.get_position().y1, 6) for ax in panels]
    assert tops[:8] == [tops[0]] * 8 and tops[8] == tops[9] < tops[0]


def test_images_that_are_shrunk_are_averaged_and_others_keep_their_shape():
    (ax,) = figures.draw_images(images(size=300, count=1)).axes
    assert ax.images[0].get_interpolation() == "antialiased"
    ax = figures.draw_images(images()[..., :4, :]).axes[0]
    assert ax.get_window_extent().width == pytest.approx(2 * ax.get_window_extent().height)


def test_what_are_no_images_is_an_error():
    for wrong in (images().float(), images()[0], images(2), images()[:0]):
        with pytest.raises(ConfigError, match=r"images are uint8 \(N, C, H, W\) with 1 or 3 channels, not"):
            figures.draw_images(wrong)
    with pytest.raises(ConfigError, match="10 images, but 2 captions"):
        figures.draw_images(images(), ["a", "b"])


# spectrograms


def test_spectrograms_share_their_axes_and_a_colour_bar():
    levels = spectrograms(3)
    figure = figures.draw_spectrograms(levels, ["one", "two", "three"], seconds=3.0)
    *panels, bar = figure.axes
    for ax, each in zip(panels, levels, strict=True):
        (drawn,) = ax.images
        assert np.array_equal(drawn.get_array(), each) and drawn.origin == "lower"
        assert drawn.get_clim() == (-80, 0) and drawn.get_cmap().name == "viridis"
        assert (ax.get_xlim(), ax.get_ylim(), ax.get_xlabel()) == ((0, 3), (0, 8), "time (s)")
        # 31 columns from 0 to 3 s, 17 rows from 0 to 8 kHz, each around its value
        assert drawn.get_extent() == pytest.approx((-0.05, 3.05, -0.25, 8.25))
    assert [ax.get_ylabel() for ax in figure.axes] == ["frequency (kHz)", "", "", "level (dB)"]
    assert titles(figure)[:3] == ["one", "two", "three"] and bar.get_ylim() == (-80, 0)


def test_what_are_no_spectrograms_is_an_error():
    with pytest.raises(ConfigError, match="0 spectrograms and 0 titles"):
        figures.draw_spectrograms([], [], seconds=3.0)
    with pytest.raises(ConfigError, match="2 spectrograms and 1 titles"):
        figures.draw_spectrograms(spectrograms(2), ["a"], seconds=3.0)
    with pytest.raises(ConfigError, match=r"spectrogram 'a' is not \(frequency, time\), but \(1, 17, 31\)"):
        figures.draw_spectrograms([np.stack(spectrograms(1))], ["a"], seconds=3.0)


# networks and cells


def test_image_and_stem_of_a_network_may_say_more():
    assert texts(network().axes[0])[:4] == ["image", "224 × 224", "3×3, stride 2", "stem"]
    plain = contents(figures.draw_network(TWELVE))
    assert plain == contents(figures.draw_network(TWELVE, image=("image",), stem=("stem",)))
    assert plain != contents(figures.draw_network(TWELVE, image=("image", "32 × 32")))
    for lines, said in (("stem", r"must be Sequence\[str\]"), ((), "one or two"), (("a", "b", "c"), "one or two")):
        with pytest.raises(ConfigError, match=f"stem.* {said}.*, not "):
            network(stem=lines)


def test_cells_are_named_by_their_kinds_or_as_they_are():
    names = {"normal": "normal cell", "normal2": "normal cell 2", "reduce": "reduction cell", "cell 2": "cell 2"}
    assert {name: cell_name(name) for name in names} == names


@pytest.mark.parametrize("nodes", [(1, 2), (0,), (3,), (2, 3)])
@pytest.mark.parametrize("rule", [without_nodes, without_outputs])
def test_pruned_cells_show_what_is_left(nodes, rule):
    cells = tuple(rule(cell, nodes) for cell in PUBLISHED["DARTS_V2"].cells().values())
    figure = figures.draw_genotype(Stack(cells, (1,)))
    assert titles(figure) == ["(a) cell 1", "(b) cell 2"]
    for ax, cell in zip(figure.axes, cells, strict=True):
        assert overlaps(ax) == []
        pale = {text.get_text() for text in ax.texts if text.get_color() != "#222222"}
        assert pale == {str(node) for node, edges in enumerate(cell.nodes) if not edges}
        arrows = [patch for patch in ax.patches if patch.get_gid().startswith("arrow")]
        assert len(arrows) == len(cell.edges()) + len(nodes)


def test_titles_choose_cells_and_their_order():
    genotype = PUBLISHED["DARTS_V2"]
    figure = figures.draw_genotype(genotype, titles={"reduce": "first", "normal": "then"})
    assert titles(figure) == ["(a) first", "(b) then"]
    labels = [figures.drawn_boxes(ax)["text"].tolist() for ax in figure.axes]
    assert "max 3×3" in labels[0] and "sep 3×3" in labels[1]
    default = contents(figures.draw_genotype(genotype))
    assert default == contents(figures.draw_genotype(genotype, titles={"normal": "normal cell",
                                                                        "reduce": "reduction cell"}))  # fmt: skip


def test_a_single_cell_has_the_title_that_is_given_and_long_ones_are_broken():
    genotype = PUBLISHED["DARTS_V2"]
    figure = figures.draw_genotype(genotype, titles={"reduce": "as printed"})
    assert titles(figure) == ["as printed"] and figure.get_figwidth() == COLUMN
    long = "a title that needs " + "a line and another " * 4
    check_texts(figures.draw_genotype(genotype, titles={"reduce": long, "normal": "short"}))


def test_what_titles_no_cell_is_an_error():
    genotype = Genotype(PUBLISHED["DARTS_V2"].normal, PUBLISHED["DARTS_V2"].reduce)
    with pytest.raises(ConfigError, match="title for 'cell 1', but the cells are normal, reduce"):
        figures.draw_genotype(genotype, titles={"cell 1": "a"})
    with pytest.raises(ConfigError, match="no cells to draw"):
        figures.draw_genotype(genotype, titles={})
