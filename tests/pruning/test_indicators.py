import pytest
import torch

from nascore.base.errors import ConfigError
from nascore.optimization import Outcome, Step
from nascore.pruning import Importance, Indicator
from nascore.recipes import eoinas, find
from nascore.relaxations import GumbelSoftmax, Softmax
from nascore.supernets import CellSupernet

WEIGHTS = {"normal": torch.tensor([[0.5, 0.3, 0.2]])}
ALL = {"normal": torch.ones(1, 3, dtype=torch.bool)}


def one(operation):
    return {"normal": torch.arange(3)[None] == operation}


def shown(judge, trained, validated):
    """Show `judge` steps that drew these operations, of which `validated` has (operation, right of 10 images)."""
    for train, (valid, right) in zip(trained, validated, strict=True):
        loss = torch.zeros(())
        seen = Outcome(loss, torch.tensor(right), 10, one(valid))
        judge.observe(Step(Outcome(loss, torch.tensor(0), 10, one(train)), seen))
    return judge


@pytest.fixture
def judge():
    return shown(
        Importance().start({"normal": (1, 3)}), [0, 0, 0, 1, 1, 2], [(0, 4), (0, 8), (1, 9), (1, 9), (2, 3), (2, 5)]
    )


def test_most_methods_judge_by_the_weights_alone(judge):
    assert Indicator().start({"normal": (1, 3)}).strengths(WEIGHTS, ALL) is WEIGHTS
    assert Indicator().start({"normal": (1, 3)}).history(WEIGHTS, ALL) == {}


def test_the_importance_by_hand(judge):
    # accuracies 0.6, 0.9, 0.4; 3, 2 and 1 of 6 passes, whose mean is 2
    expected = [0.5 + 0.5 * 0.6 / 1.5, 0.3 + 0.5 * 0.9 / 1.0, 0.2 + 0.5 * 0.4 / 0.5]
    torch.testing.assert_close(judge.strengths(WEIGHTS, ALL)["normal"], torch.tensor([expected]))
    history = judge.history(WEIGHTS, ALL)
    assert history["trained"]["normal"].tolist() == [[3, 2, 1]]
    torch.testing.assert_close(history["accuracy"]["normal"], torch.tensor([[60.0, 90.0, 40.0]]).double())


@pytest.mark.parametrize(("normalisation", "unit"), [("raw", 1), ("percent", 100)])
def test_other_units(judge, normalisation, unit):
    judge.settings = Importance(scale=2.0, normalisation=normalisation)
    expected = [0.5 + 2 * unit * 0.6 / 3, 0.3 + 2 * unit * 0.9 / 2, 0.2 + 2 * unit * 0.4 / 1]
    torch.testing.assert_close(judge.strengths(WEIGHTS, ALL)["normal"], torch.tensor([expected]))


def test_iterations_are_relative_to_those_of_the_living(judge):
    alive = {"normal": torch.tensor([[True, False, True]])}
    weights = {"normal": torch.tensor([[0.7, 0.0, 0.3]])}
    expected = [0.7 + 0.5 * 0.6 / 1.5, 0.0, 0.3 + 0.5 * 0.4 / 0.5]  # 3 and 1, whose mean is still 2
    torch.testing.assert_close(judge.strengths(weights, alive)["normal"], torch.tensor([expected]))


def test_of_an_operation_that_was_never_drawn_the_weight_alone_says_something():
    fresh = Importance().start({"normal": (1, 3)})
    assert torch.equal(fresh.strengths(WEIGHTS, ALL)["normal"], WEIGHTS["normal"])
    judge = shown(fresh, [0, 1, 2], [(0, 4), (1, 8), (1, 8)])  # 2 was never validated
    known = [0.4, 0.8]
    expected = [0.5 + 0.5 * known[0], 0.3 + 0.5 * known[1], 0.2 + 0.5 * sum(known) / 2]
    torch.testing.assert_close(judge.strengths(WEIGHTS, ALL)["normal"], torch.tensor([expected]))


def test_scale_0_is_the_weight(judge):
    judge.settings = Importance(scale=0.0)
    torch.testing.assert_close(judge.strengths(WEIGHTS, ALL)["normal"], WEIGHTS["normal"])
    with pytest.raises(ConfigError, match=r"scale must be at least 0"):
        Importance(scale=-1.0)


