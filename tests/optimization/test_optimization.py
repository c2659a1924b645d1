"""The optimizations, against the exact hypergradient that autograd gives on problems small enough for it."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from nascore.base.config import override
from nascore.base.errors import ConfigError
from nascore.optimization import Bilevel, SingleLevel, frozen_statistics, unrolled_gradient
from nascore.relaxations import Softmax
from nascore.search.problem import SearchProblem
from nascore.spaces import CellSpace
from nascore.supernets import CellSupernet

SPACE = CellSpace(cells=2, channels=2, nodes=1, reductions=(1,), operations=("none", "skip_connect", "sep_conv_3x3"))


def problem(seed=0):
    """A tiny smooth supernet in float64, two batches, and an optimiser that has made a step already.

    Smooth, because a finite difference counts the kinks of ReLUs that it steps over and autograd does not.
    """
    torch.manual_seed(seed)
    supernet = CellSupernet(SPACE, 1, 3).double()  # the plain form, which can be differentiated twice
    for module in list(supernet.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.SiLU())
    architecture = SPACE.architecture(Softmax(), torch.Generator().manual_seed(seed), 0.5)
    for alpha in architecture.parameters():
        alpha.data = alpha.data.double()
    made = SearchProblem(supernet, architecture, torch.Generator())
    batches = [(torch.randn(6, 1, 6, 6).double(), torch.arange(6) % 3) for _ in range(2)]
    optimizer = torch.optim.SGD(made.weights, 0.05, momentum=0.9, weight_decay=3e-2)
    made.loss(batches[0])[0].backward()
    optimizer.step()
    for tensor in (*made.weights, *made.alphas):
        tensor.grad = None
    return made, batches, optimizer


def exact_gradient(made, train, valid, optimizer):
    """d L_valid(w - lr * step, alpha) / d alpha by differentiating through the step."""
    group = optimizer.param_groups[0]
    names = [name for name, _ in made.supernet.named_parameters()]

    def loss(weights, batch):
        mixed = made.architecture.weights(made.generator)
        named = dict(zip(names, weights, strict=True))
        return F.cross_entropy(functional_call(made.supernet, named, (batch[0], mixed)), batch[1])

    gradients = torch.autograd.grad(loss(made.weights, train), made.weights, create_graph=True)
    steps = [
        gradient + group["weight_decay"] * weight + group["momentum"] * optimizer.state[weight]["momentum_buffer"]
        for gradient, weight in zip(gradients, made.weights, strict=True)
    ]
    stepped = [weight - group["lr"] * step for weight, step in zip(made.weights, steps, strict=True)]
    return torch.autograd.grad(loss(stepped, valid), made.alphas)


@pytest.mark.parametrize("seed", range(3))
def test_second_order_is_the_exact_hypergradient(seed):
    made, (train, valid), optimizer = problem(seed)
    stepper = Bilevel(order=2).start(made, optimizer, clip=5.0)
    before = [w.detach().clone() for w in made.weights]
    with frozen_statistics(made.supernet):
        exact = exact_gradient(made, train, valid, optimizer)
        direct = torch.autograd.grad(made.loss(valid)[0], made.alphas)
        approximate, _ = stepper._unrolled(train, valid)
    for e, a, d in zip(exact, approximate, direct, strict=True):
        # a finite difference of radius 0.01 is good to a few parts in a thousand; the first order is far from it
        assert (e - a).norm() < 5e-3 * e.norm() < 0.05 * (e - d).norm()
    assert all(torch.equal(w, b) for w, b in zip(made.weights, before, strict=True))


def test_the_finite_difference_converges_to_the_exact_hypergradient():
    made, (train, valid), optimizer = problem(1)
    group = optimizer.param_groups[0]
    velocities = [optimizer.state[w]["momentum_buffer"] for w in made.weights]
    errors = []
    with frozen_statistics(made.supernet):
        exact = torch.cat([g.flatten() for g in exact_gradient(made, train, valid, optimizer)])
        for radius in (1e-2, 1e-3):
            found = unrolled_gradient(
                lambda: made.loss(train)[0],
                lambda: made.loss(valid)[0],
                made.weights,
                made.alphas,
                learning_rate=group["lr"],
                weight_decay=group["weight_decay"],
                momentum=group["momentum"],
                velocities=velocities,
                radius=radius,
            )
            errors.append((torch.cat([g.flatten() for g in found]) - exact).norm() / exact.norm())
    assert errors[1] < errors[0] / 20 and errors[1] < 1e-5


def test_a_quadratic_problem_is_solved_to_rounding():
    """L_train = (w - a)^2 / 2 + a w, L_valid = w'^2: the second derivative is constant, so the difference is exact."""
    w, a = (
        torch.tensor([1.5], dtype=torch.float64, requires_grad=True),
        torch.tensor([0.5], dtype=torch.float64, requires_grad=True),
    )
    lr = 0.1
    (found,) = unrolled_gradient(
        lambda: ((w - a) ** 2 / 2 + a * w * w).sum(), lambda: (w**2 + a).sum(), [w], [a], learning_rate=lr
    )
    inner = 1.5 - lr * ((1.5 - 0.5) + 2 * 0.5 * 1.5)
    expected = 1 + 2 * inner * (-lr * (-1 + 2 * 1.5))
    assert abs(found.item() - expected) < 1e-12 and w.item() == 1.5


def test_first_order_is_the_plain_gradient():
    made, (_, valid), optimizer = problem()
    stepper, found = Bilevel(order=1).start(made, optimizer, 5.0), []
    stepper.update_architecture = found.extend
    seen = stepper.step_architecture(valid)
    expected = torch.autograd.grad(made.loss(valid)[0], made.alphas)
    assert all(torch.equal(f, e) for f, e in zip(found, expected, strict=True))
    assert torch.equal(seen.loss, made.loss(valid)[0].detach()) and seen.images == 6


