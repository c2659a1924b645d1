import pytest
import torch
from torch.nn import functional as F

from nascore import data
from nascore.base.errors import ConfigError
from nascore.optimization import SingleLevel
from nascore.pruning import Pruning
from nascore.recipes import RECIPES, darts
from nascore.search import Search


def start(recipe=darts.SEARCH, **overrides) -> Search:
    torch.manual_seed(0)
    return recipe.at("smoke", **overrides).start(torch.device("cpu"), seed=0)


def test_a_search_never_opens_the_test_images(monkeypatch):
    splits = []
    load = data.load
    monkeypatch.setattr(data, "load", lambda name, split, **where: splits.append(split) or load(name, split, **where))
    start().run_epoch()
    assert splits == ["train"]


def test_weights_and_alpha_never_share_an_image():
    search = start()
    first, second = set(search.train.indices.tolist()), set(search.valid.indices.tolist())
    assert len(first) == len(second) == 100 and not first & second
    assert set(search.held_out.indices.tolist()) == second and not search.held_out.augment


def test_a_single_level_search_uses_every_image_and_validates_on_none():
    search = start(darts.SINGLE_LEVEL)
    row = search.run_epoch()
    assert search.valid is None and len(search.train.dataset) == 200 and search.train.indices is None
    assert "valid_loss" not in row and row["train_loss"] > 0


def test_a_single_level_search_may_hold_images_out_for_validation():
    row = start(optimization=SingleLevel(train_fraction=0.8)).run_epoch()
    assert 0 <= row["valid_accuracy"] <= 100


def test_it_records_every_epoch_and_ends_with_a_genotype():
    search = start(epochs=2)
    for _ in range(2):
        search.run_epoch()
    result = search.result()
    history = result.architecture
    assert {kind: columns["weight"].shape for kind, columns in history.cells.items()} == {
        "normal": (3, 5, 8),
        "reduce": (3, 5, 8),
    }
    table = history.tidy()
    assert len(table) == 2 * 3 * 5 * 8
    sums = table.groupby(["epoch", "cell", "source", "target"]).weight.sum()
    assert sums.between(1 - 1e-5, 1 + 1e-5).all()
    row = table.query("epoch == 1 and cell == 'reduce' and source == 2 and target == 3 and operation == 'sep_conv_5x5'")
    assert row.weight.item() == pytest.approx(history.cells["reduce"]["weight"][1, 4, 5])
    assert result.genotype == search.settings.derivation.genotype(search.settings.space, search.strengths())


def test_alpha_and_weights_both_learn():
    search = start(optimization__learning_rate=0.01)
    before = search.architecture.state_dict()["alpha"]
    search.run_epoch()
    for kind, alpha in search.architecture.state_dict()["alpha"].items():
        assert (alpha - before[kind]).abs().max() > 0.01
    assert search.stepper.optimizer.param_groups[0]["lr"] == search.settings.learning_rate_at(0)


class FirstOnly(Pruning):
    """Lets everything die but each edge's first two operations, after the first epoch."""

    def keep(self, seen):
        assert seen.epoch >= 1 and seen.seconds >= 0 and len(seen.history) == seen.epoch
        return {kind: mask & (torch.arange(mask.shape[1]) < 2) for kind, mask in seen.alive.items()}


def test_what_a_pruning_drops_is_never_computed_again(monkeypatch):
    search = start(pruning=FirstOnly(), epochs=3)
    assert search.run_epoch()["dropped"] == 2 * 5 * 6
    dropped = {
        id(parameter)
        for cell in search.problem.supernet.cells
        for edge in cell.edges
        for operation in list(edge.candidates)[2:]
        for parameter in operation.parameters()
    }
    used, real = set(), F.conv2d
    monkeypatch.setattr(
        F, "conv2d", lambda x, weight, *rest, **at: used.add(id(weight)) or real(x, weight, *rest, **at)
    )
    assert search.run_epoch()["dropped"] == 0 and used and not used & dropped
    assert search.snapshots[0]["normal"]["weight"].isfinite().all()
    assert search.snapshots[1]["normal"]["weight"][:, 2:].isnan().all()
    assert {name for name, _, _ in search.result().genotype.reduce.edges()} == {"max_pool_3x3"}


def test_a_search_takes_nesterov_but_does_not_unroll_it():
    rows = [start(nesterov=nesterov).run_epoch() for nesterov in (True, False)]
    assert rows[0] != rows[1]
    with pytest.raises(ConfigError, match="plain momentum"):
        start(nesterov=True, optimization__order=2)
    with pytest.raises(ConfigError, match="nesterov must be False without momentum"):
        start(nesterov=True, momentum=0.0)


def test_a_search_in_bfloat16_stays_near_the_one_in_float32():
    rows = [start(precision=precision).run_epoch() for precision in ("bfloat16", "float32")]
    assert rows[0] != rows[1] and rows[0]["train_loss"] == pytest.approx(rows[1]["train_loss"], rel=0.05)


def test_progress_runs_from_0_to_1():
    search = start(epochs=2)
    seen = [search.architecture.progress]
    for _ in range(2):
        search.run_epoch()
        seen.append(search.architecture.progress)
    assert seen == [0, 0.5, 1]


@pytest.mark.parametrize("order", [1, 2])
def test_it_learns_digits(order):
    search = start(
        train_images=600,
        epochs=4,
        learning_rate=0.2,
        optimization__order=order,
        space__operations=("skip_connect", "sep_conv_3x3"),
    )
    rows = [search.run_epoch() for _ in range(4)]
    assert rows[-1]["train_accuracy"] > 40 and rows[-1]["train_loss"] < rows[0]["train_loss"] - 0.3


def test_three_normal_types_are_searched_and_derived():
    search = start(space__normal_types=2, epochs=1)
    search.run_epoch()
    assert len(search.result().genotype.normal) == 2 and set(search.result().architecture.cells) == {
        "normal1",
        "normal2",
        "reduce",
    }


@pytest.mark.parametrize("name", RECIPES)
def test_profiles_change_numbers_only(name):
    recipe = RECIPES[name]
    scale = {"epochs", "batch_size", "learning_rate", "final_learning_rate", "dataset", "train_images", "test_images"}
    scale |= {
        "cells",
        "channels",
        "nodes",
        "reductions",
        "stem",
        "cutout",
        "drop_path",
        "auxiliary_weight",
        "image_size",
        "precision",
        "warm_up",
        "interval",
        "stages",
        "decay",
        "fit",
        "clip_seconds",
        "speakers",
        "step_epochs",
        "fine_tuning",
        "threshold",
        "parts",
        "sparsity",
        "penalty",
        "levels",
        "dropout",
        "restart_epochs",
        "imitation",
        "samples",
    }
    for profile, changes in recipe.profiles.items():
        assert {key.split("__")[-1] for key in changes} <= scale, profile
        recipe.at(profile)
    assert recipe.at("paper") == recipe.settings
