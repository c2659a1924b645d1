"""The search loop: it knows the five choices by their interfaces, and nothing that a method owns."""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nascore import data
from nascore.base.errors import ConfigError
from nascore.base.processes import check_alone
from nascore.derivation.base import Derivation
from nascore.networks.genotypes import AnyGenotype
from nascore.optimization.base import Batch, Optimization, Step, frozen_statistics
from nascore.optimization.bilevel import Bilevel
from nascore.pruning.base import Masks, Pruning
from nascore.pruning.indicator import Indicator, Strengths
from nascore.records.record import ArchitectureHistory, Result, Run
from nascore.relaxations.architecture import Architecture
from nascore.relaxations.base import Relaxation
from nascore.search.dropout import SkipConnections, SkipDropout
from nascore.search.problem import SearchProblem
from nascore.spaces.base import Space
from nascore.supernets.replay import Replayed
from nascore.training.evaluation import Averages, evaluate, evaluation_batches, set_learning_rate
from nascore.training.settings import DataSettings, SgdSettings

Snapshot = dict[str, dict[str, Tensor]]  # cell type -> column of the record -> values, NaN where dropped


class SearchSettings(DataSettings, SgdSettings):
    """The five choices, what operations are judged by, and how the supernet is trained: everything that decides a
    search but its seed.
    """

    space: Space
    relaxation: Relaxation
    optimization: Optimization
    pruning: Pruning
    derivation: Derivation
    indicator: Indicator = Indicator()
    skip_dropout: SkipDropout = SkipDropout()
    alpha_std: float = 1e-3  # alpha starts as this times a standard normal (Code: darts),
    alpha_mean: float = 0.0  # plus this

    def validate(self) -> None:
        super().validate()
        self.require(self.alpha_std >= 0, "alpha_std", "at least 0")
        if self.indicator.needs_draws and not self.relaxation.samples:
            raise ConfigError(
                f"the indicator {type(self.indicator).__name__} tells operations apart by the passes that drew them: "
                "it needs a relaxation that draws, such as GumbelSoftmax(hard=True)"
            )
        if self.nesterov and isinstance(self.optimization, Bilevel) and self.optimization.order == 2:
            raise ConfigError("the second order unrolls a step of plain momentum: set nesterov=False, or order=1")

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


