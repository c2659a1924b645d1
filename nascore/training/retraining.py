"""The training of a network from scratch."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore import data
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.processes import team
from nascore.base.ranges import Cells, Channels, NonNegative, Positions, Probability, Seed, Stages
from nascore.networks.auxiliary import with_auxiliary
from nascore.networks.baselines import BASELINES
from nascore.networks.benchmark_cells import BenchmarkCell
from nascore.networks.blocks import BlockGenotype
from nascore.networks.cell_stack import default_reductions
from nascore.networks.cells import Genotype, Stack
from nascore.networks.counting import count
from nascore.networks.initial import Initialisation, initialise
from nascore.records.record import Result, Run
from nascore.supernets.fast_networks import FastBenchmarkNetwork, FastBlockNetwork, FastCellNetwork
from nascore.training.evaluation import Averages, autocast, evaluate, evaluation_batches, set_learning_rate, wide
from nascore.training.precision import beginning, numbers
from nascore.training.settings import DataSettings, SgdSettings


class TrainingSettings(DataSettings, SgdSettings):
    """A network trained from scratch on all training images: everything that decides the result but its seed.

    The network of a NAS-Bench-201 cell has `cells` cells in each of its three stages and a macro-architecture of its
    own: it takes neither reductions nor another stem, nor an auxiliary head, nor drop-path. A `Stack` has its cells
    and reductions written into it, and `cells` and `reductions` must say the same. A `BlockGenotype` has `stages`
    for `cells` and `reductions`.
    """

    network: Literal["cells", "lenet", "vgg16", "resnet18"] = "cells"
    genotype: Genotype | BenchmarkCell | Stack | BlockGenotype | None = None
    cells: Cells = 20
    channels: Channels = 36
    reductions: Positions | None = None
    stem: Literal["cifar", "stride2", "imagenet"] = "cifar"
    stages: Stages = (8, 8, 8)  # blocks in each stage of a network of blocks
    auxiliary_weight: NonNegative = 0.0  # of the auxiliary head's loss; 0: no head
    drop_path: Probability = 0.0  # probability of being dropped, at the end of a ramp from 0
    dropout: Probability = 0.0  # of a feature before the classifier of a network of blocks, with no ramp
    label_smoothing: Probability = 0.0
    shortcuts: bool = False  # of a network of blocks: a convolution around each stage's first block,
    last_norm: bool = False  # and a BN and a ReLU before the classifier
    initialisation: Initialisation = "torch"

    def validate(self) -> None:
        super().validate()
        wide_enough = self.channels > 1 or self.stem != "imagenet"  # whose first convolution has half as many
        self.require(wide_enough, "channels", "at least 2 with the stem 'imagenet'")
        if self.network == "cells" and isinstance(self.genotype, BenchmarkCell):
            self._check_benchmark()
        if self.network == "cells" and isinstance(self.genotype, Stack):
            self._check_stack(self.genotype)

    def _check_benchmark(self) -> None:
        only = {"reductions": None, "stem": "cifar", "auxiliary_weight": 0.0, "drop_path": 0.0}
        if wrong := [f"{name}={value!r}" for name, value in only.items() if getattr(self, name) != value]:
            raise ConfigError(f"the network of a NAS-Bench-201 cell needs {', '.join(wrong)}: give these with the cell")

    def _check_stack(self, stack: Stack) -> None:
        reductions = default_reductions(self.cells) if self.reductions is None else self.reductions
        if (len(stack.stack), stack.reductions) != (self.cells, reductions):
            raise ConfigError(
                f"the stack has {len(stack.stack)} cells with reductions at {stack.reductions}, the settings say "
                f"{self.cells} and {reductions}: give cells={len(stack.stack)}, reductions={stack.reductions}"
            )

    def build(self, info: data.Info) -> nn.Module:
        """The network for images of this kind, freshly initialised from torch's generator."""
        network = self._build(info)
        initialise(network, self.initialisation)
        return network

    def _build(self, info: data.Info) -> nn.Module:
        if self.network != "cells":
            return BASELINES[self.network](info.classes, info.channels, info.image_size)
        if self.genotype is None:
            raise ConfigError(
                "TrainingSettings.genotype is missing: give the one to train, such as nascore.PUBLISHED['DARTS_V2']"
            )
        common = {"channels": self.channels, "classes": info.classes, "in_channels": info.channels}
        if isinstance(self.genotype, BlockGenotype):
            return self._build_blocks(self.genotype, common)
        sizes = common | {"cells": self.cells}
        if isinstance(self.genotype, BenchmarkCell):
            return FastBenchmarkNetwork(self.genotype, **sizes)
        return FastCellNetwork(
            self.genotype,
            **sizes,
            reductions=self.reductions,
            stem=self.stem,
            auxiliary=self.auxiliary_weight > 0,
        )

    def _build_blocks(self, genotype: BlockGenotype, sizes: dict[str, int]) -> FastBlockNetwork:
        if self.stem == "stride2":
            raise ConfigError("a network of blocks has the stem 'cifar' or 'imagenet', not 'stride2'")
        return FastBlockNetwork(
            genotype,
            **sizes,
            stages=self.stages,
            stem=self.stem,
            auxiliary=self.auxiliary_weight > 0,
            dropout=self.dropout,
            shortcuts=self.shortcuts,
            last_norm=self.last_norm,
        )

    def start(
        self, device: torch.device, seed: Seed, root: str | Path | None = None, after: Run | None = None
    ) -> "Training":
        """The training at its beginning, its weights drawn from torch's generator and all else from `seed`.

        With `after`, weights are those of that run, whose network must have the same ones.
        """
        training = Training(self, device, seed, root)
        if after is not None:
            load_weights(training.network, after)
        return training


