"""Figures of DSO-NAS: what is drawn says what the blocks say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.networks import Block, BlockGenotype, connections

CANDIDATES = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
KEPT = ((0, 1), (0, 3), (1, 6), (3, 6), (6, 17))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def texts(figure):
    figure.draw_without_rendering()
    return [text.get_text() for ax in figure.axes for text in [*ax.texts, ax.title] if text.get_text()]


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def left_titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


def test_a_block_has_an_arrow_for_each_connection_and_a_box_for_each_operation_that_is_left():
    ax = figures.draw_block(Block(CANDIDATES, 4, KEPT), width=figures.PAGE)
    names = [text.get_text() for text in ax.texts]
    assert len(arrows(ax)) == len(KEPT)
    assert sorted(names) == sorted(["input", "output", "sep 3×3", "avg 3×3", "sep 5×5"])


def test_a_complete_block_is_drawn_whole_and_an_empty_one_says_what_it_is():
    whole = Block(CANDIDATES, 4, tuple(connections(4, 4)))
    assert len(arrows(figures.draw_block(whole, width=figures.PAGE))) == 128
    empty = figures.draw_block(Block(CANDIDATES, 4, ()), width=figures.PAGE)
    assert any("identity" in text.get_text() for text in empty.texts)


def test_scales_are_widths_and_must_be_complete():
    block = Block(("sep_conv_3x3", "max_pool_3x3"), 1, ((0, 1), (0, 2), (1, 3), (2, 3)))
    ax = figures.draw_block(block, scales={(0, 1): 2.0, (0, 2): 0.1, (1, 3): 1.0, (2, 3): 0.1})
    widths = sorted(arrow.get_linewidth() for arrow in arrows(ax))
    assert widths[-1] > widths[-2] > widths[0]
    with pytest.raises(ConfigError):
        figures.draw_block(block, scales={(0, 1): 1.0})


@pytest.mark.parametrize("blocks", [1, 4, 24])
def test_every_block_of_a_genotype_has_a_panel_that_counts_its_connections(blocks):
    figure = figures.draw_blocks(BlockGenotype(CANDIDATES, 4, (KEPT,) * (blocks - 1) + ((),)))
    titles = left_titles(figure)
    assert len(titles) == blocks and "0 connections" in titles[-1].replace("\n", " ")
    assert all("5 connections" in title.replace("\n", " ") for title in titles[:-1])


def test_the_schemes_of_the_paper():
    graph, block = figures.draw_pruning_of_a_graph(), figures.draw_block_search()
    assert [title[:3] for title in left_titles(graph)] == ["(a)", "(b)"]
    assert [title[:3] for title in left_titles(block)] == ["(a)", "(b)", "(c)"]
    counts = [len(arrows(ax)) for ax in block.axes if ax.get_title(loc="left")]
    assert counts[0] == counts[1] == len(connections(2, 2)) > counts[2]


def test_stages_of_blocks_have_reductions_between_them_alone():
    names = texts(figures.draw_stages_of_blocks((2, 2, 13, 6)))
    assert names.count("reduction") >= 3 and "global" in " ".join(names)
    with pytest.raises(ConfigError, match="at least one block"):
        figures.draw_stages_of_blocks((2, 0))


def scales(cut=()):
    """A search of three epochs of blocks of 2 levels of 2 operations; those in `cut` are gone in the last epoch."""
    rows = [
        (epoch, "block", source, target, "scale", None if epoch == 2 and (source, target) in cut else 1 - 0.3 * epoch)
        for epoch in range(3)
        for source, target in connections(2, 2)
    ]
    return pd.DataFrame(rows, columns=["epoch", "cell", "source", "target", "operation", "weight"])


def test_scales_have_a_panel_for_each_level_and_end_where_they_were_pruned():
    block = Block(CANDIDATES[:2], 2, ())
    figure = figures.draw_scales(scales(cut=[(0, 1), (1, 5), (2, 5)]), "block", block, warm_up=1)
    assert left_titles(figure) == ["to level 1: 1 of 2", "to level 2: 6 of 6", "to output: 2 of 4"]
    lines = {line.get_gid(): line.get_ydata() for ax in figure.axes for line in ax.lines if line.get_gid()}
    assert len(lines) == len(connections(2, 2))
    assert np.isnan(lines["scale 0 1"][-1]) and lines["scale 0 2"][-1] == pytest.approx(0.4)
    colours = {line.get_gid(): line.get_color() for ax in figure.axes for line in ax.lines if line.get_gid()}
    assert colours["scale 1 3"] == colours["scale 1 5"] != colours["scale 2 5"] != colours["scale 0 3"]
    with pytest.raises(ConfigError, match="cell type"):
        figures.draw_scales(scales(), "block9", block)
