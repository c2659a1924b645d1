"""What edges are computed together, and that it changes nothing."""

import pytest
import torch

from nascore.networks.operations import OPERATIONS, SeparableConvolution, Skip, build
from nascore.relaxations import EdgeWeights
from nascore.spaces import CellSpace
from nascore.supernets import CellSupernet, FastCellSupernet, together
from nascore.supernets.banks import NormSums
from nascore.supernets.choice import compiling
from nascore.supernets.together import form_of


@pytest.fixture(autouse=True)
def _uncompiled():
    """Where Numba is installed, it would compute most of this."""
    with compiling(False):
        yield


SEPARABLE = [name for name in OPERATIONS if "sep_conv" in name or "dil_" in name]
SPACE = CellSpace(cells=3, nodes=3, channels=4, reductions=(1,), operations=(*SEPARABLE, "skip_connect"))


def pair(space=SPACE):
    torch.manual_seed(0)
    plain, fast = (form(space, 2, 3).double() for form in (CellSupernet, FastCellSupernet))
    fast.load_state_dict(plain.state_dict())
    return plain, fast


def weights_of(active, seed=0):
    draws = torch.Generator().manual_seed(seed)
    values = {
        kind: torch.rand(each.shape, dtype=torch.float64, generator=draws).requires_grad_()
        for kind, each in active.items()
    }
    return {kind: EdgeWeights(values[kind], active[kind]) for kind in active}


def everything(space=SPACE):
    return {kind: torch.ones(shape, dtype=torch.bool) for kind, shape in space.shapes().items()}


def outcome(net, images, active):
    weights = weights_of(active)
    logits = net(images, weights)
    needed = [*(each.values for each in weights.values()), *net.parameters()]
    return logits, *torch.autograd.grad(logits.square().sum(), needed, allow_unused=True)


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.fixture
def counted(monkeypatch):
    """How many edges each call of a bank had."""
    edges, real = [], NormSums.forward
    monkeypatch.setattr(
        NormSums, "forward", lambda ctx, norms, *rest: edges.append(len(norms)) or real(ctx, norms, *rest)
    )
    return edges


@pytest.mark.parametrize("most", [0, 2**11, 2**12, 2**30])
def test_however_many_go_together_it_is_the_same(most, monkeypatch, counted):
    monkeypatch.setattr(together, "_MOST", most)
    (plain, fast), images = pair(), torch.randn(3, 2, 8, 8).double()
    assert_same(outcome(fast, images, everything()), outcome(plain, images, everything()))
    assert bool(counted) == (most > 0)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(fast.get_buffer(name), buffer, rtol=1e-10, atol=1e-12, msg=name)


def test_what_goes_together_follows_what_is_active(counted):
    (plain, fast), images, draws = pair(), torch.randn(3, 2, 8, 8).double(), torch.Generator().manual_seed(1)
    for share in (1.0, 0.5, 0.1, 1.0):
        counted.clear()
        active = {kind: torch.rand(each.shape, generator=draws) < share for kind, each in everything().items()}
        assert_same(outcome(fast, images, active), outcome(plain, images, active))
    # of a cell's 9 edges 6 leave its inputs and 2 its first node; the last node's only edge from the second is alone
    assert set(counted) == {6, 2}


def test_scales_alone_or_weights_alone():
    """Where the others are constant, none of their gradients is computed, and what is left is the same."""
    (plain, fast), images = pair(), torch.randn(3, 2, 8, 8).double()
    _, *expected = outcome(plain, images, everything())
    weights = weights_of(everything())
    for parameter in fast.parameters():
        parameter.requires_grad_(False)
    scales = [each.values for each in weights.values()]
    found = torch.autograd.grad(fast(images, weights).square().sum(), scales)
    assert_same(found, expected[: len(scales)])
    for parameter in fast.parameters():
        parameter.requires_grad_(True)
    constant = {kind: each._replace(values=each.values.detach()) for kind, each in weights.items()}
    found = torch.autograd.grad(fast(images, constant).square().sum(), list(fast.parameters()))
    assert_same(found, expected[len(scales) :])


def test_forms_tell_apart_what_cannot_go_together():
    three, five, strided, dilated = (
        form_of(build(name, 4, stride, searching=True))
        for name, stride in [("sep_conv_3x3", 1), ("sep_conv_5x5", 1), ("sep_conv_3x3", 2), ("dil_conv_3x3", 1)]
    )
    assert None not in (three, five, strided, dilated) and len({three, five, strided, dilated}) == 4
    assert form_of(build("sep_conv_3x3", 4, 1, searching=True)) == three


def test_what_is_computed_alone():
    class Doubled(SeparableConvolution):
        pass

    assert form_of(Skip()) is None
    assert form_of(build("sep_conv_3x3", 4, 1)) is None  # with affine BatchNorms
    assert form_of(Doubled(3, (1, 1), 4, 1, True)) is None
    assert form_of(SeparableConvolution(3, (3,), 4, 1, True)) is None
    assert form_of(SeparableConvolution(3, (1, 2), 4, 1, True)) is None
