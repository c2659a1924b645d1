"""Figures as files: for print, for the screen, and their numbers, each saying which run records it came from."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.files import export, origin
from nascore.figures.shared.panels import figure_of
from nascore.figures.shared.style import style

_DPI = 200


@checked
def save(
    figure: Figure | Axes, name: str, data: pd.DataFrame, *, runs: Iterable[Any] = (), folder: str | Path | None = None
) -> dict[str, Path]:
    """Write `<folder>/<name>.pdf`, `.png` (200 dpi) and `.csv` (`data`, the plotted numbers, without its index).

    `folder` is the project's `figures` if none is given. The names of `runs` (records, or names) and the package's
    version are put into the PDF's keywords and the PNG's text as `nascore:runs` and `nascore:version`. The same
    figure gives the same bytes each time. Returns suffix -> path; raises `ConfigError` for a name that leaves the
    folder, `NascoreError` if it cannot be written.
    """
    whole = figure if isinstance(figure, Figure) else figure_of(figure)
    notes = origin(runs)
    keywords = "; ".join(f"{key}={value}" for key, value in notes.items())
    contents = {
        "pdf": _rendered(whole, "pdf", {"Title": name, "Keywords": keywords, "CreationDate": None}),
        "png": _rendered(whole, "png", {"Title": name} | notes),
        "csv": data.to_csv(index=False, lineterminator="\n").encode(),
    }
    return export(folder or paths.root() / "figures", name, contents)


def _rendered(figure: Figure, form: str, metadata: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    # a figure without a layout engine must not get one by being saved
    with style(), mpl.rc_context({"figure.constrained_layout.use": False}):
        figure.savefig(buffer, format=form, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()
