"""Networks that are trained from scratch, in the fast form against the plain one."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nascore.networks import (
    PUBLISHED,
    BenchmarkCell,
    BenchmarkNetwork,
    Block,
    BlockGenotype,
    BlockNetwork,
    Cell,
    CellNetwork,
    Genotype,
    connected,
    connections,
    count,
)
from nascore.networks import operations as registry
from nascore.networks.benchmark_cells import OPERATIONS as OF_BENCHMARK
from nascore.networks.operations import OPERATIONS, SeparableConvolution
from nascore.spaces.blocks import CANDIDATES
from nascore.supernets import FastBenchmarkNetwork, FastBlockNetwork, FastCellNetwork, fast_networks, layers
from nascore.supernets.affine import Average


@pytest.fixture(autouse=True, scope="module")
def small_activations_are_computed_fast():
    """What is small enough for a test is too small to gain."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fast_networks, "_LEAST", 0)
        yield


FAST = {CellNetwork: FastCellNetwork, BenchmarkNetwork: FastBenchmarkNetwork, BlockNetwork: FastBlockNetwork}


def pair(form, *arguments, dtype=torch.float64, seed=0, **sizes):
    """The plain and the fast network, with the same weights and statistics, none of them 0 or 1."""
    torch.manual_seed(seed)
    plain, fast = (made(*arguments, **sizes).to(dtype) for made in (form, FAST[form]))
    with torch.no_grad():
        for module in plain.modules():
            if isinstance(module, nn.BatchNorm2d):
                for value in (module.weight, module.bias, module.running_mean, module.running_var):
                    if value is not None:
                        value.add_(torch.rand_like(value))
    fast.load_state_dict(plain.state_dict())
    return plain, fast


def outcome(network, images, drop_path=0.0):
    """Logits, the auxiliary head's too, and all gradients, those of the images first."""
    images, draws = images.clone().requires_grad_(), torch.Generator().manual_seed(0)
    if isinstance(network, BenchmarkNetwork):
        logits = [network(images)]
    else:
        logits = [each for each in network.with_auxiliary(images, drop_path, draws) if each is not None]
    loss = sum(each.square().sum() for each in logits)
    wanted = [images, *network.parameters()]
    return [each.detach() for each in logits], torch.autograd.grad(loss, wanted, allow_unused=True)


