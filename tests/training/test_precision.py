"""Double precision: how a run begins, what it is made of, and that all kinds of runs go through."""

import pytest
import torch
from test_runs import BEFORE, CASES, compute, same
from torch import nn

import nascore
from nascore.gal import Gal
from nascore.records.record import load_run
from nascore.search import RandomSearch, Search, StagedSearch
from nascore.spaces import BlockSpace, CellSpace, NasBench201
from nascore.training import Training
from nascore.training.precision import beginning, numbers

SHAPES = [(3,), (5, 3), (16,), (17,), (31,), (47,), (14, 8)]
SPACES = [CellSpace(cells=2, nodes=2, channels=4), NasBench201(cells=1, channels=4), BlockSpace(levels=1, stages=(1,))]
TASKS = {"retraining": Training, "dso-retraining": Training, "pdarts": StagedSearch, "gal-pruning-mnist": Gal}
TASKS |= {"random-search": RandomSearch}
HERE = {"profile": "smoke", "device": "cpu", "progress": False, "verbose": False}


def drawn(precision):
    """All that is drawn at a run's beginning, and what comes after it."""
    torch.manual_seed(3)
    draws, found = torch.Generator().manual_seed(1), []
    with beginning(precision):
        for shape in SHAPES:
            found.append(torch.randn(shape, generator=draws))
            found.append(torch.empty(shape).normal_(2, 3, generator=draws))
            found.append(torch.empty(shape).uniform_(-2, 3))
            found.append(torch.randn(shape))
        found.append(nn.Linear(7, 19).weight.detach())
        for space in SPACES:
            found += space.supernet(3, 10).state_dict().values()
    return [x for x in found if x.is_floating_point()], [torch.rand(9), torch.rand(9, generator=draws)]


def test_double_precision_begins_where_single_precision_does():
    (singles, after), (doubles, same_after) = drawn("float32"), drawn("float64")
    assert len(singles) == len(doubles) > 300
    for single, double in zip(singles, doubles, strict=True):
        assert single.dtype == torch.float32 and double.dtype == torch.float64
        torch.testing.assert_close(double.float(), single, rtol=1e-5, atol=1e-5)
    assert any(not torch.equal(double.float().double(), double) for double in doubles)  # nothing was rounded
    assert all(torch.equal(*pair) for pair in zip(after, same_after, strict=True))
    assert torch.get_default_dtype() == torch.float32 and numbers("bfloat16") == torch.float32


def test_an_error_leaves_the_default_as_it_was():
    with pytest.raises(ZeroDivisionError), beginning("float64"):
        _ = 1 / 0
    assert torch.get_default_dtype() == torch.float32


@pytest.fixture(scope="module")
def doubles(tmp_path_factory):
    """Each case of `test_runs` in double precision, in a few epochs."""
    return {case: compute(case, tmp_path_factory.mktemp(case), precision="float64") for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_all_of_a_run_is_in_double_precision(case, doubles):
    weights = doubles[case].weights()
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float64}
    assert doubles[case].settings["precision"] == "float64"


@pytest.mark.parametrize("case", CASES)
def test_what_is_interrupted_ends_with_the_same_bits(case, doubles, tmp_path, monkeypatch):
    task = TASKS.get(CASES[case][0], Search)
    run_epoch = task.run_epoch

    def interrupted(self):
        if self.epoch == 2:
            raise KeyboardInterrupt
        return run_epoch(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(task, "run_epoch", interrupted)
        compute(case, tmp_path, precision="float64")
    assert same(compute(case, tmp_path, precision="float64"), doubles[case])


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] not in BEFORE and "importance" not in case])
def test_the_first_epoch_is_that_of_single_precision_up_to_its_rounding(case, doubles, tmp_path):
    """But for draws while it runs, which are others: of Gumbel noise."""
    if CASES[case][0] == "gdas":
        pytest.skip("draws Gumbel noise")
    single = compute(case, tmp_path, precision="float32").history.iloc[0]
    double = doubles[case].history.iloc[0]
    assert double.train_loss == pytest.approx(single.train_loss, rel=1e-3)
    assert double.train_loss != single.train_loss


@pytest.mark.parametrize(("first", "then"), [("float32", "float64"), ("float64", "float32")])
def test_weights_of_the_other_precision_are_converted(first, then, tmp_path):
    settings = {"network": "lenet", "train_images": 40, "test_images": 20, "epochs": 1}
    before = nascore.run("retraining", root=tmp_path / "a", precision=first, **settings, **HERE)
    settings |= {"learning_rate": 1e-12, "weight_decay": 0.0}
    after = nascore.run("retraining", root=tmp_path / "b", precision=then, after=before, **settings, **HERE)
    for name, weight in load_run(after.path).weights().items():
        assert weight.dtype == numbers(then)
        torch.testing.assert_close(weight.float(), before.weights()[name].float(), rtol=1e-5, atol=1e-6)


def test_a_network_is_pruned_in_another_precision_than_it_was_trained_in(tmp_path):
    trained = nascore.run("gal-training-mnist", root=tmp_path, precision="float32", **HERE)
    pruned = nascore.run("gal-pruning-mnist", root=tmp_path, after=trained, precision="float64", epochs=1, **HERE)
    assert {each.dtype for each in pruned.weights().values() if each.is_floating_point()} == {torch.float64}