def test_the_weights_may_begin_the_step():
    stepped = []
    for first in ("alpha", "weights"):
        made, (train, valid), optimizer = problem()
        stepper = Bilevel(first=first).start(made, optimizer, 5.0)
        if first == "weights":
            by_hand, batches, other = problem()
            hand = Bilevel().start(by_hand, other, 5.0)
            hand.step_weights(batches[0])
            hand._step_alpha(*batches)
        seen = stepper.step(train, valid)
        assert (seen.train.images, seen.valid.images) == (6, 6)
        stepped.append([*made.weights, *made.alphas])
    assert all(torch.equal(a, b) for a, b in zip(stepped[1], [*by_hand.weights, *by_hand.alphas], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(*stepped, strict=True))


def test_a_step_of_the_weights_alone_leaves_alpha_alone():
    made, (train, _), optimizer = problem()
    before = [tensor.detach().clone() for tensor in (*made.alphas, *made.weights)]
    seen = Bilevel().start(made, optimizer, 5.0).step_weights(train)
    changed = [not torch.equal(a, b) for a, b in zip(before, (*made.alphas, *made.weights), strict=True)]
    assert seen.valid is None and not any(changed[: len(made.alphas)]) and all(changed[len(made.alphas) :])


@pytest.mark.parametrize(
    "optimization", [Bilevel(order=1), Bilevel(order=2), SingleLevel()], ids=["first", "second", "single"]
)
def test_statistics_move_by_one_pass_a_step(optimization):
    made, (train, valid), optimizer = problem()
    made.supernet.train()
    twin = copy.deepcopy(made.supernet)
    weights = copy.deepcopy(made.architecture)
    optimization.start(made, optimizer, 5.0).step(train, valid)
    if isinstance(optimization, Bilevel):  # alpha moved before the weights' pass
        weights = made.architecture
    with torch.no_grad():
        twin(train[0], weights.weights(made.generator))
    for name, expected in twin.named_buffers():
        torch.testing.assert_close(made.supernet.get_buffer(name), expected, rtol=0, atol=0, msg=name)


def test_a_bilevel_step_is_adam_on_alpha_then_sgd_on_the_weights():
    made, (train, valid), optimizer = problem()
    twin, (_, _), sgd = problem()
    adam = torch.optim.Adam(twin.alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)
    Bilevel().start(made, optimizer, clip=0.1).step(train, valid)
    twin.loss(valid)[0].backward(inputs=twin.alphas)
    adam.step()
    twin.loss(train)[0].backward(inputs=twin.weights)
    nn.utils.clip_grad_norm_(twin.weights, 0.1)
    sgd.step()
    for ours, theirs in zip((*made.alphas, *made.weights), (*twin.alphas, *twin.weights), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_single_level_step_is_one_backward_pass_for_both():
    made, (train, _), optimizer = problem()
    twin, _, sgd = problem()
    adam = torch.optim.Adam(twin.alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)
    SingleLevel().start(made, optimizer, clip=5.0).step(train, None)
    twin.loss(train)[0].backward()
    nn.utils.clip_grad_norm_(twin.weights, 5.0)
    sgd.step()
    adam.step()
    for ours, theirs in zip((*made.alphas, *made.weights), (*twin.alphas, *twin.weights), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_each_element_may_be_clipped_in_both_kinds_of_step():
    made, (train, valid), optimizer = problem()
    twin, _, sgd = problem()
    adam = torch.optim.Adam(twin.alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)
    sides = ((twin.alphas, valid, adam), (twin.weights, train, sgd))
    # so that half of the elements are too large
    found = [torch.autograd.grad(twin.loss(batch)[0], parameters) for parameters, batch, _ in sides]
    bounds = [float(torch.cat([each.abs().flatten() for each in gradients]).median()) for gradients in found]
    Bilevel(clip="elementwise", gradient_clip=bounds[0]).start(made, optimizer, clip=bounds[1]).step(train, valid)
    for (parameters, batch, step), most in zip(sides, bounds, strict=True):
        twin.loss(batch)[0].backward(inputs=parameters)
        for each in parameters:
            each.grad = each.grad.clamp(-most, most)
        step.step()
    for ours, theirs in zip((*made.alphas, *made.weights), (*twin.alphas, *twin.weights), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_frozen_statistics_come_back_after_an_error():
    norm = nn.BatchNorm2d(2)
    with pytest.raises(KeyError), frozen_statistics(norm):
        norm(torch.randn(3, 2, 2, 2))
        raise KeyError
    assert norm.track_running_stats and norm.num_batches_tracked == 0 and not norm.running_mean.any()


@pytest.mark.parametrize(
    "overrides", [{"order": 3}, {"train_fraction": 1.0}, {"train_fraction": 0.0}, {"learning_rate": 0.0}]
)
def test_settings_out_of_range_are_refused(overrides):
    with pytest.raises(ConfigError):
        override(Bilevel(), **overrides)


def test_the_gradient_of_alpha_is_clipped_if_told():
    found = {}
    for clip in (None, 1e-3):
        made, batches, optimizer = problem()
        stepper = Bilevel(gradient_clip=clip).start(made, optimizer, clip=5.0)
        stepper.step(*batches)
        found[clip] = torch.cat([alpha.grad.flatten() for alpha in made.alphas])
    assert found[1e-3].norm() == pytest.approx(1e-3, rel=1e-2) and found[None].norm() > 1e-2
    torch.testing.assert_close(found[1e-3] / found[1e-3].norm(), found[None] / found[None].norm())
    with pytest.raises(ConfigError, match="gradient_clip"):
        Bilevel(gradient_clip=0.0)
