"""What studies are made of: a row for each run, with the numbers that claims are about. From records alone."""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from nascore import data
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Fraction
from nascore.evidence.findings import Groups, Truth, at_end, strongest
from nascore.evidence.nasbench201 import BENCHMARKS
from nascore.evidence.tables import _metric
from nascore.networks.benchmark_cells import BenchmarkCell
from nascore.networks.blocks import BlockGenotype
from nascore.networks.cells import Genotype
from nascore.records.record import Run

IDLE = ("none", "skip_connect")  # operations without weights that lead nowhere or on as it is


@checked
def trainings(groups: Groups) -> pd.DataFrame:
    """Of training records: columns method, seed, run, test_accuracy (%), parameters, macs, seconds."""
    numbers = ("test_accuracy", "parameters", "macs")
    return _rows(groups, lambda run: {name: _metric(run, name) for name in numbers} | {"seconds": run.seconds})


@checked
def searches(groups: Groups) -> pd.DataFrame:
    """Of search records: columns method, seed, run, idle (% of edges led by `none` or `skip_connect` at the end), none
    (% led by `none`), operations_left (an edge, mean), most_left (on one edge), single (% of edges with one left),
    last_epoch (its time, as a share of the first's), seconds.
    """
    return _rows(groups, _searched)


@checked
def normal_cells(groups: Groups) -> pd.DataFrame:
    """Of searches in the DARTS space, of all normal cell types together: columns method, seed, run, skips (% of the
    edges of the derived cells that are skip connections; of cells without an edge 100, as the identity is all that they
    compute), none_weight, skip_weight (the mean weight of these on an edge at the end).

    Raises `ConfigError` for what has found no genotype of cells.
    """
    return _rows(groups, _normal)


@checked
def budgets(groups: Groups) -> pd.DataFrame:
    """What searches of each method were given, by their settings, a row a method: columns method, epochs, steps (of the
    weights, in all), alpha_steps, images (for the weights, an epoch), alpha_images (the same ones where alpha has none
    of its own), seen (images in all gradients; one pass that both follow counts once), learning_rate,
    final_learning_rate, alpha_learning_rate.

    Of a search that ends early it is what it was given, not what it took. Raises `ConfigError` for no runs, for runs of
    a method that were given different budgets, and for what is no search.
    """
    rows = []
    for method, runs in groups.items():
        given = [_budget(run) for run in runs]
        if any(each != given[0] for each in given):
            raise ConfigError(f"the searches of {method} were given different budgets: take them apart")
        rows += [{"method": method} | each for each in given[:1]]
    if not rows:
        raise ConfigError("there are no runs to measure")
    return pd.DataFrame(rows)


@checked
def benchmarked(
    groups: Groups, table: Truth, rules: Mapping[str, Callable[[Run], BenchmarkCell]] | None = None
) -> pd.DataFrame:
    """Of searches in NAS-Bench-201: columns method, seed, run, and for each of `rules` that derive cells (by default
    the records' own, "own") cifar10_<rule>, cifar100_<rule>, ... (% after 200 epochs) and collapsed_<rule> (1 or 0).
    """

    def derived(run: Run) -> dict[str, float]:
        found = {name: rule(run) for name, rule in (rules or {"own": _own}).items()}
        return {key: value for name, cell in found.items() for key, value in looked_up(cell, table, name).items()}

    return _rows(groups, derived)


@checked
def looked_up(cell: BenchmarkCell, table: Truth, rule: str = "own") -> dict[str, float]:
    """The columns that `benchmarked` has of one cell: for rows without a run, such as random cells."""
    accuracy = table.accuracy(cell).test
    found = {f"{data}_{rule}": float(accuracy[data]) for data in BENCHMARKS}
    return found | {f"collapsed_{rule}": float(cell.collapse() is not None)}


@checked
def agreements(groups: Groups) -> pd.DataFrame:
    """On how many pairs of seeds (%) an edge has the same strongest operation, a row an edge: columns method, seed (the
    edge's number: what varies is the edge), run (""), agreement.

    Raises `ConfigError` for a method with fewer than two searches.
    """
    rows = []
    for method, found in strongest(groups).groupby("method", sort=False):
        names = [search["operation"].to_numpy() for _, search in found.groupby("seed", sort=False)]
        if len(names) < 2:
            raise ConfigError(f"agreement needs two searches of a method at least; {method} has one")
        pairs = [one == other for at, one in enumerate(names) for other in names[:at]]
        rows += [(method, edge, "", 100 * share) for edge, share in enumerate(np.mean(pairs, axis=0).tolist())]
    return pd.DataFrame(rows, columns=["method", "seed", "run", "agreement"])


@checked
def epochs_to_learn(run: Run, share: Fraction = 0.95) -> int:
    """After how many epochs a training first had `share` of the test accuracy with which it ended.

    Raises `ConfigError` for a record without test accuracies.
    """
    accuracy = _tested(run)
    return int(run.history.loc[accuracy >= share * accuracy.iloc[-1], "epoch"].min())


@checked
def learned_early(run: Run) -> float:
    """The mean test accuracy over all epochs of a training, in percent of that with which it ended: the less, the more
    slowly it converged. It tells more than `epochs_to_learn` where epochs are few.

    Raises `ConfigError` for a record without test accuracies.
    """
    accuracy = _tested(run)
    return float(100 * accuracy.mean() / accuracy.iloc[-1])


