import copy
import math

import pytest
import torch
from torch import nn

from nascore import data
from nascore.base.config import override
from nascore.base.errors import ConfigError, GenotypeError
from nascore.networks import PUBLISHED, BenchmarkCell
from nascore.recipes import darts
from nascore.supernets import fast_networks
from nascore.training import Training, TrainingSettings
from nascore.training.evaluation import Averages, evaluate
from nascore.training.settings import SgdSettings

SETTINGS = darts.RETRAINING.at("smoke", genotype=PUBLISHED["DARTS_V2"])


def start(**overrides) -> Training:
    torch.manual_seed(0)
    return override(SETTINGS, **overrides).start(torch.device("cpu"), seed=0)


def test_schedules():
    cosine = override(SETTINGS, epochs=10, learning_rate=0.5, final_learning_rate=0.1)
    assert cosine.learning_rate_at(0) == 0.5 and cosine.learning_rate_at(5) == pytest.approx(0.3)
    assert cosine.learning_rate_at(1) == pytest.approx(0.1 + 0.2 * (1 + math.cos(math.pi / 10)))
    linear = override(cosine, schedule="linear")
    assert [linear.learning_rate_at(e) for e in (0, 5)] == [0.5, pytest.approx(0.3)]
    assert override(cosine, schedule="exponential").learning_rate_at(2) == pytest.approx(0.5 * 0.97**2)
    steps = override(cosine, schedule="step", step_epochs=2, decay=0.1)
    assert [steps.learning_rate_at(epoch) for epoch in (0, 1, 2, 3, 4)] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])


def test_it_learns_digits_and_beats_guessing_by_far():
    training = start(network="lenet", genotype=None, train_images=600, epochs=6, learning_rate=0.1)
    rows = [training.run_epoch() for _ in range(6)]
    assert rows[-1]["test_accuracy"] > 60 and rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_the_fast_form_goes_on_with_the_same_bits(monkeypatch):
    monkeypatch.setattr(fast_networks, "_LEAST", 0)
    more = {"epochs": 2, "drop_path": 0.3, "auxiliary_weight": 0.4, "train_images": 96, "test_images": 50}
    whole, first, second = start(**more), start(**more), start(**more)
    rows = [whole.run_epoch(), whole.run_epoch()]
    assert first.run_epoch() == rows[0]
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert second.run_epoch() == rows[1]
    ours, theirs = second.network.state_dict(), whole.network.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_drop_path_ramps_up_from_zero(monkeypatch):
    seen = []
    training = start(epochs=4, drop_path=0.4, auxiliary_weight=0.0)
    step = training._step
    monkeypatch.setattr(training, "_step", lambda x, y, rate, *rest: seen.append(rate) or step(x, y, rate, *rest))
    for _ in range(4):
        training.run_epoch()
    assert sorted(set(seen)) == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_the_auxiliary_loss_reaches_its_head_with_its_weight():
    one, two = (start(auxiliary_weight=weight, gradient_clip=1e9, drop_path=0.0) for weight in (0.2, 0.4))
    for training in (one, two):
        images, labels = next(iter(training.train))
        training.network.train()
        training._step(images, labels, 0.0)
    norms = [training.network.auxiliary.classifier.weight.grad.norm() for training in (one, two)]
    torch.testing.assert_close(2 * norms[0], norms[1])


def test_gradients_are_clipped():
    training = start(gradient_clip=1e-3)
    training.network.train()
    training._step(*next(iter(training.train)), 0.0)
    norm = torch.cat([p.grad.flatten() for p in training.network.parameters()]).norm()
    assert norm <= 1e-3 * (1 + 1e-4)


def test_label_smoothing_changes_the_loss():
    losses = [start(label_smoothing=smoothing).run_epoch()["train_loss"] for smoothing in (0.0, 0.5)]
    assert losses[0] != losses[1]


