"""Adversarial pruning: the losses by hand, who learns in which step, and what the record says."""

import math

import pytest
import torch

import nascore
from nascore import gal
from nascore.base.display import settings_items
from nascore.base.errors import ConfigError, RunError
from nascore.evidence import findings
from nascore.gal import every_node, pruned
from nascore.networks import PUBLISHED, Stack
from nascore.recipes import RECIPES, find
from nascore.recipes.darts_gal import EXPERIMENTS, coded_imitation, sourced

PRUNING = "gal-pruning-mnist"


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    return nascore.run("gal-training-mnist", profile="smoke", device="cpu", root=tmp_path_factory.mktemp("runs"))


def start(baseline, **overrides):
    """The task itself, in single precision, as most tensors of these tests are."""
    torch.manual_seed(0)
    overrides = {"precision": "float32"} | overrides
    return find(PRUNING).at("smoke", **overrides).start(torch.device("cpu"), 0, after=baseline)


def run(baseline, **overrides):
    return nascore.run(
        PRUNING, profile="smoke", device="cpu", root=baseline.path.parent, after=baseline, progress=False, **overrides
    )


# -- the losses ------------------------------------------------------------------------------------------------------


def test_the_losses_by_hand():
    one, other = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]])
    assert float(gal.imitation_loss(one, other)) == (5 + 16) / (2 * 2)  # equation 6
    judged = torch.tensor([0.0, math.log(3)])  # D = 1/2, 3/4
    assert float(gal.adversarial_loss(judged)) == pytest.approx((math.log(1 / 2) + math.log(1 / 4)) / 2)
    real, fake = torch.tensor([math.log(3)]), torch.tensor([0.0])
    terms = math.log(3 / 4) + math.log(1 / 2) + math.log(1 / 2)
    assert float(gal.discriminator_loss(real, fake)) == pytest.approx(-terms)
    assert float(gal.discriminator_loss(real, fake, restraint=0)) == pytest.approx(-(terms - math.log(1 / 2)))


@pytest.mark.parametrize(("restraint", "blind", "seeing"), [(1.0, 2 / 3, 1 / 2), (0.0, 1 / 2, 0.0)])
def test_the_restraint_moves_the_best_discriminator(restraint, blind, seeing):
    """Of outputs that nothing tells apart, and of generated ones that something does."""
    grid = torch.linspace(-12, 12, 4801)
    same = torch.tensor([float(gal.discriminator_loss(x, x, restraint)) for x in grid])
    told = torch.tensor([float(gal.discriminator_loss(torch.tensor(30.0), x, restraint)) for x in grid])
    assert float(grid[same.argmin()].sigmoid()) == pytest.approx(blind, abs=1e-2)
    assert float(grid[told.argmin()].sigmoid()) == pytest.approx(seeing, abs=1e-2)


def test_the_discriminator_has_five_layers_of_units_and_no_less_power_than_asked():
    judge = gal.Discriminator(10)
    widths = [layer.in_features for layer in judge if isinstance(layer, torch.nn.Linear)]
    assert widths == [10, 128, 256, 128] and judge(torch.rand(7, 10)).shape == (7,)
    linear = gal.Discriminator(10, activation=False)
    x, y = torch.rand(2, 3, 10)
    assert torch.allclose(linear(x) + linear(y), 2 * linear((x + y) / 2), atol=1e-6)  # a single linear map
    assert not torch.allclose(judge(40 * x) + judge(-40 * x), 2 * judge(0 * x), atol=1e-3)


# -- who learns when --------------------------------------------------------------------------------------------------


def bits(parameters):
    return [parameter.detach().clone() for parameter in parameters]


def changed(before, parameters):
    return [not torch.equal(old, new) for old, new in zip(before, parameters, strict=True)]


def test_gradients_reach_masks_and_not_the_baseline(baseline):
    task = start(baseline)
    frozen = bits(task.baseline.state_dict().values())
    task.network.train()
    images, labels = next(iter(task.train))
    task._step(images, labels)
    assert all(mask.grad is not None and mask.grad.abs().max() > 0 for mask in task.network.masks().values())
    assert all(parameter.grad is None for parameter in task.baseline.parameters())
    assert not any(changed(frozen, task.baseline.state_dict().values()))
    task.run_epoch()
    assert not any(changed(frozen, task.baseline.state_dict().values())) and not task.baseline.training


