"""What searches found, as tidy tables with a method for each row: from run records alone.

`groups` maps the name of a method to its search records, one a seed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Protocol, TypeVar, runtime_checkable

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.evidence.nasbench201 import Accuracies, Benchmark
from nascore.networks.benchmark_cells import BenchmarkCell
from nascore.networks.cells import INPUTS, Kept, Stack
from nascore.networks.genotypes import AnyGenotype
from nascore.records.record import Run

Groups = Mapping[str, Iterable[Run]]
Kind = TypeVar("Kind", bound=AnyGenotype)


_EDGE = ["cell", "source", "target"]


@runtime_checkable
class Truth(Protocol):
    """What knows the true accuracies of cells, and for `judged` their ranks, as `nasbench201.Table` does."""

    def accuracy(self, cell: BenchmarkCell) -> Accuracies: ...


@checked
def pace(groups: Groups) -> pd.DataFrame:
    """Columns method, seed, epoch (from 1), seconds of the epoch, alive: the candidate operations left after it."""
    return _gathered(groups, lambda run: run.history[["epoch", "seconds", "alive"]])


@checked
def strongest(groups: Groups) -> pd.DataFrame:
    """Columns method, seed, cell, source, target, operation: what has the largest weight on each edge, `none`
    included, survivors: how many operations have any weight. At the end of the search.
    """
    return _gathered(groups, _strongest)


@checked
def at_end(groups: Groups) -> pd.DataFrame:
    """Columns method, seed, cell, source, target, operation, weight, what else the records keep of operations
    (`importance`, say), and lasted: the last epoch (from 0) after which each operation was alive. At the end of the
    search; weights of dropped operations are NaN.
    """
    return _gathered(groups, _at_end)


@checked
def best(runs: Iterable[Run], metric: str = "valid_accuracy") -> Run:
    """The run in which `metric` ended highest, the first of equals: the seed that EoiNAS goes on with (section 4.2).

    Raises `ConfigError` for a metric that a run has not, or no runs.
    """
    runs = list(runs)
    if missing := [run.name for run in runs if metric not in run.metrics]:
        raise ConfigError(f"{missing[0]} has no {metric!r}: a search without held-out images has none")
    if not runs:
        raise ConfigError("there are no runs to choose from")
    return max(runs, key=lambda run: run.metrics[metric])


@checked
def agreement(groups: Groups) -> pd.Series:
    """Method -> percent of edges on which two of its searches have the same strongest operation, over all pairs.

    Raises `ConfigError` for a method with fewer than two searches.
    """
    found = {}
    for method, rows in strongest(groups).groupby("method", sort=False):
        searches = [search["operation"].to_numpy() for _, search in rows.groupby("seed", sort=False)]
        if len(searches) < 2:
            raise ConfigError(f"agreement needs two searches of a method at least; {method} has one")
        same = [(one == other).mean() for one, other in combinations(searches, 2)]
        found[method] = 100 * sum(same) / len(same)
    return pd.Series(found, name="agreement")


@checked
def judged(groups: Groups, table: Truth, dataset: Benchmark) -> pd.DataFrame:
    """Columns method, seed, architecture (NAS-Bench-201's string), accuracy: the true test accuracy (%) on `dataset`
    after 200 epochs, place: its rank of 15,625, collapse: the kind of degenerate cell that it is, or "".
    """
    return _gathered(groups, lambda run: _judged(_found(run, BenchmarkCell), table, dataset))


@checked
def swapped(groups: Groups, table: Truth, dataset: Benchmark) -> pd.DataFrame:
    """`at_end`, with accuracy: the true test accuracy (%) on `dataset` of the derived NAS-Bench-201 cell with that
    operation in the place of the one that it has on that edge, and chosen: whether it is the one.
    """
    return _gathered(groups, lambda run: _swapped(run, table, dataset))


@checked
def rank_correlation(frame: pd.DataFrame, x: str, y: str, by: str | Sequence[str]) -> pd.DataFrame:
    """Columns of `by`, tau: Kendall's tau-b of the columns `x` and `y` of `frame` among the rows that share them, n:
    how many of these rows have both numbers.

    In the order of `frame`. tau is NaN where a side is constant, or n less than 2. Raises `ConfigError` for a missing
    column.
    """
    by = [by] if isinstance(by, str) else list(by)
    for column in (*by, x, y):
        if column not in frame:
            raise ConfigError(f"there is no column {column!r}, only {', '.join(map(str, frame.columns))}")
    rows = []
    for names, group in frame.groupby(by, sort=False):
        both = group[[x, y]].dropna()
        tau = both[x].corr(both[y], method="kendall") if (both.nunique() > 1).all() else float("nan")
        rows.append((*names, tau, len(both)))
    return pd.DataFrame(rows, columns=[*by, "tau", "n"])


@checked
def masks(run: Run) -> pd.DataFrame:
    """Columns epoch (from 0, before pruning), cell (from 1), node (from 0), mask, and magnitude as
    `nascore.networks.node_pruning.magnitudes` has it: of a run that pruned nodes.
    """
    table = run.architecture_weights.dropna(subset="weight")
    cell = table["cell"].str.removeprefix("cell ").astype(int)
    columns = {"epoch": table["epoch"], "cell": cell, "node": table["source"] - INPUTS, "mask": table["weight"]}
    return pd.DataFrame(columns | {"magnitude": table["magnitude"]}).reset_index(drop=True)


@checked
def kept_nodes(run: Run) -> Kept:
    """The nodes that a run which pruned nodes has kept, for each cell."""
    table = masks(run)
    left = table[(table["epoch"] == table["epoch"].max()) & (table["mask"] != 0)]
    cells = range(1, len(_found(run, Stack).stack) + 1)
    return tuple(tuple(sorted(left.loc[left["cell"] == cell, "node"].tolist())) for cell in cells)


def _found(run: Run, kind: type[Kind]) -> Kind:
    """The run's genotype; raises `ConfigError` where it is of another kind."""
    if not isinstance(run.genotype, kind):
        raise ConfigError(f"{run.name} has found no {kind.__name__} but a {type(run.genotype).__name__}: leave it out")
    return run.genotype


def _gathered(groups: Groups, of: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    parts = [of(run).assign(method=method, seed=run.seed) for method, runs in groups.items() for run in runs]
    if not parts:
        raise ConfigError("there are no searches to look at")
    table = pd.concat(parts, ignore_index=True)
    return table[["method", "seed", *table.columns.drop(["method", "seed"])]]


def _at_end(run: Run) -> pd.DataFrame:
    weights = run.architecture_weights
    last = weights[weights["epoch"] == weights["epoch"].max()]
    lasted = weights.dropna(subset="weight").groupby([*_EDGE, "operation"], sort=False)["epoch"].max().rename("lasted")
    return last.drop(columns="epoch").merge(lasted, left_on=[*_EDGE, "operation"], right_index=True)


def _swapped(run: Run, table: Truth, dataset: Benchmark) -> pd.DataFrame:
    rows, derived = _at_end(run), _found(run, BenchmarkCell)
    chosen = set(derived.edges())
    edges = list(zip(rows["operation"], rows["source"], rows["target"], strict=True))
    cells = [derived.replaced(source, target, name) for name, source, target in edges]
    accuracy = [table.accuracy(cell).test[dataset] for cell in cells]
    return rows.assign(accuracy=accuracy, chosen=[edge in chosen for edge in edges])


def _strongest(run: Run) -> pd.DataFrame:
    last = _at_end(run)
    best = last.loc[last.groupby(_EDGE, sort=False)["weight"].idxmax(), [*_EDGE, "operation"]]
    survivors = (last["weight"] > 0).groupby([last[name] for name in _EDGE], sort=False).sum().to_numpy()
    return best.assign(survivors=survivors)


def _judged(cell: BenchmarkCell, table: Any, dataset: Benchmark) -> pd.DataFrame:
    row = {
        "architecture": cell.string,
        "accuracy": table.accuracy(cell).test[dataset],
        "place": table.rank(cell, dataset).place,
        "collapse": cell.collapse() or "",
    }
    return pd.DataFrame([row])
