import pytest
import torch

from nascore.base.errors import ConfigError
from nascore.optimization import Bilevel, SingleLevel
from nascore.pruning import Gradual, Seen, Zeros, strongest
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
    kept = Zeros().keep(Seen(SPACE, STRENGTHS, ALIVE, 1))["normal"]
    assert kept.tolist() == [[False, True, True], [False, False, True]]
    revived = Zeros().keep(Seen(SPACE, {"normal": torch.ones(2, 3)}, ALIVE, 1))["normal"]
    assert torch.equal(revived, ALIVE["normal"])


def test_nothing_is_dropped_during_the_warm_up():
    pruning = Zeros(warm_up=2)
    assert [pruning.keep(Seen(SPACE, STRENGTHS, ALIVE, epoch)) is ALIVE for epoch in (1, 2, 3)] == [True, True, False]
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


# -- gradually -------------------------------------------------------------------------------------------------------

EVEN = {"normal": torch.tensor([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])}
WHOLE = {"normal": torch.ones(2, 3, dtype=torch.bool)}


def test_each_edge_loses_its_weakest_operation():
    kept = Gradual().keep(Seen(SPACE, EVEN, WHOLE, 40))["normal"]
    assert kept.tolist() == [[True, False, True], [False, True, True]]


def test_the_dead_are_not_dropped_again_and_the_last_one_stays():
    alive = {"normal": torch.tensor([[False, True, True], [False, False, True]])}
    kept = Gradual().keep(Seen(SPACE, EVEN, alive, 40))["normal"]
    assert kept.tolist() == [[False, False, True], [False, False, True]]


@pytest.mark.parametrize("keep_usable", [True, False])
def test_none_does_not_stay_alone_unless_it_may(keep_usable):
    alive = {"normal": torch.tensor([[True, True, False], [True, False, True]])}  # `none` and one other
    strengths = {"normal": torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.0, 0.8]])}
    kept = Gradual(keep_usable=keep_usable).keep(Seen(SPACE, strengths, alive, 40))["normal"]
    assert kept.tolist() == [[not keep_usable, keep_usable, False], [False, False, True]]


def test_the_papers_epochs_leave_one_operation_after_160():
    space, alive = CellSpace(), {"normal": torch.ones(14, 8, dtype=torch.bool)}
    pruned = []
    for epoch in range(1, 201):
        strengths = {"normal": torch.rand(14, 8, generator=torch.Generator().manual_seed(epoch))}
        kept = Gradual().keep(Seen(space, strengths, alive, epoch))
        if not torch.equal(kept["normal"], alive["normal"]):
            assert (alive["normal"].sum(dim=1) - kept["normal"].sum(dim=1) == 1).all()
            pruned.append(epoch)
        alive = kept
    assert pruned == [40, 60, 80, 100, 120, 140, 160]
    assert (alive["normal"].sum(dim=1) == 1).all() and not alive["normal"][:, 0].any()  # and it is not `none`


def test_it_may_leave_more_than_one():
    alive = WHOLE
    for epoch in (40, 60, 80):
        alive = Gradual(left=2).keep(Seen(SPACE, EVEN, alive, epoch))
    assert alive["normal"].tolist() == [[True, False, True], [False, True, True]]
    with pytest.raises(ConfigError):
        Gradual(left=0)


def test_intervals_are_of_epochs():
    with pytest.raises(ConfigError, match="every must be 'epoch'"):
        Gradual(every="step")
    with pytest.raises(ConfigError):
        Gradual(interval=0)


def test_the_strongest_of_each_edge_stay():
    space = CellSpace(nodes=1, operations=("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3"))
    strengths = {"normal": torch.tensor([[0.4, 0.1, 0.3, 0.2], [0.9, 0.05, 0.03, 0.02]])}
    alive = {"normal": torch.ones(2, 4, dtype=torch.bool)}
    found = [strongest(space, strengths, alive, left)["normal"].int().tolist() for left in (4, 3, 2, 1)]
    assert found[:3] == [[[1, 1, 1, 1]] * 2, [[1, 0, 1, 1], [1, 1, 1, 0]], [[1, 0, 1, 0], [1, 1, 0, 0]]]
    # the last operation other than `none` outlives a stronger `none`
    assert found[3] == [[0, 0, 1, 0], [0, 1, 0, 0]]
    dead = {"normal": torch.tensor([[True, False, False, True]] * 2)}
    assert strongest(space, strengths, dead, 3)["normal"].tolist() == dead["normal"].tolist()
