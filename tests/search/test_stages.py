"""Searches in stages, and the dropout of skip connections that comes with them."""

import gc
import math
import weakref

import pytest
import torch
from torch.nn import functional as F

import nascore
from nascore import data
from nascore.base.errors import ConfigError
from nascore.networks.operations import Skip, build
from nascore.recipes import eth_thesis, find
from nascore.relaxations import EdgeWeights, GumbelSoftmax
from nascore.search import Search, SkipDropout, Stage, StagedSearch, StagedSettings, stages
from nascore.search.dropout import SkipConnections
from nascore.spaces import CellSpace
from nascore.supernets import CellSupernet, FastCellSupernet

PDARTS: StagedSettings = find("pdarts").settings
STAGES = tuple(Stage(cells=3 + at, operations=left) for at, left in enumerate((4, 3, 2)))
SMALL = {
    "space__operations": ("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3"),
    "space__cells": 3,
    "space__nodes": 2,
    "stages": STAGES,
    "train_images": 60,
    "batch_size": 30,
}


def start(**overrides) -> StagedSearch:
    torch.manual_seed(0)
    return find("pdarts").at("smoke", **SMALL | overrides).start(torch.device("cpu"), seed=0)


def finish(search) -> list[dict[str, float]]:
    return [search.run_epoch() for _ in range(search.epochs - search.epoch)]


# -- stages ------------------------------------------------------------------------------------------------------------


def test_the_published_stages():
    assert [(stage.cells, stage.operations, stage.skip_dropout) for stage in PDARTS.stages] == [
        (5, 8, 0.0),
        (11, 5, 0.4),
        (17, 3, 0.7),
    ]
    assert (PDARTS.epochs, PDARTS.optimization.warm_up, PDARTS.optimization.order) == (25, 10, 1)
    assert [PDARTS.at(at).space.cells for at in range(3)] == [5, 11, 17]
    assert [PDARTS.at(at).skip_dropout for at in range(3)] == [SkipDropout(rate=rate) for rate in (0.0, 0.4, 0.7)]
    extended = find("pdarts-n3ex").settings
    assert [stage.cells for stage in extended.stages] == [11, 14, 17] and extended.space.normal_types == 3


def test_every_edge_has_as_many_operations_as_its_stage_says():
    search = start()
    rows, seen = [], []
    for _ in range(search.epochs):
        seen.append({int(alive) for mask in search.search.architecture.alive.values() for alive in mask.sum(dim=1)})
        rows.append(search.run_epoch())
    assert seen == [{4}, {4}, {3}, {3}, {2}, {2}]
    edges = 2 * 5
    assert [row["alive"] for row in rows] == [edges * left for left in (4, 3, 3, 2, 2, 2)]
    assert [row["dropped"] for row in rows] == [0, edges, 0, edges, 0, 0]
    assert [row["stage"] for row in rows] == [1, 1, 2, 2, 3, 3]


def test_what_is_dropped_is_the_weakest_at_the_end_of_the_stage():
    search = start(stages=STAGES[:2], optimization__learning_rate=0.1)
    search.run_epoch()
    search.run_epoch()
    last, alive = search.past[-1], search.search.architecture.alive
    for kind, columns in last.items():
        weakest = columns["weight"].argmin(dim=1)
        assert not alive[kind][torch.arange(len(weakest)), weakest].any()
    # the record keeps what it was dropped at
    assert all(columns["weight"].isfinite().all() for columns in last.values())


def test_a_stage_begins_with_fresh_weights_fresh_alphas_and_the_same_halves_of_the_images():
    search = start(space__cells=3, stages=(STAGES[0], Stage(cells=3, operations=4)))
    first, indices = search.search, search.search.train.indices
    begun = {name: value.clone() for name, value in first.problem.supernet.state_dict().items()}
    alphas = [alpha.detach().clone() for alpha in first.problem.alphas]
    search.run_epoch()
    search.run_epoch()
    second = search.search
    assert second is not first and second.epoch == 0 and torch.equal(second.train.indices, indices)
    now = second.problem.supernet.state_dict()
    assert not torch.equal(now["classifier.weight"], begun["classifier.weight"])
    for alpha, at_first, trained in zip(second.problem.alphas, alphas, first.problem.alphas, strict=True):
        assert alpha.abs().max() < 0.01 and not torch.equal(alpha, at_first) and not torch.equal(alpha, trained)
    assert not second.stepper.optimizer.state and not second.stepper.arch_optimizer.state
    # and draws that are not those of the first stage
    assert not torch.equal(second.generator.get_state(), start().search.generator.get_state())


