"""Figures of what operations are worth and what a search makes of them: correlation, ranks, draws, densities."""

import re
from itertools import combinations

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from drawn import check_texts
from matplotlib import pyplot as plt
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.transforms import Bbox

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.figures import COLUMN, PAGE
from nascore.figures.shared.beside import places_beside
from nascore.figures.shared.layout import Size
from nascore.networks.benchmark_cells import OPERATIONS
from nascore.networks.operations import DARTS

LONG = "a method of a long name, first order, that prunes_everything_at_once_with_underscores"
EDGES = ["$c_{k-1}$ → 1", "$c_{k-1}$ → 2", "1 → 2", "$c_{k-1}$ → $c_k$", "1 → $c_k$", "2 → $c_k$"]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def points(panels, operations=OPERATIONS, low=0.0, reach=1.0, seed=0):
    """Weights from `low` on, that spread over `reach`."""
    generator, rows = np.random.default_rng(seed), []
    for panel in panels:
        weights = low + reach * generator.dirichlet(np.ones(len(operations)))
        for name, weight in zip(operations, weights, strict=True):
            accuracy, spread = 90 + 4 * generator.random(), 0.05 + 0.2 * generator.random()
            rows.append((panel, name, weight, accuracy, spread, weight == weights.max()))
    return pd.DataFrame(rows, columns=["panel", "operation", "weight", "accuracy", "spread", "chosen"])


def spaced():
    """Points that leave room for their names."""
    rows = [("DARTS", name, 0.1 * at, 90.0 + at, 0.3, at == 2) for at, name in enumerate(OPERATIONS)]
    return pd.DataFrame(rows, columns=["panel", "operation", "weight", "accuracy", "spread", "chosen"])


def ranks(panels, judges, operations=DARTS, pruned=0):
    generator, rows = np.random.default_rng(0), []
    for panel in panels:
        for at, judge in enumerate(judges):
            order = generator.permutation(len(operations)) + 1.0
            order[order > len(operations) - pruned * at] = np.nan
            rows += [(panel, judge, *pair) for pair in zip(operations, order, strict=True)]
    return pd.DataFrame(rows, columns=["panel", "judge", "operation", "rank"])


def drawn(nodes=4, inputs=2, operations=DARTS):
    edges = [(source, target) for target in range(inputs, inputs + nodes) for source in range(target)]
    rows = [(*edge, operations[at % len(operations)]) for at, edge in enumerate(edges)]
    return pd.DataFrame(rows, columns=["source", "target", "operation"])


def distribution(operations=DARTS):
    values = np.arange(1.0, len(operations) + 1)
    return pd.DataFrame({"operation": operations, "probability": values / values.sum()})


def densities():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"operation": DARTS * 5, "weight": generator.dirichlet(np.ones(8) * 9, 5).ravel()})
    scales = {"DARTS": 1.0, "EoiNAS": 4000.0, "GDAS": 1e-4}
    return pd.concat(
        [frame.assign(method=name, weight=0.125 + scale * frame["weight"]) for name, scale in scales.items()]
    )


def crowded():
    frame = points(["DARTS", "GDAS", LONG], DARTS, 0.125, 1e-4)
    return frame.assign(weight=frame["weight"].where(frame["panel"] != "GDAS", 0.125))


