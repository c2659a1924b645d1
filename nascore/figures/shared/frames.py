"""Tables are checked before they are drawn, so that the error names the column."""

from collections.abc import Iterable

import pandas as pd

from nascore.base.errors import ConfigError


def check_columns(table: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raises `ConfigError` if `table` lacks one of `columns`, or has no rows."""
    for column in columns:
        if column not in table:
            raise ConfigError(f"there is no column {column!r}, only {', '.join(map(str, table.columns))}")
    if table.empty:
        raise ConfigError("there is nothing to draw: the table has no rows")


def check_once(table: pd.DataFrame, columns: list[str]) -> None:
    """Raises `ConfigError` if two rows of `table` have the same values in all of `columns`."""
    twice = table[table.duplicated(columns)]
    if len(twice):
        first = twice[columns].astype(object).iloc[0]  # plain numbers
        row = ", ".join(f"{column} {value!r}" for column, value in first.items())
        raise ConfigError(f"there are two rows for {row}: give one, the mean of several")
