"""Generative adversarial learning of which nodes a trained network can do without (DARTS-GAL, section 2.3).

The trained network is the *baseline*, and frozen. The *generator* is its copy with a soft mask on every intermediate
node; it learns to give the baseline's outputs while an l1 penalty pulls its masks to 0. The *discriminator* learns to
tell whose outputs it sees. What has the mask 0 in the end is pruned, and what is left is trained from scratch
(`nascore.training`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from nascore.base.arguments import checked
from nascore.base.config import from_dict
from nascore.base.errors import ConfigError
from nascore.base.processes import check_alone
from nascore.base.ranges import Momentum, NonNegative, Probability, Range, Seed, Steps
from nascore.data import WHOLE, AnyBatches, AnyDataset, Info
from nascore.gal.game import Discriminator, adversarial_loss, discriminator_loss, imitation_loss
from nascore.gal.masked import MaskedNetwork
from nascore.gal.told_apart import auc, trained_alone, untrained
from nascore.networks.cell_network import CellNetwork
from nascore.networks.cells import INPUTS, Genotype, Kept, Stack
from nascore.networks.counting import Count, count
from nascore.networks.node_pruning import Empty, Rule, every_node, magnitudes, pruned
from nascore.optimization.proximal_gradient import ProximalGradient
from nascore.records.record import ArchitectureHistory, Result, Run
from nascore.training.evaluation import autocast, evaluate, evaluation_batches, set_learning_rate, wide
from nascore.training.precision import beginning, numbers
from nascore.training.retraining import TrainingSettings, load_weights
from nascore.training.settings import DataSettings, SgdSettings

_Ratio = Annotated[float, Range(above=0, high=1e16)]  # of two rates
_Layers = Annotated[tuple[Annotated[int, Range(1, 65_536)], ...], Range(0, 100)]


class GalSettings(DataSettings, SgdSettings):
    """Adversarial pruning of the nodes of a trained network: everything that decides it but its seed and that network.

    The loss is `imitation` L_data + `adversarial` L_adv + `labels` times the cross-entropy with the labels, and
    `sparsity` times the l1 norm of the masks, which the proximal step takes. With `adversarial=0` there is no
    discriminator; with `imitation=0, adversarial=0, labels=1` it is plain l1 pruning of a network that trains on.
    """

    sparsity: NonNegative  # lambda of equation 7
    imitation: NonNegative = 1.0
    adversarial: NonNegative = 1.0
    labels: NonNegative = 0.0
    restraint: NonNegative = 1.0  # of the discriminator, R(W_D) of equation 7
    noise: Probability = 0.0  # z of equation 5: dropout before the classifier, in the generator's step alone
    hidden: _Layers = (128, 256, 128)  # the discriminator's hidden units
    activation: bool = True  # ReLUs between its layers
    discriminator_steps: Steps = 1  # its steps for each of the generator's, all on the same outputs
    discriminator_rate: _Ratio = 1.0  # its learning rate, in units of the weights'
    mask_start: Literal["one", "normal"] = "one"  # 1, or a standard normal (Code: GAL)
    mask_rate: _Ratio = 1.0  # the masks' learning rate, in units of the weights'
    mask_momentum: Momentum | Literal["fista"] = "fista"  # as in Code: GAL; starts anew when the learning rate changes
    mask_interval: Steps = 1  # steps between two of the masks, each on the last batch's gradient
    nonnegative: bool = True  # masks below 0 become 0 (Code: GAL)
    clip: Literal["all", "weights"] = "all"  # whose gradients `gradient_clip` bounds: those of the masks, too, or not
    # by which statistics the generator is evaluated: the running ones, which masks that fall leave behind, or precise
    # ones, estimated anew before each evaluation (Wu and Johnson 2021), see `Gal.estimate_statistics`
    batchnorm: Literal["running", "precise"] = "running"
    rule: Rule = "node"  # what pruning a node takes away, see `node_pruning.pruned`
    empty: Empty = "bypass"  # and what becomes of a cell that keeps none

    def validate(self) -> None:
        super().validate()
        self.require(self.imitation + self.labels > 0, "imitation", "above 0 without labels")

    def start(self, device: torch.device, seed: int, root: str | Path | None = None, after: Run | None = None) -> "Gal":
        """The pruning at its beginning, of the network that the run `after` trained.

        Raises `ConfigError` where that is no training of a network of cells, or of one for other images.
        """
        check_alone("pruning")
        if after is None:
            raise ConfigError("pruning starts from a trained network: give after=run, of a training")
        return Gal(self, device, seed, root, after)


@checked
class Gal:
    """Adversarial training epoch by epoch; `state_dict` between epochs holds all that the rest of it depends on."""

    def __init__(self, settings: GalSettings, device: torch.device, seed: Seed, root: str | Path | None, after: Run):
        self.settings, self.device, self.epochs, self.epoch = settings, device, settings.epochs, 0
        self.seed, self.generator = seed, torch.Generator(device).manual_seed(seed)
        train, test = self.images = tuple(settings.load(split, root).to(device) for split in ("train", "test"))
        self.shape = (train.info.channels, train.info.image_size, train.info.image_size)
        with beginning(settings.precision):
            self.baseline, self.network = _networks(after, settings, train.info, device)
            self._start_masks(torch.Generator().manual_seed(seed))
            self.discriminator = Discriminator(train.info.classes, settings.hidden, settings.activation).to(device)
        self.train = settings.training_batches(train, self.generator)
        self.test = evaluation_batches(test)
        self.optimizer = settings.optimizer(self.network.unmasked())
        self.opponent = settings.optimizer(self.discriminator.parameters())
        self.proximal = ProximalGradient(
            self.network.masks().values(),
            self.mask_rate,
            settings.sparsity,
            momentum=settings.mask_momentum,
            nonnegative=settings.nonnegative,
        )
        self.steps = 0
        self.snapshots = [self._snapshot()]

    def _start_masks(self, draws: torch.Generator) -> None:
        if self.settings.mask_start == "normal":
            for mask in self.network.masks().values():
                mask.data.copy_(torch.randn(mask.shape, generator=draws))

    @property
    def mask_rate(self) -> float:
        """The masks' learning rate in this epoch."""
        return self.settings.mask_rate * self.settings.learning_rate_at(self.epoch)

    def run_epoch(self) -> dict[str, float]:
        """Show every training image once, evaluate the generator on the test images.

        Losses are means over the images; `same_percent` says how often generator and baseline prefer the same class,
        `trusts_baseline_percent` and `trusts_generator_percent` what the discriminator's mean D is for either, `kept`
        how many nodes have a mask, `clipped_percent` in how many steps the generator's gradients were shortened.
        """
        rate = set_learning_rate(self.optimizer, self.settings.learning_rate_at(self.epoch))
        set_learning_rate(self.opponent, rate * self.settings.discriminator_rate)
        self._set_mask_rate()
        self.network.train()
        totals: dict[str, Tensor] = {}
        for images, labels in self.train:
            for name, mean in self._step(images, labels).items():
                totals[name] = totals.get(name, 0.0) + mean.detach() * len(labels)
        self.epoch += 1
        self.snapshots.append(self._snapshot())
        if self.settings.batchnorm == "precise":
            self.estimate_statistics()
        self.network.eval()
        means = {name: float(total) / self.train.count for name, total in totals.items()}
        row = {"learning_rate": rate, "kept": sum(map(len, self.network.kept()))} | means
        return row | evaluate(self._logits, self.test, self.device).named("test")

    def estimate_statistics(self) -> None:
        """Set BatchNorm's running statistics to their means over the training images, as they are, batch by batch.

        The running ones follow a network that changes with every step by a tenth of the way, and what each layer is
        behind multiplies along the network. Nothing but these statistics changes, and nothing is drawn.
        """
        batches = self._unchanged(self.images[0])
        with autocast(self.settings.precision, self.device):
            update_bn((self._converted(images) for images, _ in batches), self.network)

    def _unchanged(self, images: AnyDataset) -> AnyBatches:
        """Images in order, in batches of the size on which the game is played."""
        return evaluation_batches(images, share=WHOLE._replace(least=2), batch_size=self.settings.batch_size)

    def _set_mask_rate(self) -> None:
        for group in self.proximal.param_groups:
            if group["lr"] != self.mask_rate:
                group["lr"] = self.mask_rate
                self.proximal.restart()

    def _step(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The discriminator's step, then the generator's, each with the other fixed (section 2.3, phases 1 and 2)."""
        images = self._converted(images)
        with autocast(self.settings.precision, self.device):
            with torch.no_grad():
                target = wide(self.baseline(images))
            features = self.network.features(images)
            logits = wide(self.network.classifier(features))
            noisy = wide(self.network.classifier(self._noise(features))) if self.settings.noise else logits
        seen = {"same_percent": 100 * (logits.argmax(dim=1) == target.argmax(dim=1)).float().mean()}
        if self.settings.adversarial:
            seen |= self._step_discriminator(target.softmax(dim=1), logits.detach().softmax(dim=1))
        return seen | self._step_generator(noisy, target, labels)

    def _noise(self, features: Tensor) -> Tensor:
        kept = torch.empty_like(features).bernoulli_(1 - self.settings.noise, generator=self.generator)
        return features * kept / (1 - self.settings.noise)

    def _step_discriminator(self, baseline: Tensor, generated: Tensor) -> dict[str, Tensor]:
        """As many steps as it has on one batch; what is told is of the last, before it is taken."""
        for _ in range(self.settings.discriminator_steps):
            real, fake = self.discriminator(torch.cat([baseline, generated])).chunk(2)
            loss = discriminator_loss(real, fake, self.settings.restraint)
            self.opponent.zero_grad()
            loss.backward()
            self.opponent.step()
        trust = {"trusts_baseline_percent": real, "trusts_generator_percent": fake}
        return {"discriminator_loss": loss} | {name: 100 * judged.sigmoid().mean() for name, judged in trust.items()}

    def _step_generator(self, logits: Tensor, target: Tensor, labels: Tensor) -> dict[str, Tensor]:
        settings = self.settings
        losses = {"imitation_loss": imitation_loss(logits, target), "train_loss": F.cross_entropy(logits, labels)}
        total = settings.imitation * losses["imitation_loss"] + settings.labels * losses["train_loss"]
        if settings.adversarial:
            with _frozen(self.discriminator):
                losses["adversarial_loss"] = adversarial_loss(self.discriminator(logits.softmax(dim=1)))
            total = total + settings.adversarial * losses["adversarial_loss"]
        self.optimizer.zero_grad()
        self.proximal.zero_grad()
        total.backward()
        together = self.network.parameters() if settings.clip == "all" else self.network.unmasked()
        norm = nn.utils.clip_grad_norm_(together, settings.gradient_clip)
        losses["clipped_percent"] = 100.0 * (norm > settings.gradient_clip)
        self.optimizer.step()
        self.steps += 1
        if self.steps % settings.mask_interval == 0:
            self._step_masks()
        return losses

    def _step_masks(self) -> None:
        masks = self.network.masks().values()
        alive = [mask.detach() != 0 for mask in masks]
        self.proximal.step()
        for mask, lives in zip(masks, alive, strict=True):
            mask.data.mul_(lives)  # a pruned node stays pruned, whatever momentum its mask had

    def _logits(self, images: Tensor) -> Tensor:
        with autocast(self.settings.precision, self.device):
            return wide(self.network(self._converted(images)))

    def _snapshot(self) -> dict[int, Tensor]:
        """Position -> masks and magnitudes of a cell's nodes, (2, nodes)."""
        sizes = magnitudes(self.network)
        return {
            at: torch.stack([mask.detach().cpu().float(), torch.tensor(sizes[at])])
            for at, mask in self.network.masks().items()
        }

    def _converted(self, images: Tensor) -> Tensor:
        return images.to(numbers(self.settings.precision))

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "opponent": self.opponent.state_dict(),
            "proximal": self.proximal.state_dict(),
            "generator": self.generator.get_state(),
            "snapshots": self.snapshots,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.steps = state["epoch"], state["steps"]
        for name in ("network", "discriminator", "optimizer", "opponent", "proximal"):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        self.snapshots = state["snapshots"]

    def weights(self) -> dict[str, Tensor]:
        """The generator's weights and masks."""
        return self.network.state_dict()

    def result(self) -> Result:
        """The pruned stack, what it counts beside the baseline, and all masks by epoch, beside the nodes' magnitudes.

        The record has a mask as the weight of its node's way to the output.
        """
        before, kept = self.network.stack, self.network.kept()
        after = pruned(before, kept, self.settings.rule, self.settings.empty)
        sizes = {"baseline_": count(self.baseline, self.shape), "": self._count(after)}
        metrics = {f"{which}{name}": value for which, size in sizes.items() for name, value in size._asdict().items()}
        metrics |= {"nodes": sum(map(len, every_node(before))), "empty_cells": sum(not nodes for nodes in kept)}
        metrics |= self._told_apart() if self.settings.adversarial else {}
        return Result(metrics, genotype=after, architecture=self._history(), remarks=_remarks(before, kept))

    def _told_apart(self) -> dict[str, float]:
        """The discriminator's AUC on test images, beside that of one that had time to learn it, and of one that had
        none.
        """
        seen, unseen = (self._outputs(images) for images in self.images)
        judges = {
            "discriminator": self.discriminator,
            "trained_alone": trained_alone(self.discriminator, *seen, self.seed),
            "untrained": untrained(self.discriminator, self.seed),
        }
        with torch.no_grad():
            return {f"{name}_auc": auc(*(judge(each) for each in unseen)) for name, judge in judges.items()}

    @torch.no_grad()
    def _outputs(self, images: AnyDataset) -> tuple[Tensor, Tensor]:
        """Class probabilities of the baseline and the generator, which are as in the game: with BatchNorm's statistics
        of batches, its running ones left alone.
        """
        buffers = {name: each.clone() for name, each in self.network.named_buffers()}
        self.network.train()
        batches = self._unchanged(images)
        with autocast(self.settings.precision, self.device):
            pairs = [
                [wide(network(self._converted(batch))).softmax(dim=1) for network in (self.baseline, self.network)]
                for batch, _ in batches
            ]
        self.network.eval()
        for name, each in self.network.named_buffers():
            each.copy_(buffers[name])
        baseline, generated = (torch.cat(side) for side in zip(*pairs, strict=True))
        return baseline, generated

    def _count(self, stack: Stack) -> Count:
        return count(CellNetwork(stack, **self.network.sizes), self.shape)

    def _history(self) -> ArchitectureHistory:
        most = max(seen.shape[1] for seen in self.snapshots[0].values())
        edges = [(node, INPUTS + most) for node in range(INPUTS, INPUTS + most)]
        cells = {}
        for at in self.snapshots[0]:
            seen = torch.stack([snapshot[at] for snapshot in self.snapshots], dim=1).numpy()  # (2, epochs + 1, nodes)
            padded = np.pad(seen, ((0, 0), (0, 0), (0, most - seen.shape[2])), constant_values=np.nan)
            cells[f"cell {at + 1}"] = dict(zip(("weight", "magnitude"), padded[..., None], strict=True))
        return ArchitectureHistory(cells, edges, ("mask",))


def _remarks(before: Stack, kept: Kept) -> tuple[str, ...]:
    if kept == every_node(before):
        return ("no node was pruned: the penalty is too small for so few steps, give a larger sparsity or more epochs",)
    return () if any(kept) else ("every node was pruned: give a smaller sparsity",)


def _trained(after: Run) -> tuple[TrainingSettings, Genotype | Stack]:
    """How the network was trained, and what it is built from; raises `ConfigError` where it is none of cells."""
    settings, genotype = from_dict(after.settings | {"genotype": None}), after.genotype
    cells = isinstance(settings, TrainingSettings) and settings.network == "cells"
    if not cells or not isinstance(genotype, Genotype | Stack):
        raise ConfigError(f"{after.name} is no training of a network of cells: give the run of one as after")
    return replace(settings, genotype=genotype), genotype


def _networks(after: Run, settings: GalSettings, info: Info, device: torch.device) -> tuple[nn.Module, MaskedNetwork]:
    """The trained network, frozen, and the generator with the same weights."""
    trained, genotype = _trained(after)
    baseline = trained.build(info)
    load_weights(baseline, after)
    generator = MaskedNetwork(
        genotype,
        empty=settings.empty,
        cells=trained.cells,
        reductions=trained.reductions,
        channels=trained.channels,
        classes=info.classes,
        in_channels=info.channels,
        stem=trained.stem,
    )
    generator.load_state_dict(baseline.state_dict(), strict=False)  # which has no masks, but perhaps an auxiliary head
    if not generator.masks():
        raise ConfigError(f"the network of {after.name} has no nodes left to prune")
    return baseline.to(device).eval().requires_grad_(False), generator.to(device)


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Gradients pass through a network, and none is taken of it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
