"""A search may end before its last epoch, and its record says why."""

import torch

import nascore
from nascore.pruning import Converged, Seen, Stop, TimeLimit
from nascore.recipes import find
from nascore.search import Search, StagedSearch
from nascore.spaces import BlockSpace


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


BLOCK = BlockSpace(levels=1, candidates=("sep_conv_3x3", "max_pool_3x3"), stages=(1,), channels=2)


def seen(*kept):
    """A search whose block had these connections, of 0 to 1 and 2 and of 1 and 2 to 3, before it and after each epoch;
    what is not there has a scale of 0, or none any more.
    """
    gone = (0.0, float("nan"))
    weights = [[0.5 if edge in each else gone[at % 2] for edge in BLOCK.edges()] for at, each in enumerate(kept)]
    history = [{"block": {"weight": torch.tensor(each)[:, None]}} for each in weights]
    return Seen(BLOCK, {}, {}, len(kept) - 1, history)


ALL, ONE, OTHER = set(BLOCK.edges()), {(0, 1), (1, 3)}, {(0, 2), (2, 3)}


def test_a_search_has_converged_when_as_many_are_left_for_long_enough():
    stop = Converged(patience=2)
    assert stop.reason(seen(ALL, ALL, ALL, ALL)) is None  # nothing has gone yet
    assert stop.reason(seen(ALL, ONE, ONE)) is None
    assert stop.reason(seen(ALL, ONE, OTHER, ONE)) == "2 operations left, about as many for 2 epochs"
    assert stop.reason(seen(ALL, ONE, ALL, ONE, ONE)) is None  # one came back on the way
    assert stop.reason(seen(ALL, ONE | {(0, 2)}, ONE, ONE | {(2, 3)})) is not None  # what is isolated does not count
    tolerant = Converged(patience=2, tolerance=0.25)  # of four: one more or less counts as the same
    assert tolerant.reason(seen(ALL, ONE, ONE | {(0, 2), (2, 3)}, ONE, ONE)) is None
    assert tolerant.reason(seen(ALL, ALL, ALL, ALL, ALL - {(0, 1), (1, 3)})) is None  # all of it is no plateau
    chain = ALL - {(0, 2), (2, 3)}
    assert tolerant.reason(seen(ALL, chain, chain, chain)) == "2 operations left, about as many for 2 epochs"
    assert "0 operations left" in stop.reason(seen(ALL, set(), set(), set()))


def test_the_record_says_which_of_the_two_ended_a_search(tmp_path):
    settings = {"optimization__warm_up": 1, "optimization__learning_rate": 1.0, "train_images": 64, "progress": False}
    settings |= {"optimization__penalty": 10.0, "profile": "smoke", "root": tmp_path}
    found = nascore.run("dso-share", epochs=9, stop=Converged(patience=3), **settings)
    # all is pruned in the second epoch, the first with steps of the scales
    assert found.remarks[0] == "stopped after epoch 5: 0 operations left, about as many for 3 epochs"
    ended = nascore.run("dso-share", epochs=3, stop=Converged(patience=3), **settings)
    assert ended.remarks[0] == "not converged: its last epoch, 3, left 0 operations, about as many for 1 epoch of 3"
    just = nascore.run("dso-share", epochs=5, stop=Converged(patience=3), **settings)
    assert just.remarks[0].startswith("converged in its last epoch, 5: 0 operations left")