def test_each_step_changes_its_own_parameters_alone(baseline):
    task = start(baseline)
    task.network.train()
    probabilities = torch.rand(2, 8, 10).double().softmax(dim=2)
    ours, theirs = bits(task.network.parameters()), bits(task.discriminator.parameters())
    task._step_discriminator(*probabilities)
    assert not any(changed(ours, task.network.parameters())) and any(changed(theirs, task.discriminator.parameters()))
    theirs = bits(task.discriminator.parameters())
    gradients = bits(parameter.grad for parameter in task.discriminator.parameters())
    images, labels = next(iter(task.train))
    task._step_generator(task.network(images), task.baseline(images), labels)
    assert not any(changed(theirs, task.discriminator.parameters()))
    assert not any(changed(gradients, [parameter.grad for parameter in task.discriminator.parameters()]))
    assert all(parameter.requires_grad for parameter in task.discriminator.parameters())
    assert all(
        any(changed([old], [new]))
        for old, new in zip(ours, task.network.parameters(), strict=True)
        if new.grad is not None
    )


def test_the_generator_learns_what_the_discriminator_says(baseline):
    """Its adversarial gradient alone, against finite differences of equation 5."""
    task = start(baseline, imitation=1e-12, labels=0.0, noise=0.0)
    task.network.eval().double()
    task.discriminator.double()
    images = next(iter(task.train))[0].double()
    mask = task.network.cells[2].mask

    def loss():
        return gal.adversarial_loss(task.discriminator(task.network(images).softmax(dim=1)))

    (exact,) = torch.autograd.grad(loss(), mask)
    for node in range(4):
        values = []
        for step in (1e-5, -1e-5):
            mask.data[node] += step
            values.append(float(loss().detach()))
            mask.data[node] -= step
        assert float(exact[node]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-3, abs=1e-9)


def test_the_noise_is_the_generators_step_alone(baseline):
    quiet, noisy = (start(baseline, noise=noise) for noise in (0.0, 0.5))
    images, labels = next(iter(quiet.train))
    seen = []
    for task in (quiet, noisy):
        task.network.train()
        task._step_discriminator = lambda *both: seen.append(both) or {}
        task.settings = nascore.override(task.settings, adversarial=1.0)
        losses = task._step(images, labels)
        seen.append(losses["imitation_loss"].detach())
    assert torch.equal(seen[0][1], seen[2][1])  # the discriminator sees the same
    assert float(seen[3]) != float(seen[1])
    features = torch.ones(4000, 8)
    thinned = noisy._noise(features)
    assert set(thinned.unique().tolist()) == {0.0, 2.0} and float(thinned.mean()) == pytest.approx(1.0, abs=0.05)


def test_masks_step_at_their_interval_and_pace_and_what_is_pruned_stays(baseline):
    task = start(baseline, mask_interval=2, sparsity=1e-6, mask_rate=3.0, mask_momentum=0.0)
    assert task.mask_rate == pytest.approx(0.15)
    task.network.train()
    before = bits(task.network.masks().values())
    images, labels = next(iter(task.train))
    task._step(images, labels)
    assert not any(changed(before, task.network.masks().values()))
    task._step(images, labels)
    assert all(changed(before, task.network.masks().values()))
    mask = task.network.cells[0].mask
    mask.data[1] = 0.0
    mask.grad[1] = -100.0
    task._step_masks()
    assert mask[1] == 0 and mask[0] != 0


def test_a_new_learning_rate_restarts_the_masks_momentum(baseline):
    task = start(baseline, epochs=3, step_epochs=2, sparsity=1e-6)
    steps = [task.run_epoch() and task.proximal.state[task.network.cells[0].mask]["t"] for _ in range(3)]
    assert steps[0] < steps[1] and steps[2] == steps[0]


