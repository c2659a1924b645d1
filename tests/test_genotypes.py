import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nascore.errors import GenotypeError
from nascore.genotypes import PUBLISHED, Cell, Genotype
from nascore.operations import OPERATIONS
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
