"""Random search: the best of cells that are each trained by themselves, against a reference that shares nothing."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import nascore
from nascore import data
from nascore.base.errors import ConfigError
from nascore.networks import BenchmarkNetwork, CellNetwork
from nascore.recipes import find
from nascore.search import RandomSearch
from nascore.spaces import BlockSpace, CellSpace
from nascore.training.precision import beginning

HERE = {"device": "cpu", "progress": False}


def start(recipe="random-search", seed=0, **overrides) -> RandomSearch:
    settings = {"train_images": 60, "epochs": 1, "samples": 2} | overrides
    return find(recipe).at("smoke", **settings).start(torch.device("cpu"), seed)


def finish(search) -> list[dict[str, float]]:
    return [search.run_epoch() for _ in range(search.epochs - search.epoch)]


def by_hand(settings, seed, cell):
    """(genotype, validation loss, accuracy) of one cell, by the plain network and a loop written out."""
    one, two, three = np.random.SeedSequence((seed, cell)).generate_state(3).tolist()
    space = settings.space
    genotype = space.random(torch.Generator().manual_seed(one))
    plain = BenchmarkNetwork if isinstance(genotype, nascore.BenchmarkCell) else CellNetwork
    sizes = {"cells": space.cells, "channels": space.channels, "classes": 10, "in_channels": 1}
    sizes |= {} if plain is BenchmarkNetwork else {"reductions": space.reductions}
    with beginning("float64"):
        torch.manual_seed(two)
        network = plain(genotype, **sizes)
    images = settings.load("train", None)
    first, second = data.split_indices(len(images), 0.5, seed)
    batches = settings.training_batches(images, torch.Generator().manual_seed(three), first)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0, momentum=0.9, weight_decay=3e-4)
    for epoch in range(settings.epochs):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate_at(epoch)
        for pixels, labels in batches:
            optimizer.zero_grad()
            F.cross_entropy(network(pixels.double()), labels).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
    network.eval()
    (pixels, labels), *more = data.batches(
        images, 250, indices=second, augment=False, shuffle=False, drop_last=False, generator=None
    )
    assert not more
    with torch.no_grad():
        logits = network(pixels.double())
    accuracy = 100 * float((logits.argmax(dim=1) == labels).double().mean())
    return genotype, float(F.cross_entropy(logits, labels)), accuracy


@pytest.mark.parametrize("recipe", ["random-search", "random-search-201"])
def test_each_cell_is_trained_by_itself_and_the_best_by_validation_is_found(recipe):
    search = start(recipe, seed=3, samples=3, epochs=2)
    rows = finish(search)
    assert [row["cell"] for row in rows] == [1, 1, 2, 2, 3, 3]
    result = search.result()
    expected = [by_hand(search.settings, 3, cell) for cell in range(3)]
    for (genotype, loss, accuracy), found in zip(expected, result.candidates, strict=True):
        assert found.genotype == genotype
        assert found.metrics["valid_loss"] == pytest.approx(loss, rel=1e-6)
        assert found.metrics["valid_accuracy"] == pytest.approx(accuracy)
    best = max(expected, key=lambda each: each[2])
    assert result.genotype == best[0] and result.metrics["valid_accuracy"] == pytest.approx(best[2])
    assert result.metrics["cells"] == 3 and result.candidates[result.metrics["cell"] - 1].genotype == best[0]


def test_of_equal_cells_the_first_is_taken():
    search = start(samples=3)
    search.tried = [{"valid_accuracy": accuracy} for accuracy in (40.0, 60.0, 60.0)]
    assert search.result().metrics == {"valid_accuracy": 60.0, "cell": 2, "cells": 3}


def test_a_longer_search_begins_as_a_shorter_one_does():
    shorter, longer = (finish(start(samples=samples)) for samples in (1, 3))
    assert longer[:1] == shorter and len(longer) == 3


def test_it_halves_the_images_as_a_search_of_that_seed_does_and_never_opens_the_test_images(monkeypatch):
    splits, load = [], data.load
    monkeypatch.setattr(data, "load", lambda name, split, **where: splits.append(split) or load(name, split, **where))
    search = start(seed=5)
    other = find("darts").at("smoke", train_images=60).start(torch.device("cpu"), 5)
    assert splits == ["train", "train"]
    assert search.train.indices.tolist() == other.train.indices.tolist()
    assert search.held_out.indices.tolist() == other.held_out.indices.tolist()


def test_a_budget_of_seconds_ends_it_with_the_cell_in_training(tmp_path):
    settings = {"train_images": 60, "epochs": 2, "samples": 50, "seconds": 1e-9}
    found = nascore.run("random-search", "smoke", root=tmp_path, **settings, **HERE)
    assert len(found.history) == 2 and found.metrics["cells"] == 1 and len(found.candidates) == 1
    assert found.remarks == ["stopped after 1 of 50 cells: 1e-09 seconds have passed"]


def test_its_record_has_every_cell_and_the_weights_of_the_best(tmp_path):
    found = nascore.run("random-search", "smoke", root=tmp_path, train_images=60, samples=4, epochs=1, **HERE)
    again = nascore.load_run(found.path)
    right = [each.metrics["valid_accuracy"] for each in again.candidates]
    assert right == found.history.valid_accuracy.tolist() and max(right) == found.metrics["valid_accuracy"]
    assert again.genotype == again.candidates[right.index(max(right))].genotype
    settings = find("random-search").at("smoke")
    settings.space.network(again.genotype, 1, 10).load_state_dict(again.weights())
    assert nascore.load_run(min(nascore.base.paths.committed_runs().glob("darts-demo-s0-*"))).candidates == []


def test_it_works_in_any_space_that_says_what_its_genotypes_describe():
    blocks = start(space=BlockSpace(levels=1, stages=(1, 1), channels=4), samples=1)
    assert len(finish(blocks)) == 1 and blocks.result().genotype.levels == 1
    three = start(space=CellSpace(cells=5, nodes=2, channels=4, normal_types=3), samples=1)
    finish(three)
    assert len(three.result().genotype.normal) == 3


def test_a_space_that_does_not_say_is_told(monkeypatch):
    monkeypatch.delattr(CellSpace, "network")
    with pytest.raises(ConfigError, match="a CellSpace does not say which network"):
        start()


def test_the_recipes_are_darts_s_random_search():
    for name in ("random-search", "random-search-201"):
        settings = find(name).settings
        assert (settings.samples, settings.epochs, settings.train_fraction, settings.seconds) == (24, 100, 0.5, None)
    searched, drawn = find("darts").settings, find("random-search").settings
    shared = ("space", "dataset", "batch_size", "learning_rate", "momentum", "weight_decay", "gradient_clip")
    assert all(getattr(searched, name) == getattr(drawn, name) for name in shared)
