"""Networks with masks on their nodes: what a mask does, what 0 means, and that extraction keeps the function."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nascore.gal import MaskedNetwork, every_node, extracted, pruned
from nascore.networks import PUBLISHED, Cell, Genotype, Stack
from nascore.networks.cell_network import BypassedCell, UnreadCell
from nascore.supernets import FastCellNetwork

DARTS = PUBLISHED["DARTS_V2"]
IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
SIZES = {"channels": 4, "classes": 5, "in_channels": 3}


def lively(network, seed=0):
    """Statistics and BatchNorm's parameters away from their start, so that no two ways can agree by chance."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.data.add_(0.3 * torch.randn(tensor.shape, generator=generator))
            module.running_var.mul_(0.5 + torch.rand(module.running_var.shape, generator=generator))
    return network.eval()


def masked(genotype=DARTS, masks=None, **how):
    torch.manual_seed(0)
    network = lively(MaskedNetwork(genotype, **(SIZES | {"cells": 4, "reductions": (1, 3)} | how)))
    for at, values in (masks or {}).items():
        network.cells[at].mask.data.copy_(torch.tensor(values))
    return network


def test_masks_of_one_change_nothing():
    torch.manual_seed(0)
    plain = FastCellNetwork(DARTS, cells=4, reductions=(1, 3), **SIZES)
    network = MaskedNetwork(DARTS, cells=4, reductions=(1, 3), **SIZES)
    assert network.load_state_dict(plain.state_dict(), strict=False).unexpected_keys == []
    for mode in (True, False):
        assert torch.equal(network.train(mode)(IMAGES), plain.train(mode)(IMAGES))
    masks = sum(mask.numel() for mask in network.masks().values())
    assert masks == 16 and len(network.unmasked()) + 4 == len(list(network.parameters()))


def test_a_mask_multiplies_its_node_for_all_that_read_it():
    """By hand: a cell whose node 1 is the skip of node 0, so that its channels see both masks."""
    cell = Cell(((("skip_connect", 0),), (("skip_connect", 2),)), (2, 3))
    network = masked(Genotype((cell,), cell), {0: [0.5, 3.0]}, cells=1, reductions=())
    input0 = torch.randn(2, 4, 3, 3)
    output = network.cells[0](input0, input0, cell, "keep")
    assert torch.allclose(output, torch.cat([0.5 * input0, 1.5 * input0], dim=1))


def test_behind_batchnorm_a_mask_means_nothing_until_it_is_zero():
    """In training, what reads a node undoes its mask; at 0 it would still give a constant, and is left out."""
    cell = Cell(((("skip_connect", 0),), (("dil_conv_3x3", 2),)), (3,))
    network = masked(Genotype((cell,), cell), cells=1, reductions=()).train()
    logits = []
    for value in (1.0, 0.5, 0.0):
        network.cells[0].mask.data[0] = value
        logits.append(network(IMAGES))
    assert torch.allclose(logits[0], logits[1], atol=1e-3)
    assert not torch.allclose(logits[1], logits[2], atol=0.1)
    assert network.kept() == ((1,),) and pruned(network.stack, network.kept()).stack == (None,)


@st.composite
def masks(draw):
    """Masks of four cells of four nodes, many of them 0."""
    value = st.one_of(st.just(0.0), st.just(0.0), st.floats(0.25, 2.0, width=32))
    return {at: [draw(value) for _ in range(4)] for at in range(4)}


@settings(max_examples=40)
@given(masks(), st.sampled_from(["DARTS_V2", "PDARTS", "SNAS_moderate"]), st.booleans())
def test_what_is_extracted_gives_the_masked_networks_outputs(values, name, training):
    network = masked(PUBLISHED[name], values)
    small = extracted(network)
    assert small.stack == pruned(network.stack, network.kept())
    assert small.cells is not network.cells
    network.train(training)
    small.train(training)
    assert torch.allclose(small(IMAGES), network(IMAGES), atol=2e-4, rtol=1e-3)


@settings(max_examples=15)
@given(masks())
def test_what_is_extracted_once_is_the_same_when_extracted_again(values):
    small = extracted(masked(masks=values))
    again = extracted(small)
    assert again.stack == small.stack and torch.allclose(again(IMAGES), small(IMAGES), atol=1e-5)


def test_with_all_masks_one_the_extracted_network_is_an_ordinary_one_of_the_pruned_stack():
    values = {at: [1.0, 0.0, 1.0, 0.0] for at in range(4)}
    small = extracted(masked(masks=values))
    plain = FastCellNetwork(small.stack, **SIZES)
    plain.load_state_dict({name: value for name, value in small.state_dict().items() if name in plain.state_dict()})
    assert torch.equal(plain.eval()(IMAGES), small(IMAGES))
    assert sum(p.numel() for p in plain.parameters()) < sum(p.numel() for p in masked().unmasked())


def test_a_cell_without_nodes_passes_its_input_on_or_gives_nothing():
    dead = {1: [0.0] * 4, 2: [0.0] * 4}
    bypassing, silent = masked(masks=dead), masked(masks=dead, empty="keep")
    assert not torch.allclose(bypassing(IMAGES), silent(IMAGES))
    assert [type(cell) for cell in extracted(bypassing).cells[1:3]] == [BypassedCell] * 2
    assert extracted(silent).stack == silent.stack  # the cells come back whole
    assert extracted(silent).kept() == every_node(silent.stack)
    # silence: what those cells read does not matter
    expected = silent(IMAGES)
    for name, parameter in silent.cells[2].named_parameters():
        if name != "mask":
            parameter.data.fill_(7.0)
    assert torch.equal(silent(IMAGES), expected)


def test_what_is_pruned_is_not_computed(monkeypatch):
    network = masked(masks={0: [1.0, 0.0, 0.0, 1.0], 1: [0.0] * 4})
    for at, dead in ((0, (2, 3, 4, 5)), (1, range(8))):  # DARTS's cells have two operations a node
        for edge in dead:
            monkeypatch.setattr(network.cells[at].operations[edge], "forward", None)
    assert torch.isfinite(network(IMAGES)).all()


def test_a_cell_that_nothing_reads_is_not_built():
    reads1 = Cell(((("sep_conv_3x3", 1),),), (2,))
    reads0 = Cell(((("sep_conv_3x3", 0),),), (2,))
    stack = Stack((reads1, reads1, reads0), ())  # the second is skipped by the third, and nothing else reads it
    assert stack.reads() == [(False, True), (False, False), (True, False)]
    network = MaskedNetwork(stack, **SIZES)
    assert isinstance(network.cells[1], UnreadCell) and network(IMAGES).shape == (4, 5)
    assert network.kept() == ((0,), (0,), (0,)) and list(network.masks()) == [0, 2]
    assert torch.allclose(extracted(network)(IMAGES), network(IMAGES), atol=1e-6)


@pytest.mark.parametrize("empty", ["bypass", "keep"])
def test_bypassed_cells_of_a_stack_have_no_masks(empty):
    cells = DARTS.cells()
    stack = Stack((cells["normal"], None, cells["normal"]), (1,))
    network = MaskedNetwork(stack, empty=empty, **SIZES)
    assert network.kept() == ((0, 1, 2, 3), (), (0, 1, 2, 3))
    assert torch.allclose(extracted(network)(IMAGES), network(IMAGES), atol=1e-6)
