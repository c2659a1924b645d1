"""What every training shares: which images reach the network and how, and SGD with its schedules."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nascore import data
from nascore.base.config import Settings

Precision = Literal["float32", "bfloat16"]


class DataSettings(Settings):
    """Which images, and how they reach the network."""

    dataset: str
    train_images: int | None = None  # a class-balanced part of the training images; None: all
    test_images: int | None = None
    image_size: int | None = None  # pixels, for folders of images that differ in size
    fit: Literal["shorter", "square"] = (
        "shorter"  # how these are scaled: by their shorter side, or whatever their shape
    )
    clip_seconds: float = 3.0  # of each spectrogram, for voices
    speakers: int | None = None  # of voices: so many, those heard most equally long; None: all
    batch_size: int
    augment: bool = True  # crop and flip as the data set allows
    cutout: int = 0  # pixels, the side of the square; 0: none

    def validate(self) -> None:
        super().validate()
        self.require(self.batch_size >= 1, "batch_size", "at least 1")
        self.require(
            self.cutout >= 0 and (self.augment or not self.cutout), "cutout", "at least 0, and 0 without augment,"
        )

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
        """Shuffled and augmented batches of some of the images; a last one of a single image joins the one before."""
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

    epochs: int
    learning_rate: float
    final_learning_rate: float = 0.0  # where the cosine and the line end, after the last epoch
    schedule: Literal["cosine", "linear", "exponential", "step", "restarts"] = "cosine"
    decay: float = 0.97  # factor of the exponential schedule, an epoch, and of the one in steps, a step
    step_epochs: int = 30  # of the schedule in steps
    restart_epochs: int = 10  # of the first cosine of the schedule with restarts; each lasts twice as long as the last
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float
    gradient_clip: float = 5.0  # the largest norm of all gradients together
    precision: Precision = "float32"  # of convolutions and matrix products; bfloat16 by autocast, for GPUs

    def validate(self) -> None:
        super().validate()
        self.require(self.epochs >= 1, "epochs", "at least 1")
        self.require(self.learning_rate > 0, "learning_rate", "above 0")
        self.require(self.gradient_clip > 0, "gradient_clip", "above 0")
        self.require(self.momentum > 0 or not self.nesterov, "nesterov", "False without momentum")
        self.require(self.step_epochs >= 1, "step_epochs", "at least 1")
        self.require(self.restart_epochs >= 1, "restart_epochs", "at least 1")

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.SGD:
        parameters = list(parameters)
        rate: float | Tensor = self.learning_rate
        device = parameters[0].device
        if device.type == "cuda":  # a rate on the device, so that a recorded step follows when it changes
            rate = torch.tensor(rate, device=device)
        return torch.optim.SGD(
            parameters,
            rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=True if device.type == "cuda" else None,
        )

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
