import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from nascore.base.config import override
from nascore.base.errors import ConfigError
from nascore.networks import default_reductions, kinds
from nascore.relaxations import EdgeWeights, Softmax
from nascore.spaces import CellSpace, NasBench201
from nascore.supernets import BenchmarkSupernet, CellSupernet, FastBenchmarkSupernet, FastCellSupernet

SMALL = CellSpace(cells=3, channels=4, nodes=2, reductions=(1,))


def uniform(space, value=None):
    """Every operation of every edge, with the same weight."""
    shapes = space.shapes()
    value = 1 / len(space.operations) if value is None else value
    return {
        kind: EdgeWeights(torch.full(shape, value), torch.ones(shape, dtype=torch.bool))
        for kind, shape in shapes.items()
    }


def test_the_darts_space_has_14_edges_and_224_architecture_parameters():
    space = CellSpace()
    assert len(space.edges()) == 14 and space.edges()[:5] == [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    assert sum(edges * operations for edges, operations in space.shapes().values()) == 224
    assert len(CellSpace(nodes=3).edges()) == 9
    assert sum(e * o for e, o in CellSpace(normal_types=3).shapes().values()) == 448


@pytest.mark.parametrize(
    ("operations", "said"),
    [
        (("none", "sep_conv_33"), "unknown operation of a CellSpace 'sep_conv_33': did you mean 'sep_conv_3x3', "),
        (("skip_connect", "skip_connect"), "operations must be one or more different names"),
        (("none",), "operations must be more than `none`"),
        ((), "operations must be one or more different names"),
    ],
)
def test_wrong_operations_are_told_in_short(operations, said):
    with pytest.raises(ConfigError) as error:
        CellSpace(operations=operations)
    assert said in str(error.value) and len(str(error.value)) < 250


def test_the_darts_supernet_has_the_published_size():
    supernet = CellSpace().supernet(3, 10)
    # 1,930,618 without the 224 architecture parameters: what the public code of DARTS builds
    assert sum(p.numel() for p in supernet.parameters()) == 1_930_618


@pytest.mark.parametrize("cells", [1, 2, 3, 5, 8, 11, 14, 17, 20])
def test_reductions_stand_a_third_and_two_thirds_of_the_way(cells):
    assert default_reductions(cells) == (() if cells == 1 else tuple(sorted({cells // 3, 2 * cells // 3})))


def test_normal_types_follow_the_reductions_passed():
    assert kinds(5, (1, 3), 3) == ["normal1", "reduce", "normal2", "reduce", "normal3"]
    assert kinds(4, (1,), 1) == ["normal", "reduce", "normal", "normal"]


@settings(max_examples=15)
@given(
    nodes=st.integers(1, 4),
    cells=st.integers(1, 4),
    stem=st.sampled_from(["cifar", "stride2", "imagenet"]),
    reductions=st.sets(st.integers(0, 3)),
    own_types=st.booleans(),
)
def test_any_layout_computes_logits_and_gradients_reach_everything(nodes, cells, stem, reductions, own_types):
    reductions = tuple(sorted(at for at in reductions if at < cells))
    space = CellSpace(
        nodes=nodes,
        cells=cells,
        channels=2,
        reductions=reductions,
        normal_types=len(reductions) + 1 if own_types else 1,
        stem=stem,
        operations=("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3"),
    )
    supernet = space.supernet(1, 3)
    logits = supernet(torch.randn(2, 1, 16, 16), uniform(space))
    assert logits.shape == (2, 3)
    logits.sum().backward()
    assert all(p.grad is not None for p in supernet.parameters())


def test_a_mixture_is_the_weighted_sum_of_its_operations():
    supernet = SMALL.supernet(1, 3)
    mixed, x = supernet.cells[0].edges[0], torch.randn(2, 4, 5, 5)
    weights = torch.rand(8)
    by_hand = sum(w * operation(x) for w, operation in zip(weights, mixed.candidates, strict=True))
    torch.testing.assert_close(mixed(x, weights, [True] * 8), by_hand)


def test_a_cell_by_hand():
    space = CellSpace(cells=1, channels=2, nodes=2, reductions=(), operations=("skip_connect", "none"))
    a, b = torch.randn(1, 2, 3, 3), torch.randn(1, 2, 3, 3)
    w = torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6], [0.5, 0.5]])
    first = 0.1 * a + 0.2 * b
    for form in (CellSupernet, FastCellSupernet):
        out = form(space, 1, 2).cells[0]((a, b), EdgeWeights(w, torch.ones(5, 2, dtype=torch.bool)))
        torch.testing.assert_close(out, torch.cat([first, 0.3 * a + 0.4 * b + 0.5 * first], dim=1))


def test_a_nas_bench_201_cell_by_hand():
    space = NasBench201(cells=1, channels=2, operations=("skip_connect", "none", "avg_pool_3x3"))
    x, w = torch.randn(1, 2, 3, 3), torch.rand(6, 3)

    def edge(at, state):
        return w[at, 0] * state + w[at, 2] * F.avg_pool2d(state, 3, 1, 1, count_include_pad=False)

    first = edge(0, x)
    second = edge(1, x) + edge(2, first)
    expected = edge(3, x) + edge(4, first) + edge(5, second)
    for form in (BenchmarkSupernet, FastBenchmarkSupernet):
        out = form(space, 1, 2).cells[0]([x], EdgeWeights(w, torch.ones(6, 3, dtype=torch.bool)))
        torch.testing.assert_close(out, expected)


def test_the_nas_bench_201_space():
    space = NasBench201()
    assert space.shapes() == {"cell": (6, 5)} and len(space.supernet(3, 10).cells) == 15
    assert space.edges() == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    drawn = [space.random(torch.Generator().manual_seed(seed)) for seed in range(40)]
    assert len(set(drawn)) > 35 and {name for cell in drawn for name in cell.operations} == set(space.operations)


@pytest.mark.parametrize("overrides", [{"operations": ("sep_conv_3x3",)}, {"operations": ("none",)}, {"cells": 0}])
def test_nas_bench_201_spaces_that_make_no_sense_are_refused(overrides):
    with pytest.raises(ConfigError):
        override(NasBench201(), **overrides)


def test_what_is_not_active_is_not_computed_and_changes_nothing_else():
    supernet, x = CellSupernet(SMALL, 1, 3).eval(), torch.randn(2, 1, 8, 8)
    zeros, masked = uniform(SMALL), uniform(SMALL)
    for kind in masked:
        zeros[kind].values[0, 3:] = 0.0
        masked[kind].active[0, 3:] = False
    called = []
    for cell in supernet.cells:
        for operation in cell.edges[0].candidates[3:]:
            operation.register_forward_hook(lambda *_: called.append(1))
    with torch.no_grad():
        torch.testing.assert_close(supernet(x, masked), supernet(x, zeros))
    assert len(called) == 3 * 5  # by the second call alone


def test_a_cell_without_any_living_operation_outputs_zeros():
    weights = {kind: EdgeWeights(w.values, torch.zeros_like(w.active)) for kind, w in uniform(SMALL).items()}
    supernet = SMALL.supernet(1, 3)
    logits = supernet(torch.randn(2, 1, 8, 8), weights)
    torch.testing.assert_close(logits, supernet.classifier.bias.expand(2, 3))


@pytest.mark.parametrize(
    "overrides",
    [
        {"nodes": 0},
        {"channels": 3},
        {"cells": 0},
        {"reductions": (3, 1)},
        {"reductions": (8,)},
        {"normal_types": 2},
        {"operations": ("none",)},
        {"operations": ("conv",)},
        {"operations": ()},
        {"operations": ("skip_connect", "skip_connect")},
        {"stem": "vgg"},
    ],
)
def test_spaces_that_make_no_sense_are_refused(overrides):
    with pytest.raises(ConfigError):
        override(CellSpace(), **overrides)


def test_architecture_parameters_follow_the_generator_and_survive_a_round_trip():
    first, second = (SMALL.architecture(Softmax(), torch.Generator().manual_seed(s), 1e-3) for s in (0, 1))
    assert 0 < first.alpha["normal"].std() < 3e-3
    second.keep({kind: mask.logical_and(torch.arange(8) > 2) for kind, mask in second.alive.items()})
    state = copy.deepcopy(second.state_dict())
    first.load_state_dict(state)
    assert torch.equal(first.alpha["reduce"], second.alpha["reduce"]) and torch.equal(
        first.alive["normal"], second.alive["normal"]
    )


def test_what_died_stays_dead():
    architecture = SMALL.architecture(Softmax(), torch.Generator(), 1.0)
    none = {kind: torch.zeros_like(mask) for kind, mask in architecture.alive.items()}
    every = {kind: torch.ones_like(mask) for kind, mask in architecture.alive.items()}
    assert architecture.keep(every) == 0
    assert architecture.keep(none) == 2 * 5 * 8
    assert architecture.keep(every) == 0
    assert not any(mask.any() for mask in architecture.alive.values())
    assert not any(value.any() for value in architecture.strengths().values())