def test_one_supernet_at_a_time(monkeypatch):
    search, gone = start(stages=STAGES[:2]), []
    first = weakref.ref(search.search.problem.supernet)

    def watched(*args, **given):
        gc.collect()
        gone.append(first() is None)
        return Search(*args, **given)

    monkeypatch.setattr(stages, "Search", watched)
    finish(search)
    assert gone == [True]


def test_weights_alone_are_trained_at_the_start_of_every_stage():
    search = start(epochs=3, optimization__warm_up=2, optimization__learning_rate=0.1)
    moved = []
    for _ in range(search.epochs):
        inner, before = search.search, [alpha.detach().clone() for alpha in search.search.problem.alphas]
        search.run_epoch()
        moved.append(not all(map(torch.equal, inner.problem.alphas, before)))
    assert moved == [False, False, True] * 3


def test_the_learning_rate_falls_in_each_stage():
    rows = finish(start(learning_rate=0.4, final_learning_rate=0.0))
    assert [row["learning_rate"] for row in rows] == pytest.approx([0.4, 0.2] * 3)


def test_the_record_has_one_row_for_each_epoch_of_all_stages():
    search = start()
    finish(search)
    history = search.result().architecture
    assert history.cells["normal"]["weight"].shape == (1 + 3 * 2, 5, 4)
    alive = [int(part) for part in (history.tidy().dropna().groupby("epoch").weight.count())]
    # before training and in stage 1 all four, then three, then two, on 2 x 5 edges
    assert alive == [40, 40, 40, 30, 30, 20, 20]


def test_the_derivation_sees_the_last_stage():
    search = start()
    finish(search)
    strengths = search.search.strengths()
    assert search.result().genotype == search.settings.derivation.genotype(search.settings.at(2).space, strengths)
    assert all(((weights > 0).sum(dim=1) == 2).all() for weights in strengths.values())


def test_one_stage_is_an_ordinary_search():
    overrides = {name: value for name, value in SMALL.items() if name != "stages"}
    plain = find("darts").at("smoke", **overrides)
    staged = StagedSettings(**{name: getattr(plain, name) for name in plain.__dataclass_fields__}, stages=STAGES[:1])
    results = []
    for settings in (plain, staged):
        torch.manual_seed(0)
        search = settings.start(torch.device("cpu"), seed=3)
        finish(search)
        results.append(search.result())
    assert results[0].genotype == results[1].genotype
    assert results[0].architecture.to_bytes() == results[1].architecture.to_bytes()


def test_it_takes_any_answers_to_the_other_questions():
    search = start(relaxation=GumbelSoftmax(), space__normal_types=1)
    finish(search)
    assert search.result().genotype is not None


def test_a_search_in_stages_never_opens_the_test_images(monkeypatch):
    splits, load = set(), data.load
    monkeypatch.setattr(data, "load", lambda name, split, **where: splits.add(split) or load(name, split, **where))
    finish(start())
    assert splits == {"train"}


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"stages": ()}, "stages must have at least 1 and at most 100 items"),
        ({"stages": (STAGES[1], STAGES[0]), "space__cells": 4}, "fewer and fewer operations"),
        ({"space__cells": 9}, "space__cells"),
        ({"stages": STAGES[1:], "space__cells": 4}, "4 operations and the first stage takes 3"),
        ({"stages": (STAGES[0], Stage(cells=1, operations=2)), "space__normal_types": 3}, "normal cell types"),
    ],
)
def test_stages_that_make_no_sense_are_told(overrides, told):
    with pytest.raises(ConfigError, match=told):
        start(**overrides)


def test_a_stage_that_leaves_nothing_is_told():
    with pytest.raises(ConfigError, match="operations must be at least 1"):
        Stage(cells=1, operations=0)


# -- dropout of skips --------------------------------------------------------------------------------------------------


def test_the_schedule_of_the_dropout():
    dropout = SkipDropout(rate=0.4, decay=0.2)
    found = [dropout.at(epoch, warm_up=10, epochs=25) for epoch in range(25)]
    assert found[:10] == pytest.approx([0.4 * (24 - epoch) / 25 for epoch in range(10)])
    assert found[10] == 0.4  # it begins anew
    assert found[24] == pytest.approx(0.4 * math.exp(-0.2 * 14)) and found[10:] == sorted(found[10:], reverse=True)
    assert [SkipDropout().at(epoch, 1, 3) for epoch in range(3)] == [0, 0, 0]
    for wrong in ({"rate": 1.0}, {"rate": -0.1}, {"decay": -1.0}):
        with pytest.raises(ConfigError):
            SkipDropout(**wrong)