JUDGES = ["architecture weight", "importance", "true accuracy"]
DRAWINGS = {
    **{f"correlation, {n}": lambda n=n: figures.draw_correlation(points(EDGES[:n])) for n in range(1, 7)},
    "correlation, DARTS": lambda: figures.draw_correlation(points(["DARTS", "GDAS"], DARTS)),
    "correlation, narrow": lambda: figures.draw_correlation(points(["DARTS", LONG]), width=COLUMN),
    "correlation, crowded": lambda: figures.draw_correlation(crowded()),
    "correlation, equal": lambda: figures.draw_correlation(points(["a", "b"]).assign(weight=0.2, accuracy=94.0)),
    "correlation, all 0": lambda: figures.draw_correlation(points(["a"]).assign(weight=0.0), width=COLUMN),
    "ranks, 6": lambda: figures.draw_ranks(ranks(EDGES, JUDGES[::2], OPERATIONS)),
    "ranks, 3": lambda: figures.draw_ranks(ranks(EDGES[:3], JUDGES, pruned=2)),
    "ranks, narrow": lambda: figures.draw_ranks(ranks([LONG], JUDGES, pruned=4), width=COLUMN),
    "ranks, equal": lambda: figures.draw_ranks(ranks(["a", LONG], JUDGES).assign(rank=4.5)),
    "ranks, one judge": lambda: figures.draw_ranks(ranks(EDGES[:2], JUDGES[:1])),
    "sampling": lambda: figures.draw_sampling(drawn(), distribution(), edge=(0, 3)),
    "sampling, narrow": lambda: figures.draw_sampling(drawn(), distribution(), edge=(1, 2), width=COLUMN),
    "sampling, one input": lambda: figures.draw_sampling(
        drawn(3, 1, OPERATIONS), distribution(OPERATIONS), edge=(2, 3), inputs=1
    ),
    "density, own axes": lambda: figures.draw_density(
        densities(), share=False, labels={"EoiNAS": "importance"}, even={"DARTS": 0.25, "GDAS": 0.125}
    ),
    "density, uniform": lambda: figures.draw_density(densities().query("method == 'DARTS'"), even=0.25, width=COLUMN),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_readable_inside_the_figure_and_do_not_overlap(name):
    figure = DRAWINGS[name]()
    check_texts(figure)
    assert figure.get_figheight() < 9


# correlation


def marks(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def test_every_operation_is_a_point_in_its_colour():
    frame = points(EDGES)
    figure = figures.draw_correlation(frame)
    assert figure.get_figwidth() == PAGE
    for ax, (_, rows) in zip(figure.axes, frame.groupby("panel", sort=False), strict=True):
        found = {line.get_label(): line for line in marks(ax, "point")}
        assert list(found) == list(rows["operation"])
        for row in rows.itertuples():
            assert found[row.operation].get_xydata().tolist() == [[row.weight, row.accuracy]]
            assert found[row.operation].get_color() == figures.OPERATION_COLOURS[row.operation]
        bars = [line.get_ydata().tolist() for line in marks(ax, "spread")]
        assert np.allclose(bars, np.stack([rows.accuracy - rows.spread, rows.accuracy + rows.spread], axis=1))
        (ring,) = marks(ax, "chosen")
        assert ring.get_xydata().tolist() == rows.loc[rows.chosen, ["weight", "accuracy"]].to_numpy().tolist()
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert len({ax.get_xlim() for ax in figure.axes}) == 6
    places = np.array([ax.get_position().bounds for ax in figure.axes])
    assert len(set(places[:, 0].round(6))) == 3 and len(set(places[:, 1].round(6))) == 2


def test_titles_have_the_rank_correlation_and_count_what_was_pruned():
    # of the pairs of 4 points 5 agree and 1 does not: tau is 4 / 6; without the last 3 agree and 0 do not
    one = pd.DataFrame({"operation": DARTS[:4], "weight": [0.1, 0.2, 0.3, 0.4], "accuracy": [90.0, 91.0, 93.0, 92.0]})
    frame = pd.concat([
        one.assign(panel="DARTS"),
        one.assign(panel="down", weight=-one["weight"]),
        one.assign(panel="pruned", weight=[0.1, 0.2, 0.3, np.nan]),
        one.assign(panel="equal", weight=0.25),
        one.assign(panel="gone", weight=np.nan),
    ])  # fmt: skip
    figure = figures.draw_correlation(frame)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "DARTS, τ = 0.67", "down, τ = −0.67", "pruned, τ = 1.00, 1 pruned", "equal, τ undefined",
        "gone, τ undefined, 4 pruned",
    ]  # fmt: skip
    assert [len(marks(ax, "point")) for ax in figure.axes] == [4, 4, 3, 4, 0]
    assert [text.get_text() for text in figure.axes[4].texts] == ["all pruned"]


def test_no_correlation_has_no_sign():
    frame = pd.DataFrame({"panel": "a", "operation": DARTS[:4], "weight": [1, 2, 3, 4], "accuracy": [2, 4, 1, 3]})
    assert figures.draw_correlation(frame).axes[0].get_title(loc="left") == "a, τ = 0.00"


def test_names_stand_at_their_points_and_touch_nothing():
    figure = figures.draw_correlation(spaced(), width=COLUMN)
    (ax,) = figure.axes
    figure.draw_without_rendering()
    texts = {text.get_text(): text.get_window_extent() for text in ax.texts}
    assert list(texts) == [figures.operation_look(name).label for name in OPERATIONS]
    assert [text.get_text() for legend in figure.legends for text in legend.texts] == ["selected", "± std. dev."]
    scale, own = figure.dpi / 72, {}
    for line in marks(ax, "point"):
        place = ax.transData.transform(line.get_xydata())[0]
        for label, box in texts.items():
            away = np.hypot(*np.maximum(np.maximum(box.min - place, place - box.max), 0)) / scale
            assert away > line.get_markersize() / 2
            own.setdefault(line.get_label(), {})[label] = away
        bars = [Bbox(ax.transData.transform(bar.get_xydata())).padded(0.5) for bar in marks(ax, "spread")]
        assert len(bars) == 5 and not [1 for bar in bars for box in texts.values() if Bbox.intersection(bar, box)]
    for name, away in own.items():
        assert min(away, key=away.get) == figures.operation_look(name).label


def test_names_make_room_for_points_bars_and_each_other():
    def places(points, bars=(), wide=100, high=100):
        radii, sizes, bars = [3.0] * len(points), [Size(20, 7)] * len(points), np.array(bars).reshape(-1, 4)
        return places_beside(np.array(points, dtype=float), np.array(radii), sizes, bars, Size(wide, high))

    right, left = (50 + 3 + 1.5 + 10, 50), (50 - 3 - 1.5 - 10, 50)
    assert places([(50, 50)]).tolist() == [list(right)]
    assert places([(50, 50)], bars=[(65, 50, 1, 60)]).tolist() == [list(left)]
    assert places([(50, 50)], wide=70).tolist() == [list(left)]
    assert places([(50, 50), (65, 50)])[0].tolist() == list(left)
    first, second = places([(30, 50), (75, 50)], bars=[(30, 50, 1, 60), (75, 50, 1, 60)])
    assert abs(first[0] - second[0]) > 22.5  # the places between the two are not enough for both
    assert places([(50, 50)] * 2) is None
    low = [(12, 8, 1, 14), (51, 8, 1, 14), (62, 8, 1, 14)]  # leaves but the room between the two
    assert places([(12, 8)], low, high=16) is not None and places([(51, 8)], low, high=16) is not None
    assert places([(12, 8), (51, 8)], low, high=16) is None
    assert places([(50, 50)], bars=[(38, 50, 1, 60), (62, 50, 1, 60)]) is not None
    assert places([(50, 50)], bars=[(38, 50, 1, 60), (50, 50, 1, 60), (62, 50, 1, 60)]) is None


def test_without_room_for_all_names_all_panels_share_a_legend():
    frame = pd.concat([spaced(), points(["crowded"], DARTS, 0.125, 1e-4).assign(accuracy=91.0)])
    figure = figures.draw_correlation(frame)
    assert [len(ax.texts) for ax in figure.axes] == [0, 0]
    names = [text.get_text() for legend in figure.legends for text in legend.texts]
    looks = [figures.operation_look(name).label for name in dict.fromkeys(frame["operation"])]
    assert names == [*looks, "selected", "± std. dev."]
    handles = [handle for legend in figure.legends for handle in legend.legend_handles]
    assert [handle.get_color() for handle in handles[: len(looks)]] == [
        figures.OPERATION_COLOURS[name] for name in dict.fromkeys(frame["operation"])
    ]


def test_numbers_of_crowded_weights_are_written_in_full():
    ax = figures.draw_correlation(crowded()).axes[0]
    ax.figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(set(labels)) == len(labels) > 1
    assert [float(label) for label in labels] == pytest.approx(ax.get_xticks().tolist(), abs=1e-9)
    assert ax.xaxis.get_offset_text().get_text() == ""


def test_columns_of_a_correlation_are_checked_and_named():
    frame = spaced()
    for column in ("panel", "operation", "weight", "accuracy"):
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            figures.draw_correlation(frame.drop(columns=column))
    with pytest.raises(ConfigError, match="no rows"):
        figures.draw_correlation(frame.assign(weight=np.nan))
    with pytest.raises(ConfigError, match=f"'{OPERATIONS[1]}' in panel 'DARTS' has no accuracy"):
        figures.draw_correlation(frame.assign(accuracy=frame["accuracy"].where(frame["weight"] != 0.1)))
    with pytest.raises(ConfigError, match="two rows for panel 'DARTS', operation"):
        figures.draw_correlation(pd.concat([frame, frame]))
    figure = figures.draw_correlation(frame.rename(columns={"weight": "importance"}), x="importance", xlabel="worth")
    assert {"worth", "test accuracy (%)"} <= {text.get_text() for text in figure.texts}


# ranks


def test_operations_stand_in_the_order_of_their_ranks():
    frame = ranks(EDGES[:2], JUDGES, pruned=2)
    figure = figures.draw_ranks(frame)
    for ax, (_, rows) in zip(figure.axes, frame.groupby("panel", sort=False), strict=True):
        columns = sorted({line.get_xdata()[0] for line in marks(ax, "rank")})
        assert len(columns) == 3
        for x, judge in zip(columns, JUDGES, strict=True):
            here = rows[rows["judge"] == judge].sort_values("rank")
            found = sorted((line.get_ydata()[0], line) for line in marks(ax, "rank") if line.get_xdata()[0] == x)
            assert [line.get_label() for _, line in found] == list(here.dropna()["operation"])
            assert [line.get_color() for _, line in found] == [
                figures.OPERATION_COLOURS[name] for name in here.dropna()["operation"]
            ]
            crosses = [line for line in marks(ax, "pruned") if line.get_xdata()[0] == x]
            assert {line.get_label() for line in crosses} == set(here.loc[here["rank"].isna(), "operation"])
            assert all(line.get_ydata()[0] > found[-1][0] for line in crosses)
        numbers = [text.get_text() for text in ax.texts if re.fullmatch(r"\d", text.get_text())]
        assert len(numbers) == len(rows.dropna()) == 8 + 6 + 4
    assert [text.get_text() for legend in figure.legends for text in legend.texts] == ["pruned"]


def test_lines_join_an_operation_and_are_thick_where_its_place_changes():
    rows = [("a", judge, name, rank) for judge, order in (("x", (1, 2, 3)), ("y", (1, 3, 2)))
            for name, rank in zip(DARTS[:3], order, strict=True)]  # fmt: skip
    figure = figures.draw_ranks(pd.DataFrame(rows, columns=["panel", "judge", "operation", "rank"]), width=COLUMN)
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in marks(ax, "line")}
    assert [lines[name].get_ydata()[0] - lines[name].get_ydata()[1] for name in DARTS[:3]] == [0, -13.5, 13.5]
    thin, *thick = (lines[name].get_linewidth() for name in DARTS[:3])
    assert thick[0] == thick[1] > 2 * thin
    assert all(lines[name].get_color() == figures.OPERATION_COLOURS[name] for name in lines)
    assert figure.get_figwidth() == COLUMN and not figure.legends
    texts = [text.get_text() for text in ax.texts]
    assert all(texts.count(figures.operation_look(name).label) == 2 for name in DARTS[:3])
    assert texts[:2] == ["x", "y"]


