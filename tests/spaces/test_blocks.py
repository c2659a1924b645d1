"""DSO-NAS's blocks: connections, what isolates what, genotypes, the supernet by hand, budgets, and the search."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nascore
from nascore.base.config import from_dict, override, to_dict
from nascore.base.errors import ConfigError, GenotypeError
from nascore.networks import Block, BlockGenotype, BlockNetwork, connected, connections, fitted_channels
from nascore.optimization import (
    AdaptiveFlops,
    AdaptiveMac,
    Budget,
    Latency,
    Place,
    Proximal,
    block_shares,
    connection_mac,
    cost_of_blocks,
    measured_latency,
)
from nascore.pruning import Isolated, Seen
from nascore.recipes import dso_nas, find
from nascore.relaxations import EdgeWeights, Scales
from nascore.spaces import BlockSpace

SMALL = BlockSpace(levels=2, candidates=("sep_conv_3x3", "max_pool_3x3"), stages=(1, 1), channels=4)


# -- connections ------------------------------------------------------------------------------------------------------


def test_a_block_as_published_has_128_scales():
    """4 (1 + 5 + 9 + 13) on operations, 16 on the output."""
    space = BlockSpace()
    assert space.shapes() == {"block": (128, 1)} and len(set(space.edges())) == 128
    assert list(BlockSpace(shared=False).shapes().values()) == [(128, 1)] * 24
    targets = [target for _, target in space.edges()]
    assert [targets.count(node) for node in range(1, 18)] == [1] * 4 + [5] * 4 + [9] * 4 + [13] * 4 + [16]


@pytest.mark.parametrize(("levels", "width"), [(1, 1), (2, 2), (3, 4)])
def test_an_operation_reads_the_input_and_all_lower_levels(levels, width):
    for source, target in connections(levels, width):
        if target <= levels * width:
            assert source == 0 or (source - 1) // width < (target - 1) // width
        else:
            assert target == levels * width + 1 and source > 0


def isolated_by_hand(kept, output):
    """The definition, over and over: drop what comes from nowhere and what goes nowhere."""
    kept = set(kept)
    while True:
        sources, targets = {0} | {t for _, t in kept}, {output} | {s for s, _ in kept}
        left = {(s, t) for s, t in kept if s in sources and t in targets}
        if left == kept:
            return kept
        kept = left


@given(st.data())
def test_what_is_isolated_goes_in_both_directions_until_nothing_more_does(data):
    levels, width = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    every = connections(levels, width)
    kept = data.draw(st.sets(st.sampled_from(every)))
    found = connected(kept, levels * width + 1)
    assert set(found) == isolated_by_hand(kept, levels * width + 1)
    assert list(found) == [edge for edge in every if edge in found]


def test_genotypes_are_checked_and_survive_json():
    genotype = BlockGenotype(SMALL.candidates, 2, (((0, 1), (1, 3), (3, 5)), ()))
    assert nascore.networks.read(genotype.to_dict()) == genotype == BlockGenotype.from_json(genotype.to_json())
    block = genotype.cells()["block1"]
    assert block.operations() == {1: "sep_conv_3x3", 3: "sep_conv_3x3"} and block.output == 5
    assert block.edges() == [("scale", 0, 1), ("scale", 1, 3), ("scale", 3, 5)]
    for wrong in (((1, 2),), ((0, 1),), ((0, 3), (3, 5), (0, 3)), ((3, 5), (0, 3))):
        with pytest.raises(GenotypeError, match="connection"):
            Block(SMALL.candidates, 2, wrong)
    with pytest.raises(GenotypeError, match="are written"):
        BlockGenotype.from_dict({"candidates": ["sep_conv_3x3"], "levels": 1, "blocks": [3]})
    for candidates, levels in ((("conv",), 1), (("sep_conv_3x3",), 0)):
        with pytest.raises(GenotypeError):
            BlockGenotype(candidates, levels, ((),))


def test_random_structures_have_as_many_connections_as_asked_for(generator):
    space = BlockSpace(shared=False, stages=(1, 2), channels=4)
    full = space.random(generator, [128, 0, 128])
    assert [len(kept) for kept in full.blocks] == [128, 0, 128]
    assert all(abs(len(kept) - 64) <= 8 for kept in space.random(generator).blocks)
    few = [space.random(generator, [10, 20, 30]) for _ in range(20)]
    assert len(set(few)) == 20
    sizes = torch.tensor([[len(kept) for kept in each.blocks] for each in few]).float().mean(dim=0)
    assert (sizes - torch.tensor([10, 20, 30])).abs().max() < 3
    for wrong in ([1, 2], [129, 0, 0], [-1, 0, 0]):
        with pytest.raises(ConfigError, match="kept must be"):
            space.random(generator, wrong)


# -- the supernet -----------------------------------------------------------------------------------------------------


def weights_of(space, scales=None, alive=None):
    scales = torch.ones(space.shapes()["block"]) if scales is None else scales
    alive = torch.ones_like(scales, dtype=torch.bool) if alive is None else alive
    return {kind: EdgeWeights(Scales().strengths(scales, alive), alive) for kind in space.cell_types()}


def test_a_block_by_hand():
    """Equations 3 and 4, written out for two levels of two operations."""
    torch.manual_seed(0)
    block = SMALL.supernet(3, 10).blocks[0]
    scales = torch.rand(len(SMALL.edges()), 1)
    x = torch.randn(2, 4, 6, 6)
    s = {edge: float(scale) for edge, scale in zip(SMALL.edges(), scales[:, 0], strict=True)}
    first, second, third, fourth = block.operations
    h1, h2 = first(s[0, 1] * x), second(s[0, 2] * x)
    h3 = third(s[0, 3] * x + s[1, 3] * h1 + s[2, 3] * h2)
    h4 = fourth(s[0, 4] * x + s[1, 4] * h1 + s[2, 4] * h2)
    side = torch.cat([s[1, 5] * h1, s[2, 5] * h2, s[3, 5] * h3, s[4, 5] * h4], dim=1)
    expected = torch.relu(block.norm(block.reduce(side))) + x
    assert torch.allclose(block(x, weights_of(SMALL, scales)["block"]), expected, atol=1e-5)


def test_a_block_that_loses_everything_is_the_identity():
    block = SMALL.supernet(3, 10).blocks[0]
    x = torch.randn(2, 4, 6, 6)
    nothing = torch.zeros(len(SMALL.edges()), 1, dtype=torch.bool)
    assert torch.equal(block(x, weights_of(SMALL, alive=nothing)["block"]), x)


@settings(max_examples=30)
@given(st.data())
def test_a_pruned_supernet_computes_what_the_masked_one_does(data):
    """Zero scales as numbers, and left out: the same function, as long as what is isolated is left out of both."""
    torch.manual_seed(0)
    supernet = SMALL.supernet(3, 10).eval()
    for module in supernet.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.bias.data.normal_()
    alive = torch.tensor([[data.draw(st.booleans())] for _ in SMALL.edges()])
    left = SMALL.connected(alive)
    scales = torch.rand(left.shape) + 0.5
    images = torch.randn(2, 3, 8, 8)
    pruned = supernet(images, weights_of(SMALL, scales, left))
    led_to = {target for (_, target), lives in zip(SMALL.edges(), left[:, 0].tolist(), strict=True) if lives}
    for block in supernet.blocks:  # by numbers alone: what nothing leads to gives 0
        for node in set(range(1, SMALL.output)) - led_to:
            block.operations[node - 1].register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    every = torch.ones_like(left)
    masked = {kind: EdgeWeights((scales * left), every) for kind in SMALL.cell_types()}
    whole = supernet(images, masked)
    if left.any():
        assert torch.allclose(pruned, whole, atol=1e-5)


def test_batchnorm_has_no_scale_of_its_own():
    supernet = SMALL.supernet(3, 10)
    norms = [module for module in supernet.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms and all(module.weight is None and module.bias is not None for module in norms)
    assert {id(module.bias) for module in norms} <= {id(parameter) for parameter in supernet.parameters()}


def weights(supernet):
    """How many there are, scales of connections and reductions aside."""
    return sum(each.numel() for each in supernet.parameters()) - sum(each.numel() for each in supernet.scales())


def test_a_block_with_a_fixed_first_level_and_a_shortcut_by_hand():
    torch.manual_seed(0)
    space = override(SMALL, first_level="fixed", shortcuts=True)
    block = space.supernet(3, 10).blocks[0]
    assert space.edges() == [edge for edge in SMALL.edges() if edge not in {(0, 1), (0, 2)}]
    scales, x = torch.rand(len(space.edges()), 1), torch.randn(2, 4, 6, 6)
    s = {edge: float(scale) for edge, scale in zip(space.edges(), scales[:, 0], strict=True)}
    first, second, third, fourth = block.operations
    h1, h2 = first(x), second(x)
    h3 = third(s[0, 3] * x + s[1, 3] * h1 + s[2, 3] * h2)
    h4 = fourth(s[0, 4] * x + s[1, 4] * h1 + s[2, 4] * h2)
    side = torch.cat([s[1, 5] * h1, s[2, 5] * h2, s[3, 5] * h3, s[4, 5] * h4], dim=1)
    convolution, norm, _ = block.around
    expected = torch.relu(block.norm(block.reduce(side))) + torch.relu(norm(convolution(x)))
    assert torch.allclose(block(x, weights_of(space, scales)["block"]), expected, atol=1e-5)
    nothing = torch.zeros(len(space.edges()), 1, dtype=torch.bool)
    left = block(x, weights_of(space, alive=nothing)["block"])
    assert torch.allclose(left, torch.relu(norm(convolution(x))), atol=1e-5)


def test_a_fixed_first_level_has_124_scales_and_is_in_genotypes():
    space = BlockSpace(first_level="fixed")
    assert space.shapes() == {"block": (124, 1)}
    small = override(SMALL, first_level="fixed")
    found = small.genotype({"block": [("scale", 1, 5), ("scale", 2, 3)]})
    assert found.blocks == (((0, 1), (1, 5)),)  # 3 leads nowhere, so that nothing reads 2
    mask = torch.tensor([[edge in {(1, 5), (2, 3)}] for edge in small.edges()])
    assert small.connected(mask)[:, 0].tolist() == [edge == (1, 5) for edge in small.edges()]
    drawn = space.random(torch.Generator().manual_seed(0), [60])
    assert abs(len(drawn.blocks[0]) - 60) <= 8 and connected(drawn.blocks[0], space.output) == drawn.blocks[0]
    assert sum(len(each) for each in space.random(torch.Generator(), [128]).blocks) == 128


def test_reductions_with_scales_by_hand_and_the_last_norm():
    torch.manual_seed(0)
    supernet = override(SMALL, reduction_scales=True, last_norm=True).supernet(3, 10).eval()
    reduction, x = supernet.reductions[0], torch.randn(2, 4, 6, 6)
    with torch.no_grad():
        reduction.scales.copy_(torch.tensor([0.25, 2.0]))
        first, second = reduction.paths
        assert torch.allclose(reduction(x), 0.25 * first(x) + 2 * second(x))
        norm, _ = supernet.last
        norm.bias.fill_(0.5)
        y = torch.randn(2, 8, 3, 3)
        expected = supernet.classifier(torch.relu(y / (1 + norm.eps) ** 0.5 + 0.5).mean(dim=(2, 3)))
        assert torch.allclose(supernet.classify(y), expected, atol=1e-6)


def test_the_authors_supernet_is_an_option():
    """Their CIFAR network has 10,031,002 weights, the printed one 9,935,242: three shortcuts, a BN before the
    classifier, and a scale for each of BatchNorm's channels make the difference. Scales are no weights.
    """
    printed = BlockSpace().supernet(3, 10)
    assert weights(printed) == 9_935_242
    space = BlockSpace(shortcuts=True, last_norm=True, reduction_scales=True)
    theirs = space.supernet(3, 10)
    shortcuts, last = sum(c * c + c for c in (48, 96, 192)), 192
    assert weights(theirs) == 9_935_242 + shortcuts + last
    scaled = override(space, norm_scales=True).supernet(3, 10)
    assert weights(scaled) == 10_031_002
    assert [scale.tolist() for scale in scaled.scales()] == [[1, 1], [1, 1]] and not printed.scales()


# -- budgets ----------------------------------------------------------------------------------------------------------


def test_memory_access_has_the_constants_of_the_authors_code():
    """0.986, 1, 0.447 and 0.448 in the second stage of their CIFAR network: 96 channels, 16 x 16 pixels."""
    space, here = BlockSpace(), Place(1, 96, 256)
    costs = [connection_mac(space, target, here) for target in (1, 2, 3, 4, space.output)]
    assert [round(cost / max(costs), 3) for cost in costs] == [0.986, 1.0, 0.447, 0.447, 0.448]


def test_costs_of_found_blocks_by_hand():
    """Two blocks of two levels of a convolution and a pool: 4 channels of 32 x 32 pixels, then 8 of 16 x 16."""
    space = BlockSpace(levels=2, candidates=("sep_conv_3x3", "max_pool_3x3"), stages=(1, 1), channels=4, shared=False)
    found = BlockGenotype(space.candidates, 2, (((0, 1), (1, 5)), ((0, 2), (2, 5))))
    first, second = 1024 * (9 * 4 + 4 * 4 + 4 * 4), 256 * 8 * 8  # the second has its output alone to compute
    whole = first + second
    assert block_shares(space, found, 32) == pytest.approx([100 * first / whole, 100 * second / whole])
    maps = [2 * 1024 * 4, 2 * 256 * 8]
    memory = (2 * maps[0] + 9 * 4 + 4 * 4) + (maps[0] + 4) + maps[1] + (maps[1] + 8)
    assert cost_of_blocks(space, found, AdaptiveMac(), 32) == memory
    assert cost_of_blocks(space, found, AdaptiveMac(), 16) < memory
    empty = BlockGenotype(space.candidates, 2, ((), ()))
    assert block_shares(space, empty, 32) == [0, 0] and cost_of_blocks(space, empty, AdaptiveMac(), 32) == 0
    for other in (override(space, shared=True), override(space, levels=3), override(space, stages=(1, 2))):
        with pytest.raises(ConfigError, match="block by block"):
            block_shares(other, found, 32)


def test_budgets_by_hand():
    space = BlockSpace(levels=2, candidates=("sep_conv_3x3", "max_pool_3x3"), stages=(1, 1), channels=4, shared=False)
    left = torch.tensor([[edge in {(0, 1), (1, 5)}] for edge in space.edges()])
    alive = {"block1": left, "block2": torch.ones_like(left)}
    assert all((factor == 1).all() for factor in Budget().factors(space, alive, None).values())
    flops = AdaptiveFlops().factors(space, alive, 32)
    convolution, output = 9 * 4 + 16, 16  # per pixel
    assert flops["block1"][0, 0] == pytest.approx((convolution + output) / (2 * convolution + 4 * output))
    assert (flops["block2"] == 1).all()
    counted = AdaptiveFlops(count="authors").factors(space, alive, 32)
    assert counted["block1"][0, 0] == pytest.approx((1 + 0 + 1 + 1) / (2 + 4 + 1)) and (counted["block2"] == 1).all()
    mac = AdaptiveMac().factors(space, alive, 32)
    assert max(float(factor.max()) for factor in mac.values()) == 1
    assert mac["block1"][space.edges().index((0, 2))] < mac["block1"][space.edges().index((0, 1))]


def test_measured_latency_is_a_value_that_penalises_what_is_slow():
    space = BlockSpace(levels=1, candidates=("sep_conv_5x5", "max_pool_3x3"), stages=(1, 1), channels=8, shared=False)
    alive = {kind: torch.ones(len(space.edges()), 1, dtype=torch.bool) for kind in space.cell_types()}
    given = Latency(seconds=((4.0, 1.0, 2.0), (2.0, 0.5, 1.0)), image_size=16)
    factors = given.factors(space, alive, 16)
    assert space.edges() == [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert factors["block1"][:, 0].tolist() == [1, 0.25, 0.5, 0.5] and factors["block2"][0, 0] == 0.5
    measured = measured_latency(space, batch_size=4, image_size=16, repeats=3)
    assert all(seconds > 0 for times in measured.seconds for seconds in times)
    assert from_dict(to_dict(measured)) == measured
    with pytest.raises(ConfigError, match="measure them anew"):
        Latency(seconds=((1.0, 1.0, 1.0),), image_size=16).factors(space, alive, 16)
    with pytest.raises(ConfigError, match="16 pixels and these have 8"):
        given.factors(space, alive, 8)


# -- the search -------------------------------------------------------------------------------------------------------


def test_isolated_prunes_zeros_and_what_hangs_on_them():
    alive = {"block": torch.ones(len(SMALL.edges()), 1, dtype=torch.bool)}
    strengths = {"block": torch.ones(len(SMALL.edges()), 1)}
    for edge in ((0, 1), (3, 5)):
        strengths["block"][SMALL.edges().index(edge)] = 0.0
    left = Isolated().keep(Seen(SMALL, strengths, alive, epoch=1))["block"]
    kept = [edge for edge, lives in zip(SMALL.edges(), left[:, 0].tolist(), strict=True) if lives]
    assert kept == [(0, 2), (0, 4), (2, 4), (2, 5), (4, 5)]
    assert Isolated(warm_up=1).keep(Seen(SMALL, strengths, alive, epoch=1))["block"].all()


def start(recipe="dso-share", **overrides):
    torch.manual_seed(0)
    return find(recipe).at("smoke", **overrides).start(torch.device("cpu"), seed=0)


def test_scales_start_at_one_and_have_no_decay():
    search = start()
    assert all((alpha == 1).all() for alpha in search.problem.alphas)
    assert all(group["penalty"].float().eq(1e-3).all() for group in search.stepper.arch_optimizer.param_groups)
    with pytest.raises(ConfigError, match="weight_decay"):
        Proximal(weight_decay=1e-3)


@pytest.mark.parametrize(("ratio", "expected"), [((1, 1), 12), ((4, 1), 3), ((3, 2), 8)])
def test_the_ratio_says_how_often_scales_step(ratio, expected):
    search = start(optimization__ratio=ratio, optimization__warm_up=0)
    batch, steps = next(iter(search.train)), 0
    for _ in range(12):
        before = [alpha.detach().clone() for alpha in search.problem.alphas]
        seen = search.stepper.step(batch, batch)
        moved = any(not torch.equal(old, new) for old, new in zip(before, search.problem.alphas, strict=True))
        assert moved == (seen.valid is not None)
        steps += moved
    assert steps == expected


@pytest.mark.parametrize("wrong", [{"ratio": (1, 2)}, {"ratio": (1, 0)}, {"penalty": -1.0}, {"momentum": 1.0}])
def test_settings_of_the_scales_out_of_range_are_told(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Proximal(**wrong)


def test_a_budgets_factors_follow_what_is_alive():
    search = start("dso-full", optimization__penalty=0.5)
    first = search.stepper.arch_optimizer.param_groups[0]
    assert (first["penalty"] == 0.5).all()
    search._keep({kind: torch.zeros_like(mask) for kind, mask in search.architecture.alive.items()})
    assert (first["penalty"] == 0).all()


@pytest.mark.parametrize(("penalty", "left"), [(1e4, "none"), (0.0, "all")])
def test_penalties_that_prune_all_or_nothing(penalty, left):
    """The search goes on either way, and its result says what happened."""
    search = start(optimization__penalty=penalty, optimization__warm_up=0, epochs=2)
    rows = [search.run_epoch() for _ in range(2)]
    result = search.result()
    every = len(search.settings.space.edges())
    assert rows[-1]["alive"] == (0 if left == "none" else every)
    assert [len(kept) for kept in result.genotype.blocks] == [0 if left == "none" else every]
    assert result.remarks[0].startswith("not converged")
    assert result.remarks[1].startswith("everything was pruned" if left == "none" else "nothing was pruned")
    network = BlockNetwork(result.genotype, stages=(1, 1), channels=4, in_channels=1)
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_scales_of_reductions_learn_with_the_others_and_not_as_weights():
    search = start(space__reduction_scales=True, optimization__warm_up=0, optimization__penalty=0.5)
    (scale,) = search.problem.supernet.scales()
    assert scale is search.problem.alphas[-1] and not any(scale is each for each in search.problem.weights)
    own = [group for group in search.stepper.arch_optimizer.param_groups if group["params"][0] is scale]
    assert own[0]["penalty"].eq(0.5).all()
    before = scale.detach().clone()
    search.stepper.step_weights(next(iter(search.train)))
    assert torch.equal(scale, before)
    search.run_epoch()
    assert (scale < before).all()


def test_pruning_at_the_end_lets_scales_come_back():
    """Until then what is 0 is computed and counted; then it goes, in the record, too."""
    search = start(epochs=3, optimization__warm_up=0, pruning__every="end")
    rows, edges = [], len(search.settings.space.edges())
    for epoch in range(3):
        if epoch == 1:  # all but one way
            kept = [edge in {(0, 1), (1, search.settings.space.output)} for edge in search.settings.space.edges()]
            search.architecture.alpha["block"].data.mul_(torch.tensor(kept)[:, None])
        rows.append(search.run_epoch())
    assert [row["alive"] for row in rows[:2]] == [edges, edges] and rows[-1]["alive"] == rows[-1]["left"]
    assert 2 <= rows[1]["left"] < edges  # some are back
    assert rows[-1]["alive"] + rows[-1]["dropped"] == edges
    (kept,) = search.result().genotype.blocks
    assert len(kept) == rows[-1]["alive"] == int(search.snapshots[-1]["block"]["weight"].isfinite().sum())


def test_factors_follow_the_scales_at_each_iteration():
    """Equation 9: the multiply-adds of what has a scale other than 0 now, though nothing is pruned yet."""
    search = start("dso-full", optimization__penalty=0.5, optimization__warm_up=0)
    stepper, kinds = search.stepper, list(search.architecture.alpha)
    stepper.prepare(True)
    groups = stepper.arch_optimizer.param_groups
    assert all((group["penalty"] == 0.5).all() for group in groups)
    search.architecture.alpha[kinds[0]].data[::2] = 0.0
    stepper.prepare(True)
    left = {kind: alpha.detach() != 0 for kind, alpha in search.architecture.alpha.items()}
    expected = AdaptiveFlops().factors(search.settings.space, left, 8)
    assert 0 < float(expected[kinds[0]][0]) < 1
    for kind, group in zip(kinds, groups, strict=True):
        torch.testing.assert_close(group["penalty"], 0.5 * expected[kind].to(group["penalty"].dtype))
    assert search.architecture.living == sum(map(len, left.values()))
    search.architecture.alpha[kinds[0]].data.fill_(1.0)  # back again
    stepper.prepare(True)
    assert (groups[0]["penalty"] == 0.5).all()


def test_costs_are_those_of_the_images_that_are_searched_on():
    for size, changes in ((8, {}), (16, {"image_size": 16})):
        search = start("dso-full-mac", optimization__penalty=1.0, train_images=40, **changes)
        space, here = search.settings.space, search.stepper.arch_optimizer.param_groups
        alive = search.architecture.alive
        expected = AdaptiveMac().factors(space, alive, size)
        for group, factor in zip(here, expected.values(), strict=True):
            torch.testing.assert_close(group["penalty"], factor.to(group["penalty"].dtype))
        other = AdaptiveMac().factors(space, alive, 32)
        assert any(not torch.equal(expected[kind], other[kind]) for kind in expected)
    with pytest.raises(ConfigError, match="image_size"):
        AdaptiveMac().factors(space, alive, None)


@pytest.mark.parametrize("profile", ["smoke", "demo", "gpu", "paper"])
@pytest.mark.parametrize("space", ["share", "full"])
def test_all_searches_of_the_ablation_may_take_as_many_steps_of_the_scales(space, profile):
    """Counted of what a search does: batches of its scales' images, every so many steps of the weights."""

    def steps(name):
        at = find(name).at(profile)
        images = at.train_images or 50_000
        weights, scales = at.optimization.ratio
        batches = images * at.optimization.train_fraction / at.batch_size
        every = 1 if at.optimization.train_fraction == 1 else scales / weights
        return (at.epochs - at.optimization.warm_up) * batches * every

    usual = steps(f"dso-{space}")
    for change in ("unpretrained", "4-to-1", "unsplit"):
        assert steps(f"dso-{space}-{change}") == pytest.approx(usual, rel=0.01)


