"""Proximal gradients: the operator by hand and against a search, the method against problems of known solution."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nascore.base.errors import ConfigError
from nascore.optimization import ProximalGradient, soft_threshold

NUMBERS = st.floats(-4, 4, allow_nan=False, width=32)


def test_soft_threshold_by_hand():
    x = torch.tensor([-3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0])
    assert soft_threshold(x, 1.0).tolist() == [-2, 0, 0, 0, 0, 0, 2]
    assert soft_threshold(x, 0.25, nonnegative=True).tolist() == [0, 0, 0, 0, 0, 0.75, 2.75]
    assert soft_threshold(x[:2], torch.tensor([0.5, 2.0])).tolist() == [-2.5, 0]


@given(x=NUMBERS, threshold=st.floats(0, 3, width=32), nonnegative=st.booleans())
def test_soft_threshold_is_the_proximal_operator(x, threshold, nonnegative):
    grid = torch.linspace(0 if nonnegative else -5, 5, 20001, dtype=torch.float64)
    best = grid[((grid - x) ** 2 / 2 + threshold * grid.abs()).argmin()]
    assert float(soft_threshold(torch.tensor(x), threshold, nonnegative)) == pytest.approx(float(best), abs=6e-4)


def solved(design, target, penalty, steps=3000, **settings):
    """The lasso min |A x - b|^2 / (2 n) + penalty |x|_1, from a start without zeros."""
    x = torch.nn.Parameter(torch.ones(design.shape[1], dtype=design.dtype))
    rate = len(design) / float(torch.linalg.matrix_norm(design, 2)) ** 2  # one over the gradient's Lipschitz constant
    optimizer = ProximalGradient([x], rate, penalty, **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        ((design @ x - target).square().sum() / (2 * len(design))).backward()
        optimizer.step()
    return x.detach()


@pytest.mark.parametrize("momentum", [0.0, 0.9, "fista"])
def test_an_orthogonal_lasso_has_its_closed_solution(momentum, generator):
    design = torch.linalg.qr(torch.randn(12, 6, generator=generator, dtype=torch.float64))[0] * 12**0.5
    target = torch.randn(12, generator=generator, dtype=torch.float64)
    expected = soft_threshold(design.T @ target / 12, 0.2)
    found = solved(design, target, 0.2, momentum=momentum)
    assert torch.allclose(found, expected, atol=1e-9) and 0 < (found == 0).sum() < 6
    assert torch.equal(found == 0, expected == 0)


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, "fista"])
def test_a_lasso_is_solved_as_scikit_learn_solves_it(momentum, nonnegative, generator):
    from sklearn.linear_model import Lasso

    design = torch.randn(40, 10, generator=generator, dtype=torch.float64)
    truth = torch.tensor([2.0, -1.5, 0, 0, 1.0, 0, 0, -0.5, 0, 0], dtype=torch.float64)
    target = design @ truth + 0.1 * torch.randn(40, generator=generator, dtype=torch.float64)
    reference = Lasso(alpha=0.1, fit_intercept=False, positive=nonnegative, tol=1e-12, max_iter=100_000)
    expected = torch.from_numpy(reference.fit(design.numpy(), target.numpy()).coef_)
    found = solved(design, target, 0.1, momentum=momentum, nonnegative=nonnegative)
    assert torch.allclose(found, expected, atol=1e-7) and torch.equal(found == 0, expected == 0)


def test_a_constant_momentum_is_apg_nag_as_dso_nas_writes_it(generator):
    """Equations 6 to 8: z = l - eta g, v' = S(z) - l + mu v, l' = S(z) + mu v'."""
    eta, gamma, mu = 0.1, 0.3, 0.9
    curvature = torch.rand(5, generator=generator, dtype=torch.float64) + 0.5
    ours = torch.nn.Parameter(torch.randn(5, generator=generator, dtype=torch.float64))
    theirs, v = ours.detach().clone(), torch.zeros(5, dtype=torch.float64)
    optimizer = ProximalGradient([ours], eta, gamma, momentum=mu)
    for _ in range(30):
        ours.grad = curvature * (ours.detach() - 1)
        optimizer.step()
        pulled = soft_threshold(theirs - eta * curvature * (theirs - 1), eta * gamma)
        v = pulled - theirs + mu * v
        theirs = pulled + mu * v
        assert torch.allclose(ours.detach(), theirs, atol=1e-12)