def distance(ours, theirs):
    """How far one group of tensors is from another, relative to the norm of that group; no gradient is one of zeros."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None or b is not None]
    apart = [(0 if a is None else a.double()) - (0 if b is None else b.double()) for a, b in pairs]
    whole = [b.double() for _, b in pairs if b is not None]
    return float(torch.nn.utils.get_total_norm(apart) / (torch.nn.utils.get_total_norm(whole) + 1e-13))


def check(plain, fast, images, drop_path=0.0):
    """Assert that both give the same: outputs, gradients, running statistics."""
    for ours, theirs in zip(outcome(fast, images, drop_path), outcome(plain, images, drop_path), strict=True):
        assert distance(ours, theirs) <= 1e-10
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(fast.get_buffer(name), buffer, rtol=1e-10, atol=1e-12, msg=name)


@st.composite
def cells(draw):
    """A cell of one to three nodes with any operations, in which a node may be empty."""
    nodes, alive = [], [0, 1]
    for node in range(2, 2 + draw(st.integers(1, 3))):
        edge = st.tuples(st.sampled_from(list(OPERATIONS)), st.sampled_from(alive))
        edges = draw(st.lists(edge, min_size=1 if node == 2 else 0, max_size=3))
        nodes.append(tuple(edges))
        alive += [node] if edges else []
    inner = alive[2:]
    return Cell(tuple(nodes), tuple(draw(st.lists(st.sampled_from(inner), min_size=1, unique=True))))


@settings(max_examples=30)
@given(
    normal=cells(),
    reduce=cells(),
    cells=st.integers(1, 4),
    channels=st.sampled_from([2, 4]),
    stem=st.sampled_from(["cifar", "stride2", "imagenet"]),
    reductions=st.sets(st.integers(0, 3), max_size=2),
    sides=st.tuples(st.integers(8, 17), st.integers(8, 17)),
    mode=st.sampled_from(["train", "train", "drop", "auxiliary", "eval"]),
    large=st.sampled_from([0, layers._LARGE_POOL]),
    seed=st.integers(0, 1000),
)
def test_outputs_gradients_and_statistics_are_those_of_the_plain_form(
    normal, reduce, cells, channels, stem, reductions, sides, mode, large, seed
):
    reductions = tuple(sorted(at for at in reductions if at < cells))
    auxiliary = mode == "auxiliary" and bool(reductions)
    network = pair(
        CellNetwork, Genotype((normal,), reduce), cells, channels, 3, 2, reductions, stem, auxiliary, seed=seed
    )  # fmt: skip
    images = torch.randn(3, 2, *sides).double()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(layers, "_LARGE_POOL", large)
        check(*(each.train(mode != "eval") for each in network), images, 0.4 if mode == "drop" else 0.0)


@settings(max_examples=10)
@given(
    names=st.tuples(*[st.sampled_from(OF_BENCHMARK)] * 6),
    cells=st.integers(1, 2),
    sides=st.tuples(st.integers(8, 13), st.integers(8, 13)),
    training=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_same_for_nas_bench_201(names, cells, sides, training, seed):
    network = pair(BenchmarkNetwork, BenchmarkCell(names), cells, 4, 3, 2, seed=seed)
    check(*(each.train(training) for each in network), torch.randn(3, 2, *sides).double())


@settings(max_examples=15)
@given(
    levels=st.integers(1, 3),
    stages=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    alive=st.sampled_from([0.2, 0.6, 1.0]),
    stem=st.sampled_from(["cifar", "imagenet"]),
    sides=st.tuples(st.integers(8, 13), st.integers(8, 13)),
    mode=st.sampled_from(["train", "drop", "auxiliary", "eval"]),
    seed=st.integers(0, 1000),
)
def test_the_same_for_blocks(levels, stages, alive, stem, sides, mode, seed):
    torch.manual_seed(seed)
    every = connections(levels, len(CANDIDATES))
    kept = [edge for edge, lives in zip(every, torch.rand(len(every)) < alive, strict=True) if lives]
    block = Block(CANDIDATES, levels, connected(kept, levels * len(CANDIDATES) + 1))
    network = pair(
        BlockNetwork, BlockGenotype(block.candidates, levels, (block.kept,)), tuple(stages), 4, 3, 2, stem,
        auxiliary=mode == "auxiliary" and len(stages) > 1, seed=seed,
    )  # fmt: skip
    images = torch.randn(3, 2, *sides).double()
    check(*(each.train(mode != "eval") for each in network), images, 0.4 if mode == "drop" else 0.0)


@pytest.mark.parametrize("name", ["sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5", "dil_sep_conv_5x5"])
def test_the_same_with_the_gradients_of_large_convolutions(name, monkeypatch):
    monkeypatch.setattr(layers, "_WIDE", {3: 0, 5: 0})
    monkeypatch.setattr(layers, "_LARGE_POOL", 0)
    pool = "avg_pool_3x3"
    cell = Cell((((name, 0), (name, 1), (pool, 0), (pool, 0)), ((pool, 0), (name, 1))), (2, 3))
    check(*pair(CellNetwork, Genotype((cell,), cell), 2, 4, 3, 2, ()), torch.randn(3, 2, 12, 10).double())


@pytest.mark.parametrize("sides", [(1, 1), (1, 4), (2, 3), (7, 5)])
def test_an_average_pool_as_a_convolution(sides):
    x = torch.randn(2, 3, *sides).double().contiguous(memory_format=torch.channels_last).requires_grad_()
    expected, towards = nn.AvgPool2d(3, 1, 1, count_include_pad=False)(x), torch.randn(2, 3, *sides).double()
    found = Average.apply(x)
    assert distance([found.detach()], [expected.detach()]) <= 1e-12
    assert distance(*(torch.autograd.grad(each, x, towards) for each in (found, expected))) <= 1e-12


GENOTYPES = {name: PUBLISHED[name] for name in ("DARTS_V2", "PDARTS", "GDAS_V1")}


@pytest.mark.parametrize("size", [8, 16])
def test_in_float32_it_is_no_further_from_float64_than_twice_the_plain_form(size):
    errors = []  # of logits, and of the gradients: plain, fast
    for seed, genotype in enumerate([*GENOTYPES.values()] * 2):
        plain, fast = pair(CellNetwork, genotype, 3, 8, 3, 2, reductions=(1,), dtype=torch.float32, seed=seed)
        exact, images = copy.deepcopy(plain).double(), torch.randn(32, 2, size, size)
        target = outcome(exact, images.double())
        errors.append(
            [[distance(a, b) for a, b in zip(outcome(net, images), target, strict=True)] for net in (plain, fast)]
        )
    # the median: where a rounding moves a value across a ReLU's kink, either form is far off
    plain, fast = torch.tensor(errors).median(dim=0).values
    assert (fast < 2 * plain).all()


def small(**sizes):
    return pair(CellNetwork, PUBLISHED["PDARTS"], 3, 4, 3, 2, reductions=(1,), **sizes)


def test_what_is_too_small_to_gain_is_computed_as_the_plain_form(monkeypatch):
    monkeypatch.setattr(fast_networks, "_LEAST", 10**9)
    kept = [edge for edge in connections(2, len(CANDIDATES)) if edge != (0, 1)]
    blocks = BlockGenotype(CANDIDATES, 2, (connected(kept, 2 * len(CANDIDATES) + 1),))
    for channels in (1, 2):
        images = torch.randn(4, channels, 8, 8)
        for form, genotype, sizes in (
            (CellNetwork, PUBLISHED["PDARTS"], (3, 4, 3, channels)),
            (BenchmarkNetwork, BenchmarkCell(("nor_conv_3x3",) * 6), (1, 4, 3, channels)),
            (BlockNetwork, blocks, ((1, 1), 4, 3, channels)),
        ):
            plain, fast = (outcome(net.train(), images) for net in pair(form, genotype, *sizes, dtype=torch.float32))
            assert all(torch.equal(a, b) for a, b in zip(fast[0] + [*fast[1]], plain[0] + [*plain[1]], strict=True))


def test_without_gradients_it_computes_the_same():
    plain, fast = small()
    images = torch.randn(4, 2, 8, 8).double()
    for training in (True, False):
        with torch.no_grad():
            ours, theirs = (net.train(training)(images) for net in (fast, plain))
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_statistics_that_are_frozen_stay():
    plain, fast = small()
    for net in (plain, fast):
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    before = {name: buffer.clone() for name, buffer in fast.named_buffers()}
    check(plain, fast, torch.randn(4, 2, 8, 8).double())
    assert all(torch.equal(buffer, before[name]) for name, buffer in fast.named_buffers())


def test_some_weights_may_be_constants():
    plain, fast = small()
    images, found = torch.randn(4, 2, 8, 8).double(), []
    for net in (plain, fast):
        for name, parameter in net.named_parameters():
            parameter.requires_grad_("cells.2" in name)
        net(images).square().sum().backward()
        found.append([parameter.grad for parameter in net.parameters() if parameter.grad is not None])
    assert len(found[0]) == len(found[1]) and distance(found[1], found[0]) <= 1e-10


def test_one_value_a_channel_is_told_as_in_the_plain_form():
    for net in small():
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            net.train()(torch.randn(1, 2, 2, 2).double())


def test_names_counts_and_weights_are_those_of_the_plain_form():
    plain, fast = small(dtype=torch.float32)
    assert list(plain.state_dict()) == list(fast.state_dict())
    assert count(fast, (2, 16, 16)) == count(plain, (2, 16, 16))
    assert count(fast, (2, 15, 15)) == count(plain, (2, 15, 15))


class Halved(nn.ReLU):
    """A reader's own layer: a subclass of a known one that does something else."""

    def forward(self, x):
        return super().forward(x) / 2


