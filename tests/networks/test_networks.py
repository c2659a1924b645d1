import pytest
import torch
from torch import nn

from nascore.base.errors import ConfigError
from nascore.evidence import tables
from nascore.networks import BASELINES, PUBLISHED, Cell, CellNetwork, Genotype, LeNet, count
from nascore.networks.auxiliary import AuxiliaryHead, drop_path_by_image


def cifar(name):
    return count(CellNetwork(PUBLISHED[name]), (3, 32, 32))


def imagenet(name, channels=48):
    return count(CellNetwork(PUBLISHED[name], 14, channels, 1000, stem="imagenet"), (3, 224, 224))


def printed(paper, table, column, value, wanted):
    rows = tables.reported(paper, table)
    return float(rows.loc[rows[column] == value, wanted].iloc[0])


def agrees(counted, shown, decimals):
    """Whether a count, in millions, is what a paper prints with so many decimals."""
    return abs(counted / 1e6 - shown) <= 0.5 * 10**-decimals + 1e-9


def test_parameter_counts_that_the_papers_print():
    thesis = printed("eth_thesis", "4.1", "genotype", "PDARTS", "params_million_mean")
    assert thesis == 3.43 and agrees(cifar("PDARTS").parameters, thesis, 2)
    gdas = printed("eoinas", 1, "architecture", "GDAS [7]", "params_million")
    assert gdas == 3.4 and agrees(cifar("GDAS_V1").parameters, gdas, 1)


def test_gdas_on_imagenet_has_50_channels_and_the_printed_size():
    size = imagenet("GDAS_V1", channels=50)
    assert agrees(size.parameters, printed("eoinas", 2, "architecture", "GDAS [7]", "params_million"), 1)
    assert agrees(size.macs, printed("eoinas", 2, "architecture", "GDAS [7]", "madds_million"), 0)


def test_multiply_adds_that_the_papers_print():
    assert agrees(imagenet("MdeNAS").macs, printed("eoinas", 2, "architecture", "MdeNAS [38]", "madds_million"), 0)


def test_the_thesis_counts_batchnorm_and_average_pooling_too():
    """543 M (ETH thesis, section 4.5) is our 532 M plus 2 a BatchNorm element and 1 an average-pooled one."""
    network, extra = CellNetwork(PUBLISHED["PDARTS"]).to("meta").eval(), []
    cost = {nn.BatchNorm2d: 2, nn.AvgPool2d: 1}
    for module in network.modules():
        if type(module) in cost:
            module.register_forward_hook(lambda m, _, out: extra.append(cost[type(m)] * out.numel()))
    network(torch.empty(1, 3, 32, 32, device="meta"))
    assert agrees(cifar("PDARTS").macs + sum(extra), 543, 0) and agrees(cifar("PDARTS").macs, 532, 0)


# printed sizes that these genotypes don't have: the papers took them from other papers, whose cells or widths differ
@pytest.mark.parametrize(
    ("name", "architecture", "shown", "counted"),
    [
        ("DARTS_V1", "DARTS (1st) + CutOut [23]", 3.3, 3.2),
        ("DARTS_V2", "DARTS (2nd) + CutOut [23]", 3.4, 3.3),
        ("SNAS_mild", "SNAS + CutOut [36]", 2.9, 2.7),
        ("SNAS_moderate", "SNAS + CutOut [36]", 2.9, 2.8),
        ("MdeNAS", "MdeNAS + CutOut [38]", 3.61, 3.78),
        ("NASNet_A", "NASNet-A [40]", 3.3, 3.8),
        ("AmoebaNet_A", "AmoebaNet-A + CutOut [28]", 3.2, 3.1),
        ("PNASNet_5", "Progressive NAS [21]", 3.2, 4.5),
    ],
)
def test_printed_sizes_that_do_not_hold_are_known(name, architecture, shown, counted):
    assert printed("eoinas", 1, "architecture", architecture, "params_million") == shown
    decimals = len(str(counted).split(".")[1])
    assert agrees(cifar(name).parameters, counted, decimals)


def test_baselines_have_the_printed_sizes():
    lenet = printed("darts_gal", 2, "model", "LeNet", "params_million")
    assert agrees(count(LeNet(10, 1, 28), (1, 28, 28)).parameters, lenet, 2)
    vgg, resnet = (printed("darts_gal", 8, "method", name, "params_million") for name in ("VGG16", "ResNet18"))
    assert agrees(count(BASELINES["vgg16"](100, 3, 224), (3, 224, 224)).parameters, vgg, 2)
    assert agrees(count(BASELINES["resnet18"](100, 3, 224), (3, 224, 224)).parameters, resnet, 2)


def test_multiply_adds_by_hand():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1, groups=8),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8 * 4, 5),
    )  # fmt: skip
    by_hand = 8 * 8 * 8 * 3 * 9 + 4 * 4 * 8 * 9 + 8 * 4 * 5
    size = count(network, (3, 8, 8))
    assert size.macs == by_hand
    assert size.parameters == 8 * 27 + 8 + 16 + 72 + 8 + 165


