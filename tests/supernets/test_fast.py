"""The fast supernet and its rewritten layers, against the plain form."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from nascore.networks.operations import OPERATIONS
from nascore.optimization import frozen_statistics, unrolled_gradient
from nascore.relaxations import EdgeWeights
from nascore.spaces import BlockSpace, CellSpace, NasBench201
from nascore.spaces.blocks import CANDIDATES
from nascore.supernets import (
    BenchmarkSupernet,
    BlockSupernet,
    CellSupernet,
    FastBenchmarkSupernet,
    FastBlockSupernet,
    FastCellSupernet,
    kernels,
)
from nascore.supernets.kernels import AddScaled, ConvolutionNorm, Depthwise, Mix, NormShiftActivation

FORMS = {
    CellSpace: (CellSupernet, FastCellSupernet),
    NasBench201: (BenchmarkSupernet, FastBenchmarkSupernet),
    BlockSpace: (BlockSupernet, FastBlockSupernet),
}


def pair(space, dtype=torch.float64, seed=0):
    """The plain and the fast supernet of a space, with the same weights."""
    torch.manual_seed(seed)
    plain, fast = (form(space, 2, 3).to(dtype) for form in FORMS[type(space)])
    for buffer in plain.buffers():
        if buffer.is_floating_point():
            buffer.add_(torch.rand_like(buffer))
    fast.load_state_dict(plain.state_dict())
    return plain, fast


def mixture(space, dtype=torch.float64, alive=1.0, one=False):
    """Random weights for each cell type; a part of the operations is active, or exactly `one` on each edge."""
    values = {kind: torch.rand(shape, dtype=dtype, requires_grad=True) for kind, shape in space.shapes().items()}
    active = {kind: torch.rand(shape) < alive for kind, shape in space.shapes().items()}
    if one:
        active = {
            kind: F.one_hot(torch.randint(shape[1], shape[:1]), shape[1]).bool()
            for kind, shape in space.shapes().items()
        }
    return list(values.values()), {kind: EdgeWeights(values[kind], active[kind]) for kind in values}


def outcome(net, images, weights, alphas):
    """Logits, the gradients of the architecture parameters, and those of the weights."""
    logits = net(images, weights)
    found = torch.autograd.grad(logits.square().sum(), [*alphas, *net.parameters()], allow_unused=True)
    return [logits], found[: len(alphas)], found[len(alphas) :]


def distance(ours, theirs):
    """How far one group of tensors is from another, relative to the norm of that group. No gradient is one of zeros."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None or b is not None]
    apart = [(0 if a is None else a.detach()) - (0 if b is None else b.detach()) for a, b in pairs]
    return total_norm(apart) / (total_norm([b.detach() for _, b in pairs if b is not None]) + 1e-13)


def total_norm(tensors):
    return float(torch.nn.utils.get_total_norm(tensors)) if tensors else 0.0


def assert_same(ours, theirs, tolerance=1e-10):
    assert distance(ours, theirs) <= tolerance


def check(space, size, seed, *, alive, one, training):
    """Assert that the fast form gives what the plain form gives: logits, gradients and running statistics."""
    plain, fast = (net.train(training) for net in pair(space, seed=seed))
    alphas, weights = mixture(space, alive=alive, one=one)
    images = torch.randn(3, 2, *size, dtype=torch.float64)
    for ours, theirs in zip(
        outcome(fast, images, weights, alphas), outcome(plain, images, weights, alphas), strict=True
    ):
        assert_same(ours, theirs)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(fast.get_buffer(name), buffer, rtol=1e-10, atol=1e-12, msg=name)


