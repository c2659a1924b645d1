"""Which nodes are kept, what is left of cells, and how large the networks of what is left are."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nascore
from nascore.base.errors import ConfigError
from nascore.evidence import tables
from nascore.gal import every_node, largest_nodes, magnitudes, pruned, random_nodes
from nascore.networks import PUBLISHED, Cell, CellNetwork, Genotype, Stack, kinds, stacked
from nascore.recipes.darts_gal import EXPERIMENTS, experiment

DARTS = PUBLISHED["DARTS_V2"]
# a chain: each node but the first reads the one before it alone
CHAIN = Cell(((("sep_conv_3x3", 0),), (("skip_connect", 2),), (("dil_conv_3x3", 3), ("max_pool_3x3", 1))), (2, 3, 4))


def one(cell, kept, **how):
    return pruned(Stack((cell, cell), ()), (kept, (0,)), **how).stack[0]


def test_by_the_rule_node_what_hangs_on_a_pruned_node_goes_too():
    assert one(CHAIN, (1, 2)) == Cell(((), (), (("max_pool_3x3", 1),)), (4,))  # node 1 has lost its input
    assert one(CHAIN, (0, 2)) == Cell(((("sep_conv_3x3", 0),), (), (("max_pool_3x3", 1),)), (2, 4))
    assert one(CHAIN, (0, 1, 2)) == CHAIN


def test_by_the_rule_concat_every_operation_stays():
    assert one(CHAIN, (1,), rule="concat") == Cell(CHAIN.nodes, (3,))


def test_a_node_that_nothing_reads_goes_by_the_rule_node():
    unread = Cell(CHAIN.nodes, (4,))  # nodes 0 and 1 are read by nodes alone
    assert one(unread, (0, 2)) == Cell(((), (), (("max_pool_3x3", 1),)), (4,))


@pytest.mark.parametrize("rule", ["node", "concat"])
def test_a_cell_that_keeps_nothing_is_bypassed_or_kept(rule):
    assert one(CHAIN, (), rule=rule) is None
    assert one(CHAIN, (), rule=rule, empty="keep") == CHAIN
    assert one(CHAIN, (1,), rule="node") is None  # whose only input is pruned


@pytest.mark.parametrize("kept", [((0,),), ((3,), (0,)), ((0,), (-1,))])
def test_nodes_that_do_not_fit_are_told(kept):
    with pytest.raises(ConfigError, match=r"the stack has 2|has no node"):
        pruned(Stack((CHAIN, CHAIN), ()), kept)


# -- counted by hand --------------------------------------------------------------------------------------------------


def operation_size(name, channels, stride):
    """Parameters of an operation; see the formulas of the papers' cells."""
    if "pool" in name or (name == "skip_connect" and stride == 1):
        return 0
    if name == "skip_connect":
        return channels**2 + 2 * channels
    size = int(name[-1])
    once = size**2 * channels + channels**2 + 2 * channels
    return 2 * once if name.startswith("sep") else once


def expected_size(stack, channels, classes, in_channels, stem):
    """Parameters of the network of a stack, by formulas alone."""
    stem_width = 3 * channels
    total = 9 * in_channels * stem_width + 2 * stem_width
    if stem == "stride2":
        total = 9 * in_channels * channels + 2 * channels + 9 * channels * stem_width + 2 * stem_width
    widths, reads = [stem_width, stem_width], stack.reads()
    for at, cell in enumerate(stack.stack):
        reduction = at in stack.reductions
        channels = 2 * channels if reduction else channels
        for side in (0, 1):
            if reads[at][side]:
                total += widths[-2 + side] * channels + 2 * channels
        if not any(reads[at]):
            widths.append(0)
        elif cell is None:
            total += channels**2 + 2 * channels if reduction else 0
            widths.append(channels)
        else:
            total += sum(
                operation_size(name, channels, 2 if reduction and source < 2 else 1) for name, source, _ in cell.edges()
            )
            widths.append(len(cell.concat) * channels)
    return total + (widths[-1] + 1) * classes


@st.composite
def prunings(draw):
    """An experiment's layout, as printed or by DARTS's rule, and any nodes of it."""
    named = experiment(draw(st.sampled_from(list(EXPERIMENTS))))
    reductions = draw(st.sampled_from([named.reductions, named.rule_reductions]))
    genotype = draw(st.sampled_from([DARTS, PUBLISHED["PDARTS"], PUBLISHED["SNAS_moderate"]]))
    stack = named.stack(genotype, reductions)
    kept = tuple(tuple(sorted(draw(st.sets(st.sampled_from(range(4)))))) for _ in stack.stack)
    rule, empty = draw(st.sampled_from(["node", "concat"])), draw(st.sampled_from(["bypass", "keep"]))
    return named, pruned(stack, kept, rule, empty), rule