class Doubled(nn.Sequential):
    """A reader's own sequence, which ends with more than its layers."""

    def forward(self, x):
        return 2 * super().forward(x)


def own_convolution(channels, stride, searching):
    return Doubled(Halved(), nn.Conv2d(channels, channels, 3, stride, 1), nn.BatchNorm2d(channels), nn.ReLU())


def odd_layers(channels, stride, searching):
    """Layers near those that are rewritten: with biases, groups, other padding, or without running statistics."""
    return nn.Sequential(
        Halved(),
        nn.Conv2d(channels, channels, 1),
        nn.BatchNorm2d(channels, track_running_stats=False),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, 1, 1, groups=2, bias=False),
        nn.BatchNorm2d(channels, momentum=None),
        nn.Conv2d(channels, channels, 3, stride, 1, padding_mode="circular", bias=False),
        nn.BatchNorm2d(channels, affine=False),
        nn.Conv2d(channels, channels, 3, 1, 2, 2, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 3, 1, padding="same", bias=False),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(channels),
    )


@pytest.mark.parametrize("make", [own_convolution, odd_layers])
def test_operations_of_readers_are_computed_as_they_are(make, monkeypatch):
    monkeypatch.setitem(registry.OPERATIONS, "own", make)
    cell = Cell(((("own", 0), ("sep_conv_3x3", 1)), (("own", 2), ("own", 0))), (2, 3))
    for training in (True, False):
        nets = (net.train(training) for net in pair(CellNetwork, Genotype((cell,), cell), 3, 4, 3, 2))
        check(*nets, torch.randn(4, 2, 8, 8).double())


def test_hooks_are_called():
    plain, fast = small()
    images = torch.randn(4, 2, 8, 8).double()
    for choose in (lambda separable: separable, lambda separable: separable[0], lambda separable: separable[2]):
        for net in (plain, fast):
            for cell in net.cells:
                separable = next(each for each in cell.operations if isinstance(each, SeparableConvolution))
                choose(separable).register_forward_hook(lambda module, inputs, output: output * 1.5)
        check(plain, fast, images)


def test_in_half_precision_it_is_near_what_it_is():
    _, fast = small(dtype=torch.float32)
    images = torch.randn(16, 2, 8, 8)
    exact = fast(images)
    with torch.autocast("cpu", torch.bfloat16):
        logits = fast(images)
    assert distance([logits.detach().float()], [exact.detach()]) < 0.1


def test_in_double_precision_no_max_pool_is_left_to_torch(monkeypatch):
    def refused(*_):
        raise AssertionError("torch breaks ties as a CPU rounds")

    every = connections(1, len(CANDIDATES))
    blocks = BlockGenotype(CANDIDATES, 1, (connected(every, len(CANDIDATES) + 1),))
    pools = Cell(((("max_pool_3x3", 0), ("max_pool_3x3", 1)),), (2,))
    networks = [
        FastBlockNetwork(blocks, (1, 1), 4, 3, 3, "imagenet"),
        FastCellNetwork(Genotype((pools,), pools), 3, 4, 3, 3, reductions=(1,)),
    ]
    monkeypatch.setattr(nn.MaxPool2d, "forward", refused)
    for network in networks:
        assert network.double()(torch.randn(2, 3, 32, 32).double()).shape == (2, 3)