@pytest.mark.parametrize("name", ["dso-share", "dso-share-4-to-1", "dso-full-4-to-1", "dso-imagenet"])
def test_the_ratio_is_of_images_as_well(name):
    for profile in ("smoke", "demo", "gpu", "paper"):
        optimization = find(name).at(profile).optimization
        weights, scales = optimization.ratio
        assert optimization.train_fraction == pytest.approx(weights / (weights + scales))


def test_weights_start_as_section_41_prescribes():
    """Normal, of variance 2 / (kernel area * outputs), and of 0.01 in the classifier (Huang and Wang's, both codes)."""
    search = start(space__channels=32, space__stages=(1, 1))
    assert search.settings.initialisation == "kaiming"
    for module in search.problem.supernet.modules():
        if isinstance(module, torch.nn.Conv2d) and module.weight.numel() > 400:
            _, _, height, width = module.weight.shape
            expected = (2 / (height * width * module.out_channels)) ** 0.5
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.15)
    classifier = search.problem.supernet.classifier
    assert float(classifier.weight.detach().std()) == pytest.approx(0.01, rel=0.15) and (classifier.bias == 0).all()


def test_how_searches_ended_is_measured_from_their_records(tmp_path):
    here = {"profile": "smoke", "root": tmp_path, "progress": False, "optimization__penalty": 10.0}
    here |= {"optimization__learning_rate": 1.0, "optimization__warm_up": 1, "train_images": 64, "epochs": 9}
    gone = nascore.run("dso-share", stop__patience=2, **here)
    stays = nascore.run("dso-full", **(here | {"optimization__penalty": 0.0, "epochs": 3}))
    table = nascore.measures.endings({"gone": [gone], "stays": [stays]}).set_index("method")
    assert table.converged.tolist() == [1, 0] and table.left["gone"] == 0
    assert table.left["stays"] == sum(map(len, stays.genotype.blocks))
    assert table.scale_steps.tolist() == [each.history.scale_steps.iloc[-1] for each in (gone, stays)]
    rows = nascore.measures.falling({"gone": [gone], "stays": [stays]})
    assert rows[rows.method == "stays"].left.tolist() == [100.0] * 3 and rows.left.min() == 0
    assert rows[rows.epoch == 1].scale_steps.tolist() == [0, 0]


