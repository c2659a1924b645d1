"""The figures and tables of the papers by their numbers: which notebook makes each, and how to have it made."""

from pathlib import Path
from typing import Literal

import pandas as pd

from nascore.base import paths
from nascore.base.arguments import checked
from nascore.base.config import choose
from nascore.base.errors import ConfigError, NascoreError

Drawn = Literal["figure", "table"]


def drawn() -> pd.DataFrame:
    """A row for each figure and table of the papers: paper, kind, number, the notebook that makes it, the names of its
    files, and why there is none.
    """
    return pd.read_csv(paths.root() / "data" / "drawn.csv", dtype=str, keep_default_na=False)


@checked
def draw(paper: str, number: str | int | float, kind: Drawn = "figure", folder: str | Path | None = None) -> list[Path]:
    """Make one of a paper's figures or tables from the committed records, at demo: `draw("eoinas", 5)`.

    Its notebook is executed as far as it takes; returns the files, below `folder` (`runs/drawn` unless given). Raises
    `ConfigError` for a paper or number that there is not, listing what there is, and `NascoreError` where the notebook
    fails or leaves it out, for want of data say.
    """
    rows = drawn()
    choose("paper", paper, dict.fromkeys(rows.paper))
    there = rows[(rows.paper == paper) & (rows.kind == kind)].set_index("number")
    row = there.loc[choose(f"{kind} of {paper}", str(number), {each: each for each in there.index})]
    if row.note:
        raise ConfigError(f"{kind} {number} of {paper} is not drawn: {row.note}")
    folder = Path(folder or paths.root() / "runs" / "drawn")
    names = row.files.split()
    _execute(paths.root() / "notebooks" / f"{row.notebook}.ipynb", folder, names)
    found = [path for name in names for path in sorted((folder / "figures" / "demo").glob(f"{name}.*"))]
    if not found:
        raise NascoreError(f"notebook {row.notebook} left {kind} {number} of {paper} out: are its data here?")
    return found


def _execute(path: Path, folder: Path, names: list[str]) -> None:
    """Execute a notebook until it has written the files."""
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook
    except ModuleNotFoundError as error:
        raise NascoreError(f"{error}: install nascore with its notebooks, `pip install nascore[notebooks]`") from error
    for old in (folder / "figures" / "demo").glob("*"):
        if old.stem in names:
            old.unlink()
    notebook = parameterize_notebook(load_notebook_node(str(path)), {"workdir": str(folder)})
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel():
        for at, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, at)
            except CellExecutionError as error:
                raise NascoreError(f"notebook {path.stem} failed: {error.ename}: {error.evalue}") from error
            if all(list((folder / "figures" / "demo").glob(f"{name}.*")) for name in names):
                return
