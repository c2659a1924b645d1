"""Whether a discriminator tells two networks' outputs apart: its AUC on held-out images, and two controls."""

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Seed, Steps
from nascore.gal.game import Discriminator

_STEPS, _BATCH, _RATE = 500, 128, 1e-3  # of the control, Adam's; outputs of each network in a batch


@checked
def auc(baseline: Tensor, generated: Tensor) -> float:
    """The area under the ROC curve of a discriminator's logits, (N,) and (M,).

    How often it puts an output of the baseline above one of the generator; ties count half. 1/2 is chance. Unlike the
    mean of D it does not depend on what the best D of outputs that nothing tells apart is. Raises `ConfigError` where
    there are none.
    """
    if not len(baseline) or not len(generated):
        raise ConfigError("an AUC needs outputs of both networks")
    ranks = stats.rankdata(torch.cat([baseline.flatten(), generated.flatten()]).detach().double().cpu().numpy())
    n, m = baseline.numel(), generated.numel()
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


@checked
def untrained(like: Discriminator, seed: Seed) -> Discriminator:
    """A discriminator of the shape of `like` that has learned nothing: the negative control."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Discriminator(*like.shape).to(next(like.parameters()))  # its device, and its numbers


@checked
def trained_alone(
    like: Discriminator, baseline: Tensor, generated: Tensor, seed: Seed, steps: Steps = _STEPS
) -> Discriminator:
    """A discriminator of the shape of `like`, trained by itself on the class probabilities (N, classes) of two networks
    that do not change, without R(W_D): the positive control, what could be told.

    Raises `ConfigError` where these are not two of one shape.
    """
    if baseline.ndim != 2 or baseline.shape != generated.shape or not len(baseline):
        raise ConfigError(
            f"probabilities are two of (N, classes), not {tuple(baseline.shape)} and {tuple(generated.shape)}"
        )
    fresh, draws = untrained(like, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(fresh.parameters(), _RATE)
    for _ in range(steps):
        at = torch.randint(len(baseline), (min(_BATCH, len(baseline)),), generator=draws).to(baseline.device)
        judged = fresh(torch.cat([baseline[at], generated[at]]))
        truth = torch.cat([torch.ones(len(at)), torch.zeros(len(at))]).to(judged)
        loss = F.binary_cross_entropy_with_logits(judged, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return fresh
