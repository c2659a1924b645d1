"""The adversarial game of DARTS-GAL (section 2.3): its discriminator and its losses."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Finite


@checked
class Discriminator(nn.Sequential):
    """A perceptron on class probabilities, (N, classes) -> (N,): the logit of their being the baseline's.

    Five layers of units, three of them hidden, with ReLUs between (section 2.3 says "5-layer"; in GAL's public code
    there is nothing between the linear maps, which makes it a single one: `activation=False`).
    """

    def __init__(self, classes: Amount, hidden: tuple[Amount, ...] = (128, 256, 128), activation: bool = True):
        widths = (classes, *hidden, 1)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.ReLU()] if layers and activation else []
            layers.append(nn.Linear(inputs, outputs))
        super().__init__(*layers, nn.Flatten(0))
        self.shape = (classes, hidden, activation)


@checked
def imitation_loss(logits: Tensor, baseline: Tensor) -> Tensor:
    """L_data (equation 6): half the squared distance of two (N, classes), mean over N."""
    _check_alike(logits, baseline)
    if logits.ndim != 2:
        raise ConfigError(f"logits must be (N, classes), not {tuple(logits.shape)}")
    return (logits - baseline).square().sum(dim=1).mean() / 2


@checked
def adversarial_loss(generated: Tensor) -> Tensor:
    """The part of L_adv that the generator lowers (equation 5): the mean log(1 - D), of the discriminator's logits."""
    return F.logsigmoid(-generated).mean()


@checked
def discriminator_loss(baseline: Tensor, generated: Tensor, restraint: Finite = 1.0) -> Tensor:
    """What the discriminator lowers, of its logits: -L_adv, and -R(W_D) times `restraint` (equations 5 and 7).

    R(W_D) is the mean log D of what was generated. With it the best D of generated outputs is 1/2 instead of 0, and of
    outputs that nothing tells apart 2/3 instead of 1/2.
    """
    _check_alike(baseline, generated)
    return -(F.logsigmoid(baseline) + F.logsigmoid(-generated) + restraint * F.logsigmoid(generated)).mean()


def _check_alike(one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ConfigError(f"both tensors must have the same shape, not {tuple(one.shape)} and {tuple(other.shape)}")