def test_counting_leaves_the_network_as_it_was():
    network = CellNetwork(PUBLISHED["DARTS_V2"], 3, 4, auxiliary=True).train()
    network.cells[0].eval()
    statistics = {name: value.clone() for name, value in network.named_buffers()}
    with_head = sum(p.numel() for p in network.parameters())
    assert count(network, (3, 16, 16)).parameters == with_head - sum(p.numel() for p in network.auxiliary.parameters())
    assert network.training and network.cells[1].training and not network.cells[0].training
    assert all(torch.equal(value, statistics[name]) for name, value in network.named_buffers())


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("stem", ["cifar", "stride2", "imagenet"])
def test_published_networks_run(name, stem):
    network = CellNetwork(PUBLISHED[name], cells=3, channels=4, classes=7, in_channels=1, stem=stem).eval()
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 7)


def test_reductions_are_free_and_normal_types_follow_them(genotype):
    one, other = genotype.normal[0], PUBLISHED["DARTS_V2"].normal[0]
    three = Genotype((one, other, one), genotype.reduce)
    network = CellNetwork(three, cells=5, channels=4, reductions=(1, 2), in_channels=1)
    assert network.kinds == ["normal1", "reduce", "reduce", "normal3", "normal3"]
    assert network.widths == [4 * 2, 8 * 2, 16 * 2, 16 * 2, 16 * 2]
    with pytest.raises(ConfigError, match="3 normal cell types for 2 stages"):
        CellNetwork(three, cells=5, reductions=(1,))


def test_a_cell_by_hand(genotype):
    cell = CellNetwork(genotype, cells=1, channels=4, reductions=()).eval().cells[0]
    a, b = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 6, 6)
    first = cell.operations[0](a) + b
    second = nn.functional.max_pool2d(first, 3, 1, 1)
    torch.testing.assert_close(cell(a, b), torch.cat([first, second], dim=1))


def test_empty_nodes_are_left_out():
    cell = Cell(((), (("skip_connect", 0),)), (3,))
    network = CellNetwork(Genotype(cell, cell), cells=3, channels=4).eval()
    assert network(torch.randn(1, 3, 8, 8)).shape == (1, 10) and network.widths == [4, 8, 16]


def test_drop_path_drops_edges_by_image_but_never_identities(generator):
    cell = Cell(((("max_pool_3x3", 0), ("skip_connect", 1)),), (2,))
    derived = CellNetwork(Genotype(cell, cell), cells=1, channels=2, reductions=()).cells[0]
    x = torch.ones(4000, 2, 2, 2)
    out = derived(x, x, lambda t: drop_path_by_image(t, 0.25, generator))[:, 0, 0, 0]
    # the identity's 1 is always there; the pool's is there three times in four, scaled to 4/3
    assert out.unique().tolist() == pytest.approx([1.0, 1 + 4 / 3])
    assert abs((out > 1).float().mean() - 0.75) < 0.03


def test_drop_path_and_auxiliary_head_are_of_training_only(generator):
    network = CellNetwork(PUBLISHED["DARTS_V2"], cells=3, channels=4, auxiliary=True)
    x = torch.randn(4, 3, 32, 32)
    logits, auxiliary = network.train().with_auxiliary(x, 0.5, generator)
    assert logits.shape == auxiliary.shape == (4, 10)
    network.eval()
    plain, none = network.with_auxiliary(x, 0.5, generator)
    assert none is None and torch.equal(plain, network(x))


@pytest.mark.parametrize("size", [2, 4, 7, 8, 12, 14])
def test_the_auxiliary_head_takes_any_size(size):
    assert AuxiliaryHead(6, 10)(torch.randn(2, 6, size, size)).shape == (2, 10)


def test_an_auxiliary_head_needs_a_reduction(genotype):
    with pytest.raises(ConfigError, match="last reduction"):
        CellNetwork(genotype, cells=1, reductions=(), auxiliary=True)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_take_grey_images(name):
    size = 32 if name != "lenet" else 8
    network = BASELINES[name](5, 1, size).eval()
    assert network(torch.randn(2, 1, size, size)).shape == (2, 5)


def test_lenet_says_what_is_too_small():
    with pytest.raises(ConfigError, match="at least 6x6"):
        LeNet(10, 1, 4)


@pytest.mark.parametrize(("make", "size", "least"), [("vgg16", 8, 32), ("vgg16", 31, 32), ("lenet", 5, 6)])
def test_images_too_small_for_a_baseline(make, size, least):
    with pytest.raises(ConfigError, match=f"at least {least}x{least} pixels, not {size}x{size}"):
        BASELINES[make](10, 3, size)


@pytest.mark.parametrize("size", [1, 2, 4, 7])
@pytest.mark.parametrize("stem", ["cifar", "stride2", "imagenet"])
def test_cells_take_the_smallest_images(size, stem, genotype):
    network = CellNetwork(genotype, 3, 2, 1, 1, stem=stem, auxiliary=True)
    assert network(torch.zeros(2, 1, size, size)).shape == (2, 1)