def load_weights(network: nn.Module, run: Run) -> None:
    """Give `network` the weights that a finished run ended with, converted to its precision if theirs is another.

    Raises `ConfigError` where they are those of another network, `RunError` where the run has none.
    """
    weights = run.weights()
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        why = str(error).splitlines()[-1].strip()
        raise ConfigError(f"{run.name} has the weights of another network ({why})") from error


@checked
class Training:
    """A retraining that runs epoch by epoch; `state_dict` between epochs holds all that the rest of it depends on.

    Of several processes each takes its share of every batch (a last one with fewer than two images for each is joined
    to the one before), and follows the gradient of the mean loss over the whole batch. All draw the same order and
    augmentation; drop-path and dropout are each process's own, and so are BatchNorm's statistics, of which the leader's
    are kept.
    """

    def __init__(self, settings: TrainingSettings, device: torch.device, seed: Seed, root: str | Path | None):
        self.settings, self.device, self.epochs, self.epoch = settings, device, settings.epochs, 0
        self.team = team()
        self.generator = torch.Generator(device).manual_seed(seed)
        train, test = (settings.load(split, root).to(device) for split in ("train", "test"))
        self.shape = (train.info.channels, train.info.image_size, train.info.image_size)
        with beginning(settings.precision):
            self.network = settings.build(train.info).to(device)
        self.optimizer = settings.optimizer(self.network.parameters())
        self.train = settings.training_batches(train, self.generator, share=self._share())
        self.test = evaluation_batches(test, share=self._share())
        self._join(seed)

    def _share(self) -> data.Share:
        return data.Share(self.team.rank, self.team.size)

    def _join(self, seed: int) -> None:
        """Make the forward pass that the team shares, and this process's own draws."""
        rank, smallest = self.team.rank, 2 * self.team.size
        if self.team.size > 1 and self.settings.batch_size < smallest:
            raise ConfigError(
                f"TrainingSettings.batch_size must be at least {smallest}, two images for each of {self.team.size} "
                f"processes, not {self.settings.batch_size}"
            )
        self.draws = self.generator
        if self.team.size > 1:  # the shared generator must not move with one process's drop-path
            own = int(np.random.SeedSequence([seed, rank + 1]).generate_state(1)[0])
            self.draws = torch.Generator(self.device).manual_seed(own)
            torch.manual_seed(own)  # what dropout draws from
        self.forward = self.team.parallel(_WithAuxiliary(self.network, self.draws), self.device)

    def run_epoch(self) -> dict[str, float]:
        """Train on every training image once, evaluate on the test images; losses in nats, accuracies in percent."""
        rate = set_learning_rate(self.optimizer, self.settings.learning_rate_at(self.epoch))
        drop_path = self.settings.drop_path * self.epoch / self.epochs
        averages = Averages(self.device, self.team)
        self.forward.train()
        for (images, labels), whole in zip(self.train, self.train.whole(), strict=True):
            # the team's gradient is the mean over its processes: weighted like this it is that over all images
            averages.add(*self._step(images, labels, drop_path, len(labels) * self.team.size / whole), len(labels))
        self.team.copy_buffers(self.network)
        self.forward.eval()
        self.epoch += 1
        test = evaluate(self._logits, self.test, self.device, self.team)
        return {"learning_rate": rate} | averages.named("train") | test.named("test")

    def _step(self, images: Tensor, labels: Tensor, drop_path: float, weight: float = 1.0) -> tuple[Tensor, Tensor]:
        with autocast(self.settings.precision, self.device):
            logits, auxiliary = self.forward(self._converted(images), drop_path)
        smoothing = self.settings.label_smoothing
        loss = total = F.cross_entropy(wide(logits), labels, label_smoothing=smoothing)
        if auxiliary is not None:
            total = loss + self.settings.auxiliary_weight * F.cross_entropy(
                wide(auxiliary), labels, label_smoothing=smoothing
            )
        self.optimizer.zero_grad()
        (total if weight == 1 else weight * total).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        self.optimizer.step()
        return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()

    def _logits(self, images: Tensor) -> Tensor:
        with autocast(self.settings.precision, self.device):
            return wide(self.network(self._converted(images)))

    def _converted(self, images: Tensor) -> Tensor:
        return images.to(numbers(self.settings.precision))

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "draws": self.team.gather(self.draws.get_state()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.draws.set_state(state["draws"][self.team.rank])
        self.generator.set_state(state["generator"])

    def weights(self) -> dict[str, Tensor]:
        """The trained network's weights."""
        return self.network.state_dict()

    def result(self) -> Result:
        """The network's size, computed, and the genotype it was built from."""
        size = count(self.network, self.shape)
        genotype = self.settings.genotype if self.settings.network == "cells" else None
        return Result({"parameters": size.parameters, "macs": size.macs}, genotype=genotype)


class _WithAuxiliary(nn.Module):
    """A network as its training calls it: `networks.with_auxiliary` as a forward pass, so that a team can share it."""

    def __init__(self, network: nn.Module, generator: torch.Generator):
        super().__init__()
        self.network, self.generator = network, generator

    def forward(self, images: Tensor, drop_path: float) -> tuple[Tensor, Tensor | None]:
        return with_auxiliary(self.network, images, drop_path, self.generator)
