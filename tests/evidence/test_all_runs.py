import json
import shutil
import time

import pandas as pd
import pytest

import nascore
from nascore.base import paths
from nascore.base.config import digest
from nascore.base.errors import ConfigError, DamageWarning
from nascore.evidence import all_runs
from nascore.evidence.all_runs import _COLUMNS
from nascore.records.record import SEAL

SOME = ("darts-201-demo-s1-*", "darts-201-demo-s0-*", "darts-demo-s0-*")
NAMES = tuple(min(path.name for path in paths.committed_runs().glob(pattern)) for pattern in SOME)


@pytest.fixture
def records(tmp_path):
    """A few committed records, in a folder of their own."""
    for name in NAMES:
        shutil.copytree(paths.committed_runs() / name, tmp_path / "runs" / name)
    return tmp_path / "runs"


def rewrite(folder, change):
    path = folder / "result.json"
    result = change(json.loads(path.read_text()))
    if isinstance(result, dict):  # another content than was recorded is found otherwise
        result[SEAL] = digest({name: value for name, value in result.items() if name != SEAL}, length=32)
    path.write_text(json.dumps(result))


def test_a_row_for_each_record(records):
    table = all_runs(records)
    assert tuple(table.columns[: len(_COLUMNS)]) == _COLUMNS
    assert list(table.name) == [NAMES[2], NAMES[1], NAMES[0]] and list(table.index) == [0, 1, 2]
    for row in table.to_dict("records"):
        run = nascore.load_run(row["path"])
        assert (row["name"], row["recipe"], row["profile"], row["seed"]) == (
            run.name,
            run.recipe,
            run.profile,
            run.seed,
        )
        assert (row["paper"], row["dataset"]) == (run.config["paper"], run.settings["dataset"])
        assert (row["seconds"], row["device"], row["date"]) == (
            run.seconds,
            *map(run.environment.get, ("device", "date")),
        )
        assert {name: value for name, value in row.items() if name in run.metrics} == run.metrics
        assert all(pd.isna(row[name]) for name in table.columns if name not in (*_COLUMNS, *run.metrics))


def test_filters(records):
    assert list(all_runs(records, recipe="darts").name) == [NAMES[2]]
    assert list(all_runs(records, recipe="darts-201", seed=[1, 2]).name) == [NAMES[0]]
    assert len(all_runs(records, profile="paper")) == 0 and "recipe" in all_runs(records, profile="paper")
    assert set(all_runs(records, alive=30).recipe) == {"darts-201"}
    with pytest.raises(ConfigError, match=r"'recipes': did you mean 'recipe'\?"):
        all_runs(records, recipes="darts")


def test_settings_are_columns_where_they_are_asked_for(records):
    assert not [name for name in all_runs(records) if name.startswith("settings__")]
    table = all_runs(records, settings=True).set_index("name")
    for name in NAMES:
        settings = nascore.load_run(records / name).settings
        row = table.loc[name]
        assert row["settings__epochs"] == settings["epochs"]
        assert row["settings__space"] == settings["space"]["type"]
        assert row["settings__space__cells"] == settings["space"]["cells"]
        assert row["settings__optimization__learning_rate"] == settings["optimization"]["learning_rate"]
    assert not [name for name in table if name.endswith("__type")]
    assert list(all_runs(records, settings=True, settings__space="CellSpace").name) == [NAMES[2]]


def test_nothing_there(tmp_path):
    assert list(all_runs(tmp_path)) == list(_COLUMNS) and len(all_runs(tmp_path, recipe="darts")) == 0
    with pytest.raises(ConfigError, match="nowhere is no folder"):
        all_runs(tmp_path / "nowhere")


def test_what_is_unfinished_is_no_record_yet(records):
    (records / NAMES[0] / "result.json").unlink()
    (records / "notes.txt").write_text("of mine")
    assert set(all_runs(records).name) == {*NAMES} - {NAMES[0]}


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "result.json").write_text("{"),
        lambda folder: (folder / "result.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "config.json").write_text("{}"),
        lambda folder: rewrite(folder, lambda result: {**result, "metrics": [1]}),
        lambda folder: rewrite(folder, lambda result: {**result, "files": None}),
        lambda folder: rewrite(folder, lambda result: {**result, "environment": {}}),
        lambda folder: rewrite(folder, lambda result: [result]),
    ],
)
def test_damaged_records_are_left_out(records, damage):
    damage(records / NAMES[0])
    with pytest.warns(DamageWarning, match=NAMES[0]) as warned:
        table = all_runs(records)
    assert len(warned) == 1 and set(table.name) == {*NAMES} - {NAMES[0]}


def test_the_computed_record_goes_before_the_committed(tmp_path, records, monkeypatch):
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    shutil.copytree(records, tmp_path / "data" / "runs")
    shutil.rmtree(records / NAMES[0])
    rewrite(records / NAMES[1], lambda result: {**result, "seconds": 7.5})
    found = all_runs().set_index("name")
    assert set(found.index) == set(NAMES) and found.seconds[NAMES[1]] == 7.5
    assert found.path[NAMES[1]] == str(records / NAMES[1])
    assert found.path[NAMES[0]] == str(tmp_path / "data" / "runs" / NAMES[0])
    (records / NAMES[1] / "result.json").write_text("{")
    with pytest.warns(DamageWarning):  # then the committed one serves
        assert all_runs().set_index("name").path[NAMES[1]] == str(tmp_path / "data" / "runs" / NAMES[1])


def test_all_committed_records_in_little_time():
    began = time.perf_counter()
    table = all_runs(paths.committed_runs())
    assert time.perf_counter() - began < 10  # about a second, on an idle machine
    finished = {path.parent.name for path in paths.committed_runs().glob("*/result.json")}
    assert set(table.name) == finished and table.name.is_unique
    assert not table[list(_COLUMNS)].isna().any().any()
    assert list(zip(table.recipe, table.profile, table.seed, strict=True)) == sorted(
        zip(table.recipe, table.profile, table.seed, strict=True)
    )
