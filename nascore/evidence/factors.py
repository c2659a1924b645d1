"""What each factor of a factorial experiment does: paired by seed, over all that the other factors were."""

from collections.abc import Sequence

import pandas as pd

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.evidence.statistics import compare, holm
from nascore.evidence.verdicts import Comparison


@checked
def effects(frame: pd.DataFrame, factors: Sequence[str], value: str) -> dict[str, Comparison]:
    """ "level instead of reference" -> how the column `value` differs between two levels of a factor, for each of the
    columns `factors` and each of its levels but the first, which is the reference.

    `frame` has a row for each run: its seed, its level of each factor, and the value. A seed's difference is the mean
    over the settings of the other factors that were run at both levels; combinations that there are not, such as
    pruning without zeros, are so left out on both sides. Seeds are the pairs of a paired t-test, all effects together a
    family (Holm). Raises `ConfigError` for a missing column, and for two levels that share no setting.
    """
    for column in ("seed", *factors, value):
        if column not in frame:
            raise ConfigError(f"there is no column {column!r}, only {', '.join(map(str, frame.columns))}")
    found = {}
    for factor in factors:
        others = [each for each in factors if each != factor]
        wide = frame.groupby(["seed", *others, factor], sort=False)[value].mean().unstack(factor)
        reference, *levels = dict.fromkeys(frame[factor])
        for level in levels:
            both = wide[[reference, level]].dropna().groupby("seed").mean()
            if both.empty:
                raise ConfigError(f"{level!r} and {reference!r} of {factor} were never run with the rest alike")
            sides = both[level].tolist(), both[reference].tolist()
            found[f"{level} instead of {reference}"] = compare(*sides, paired=True, claim="different")
    return holm(found)