def test_equal_ranks_keep_their_order_and_their_number():
    ax = figures.draw_ranks(ranks(["a"], JUDGES).assign(rank=4.5)).axes[0]
    assert [text.get_text() for text in ax.texts].count("4.5") == 24
    assert {line.get_linewidth() for line in marks(ax, "line")} == {0.8}


def test_what_a_judge_leaves_out_has_neither_mark_nor_cross():
    frame = ranks(["a"], JUDGES)
    frame = frame[~((frame["judge"] == "importance") & (frame["operation"] == "none"))]
    ax = figures.draw_ranks(frame).axes[0]
    assert len(marks(ax, "rank")) == 23 and not marks(ax, "pruned")
    assert [line.get_label() for line in marks(ax, "line")].count("none") == 0


def test_long_names_of_judges_take_more_room_or_more_lines():
    short, long = (figures.draw_ranks(ranks(EDGES[:3], names)) for names in (["weight", "truth"], JUDGES))
    abreast = [len({round(ax.get_position().x0, 6) for ax in figure.axes}) for figure in (short, long)]
    assert abreast == [3, 2]
    two = figures.draw_ranks(ranks(EDGES, JUDGES[::2], OPERATIONS))
    assert two.axes[0].texts[0].get_text() == "architecture\nweight"


