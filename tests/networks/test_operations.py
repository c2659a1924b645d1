import pytest
import torch
from torch import nn

from nascore.base.errors import ConfigError
from nascore.networks.operations import DARTS, OPERATIONS, FactorizedReduce, build


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [8, 7, 1])
def test_shapes(name, stride, size):
    made = build(name, 4, stride, searching=True)(torch.randn(2, 4, size, size))
    assert made.shape == (2, 4, -(-size // stride), -(-size // stride))


@pytest.mark.parametrize(
    ("name", "stride", "parameters"),
    [
        # of width c, BatchNorm affine: separable 2 (k^2 c + c^2 + 2c), dilated k^2 c + c^2 + 2c, strided skip c^2 + 2c
        ("sep_conv_3x3", 1, lambda c: 2 * (9 * c + c * c + 2 * c)),
        ("sep_conv_5x5", 2, lambda c: 2 * (25 * c + c * c + 2 * c)),
        ("dil_conv_3x3", 1, lambda c: 9 * c + c * c + 2 * c),
        ("dil_conv_5x5", 2, lambda c: 25 * c + c * c + 2 * c),
        ("skip_connect", 2, lambda c: c * c + 2 * c),
        ("skip_connect", 1, lambda c: 0),
        ("max_pool_3x3", 1, lambda c: 0),
        ("none", 2, lambda c: 0),
        ("nor_conv_1x1", 1, lambda c: c * c + 2 * c),
        ("nor_conv_3x3", 2, lambda c: 9 * c * c + 2 * c),
        # of the ETH thesis: twice the block of a dilated one, whatever its second dilation
        ("dil_dil_conv_3x3", 1, lambda c: 2 * (9 * c + c * c + 2 * c)),
        ("dil_sep_conv_5x5", 2, lambda c: 2 * (25 * c + c * c + 2 * c)),
        # c -> c/2, twice c/2 -> c/2, c/2 -> c
        ("deep_sep_conv_3x3", 1, lambda c: 9 * (c + 3 * c // 2) + (c * c // 2 * 2 + c * c // 4 * 2) + 5 * c),
        ("deep_sep_conv_5x5", 2, lambda c: 25 * (c + 3 * c // 2) + (c * c // 2 * 2 + c * c // 4 * 2) + 5 * c),
    ],
)
def test_parameters(name, stride, parameters):
    for width in (4, 16):
        assert sum(p.numel() for p in build(name, width, stride).parameters()) == parameters(width)


def test_in_a_supernet_nothing_is_affine_and_pools_are_normalised():
    for name in (*DARTS, "nor_conv_1x1", "nor_conv_3x3"):
        norms = [m for m in build(name, 4, 2, searching=True).modules() if isinstance(m, nn.BatchNorm2d)]
        assert not any(norm.affine for norm in norms)
        assert norms or name == "none"
    assert not [m for m in build("max_pool_3x3", 4, 1).modules() if isinstance(m, nn.BatchNorm2d)]


def test_average_pooling_leaves_padding_out():
    assert torch.equal(build("avg_pool_3x3", 1, 1)(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))


def test_a_dilated_convolution_sees_every_second_pixel():
    convolution = next(m for m in build("dil_conv_3x3", 1, 1).modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        convolution.weight.fill_(1.0)
    point = torch.zeros(1, 1, 7, 7)
    point[0, 0, 3, 3] = 1.0
    seen = convolution(point)[0, 0].nonzero().tolist()
    assert seen == [[y, x] for y in (1, 3, 5) for x in (1, 3, 5)]


@pytest.mark.parametrize(
    ("name", "dilations", "widths"),
    [
        ("dil_conv_3x3", [2], [8, 8]),
        ("dil_dil_conv_3x3", [2, 2], [8, 8, 8]),
        ("dil_sep_conv_5x5", [2, 1], [8, 8, 8]),
        ("sep_conv_5x5", [1, 1], [8, 8, 8]),
        ("deep_sep_conv_5x5", [1, 1, 1, 1], [8, 4, 4, 4, 8]),
    ],
)
def test_the_blocks_of_separable_convolutions(name, dilations, widths):
    for stride in (1, 2):
        layers = list(build(name, 8, stride))
        kinds = [nn.ReLU, nn.Conv2d, nn.Conv2d, nn.BatchNorm2d]
        assert [type(layer) for layer in layers] == kinds * len(dilations)
        depthwise, pointwise = layers[1::4], layers[2::4]
        assert [layer.dilation[0] for layer in depthwise] == dilations
        assert [layer.stride[0] for layer in depthwise] == [stride] + [1] * (len(dilations) - 1)
        assert all(layer.groups == layer.in_channels for layer in depthwise)
        assert [pointwise[0].in_channels, *(layer.out_channels for layer in pointwise)] == widths


def test_the_second_half_of_a_factorized_reduction_sees_the_shifted_image():
    reduce = FactorizedReduce(1, 2, affine=False).eval()
    with torch.no_grad():
        reduce.even.weight.fill_(1.0)
        reduce.odd.weight.fill_(1.0)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    even, odd = reduce(x)[0] * (1 + reduce.norm.eps) ** 0.5
    torch.testing.assert_close(even, x[0, 0, ::2, ::2])
    torch.testing.assert_close(odd, x[0, 0, 1::2, 1::2])


def test_an_odd_number_of_channels_is_refused():
    with pytest.raises(ConfigError, match="even number"):
        FactorizedReduce(3, 3)
