import torch
from hypothesis import given
from hypothesis import strategies as st

from nascore.relaxations import Softmax


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 8))
def test_softmax_weights_sum_to_one_over_what_lives(seed, edges, operations):
    generator = torch.Generator().manual_seed(seed)
    alpha = 3 * torch.randn(edges, operations, generator=generator, dtype=torch.float64)
    alive = torch.rand(edges, operations, generator=generator) > 0.4
    values, active = Softmax().weights(alpha, alive, 0.0, generator)
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