def test_averages_weigh_batches_by_their_size():
    averages = Averages(torch.device("cpu"))
    averages.add(torch.tensor(1.0), torch.tensor(3), 4)
    averages.add(torch.tensor(4.0), torch.tensor(0), 2)
    assert averages.named("x") == {"x_loss": 2.0, "x_accuracy": 50.0}


def test_evaluation_by_hand():
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 1, 1])
    found = evaluate(lambda x: x, [(logits[:2], labels[:2]), (logits[2:], labels[2:])], torch.device("cpu")).named("t")
    assert found["t_accuracy"] == pytest.approx(200 / 3)
    assert found["t_loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item())


def test_batches_of_every_size_are_used():
    assert sum(len(labels) for _, labels in start(batch_size=64).train) == 200


def test_a_last_single_image_is_trained_on_where_features_are_one_pixel():
    training = start(network="resnet18", genotype=None, train_images=9, batch_size=4, test_images=5)
    assert [len(labels) for _, labels in training.train] == [4, 5]
    assert math.isfinite(training.run_epoch()["train_loss"])
    with pytest.raises(ConfigError, match="1 of 1 images to train on, and BatchNorm needs two"):
        start(network="lenet", genotype=None, train_images=1)


@pytest.mark.parametrize(
    "overrides",
    [
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"drop_path": 1.0},
        {"label_smoothing": 1.0},
        {"batch_size": 0},
        {"cutout": -1},
        {"cutout": 2, "augment": False},
        {"network": "alexnet"},
        {"schedule": "constant"},
    ],
)
def test_settings_out_of_range_are_refused(overrides):
    with pytest.raises(ConfigError):
        override(SETTINGS, **overrides)


def test_settings_say_what_their_data_are():
    assert SETTINGS.fingerprint(None) == data.fingerprint("digits")


def test_a_missing_genotype_is_named():
    with pytest.raises(ConfigError, match="genotype is missing"):
        start(genotype=None)
    with pytest.raises(ConfigError, match="dataset must be str"):
        TrainingSettings(dataset=3, batch_size=1, epochs=1, learning_rate=0.1, weight_decay=0.0)


def test_a_genotype_may_be_given_as_text_wherever_settings_take_one():
    cell = BenchmarkCell(("skip_connect",) * 6)
    settings = darts.RETRAINING.at("smoke", genotype="DARTS_V2")
    assert settings == darts.RETRAINING.at("smoke", genotype=PUBLISHED["DARTS_V2"])
    plain = {"cells": 1, "reductions": None, "drop_path": 0.0, "auxiliary_weight": 0.0}
    assert override(settings, genotype=cell.string, **plain).genotype == cell
    with pytest.raises(ConfigError, match=r"TrainingSettings\.genotype: unknown genotype 'DARTS_V9': did you mean"):
        override(settings, genotype="DARTS_V9")
    with pytest.raises(GenotypeError, match=r"TrainingSettings\.genotype: a NAS-Bench-201 cell is written"):
        override(settings, genotype="|skip_connect~0|")


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_torchs_also_for_weights_that_get_their_first_gradient_late(nesterov):
    settings = SgdSettings(epochs=3, learning_rate=0.1, weight_decay=0.01, nesterov=nesterov)
    start = [torch.randn(5, 3, 3, 3, dtype=torch.float64) for _ in range(3)]
    ours, theirs = ([nn.Parameter(value.clone()) for value in start] for _ in range(2))
    fused = settings.optimizer(ours)
    plain = torch.optim.SGD(theirs, 0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
    for turn in range(4):
        for at, pair in enumerate(zip(ours, theirs, strict=True)):
            gradient = torch.randn(5, 3, 3, 3, dtype=torch.float64) if at <= turn else None
            if gradient is not None and turn % 2:  # as those of the fast supernet come
                gradient = gradient.contiguous(memory_format=torch.channels_last)
            for parameter in pair:
                parameter.grad = gradient
        fused.step()
        plain.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-14)
