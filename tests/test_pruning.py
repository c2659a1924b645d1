import pytest
import torch

from nascore.errors import ConfigError
from nascore.optimization import Bilevel, SingleLevel
from nascore.pruning import Zeros
from nascore.recipes import darts
from nascore.relaxations import Entmax
from nascore.spaces import CellSpace

SPACE = CellSpace(nodes=1, operations=("none", "skip_connect", "sep_conv_3x3"))
STRENGTHS = {"normal": torch.tensor([[0.0, 0.3, 0.7], [0.0, 0.0, 1.0]])}
ALIVE = {"normal": torch.tensor([[True, True, True], [False, True, True]])}


def start(**overrides):
    torch.manual_seed(0)
    sparse = {"relaxation": Entmax(alpha=3.0), "pruning": Zeros(), "optimization__learning_rate": 0.01}
    return darts.SEARCH.at("smoke", **sparse | overrides).start(torch.device("cpu"), seed=0)


def test_zeros_are_dropped_and_the_dead_stay_dead():
    kept = Zeros().keep(SPACE, STRENGTHS, ALIVE, 1)["normal"]
    assert kept.tolist() == [[False, True, True], [False, False, True]]
    revived = Zeros().keep(SPACE, {"normal": torch.ones(2, 3)}, ALIVE, 1)["normal"]
    assert torch.equal(revived, ALIVE["normal"])


def test_nothing_is_dropped_during_the_warm_up():
    pruning = Zeros(warm_up=2)
    assert [pruning.keep(SPACE, STRENGTHS, ALIVE, epoch) is ALIVE for epoch in (1, 2, 3)] == [True, True, False]
    with pytest.raises(ConfigError):
        Zeros(warm_up=-1)


def test_a_search_drops_what_becomes_zero_and_every_edge_keeps_something():
    search = start(epochs=4)
    rows = [search.run_epoch() for _ in range(4)]
    assert rows[0]["alive"] + rows[0]["dropped"] == 2 * 5 * 8 and sum(row["dropped"] for row in rows) > 0
    for kind, mask in search.architecture.alive.items():
        assert mask.any(dim=1).all()
        last = search.snapshots[-1][kind]["weight"]
        assert last.isnan().equal(~mask) and (last[mask] > 0).all()


def test_it_may_look_after_every_step():
    by_step, by_epoch = start(pruning__every="step"), start()
    first, second = by_step.run_epoch(), by_epoch.run_epoch()
    assert first["dropped"] >= second["dropped"] > 0


@pytest.mark.parametrize("optimization", [Bilevel(learning_rate=0.01), SingleLevel(learning_rate=0.01)])
def test_what_is_dropped_leaves_the_optimisers(optimization):
    search = start(optimization=optimization)
    search.run_epoch()
    dead = {kind: ~mask for kind, mask in search.architecture.alive.items()}
    assert any(mask.any() for mask in dead.values())
    weights = [
        (parameter, parameter.detach().clone())
        for cell, kind in zip(search.problem.supernet.cells, search.problem.supernet.kinds, strict=True)
        for edge, row in zip(cell.edges, dead[kind], strict=True)
        for operation, gone in zip(edge.candidates, row, strict=True)
        if gone
        for parameter in operation.parameters()
    ]
    search.run_epoch()
    for kind, mask in dead.items():
        alpha = search.architecture.alpha[kind]
        remembered = search.stepper.arch_optimizer.state[alpha]
        assert not alpha[mask].any() and alpha[~mask].any()
        assert not remembered["exp_avg"][mask].any() and not remembered["exp_avg_sq"][mask].any()
    assert weights and all(torch.equal(now, then) for now, then in weights)
