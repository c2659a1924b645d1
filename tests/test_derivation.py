import pytest
import torch

from nascore.derivation import EveryEdge, StrongestEdges, StrongestPairs
from nascore.errors import ConfigError
from nascore.genotypes import Cell, Genotype
from nascore.pruning import Pruning
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
    assert Pruning().keep(SPACE, {"normal": torch.zeros(2, 2)}, alive, 1) is alive
