"""What every training shares: which images reach the network and how, and SGD with its schedules."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from nascore import data
from nascore.base.config import Settings
from nascore.base.errors import ConfigError
from nascore.base.ranges import Epochs, Fraction, Images, Momentum, NonNegative, Pixels, Positive, Range, Rate
from nascore.data.voices import SHORTEST_CLIP

Precision = Literal["float32", "bfloat16", "float64"]


class DataSettings(Settings):
    """Which images, and how they reach the network."""

    dataset: str
    train_images: Images | None = None  # a class-balanced part of the training images; None: all
    test_images: Images | None = None
    image_size: Pixels | None = None  # pixels, for folders of images that differ in size
    fit: Literal["shorter", "square"] = (
        "shorter"  # how these are scaled: by their shorter side, or whatever their shape
    )
    clip_seconds: Annotated[float, Range(SHORTEST_CLIP, 3600)] = 3.0  # of each spectrogram, for voices
    speakers: Annotated[int, Range(2, 1_000_000)] | None = None  # of voices: those heard most equally long; None: all
    batch_size: Annotated[int, Range(2, 65_536, why="BatchNorm needs two images")]
    augment: bool = True  # crop and flip as the data set allows
    cutout: Annotated[int, Range(0, 1024)] = 0  # pixels, the side of the square; 0: none

    def validate(self) -> None:
        super().validate()
        self.require(self.augment or not self.cutout, "cutout", "0 without augment,")

    def load(self, split: Literal["train", "test"], root: str | Path | None) -> data.AnyDataset:
        limit = self.train_images if split == "train" else self.test_images
        return data.load(
            self.dataset,
            split,
            root=root,
            limit=limit,
            image_size=self.image_size,
            fit=self.fit,
            clip_seconds=self.clip_seconds,
            speakers=self.speakers,
        )

    def fingerprint(self, root: str | Path | None) -> dict[str, Any]:
        """What all data are that `load` takes from, see `nascore.data.fingerprint`."""
        return data.fingerprint(self.dataset, root=root)

    def training_batches(
        self,
        images: data.AnyDataset,
        generator: torch.Generator,
        indices: Tensor | None = None,
        share: data.Share = data.WHOLE,
    ) -> data.AnyBatches:
        """Shuffled and augmented batches of some of the images; a last one of a single image joins the one before.

        Raises `ConfigError` where there are fewer than two.
        """
        if (count := len(images) if indices is None else len(indices)) < 2:
            raise ConfigError(
                f"{count} of {len(images)} images to train on, and BatchNorm needs two: give more `train_images`, or "
                "another `optimization__train_fraction`"
            )
        return data.batches(
            images,
            self.batch_size,
            indices=indices,
            augment=self.augment,
            cutout=self.cutout,
            shuffle=True,
            drop_last=False,
            generator=generator,
            share=share._replace(least=2),
        )


class SgdSettings(Settings):
    """SGD with momentum, weight decay, gradient clipping and a learning rate that falls epoch by epoch."""

    epochs: Epochs
    learning_rate: Rate
    final_learning_rate: Annotated[float, Range(0, 1e20)] = (
        0.0  # where the cosine and the line end, after the last epoch
    )
    schedule: Literal["cosine", "linear", "exponential", "step", "restarts"] = "cosine"
    decay: Fraction = 0.97  # factor of the exponential schedule, an epoch, and of the one in steps, a step
    step_epochs: Epochs = 30  # of the schedule in steps
    restart_epochs: Epochs = 10  # of the first cosine of the one with restarts; each lasts twice as long as the last
    momentum: Momentum = 0.9
    nesterov: bool = False
    weight_decay: NonNegative
    gradient_clip: Positive = 5.0  # the largest norm of all gradients together
    # float64: of everything, so that results travel, see `training.precision`; bfloat16: of convolutions and matrix
    # products by autocast, for GPUs
    precision: Precision = "float32"

    def validate(self) -> None:
        super().validate()
        self.require(self.momentum > 0 or not self.nesterov, "nesterov", "False without momentum")

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.SGD:
        parameters = list(parameters)
        rate: float | Tensor = self.learning_rate
        device = parameters[0].device
        if device.type == "cuda":  # a rate on the device, so that a recorded step follows when it changes
            rate = torch.tensor(rate, device=device)
        # on CPUs torch's fused step takes the memory of a gradient as it lies, which may be channels-last
        fused = True if device.type == "cuda" else None
        optimizer = torch.optim.SGD(
            parameters,
            rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=fused,
        )
        if fused and self.momentum:  # it wants all momenta or none, and sampled searches reach some weights late
            for parameter in parameters:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return optimizer

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        past, span = epoch / self.epochs, self.learning_rate - self.final_learning_rate
        match self.schedule:
            case "cosine":
                return self.final_learning_rate + span * (1 + math.cos(math.pi * past)) / 2
            case "linear":
                return self.learning_rate - span * past
            case "exponential":
                return self.learning_rate * self.decay**epoch
            case "step":
                return self.learning_rate * self.decay ** (epoch // self.step_epochs)
            case "restarts":
                length = self.restart_epochs
                while epoch >= length:
                    epoch, length = epoch - length, 2 * length
                return self.final_learning_rate + span * (1 + math.cos(math.pi * epoch / length)) / 2