def test_without_adversary_there_is_none(baseline):
    task = start(baseline, adversarial=0.0)
    theirs = bits(task.discriminator.parameters())
    row = task.run_epoch()
    assert not any(changed(theirs, task.discriminator.parameters()))
    assert not {"discriminator_loss", "adversarial_loss", "trusts_generator_percent"} & set(row)


def test_masks_that_start_normal_lose_their_negative_half_in_the_first_step(baseline):
    task = start(baseline, mask_start="normal", sparsity=0.0)
    start_masks = torch.cat([mask.detach() for mask in task.network.masks().values()])
    assert 4 < (start_masks < 0).sum() < 16  # of 20
    task.network.train()
    task._step(*next(iter(task.train)))
    left = torch.cat([mask.detach() for mask in task.network.masks().values()])
    assert (left[start_masks < -0.5] == 0).all() and (left >= 0).all()


@pytest.mark.parametrize(("sparsity", "said"), [(1e-9, "no node was pruned"), (1e3, "every node was pruned")])
def test_penalties_that_prune_nothing_or_everything_are_told(sparsity, said, baseline, capsys):
    found = run(baseline, sparsity=sparsity)
    assert found.remarks[0].startswith(said) and f"note: {said}" in capsys.readouterr().out
    assert nascore.CellNetwork(found.genotype, channels=4, in_channels=1)(torch.randn(2, 1, 8, 8)).shape == (2, 10)


# -- what comes out ---------------------------------------------------------------------------------------------------


def test_the_record_says_what_was_pruned(baseline):
    found = run(baseline)
    kept = findings.kept_nodes(found)
    assert isinstance(found.genotype, Stack) and found.genotype == pruned(
        nascore.networks.stacked(baseline.genotype, 5, (1, 2)), kept, "node", "bypass"
    )
    table = findings.masks(found)
    assert list(table.columns) == ["epoch", "cell", "node", "mask", "magnitude"] and len(table) == 5 * 20
    assert (table[table.epoch == 0]["mask"] == 1).all()
    last = table[table.epoch == 4]
    assert (last["mask"] > 0).sum() == found.metrics["kept"] == sum(map(len, kept)) < found.metrics["nodes"] == 20
    assert found.metrics["parameters"] < found.metrics["baseline_parameters"] == baseline.metrics["parameters"]
    assert found.config["after"]["run"] == baseline.name


def test_the_pruned_network_is_trained_with_the_same_settings(baseline):
    found = run(baseline)
    again = nascore.run(
        "gal-training-mnist", profile="smoke", device="cpu", root=baseline.path.parent, genotype=found.genotype
    )
    assert again.metrics["parameters"] == found.metrics["parameters"]
    assert {k: v for k, v in again.settings.items() if k != "genotype"} == {
        k: v for k, v in baseline.settings.items() if k != "genotype"
    }
    with pytest.raises(ConfigError, match="give cells=5"):
        nascore.run("gal-training-mnist", profile="smoke", root=baseline.path.parent, genotype=found.genotype, cells=4)


def test_a_pruned_network_can_be_pruned_again(baseline):
    found = run(baseline)
    again = nascore.run(
        "gal-training-mnist", profile="smoke", device="cpu", root=baseline.path.parent, genotype=found.genotype
    )
    task = start(again, sparsity=1e-6)
    assert sum(map(len, every_node(task.network.stack))) >= sum(map(len, task.network.kept()))
    task.run_epoch()
    assert task.result().metrics["parameters"] <= again.metrics["parameters"]


def test_other_rules_give_other_sizes(baseline):
    metrics = {}
    for rule, empty in (("node", "bypass"), ("concat", "bypass"), ("concat", "keep")):
        task = start(baseline, rule=rule, empty=empty)
        for at, mask in task.network.masks().items():
            mask.data[(0, 1) if at else (0, 1, 2, 3),] = 0.0
        found = task.result()
        assert found.metrics["empty_cells"] == 1 and found.metrics["nodes"] == 20
        assert found.genotype == pruned(task.network.stack, task.network.kept(), rule, empty)
        metrics[rule, empty] = found.metrics["parameters"]
    sizes = list(metrics.values())
    assert sizes == sorted(set(sizes)) and sizes[-1] < found.metrics["baseline_parameters"]