@settings(max_examples=25)
@given(
    cells=st.integers(1, 4),
    nodes=st.integers(1, 3),
    reductions=st.sets(st.integers(0, 3)),
    own_types=st.booleans(),
    stem=st.sampled_from(["cifar", "stride2", "imagenet"]),
    names=st.sets(st.sampled_from(list(OPERATIONS)), min_size=1).filter(lambda names: names != {"none"}),
    size=st.tuples(st.integers(8, 17), st.integers(8, 17)),
    alive=st.sampled_from([0.3, 0.8, 1.0]),
    one=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_outputs_gradients_and_statistics_are_those_of_the_plain_form(
    cells, nodes, reductions, own_types, stem, names, size, alive, one, training, seed
):
    reductions = tuple(sorted(at for at in reductions if at < cells))
    space = CellSpace(
        cells=cells,
        nodes=nodes,
        channels=2,
        reductions=reductions,
        normal_types=len(reductions) + 1 if own_types else 1,
        stem=stem,
        operations=tuple(sorted(names)),
    )
    check(space, size, seed, alive=alive, one=one, training=training)


@settings(max_examples=15)
@given(
    cells=st.integers(1, 2),
    names=st.sets(st.sampled_from(NasBench201().operations), min_size=1).filter(lambda names: names != {"none"}),
    size=st.tuples(st.integers(8, 13), st.integers(8, 13)),
    alive=st.sampled_from([0.3, 1.0]),
    one=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_same_for_nas_bench_201(cells, names, size, alive, one, training, seed):
    space = NasBench201(cells=cells, channels=2, operations=tuple(sorted(names)))
    check(space, size, seed, alive=alive, one=one, training=training)


@settings(max_examples=25)
@given(
    levels=st.integers(1, 3),
    stages=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    names=st.sets(st.sampled_from(CANDIDATES), min_size=1),
    shared=st.booleans(),
    stem=st.sampled_from(["cifar", "imagenet"]),
    size=st.tuples(st.integers(8, 13), st.integers(8, 13)),
    alive=st.sampled_from([0.1, 0.4, 1.0]),
    training=st.booleans(),
    options=st.fixed_dictionaries(
        {name: st.booleans() for name in ("shortcuts", "last_norm", "reduction_scales", "norm_scales")}
        | {"first_level": st.sampled_from(["scaled", "fixed"])}
    ),
    seed=st.integers(0, 1000),
)
def test_the_same_for_blocks(levels, stages, names, shared, stem, size, alive, training, options, seed):
    space = BlockSpace(
        levels=levels,
        stages=tuple(stages),
        candidates=tuple(sorted(names)),
        shared=shared,
        stem=stem,
        channels=2,
        **options,
    )
    check(space, size, seed, alive=alive, one=False, training=training)


def test_a_block_follows_what_is_active():
    """What it has planned for some connections is not taken for others."""
    space = BlockSpace(levels=2, stages=(2,), channels=2)
    (plain, fast), images = pair(space), torch.randn(3, 2, 8, 8).double()
    for alive in (1.0, 0.5, 0.2, 1.0):
        _, weights = mixture(space, alive=alive)
        assert_same([fast(images, weights)], [plain(images, weights)])


SMALL = CellSpace(cells=3, nodes=2, channels=4, reductions=(1,))


def test_the_same_with_the_gradients_of_large_convolutions(monkeypatch):
    monkeypatch.setattr(kernels, "_LARGE", 0)
    check(SMALL, (12, 9), 0, alive=1.0, one=False, training=True)


def test_second_order_gradients_are_those_of_the_plain_form():
    found = []
    for net in pair(SMALL):
        torch.manual_seed(1)
        alphas, weights = mixture(SMALL)
        batches = [(torch.randn(4, 2, 10, 10).double(), torch.arange(4) % 3) for _ in range(2)]
        losses = [lambda net=net, w=weights, b=batch: F.cross_entropy(net(b[0], w), b[1]) for batch in batches]
        before = [buffer.clone() for buffer in net.buffers()]
        with frozen_statistics(net):
            # a small rate: a step across the kink of a ReLU would show the rounding of the step
            found.append(unrolled_gradient(*losses, list(net.parameters()), alphas, learning_rate=1e-3))
        assert all(torch.equal(now, then) for now, then in zip(net.buffers(), before, strict=True))
    assert_same(found[1], found[0], tolerance=1e-6)


@pytest.mark.parametrize(
    "space",
    [
        CellSpace(cells=3, nodes=3, channels=8),
        NasBench201(cells=2, channels=8),
        BlockSpace(levels=3, stages=(1, 1), channels=8),
    ],
    ids=lambda space: type(space).__name__,
)
def test_in_float32_it_is_no_further_from_float64_than_the_plain_form(space):
    errors = []  # of logits, and of the gradients by architecture parameters and by weights: plain, fast
    for seed in range(6):
        plain, fast = pair(space, torch.float32, seed)
        exact, _ = pair(space, torch.float64, seed)
        exact.load_state_dict(plain.state_dict())
        images, (values, weights) = torch.randn(64, 2, 8, 8), mixture(space, torch.float32)
        doubled = {kind: w._replace(values=w.values.detach().double().requires_grad_()) for kind, w in weights.items()}
        target = outcome(exact, images.double(), doubled, [w.values for w in doubled.values()])
        found = [outcome(net, images, weights, values) for net in (plain, fast)]
        errors.append(
            [[distance(widened(ours), theirs) for ours, theirs in zip(each, target, strict=True)] for each in found]
        )
    # the median: where a rounding moves a value across a ReLU's kink, either form is far off
    plain, fast = torch.tensor(errors).median(dim=0).values
    assert (fast < 2 * plain).all()


def widened(group):
    return [None if part is None else part.double() for part in group]


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(2, 6), st.booleans(), st.integers(0, 99))
def test_a_pointwise_convolution_and_its_norm(images, inputs, outputs, side, scaled, seed):
    torch.manual_seed(seed)
    x = (
        torch.randn(images, inputs, side, side + 1)
        .double()
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
    )
    weight = torch.randn(outputs, inputs, 1, 1).double().requires_grad_()
    scale = torch.randn(outputs).double().requires_grad_() if scaled else None
    mean, variance = torch.zeros(outputs).double(), torch.ones(outputs).double()
    expected = F.batch_norm(F.conv2d(x, weight), mean, variance, scale, None, True, 1.0, 1e-5)
    found, found_mean, found_variance = ConvolutionNorm.apply(x, weight, scale, 1e-5)
    towards, needed = torch.randn_like(expected), [x, weight, *([scale] if scaled else [])]
    assert_same(torch.autograd.grad(found, needed, towards), torch.autograd.grad(expected, needed, towards), 1e-9)
    assert_same([found, found_mean, found_variance], [expected, mean, variance])


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(2, 6), st.integers(0, 99))
def test_a_norm_with_a_shift_and_its_relu(images, channels, side, seed):
    torch.manual_seed(seed)
    x = torch.randn(images, channels, side, side + 1).double().requires_grad_()
    shift = torch.randn(channels).double().requires_grad_()
    mean, variance = torch.zeros(channels).double(), torch.ones(channels).double()
    expected = F.relu(F.batch_norm(x, mean, variance, None, shift, True, 1.0, 1e-5))
    found, found_mean, found_variance = NormShiftActivation.apply(x, shift, 1e-5)
    towards, needed = torch.randn_like(expected), (x, shift)
    assert_same(torch.autograd.grad(found, needed, towards), torch.autograd.grad(expected, needed, towards), 1e-9)
    assert_same([found, found_mean, found_variance], [expected, mean, variance])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("sums", "count"), [(1, 1), (1, 3), (4, 3)])