def test_a_search_follows_the_schedule():
    two = tuple(Stage(cells=3, operations=4, skip_dropout=rate) for rate in (0.0, 0.5))
    search = start(stages=two, epochs=3, optimization__warm_up=1, skip_dropout__decay=1.0)
    found, used = [], set()
    for _ in range(search.epochs):
        inner = search.search
        inner.judge.observe = lambda step, inner=inner: used.add(inner.skips.dropout)
        found.append(search.run_epoch()["skip_dropout"])
    assert found == pytest.approx([0, 0, 0, 0.5 * 2 / 3, 0.5, 0.5 * math.exp(-1)])
    assert used == {0.0, 0.5, 0.5 * math.exp(-1)}  # the judge sees the steps that update alpha
    assert inner.skips.dropout == 0.0  # nothing is dropped in validation


def test_dropout_is_of_elements_of_skips_at_stride_1_in_training():
    skip = build("skip_connect", 4, 1, searching=True)
    x = torch.ones(8, 4, 32, 32)
    assert isinstance(skip, Skip) and skip(x) is x
    skip.dropout, skip.generator = 0.3, torch.Generator().manual_seed(0)
    kept = skip(x)
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert (kept == 0).float().mean() == pytest.approx(0.3, abs=0.01)
    assert skip.eval()(x) is x
    supernet = CellSpace(cells=3, nodes=2, channels=4).supernet(3, 10)
    skips = [module for module in supernet.modules() if isinstance(module, Skip)]
    # the normal cell has 5 edges at stride 1; of those of the two reduction cells only that between nodes
    assert len(skips) == 5 + 2 * 1
    SkipConnections(supernet, skip.generator).drop(0.5)
    assert {module.dropout for module in skips} == {0.5}


def test_draws_of_the_dropout_come_from_the_generator():
    skip, x = Skip(), torch.ones(4, 2, 5, 5)
    skip.dropout, found = 0.5, []
    for _ in range(2):
        skip.generator = torch.Generator().manual_seed(7)
        found += [skip(x), skip(x)]
    assert torch.equal(found[0], found[2]) and torch.equal(found[1], found[3]) and not torch.equal(found[0], found[1])


def test_both_forms_of_a_supernet_drop_their_skips():
    space = CellSpace(cells=3, nodes=2, channels=4, operations=("skip_connect", "sep_conv_3x3"), reductions=(1,))
    values = {kind: torch.rand(shape).double() for kind, shape in space.shapes().items()}
    weights = {kind: EdgeWeights(each, torch.ones(each.shape, dtype=torch.bool)) for kind, each in values.items()}
    images, found = torch.randn(4, 3, 8, 8).double().contiguous(memory_format=torch.channels_last), {}
    for form in (CellSupernet, FastCellSupernet):
        torch.manual_seed(0)
        net = form(space, 3, 5).double()
        skips = SkipConnections(net, torch.Generator().manual_seed(1))
        undisturbed = net(images, weights)
        skips.drop(0.4)
        found[form] = net(images, weights)
        assert not torch.allclose(found[form], undisturbed)
    plain, fast = found.values()
    torch.testing.assert_close(fast, plain, rtol=1e-8, atol=1e-8)


def test_dropped_skips_change_the_gradient_of_alpha_only_through_what_is_kept():
    skip, x = Skip(), torch.randn(3, 2, 4, 4)
    skip.dropout, skip.generator = 0.5, torch.Generator().manual_seed(0)
    weight = torch.tensor(0.7, requires_grad=True)
    out = skip(x)
    (weight * out).sum().backward()
    assert weight.grad == pytest.approx(float(out.sum()), rel=1e-5)
    assert F.relu((out == 0).float().mean() - 0.2) > 0  # something is dropped


# -- the thesis's recipes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "edges", "types"), [("pdarts", 14, 2), ("pdarts-3-nodes", 9, 2), ("pdarts-n3", 14, 4)]
)
def test_counts_of_architecture_parameters(recipe, edges, types):
    space = find(recipe).settings.space
    shapes = space.shapes()
    assert set(shapes.values()) == {(edges, 8)} and len(shapes) == types
    nodes = 2 + space.nodes + 1  # N, with inputs and output (thesis, section 3.3.1)
    assert edges == sum(range(2, nodes - 1))


def test_in_the_first_stage_each_normal_type_occurs_once():
    supernet = find("pdarts-n3").settings.at(0).space.supernet(3, 10)
    assert supernet.kinds == ["normal1", "reduce", "normal2", "reduce", "normal3"]


