"""Tables are checked before they are drawn, so that the error names the column."""

from collections.abc import Iterable

import pandas as pd

from nascore.errors import ConfigError


def check_columns(table: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raises `ConfigError` if `table` lacks one of `columns`, or has no rows."""
    for column in columns:
        if column not in table:
            raise ConfigError(f"there is no column {column!r}, only {', '.join(map(str, table.columns))}")
    if table.empty:
        raise ConfigError("there is nothing to draw: the table has no rows")
