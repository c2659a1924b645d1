"""A search in stages: several searches in turn, of deeper and deeper supernets with fewer and fewer candidates.

P-DARTS (Chen et al. 2019; ETH thesis, section 3.2). It answers two of the five questions stage by stage, how deep the
space's supernet is and what is pruned from it; the other answers hold in all stages, and any of them may be given.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.base.config import Settings, override
from nascore.base.errors import ConfigError
from nascore.base.ranges import Cells, Count, Probability, Range, Seed
from nascore.pruning.base import Snapshot
from nascore.pruning.gradual import strongest
from nascore.records.record import Result, Run
from nascore.search.loop import Search, SearchSettings, check_start
from nascore.spaces.base import Masks


class Stage(Settings):
    """One stage: a supernet of `cells` cells, on each of whose edges at most `operations` candidates live at its start.

    Of more candidates the strongest at the end of the stage before are taken.
    """

    cells: Cells
    operations: Count
    skip_dropout: Probability | None = None  # at its start; None: as `SearchSettings.skip_dropout` has it


class StagedSettings(SearchSettings):
    """A search in `stages`, each of `epochs` epochs, with fresh weights and fresh architecture parameters.

    Learning rates, warm-up, annealing and dropout begin anew in each stage; the halves of the images stay. `space` is
    that of the first stage. Raises `ConfigError` where the two disagree, and for stages of more and more operations.
    """

    stages: Annotated[tuple[Stage, ...], Range(1, 100)]

    def validate(self) -> None:
        super().validate()
        operations = [stage.operations for stage in self.stages]
        self.require(operations == sorted(operations, reverse=True), "stages", "of fewer and fewer operations")
        if len(self.space.operations) > operations[0]:
            raise ConfigError(
                f"the space has {len(self.space.operations)} operations and the first stage takes {operations[0]} at "
                "most, with nothing yet to choose them by: give `stages` whose first has as many"
            )
        space: Any = self.space  # one that has cells
        if space.cells != self.stages[0].cells:
            raise ConfigError(
                f"the first stage has {self.stages[0].cells} cells and the space {space.cells}: each stage says "
                "how many cells it has, so give `stages`, and `space__cells` as the first of them has it"
            )
        for at in range(len(self.stages)):
            self.at(at)

    def at(self, stage: int) -> SearchSettings:
        """The settings of one stage, counted from 0, as those of a search of its own."""
        here = self.stages[stage]
        shared = {field.name: getattr(self, field.name) for field in dataclasses.fields(SearchSettings)}
        dropout = {} if here.skip_dropout is None else {"skip_dropout__rate": here.skip_dropout}
        return override(SearchSettings(**shared), space__cells=here.cells, **dropout)

    def start(  # type: ignore[override]  # another task that is run as a `Search` is
        self, device: torch.device, seed: Seed, root: str | Path | None = None, after: Run | None = None
    ) -> "StagedSearch":
        """See `SearchSettings.start`."""
        check_start(after)
        return StagedSearch(self, device, seed, root)


@checked
class StagedSearch:
    """The searches of all stages, epoch by epoch: a task like `Search`. Its state holds that of the present stage.

    A stop ends the stage that it is asked in, and the next one begins.
    """

    search: Search

    def __init__(self, settings: StagedSettings, device: torch.device, seed: Seed, root: str | Path | None):
        self.settings, self.device, self.seed, self.root = settings, device, seed, root
        self.past: list[Snapshot] = []  # of the stages that are over
        self.done = 0  # their epochs
        self.stopped: list[str] = []  # why those ended that ended early
        self._begin(0)

    def _begin(self, stage: int, alive: Masks | None = None) -> None:
        self.stage = stage
        self.search = Search(self.settings.at(stage), self.device, self.seed, self.root, stage=stage, alive=alive)

    @property
    def epoch(self) -> int:
        """How many epochs are done, over all stages."""
        return self.done + self.search.epoch

    @property
    def epochs(self) -> int:
        """How many there will be: those of the stages that are over, of this one, and of those to come."""
        return self.done + self.search.epochs + self.settings.epochs * (len(self.settings.stages) - self.stage - 1)

    def run_epoch(self) -> dict[str, float]:
        """As `Search.run_epoch`, with the number of the stage (from 1) and its dropout.

        The last epoch of a stage ends with the pruning for the next one, whose first snapshot the record leaves out:
        what is dropped there has the weights that it was dropped at.
        """
        row = {"stage": self.stage + 1, "skip_dropout": 0.0} | self.search.run_epoch()
        if self.search.epoch == self.search.epochs and self.stage + 1 < len(self.settings.stages):
            row |= self._next(row["dropped"])
        return row

    def _next(self, dropped: float) -> dict[str, float]:
        search, left = self.search, self.settings.stages[self.stage + 1].operations
        before = search.architecture.living
        alive = strongest(search.settings.space, search.strengths(), search.architecture.alive, left)
        self.past, self.done = self._snapshots(), self.epoch
        self.stopped += self._stop()
        del search, self.search  # or its supernet would still be there when the next one comes
        self._begin(self.stage + 1, alive)
        now = self.search.architecture.living
        return {"alive": now, "dropped": dropped + before - now}

    def _stop(self) -> list[str]:
        return [f"stage {self.stage + 1}: {self.search.stopped}"] if self.search.stopped else []

    def _snapshots(self) -> list[Snapshot]:
        """Of all epochs up to now, and one from before the first."""
        return [*self.past, *(self.search.snapshots[1:] if self.past else self.search.snapshots)]

    def state_dict(self) -> dict[str, Any]:
        over = {"past": self.past, "done": self.done, "stopped": self.stopped}
        return {"stage": self.stage, **over, "search": self.search.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["stage"] != self.stage:
            self._begin(state["stage"])
        self.past, self.done, self.stopped = state["past"], state["done"], state["stopped"]
        self.search.load_state_dict(state["search"])

    def weights(self) -> dict[str, Tensor]:
        """The weights of the last stage's supernet."""
        return self.search.weights()

    def result(self) -> Result:
        """The genotype that the last stage stands for, and what was known of all operations in all epochs."""
        found = self.search.result(self._snapshots())
        last = (self.search.stopped,) if self.search.stopped else ()
        remarks = [remark for remark in found.remarks if remark not in last]
        return dataclasses.replace(found, remarks=(*self.stopped, *self._stop(), *remarks))
