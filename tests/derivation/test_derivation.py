import pytest
import torch

from nascore.base.errors import ConfigError
from nascore.derivation import EveryEdge, StrongestEdges, StrongestGroups, StrongestPairs
from nascore.networks import Cell, Genotype
from nascore.pruning import Pruning, Seen
from nascore.spaces import CellSpace, NasBench201

SPACE = CellSpace(nodes=2, cells=3, operations=("none", "skip_connect", "sep_conv_3x3"))
# edges: 0-2, 1-2, 0-3, 1-3, 2-3
STRENGTHS = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05], [0.0, 0.7, 0.3]])


def cell(derivation, strengths=STRENGTHS):
    return derivation.genotype(SPACE, {"normal": strengths, "reduce": strengths}).reduce


def test_each_node_keeps_its_two_strongest_edges_leaving_none_out():
    found = cell(StrongestEdges())
    # edge 1-3 is strong only in `none`; on edge 0-2 the two others tie and the earlier candidate wins
    first = (("skip_connect", 0), ("skip_connect", 1))
    assert found == Cell((first, (("sep_conv_3x3", 0), ("skip_connect", 2))), (2, 3))


def test_one_input_or_more_than_there_are():
    assert [len(edges) for edges in cell(StrongestEdges(inputs=1)).nodes] == [1, 1]
    assert [len(edges) for edges in cell(StrongestEdges(inputs=9)).nodes] == [2, 3]
    with pytest.raises(ConfigError):
        StrongestEdges(inputs=0)


def test_what_has_no_strength_is_never_kept():
    dead = STRENGTHS.clone()
    dead[3:, :] = 0.0  # edges 1-3 and 2-3
    assert cell(StrongestEdges(), dead).nodes[1] == (("sep_conv_3x3", 0),)


# -- none, which may count ---------------------------------------------------------------------------------------------


def test_an_edge_that_none_leads_is_absent_where_none_competes():
    # `none` leads 0-2 (0.8) and 1-3 (0.9): nothing takes their places
    keeps = ((("skip_connect", 1),), (("sep_conv_3x3", 0), ("skip_connect", 2)))
    assert cell(StrongestEdges(none_competes=True)) == Cell(keeps, (2, 3))
    assert cell(StrongestEdges(none_competes=True, inputs=1)).nodes == ((("skip_connect", 1),), (("skip_connect", 2),))


def test_a_node_of_which_none_leads_every_edge_is_left_out():
    led = STRENGTHS.clone()
    led[1] = torch.tensor([0.4, 0.4, 0.2])  # a tie: what is not stronger than `none` is not kept
    found = StrongestEdges(none_competes=True).genotype(SPACE, {"normal": led, "reduce": led}).reduce
    assert found == Cell(((), (("sep_conv_3x3", 0),)), (3,))  # and 2-3 with it, since node 2 has no input


def test_without_none_among_the_operations_it_has_nothing_to_compete_with():
    space = CellSpace(nodes=2, cells=3, operations=SPACE.operations[1:])
    alone = StrongestEdges(none_competes=True).choose(space, STRENGTHS[:, 1:])
    assert alone == StrongestEdges().choose(space, STRENGTHS[:, 1:])


def test_a_skip_that_is_limited_may_leave_an_edge_to_none():
    # the 0.5 of edge 1-2 gives way; what is left there, 0.05, is behind its `none`, and the edge is gone
    strengths = SKIPS.clone()
    strengths[1] = torch.tensor([0.45, 0.5, 0.05])
    limited = StrongestEdges(skip_limit=2, none_competes=True).choose(SPACE, strengths)
    assert [(source, target) for _, source, target in limited] == [(0, 2), (0, 3), (2, 3)]
    # groups are compared among what is not `none`; whether `none` leads is asked of operations one by one
    grouped = StrongestGroups(none_competes=True).choose(GROUPED, WEIGHTS)
    assert grouped == [("sep_conv_3x3", 0, 2)]


# -- the limit on skips ------------------------------------------------------------------------------------------------

# edges 0-2, 1-2, 0-3, 1-3, 2-3; on the last one a skip is stronger than all else, then comes nothing much
SKIPS = torch.tensor([[0.1, 0.6, 0.3], [0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.3, 0.25, 0.45], [0.0, 0.7, 0.3]])


def kept(limit, kind="normal", strengths=SKIPS):
    return StrongestEdges(skip_limit=limit).choose(SPACE, strengths, kind)


