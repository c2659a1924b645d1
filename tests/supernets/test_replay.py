"""Recorded steps, with a recorder that needs no GPU; `test_gpu` has the real one."""

import pytest
import torch

from nascore.supernets.replay import Replayed


class Recorder:
    """Repeats a step as a CUDA graph does: on the same inputs and outputs, whatever Python would decide by now."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def __call__(self, step):
        self.recorded += 1
        (outputs,) = step()

        def replay():
            self.replayed += 1
            outputs.copy_(step()[0])

        return replay, (outputs,)


@pytest.fixture
def made():
    calls, recorder = [], Recorder()

    def step(x, y):
        calls.append(x.shape)
        return (x.sum() + (0 if y is None else y.sum()),)

    return Replayed(step, record=recorder), recorder, calls


def test_it_warms_up_then_replays_with_each_new_input(made):
    replayed, recorder, _ = made
    for value in range(7):
        x, y = torch.full((2,), float(value)), torch.ones(1)
        assert replayed("a", x, y)[0].item() == 2 * value + 1
        assert recorder.replayed == max(0, value - 2)
    assert recorder.recorded == 1


def test_other_shapes_run_as_they_are(made):
    replayed, recorder, calls = made
    for _ in range(5):
        replayed("a", torch.ones(2), None)
    assert replayed("a", torch.ones(3), None)[0] == 3 and recorder.replayed == 2 and calls[-1] == (3,)
    assert replayed("a", torch.full((2,), 4.0), None)[0] == 8 and recorder.replayed == 3


def test_a_new_key_records_anew(made):
    replayed, recorder, _ = made
    for key in ("a", "b"):
        for _ in range(4):
            replayed(key, torch.ones(2), None)
    assert recorder.recorded == 2 and recorder.replayed == 2


def test_what_cannot_be_recorded_runs_on_with_a_warning():
    def refuse(step):
        raise RuntimeError("operation not permitted when stream is capturing")

    replayed = Replayed(lambda x: (x.sum(),), record=refuse)
    for _ in range(Replayed.WARM_UP):
        replayed(0, torch.ones(2))
    with pytest.warns(UserWarning, match="runs slower: operation not permitted"):
        assert replayed(0, torch.ones(2))[0] == 2
    assert replayed(0, torch.ones(3))[0] == 3