def test_its_state_travels(judge):
    other = Importance().start({"normal": (1, 3)})
    other.load_state_dict(judge.state_dict())
    assert torch.equal(other.strengths(WEIGHTS, ALL)["normal"], judge.strengths(WEIGHTS, ALL)["normal"])
    shown(other, [0], [(0, 10)])
    assert judge.trained["normal"].tolist() == [[3, 2, 1]]


# -- in a search -----------------------------------------------------------------------------------------------------


def start(name="eoinas", **overrides):
    torch.manual_seed(0)
    (recipe,) = (recipe for recipe in eoinas.RECIPES if recipe.name == name)
    return recipe.at("smoke", **overrides).start(torch.device("cpu"), seed=0)


def test_it_counts_one_operation_of_each_edge_in_each_step_after_the_warm_up():
    search = start("eoinas-oii")
    steps = len(search.train)
    for _ in range(3):
        search.run_epoch()
    for kind in ("normal", "reduce"):
        assert (search.judge.trained[kind].sum(dim=1) == 2 * steps).all()
        assert (search.judge.validated[kind].sum(dim=1) == 2 * steps).all()
        accuracy = search.judge.right[kind] / search.judge.validated[kind].clamp(min=1)
        assert accuracy.max() <= 1 and accuracy.sum() > 0


def test_a_pass_computes_exactly_one_operation_of_each_edge_and_all_cells_of_a_type_the_same(monkeypatch):
    search = start("eoinas-baseline", space__cells=4, space__reductions=(1, 3), optimization__warm_up=0)
    problem = search.problem
    problem.supernet = CellSupernet(search.settings.space, 1, 10).double()  # the plain form, which calls every module
    called = []
    for at, cell in enumerate(problem.supernet.cells):
        for edge, mixed in enumerate(cell.edges):
            for name, operation in zip(search.settings.space.operations, mixed.candidates, strict=True):
                operation.register_forward_hook(lambda *_, what=(at, edge, name): called.append(what))
    drawn = set()
    for _ in range(20):
        called.clear()
        problem.logits(torch.zeros(2, 1, 8, 8))
        kinds, edges = problem.supernet.kinds, len(search.settings.space.edges())
        assert [what[:2] for what in called] == [(at, edge) for at in range(4) for edge in range(edges)]
        by_type = {kind: {what[1:] for what in called if kinds[what[0]] == kind} for kind in kinds}
        assert all(len(found) == edges for found in by_type.values())
        drawn.add(tuple(sorted(by_type["normal"])))
    assert len(drawn) > 15  # and each pass draws anew


def test_what_was_pruned_is_never_drawn():
    search = start(epochs=5)
    for _ in range(3):
        search.run_epoch()
    dead = {kind: ~mask for kind, mask in search.architecture.alive.items()}
    assert all(mask.sum(dim=1).eq(2).all() for mask in dead.values())
    for _ in range(100):
        search.problem.logits(torch.zeros(1, 1, 8, 8))
        for kind, computed in search.problem.computed.items():
            assert not (computed & dead[kind]).any() and (computed.sum(dim=1) == 1).all()


def test_alpha_rests_during_the_warm_up_while_the_weights_learn():
    search = start(epochs=4, optimization__warm_up=2, pruning__warm_up=2)
    before = {name: value.clone() for name, value in search.problem.supernet.state_dict().items()}
    for _ in range(2):
        search.run_epoch()
        assert not any(alpha.any() for alpha in search.problem.alphas)  # zero, where EoiNAS starts
    assert not any(count.any() for count in search.judge.trained.values())
    changed = search.problem.supernet.state_dict()
    assert any(not torch.equal(changed[name], value) for name, value in before.items() if name.endswith("weight"))
    search.run_epoch()
    assert all(alpha.any() for alpha in search.problem.alphas)


def test_the_record_keeps_what_the_indicator_knew():
    search = start(epochs=2)
    for _ in range(2):
        search.run_epoch()
    table = search.result().architecture.tidy()
    assert {"weight", "importance", "trained", "accuracy"} <= set(table)
    last = table[table.epoch == 2].dropna(subset="weight")
    assert (last.importance >= last.weight).all() and last.trained.sum() > 0
    assert not {"importance", "trained"} & set(start("eoinas-baseline").result().architecture.tidy())


def test_the_indicator_needs_draws():
    with pytest.raises(ConfigError, match="needs a relaxation that draws"):
        start(relaxation=Softmax())
    with pytest.raises(ConfigError, match="needs a relaxation that draws"):
        start(relaxation=GumbelSoftmax(hard=False))