def test_columns_of_ranks_are_checked():
    frame = ranks(["a"], JUDGES)
    for column in frame:
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            figures.draw_ranks(frame.drop(columns=column))
    with pytest.raises(ConfigError, match="two rows for panel 'a', judge 'architecture weight', operation 'none'"):
        figures.draw_ranks(pd.concat([frame, frame]))
    with pytest.raises(ConfigError, match="a rank is 0, but the best is 1"):
        figures.draw_ranks(frame.assign(rank=frame["rank"] - 1))


# sampling


def arrows(ax, gid):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch) and patch.get_gid() == gid]


@pytest.mark.parametrize(("nodes", "inputs"), [(4, 2), (2, 2), (3, 1)])
def test_a_draw_is_coloured_on_all_edges_of_the_cell(nodes, inputs):
    draw = drawn(nodes, inputs).iloc[::2]
    edge = (0, inputs + nodes - 1)
    cell, _ = figures.draw_sampling(draw, distribution(), edge=edge, inputs=inputs).axes
    assert len(arrows(cell, "edge")) == sum(range(inputs, inputs + nodes))
    assert len(arrows(cell, "concat")) == (nodes if inputs == 2 else 0)
    colours = [mpl.colors.to_hex(arrow.get_edgecolor()) for arrow in arrows(cell, "drawn")]
    assert colours == [figures.OPERATION_COLOURS[name] for name in draw["operation"]]
    circles = [patch.center for patch in cell.patches if isinstance(patch, Circle)]
    names = [figures.node_name(node, inputs) for node in range(nodes + inputs)] + ["$c_k$"] * (inputs == 2)
    assert [text.get_text() for text in cell.texts] == names and len(circles) == len(names)
    (tint,) = marks(cell, "tint")
    assert tint.get_xydata().tolist() == pytest.approx(np.array([circles[node] for node in edge]))
    for ends in combinations(circles, 2):  # no edge passes a node that is not its own
        for node in set(circles) - set(ends):
            ((x0, y0), (x1, y1)), (x, y) = ends, node
            assert abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / np.hypot(x1 - x0, y1 - y0) > 12


