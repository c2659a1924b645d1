import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nascore.base.errors import ConfigError
from nascore.relaxations import Context, Entmax, GumbelSoftmax, Softmax


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 8))
def test_softmax_weights_sum_to_one_over_what_lives(seed, edges, operations):
    generator = torch.Generator().manual_seed(seed)
    alpha = 3 * torch.randn(edges, operations, generator=generator, dtype=torch.float64)
    alive = torch.rand(edges, operations, generator=generator) > 0.4
    values, active, _ = Softmax().weights(alpha, alive, generator)
    assert active is None and not values[~alive].any()
    torch.testing.assert_close(values.sum(dim=1), alive.any(dim=1).double())
    for edge in range(edges):
        torch.testing.assert_close(values[edge, alive[edge]], alpha[edge, alive[edge]].softmax(dim=0))


def test_gradients_are_exact_and_finite_beside_dead_operations():
    alpha = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    alive = torch.tensor([[True, True, False, True], [True, False, False, False], [False] * 4])
    assert torch.autograd.gradcheck(lambda a: Softmax().strengths(a, alive), alpha)
    (Softmax().strengths(alpha, alive) ** 2).sum().backward()
    assert alpha.grad.isfinite().all() and not alpha.grad[~alive].any()


ALPHAS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 8), st.sampled_from(ALPHAS), st.floats(0.01, 5))
def test_entmax_weights_are_the_solution_over_what_lives(seed, edges, operations, alpha, spread):
    """p_j = [(alpha - 1) z_j - tau]_+ ^ (1 / (alpha - 1)), one tau for an edge, and a sum of 1."""
    generator = torch.Generator().manual_seed(seed)
    z = spread * torch.randn(edges, operations, generator=generator, dtype=torch.float64)
    alive = torch.rand(edges, operations, generator=generator) > 0.3
    p = Entmax(alpha=alpha).strengths(z, alive)
    assert not p[~alive].any() and (p >= 0).all()
    torch.testing.assert_close(p.sum(dim=1), alive.any(dim=1).double())
    for edge in range(edges if alpha > 1 else 0):
        kept, left = z[edge, p[edge] > 0], z[edge, alive[edge] & (p[edge] == 0)]
        taus = (alpha - 1) * kept - p[edge, p[edge] > 0] ** (alpha - 1)
        torch.testing.assert_close(taus, taus[:1].expand_as(taus), rtol=1e-6, atol=1e-6)
        assert ((alpha - 1) * left <= taus[:1] + 1e-6).all()  # what is zero lies below the threshold


@pytest.mark.parametrize(
    ("operations", "alpha", "lag"), [(8, 1.5, 0.756), (8, 2, 0.143), (8, 3, 0.0102), (5, 3, 0.0313)]
)
def test_an_operation_is_cut_when_it_lags_so_far_behind_the_others(operations, alpha, lag):
    z = torch.zeros(2, operations)
    z[0, 0], z[1, 0] = -0.97 * lag, -1.03 * lag
    p = Entmax(alpha=alpha).strengths(z, torch.ones_like(z, dtype=torch.bool))
    assert p[0, 0] > 0 and p[1, 0] == 0 and (p[:, 1:] > 0).all()


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_gradient_of_entmax(alpha):
    # apart enough from each other that no step of the check crosses the edge of the support
    z = torch.tensor([[0.3, 0.25, -4.0, 0.2], [0.1, 0.0, 0.15, -6.0]], dtype=torch.float64, requires_grad=True)
    alive = torch.tensor([[True, True, True, True], [True, True, False, True]])
    relaxation = Entmax(alpha=alpha)
    assert torch.autograd.gradcheck(lambda x: relaxation.strengths(x, alive), z, atol=1e-6)


def test_at_alpha_1_entmax_is_softmax():
    z, alive = torch.randn(3, 4), torch.rand(3, 4) > 0.3
    torch.testing.assert_close(Entmax(alpha=1.0).strengths(z, alive), Softmax().strengths(z, alive))


