"""The recipes of sparse DARTS: second order, DARTS's wall-clock time, long searches, the factorial."""

import pytest
import torch

import nascore
from nascore.base.config import override
from nascore.base.errors import ConfigError
from nascore.derivation import EveryEdge, rederived
from nascore.optimization import Bilevel, SingleLevel, unrolled_gradient
from nascore.pruning import TimeLimit, Zeros
from nascore.recipes import RECIPES, find, sparse_darts
from nascore.relaxations import Entmax, Softmax
from nascore.search import Search

SMALL = {"train_images": 96, "progress": False}


def test_bilevel_rows_are_there_in_both_orders():
    for end in ("", "-201"):
        for variant, name in sparse_darts.SECOND_ORDER.items():
            first, second = find(sparse_darts.NAMES[variant] + end), find(name + end)
            assert first.settings.optimization.order == 1
            assert override(first.settings, optimization__order=2) == second.settings
            assert first.profiles == second.profiles
    bilevel = {name for name, given in sparse_darts.VARIANTS.items() if given["optimization"] == Bilevel()}
    assert bilevel == {*sparse_darts.SECOND_ORDER}


def test_a_step_size_of_zero_is_the_first_order():
    """The paper: with an epsilon of 0 the second part is discarded, and the weights are taken as they are."""
    w, a = (torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (1.5, 0.5))
    train, valid = (lambda: (a * w**2).sum()), (lambda: (a**2 * w**3).sum())
    at = {rate: unrolled_gradient(train, valid, [w], [a], learning_rate=rate)[0].item() for rate in (0.0, 0.1)}
    assert at[0.0] == pytest.approx(2 * 0.5 * 1.5**3, abs=1e-12)
    # w' = w - 0.1 * 2 a w = 0.9 w; dw'/da = -0.2 w
    inner = 0.9 * 1.5
    assert at[0.1] == pytest.approx(2 * 0.5 * inner**3 - 0.2 * 1.5 * 0.5**2 * 3 * inner**2, abs=1e-6)


def test_the_second_order_prunes_and_leaves_what_it_dropped_alone():
    settings = find("sparse-darts-bilevel-second-order").at("smoke", train_images=96, epochs=2)
    search = Search(override(settings, optimization__learning_rate=0.02), torch.device("cpu"), 0, None)
    while search.epoch < search.epochs:
        search.run_epoch()
    for kind, alive in search.architecture.alive.items():
        assert not alive.all() and alive.any(dim=1).all()
        assert (search.architecture.alpha[kind][~alive] == 0).all()


def test_a_search_as_long_as_another(tmp_path):
    long = nascore.run("darts", profile="smoke", root=tmp_path, epochs=3, **SMALL)
    given = sparse_darts.as_long_as(long)
    assert given == {"stop": TimeLimit(seconds=long.seconds)}
    timed = nascore.run("sparse-darts-timed", profile="smoke", root=tmp_path, epochs=400, **SMALL, **given)
    assert len(timed.history) < 400 and f"of {long.seconds:g} seconds are over" in timed.remarks[0]
    # it goes on until the time is over, validation included, and ends with that epoch
    assert timed.history.seconds.iloc[:-1].sum() < 1.5 * long.seconds


def test_timed_is_the_method_with_a_stop_and_four_times_darts_s_epochs():
    timed, ours = find("sparse-darts-timed"), find("sparse-darts")
    assert override(timed.settings, stop=ours.settings.stop) == ours.settings
    assert all(timed.at(at).epochs == 4 * find("darts").at(at).epochs for at in timed.has())


@pytest.mark.parametrize("profile", ["smoke", "demo", "gpu", "paper"])
def test_long_searches_differ_in_the_method_alone(profile):
    vanilla = find("darts-long").at(profile)
    assert isinstance(vanilla.relaxation, Softmax) and vanilla.optimization.train_fraction == 0.5
    for variant, name in sparse_darts.LONG.items():
        given = find(name).at(profile)
        answers = ("relaxation", "optimization", "pruning", "derivation")
        assert override(given, **{each: getattr(vanilla, each) for each in answers}) == vanilla
        assert isinstance(given.pruning, Zeros) == ("prune" in variant)
        assert given.optimization.learning_rate == vanilla.optimization.learning_rate


def test_the_factorial_has_each_combination_that_can_be():
    found = {}
    for (relaxation, optimization, prune), name in sparse_darts.FACTORIAL.items():
        given = find(name).settings
        assert isinstance(given.pruning, Zeros) == prune and given.derivation == EveryEdge()
        kind = SingleLevel if optimization == "single-level" else Bilevel
        assert isinstance(given.optimization, kind)
        alpha = {"softmax": 1.0, "2-entmax": 2.0, "3-entmax": 3.0}[relaxation]
        assert isinstance(given.relaxation, Softmax) if alpha == 1 else given.relaxation == Entmax(alpha=alpha)
        found[alpha, kind, prune] = name
    assert len(found) == 10 and {*found.values()} <= {*RECIPES}
    # the two that are left out are refused, since softmax gives nothing to prune
    with pytest.raises(ConfigError, match="drops what has the weight 0, and Softmax gives none"):
        override(find("factorial-softmax-bilevel-201").settings, pruning=Zeros())


@pytest.mark.parametrize("profile", ["smoke", "demo", "gpu", "paper"])
def test_all_of_the_factorial_take_as_many_steps(profile):
    steps = set()
    for (_, optimization, _), name in sparse_darts.FACTORIAL.items():
        given = find(name).at(profile)
        images = given.train_images or 50_000
        batches = -(-round(images * given.optimization.train_fraction) // given.batch_size)
        steps.add(given.epochs * batches)
        assert given.epochs * (2 if optimization == "single-level" else 1) == find("darts-201").at(profile).epochs or (
            profile == "demo"
        )
    # half the images may fill a batch less than half of all do
    assert max(steps) - min(steps) <= given.epochs


def test_one_search_is_derived_by_both_rules(tmp_path):
    run = nascore.run("factorial-3-entmax-bilevel-201", profile="smoke", root=tmp_path, **SMALL)
    never, competes = EveryEdge(), EveryEdge(none_competes=True)
    assert rederived(run, never) == run.genotype
    other = rederived(run, competes)
    kept = {(source, target): name for name, source, target in run.genotype.edges() if name != "none"}
    for name, source, target in other.edges():  # where `none` does not lead, the rules agree
        assert name == "none" or kept[source, target] == name
