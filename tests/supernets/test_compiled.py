"""Separable convolutions in compiled passes, against the plain form and the one without Numba."""

import os
import subprocess
import sys
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fast import assert_same, check, distance, mixture, outcome, pair

from nascore.base.errors import RunError
from nascore.networks.operations import OPERATIONS, SeparableConvolution, build
from nascore.records.checkpoints import RunFolder
from nascore.spaces import CellSpace
from nascore.supernets import CellSupernet, FastCellSupernet, choice
from nascore.supernets.choice import compiling, wanted
from nascore.supernets.compiled import Separable, key_of, takes

numba = pytest.mark.skipif(choice.version() is None, reason="Numba is not installed: pip install nascore[numba]")
SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5", "dil_sep_conv_5x5")
SPACE = CellSpace(cells=3, nodes=3, channels=4, reductions=(1,), operations=(*SEPARABLE, "skip_connect", "none"))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def passes(monkeypatch):
    """How many operations each compiled pass had."""
    counts, real = [], Separable.forward
    monkeypatch.setattr(
        Separable, "forward", lambda ctx, of, *rest: counts.append(len(of.operations)) or real(ctx, of, *rest)
    )
    return counts


@numba
@settings(max_examples=40, deadline=None)
@given(
    cells=st.integers(1, 4),
    nodes=st.integers(1, 3),
    reductions=st.sets(st.integers(0, 3)),
    names=st.sets(st.sampled_from(list(OPERATIONS)), min_size=1).filter(lambda names: names != {"none"}),
    size=st.tuples(st.integers(8, 17), st.integers(8, 17)),
    alive=st.sampled_from([0.3, 0.8, 1.0]),
    one=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_it_is_the_plain_form(cells, nodes, reductions, names, size, alive, one, training, seed):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    reductions = tuple(sorted(at for at in reductions if at < cells))
    names = tuple(sorted(names | {"sep_conv_3x3"}))
    space = CellSpace(cells=cells, nodes=nodes, channels=2, reductions=reductions, operations=names)
    try:
        with compiling(True):
            check(space, size, seed, alive=alive, one=one, training=training)
    finally:
        torch.set_num_threads(before)


@numba
@pytest.mark.parametrize(("images", "channels"), [(2, 4), (7, 6), (64, 8), (33, 12)])
def test_any_batch_and_any_number_of_channels(images, channels, passes):
    space = CellSpace(cells=3, nodes=2, channels=channels, reductions=(1,), operations=SEPARABLE)
    plain, fast = (form(space, 2, 3).double() for form in (CellSupernet, FastCellSupernet))
    fast.load_state_dict(plain.state_dict())
    alphas, weights = mixture(space)
    x = torch.randn(images, 2, 9, 8, dtype=torch.float64)
    with compiling(True):
        for ours, theirs in zip(outcome(fast, x, weights, alphas), outcome(plain, x, weights, alphas), strict=True):
            assert_same(ours, theirs)
    assert passes
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(fast.get_buffer(name), buffer, rtol=1e-10, atol=1e-12, msg=name)


@numba
@pytest.mark.parametrize("seed", range(3))
def test_in_single_precision_it_is_no_further_from_the_truth_than_twice_the_plain_form(seed, passes):
    plain, fast = pair(SPACE, torch.float32, seed)
    truth, _ = pair(SPACE, seed=seed)
    truth.load_state_dict(plain.state_dict())
    torch.manual_seed(seed)
    alphas, weights = mixture(SPACE)
    images = torch.randn(32, 2, 8, 8, dtype=torch.float64)
    exact = outcome(truth, images, weights, alphas)
    alphas = [alpha.detach().float().requires_grad_() for alpha in alphas]
    weights = {k: each._replace(values=v) for (k, each), v in zip(weights.items(), alphas, strict=True)}
    theirs = outcome(plain, images.float(), weights, alphas)
    with compiling(True):
        ours = outcome(fast, images.float(), weights, alphas)
    assert passes
    for one, other, true in zip(ours, theirs, exact, strict=True):
        assert distance(one, true) <= 2 * distance(other, true)


@numba
def test_what_is_not_wanted_is_not_computed_and_the_rest_is_the_same(passes):
    plain, fast = pair(SPACE)
    alphas, weights = mixture(SPACE)
    images = torch.randn(4, 2, 8, 8, dtype=torch.float64)
    _, for_alphas, for_weights = outcome(plain, images, weights, alphas)
    with compiling(True):
        fast.requires_grad_(False)
        assert_same(torch.autograd.grad(fast(images, weights).square().sum(), alphas), for_alphas)
        fast.requires_grad_(True)
        constant = {kind: each._replace(values=each.values.detach()) for kind, each in weights.items()}
        found = torch.autograd.grad(fast(images, constant).square().sum(), list(fast.parameters()), allow_unused=True)
    assert_same(found, for_weights)
    assert passes == [30, 10, 5] * 3 * 2  # of 6, 2 and 1 edges of each cell, in two forward passes


@numba
def test_where_it_is_not_for(passes):
    images = torch.randn(4, 2, 8, 8)
    _, fast = pair(SPACE, torch.float32)
    weights = mixture(SPACE, torch.float32)[1]
    with compiling(False):
        fast(images, weights)
    with compiling(True):
        fast.eval()(images, weights)
        fast.train()
        torch.set_num_threads(2)
        fast(images, weights)
    assert not passes
    with compiling(True):
        assert not takes(images) and takes(images.double())  # two threads, which only single precision has work for
        torch.set_num_threads(1)
        assert takes(images) and not takes(images.half()) and not takes(images.to("meta"))
        assert not takes(torch.empty(64, 32, 16, 16)) and not takes(torch.empty(8, 16, 4, 4))
        fast(images, weights)
    assert passes


def test_what_goes_into_one_pass():
    class Doubled(SeparableConvolution):
        pass

    three, five, dilated = (key_of(build(name, 4, 1, searching=True)) for name in SEPARABLE[:3])
    assert three is not None and three == five == dilated
    assert key_of(build("sep_conv_3x3", 4, 2, searching=True)) not in (None, three)
    for alone in ("skip_connect", "sep_conv_7x7", "deep_sep_conv_3x3", "dil_dil_conv_3x3"):
        assert key_of(build(alone, 4, 1, searching=True)) is None
    assert key_of(build("sep_conv_3x3", 4, 1)) is None  # with affine BatchNorms
    assert key_of(Doubled(3, (1, 1), 4, 1, True)) is None


@numba
def test_the_same_bits_whatever_vectors_the_processor_has(tmp_path):
    """Nothing is summed in another order, nothing fused: a result travels as far as the rest of it does."""
    program = (
        "import sys, torch; torch.set_num_threads(1); torch.manual_seed(0)\n"
        "from nascore.networks.operations import build\n"
        "from nascore.supernets.compiled import Pass, Separable\n"
        "from nascore.supernets.together import Place\n"
        f"modules = [build(name, 4, 1, searching=True) for name in {SEPARABLE}]\n"
        "of = Pass([Place(module, None, 0, 0, row) for row, module in enumerate(modules)])\n"
        "draw = lambda *shape: (torch.randint(-999, 999, shape) / 1000).requires_grad_()\n"
        "x, scales = draw(8, 4, 8, 8), draw(len(modules))\n"
        "weights = [draw(*each.weight.shape) for each in of.convolutions]\n"
        "y = Separable.apply(of, True, scales, x, *weights)\n"
        "torch.save([y, *torch.autograd.grad((y * draw(*y.shape)).sum(), [x, scales, *weights])], sys.argv[1])\n"
    )
    found = []
    for name, processor in (("own", {}), ("generic", {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""})):
        file = tmp_path / name
        subprocess.run([sys.executable, "-c", program, str(file)], env=os.environ | processor, check=True)
        found.append(torch.load(file))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_without_numba_or_with_one_that_does_not_load_it_is_the_usual_form():
    found = []
    for error in (ModuleNotFoundError("no module named numba"), ImportError("Numba needs another NumPy")):
        choice._numba.cache_clear()
        with patch("importlib.import_module", side_effect=error), compiling(True):
            if isinstance(error, ModuleNotFoundError):
                found.append((wanted(), choice.version()))
            else:
                with pytest.warns(UserWarning, match="needs another NumPy"):
                    found.append((wanted(), choice.version()))
    choice._numba.cache_clear()
    assert found == [(False, None)] * 2


@numba
def test_the_environment_can_say_no(monkeypatch):
    monkeypatch.setenv(choice.VARIABLE, "0")
    assert not wanted()
    monkeypatch.delenv(choice.VARIABLE)
    assert wanted()


class Idle:
    """A task without anything to do."""

    epoch, epochs = 1, 2

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@numba
@pytest.mark.parametrize("begun", [False, True])
def test_a_run_goes_on_as_it_was_begun(begun, tmp_path):
    folder = RunFolder(tmp_path, {}, torch.device("cpu"))
    with compiling(begun):
        folder.save_checkpoint(Idle(), [])
    with compiling(not begun):
        folder.restore(Idle())
        assert wanted() == begun
    if begun:
        lacking = patch.object(choice, "_numba", return_value=None)
        with lacking, compiling(True), pytest.raises(RunError, match=r"begun with Numba.*nascore\[numba\]"):
            folder.restore(Idle())
