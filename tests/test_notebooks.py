"""The notebooks as committed, and each of them run at the smallest profile."""

import json
import re

import nbformat
import papermill
import pytest

from nascore.base import paths
from nascore.recipes.recipe import PROFILES

NOTEBOOKS = sorted((paths.root() / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks_and_they_are_numbered():
    assert NOTEBOOKS and all(re.match(r"\d\d_[a-z0-9_]+$", path.stem) for path in NOTEBOOKS)


@each
def test_it_was_executed_from_top_to_bottom_without_a_complaint(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if {"image/svg+xml", "application/pdf"} & set(output.get("data", {}))]


@each
def test_it_holds_nothing_of_the_machine_it_ran_on(path):
    text = path.read_text()
    assert len(text) < 1024**2
    assert not re.search(r"/(home|root|tmp|work|Users)/", text) and str(paths.root()) not in text
    assert set(json.loads(text)["metadata"]) == {"kernelspec", "language_info"}


@each
def test_it_follows_the_house_style(path):
    notebook = nbformat.read(path, as_version=4)
    cells = code_cells(notebook)
    tags = [cell.metadata.get("tags", []) for cell in cells]
    assert sum("parameters" in tag for tag in tags) == 1
    assert sum("nbval-check-output" in tag for tag in tags) >= 1
    assert max(len(cell.source.splitlines()) for cell in cells) <= 20 and len(cells) <= 35
    assert sum(cell.cell_type == "markdown" for cell in notebook.cells) >= len(cells) - 3
    (parameters,) = (cell.source for cell, tag in zip(cells, tags, strict=True) if "parameters" in tag)
    names = re.findall(r"^(\w+) = ", parameters, re.MULTILINE)
    assert {"profile", "seed", "fresh", "device", "workdir"} <= set(names)
    assert re.search(r'^profile = "demo"', parameters, re.MULTILINE) and re.search(
        r"^fresh = False", parameters, re.MULTILINE
    )


@each
def test_it_runs_at_the_smoke_profile(path, tmp_path):
    assert "smoke" in PROFILES
    papermill.execute_notebook(
        path,
        tmp_path / path.name,
        parameters={"profile": "smoke", "fresh": True, "device": "cpu", "workdir": str(tmp_path)},
        kernel_name="python3",
        cwd=path.parent,
        progress_bar=False,
    )
    assert list(tmp_path.glob("figures/**/*.png"))
    assert list(tmp_path.glob("runs/*-smoke-*/result.json")) or "nascore.run" not in path.read_text()