@settings(max_examples=60)
@given(prunings())
def test_every_layout_with_any_nodes_builds_runs_and_has_the_counted_size(case):
    named, stack, rule = case
    network = CellNetwork(stack, channels=2, classes=named.classes, in_channels=named.image[0], stem=named.stem)
    assert sum(p.numel() for p in network.parameters()) == expected_size(
        stack, 2, named.classes, named.image[0], named.stem
    )
    images = torch.randn(2, named.image[0], 19, 19)
    network(images).sum().backward()
    assert network(images).shape == (2, named.classes)
    # nothing is there that the output does not depend on
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    assert rule == "concat" or not idle, idle


@given(prunings())
def test_a_pruned_stack_survives_json(case):
    stack = case[1]
    assert nascore.networks.read(stack.to_dict()) == stack and Stack.from_json(stack.to_json()) == stack


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_printed_tables_fit_their_layouts(name):
    named = experiment(name)
    assert len(named.kept) == named.cells
    rows = tables.reported("darts_gal", named.table)
    printed = rows[rows["dataset"] == named.title]["type"].tolist()
    assert printed == [
        "Reduction" if kind == "reduce" else "Normal" for kind in kinds(named.cells, named.reductions, 1)
    ]


def test_an_unpruned_stack_is_its_genotypes_network():
    whole = CellNetwork(DARTS, cells=5, channels=4, reductions=(1, 3))
    stack = CellNetwork(stacked(DARTS, 5, (1, 3)), channels=4)
    stack.load_state_dict(whole.state_dict())
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(whole.eval()(images), stack.eval()(images))


# -- other choices ----------------------------------------------------------------------------------------------------


def test_random_nodes_are_as_many_as_asked_for(generator):
    stack = stacked(DARTS, 5)
    for count in (0, 7, 20):
        assert sum(map(len, random_nodes(stack, count, generator))) == count
    assert [len(nodes) for nodes in random_nodes(stack, (0, 1, 2, 3, 4), generator)] == [0, 1, 2, 3, 4]
    often = [random_nodes(stack, 7, generator) for _ in range(400)]
    share = torch.tensor([[[node in nodes for node in range(4)] for nodes in kept] for kept in often]).float().mean(0)
    assert (share - 7 / 20).abs().max() < 0.1  # uniform: 5 standard errors are 0.12
    for wrong in (21, -1, (5, 0, 0, 0, 0), (1, 1)):
        with pytest.raises(ConfigError):
            random_nodes(stack, wrong, generator)


def test_the_largest_nodes_over_all_cells():
    scores = [[0.1, 0.9], [0.5, 0.5], [0.2]]
    assert largest_nodes(scores, 2) == ((1,), (0,), ())
    assert largest_nodes(scores, 5) == ((0, 1), (0, 1), (0,))
    with pytest.raises(ConfigError, match="from 0 to 5"):
        largest_nodes(scores, 6)


def test_magnitudes_are_those_of_the_weights_that_read_a_node():
    network = CellNetwork(DARTS, cells=3, channels=4, reductions=(1,))
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(1.0)
        network.preprocess[1].last[1].weight[:, 4:8] = 3.0  # read of cell 1: node 1
        network.preprocess[2].before_last.even.weight[:, 4:8] = -3.0
        network.preprocess[2].before_last.odd.weight[:, 4:8] = 3.0
        network.classifier.weight[:, 8:16] = 5.0  # of the last cell, 8 wide: node 1
    first, second, last = magnitudes(network)
    assert first == pytest.approx([2 / 3, 2, 2 / 3, 2 / 3]) and second == pytest.approx([1] * 4)
    assert last == pytest.approx([0.5, 2.5, 0.5, 0.5])
    assert largest_nodes([first, second, last], 2) == ((1,), (), (1,))


def test_the_nodes_of_a_stack():
    stack = Stack((CHAIN, None), (1,))
    assert every_node(stack) == ((0, 1, 2), ())
    assert Genotype((CHAIN,), CHAIN).cells().keys() == {"normal", "reduce"} and list(stack.cells()) == ["cell 1"]