def stepped(scales, gradients, **settings):
    """What scales are after each step of rate 1/2 with a penalty of 1 and a momentum of 1/2; numbers are exact."""
    x, after = torch.nn.Parameter(torch.tensor(scales)), []
    optimizer = ProximalGradient([x], 0.5, 1.0, momentum=0.5, nonnegative=True, **settings)
    for gradient in gradients:
        x.grad = torch.tensor(gradient)
        optimizer.step()
        after.append(x.tolist())
    return after


def test_momentum_of_clamped_and_of_unclamped_points_by_hand():
    """Three scales: one far from 0, one that falls to it and is called back, one that stays.

    The second, unclamped: S(1 - 2) = -0.5, v = -0.5 - 1 = -1.5, 0; then S(0 + 1) = 0.5, v = 0.5 - 0 - 0.75 = -0.25,
    0.5 - 0.125. Clamped: S = 0, 0 - 1 / 2 clamped; then S = 0.5 and 0.5 + 0.25.
    """
    scales, gradients = [4.0, 1.0, 0.5], [[0.0, 4.0, 0.0], [0.0, -2.0, 0.0]]
    assert stepped(scales, gradients, momentum_of="unclamped") == [[3.25, 0.0, 0.0], [2.375, 0.375, 0.0]]
    assert stepped(scales, gradients) == [[3.25, 0.0, 0.0], [2.375, 0.75, 0.0]]


def test_the_two_are_one_where_nothing_is_clamped(generator):
    gradients = (0.1 * torch.randn(20, 5, generator=generator) - 0.9).tolist()
    one, other = (stepped([9.0] * 5, gradients, momentum_of=points) for points in ("clamped", "unclamped"))
    assert min(map(min, one)) > 0
    torch.testing.assert_close(torch.tensor(one), torch.tensor(other))


def test_unclamped_momentum_brings_fewer_scales_back(generator):
    """Of many scales with noisy gradients around their penalty."""
    gradients = (torch.randn(60, 500, generator=generator) - 0.5).tolist()
    alive, revived = {}, {}
    for points in ("clamped", "unclamped"):
        zero = torch.tensor(stepped([1.0] * 500, gradients, momentum_of=points)) == 0
        alive[points], revived[points] = int((~zero[-1]).sum()), int((zero[:-1] & ~zero[1:]).sum())
    assert revived["unclamped"] < revived["clamped"] and alive["unclamped"] < alive["clamped"]


def test_a_restart_forgets_the_momentum_and_a_state_goes_on(generator):
    def fresh(x):
        return ProximalGradient([x], 0.1, 0.01, momentum="fista")

    def step(optimizer, x):
        x.grad = 2 * x.detach()
        optimizer.step()

    one = torch.nn.Parameter(torch.ones(3))
    first = fresh(one)
    for _ in range(3):
        step(first, one)
    other = torch.nn.Parameter(one.detach().clone())
    second = fresh(other)
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # torch would share the tensors
    step(first, one)
    step(second, other)
    assert torch.equal(one, other)
    second.restart()
    plain = torch.nn.Parameter(other.detach().clone())
    step(second, other)
    step(fresh(plain), plain)
    assert torch.equal(other, plain)


def test_penalties_by_element_and_parameters_without_gradient():
    x, idle = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2))
    optimizer = ProximalGradient(
        [{"params": [x], "penalty": torch.tensor([0.0, 5.0, 20.0])}, {"params": [idle]}], 0.1, 1
    )
    x.grad = torch.zeros(3)
    optimizer.step()
    assert x.tolist() == pytest.approx([1.0, 0.5, 0.0]) and idle.tolist() == [1, 1]


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"penalty": -1.0}, {"momentum": 1.0}, {"momentum": "nag"}])
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ProximalGradient([torch.nn.Parameter(torch.ones(1))], **({"lr": 0.1, "penalty": 0.1} | wrong))


@pytest.mark.parametrize("wrong", [{"momentum": "fista", "nonnegative": True}, {"momentum": 0.5}])
def test_unclamped_momentum_needs_a_number_and_a_clamp(wrong):
    with pytest.raises(ConfigError, match="momentum_of"):
        ProximalGradient([torch.nn.Parameter(torch.ones(1))], 0.1, 0.1, momentum_of="unclamped", **wrong)