def test_the_weakest_skip_gives_way_first():
    skip, sep = "skip_connect", "sep_conv_3x3"
    both = [(skip, 0, 2), (skip, 1, 2)]
    assert kept(None) == kept(9) == kept(3) == [*both, (sep, 0, 3), (skip, 2, 3)]
    # 0.5 is the weakest skip kept: its own edge's next operation takes its place
    assert kept(2) == [(skip, 0, 2), (sep, 1, 2), (sep, 0, 3), (skip, 2, 3)]
    assert kept(1) == [(sep, 0, 2), (sep, 1, 2), (sep, 0, 3), (skip, 2, 3)]
    # the 0.7 of edge 2-3 is gone, what is left of it has 0.3: edge 1-3 with its 0.45 enters
    assert kept(0) == [(sep, 0, 2), (sep, 1, 2), (sep, 0, 3), (sep, 1, 3)]


def test_reduction_cells_keep_their_skips():
    assert kept(0, "reduce") == kept(None)
    space = CellSpace(nodes=2, cells=5, operations=SPACE.operations, normal_types=3)
    found = StrongestEdges(skip_limit=0).genotype(space, dict.fromkeys(space.cell_types(), SKIPS))
    skips = {kind: sum(name == "skip_connect" for name, _, _ in cell.edges()) for kind, cell in found.cells().items()}
    assert skips == {"normal1": 0, "normal2": 0, "normal3": 0, "reduce": 3}


def test_an_edge_of_which_a_skip_was_all_is_left_out():
    only = torch.tensor([[0.5, 0.5, 0.0]] * 4 + [[0.0, 0.2, 0.8]])
    assert kept(0, strengths=only) == [("sep_conv_3x3", 2, 3)]
    found = StrongestEdges(skip_limit=0).genotype(SPACE, {"normal": only, "reduce": only})
    assert found.normal[0] == Cell(((("skip_connect", 0), ("skip_connect", 1)), ()), (2,))  # nothing leads to node 2


def test_the_strengths_given_stay_as_they_are():
    before = SKIPS.clone()
    kept(0)
    StrongestGroups(skip_limit=0).choose(SPACE, SKIPS)
    assert torch.equal(SKIPS, before)
    with pytest.raises(ConfigError, match="skip_limit"):
        StrongestEdges(skip_limit=-1)


# -- groups ------------------------------------------------------------------------------------------------------------

GROUPED = CellSpace(
    nodes=1,
    cells=3,
    operations=("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"),
)
# edge 0-2: the skip is the strongest operation, convolutions are the strongest group; edge 1-2: `none` is strong
WEIGHTS = torch.tensor([[0.0, 0.05, 0.05, 0.35, 0.3, 0.25], [0.6, 0.12, 0.13, 0.05, 0.05, 0.05]])


def chosen(derivation, strengths=WEIGHTS):
    return derivation.choose(GROUPED, strengths)


def test_the_strongest_group_can_have_another_winner():
    assert chosen(StrongestEdges()) == [("skip_connect", 0, 2), ("avg_pool_3x3", 1, 2)]
    assert chosen(StrongestGroups()) == [("sep_conv_3x3", 0, 2), ("avg_pool_3x3", 1, 2)]
    scores = StrongestGroups().scores(GROUPED, WEIGHTS)
    expected = WEIGHTS.clone()
    expected[0, 4], expected[1, 2], expected[:, 0] = 0.55, 0.25, 0.0
    torch.testing.assert_close(scores, expected)


def test_the_group_decides_which_edges_are_kept():
    # alone, 0.4 beats 0.3; together, 0.3 and 0.3 beat it
    strengths = torch.tensor([[0.3, 0.0, 0.0, 0.4, 0.2, 0.1], [0.4, 0.0, 0.0, 0.0, 0.3, 0.3]])
    assert chosen(StrongestEdges(inputs=1), strengths) == [("skip_connect", 0, 2)]
    assert chosen(StrongestGroups(inputs=1), strengths) == [("sep_conv_3x3", 1, 2)]


