"""Whether outputs can be told apart: the AUC by hand and by scikit-learn, its controls; looking changes nothing."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

import nascore
from nascore import gal
from nascore.base.errors import ConfigError
from nascore.recipes import find


def test_the_area_under_the_curve():
    assert gal.auc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1.0
    assert gal.auc(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 3.0])) == (0 + 0 + 1 + 0.5) / 4
    draws = torch.Generator().manual_seed(0)
    baseline = torch.randn(40, generator=draws) + 0.5
    generated = torch.randn(60, generator=draws).round()
    truth = [1] * 40 + [0] * 60
    assert gal.auc(baseline, generated) == pytest.approx(roc_auc_score(truth, torch.cat([baseline, generated]).numpy()))
    with pytest.raises(ConfigError, match="needs outputs of both"):
        gal.auc(torch.zeros(0), torch.zeros(3))


def probabilities(sharpness, seed):
    return (sharpness * torch.randn(400, 10, generator=torch.Generator().manual_seed(seed))).softmax(dim=1)


@pytest.mark.parametrize(("sharpness", "low", "high"), [(1.0, 0.4, 0.6), (3.0, 0.9, 1.0)])
def test_a_control_learns_what_there_is_to_learn(sharpness, low, high):
    like = gal.Discriminator(10, (16, 16))
    alone = gal.trained_alone(like, probabilities(1.0, 0), probabilities(sharpness, 1), 0, steps=300)
    assert alone.shape == like.shape
    assert low <= gal.auc(alone(probabilities(1.0, 2)), alone(probabilities(sharpness, 3))) <= high


def test_a_control_wants_outputs_of_one_shape():
    with pytest.raises(ConfigError, match=r"two of \(N, classes\), not \(400, 10\) and \(3, 10\)"):
        gal.trained_alone(gal.Discriminator(10, (4,)), probabilities(1.0, 0), torch.zeros(3, 10), 0)


def test_controls_are_the_seeds_and_draw_from_nothing_else():
    like, before = gal.Discriminator(10, (4,)), torch.random.get_rng_state()
    one, same, other = (gal.untrained(like, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    outputs = probabilities(1.0, 0)
    assert torch.equal(one(outputs), same(outputs)) and not torch.equal(one(outputs), other(outputs))


def test_a_record_has_all_three_and_looking_leaves_the_networks_alone(tmp_path):
    how = {"profile": "smoke", "device": "cpu", "root": tmp_path, "progress": False}
    baseline = nascore.run("gal-training-mnist", **how)
    found = nascore.run("gal-pruning-mnist", after=baseline, **how).metrics
    assert all(0 <= found[f"{name}_auc"] <= 1 for name in ("discriminator", "trained_alone", "untrained"))
    plain = nascore.run("gal-pruning-mnist", after=baseline, adversarial=0.0, **how)
    assert not any(name.endswith("auc") for name in plain.metrics)
    exact = nascore.run("gal-pruning-mnist", after=baseline, precision="float64", **how).metrics
    assert exact["untrained_auc"] == pytest.approx(found["untrained_auc"], abs=0.1)
    task = find("gal-pruning-mnist").at("smoke").start(torch.device("cpu"), 0, after=baseline)
    before = {name: each.clone() for name, each in task.network.state_dict().items()}
    task._told_apart()
    assert all(torch.equal(before[name], each) for name, each in task.network.state_dict().items())