def test_a_search_without_split_reports_no_validation():
    assert not any("valid" in name for name in start("dso-share-unsplit", optimization__warm_up=0).run_epoch())


# -- derived networks -------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.data())
def test_the_network_of_a_genotype_computes_what_the_supernet_does(data):
    """With scales of 1, which derived networks have not, and the same weights."""
    torch.manual_seed(0)
    supernet = SMALL.supernet(3, 10).eval()
    for norm in supernet.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.bias.data.normal_()
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    left = SMALL.connected(torch.tensor([[data.draw(st.booleans())] for _ in SMALL.edges()]))
    arrows = [("scale", *edge) for edge, lives in zip(SMALL.edges(), left[:, 0].tolist(), strict=True) if lives]
    genotype = SMALL.genotype({"block": arrows})
    network = BlockNetwork(genotype, stages=(1, 1), channels=4).eval()
    for name in ("stem", "reductions", "classifier"):
        getattr(network, name).load_state_dict(getattr(supernet, name).state_dict(), strict=False)
    for block, source in zip(network.blocks, supernet.blocks, strict=True):
        for node, operation in zip(block.block.operations(), block.operations, strict=True):
            operation.load_state_dict(source.operations[node - 1].state_dict(), strict=False)
        if block.reduce:
            columns = torch.cat([source._columns(node) for node in block.reads[SMALL.output]], dim=1)
            block.reduce[0].weight.data.copy_(columns)
            block.reduce[1].load_state_dict(source.norm.state_dict(), strict=False)
    images = torch.randn(2, 3, 8, 8)
    assert torch.allclose(network(images), supernet(images, weights_of(SMALL, alive=left)), atol=1e-5)


