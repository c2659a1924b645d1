"""Random search: what every method has to beat, a search of its own that learns nothing but which cell did best.

Cells are drawn uniformly from the space, each is trained by itself for some epochs on the images for the weights, and
the best on those held out is what was found (DARTS, Table 1; Li and Talwalkar 2019). No supernet, no shared weights.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nascore import data
from nascore.base.answers import check_answered
from nascore.base.arguments import checked
from nascore.base.ranges import Positive, Range, Seed
from nascore.records.record import Candidate, Result, Run
from nascore.search.loop import check_start
from nascore.spaces.base import Space
from nascore.training.evaluation import (
    Averages,
    autocast,
    evaluate,
    evaluation_batches,
    set_learning_rate,
    wide,
)
from nascore.training.precision import beginning, numbers
from nascore.training.settings import DataSettings, SgdSettings


class RandomSearchSettings(DataSettings, SgdSettings):
    """Everything that decides a random search but its seed: `samples` cells of the space, each trained for `epochs`.

    The network of a cell is as large as the space's supernet. With `seconds`, no cell is begun once so many have
    passed: a budget of time, whose result is another on another machine; the record says how many cells there were.
    """

    space: Space
    samples: Annotated[int, Range(1, 10_000)]  # drawn with replacement: a small space gives some cells twice
    seconds: Positive | None = None
    train_fraction: Annotated[float, Range(above=0, below=1)] = 0.5  # of the images; cells are compared on the others

    def validate(self) -> None:
        super().validate()
        check_answered(self)

    def start(
        self, device: torch.device, seed: int, root: str | Path | None = None, after: Run | None = None
    ) -> "RandomSearch":
        """The search at its beginning; cells, their weights and their batches are drawn from `seed` and their number.

        Raises `ConfigError` where `torchrun` started several processes, and for a run to go on from.
        """
        check_start(after)
        return RandomSearch(self, device, seed, root)


@checked
class RandomSearch:
    """A random search, epoch by epoch of cell by cell; its state is that of the cell in training, and of the best.

    A cell's draws are its own: the first cells of a longer search are those of a shorter one. The images are halved as
    a `Search` of that seed halves them.
    """

    network: nn.Module

    def __init__(self, settings: RandomSearchSettings, device: torch.device, seed: Seed, root: str | Path | None):
        self.settings, self.device, self.seed = settings, device, seed
        self.epochs, self.epoch, self.seconds = settings.samples * settings.epochs, 0, 0.0
        self.stopped: str | None = None
        self.images = settings.load("train", root).to(device)  # a search never sees the test images
        self.first, second = data.split_indices(len(self.images), settings.train_fraction, seed)
        self.held_out = evaluation_batches(self.images, second)
        self.tried: list[dict[str, float]] = []  # how each cell ended
        self.best: dict[str, Tensor] = {}  # the weights of the best of them
        self._begin(0)

    def _draws(self, cell: int) -> tuple[int, int, int]:
        """Seeds of a cell's architecture, initial weights and batches."""
        one, two, three = np.random.SeedSequence((self.seed, cell)).generate_state(3).tolist()
        return one, two, three

    def _genotype(self, cell: int) -> Any:
        return self.settings.space.random(torch.Generator().manual_seed(self._draws(cell)[0]))

    def _begin(self, cell: int) -> None:
        settings, info, (_, weights, batches) = self.settings, self.images.info, self._draws(cell)
        with torch.random.fork_rng(devices=[]), beginning(settings.precision):
            torch.default_generator.manual_seed(weights)
            network = settings.space.network(self._genotype(cell), info.channels, info.classes)
        self.cell, self.network = cell, network.to(self.device)
        self.optimizer = settings.optimizer(self.network.parameters())
        self.generator = torch.Generator(self.device).manual_seed(batches)
        self.train = settings.training_batches(self.images, self.generator, self.first)

    def run_epoch(self) -> dict[str, float]:
        """An epoch of the present cell: its number (from 1), losses in nats and accuracies in percent."""
        began, settings = time.perf_counter(), self.settings
        rate = set_learning_rate(self.optimizer, settings.learning_rate_at(self.epoch % settings.epochs))
        averages = Averages(self.device)
        self.network.train()
        for images, labels in self.train:
            averages.add(*self._step(images, labels), len(labels))
        self.network.eval()
        found = averages.named("train") | evaluate(self._logits, self.held_out, self.device).named("valid")
        row = {"cell": self.cell + 1, "learning_rate": rate} | found
        self.epoch += 1
        if self.epoch % settings.epochs == 0:
            self._end(found)
        self.seconds += time.perf_counter() - began
        if self.epoch % settings.epochs == 0:
            self._next()
        return row

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self._logits(images)
        loss = F.cross_entropy(logits, labels)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        self.optimizer.step()
        return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()

    def _logits(self, images: Tensor) -> Tensor:
        with autocast(self.settings.precision, self.device):
            return wide(self.network(images.to(numbers(self.settings.precision))))

    def _end(self, found: dict[str, float]) -> None:
        self.tried.append(found)
        if self._best() == self.cell:
            self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def _best(self) -> int:
        """The number of the cell with the highest validation accuracy, the first of equals."""
        return max(range(len(self.tried)), key=lambda cell: self.tried[cell]["valid_accuracy"])

    def _next(self) -> None:
        done, most = len(self.tried), self.settings.seconds
        if self.epoch < self.epochs and most is not None and self.seconds >= most:
            self.stopped = f"stopped after {done} of {self.settings.samples} cells: {most:g} seconds have passed"
            self.epochs = self.epoch
        if self.epoch < self.epochs:
            self._begin(done)

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "cell": self.cell,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "tried": self.tried,
            "best": self.best,
            "seconds": self.seconds,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["cell"] != self.cell:
            self._begin(state["cell"])
        self.epoch, self.seconds, self.stopped = state["epoch"], state["seconds"], state["stopped"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.tried, self.best = state["tried"], state["best"]
        if self.stopped:
            self.epochs = self.epoch

    def weights(self) -> dict[str, Tensor]:
        """The weights of the best cell's network."""
        return self.best

    def result(self) -> Result:
        """The best cell with its own losses and accuracies, which one of how many it was, and all that were tried."""
        best, count = self._best(), len(self.tried)
        tried = tuple(Candidate(self._genotype(cell), found) for cell, found in enumerate(self.tried))
        metrics = self.tried[best] | {"cell": best + 1, "cells": count}
        remarks = (self.stopped,) if self.stopped else ()
        return Result(metrics, genotype=tried[best].genotype, candidates=tried, remarks=remarks)