def test_sparsity_may_grow_through_the_search():
    z, alive = torch.tensor([[0.6, 0.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool)
    growing = Entmax(alpha=1.0, final_alpha=3.0)
    assert growing.anneals and not Entmax().anneals

    def at(progress):
        return growing.strengths(z, alive, Context(progress=progress))

    counts = [int((at(progress) > 0).sum()) for progress in (0.0, 0.25, 0.5, 1.0)]
    assert counts == [3, 3, 3, 1]
    torch.testing.assert_close(at(0.5), Entmax(alpha=2.0).strengths(z, alive))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused(dtype):
    with pytest.raises(ConfigError, match="float32 or float64, not torch"):
        Entmax().strengths(torch.zeros(1, 2, dtype=dtype), torch.ones(1, 2, dtype=torch.bool))


@pytest.mark.parametrize("settings", [{"alpha": 0.5}, {"alpha": 0.999}, {"final_alpha": 0.0}, {"alpha": float("inf")}])
def test_an_alpha_below_1_is_refused(settings):
    with pytest.raises(ConfigError, match="alpha must be"):
        Entmax(**settings)


def test_draws_come_as_often_as_their_probabilities(generator):
    """Pearson's chi-square, against its 99.9 % quantile at 3 and 2 degrees of freedom."""
    alpha = torch.tensor([[0.5, -0.3, 1.0, 0.1], [0.0, 2.0, -1.0, 0.4]])
    alive = torch.tensor([[True] * 4, [True, True, True, False]])
    draws, counts = 4000, torch.zeros(2, 4)
    for _ in range(draws):
        counts += GumbelSoftmax().weights(alpha, alive, generator, Context(progress=0.5)).active
    expected = draws * Softmax().strengths(alpha, alive)
    squares = ((counts - expected) ** 2 / expected.clamp(min=1e-9)).sum(dim=1)
    assert counts[1, 3] == 0 and squares[0] < 16.27 and squares[1] < 13.82


def test_a_hard_draw_computes_one_operation_with_the_gradient_of_the_soft_one():
    alpha = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    alive = torch.tensor([[True] * 4, [True, False, True, False], [False] * 4])
    towards = torch.randn(3, 4, dtype=torch.float64)
    gradients = []
    for hard in (True, False):
        generator = torch.Generator().manual_seed(3)
        values, active, _ = GumbelSoftmax(hard=hard).weights(alpha, alive, generator, Context(progress=0.9))
        gradients.append(torch.autograd.grad((values * towards).sum(), alpha)[0])
        if hard:
            assert active.sum(dim=1).tolist() == [1, 1, 0] and not active[~alive].any()
            torch.testing.assert_close(values, active.double())
        else:
            assert active is None
            torch.testing.assert_close(values.sum(dim=1), torch.tensor([1.0, 1.0, 0.0]).double())
    torch.testing.assert_close(*gradients)
    assert gradients[0].isfinite().all() and gradients[0][:2].any() and not gradients[0][~alive].any()


def test_the_temperature_falls_to_its_end():
    linear, exponential = GumbelSoftmax(), GumbelSoftmax(temperature=5.0, schedule="exponential")
    assert [linear.temperature_at(at) for at in (0, 0.5, 1)] == pytest.approx([10, 5.05, 0.1])
    assert [exponential.temperature_at(at) for at in (0, 0.5, 1)] == pytest.approx([5, (5 * 0.1) ** 0.5, 0.1])
    assert linear.anneals and linear.samples and not GumbelSoftmax(hard=False).samples
    with pytest.raises(ConfigError, match="final_temperature must be above 0"):
        GumbelSoftmax(final_temperature=0.0)


def test_the_last_temperature_is_that_of_the_last_epoch_or_of_what_would_come_after():
    after, gdas = GumbelSoftmax(), GumbelSoftmax(arrives="in_last")
    by_factors = GumbelSoftmax(temperature=5.0, schedule="exponential", arrives="in_last")
    epochs = 250
    begins = [epoch / epochs for epoch in range(epochs)]
    # by hand, as GDAS's code has it: 10 - 9.9 e / (E - 1)
    expected = [10 - 9.9 * epoch / 249 for epoch in range(epochs)]
    assert [gdas.temperature_at(at, begins[-1]) for at in begins] == pytest.approx(expected)
    assert after.temperature_at(begins[-1], begins[-1]) == pytest.approx(0.1396)  # 10 - 9.9 * 249 / 250
    assert by_factors.temperature_at(begins[-1], begins[-1]) == pytest.approx(0.1)
    assert by_factors.temperature_at(begins[100], begins[-1]) == pytest.approx(5 * 0.02 ** (100 / 249))
    # what is evaluated after the last epoch is no colder, and a single epoch is the last
    assert gdas.temperature_at(1.0, begins[-1]) == pytest.approx(0.1) == gdas.temperature_at(0.0, 0.0)