def test_any_grouping():
    alone = StrongestGroups(groups=())
    assert chosen(alone) == chosen(StrongestEdges())
    odd = StrongestGroups(groups=(("skip_connect", "avg_pool_3x3"), ("sep_conv_3x3",)))
    assert chosen(odd) == [("skip_connect", 0, 2), ("avg_pool_3x3", 1, 2)]
    assert odd.scores(GROUPED, WEIGHTS)[:, 2:4].tolist() == [
        pytest.approx([0.05, 0.4]),
        pytest.approx([0.18, 0.05]),
    ]
    for wrong in ((("sep_conv",),), (("none", "skip_connect"), ("skip_connect",))):
        with pytest.raises(ConfigError, match="groups"):
            StrongestGroups(groups=wrong)


def test_groups_and_the_limit_on_skips():
    strengths = torch.tensor([[0.0, 0.1, 0.2, 0.4, 0.15, 0.15], [0.0, 0.3, 0.3, 0.2, 0.1, 0.1]])
    assert chosen(StrongestGroups(), strengths) == [("skip_connect", 0, 2), ("max_pool_3x3", 1, 2)]
    # without the skip, both other groups have 0.3, and the earlier one wins with its best
    assert chosen(StrongestGroups(skip_limit=0), strengths) == [("avg_pool_3x3", 0, 2), ("max_pool_3x3", 1, 2)]


def test_a_node_may_keep_two_pairs_of_one_edge():
    found = cell(StrongestPairs())
    # node 2: both operations of edge 1-2; node 3: 0.7 on edge 2-3, 0.6 on edge 0-3
    nodes = ((("skip_connect", 1), ("sep_conv_3x3", 1)), (("sep_conv_3x3", 0), ("skip_connect", 2)))
    assert found == Cell(nodes, (2, 3))
    with pytest.raises(ConfigError):
        StrongestPairs(inputs=0)


def test_cell_types_keep_their_order():
    space = CellSpace(nodes=1, operations=("none", "skip_connect", "sep_conv_3x3"), normal_types=3)
    skip, sep = torch.tensor([[0.0, 1.0, 0.0]] * 2), torch.tensor([[0.0, 0.0, 1.0]] * 2)
    found = StrongestEdges().genotype(space, dict(zip(space.cell_types(), (skip, sep, skip, sep), strict=True)))
    cells = [
        Cell(((name_0, name_1),), (2,))
        for name_0, name_1 in [(("skip_connect", 0), ("skip_connect", 1)), (("sep_conv_3x3", 0), ("sep_conv_3x3", 1))]
    ]
    assert found == Genotype((cells[0], cells[1], cells[0]), cells[1])


def test_every_edge_keeps_its_strongest_operation():
    nodes = (
        (("skip_connect", 0), ("skip_connect", 1)),
        (("sep_conv_3x3", 0), ("skip_connect", 1), ("skip_connect", 2)),
    )
    assert cell(EveryEdge()) == Cell(nodes, (2, 3))
    competing = (((("skip_connect", 1),)), (("sep_conv_3x3", 0), ("skip_connect", 2)))
    assert cell(EveryEdge(none_competes=True)) == Cell(competing, (2, 3))


def test_an_edge_where_only_none_survives_is_left_out_and_so_is_a_node_without_inputs():
    only_none = torch.tensor([[1.0, 0.0, 0.0]] * 5)
    only_none[3] = torch.tensor([0.0, 0.4, 0.6])  # edge 1-3
    assert cell(EveryEdge(), only_none) == Cell(((), (("sep_conv_3x3", 1),)), (3,))
    only_none[4] = torch.tensor([0.0, 1.0, 0.0])  # edge 2-3, which leaves a node that nothing leads to
    assert cell(EveryEdge(), only_none) == Cell(((), (("sep_conv_3x3", 1),)), (3,))


def test_a_cell_of_which_nothing_is_left_passes_its_inputs_on():
    found = cell(EveryEdge(), torch.tensor([[1.0, 0.0, 0.0]] * 5))
    assert found == Cell(((("skip_connect", 0), ("skip_connect", 1)), ()), (2,))


def test_a_nas_bench_201_cell():
    strengths = torch.eye(5)[[3, 1, 0, 4, 2, 3]] + 0.1
    found = EveryEdge(none_competes=True).genotype(NasBench201(), {"cell": strengths})
    assert found.operations == ("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3")
    assert EveryEdge().genotype(NasBench201(), {"cell": strengths}).operations[2] == "skip_connect"


def test_no_pruning_keeps_everything():
    alive = {"normal": torch.ones(2, 2, dtype=torch.bool)}
    assert Pruning().keep(Seen(SPACE, {"normal": torch.zeros(2, 2)}, alive, 1)) is alive