def test_what_cannot_be_pruned_is_told(baseline, tmp_path):
    here = {"profile": "smoke", "device": "cpu", "root": tmp_path}
    with pytest.raises(ConfigError, match="give after=run"):
        nascore.run(PRUNING, **here)
    lenet = nascore.run("gal-training-mnist", network="lenet", epochs=1, **here)
    with pytest.raises(ConfigError, match="no training of a network of cells"):
        nascore.run(PRUNING, after=lenet, **here)
    with pytest.raises(ConfigError, match="weights of another network"):
        nascore.run("gal-training-mnist", after=lenet, **here)
    with pytest.raises(ConfigError, match="starts from fresh weights"):
        nascore.run("darts", after=baseline, **here)
    (baseline.path / "weights.pt").rename(tmp_path / "aside")
    try:
        with pytest.raises(RunError, match="holds no weights"):
            run(baseline, epochs=1)
    finally:
        (tmp_path / "aside").rename(baseline.path / "weights.pt")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sparsity": -1.0},
        {"imitation": 0.0},
        {"noise": 1.0},
        {"mask_interval": 0},
        {"mask_rate": 0.0},
        {"hidden": (0,)},
        {"discriminator_rate": 0.0},
        {"restraint": -1.0},
        {"mask_momentum": "nag"},
    ],
)
def test_settings_out_of_range_are_told(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        find(PRUNING).at("smoke", **wrong)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_runs_from_end_to_end(name, tmp_path):
    """Search where the paper searched, train, prune, and train what is left: at `smoke`, with the published layouts."""
    here = {"profile": "smoke", "device": "cpu", "root": tmp_path, "progress": False}
    genotype = PUBLISHED["DARTS_V2"]
    if not EXPERIMENTS[name].published_cells:
        genotype = nascore.run(f"gal-search-{name}", **here).genotype
    first = nascore.run(f"gal-training-{name}", genotype=genotype, **here)
    pruning = nascore.run(f"gal-pruning-{name}", after=first, **here)
    assert pruning.metrics["kept"] < pruning.metrics["nodes"]
    last = nascore.run(f"gal-training-{name}", genotype=pruning.genotype, **here)
    assert last.metrics["parameters"] == pruning.metrics["parameters"]


def test_a_trained_network_can_be_trained_further(baseline):
    here = {"profile": "smoke", "device": "cpu", "root": baseline.path.parent}
    further = nascore.run("gal-training-mnist", after=baseline, learning_rate=1e-9, weight_decay=0.0, **here)
    ours, theirs = further.weights(), baseline.weights()
    learned = [name for name in ours if "running" not in name and "num_batches" not in name]
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in learned)


def test_the_best_answer_of_a_blind_discriminator_is_what_is_logged(baseline):
    """Of two networks that give the same outputs it can only say 2/3, at a loss of 1.91."""
    task = start(baseline, discriminator_rate=4.0)
    same = torch.rand(16, 10).double().softmax(dim=1)
    for _ in range(300):
        seen = task._step_discriminator(same, same)
    assert float(seen["trusts_generator_percent"].detach()) == pytest.approx(200 / 3, abs=1)
    assert float(seen["discriminator_loss"].detach()) == pytest.approx(-2 * math.log(2 / 3) - math.log(1 / 3), abs=1e-2)


# -- settings that text and code disagree on ---------------------------------------------------------------------------


def test_more_steps_of_the_discriminator_are_that_many_of_its_optimizer(baseline):
    """Three at once are one after the other, on the same outputs; the generator's step waits for them."""
    once, thrice = start(baseline), start(baseline, discriminator_steps=3)
    probabilities = torch.rand(2, 8, 10, generator=torch.Generator().manual_seed(0)).softmax(dim=2)
    for _ in range(3):
        last = once._step_discriminator(*probabilities)
    told = thrice._step_discriminator(*probabilities)
    assert not any(changed(bits(once.discriminator.parameters()), thrice.discriminator.parameters()))
    assert torch.equal(told["discriminator_loss"], last["discriminator_loss"])