def _tested(run: Run) -> pd.Series:
    if "test_accuracy" not in run.history:
        raise ConfigError(f"{run.name} was not tested after each epoch: give the record of a training")
    return run.history["test_accuracy"]


@checked
def endings(groups: Groups) -> pd.DataFrame:
    """Of records of DSO-NAS's searches, how they ended: columns method, seed, run, converged (1 where the record says
    so, else 0), scale_steps, left (connections of the blocks found), largest (scale in any epoch, no unit), last_epoch
    (its time, as a share of the first's in which scales learn).
    """
    return _rows(groups, _ended)


@checked
def falling(groups: Groups) -> pd.DataFrame:
    """Of records of DSO-NAS's searches, a row an epoch: columns method, seed, run, epoch, scale_steps so far, left
    (what would be left of all connections then, in percent).
    """
    rows = []
    for method, runs in groups.items():
        for run in runs:
            history = _of_scales(run)
            left = history["left" if "left" in history else "alive"]
            table = history[["epoch", "scale_steps"]].assign(left=100 * left / _connections(run))
            rows.append(table.assign(method=method, seed=run.seed, run=run.name))
    if not rows:
        raise ConfigError("there are no runs to measure")
    return pd.concat(rows, ignore_index=True)[["method", "seed", "run", "epoch", "scale_steps", "left"]]


def _rows(groups: Mapping[str, Iterable[Run]], of: Callable[[Run], Mapping[str, float]]) -> pd.DataFrame:
    rows = [
        {"method": method, "seed": run.seed, "run": run.name} | dict(of(run))
        for method, runs in groups.items()
        for run in runs
    ]
    if not rows:
        raise ConfigError("there are no runs to measure")
    return pd.DataFrame(rows)


def _budget(run: Run) -> dict[str, float]:
    given, epochs = run.settings, run.settings["epochs"]
    if "optimization" not in given:
        raise ConfigError(f"{run.name} is no search")
    optimization, size = given["optimization"], given["batch_size"]
    images = given["train_images"] or len(data.load(given["dataset"], "train"))
    first = round(images * optimization["train_fraction"])  # as `data.split_indices` has it
    second, alpha_epochs = images - first, epochs - optimization["warm_up"]
    steps = epochs * _batches(first, size)
    alpha_steps = alpha_epochs * _batches(first, size)  # one beside each of the weights'
    return {
        "epochs": epochs,
        "steps": steps,
        "alpha_steps": alpha_steps,
        "images": first,
        "alpha_images": second or first,
        "seen": epochs * first + round(alpha_steps * second / _batches(second, size)),
        "learning_rate": given["learning_rate"],
        "final_learning_rate": given["final_learning_rate"],
        "alpha_learning_rate": optimization["learning_rate"],
    }


def _batches(images: int, size: int) -> int:
    return max(1, math.ceil(images / size) - (images % size == 1))  # a last image alone joins the batch before


def _own(run: Run) -> BenchmarkCell:
    if not isinstance(run.genotype, BenchmarkCell):
        raise ConfigError(f"{run.name} has found no cell of NAS-Bench-201")
    return run.genotype


def _normal(run: Run) -> dict[str, float]:
    if not isinstance(run.genotype, Genotype):
        raise ConfigError(f"{run.name} has found no genotype of cells: give searches in the DARTS space")
    cells = [cell for kind, cell in run.genotype.cells().items() if kind != "reduce"]
    kept = [name for cell in cells for name, _, _ in cell.edges()]
    ends = at_end({"": [run]})
    ends = ends[ends["cell"] != "reduce"]
    weights = ends.assign(weight=ends["weight"].fillna(0.0)).groupby("operation")["weight"].mean()
    return {
        "skips": 100 * float(np.mean([name == "skip_connect" for name in kept])) if kept else 100.0,
        "none_weight": float(weights.get("none", 0.0)),
        "skip_weight": float(weights.get("skip_connect", 0.0)),
    }


def _searched(run: Run) -> dict[str, float]:
    ends = strongest({"": [run]})
    left, seconds = ends["survivors"], run.history["seconds"]
    return {
        "idle": 100 * float(ends["operation"].isin(IDLE).mean()),
        "none": 100 * float((ends["operation"] == "none").mean()),
        "operations_left": float(left.mean()),
        "most_left": float(left.max()),
        "single": 100 * float((left == 1).mean()),
        "last_epoch": float(seconds.iloc[-1] / seconds.iloc[0]),
        "seconds": float(run.seconds),
    }


def _of_scales(run: Run) -> pd.DataFrame:
    if "scale_steps" not in run.history or not isinstance(run.genotype, BlockGenotype):
        raise ConfigError(f"{run.name} is no record of a search that counts steps of scales: give one of blocks")
    return run.history


def _connections(run: Run) -> int:
    """How many there were, over all types of blocks."""
    return len(run.architecture_weights.query("epoch == 0"))


def _ended(run: Run) -> dict[str, float]:
    history = _of_scales(run)
    assert isinstance(run.genotype, BlockGenotype)  # see `_of_scales`
    first = history["seconds"][history["scale_steps"] > 0].iloc[0]
    return {
        "converged": float(any(note.startswith(("stopped after", "converged")) for note in run.remarks)),
        "scale_steps": float(history["scale_steps"].iloc[-1]),
        "left": float(sum(map(len, run.genotype.blocks))),
        "largest": float(run.architecture_weights["weight"].max()),
        "last_epoch": float(history["seconds"].iloc[-1] / first),
    }
