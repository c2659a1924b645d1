import pytest
import torch

from nascore.derivation import StrongestEdges
from nascore.errors import ConfigError
from nascore.genotypes import Cell, Genotype
from nascore.pruning import Pruning
from nascore.spaces import CellSpace

SPACE = CellSpace(nodes=2, cells=3, operations=("none", "skip_connect", "sep_conv_3x3"))
# edges: 0-2, 1-2, 0-3, 1-3, 2-3
STRENGTHS = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05], [0.0, 0.7, 0.3]])


def test_each_node_keeps_its_two_strongest_edges_leaving_none_out():
    found = StrongestEdges().cell(SPACE, STRENGTHS)
    # edge 1-3 is strong only in `none`; on edge 0-2 the two others tie and the earlier candidate wins
    first = (("skip_connect", 0), ("skip_connect", 1))
    assert found == Cell((first, (("sep_conv_3x3", 0), ("skip_connect", 2))), (2, 3))


def test_one_input_or_more_than_there_are():
    assert [len(edges) for edges in StrongestEdges(inputs=1).cell(SPACE, STRENGTHS).nodes] == [1, 1]
    assert [len(edges) for edges in StrongestEdges(inputs=9).cell(SPACE, STRENGTHS).nodes] == [2, 3]
    with pytest.raises(ConfigError):
        StrongestEdges(inputs=0)


def test_cell_types_keep_their_order():
    space = CellSpace(nodes=1, operations=("none", "skip_connect", "sep_conv_3x3"), normal_types=3)
    skip, sep = torch.tensor([[0.0, 1.0, 0.0]] * 2), torch.tensor([[0.0, 0.0, 1.0]] * 2)
    found = StrongestEdges().genotype(space, dict(zip(space.cell_types(), (skip, sep, skip, sep), strict=True)))
    cells = [
        Cell(((name_0, name_1),), (2,))
        for name_0, name_1 in [(("skip_connect", 0), ("skip_connect", 1)), (("sep_conv_3x3", 0), ("sep_conv_3x3", 1))]
    ]
    assert found == Genotype((cells[0], cells[1], cells[0]), cells[1])


def test_no_pruning_keeps_everything():
    alive = {"normal": torch.ones(2, 2, dtype=torch.bool)}
    assert Pruning().keep({"normal": torch.zeros(2, 2)}, alive, 1) is alive