@given(st.data())
@settings(max_examples=20)
def test_a_network_of_blocks_has_the_counted_size(data):
    space = BlockSpace(levels=2, stages=(1, 2), channels=4, shared=data.draw(st.booleans()))
    kept = [data.draw(st.integers(0, 30)) for _ in space.cell_types()]
    genotype = space.random(torch.Generator().manual_seed(data.draw(st.integers(0, 99))), kept)
    network = BlockNetwork(genotype, stages=(1, 2), channels=4)
    blocks = list(genotype.cells().values()) * (3 if space.shared else 1)
    size = 9 * 3 * 4 + 2 * 4 + (1 + 9) * 4 * 8 + 2 * 2 * 8 + 8 * 10 + 10
    for block, c in zip(blocks, (4, 8, 8), strict=True):
        for name in block.operations().values():
            size += 2 * c + (int(name[-1]) ** 2 * c + c * c if "conv" in name else 0)
        outputs = sum(target == block.output for _, target in block.kept)
        size += outputs * c * c + 2 * c if outputs else 0
    assert sum(p.numel() for p in network.parameters()) == size


def test_dropping_is_named_as_dropping(generator):
    genotype = BlockGenotype(("sep_conv_3x3",), 1, (((0, 1), (1, 2)),))
    network = BlockNetwork(genotype, stages=(1, 1), channels=4, dropout=0.75, auxiliary=True).train()
    assert network.dropout.p == 0.75
    _, auxiliary = network.with_auxiliary(torch.randn(2, 3, 8, 8))
    assert auxiliary.shape == (2, 10) and network.eval().with_auxiliary(torch.randn(2, 3, 8, 8))[1] is None
    network.train()
    shares = []
    for block in network.blocks:  # the ramp over depth: half of it in the first of two
        block.operations[0].register_forward_hook(lambda module, inputs, output: torch.ones_like(output))
        block.reduce.register_forward_pre_hook(
            lambda module, inputs: shares.append(float((inputs[0] == 0).float().mean()))
        )
    network.with_auxiliary(torch.randn(2000, 3, 4, 4), drop_path=0.6, generator=generator)
    assert [float(share) for share in shares] == pytest.approx([0.3, 0.6], abs=0.03)


