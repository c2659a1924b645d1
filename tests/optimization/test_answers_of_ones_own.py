"""Optimizations and penalties from outside: public steps put together anew, and a price on what operations cost."""

import pytest
import torch

from nascore.base.config import override
from nascore.base.errors import ConfigError
from nascore.networks import count, operations
from nascore.optimization import (
    Bilevel,
    BilevelStepper,
    Optimization,
    Price,
    Priced,
    Step,
    Stepper,
    gradients_of,
    restored,
)
from nascore.recipes import find
from nascore.relaxations import Context, Softmax
from nascore.search import Search
from nascore.spaces import BlockSpace, CellSpace, NasBench201


class MixedLevel(Optimization):
    """MiLeNAS (He et al. 2020): alpha follows the training loss and `factor` times the validation loss."""

    factor: float = 1.0

    def start(self, problem, optimizer, clip):
        return MixedLevelStepper(self, problem, optimizer, clip)


class MixedLevelStepper(Stepper):
    def step(self, train, valid):
        loss, _ = self.see(train)
        held_out, outcome = self.see(valid)
        mixed = self.penalised(loss + self.settings.factor * held_out)
        self.update_architecture(gradients_of(mixed, self.problem.alphas))
        return self.step_weights(train)._replace(valid=outcome)


class Perturbed(Bilevel):
    """SDARTS-RS (Chen and Hsieh 2020): the weights are trained at a random perturbation of alpha."""

    radius: float = 0.1

    def start(self, problem, optimizer, clip):
        return PerturbedStepper(self, problem, optimizer, clip)


class PerturbedStepper(BilevelStepper):
    def step_weights(self, train) -> Step:
        with restored(self.problem.alphas):
            with torch.no_grad():
                for alpha in self.problem.alphas:
                    noise = torch.empty_like(alpha).uniform_(-1, 1, generator=self.problem.generator)
                    alpha.add_(self.settings.radius * noise)
            return super().step_weights(train)


def search(**changes):
    torch.manual_seed(0)
    return Search(find("darts").at("smoke", train_images=64, **changes), torch.device("cpu"), 0, None)


def test_mixed_levels_are_the_sum_of_both_gradients():
    made = search(optimization=MixedLevel(factor=0.5))
    train, valid = next(iter(made.train)), next(iter(made.valid))
    expected = [gradients_of(made.problem.loss(batch)[0], made.problem.alphas) for batch in (train, valid)]
    found = []
    made.stepper.update_architecture = found.extend
    made.stepper.step(train, valid)
    for gradient, one, other in zip(found, *expected, strict=True):
        torch.testing.assert_close(gradient, one + 0.5 * other, atol=1e-6, rtol=1e-4)


def test_a_perturbation_leaves_alpha_and_trains_elsewhere():
    plain, perturbed = search(), search(optimization=Perturbed(radius=3.0))
    batches = [next(iter(batches)) for batches in (plain.train, plain.valid)]
    for made in (plain, perturbed):
        before = [alpha.detach().clone() for alpha in made.problem.alphas]
        made.stepper.step_weights(batches[0])
        assert all(torch.equal(alpha, was) for alpha, was in zip(made.problem.alphas, before, strict=True))
    pairs = zip(plain.problem.weights, perturbed.problem.weights, strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)
    assert perturbed.run_epoch()["valid_accuracy"] >= 0


def test_costs_are_the_multiply_adds_of_every_cell():
    space = CellSpace(cells=3, channels=4, nodes=2)  # one normal cell, then two reductions
    costs = space.costs((3, 8, 8))
    at = operations.DARTS.index("sep_conv_5x5")
    one = count(operations.build("sep_conv_5x5", 4, 1, searching=True), (4, 8, 8)).macs
    assert set(costs["normal"][:, at].tolist()) == {one}
    first = count(operations.build("sep_conv_5x5", 8, 2, searching=True), (8, 8, 8)).macs
    second = count(operations.build("sep_conv_5x5", 16, 2, searching=True), (16, 4, 4)).macs
    assert costs["reduce"][0, at] == first + second
    inner = count(operations.build("sep_conv_5x5", 8, 1, searching=True), (8, 4, 4)).macs
    inner += count(operations.build("sep_conv_5x5", 16, 1, searching=True), (16, 2, 2)).macs
    assert costs["reduce"][-1, at] == inner
    assert (costs["normal"][:, operations.DARTS.index("skip_connect")] == 0).all()
    three = NasBench201(cells=1, channels=4).costs((3, 8, 8))["cell"]
    convolution = NasBench201().operations.index("nor_conv_3x3")
    assert three[0, convolution] == sum(9 * c * c * s * s for c, s in ((4, 8), (8, 4), (16, 2)))


def test_a_price_is_one_at_equal_weights_and_falls_with_cheaper_ones(generator):
    alpha, costs = torch.zeros(3, 4, requires_grad=True), torch.rand(3, 4, generator=generator) * 1e6
    alive = torch.ones(3, 4, dtype=torch.bool)

    def price():
        weights = Softmax().strengths(alpha, alive)
        return Price(factor=0.5).value({"normal": Priced(alpha, weights, alive, Context(), costs)})

    assert float(price().detach()) == pytest.approx(0.5)
    (gradient,) = torch.autograd.grad(price(), alpha)
    alpha.data.sub_(gradient)
    assert float(price().detach()) < 0.5


def test_a_search_with_a_price_finds_cheaper_operations():
    def expected(factor):
        made = search(penalty=Price(factor=factor), epochs=2, optimization__learning_rate=0.3)
        row = [made.run_epoch() for _ in range(2)][-1]
        strengths, costs = made.architecture.strengths(), made.problem.costs
        return row["penalty"], float(sum((strengths[kind] * costs[kind]).sum() for kind in costs))

    (nothing, dear), (_, cheap) = expected(0.0), expected(100.0)
    assert nothing == 0 and cheap < 0.8 * dear


def test_a_price_without_costs_is_refused():
    with pytest.raises(ConfigError, match="does not say what its operations cost"):
        BlockSpace().costs((3, 8, 8))
    with pytest.raises(ConfigError, match="budgets"):
        override(find("dso-share").at("smoke"), penalty=Price())
