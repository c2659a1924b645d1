"""The tool behind `make reproduce`, on a small notebook."""

import json
import sys

import nbformat
import pytest

import nascore
from nascore.base import paths
from nascore.records import journal
from nascore.runs import keep

sys.path.insert(0, str(paths.root() / "tools"))
import reproduce

QUICK = {"epochs": 1, "network": "lenet", "train_images": 40, "test_images": 20, "device": "cpu", "progress": False}
SETTINGS = ", ".join(f"{name}={value!r}" for name, value in QUICK.items())
CELLS = (
    'profile, seed, fresh, workdir = "demo", 0, False, ""',
    f"""import nascore
runs = [nascore.run("retraining", profile, seed=at, fresh=fresh, root=f"{{workdir}}/runs", {SETTINGS}) for at in (0, 1)]
""",
)


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A notebook of two runs, and the records of both, all in a project of its own."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    made.cells[0].metadata["tags"], made.metadata["language_info"] = ["parameters"], {"name": "python"}
    (path := tmp_path / "notebooks" / "00_tour.ipynb").parent.mkdir()
    nbformat.write(made, path)
    (tmp_path / "requirements.lock").touch()
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    names = []
    for seed in (0, 1):
        names.append(keep(nascore.run("retraining", "smoke", seed=seed, root=tmp_path / "first", **QUICK)).name)
    monkeypatch.setattr(reproduce, "numbered", lambda: [path])
    monkeypatch.setattr(reproduce, "NOTEBOOKS", path.parent)
    monkeypatch.setattr(reproduce, "journal_of_records", lambda profile: {"00_tour": names})
    return path


def test_one_seed_is_computed_and_compared_and_a_second_call_does_nothing(notebook, tmp_path, capsys):
    reproduce.Reproduction("seed", "smoke", jobs=2).run(again=False)
    said = capsys.readouterr().out
    assert "1 notebooks at profile smoke" in said and "00_tour: 2 runs in" in said
    folder = tmp_path / "runs" / "reproduce-seed"
    calls = journal.read(folder / "smoke" / "00_tour.jsonl")
    assert [(call.seed, call.recipe) for call in calls] == [(0, "retraining"), (1, "retraining")]
    assert "2 of 2 have the bits of their records" in said  # the notebook's process does not find those of this test
    assert "agreement.csv" in said and (folder / "smoke" / "00_tour.ipynb").is_file()
    assert not (tmp_path / "figures").exists()
    reproduce.Reproduction("seed", "smoke", jobs=2).run(again=False)
    assert "Nothing has changed since then" in capsys.readouterr().out


def test_a_cell_that_fails_is_shown_and_nothing_is_said_to_be_done(notebook, tmp_path, capsys):
    broken = json.loads(notebook.read_text())
    broken["cells"][1]["source"] += "raise ValueError('as it happens')"
    notebook.write_text(json.dumps(broken))
    with pytest.raises(SystemExit, match="a cell failed in 00_tour"):
        reproduce.Reproduction("seed", "smoke", jobs=1).run(again=False)
    assert "as it happens" in capsys.readouterr().out
    assert not (tmp_path / "runs" / "reproduce-seed" / "smoke" / "stamp.json").exists()
