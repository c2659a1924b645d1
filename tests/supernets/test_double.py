"""Convolutions in double precision: against torch's, and the supernets that are made of them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fast import assert_same, mixture, pair
from torch.nn import functional as F

from nascore.spaces import BlockSpace, CellSpace, NasBench201
from nascore.supernets import choice, double
from nascore.supernets.choice import compiling
from nascore.supernets.compiled import Separable
from nascore.supernets.double import pooled
from nascore.supernets.kernels import depthwise, pointwise, through_convolution

numba = pytest.mark.skipif(choice.version() is None, reason="Numba is not installed: pip install nascore[numba]")
SPACES = [
    CellSpace(cells=3, nodes=3, channels=4, reductions=(1,)),
    NasBench201(cells=1, channels=4),
    BlockSpace(levels=2, stages=(1, 1), channels=4),
]


def drawn(*shape, last=True):
    layout = torch.channels_last if last and len(shape) == 4 else torch.contiguous_format
    return torch.randn(*shape, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()


@numba
@settings(max_examples=40)
@given(
    images=st.integers(1, 5),
    channels=st.integers(1, 9),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3, 5, 7, 9]),
    stride=st.sampled_from([1, 2, 3]),
    dilation=st.sampled_from([1, 2, 3]),
    last=st.booleans(),
    seed=st.integers(0, 99),
)
def test_depthwise_convolutions_are_torchs(images, channels, size, kernel, stride, dilation, last, seed):
    torch.manual_seed(seed)
    x, weight = drawn(images, channels, *size, last=last), drawn(channels, 1, kernel, kernel)
    with compiling(False):
        theirs = depthwise(x, weight, (stride, stride), dilation)
    with compiling(True):
        ours = depthwise(x, weight, (stride, stride), dilation)
        g = torch.randn_like(theirs)
        found = torch.autograd.grad(ours, [x, weight], g)
    assert_same([ours], [theirs], 1e-13)
    assert_same(found, torch.autograd.grad(theirs, [x, weight], g), 1e-13)


def test_pointwise_convolutions_are_torchs():
    x, weight = drawn(3, 5, 4, 6), drawn(7, 5, 1, 1)
    ours, theirs = pointwise(x, weight), F.conv2d(x, weight)
    g = torch.randn_like(theirs)
    expected = torch.autograd.grad(theirs, [x, weight], g)
    assert_same([ours], [theirs], 1e-13)
    assert_same(torch.autograd.grad(ours, [x, weight], g), expected, 1e-13)
    with torch.no_grad():
        assert_same(through_convolution(g, x, weight, (True, True)), expected, 1e-13)
        assert through_convolution(g, x, weight, (False, False)) == (None, None)


def test_what_is_left_to_torch():
    x = torch.empty(2, 4, 8, 8, dtype=torch.float64)
    three = torch.empty(4, 1, 3, 3, dtype=torch.float64)
    with compiling(True):
        assert double.takes(x, three, 4) == (choice.version() is not None)
        assert not double.takes(x, torch.empty(4, 1, 1, 3), 4) and not double.takes(x, torch.empty(4, 2, 3, 3), 2)
        assert not double.takes(x.float(), three, 4) and not double.takes(x.to("meta"), three, 4)
    with compiling(False):
        assert not double.takes(x, three, 4)


@numba
@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_supernet_that_is_evaluated_is_the_plain_form(space, threads, monkeypatch):
    passes, real, before = [], Separable.forward, torch.get_num_threads()
    monkeypatch.setattr(Separable, "forward", lambda ctx, of, *rest: passes.append(of) or real(ctx, of, *rest))
    plain, fast = (net.eval() for net in pair(space))
    images, weights = torch.randn(4, 2, 9, 9, dtype=torch.float64), mixture(space)[1]
    torch.set_num_threads(threads)
    try:
        with compiling(True), torch.no_grad():
            assert_same([fast(images, weights)], [plain(images, weights)])
    finally:
        torch.set_num_threads(before)
    assert bool(passes) == (space is SPACES[0])
    for name, buffer in plain.named_buffers():
        assert torch.equal(fast.get_buffer(name), buffer), name


@pytest.mark.parametrize("stride", [1, 2])
def test_a_max_pool_is_torchs(stride):
    x, pool = drawn(3, 4, 7, 8), torch.nn.MaxPool2d(3, stride, 1)
    ours, theirs = pooled(pool, x), pool(x)
    g = torch.randn_like(theirs)
    assert torch.equal(ours, theirs) and ours.is_contiguous(memory_format=torch.channels_last)
    assert_same(torch.autograd.grad(ours, [x], g), torch.autograd.grad(theirs, [x], g), 1e-13)


def test_the_gradient_of_a_max_pool_does_not_depend_on_rounding():
    flat, g = torch.rand(2, 3, 1, 1, dtype=torch.float64).expand(-1, -1, 8, 8), torch.randn(2, 3, 8, 8).double()
    rounded = [(flat * (1 + 1e-13 * torch.randn(2, 3, 8, 8).double())).requires_grad_() for _ in range(2)]
    pool = torch.nn.MaxPool2d(3, 1, 1)
    one, other = (torch.autograd.grad(pooled(pool, x), x, g)[0] for x in rounded)
    assert torch.equal(one, other)
    one, other = (torch.autograd.grad(pool(x), x, g)[0] for x in rounded)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "space",
    [
        *SPACES,
        BlockSpace(levels=2, stages=(1, 1), channels=4, stem="imagenet"),
        CellSpace(cells=3, nodes=2, channels=4, reductions=(1,), stem="imagenet"),
    ],
)
def test_no_max_pool_is_left_to_torch(space, monkeypatch):
    supernet = space.supernet(3, 10).double()
    (_, weights), images = mixture(space), torch.randn(2, 3, 32, 32).double()

    def refused(*_):
        raise AssertionError("torch breaks ties as a CPU rounds")

    monkeypatch.setattr(torch.nn.MaxPool2d, "forward", refused)
    assert supernet(images, weights).shape == (2, 10)
