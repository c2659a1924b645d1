"""A reader's operations: registered by name, computed by what they are and never by what they are called."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nascore.base.errors import ConfigError
from nascore.networks import CellNetwork, count, operations
from nascore.networks.cells import Cell, Genotype
from nascore.networks.operations import SeparableConvolution
from nascore.relaxations import EdgeWeights
from nascore.spaces import CellSpace
from nascore.supernets import CellSupernet, FastCellSupernet, as_it_is, computes
from nascore.supernets.sharing import RULES, rule_of


class GeluConvolution(nn.Sequential):
    def __init__(self, channels, stride, searching):
        convolution = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        super().__init__(nn.GELU(), convolution, nn.BatchNorm2d(channels, affine=not searching))


@pytest.fixture
def registered():
    before = dict(operations.OPERATIONS)
    yield operations.register
    operations.OPERATIONS.clear()
    operations.OPERATIONS.update(before)


def space(*names):
    return CellSpace(cells=2, reductions=(1,), channels=4, nodes=2, operations=names)


def both(made, seed=0):
    torch.manual_seed(seed)
    plain, fast = (form(made, 3, 5).double() for form in (CellSupernet, FastCellSupernet))
    fast.load_state_dict(plain.state_dict())
    return plain, fast


def outcome(net, images, values):
    weights = {kind: EdgeWeights(value, torch.ones(value.shape, dtype=torch.bool)) for kind, value in values.items()}
    logits = net(images, weights)
    return logits, torch.autograd.grad(logits.square().sum(), [*values.values(), *net.parameters()])


def agree(made, generator):
    plain, fast = both(made)
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=generator)
    values = {
        kind: torch.rand(shape, dtype=torch.float64, generator=generator).requires_grad_()
        for kind, shape in made.shapes().items()
    }
    (one, ours), (other, theirs) = outcome(plain, images, values), outcome(fast, images, values)
    torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)
    for found, expected in zip(theirs, ours, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-7)


def test_an_operation_named_like_another_is_computed_as_it_is(registered, generator):
    registered("sep_conv_3x3_gelu", GeluConvolution)
    agree(
        space("skip_connect", "sep_conv_3x3_gelu"),
        generator,
    )


def test_a_subclass_is_not_taken_for_its_base(registered, generator):
    class Doubled(SeparableConvolution):
        def forward(self, x):
            return 2 * super().forward(x)

    registered("doubled", partial(Doubled, 3, (1, 1)))
    agree(space("doubled", "sep_conv_3x3"), generator)


def test_the_package_s_own_types_with_affine_norms_are_computed_as_they_are():
    made = SeparableConvolution(3, (1, 1), 4, 1, searching=False)
    assert rule_of(made) is as_it_is
    assert rule_of(SeparableConvolution(3, (1, 1), 4, 1, searching=True)) is not as_it_is


@pytest.mark.parametrize("dilations", [(3,), (2, 1, 1), (1, 2), (2, 2, 1)])
def test_other_dilations_agree_with_the_plain_form(registered, generator, dilations):
    registered(
        "mine", lambda channels, stride, searching: SeparableConvolution(3, dilations, channels, stride, searching)
    )
    agree(space("mine", "max_pool_3x3"), generator)


def test_pools_of_different_sizes_share_nothing(registered, generator):
    def pool(channels, stride, searching):
        return operations.NormalisedPool(nn.MaxPool2d(5, stride, 2), channels)

    registered("max_pool_5x5", pool)
    agree(space("max_pool_3x3", "max_pool_5x5"), generator)


def test_a_rule_of_a_reader_s_own_is_used(registered, generator):
    used = []

    class Halved(nn.Module):
        def __init__(self, channels, stride, searching):
            super().__init__()
            self.stride = stride

        def forward(self, x):
            return F.relu(x)[:, :, :: self.stride, :: self.stride] / 2

    @computes(Halved)
    def rule(module, state, scale, total):
        used.append(module)
        total.add_scaled(state.relu[:, :, :: module.stride, :: module.stride], scale / 2)

    try:
        registered("halved", Halved)
        agree(space("halved", "sep_conv_3x3"), generator)
        assert used
    finally:
        del RULES[Halved]


def test_it_is_an_operation_like_any_other(registered):
    registered("sep_conv_3x3_gelu", GeluConvolution)
    cell = Cell(((("sep_conv_3x3_gelu", 0), ("skip_connect", 1)),), (2,))
    genotype = Genotype((cell,), cell)
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert count(CellNetwork(genotype, cells=3, channels=4), (3, 8, 8)).parameters > 0


@pytest.mark.parametrize("name", ["sep_conv_3x3", "none", "two words", "", "a-b", 3])
def test_names_that_are_taken_or_no_words_are_refused(name, registered):
    with pytest.raises(ConfigError, match="name"):
        registered(name, GeluConvolution)