def test_strands_are_as_wide_as_they_are_probable():
    chances = distribution()
    _, enlarged = figures.draw_sampling(drawn(), chances, edge=(0, 3)).axes
    strands = {patch.get_label(): patch for patch in enlarged.patches if patch.get_gid() == "strand"}
    widths = pd.Series({name: strand.get_linewidth() for name, strand in strands.items()})
    wanted = chances.set_index("operation")["probability"]
    assert np.allclose(widths[wanted.index], 7 * wanted / wanted.max())
    for name, strand in strands.items():
        assert mpl.colors.to_hex(strand.get_edgecolor()) == figures.OPERATION_COLOURS[name]
    sampled = drawn().set_index(["source", "target"])["operation"][(0, 3)]
    assert [name for name, strand in strands.items() if strand.get_alpha() is None] == [sampled]
    texts = [text.get_text() for text in enlarged.texts]
    label = figures.operation_look(sampled).label
    assert [text for text in texts if "drawn" in text] == [f"{label}  {wanted[sampled]:.2f}, drawn"]
    assert texts[-2:] == [figures.node_name(0), figures.node_name(3)]


def test_pruned_operations_have_no_strand_and_close_probabilities_enough_digits():
    chances = pd.DataFrame({"operation": DARTS[:3], "probability": [0.5001, 0.4999, np.nan]})
    _, enlarged = figures.draw_sampling(drawn(1), chances, edge=(0, 2)).axes
    assert len([patch for patch in enlarged.patches if patch.get_gid() == "strand"]) == 2
    texts = [text.get_text() for text in enlarged.texts]
    assert texts[:3] == ["none  0.50010, drawn", "max 3×3  0.49990", "avg 3×3  pruned"]
    one = chances.assign(probability=[1.0, 0.0, 0.0])
    _, enlarged = figures.draw_sampling(drawn(1), one, edge=(0, 2)).axes
    assert enlarged.texts[1].get_text() == "max 3×3  0.00"