def test_weighted_sums_of_the_same_activations(sums, count, layout):
    weights = torch.randn(sums, count).double().requires_grad_()
    states = [torch.randn(2, 3, 4, 5).double().contiguous(memory_format=layout).requires_grad_() for _ in range(count)]
    expected = [sum(weight * state for weight, state in zip(row, states, strict=True)) for row in weights]
    found, towards = Mix.apply(weights, *states), torch.randn(sums, 2, 3, 4, 5).double()
    needed = (weights, *states)
    assert_same(found, expected)
    assert_same(*(torch.autograd.grad(outputs, needed, list(towards)) for outputs in (found, expected)))


def test_a_sum_that_nothing_needs_has_no_gradient():
    weights, state = torch.randn(2, 1).requires_grad_(), torch.randn(1, 2, 3, 3)
    first, _ = Mix.apply(weights, state)
    (found,) = torch.autograd.grad(first.sum(), weights)
    torch.testing.assert_close(found, torch.stack([state.sum(), torch.tensor(0.0)])[:, None])


def test_blocks_compute_in_half_precision_near_what_they_are():
    space = BlockSpace(levels=2, stages=(1, 1), channels=4)
    (_, fast), images = pair(space, torch.float32), torch.randn(16, 2, 8, 8)
    alphas, weights = mixture(space, torch.float32)
    exact = outcome(fast, images, weights, alphas)
    with torch.autocast("cpu", torch.bfloat16):
        logits = fast(images, weights)
    found = torch.autograd.grad(logits.float().square().sum(), [*alphas, *fast.parameters()])
    assert distance([logits.float()], exact[0]) < 0.05
    assert distance(found[: len(alphas)], exact[1]) < 0.5 and all(each.dtype == torch.float32 for each in found)


def test_adding_a_scaled_term():
    total, x = (torch.randn(2, 3, 4, 5).double().requires_grad_() for _ in range(2))
    weight, towards = torch.randn(()).double().requires_grad_(), torch.randn(2, 3, 4, 5).double()
    expected, found = total + weight * x, AddScaled.apply(total.clone(), x, weight)
    needed = (total, x, weight)
    assert_same([found], [expected])
    assert_same(torch.autograd.grad(found, needed, towards), torch.autograd.grad(expected, needed, towards))


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 7), (8, 3)])
@pytest.mark.parametrize("large", [0, 2**17])
def test_a_5x5_depthwise_convolution(size, large, monkeypatch):
    monkeypatch.setattr(kernels, "_LARGE", large)
    x = torch.randn(2, 3, *size).double().contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(3, 1, 5, 5).double().requires_grad_()
    expected, found = F.conv2d(x, weight, padding=2, groups=3), Depthwise.apply(x, weight)
    towards = torch.randn_like(expected)
    assert_same([found], [expected])
    assert_same(torch.autograd.grad(found, (x, weight), towards), torch.autograd.grad(expected, (x, weight), towards))


def test_what_is_not_active_is_not_computed():
    _, fast = pair(SMALL)
    _, weights = mixture(SMALL, one=True)
    called = []
    convolutions = [module for cell in fast.cells for module in cell.modules() if isinstance(module, torch.nn.Conv2d)]
    real = F.conv2d
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NASCORE_COMPILED", "0")  # compiled loops call no convolution of torch
        patched.setattr(
            F, "conv2d", lambda x, weight, *rest, **options: called.append(weight) or real(x, weight, *rest, **options)
        )
        fast.eval()(torch.randn(2, 2, 8, 8).double(), weights)
    used = {id(weight) for weight in called}
    names = [
        name
        for kind in fast.kinds
        for row in weights[kind].active
        for name, on in zip(SMALL.operations, row, strict=True)
        if on
    ]
    separable, dilated = (sum(name.startswith(kind) for name in names) for kind in ("sep_conv", "dil_conv"))
    assert sum(id(module.weight) in used for module in convolutions if module.groups > 1) == 2 * separable + dilated