@pytest.mark.parametrize("clip", ["all", "weights"])
def test_the_clip_bounds_the_gradients_of_weights_with_or_without_masks(clip, baseline):
    """By hand: gradients are all shortened by one factor, 1e-3 over their norm, the masks' if they count."""
    task, free = start(baseline, clip=clip, gradient_clip=1e-3), start(baseline, gradient_clip=1e9)
    images, labels = next(iter(task.train))
    for each in (task, free):
        each.network.train()
        told = each._step_generator(each.network(images), 9 * each.baseline(images), labels)["clipped_percent"]
        assert float(told) == (100.0 if each is task else 0.0)
    masks, whole = ([each.grad for each in some.network.masks().values()] for some in (task, free))
    weights = [each.grad for each in task.network.unmasked() if each.grad is not None]
    ours = [each.grad for each in free.network.unmasked() if each.grad is not None]
    counted = [*ours, *whole] if clip == "all" else ours
    factor = 1e-3 / float(torch.cat([each.flatten() for each in counted]).norm())
    assert all(torch.allclose(a, factor * b, rtol=1e-3, atol=0) for a, b in zip(weights, ours, strict=True))
    by = factor if clip == "all" else 1.0
    assert all(torch.allclose(a, by * b, rtol=1e-3, atol=0) for a, b in zip(masks, whole, strict=True))


@pytest.mark.parametrize("channels", [4, 16])
def test_precise_statistics_are_means_over_the_training_images(channels, tmp_path):
    """Against a slow reference: each BatchNorm's inputs are looked at, batch by batch. Nothing else changes."""
    how = {"profile": "smoke", "device": "cpu", "root": tmp_path, "progress": False}
    task = start(
        nascore.run("gal-training-mnist", channels=channels, epochs=1, **how), batchnorm="precise", precision="float64"
    )
    before = {name: each.clone() for name, each in task.network.state_dict().items()}
    draws = task.generator.get_state()
    task.estimate_statistics()
    for name, each in task.network.state_dict().items():
        assert "running" in name or "num_batches" in name or torch.equal(each, before[name])
    assert torch.equal(task.generator.get_state(), draws)
    norms, seen = dict(task.network.named_modules()), {}
    plain = nascore.CellNetwork(task.network.stack, channels=channels, in_channels=1).to(torch.float64)
    known = plain.state_dict()
    plain.load_state_dict({name: each for name, each in task.network.state_dict().items() if name in known})
    for name, each in plain.named_modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            of = seen.setdefault(name, [])
            each.register_forward_pre_hook(lambda _, args, of=of: of.append(args[0].transpose(0, 1).flatten(1)))
    with torch.no_grad():
        for images, _ in task._unchanged(task.images[0]):
            plain.train()(images.double())
    for name, batches in seen.items():
        norm = norms[name]
        assert norm.momentum == 0.1 and len(batches) == 4  # 128 images by 32
        mean, variance = (torch.stack([of(each) for each in batches]).mean(dim=0) for of in (_mean, _variance))
        assert torch.allclose(mean, norm.running_mean, atol=1e-6)
        assert torch.allclose(variance, norm.running_var, rtol=1e-4)


def _mean(values):
    return values.mean(dim=1)


def _variance(values):
    return values.var(dim=1)


def test_precise_statistics_change_what_is_told_and_nothing_that_is_learned(baseline):
    """Masks that fall leave the running statistics behind: by them the generator seems worse than it is."""
    running, precise = (run(baseline, batchnorm=which) for which in ("running", "precise"))
    assert findings.masks(running).equals(findings.masks(precise)) and running.genotype == precise.genotype
    for name in ("imitation_loss", "same_percent", "discriminator_loss"):
        assert running.history[name].equals(precise.history[name])
    assert not running.history["test_loss"].equals(precise.history["test_loss"])