def test_draws_and_distributions_are_checked():
    draw, chances = drawn(), distribution()
    for column in draw:
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            figures.draw_sampling(draw.drop(columns=column), chances, edge=(0, 2))
    for column in chances:
        with pytest.raises(ConfigError, match=f"no column '{column}'"):
            figures.draw_sampling(draw, chances.drop(columns=column), edge=(0, 2))
    with pytest.raises(ConfigError, match="these are together 2"):
        figures.draw_sampling(draw, chances.assign(probability=chances["probability"] * 2), edge=(0, 2))
    with pytest.raises(ConfigError, match="together 1, these"):
        figures.draw_sampling(draw, chances.assign(probability=[2.0, -1.0] + [0.0] * 6), edge=(0, 2))
    with pytest.raises(ConfigError, match="no edge leads from node 3 to node 2"):
        figures.draw_sampling(draw, chances, edge=(3, 2))
    with pytest.raises(ConfigError, match="no edge leads from node 0 to node 1 in a cell with 2 inputs"):
        figures.draw_sampling(draw, chances, edge=(0, 1))
    with pytest.raises(ConfigError, match="two rows for source"):
        figures.draw_sampling(pd.concat([draw, draw]), chances, edge=(0, 2))
    rest = chances.iloc[1:].assign(probability=1 / 7)
    with pytest.raises(ConfigError, match="'none' was drawn, but the distribution has only max_pool_3x3"):
        figures.draw_sampling(draw, rest, edge=(0, 2))


# density


def test_densities_of_other_scales_have_axes_of_their_own():
    figure = figures.draw_density(densities(), share=False, labels={"EoiNAS": "importance"}, even={"DARTS": 0.25})
    above, below = np.reshape(figure.axes, (2, 3))
    assert len({ax.get_xlim() for ax in above}) == 3
    assert [one.get_xlim() for one in above] == [other.get_xlim() for other in below]
    assert [ax.get_xlabel() for ax in below] == ["architecture weight", "importance", "architecture weight"]
    dashed = [[line for line in ax.lines if len(line.get_xdata()) == 2] for ax in figure.axes]
    assert [len(lines) for lines in dashed] == [1, 0, 0, 1, 0, 0]
    assert [line.get_xdata() for lines in dashed for line in lines] == [[0.25, 0.25]] * 2
    assert [[text.get_text() for text in ax.texts] for ax in above] == [["uniform"], [], []]
    labels = [label.get_text() for label in below[2].get_xticklabels()]
    assert [float(label) for label in labels] == pytest.approx(below[2].get_xticks().tolist(), abs=1e-9)


def test_a_number_is_the_uniform_weight_of_all_methods():
    figure = figures.draw_density(densities(), even=0.2)
    assert [text.get_text() for ax in figure.axes for text in ax.texts] == ["uniform"] * 3
    assert figure.get_supxlabel() == "architecture weight"
    plain = figures.draw_density(densities())
    assert not [text for ax in plain.axes for text in ax.texts] and figure.get_figheight() > plain.get_figheight()
    for wrong in ({"labels": {"PC-DARTS": "weight"}}, {"even": {"PC-DARTS": 0.1}}):
        with pytest.raises(ConfigError, match="no weights of method 'PC-DARTS', only of DARTS, EoiNAS, GDAS"):
            figures.draw_density(densities(), **wrong)