def test_the_indicator_changes_what_is_derived():
    cells = set()
    for name in ("eoinas-baseline", "eoinas-oii"):
        search = start(name, epochs=4)
        for _ in range(4):
            search.run_epoch()
        cells.add(search.result().genotype)
    assert len(cells) == 2


# -- recipes ---------------------------------------------------------------------------------------------------------


def test_the_recipes_carry_the_published_settings():
    recipes = {recipe.name: recipe.at("paper") for recipe in eoinas.RECIPES}
    search, retraining, imagenet = (recipes[name] for name in ("eoinas", "eoinas-retraining", "eoinas-imagenet"))
    assert (search.epochs, search.space.cells, search.space.channels, search.alpha_std) == (160, 8, 16, 0.0)
    assert (search.learning_rate, search.final_learning_rate, search.weight_decay) == (0.025, 0.001, 3e-4)
    assert (search.pruning.interval, search.pruning.warm_up, search.optimization.warm_up) == (20, 20, 20)
    assert (search.relaxation.temperature, search.relaxation.schedule, search.indicator.scale) == (
        5.0,
        "exponential",
        0.5,
    )
    assert (retraining.batch_size, retraining.drop_path, retraining.cutout) == (128, 0.3, 16)
    assert (imagenet.cells, imagenet.channels, imagenet.epochs, imagenet.batch_size) == (14, 48, 250, 128)
    assert (imagenet.schedule, imagenet.learning_rate, imagenet.weight_decay) == ("linear", 0.1, 3e-5)
    assert (recipes["gdas"].nesterov, recipes["gdas"].epochs, recipes["gdas"].batch_size) == (True, 250, 256)
    assert {search.relaxation.arrives, recipes["gdas"].relaxation.arrives} == {"in_last"}
    assert search.pruning.keep_usable and not find("eoinas").at("paper", pruning__keep_usable=False).pruning.keep_usable


def test_retraining_has_its_own_batches_and_drop_path_at_every_profile():
    own, darts_s, gdas_s = (find(name) for name in ("eoinas-retraining", "retraining", "gdas-retraining"))
    for profile in ("smoke", "demo", "gpu", "paper"):
        settings, reference, gdas = (each.at(profile) for each in (own, darts_s, gdas_s))
        assert settings.batch_size == round(reference.batch_size * 128 / 96) and settings.drop_path == 0.3
        assert (gdas.batch_size, gdas.drop_path) == (reference.batch_size, 0.2)
        assert settings.epochs == gdas.epochs == reference.epochs
    assert (gdas.final_learning_rate, settings.final_learning_rate) == (1e-4, 0.0)


@pytest.mark.parametrize("name", ["gdas", "eoinas-baseline"])
def test_a_search_ends_at_its_final_temperature(name, monkeypatch):
    """At the temperature of each step, as the search draws with it."""
    seen, temperature_at = [], GumbelSoftmax.temperature_at

    def watched(self, progress, last=1.0):
        seen.append(temperature_at(self, progress, last))
        return seen[-1]

    search = start(name, epochs=4, optimization__warm_up=0)
    monkeypatch.setattr(GumbelSoftmax, "temperature_at", watched)
    trained = []
    for _ in range(4):
        seen.clear()
        search.run_epoch()
        trained.append(seen[0])
    first = search.settings.relaxation.temperature
    steps = {
        "gdas": lambda e: first + (0.1 - first) * e / 3,
        "eoinas-baseline": lambda e: first * (0.1 / first) ** (e / 3),
    }
    assert trained == pytest.approx([steps[name](epoch) for epoch in range(4)])


@pytest.mark.parametrize("profile", ["smoke", "demo", "gpu", "paper"])
@pytest.mark.parametrize(("name", "count"), [("eoinas", 8), ("eoinas-201", 5)])
def test_every_profile_leaves_one_operation_at_the_last_epoch(name, count, profile):
    (recipe,) = (recipe for recipe in eoinas.RECIPES if recipe.name == name)
    settings = recipe.at(profile)
    warm_up, interval = settings.pruning.warm_up, settings.pruning.interval
    pruned = [epoch for epoch in range(warm_up + 1, settings.epochs + 1) if epoch % interval == 0]
    assert len(pruned) == count - 1 and pruned[-1] == settings.epochs and settings.optimization.warm_up == warm_up