def test_variants_combine():
    both = find("pdarts-n3").at("demo", space__nodes=2, space__operations=find("pdarts-dc").settings.space.operations)
    assert both.at(0).space.shapes() == dict.fromkeys(("normal1", "normal2", "normal3", "reduce"), (5, 8))


def test_every_operation_is_left_out_once():
    assert len(eth_thesis.EXCLUDED) == 8 + 3
    for name, left_out in eth_thesis.EXCLUDED.items():
        for base in ("darts", "pdarts"):
            kept = set(find(f"{base}-without-{name}").settings.space.operations)
            assert kept == set(find(base).settings.space.operations) - set(left_out) and left_out


def test_balanced_and_deep_operations_take_their_places():
    base = set(PDARTS.space.operations)
    found = {name: set(find(recipe).settings.space.operations) for name, recipe in eth_thesis.NAMES.items()}
    dilated = {"dil_conv_3x3", "dil_conv_5x5"}
    assert found["PDARTS-DD"] == base - dilated | {"dil_dil_conv_3x3", "dil_dil_conv_5x5"}
    assert found["PDARTS-DC"] == base - dilated | {"dil_sep_conv_3x3", "dil_sep_conv_5x5"}
    assert found["PDARTS-deep"] == base | {"deep_sep_conv_3x3", "deep_sep_conv_5x5"}
    assert found["PDARTS-deep for sep 5x5"] == base - {"sep_conv_5x5"} | {"deep_sep_conv_3x3"}


def millions(genotype, **layout):
    with torch.device("meta"):
        network = nascore.CellNetwork(genotype, **layout)
    return sum(p.numel() for p in network.parameters()) / 1e6


def three_nodes(*operations):
    nodes = tuple(tuple(zip(operations[at : at + 2], (0, 1), strict=True)) for at in (0, 2, 4))
    return nascore.Cell(nodes, (2, 3, 4))


def test_matched_networks_have_the_sizes_of_table_4_1():
    # PDARTS-3b has separable 3x3 convolutions, skips and average pools (section 4.1.1); these numbers of them give
    # both printed sizes
    sep, skip, avg = "sep_conv_3x3", "skip_connect", "avg_pool_3x3"
    found = nascore.Genotype(
        (three_nodes(*[sep] * 4, *[avg] * 2),),
        three_nodes(*[skip] * 3, *[avg] * 3),
    )
    sizes = [millions(found, **layout) for layout in eth_thesis.MATCHED["PDARTS-3b"]]
    assert sizes == pytest.approx([3.36, 3.44], abs=0.005)
    # and the published P-DARTS has them as printed
    assert millions(nascore.PUBLISHED["PDARTS"]) == pytest.approx(3.43, abs=0.005)


@pytest.mark.parametrize("profile", ["smoke", "demo", "gpu", "paper"])
def test_searches_have_the_thesis_s_nodes_and_batches(profile):
    """Tables A.1 and A.2: 4 nodes and 3, batches of 64 and of 32, at small profiles half as large beside each other."""
    whole, half = (find(f"pdarts{end}").at(profile) for end in ("", "-batch-32"))
    for name in eth_thesis.IN_BATCHES:
        large, small = (find(eth_thesis.NAMES[name] + end).at(profile) for end in ("", "-batch-32"))
        assert (large.batch_size, small.batch_size) == (whole.batch_size, half.batch_size)
        assert large.space.nodes == small.space.nodes == (3 if name == "PDARTS-3" else 4)
        assert nascore.override(small, batch_size=large.batch_size) == large
    assert 2 * half.batch_size == whole.batch_size and (profile != "paper" or whole.batch_size == 64)


def test_smaller_batches_of_the_training_are_in_proportion_at_every_profile():
    for profile in ("smoke", "demo", "gpu", "paper"):
        large, small = (find(f"pdarts-retraining{end}").at(profile) for end in ("", "-batch-64"))
        assert small.batch_size == large.batch_size * 2 // 3
        assert small.learning_rate == pytest.approx(0.6 * large.learning_rate)
        same = {"batch_size": large.batch_size, "learning_rate": large.learning_rate}
        assert nascore.override(small, **same) == large


def test_final_training_is_as_table_4_1_has_it():
    settings = find("pdarts-retraining").settings
    assert (settings.cells, settings.channels, settings.batch_size, settings.learning_rate) == (20, 36, 96, 0.025)
    assert (settings.epochs, settings.drop_path, settings.cutout, settings.auxiliary_weight) == (600, 0.3, 16, 0.4)
    changed = find("pdarts-retraining").at("paper", **eth_thesis.SMALL_BATCHES)
    assert (changed.batch_size, changed.learning_rate) == (64, 0.015)