def test_channels_are_fitted_to_a_budget():
    genotype = BlockGenotype(("sep_conv_3x3",), 1, (((0, 1), (1, 2)),))

    def make(channels):
        return BlockNetwork(genotype, stages=(1, 1), channels=channels)

    for budget in ({"parameters": 5e4}, {"macs": 2e6}):
        (name, most) = next(iter(budget.items()))
        channels = fitted_channels(make, (3, 8, 8), **budget)
        assert getattr(nascore.count(make(channels), (3, 8, 8)), name) <= most
        assert getattr(nascore.count(make(channels + 2), (3, 8, 8)), name) > most
    with pytest.raises(ConfigError, match="too few"):
        fitted_channels(make, (3, 8, 8), parameters=10)
    with pytest.raises(ConfigError, match="unknown budget"):
        fitted_channels(make, (3, 8, 8), seconds=1.0)


def test_genotypes_and_stages_must_fit():
    genotype = BlockGenotype(("sep_conv_3x3",), 1, ((), ()))
    with pytest.raises(ConfigError, match="2 blocks, and stages"):
        BlockNetwork(genotype, stages=(1, 2))
    with pytest.raises(ConfigError, match="one stage"):
        BlockNetwork(genotype, stages=(2,), auxiliary=True)


def test_cosine_restarts_last_twice_as_long_each_time():
    """10 + 20 + ... + 320 = 630 epochs, each from 0.05 down (section 4.2)."""
    settings = find("dso-retraining").settings
    rates = [settings.learning_rate_at(epoch) for epoch in range(settings.epochs)]
    starts = [epoch for epoch, rate in enumerate(rates) if rate == 0.05]
    assert starts == [0, 10, 30, 70, 150, 310] and 310 + 320 == settings.epochs
    assert rates[155 + 75] == pytest.approx((0.05 + 0.001) / 2, abs=5e-3)
    assert min(rates) > 0.001 and rates[629] == pytest.approx(0.001, abs=1e-5)


@pytest.mark.parametrize("name", [recipe.name for recipe in dso_nas.RECIPES if "imagenet" not in recipe.name])
def test_every_recipe_runs(name, tmp_path):
    genotype = (
        {} if name != "dso-retraining" else {"genotype": BlockGenotype(("sep_conv_3x3",), 1, (((0, 1), (1, 2)),))}
    )
    run = nascore.run(name, profile="smoke", device="cpu", root=tmp_path, progress=False, **genotype)
    assert isinstance(run.genotype, BlockGenotype)
