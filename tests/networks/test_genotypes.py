import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nascore.base.errors import GenotypeError
from nascore.networks import PUBLISHED, Cell, Genotype
from nascore.networks.operations import OPERATIONS
from nascore.spaces import CellSpace


@st.composite
def cells(draw):
    nodes = []
    for node in range(2, 2 + draw(st.integers(1, 5))):
        edge = st.tuples(st.sampled_from(list(OPERATIONS)), st.integers(0, node - 1))
        nodes.append(tuple(draw(st.lists(edge, min_size=1, max_size=6))))
    concat = draw(st.permutations(range(2, 2 + len(nodes))))[: draw(st.integers(1, len(nodes)))]
    return Cell(tuple(nodes), tuple(concat))


@given(st.lists(cells(), min_size=1, max_size=3), cells())
def test_json_round_trip(normal, reduce):
    genotype = Genotype(tuple(normal), reduce)
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert list(genotype.cells())[-1] == "reduce" and len(genotype.cells()) == len(normal) + 1


@pytest.mark.parametrize(
    ("nodes", "concat", "said"),
    [
        ([[["conv", 0]]], [2], "node 2: unknown operation 'conv'"),
        ([[["sep_conv_33", 0]]], [2], "did you mean 'sep_conv_3x3', "),
        ([[["none", 2]]], [2], "node 2 reads node 2, a cycle"),
        ([[["none", 3]], [["none", 0]]], [2], "node 2 reads node 3, a cycle"),
        ([[["none", -1]]], [2], "not -1"),
        ([[["none", "0"]]], [2], "not '0'"),
        ([[["none", 0]]], [3], "concat names node 3: the intermediate nodes are 2 to 2"),
        ([[["none", 0]]], [1], "concat names node 1"),
        ([[["none", 0]]], [2, 2], "names a node twice"),
        ([[["none", 0]]], [], "concat is empty"),
        ([], [2], "at least one intermediate node"),
        ([[], [["none", 2]]], [3], "node 3 reads node 2, which has no inputs"),
        ([[], [["none", 0]]], [2], "concat names node 2, which has no inputs"),
        ([["none", 0]], [2], "a cell is written"),
        ("nodes", [2], "a cell is written"),
    ],
)
def test_what_is_no_cell_says_why(nodes, concat, said):
    with pytest.raises(GenotypeError) as error:
        Cell.from_dict({"nodes": nodes, "concat": concat})
    assert said in str(error.value)


def test_a_node_may_be_empty_when_nothing_reads_it():
    assert Cell(((), (("none", 0),)), (3,)).edges() == [("none", 0, 3)]


@pytest.mark.parametrize("text", ["{", "[]", '{"normal": []}', '{"normal": [], "reduce": {}, "x": 1}', "null", '"x"'])
def test_what_is_no_genotype_is_rejected(text):
    with pytest.raises(GenotypeError):
        Genotype.from_json(text)


def test_files_are_named_in_errors(tmp_path):
    path = tmp_path / "cell.json"
    PUBLISHED["DARTS_V2"].save(path)
    assert Genotype.load(path) == PUBLISHED["DARTS_V2"]
    path.write_text(path.read_text()[:-20])
    with pytest.raises(GenotypeError, match=r"cell\.json"):
        Genotype.load(path)


def test_published_cells_have_two_inputs_a_node():
    assert len(PUBLISHED) == 15
    for genotype in PUBLISHED.values():
        for cell in genotype.cells().values():
            assert all(len(edges) == 2 for _, edges in cell.numbered())


def test_random_genotypes_follow_the_generator_and_the_space():
    space = CellSpace(nodes=3, operations=("none", "skip_connect", "sep_conv_3x3"), normal_types=3)
    first, again, other = (space.random(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first.normal) == 3
    for cell in first.cells().values():
        for node, edges in cell.numbered():
            assert len({source for _, source in edges}) == 2 and all(source < node for _, source in edges)
            assert {name for name, _ in edges} <= {"skip_connect", "sep_conv_3x3"}


def test_an_operation_is_replaced_on_one_edge_alone():
    cell = Cell(((("skip_connect", 0), ("skip_connect", 0)), (("sep_conv_3x3", 1), ("max_pool_3x3", 2))), (2, 3))
    found = cell.replaced(("sep_conv_3x3", 1, 3), "dil_conv_5x5")
    assert found == Cell((cell.nodes[0], (("dil_conv_5x5", 1), ("max_pool_3x3", 2))), (2, 3))
    assert cell.replaced(("max_pool_3x3", 2, 3), "none").nodes[1] == (("sep_conv_3x3", 1),)
    # of two equal edges, one
    assert cell.replaced(("skip_connect", 0, 2), "none").nodes[0] == (("skip_connect", 0),)
    with pytest.raises(GenotypeError, match="has no edge"):
        cell.replaced(("sep_conv_3x3", 0, 3), "none")


def test_a_node_that_loses_its_only_edge_leaves_the_output_unless_it_is_read():
    cell = Cell(((("skip_connect", 0),), (("sep_conv_3x3", 1),)), (2, 3))
    assert cell.replaced(("sep_conv_3x3", 1, 3), "none") == Cell(((("skip_connect", 0),), ()), (2,))
    read = Cell(((("skip_connect", 0),), (("sep_conv_3x3", 2),)), (3,))
    with pytest.raises(GenotypeError, match="reads node 2, which has no inputs"):
        read.replaced(("skip_connect", 0, 2), "none")


def test_a_genotype_s_cell_type_is_named():
    genotype = PUBLISHED["DARTS_V2"]
    first = genotype.cells()["normal"].edges()[0]
    found = genotype.replaced("normal", first, "avg_pool_3x3")
    assert found.reduce == genotype.reduce and found.normal[0].edges()[0] == ("avg_pool_3x3", *first[1:])
    assert found.normal[0].edges()[1:] == genotype.normal[0].edges()[1:]
    with pytest.raises(GenotypeError, match="no cell type 'normal1': there are normal, reduce"):
        genotype.replaced("normal1", first, "none")