class Search:
    """A search that runs epoch by epoch; `state_dict` between epochs holds all that the rest of it depends on.

    Of searches in turn (`search.stages`), `stage` says which this is, from 0: all halve the images alike, but draw
    their own batches and architecture parameters. `alive` says which operations live at its start; None: all.
    """

    def __init__(
        self,
        settings: SearchSettings,
        device: torch.device,
        seed: int,
        root: str | Path | None,
        *,
        stage: int = 0,
        alive: Masks | None = None,
    ):
        self.settings, self.device, self.epochs, self.epoch = settings, device, settings.epochs, 0
        own = int(np.random.SeedSequence([seed, stage]).generate_state(1)[0]) if stage else seed
        self.generator = torch.Generator(device).manual_seed(own)
        images = settings.load("train", root).to(device)  # a search never sees the test images
        self.train, self.valid, self.held_out = self._batches(images, seed)
        shapes, draws = settings.space.shapes(), torch.Generator().manual_seed(own)
        self.architecture = Architecture(shapes, draws, settings.alpha_std, settings.alpha_mean).to(device)
        supernet = settings.space.supernet(images.info.channels, images.info.classes).to(device)
        self.problem = SearchProblem(
            supernet, self.architecture, settings.relaxation, self.generator, settings.precision, settings.space
        )
        self.stepper = settings.optimization.start(
            self.problem, settings.optimizer(supernet.parameters()), settings.gradient_clip
        )
        self.judge = settings.indicator.start(shapes)
        self.skips = SkipConnections(supernet, self.generator)
        if alive is not None:
            self._keep(alive)
        self.snapshots = [self._snapshot()]
        # a draw decides which kernels are launched, so what is sampled cannot be recorded
        recorded = device.type == "cuda" and not settings.relaxation.samples
        self._replayed = Replayed(self._flat_step, [self.generator]) if recorded else None

    def _batches(
        self, images: data.Dataset, seed: int
    ) -> tuple[data.Batches, data.Batches | None, data.Batches | None]:
        """Batches for the weights, for alpha, and the latter's images again, unaugmented, for evaluation."""
        settings, fraction = self.settings, self.settings.optimization.train_fraction
        first, second = (None, None) if fraction == 1 else data.split_indices(len(images), fraction, seed)
        train = settings.training_batches(images, self.generator, first)
        if second is None:
            return train, None, None
        return train, settings.training_batches(images, self.generator, second), evaluation_batches(images, second)

    def run_epoch(self) -> dict[str, float]:
        """Update the weights on every training image once; returns losses in nats and accuracies in percent.

        `alive` counts the candidate operations, over all edges of all cell types, that live on, `dropped` those that
        did not. `skip_dropout` is the epoch's, where the settings have one.
        """
        problem, settings = self.problem, self.settings
        rate = set_learning_rate(self.stepper.optimizer, settings.learning_rate_at(self.epoch))
        dropout = self.skips.drop(settings.skip_dropout.at(self.epoch, settings.optimization.warm_up, self.epochs))
        averages = Averages(self.device)
        held_out = self.valid.forever() if self.valid and not self.resting else repeat(None)
        problem.supernet.train()
        each_step, before = settings.pruning.every == "step", self.architecture.living
        for batches in zip(self.train, held_out, strict=False):
            step = self._step(*batches)
            averages.add(step.train.loss, step.train.correct, step.train.images)
            if not self.resting:
                self.judge.observe(step)
            if each_step:
                self._prune(self.epoch + 1)
        self._advance(self.epoch + 1)
        self._prune(self.epoch)
        self.snapshots.append(self._snapshot())
        alive = self.architecture.living
        row = {"learning_rate": rate, "alive": alive, "dropped": before - alive}
        row |= {"skip_dropout": dropout} if settings.skip_dropout.rate else {}
        return row | averages.named("train") | self._validate()

    @property
    def resting(self) -> bool:
        """Whether this epoch trains the weights alone."""
        return self.epoch < self.settings.optimization.warm_up

    def _step(self, train: Batch, held_out: Batch | None) -> Step:
        if self._replayed is None:
            return self._any_step(train, held_out)
        alive = tuple(mask.numpy().tobytes() for mask in self.architecture.alive.values())
        progress = self.problem.progress if self.settings.relaxation.anneals else None
        key = (alive, progress, self.resting, self.skips.dropout, self.stepper.phase)
        return self._replayed(key, *train, *(held_out or (None, None)))

    def _flat_step(self, images: Tensor, labels: Tensor, *held_out: Tensor | None) -> Step:
        return self._any_step((images, labels), None if held_out[0] is None else held_out)

    def _any_step(self, train: Batch, held_out: Batch | None) -> Step:
        return self.stepper.step_weights(train) if self.resting else self.stepper.step(train, held_out)

    def _advance(self, epoch: int) -> None:
        self.epoch, self.problem.progress = epoch, epoch / self.epochs

    def _prune(self, epoch: int) -> None:
        space, alive = self.settings.space, self.architecture.alive
        self._keep(self.settings.pruning.keep(space, self.strengths(), alive, epoch))

    def _keep(self, kept: Masks) -> None:
        if self.architecture.keep(kept):
            self.stepper.forget(list(self.architecture.alive.values()))

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
        weights = self.architecture.strengths(self.settings.relaxation, self.problem.progress)
        return {kind: value.cpu() for kind, value in weights.items()}

    def strengths(self) -> Strengths:
        """What pruning and derivation go by now."""
        return self.judge.strengths(self._weights(), self.architecture.alive)

    def _snapshot(self) -> Snapshot:
        weights, alive = self._weights(), self.architecture.alive
        columns = {"weight": weights} | self.judge.history(weights, alive)
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
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._advance(state["epoch"])
        self.problem.supernet.load_state_dict(state["supernet"])
        self.architecture.load_state_dict(state["architecture"])
        self.stepper.load_state_dict(state["stepper"])
        self.judge.load_state_dict(state["judge"])
        self.generator.set_state(state["generator"])
        self.snapshots = state["snapshots"]

    def weights(self) -> dict[str, Tensor]:
        """The supernet's weights, for whoever goes on from them."""
        return self.problem.supernet.state_dict()

    def result(self, snapshots: Sequence[Snapshot] | None = None) -> Result:
        """The genotype, and what was known of all operations in all epochs, see `ArchitectureHistory`.

        `snapshots` are those of the epochs, if this search was not the only one.
        """
        space, weights = self.settings.space, self._weights()
        genotype = self.settings.derivation.genotype(space, self.strengths())
        survivors = torch.cat([(values > 0).sum(dim=1) for values in weights.values()])
        metrics = {
            "edges_without_survivor": int((survivors == 0).sum()),
            "edges_with_several_survivors": int((survivors > 1).sum()),
            "nodes_without_inputs": _empty_nodes(space, genotype),
        }
        history = self._history(snapshots or self.snapshots)
        remarks = self.settings.pruning.remarks(self.architecture.alive)
        return Result(metrics, genotype=genotype, architecture=history, remarks=remarks)

    def _history(self, snapshots: Sequence[Snapshot]) -> ArchitectureHistory:
        space = self.settings.space
        cells = {
            kind: {name: torch.stack([at[kind][name] for at in snapshots]).numpy() for name in columns}
            for kind, columns in snapshots[0].items()
        }
        return ArchitectureHistory(cells, space.edges(), space.operations)


def _empty_nodes(space: Space, genotype: AnyGenotype) -> int:
    """How many nodes, over all cell types, nothing leads to."""
    nodes = {target for _, target in space.edges()}
    return sum(len(nodes - {target for _, _, target in cell.arrows()}) for cell in genotype.cells().values())
