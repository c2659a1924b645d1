"""The search loop: it knows the five choices by their interfaces, and nothing that a method owns."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nascore import data
from nascore.base.answers import check_answered
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.processes import check_alone
from nascore.base.ranges import Finite, Index, NonNegative, Seed
from nascore.derivation.base import Derivation
from nascore.networks.genotypes import AnyGenotype
from nascore.networks.initial import Initialisation, initialise
from nascore.optimization.base import Batch, Optimization, Step
from nascore.optimization.gradients import frozen_statistics
from nascore.optimization.penalties import Penalty
from nascore.pruning.base import Pruning, Seen, Snapshot
from nascore.pruning.indicator import Indicator
from nascore.pruning.stops import Stop
from nascore.records.record import ArchitectureHistory, Result, Run
from nascore.relaxations.base import Relaxation
from nascore.search.dropout import SkipConnections, SkipDropout
from nascore.search.problem import SearchProblem
from nascore.search.trained import TrainedSupernet
from nascore.spaces.base import Masks, Space, Strengths
from nascore.supernets.replay import Replayed
from nascore.training.evaluation import Averages, evaluate, evaluation_batches, set_learning_rate
from nascore.training.precision import beginning, numbers
from nascore.training.settings import DataSettings, SgdSettings

ANSWERS = ("space", "relaxation", "optimization", "penalty", "pruning", "stop", "indicator", "derivation")


class SearchSettings(DataSettings, SgdSettings):
    """The five choices, what belongs to them, and how the supernet is trained: everything that decides a search but its
    seed.

    Raises `ConfigError` where one of the answers objects to the others (`Answer.objection`).
    """

    space: Space
    relaxation: Relaxation
    optimization: Optimization
    pruning: Pruning
    derivation: Derivation
    indicator: Indicator = Indicator()
    penalty: Penalty = Penalty()  # what is added to the loss that alpha follows
    stop: Stop = Stop()  # whether the search ends before its last epoch
    skip_dropout: SkipDropout = SkipDropout()
    alpha_std: NonNegative = 1e-3  # alpha starts as this times a standard normal (Code: darts),
    alpha_mean: Finite = 0.0  # plus this
    initialisation: Initialisation = "torch"  # of the supernet's weights

    def validate(self) -> None:
        super().validate()
        check_answered(self)
        if (rest := self.optimization.warm_up) >= self.epochs:
            raise ConfigError(
                f"optimization.warm_up must be below the {self.epochs} epochs of the search, not {rest}, or alpha "
                "never moves: give more `epochs`, or a smaller `optimization__warm_up`"
            )
        for name in ANSWERS:
            if reason := getattr(self, name).objection(self):
                raise ConfigError(reason)

    def start(
        self, device: torch.device, seed: int, root: str | Path | None = None, after: Run | None = None
    ) -> "Search":
        """The search at its beginning, its weights drawn from torch's generator and all else from `seed`.

        Raises `ConfigError` where `torchrun` started several processes, and for a run to go on from.
        """
        check_start(after)
        return Search(self, device, seed, root)


def check_start(after: Run | None) -> None:
    """Raise `ConfigError` where `torchrun` started several processes, or a run to go on from is given."""
    check_alone("a search")
    if after is not None:
        raise ConfigError(f"a search starts from fresh weights: leave out after={after.name}")


_DERIVATION = 1  # what tells the draws of a derivation from those of its search


@checked
class Search:
    """A search that runs epoch by epoch; `state_dict` between epochs holds all that the rest of it depends on.

    Of searches in turn (`search.stages`), `stage` says which this is, from 0: all halve the images alike, but draw
    their own batches and architecture parameters. `alive` says which operations live at its start; None: all.
    """

    def __init__(
        self,
        settings: SearchSettings,
        device: torch.device,
        seed: Seed,
        root: str | Path | None,
        *,
        stage: Index = 0,
        alive: Masks | None = None,
    ):
        self.settings, self.device, self.epochs, self.epoch = settings, device, settings.epochs, 0
        self.seeds, self.seconds = (seed, stage), 0.0
        self.stopped: str | None = None
        own = _seed(seed, stage) if stage else seed
        self.generator = torch.Generator(device).manual_seed(own)
        self.images = settings.load("train", root).to(device)  # a search never sees the test images
        self.train, self.valid, self.held_out = self._batches()
        space, draws = settings.space, torch.Generator().manual_seed(own)
        with beginning(settings.precision):
            self.architecture = space.architecture(settings.relaxation, draws, settings.alpha_std, settings.alpha_mean)
            supernet = space.supernet(self.images.info.channels, self.images.info.classes)
            initialise(supernet, settings.initialisation)
        supernet.to(device)
        self.architecture.to(device)
        self.architecture.last = (self.epochs - 1) / self.epochs
        self.problem = self._problem(supernet)
        self.stepper = settings.optimization.start(
            self.problem, settings.optimizer(self.problem.weights), settings.gradient_clip
        )
        self.judge = settings.indicator.start(space.shapes())
        self.skips = SkipConnections(supernet, self.generator)
        if alive is not None:
            if {kind: tuple(mask.shape) for kind, mask in alive.items()} != space.shapes():
                raise ConfigError(f"alive must have a mask for each cell type of the space: {space.shapes()}")
            self._keep(alive)
        self.snapshots: list[Snapshot] = [self._snapshot()]
        # a draw decides which kernels are launched, so what is sampled cannot be recorded
        recorded = device.type == "cuda" and not settings.relaxation.samples
        self._replayed = Replayed(self._flat_step, [self.generator]) if recorded else None

    def _problem(self, supernet: nn.Module) -> SearchProblem:
        settings, info = self.settings, self.images.info
        costs = {}
        if settings.penalty.needs_costs:
            costs = settings.space.costs((info.channels, info.image_size, info.image_size))
        costs = {kind: value.to(self.device, numbers(settings.precision)) for kind, value in costs.items()}
        return SearchProblem(
            supernet,
            self.architecture,
            self.generator,
            settings.precision,
            space=settings.space,
            penalty=settings.penalty,
            costs=costs,
            image_size=info.image_size,
        )

    def _halves(self) -> tuple[Tensor | None, Tensor | None]:
        """The images for the weights and those for alpha; None for all, or none."""
        fraction = self.settings.optimization.train_fraction
        return (None, None) if fraction == 1 else data.split_indices(len(self.images), fraction, self.seeds[0])

    def _batches(self) -> tuple[data.AnyBatches, data.AnyBatches | None, data.AnyBatches | None]:
        """Batches for the weights, for alpha, and the latter's images again, unaugmented, for evaluation."""
        settings, images, (first, second) = self.settings, self.images, self._halves()
        train = settings.training_batches(images, self.generator, first)
        if second is None:
            return train, None, None
        return train, settings.training_batches(images, self.generator, second), evaluation_batches(images, second)

    def run_epoch(self) -> dict[str, float]:
        """Update the weights on every training image once; returns losses in nats and accuracies in percent.

        `alive` counts the candidate operations, over all edges of all cell types, that live on, `dropped` those that
        did not; `left` those that the pruning would leave now, where it waits for the end. `skip_dropout` is the
        epoch's, where the settings have one; a stepper may add facts of its own.
        """
        problem, settings, began = self.problem, self.settings, time.perf_counter()
        rate = set_learning_rate(self.stepper.optimizer, settings.learning_rate_at(self.epoch))
        dropout = self.skips.drop(settings.skip_dropout.at(self.epoch, settings.optimization.warm_up, settings.epochs))
        averages = Averages(self.device)
        held_out = self.valid.forever() if self.valid and not self.resting else repeat(None)
        problem.supernet.train()
        each_step, before = settings.pruning.every == "step", self.architecture.living
        for batches in zip(self.train, held_out, strict=False):
            if not self.resting:
                self.stepper.prepare(self.valid is not None)
            step = self._step(*batches)
            averages.add(step.train.loss, step.train.correct, step.train.images)
            if not self.resting:
                self.judge.observe(step)
            if each_step:
                self._prune(self.epoch + 1)
        self._advance(self.epoch + 1)
        if not self._waits:
            self._prune(self.epoch)
        self.snapshots.append(self._snapshot())
        row = {"learning_rate": rate} | self._lives(before)
        row |= {"skip_dropout": dropout} if settings.skip_dropout.rate else {}
        row |= averages.named("train") | self._validate() | self._priced() | self.stepper.facts()
        row |= {"left": _count(settings.pruning.keep(self._seen(self.epoch)))} if self._waits else {}
        self._stop(began)
        if self._waits and self.epoch == self.epochs:
            self._prune(self.epoch)
            self.snapshots[-1] = self._snapshot()
        return row | self._lives(before)

    def _lives(self, before: int) -> dict[str, float]:
        alive = self.architecture.living
        return {"alive": alive, "dropped": before - alive}

    @property
    def _waits(self) -> bool:
        """Whether nothing is pruned before the end."""
        return self.settings.pruning.every == "end"

    def _priced(self) -> dict[str, float]:
        """What the penalty adds to the loss of the architecture parameters now, if there is one."""
        with torch.no_grad():
            penalty = self.problem.penalty()
        return {} if penalty is None else {"penalty": float(penalty)}

    def _seen(self, epoch: int) -> Seen:
        alive = self.architecture.alive
        return Seen(self.settings.space, self.strengths(), alive, epoch, self.snapshots, self.seconds)

    def _stop(self, began: float) -> None:
        """End the search with this epoch, if the settings' stop says so."""
        self.seconds += time.perf_counter() - began
        if self.epoch < self.epochs and (reason := self.settings.stop.reason(self._seen(self.epoch))):
            self.stopped, self.epochs = f"stopped after epoch {self.epoch}: {reason}", self.epoch

    @property
    def resting(self) -> bool:
        """Whether this epoch trains the weights alone."""
        return self.epoch < self.settings.optimization.warm_up

    def _step(self, train: Batch, held_out: Batch | None) -> Step:
        if self._replayed is None:
            return self._any_step(train, held_out)
        alive = tuple(mask.numpy().tobytes() for mask in self.architecture.alive.values())
        anneals = self.settings.relaxation.anneals or type(self.settings.penalty) is not Penalty
        progress = self.architecture.progress if anneals else None
        key = (alive, progress, self.resting, self.skips.dropout, self.stepper.phase)
        return self._replayed(key, *train, *(held_out or (None, None)))

    def _flat_step(
        self, images: Tensor, labels: Tensor, held_images: Tensor | None, held_labels: Tensor | None
    ) -> Step:
        held_out = None if held_images is None or held_labels is None else (held_images, held_labels)
        return self._any_step((images, labels), held_out)

    def _any_step(self, train: Batch, held_out: Batch | None) -> Step:
        return self.stepper.step_weights(train) if self.resting else self.stepper.step(train, held_out)

    def _advance(self, epoch: int) -> None:
        self.epoch, self.architecture.progress = epoch, epoch / self.settings.epochs

    def _prune(self, epoch: int) -> None:
        self._keep(self.settings.pruning.keep(self._seen(epoch)))

    def _keep(self, kept: Masks) -> None:
        if self.architecture.keep(kept):
            self.stepper.forget()

    def _validate(self) -> dict[str, float]:
        if self.held_out is None:
            return {}
        # where passes draw, the running statistics are those of no network in particular: batches bring their own
        relaxation = self.settings.relaxation
        stale = relaxation.samples or relaxation.outruns_statistics
        supernet = self.problem.supernet.train(stale)
        self.skips.drop(0.0)
        with frozen_statistics(supernet) if stale else nullcontext():
            return evaluate(self.problem.logits, self.held_out, self.device).named("valid")

    def _weights(self) -> dict[str, Tensor]:
        """Cell type -> architecture weights, on the CPU."""
        return {kind: value.cpu() for kind, value in self.architecture.strengths().items()}

    def strengths(self) -> Strengths:
        """What pruning and derivation go by now."""
        return self.judge.strengths(self._weights(), self.architecture.alive)

    def _snapshot(self) -> Snapshot:
        weights, alive = self._weights(), self.architecture.alive
        columns = {"weight": weights} | self.judge.history(weights, alive) | self.architecture.history()
        return {
            kind: {name: values[kind].float().masked_fill(~mask, torch.nan) for name, values in columns.items()}
            for kind, mask in alive.items()
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "supernet": self.problem.supernet.state_dict(),
            "architecture": self.architecture.state_dict(),
            "stepper": self.stepper.state_dict(),
            "judge": self.judge.state_dict(),
            "generator": self.generator.get_state(),
            "snapshots": self.snapshots,
            "seconds": self.seconds,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._advance(state["epoch"])
        self.problem.supernet.load_state_dict(state["supernet"])
        self.architecture.load_state_dict(state["architecture"])
        self.stepper.load_state_dict(state["stepper"])
        self.judge.load_state_dict(state["judge"])
        self.generator.set_state(state["generator"])
        self.snapshots, self.seconds, self.stopped = state["snapshots"], state["seconds"], state["stopped"]
        if self.stopped:
            self.epochs = self.epoch

    def weights(self) -> dict[str, Tensor]:
        """The supernet's weights, for whoever goes on from them."""
        return self.problem.supernet.state_dict()

    def result(self, snapshots: Sequence[Snapshot] | None = None) -> Result:
        """The genotype, and what was known of all operations in all epochs, see `ArchitectureHistory`.

        `snapshots` are those of the epochs, if this search was not the only one.
        """
        space, weights = self.settings.space, self._weights()
        genotype = self.settings.derivation.genotype(space, self.strengths(), self.trained())
        survivors = torch.cat([(values > 0).sum(dim=1) for values in weights.values()])
        metrics: dict[str, float] = {
            "edges_without_survivor": int((survivors == 0).sum()),
            "edges_with_several_survivors": int((survivors > 1).sum()),
            "nodes_without_inputs": _empty_nodes(space, genotype),
        }
        history = self._history(snapshots or self.snapshots)
        remarks = self.settings.pruning.remarks(self.architecture.alive)
        said = self.stopped or self.settings.stop.remark(self._seen(self.epoch))
        remarks = (said, *remarks) if said else remarks
        return Result(metrics, genotype=genotype, architecture=history, remarks=remarks)

    def trained(self) -> TrainedSupernet | None:
        """What a derivation may try things on, if it wants to."""
        if not self.settings.derivation.needs_search:
            return None
        space, settings, info = self.settings.space, self.settings, self.images.info
        with torch.random.fork_rng(devices=[]):
            supernet = space.supernet(info.channels, info.classes).to(numbers(settings.precision))
        supernet.load_state_dict(self.problem.supernet.state_dict())
        seed = _seed(*self.seeds, _DERIVATION)
        train = settings.training_batches(
            self.images, torch.Generator(self.device).manual_seed(seed), self._halves()[0]
        )
        parts = (space, self.architecture, supernet.to(self.device), settings, train, self.held_out, self.device)
        return TrainedSupernet(*parts, torch.Generator().manual_seed(seed), settings.optimization.clip)

    def _history(self, snapshots: Sequence[Snapshot]) -> ArchitectureHistory:
        space = self.settings.space
        cells = {
            kind: {name: torch.stack([at[kind][name] for at in snapshots]).numpy() for name in columns}
            for kind, columns in snapshots[0].items()
        }
        return ArchitectureHistory(cells, space.edges(), space.operations)


def _count(masks: Masks) -> int:
    return sum(int(mask.sum()) for mask in masks.values())


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _empty_nodes(space: Space, genotype: AnyGenotype) -> int:
    """How many nodes, over all cell types, nothing leads to."""
    nodes = {target for _, target in space.edges()}
    return sum(len(nodes - {target for _, _, target in cell.arrows()}) for cell in genotype.cells().values())