def test_running_statistics_lag_behind_masks_that_shrink(baseline):
    """A network whose masks were all halved gives in training what it gave; by its running statistics it doesn't."""
    task = start(baseline, batchnorm="precise")
    images = next(iter(task._unchanged(task.images[1])))[0]
    task.estimate_statistics()
    whole = task.network.eval()(images).detach()
    for at, mask in list(task.network.masks().items())[:-1]:  # no BatchNorm reads the last cell
        if at not in task.network.reductions:  # whose skip connections make masks multiply each other
            mask.data.mul_(0.2)
    lagging = (task.network.eval()(images) - whole).detach().square().mean()
    task.estimate_statistics()
    estimated = (task.network.eval()(images) - whole).detach().square().mean()
    assert estimated < 0.05 * lagging


# -- as printed, and as counted ----------------------------------------------------------------------------------------

SIZES = {"mnist": (0.13, 0.09), "fashion": (0.13, 0.10), "cifar10": (0.369, 0.298)}  # Tables 2 and 4, millions


def sizes(name, suffix):
    """Millions of parameters of the recipes' networks before pruning, and after it to the nodes that are printed."""
    training, pruning = (find(f"gal-{step}-{name}{suffix}").at("paper") for step in ("training", "pruning"))
    one = EXPERIMENTS[name]
    stack = nascore.networks.stacked(training.genotype, training.cells, training.reductions)
    after = pruned(stack, one.kept, pruning.rule, pruning.empty)
    shape = {"channels": training.channels, "classes": one.classes, "in_channels": one.image[0]}
    return [
        sum(each.numel() for each in nascore.CellNetwork(some, **shape).parameters()) / 1e6 for some in (stack, after)
    ]


@pytest.mark.parametrize("name", SIZES)
def test_as_counted_gives_the_printed_sizes_and_as_printed_does_not(name):
    digits = 3 if name == "cifar10" else 2
    assert tuple(round(each, digits) for each in sizes(name, "-as-counted")) == SIZES[name]
    assert tuple(round(each, digits) for each in sizes(name, "")) != SIZES[name]


@pytest.mark.parametrize(("name", "less"), [("cifar100", 0.21), ("voices", 0.42)])
def test_as_counted_has_the_channels_that_explain_what_is_lost_where_the_cells_are_not_known(name, less):
    one, training = EXPERIMENTS[name], find(f"gal-training-{name}-as-counted").at("paper")
    stack, shape = one.stack(), {"classes": one.classes, "in_channels": 3, "stem": one.stem}
    found = [
        sum(each.numel() for each in nascore.CellNetwork(some, channels=training.channels, **shape).parameters()) / 1e6
        for some in (stack, pruned(stack, one.kept, "concat", "keep"))
    ]
    assert round(found[0] - found[1], 2) == less


def test_as_printed_is_what_equations_and_text_say():
    for name, one in EXPERIMENTS.items():
        training, pruning = (find(f"gal-{step}-{name}").at("paper") for step in ("training", "pruning"))
        assert (training.channels, training.reductions, training.cells) == (16, one.reductions, one.cells)
        assert (pruning.imitation, pruning.adversarial, pruning.rule, pruning.empty) == (1.0, 1.0, "node", "bypass")
    with pytest.raises(ConfigError, match="unknown recipe"):
        find("gal-training-cats-as-counted")  # no number of channels explains its sizes


def test_the_coded_weight_is_a_tenth_of_the_mean_of_squares():
    one, other = torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(0))
    coded = 0.1 * torch.nn.functional.mse_loss(one, other)
    assert float(coded_imitation(10) * gal.imitation_loss(one, other)) == pytest.approx(float(coded))


def test_every_setting_of_paper_has_a_source():
    for recipe in (each for name, each in RECIPES.items() if name.startswith(("gal-training", "gal-pruning"))):
        table = sourced(recipe).set_index("setting")
        assert list(table.index) == [name for name, _ in settings_items(recipe.settings)]
        assert table["source"].str.len().gt(5).all()
        counted = table["source"].str.startswith("found by counting").any()
        assert counted == recipe.name.endswith("-as-counted")
    with pytest.raises(ConfigError, match="unknown kind of recipe of DARTS-GAL"):
        sourced(find("darts"))
