"""A search may end before its last epoch, and its record says why."""

import torch

import nascore
from nascore.pruning import Stop, TimeLimit
from nascore.recipes import find
from nascore.search import Search, StagedSearch


class AfterTwo(Stop):
    def reason(self, seen):
        assert len(seen.history) == seen.epoch + 1 and seen.seconds > 0
        return "two are enough" if seen.epoch == 2 else None


def test_a_stop_ends_a_search_with_its_reason_in_the_record(tmp_path):
    found = nascore.run("darts", profile="smoke", epochs=5, stop=AfterTwo(), root=tmp_path, progress=False)
    assert found.remarks == ["stopped after epoch 2: two are enough"]
    assert len(found.history) == 2 and found.architecture_weights["epoch"].max() == 2
    # learning rates are those of five epochs
    whole = find("darts").at("smoke", epochs=5)
    assert found.history["learning_rate"].tolist() == [whole.learning_rate_at(0), whole.learning_rate_at(1)]


def test_a_stop_in_the_last_epoch_is_none(tmp_path):
    found = nascore.run("darts", profile="smoke", epochs=2, stop=AfterTwo(), root=tmp_path, progress=False)
    assert found.remarks == []


def test_a_search_that_stopped_is_resumed_as_stopped():
    settings = find("darts").at("smoke", epochs=5, train_images=64, stop=AfterTwo())
    search, again = (Search(settings, torch.device("cpu"), 0, None) for _ in range(2))
    while search.epoch < search.epochs:
        search.run_epoch()
    again.load_state_dict(search.state_dict())
    assert again.epoch == again.epochs == 2 and again.result().remarks == search.result().remarks


def test_time_runs_out():
    settings = find("darts").at("smoke", epochs=50, train_images=64, stop=TimeLimit(seconds=1e-6))
    search = Search(settings, torch.device("cpu"), 0, None)
    search.run_epoch()
    assert search.epochs == 1 and "seconds are over" in search.stopped


def test_a_stop_ends_a_stage_and_the_next_one_begins():
    settings = find("pdarts").at("smoke", epochs=3, train_images=64, stop=AfterTwo())
    search = StagedSearch(settings, torch.device("cpu"), 0, None)
    assert search.epochs == 9
    rows = []
    while search.epoch < search.epochs:
        rows.append(search.run_epoch())
        again = StagedSearch(settings, torch.device("cpu"), 0, None)
        again.load_state_dict(search.state_dict())
        assert (again.epoch, again.epochs) == (search.epoch, search.epochs)
    assert [row["stage"] for row in rows] == [1, 1, 2, 2, 3, 3]
    remarks = search.result().remarks
    assert [remark.split(":")[0] for remark in remarks[:3]] == ["stage 1", "stage 2", "stage 3"]
