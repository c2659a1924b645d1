"""Whether runs that were computed anew agree with their records: same bits, the same, or how far they are apart.

Another CPU rounds differently. In double precision little comes of that: the same genotype, and metrics that are the
same to `DIGITS` digits. In single precision a search amplifies it until another cell is found: then what follows is
trained from other cells and has other names. So runs are compared by their place, the number of the call in their
notebook. Expected is that one computed anew differs from its record by no more than two seeds do.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from nascore.base import paths
from nascore.records.journal import Call
from nascore.records.record import Run, load_run

METRICS = ("test_accuracy", "valid_accuracy")  # in percent; the first that a run has
LEVEL = 0.95
DIGITS = 6  # to which metrics are alike that only rounding of double precision tells apart

_COLUMNS = ["notebook", "recipe", "seed", "agreement", "here", "recorded", "difference", "limit", "expected"]


def agreement(computed: Mapping[str, Sequence[Call]], recorded: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A row for each run that was computed anew.

    `computed` has the calls of each notebook, in order, `recorded` the names of its committed records, in the same
    order. Columns: notebook, recipe, seed; agreement, "same bits", "same" (genotype and metrics, see above), "same
    genotype", "other genotype", "other numbers" for a run without one, or "no record"; here and recorded, the
    accuracies in percent; difference; limit, the largest difference that is expected of two seeds with probability
    `LEVEL`, NaN for a recipe that has one seed everywhere; expected, whether the difference is within it, None without
    a limit.
    """
    records = {name: load_run(paths.committed_runs() / name) for names in recorded.values() for name in names}
    limits = _limits([[records[name] for name in names] for names in recorded.values()])
    rows = []
    for notebook, calls in computed.items():
        names = recorded.get(notebook, ())
        for place, call in enumerate(calls):
            record = records[names[place]] if place < len(names) else None
            if call.source != "committed":
                rows.append((notebook, call.recipe, call.seed, *_compared(call, record, limits)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def summary(table: pd.DataFrame) -> str:
    """The table in three sentences, counts first."""
    if not len(table):
        return "no run was computed anew"
    alike, count = table.agreement.value_counts(), len(table)
    same = [f"{alike[kind]} of {count} {words}" for kind, words in _WORDS.items() if kind in alike]
    judged = table[table.expected.notna()]
    beyond = int((~judged.expected.astype(bool)).sum())
    most = int(stats.binom.ppf(LEVEL, len(judged), 1 - LEVEL))
    said = "as expected" if beyond <= most else "more than expected: something but rounding differs"
    return (
        f"computed anew: {'; '.join(same)}.\nAccuracies differ by {table.difference.abs().median():.2f} points in the "
        f"median and {table.difference.abs().max():.2f} at most.\n{beyond} of {len(judged)} differ by more than two "
        f"seeds do with probability {LEVEL:.0%}, where chance alone gives up to {most}: {said}."
    )


_WORDS = {
    "same bits": "have the bits of their records",
    "same": f"have the same genotype, if any, and metrics to {DIGITS} digits",
    "same genotype": "have the same genotype and other metrics",
    "other genotype": "found, or were made from, another genotype",
    "other numbers": "have other numbers",
    "no record": "have no record to be compared with",
}


def _compared(call: Call, record: Run | None, limits: Mapping[str, float]) -> tuple[object, ...]:
    here = load_run(call.folder)
    if record is None or (record.recipe, record.seed) != (call.recipe, call.seed):
        return "no record", _accuracy(here), np.nan, np.nan, np.nan, None
    alike = here.result["genotype"] == record.result["genotype"]
    if alike and here.metrics == record.metrics:
        kind = "same bits"
    elif alike and _same_numbers(here.metrics, record.metrics):
        kind = "same"
    elif record.result["genotype"] is None:
        kind = "other numbers"
    else:
        kind = "same genotype" if alike else "other genotype"
    ours, theirs, limit = _accuracy(here), _accuracy(record), limits.get(call.recipe, np.nan)
    expected = None if np.isnan(limit) else abs(ours - theirs) <= limit
    return kind, ours, theirs, ours - theirs, limit, expected


def _same_numbers(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    pairs = [(one[name], other[name]) for name in one.keys() & other.keys()]
    close = (math.isclose(here, there, rel_tol=10**-DIGITS, abs_tol=10**-DIGITS / 1000) for here, there in pairs)
    return one.keys() == other.keys() and all(close)


def _accuracy(run: Run) -> float:
    return next((run.metrics[name] for name in METRICS if name in run.metrics), np.nan)


def _limits(notebooks: Sequence[Sequence[Run]]) -> dict[str, float]:
    """For each recipe the largest expected difference of two runs, by what the seeds of its studies differ by.

    Their variance is pooled over all studies, whatever cell or setting each is of.
    """
    squares: dict[str, list[float]] = {}
    freedom: dict[str, int] = {}
    for runs in notebooks:
        for group in _seeds(runs):
            values = np.array([_accuracy(run) for run in group])
            squares.setdefault(group[0].recipe, []).extend((values - values.mean()) ** 2)
            freedom[group[0].recipe] = freedom.get(group[0].recipe, 0) + len(group) - 1
    return {
        recipe: stats.t.ppf((1 + LEVEL) / 2, freedom[recipe]) * np.sqrt(2 * sum(found) / freedom[recipe])
        for recipe, found in squares.items()
        if freedom[recipe] > 0
    }


def _seeds(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs that a notebook asked for one after the other, alike but for their seeds and what was found with these."""
    group: list[Run] = []
    for run in runs:
        if group and not (_alike(run) == _alike(group[-1]) and run.seed > group[-1].seed):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _alike(run: Run) -> tuple[object, ...]:
    return run.recipe, {name: value for name, value in run.settings.items() if name != "genotype"}
