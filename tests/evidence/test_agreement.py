"""Runs computed anew against their records."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nascore
from nascore.base import paths
from nascore.evidence.agreement import agreement, summary
from nascore.records import journal
from nascore.records.journal import Call
from nascore.records.record import seal
from nascore.runs import keep

QUICK = {"epochs": 1, "network": "lenet", "train_images": 40, "test_images": 20, "device": "cpu", "progress": False}


@pytest.fixture
def studied(tmp_path, monkeypatch):
    """A study of three seeds, its committed records, and what was noted of the calls."""
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "committed")
    runs = [nascore.run("retraining", "smoke", seed=seed, root=tmp_path / "first", **QUICK) for seed in range(3)]
    for run in runs:
        keep(run)
    monkeypatch.setenv(journal.VARIABLE, str(tmp_path / "journal"))
    again = [
        nascore.run("retraining", "smoke", seed=seed, root=tmp_path / "again", fresh=[0], **QUICK) for seed in range(3)
    ]
    return runs, again, journal.read(tmp_path / "journal")


def test_calls_are_noted_with_where_the_record_came_from(studied, tmp_path):
    _, again, calls = studied
    assert [call.source for call in calls] == ["computed", "committed", "committed"]
    assert [(call.name, call.seed, call.folder) for call in calls] == [
        (run.name, run.seed, str(run.path)) for run in again
    ]
    nascore.run("retraining", "smoke", seed=0, root=tmp_path / "again", fresh=[0], **QUICK)
    assert journal.read(tmp_path / "journal")[-1].source == "loaded"


def test_the_same_bits_are_said_to_be_the_same(studied):
    runs, _, calls = studied
    table = agreement({"notebook": calls}, {"notebook": [run.name for run in runs]})
    assert table.agreement.tolist() == ["same bits"] and table.difference.tolist() == [0.0]
    assert "1 of 1 have the bits of their records" in summary(table)
    assert "0 of 1 differ by more than two seeds do" in summary(table)


@pytest.mark.parametrize(
    ("by", "genotype", "kind"),
    [(1e-8, None, "same"), (1e-4, None, "other numbers"), (1e-8, "other", "other genotype")],
)
def test_what_differs_in_the_last_digits_alone_is_the_same(studied, by, genotype, kind, tmp_path, monkeypatch):
    runs, _, _ = studied
    here, there = tmp_path / "here", tmp_path / "there"
    found = accurate(runs[0], 50.0 * (1 + by), here)
    accurate(runs[0], 50.0, there)
    if genotype:
        path = there / runs[0].name / "result.json"
        result = json.loads(path.read_text()) | {"genotype": nascore.networks.PUBLISHED["DARTS_V2"].to_dict()}
        path.write_text(json.dumps(result | {"digest": seal(result)}))
    monkeypatch.setattr(paths, "committed_runs", lambda: there)
    call = Call(found.name, found.recipe, "smoke", 0, str(found.path), "computed", 1.0)
    table = agreement({"notebook": [call]}, {"notebook": [runs[0].name]})
    assert table.agreement.tolist() == [kind]
    if kind == "same":
        assert "1 of 1 have the same genotype, if any, and metrics to 6 digits" in summary(table)


def accurate(run, value, folder):
    """A copy of a run's record that says another test accuracy."""
    shutil.copytree(run.path, folder / run.name)
    path = folder / run.name / "result.json"
    result = json.loads(path.read_text())
    result["metrics"]["test_accuracy"] = value
    path.write_text(json.dumps(result | {"digest": seal(result)}))
    return nascore.load_run(folder / run.name)


def test_differences_are_judged_by_what_seeds_differ_by(studied, tmp_path, monkeypatch):
    runs, _, _ = studied
    values = [50.0, 52.0, 57.0]
    recorded = [accurate(run, value, tmp_path / "edited") for run, value in zip(runs, values, strict=True)]
    monkeypatch.setattr(paths, "committed_runs", lambda: tmp_path / "edited")
    limit = stats.t.ppf(0.975, 2) * np.sqrt(2) * np.std(values, ddof=1)
    for change, expected in ((0.9 * limit, True), (1.1 * limit, False)):
        here = accurate(runs[0], 50.0 - change, tmp_path / str(expected))
        call = Call(here.name, here.recipe, "smoke", 0, str(here.path), "computed", 1.0)
        table = agreement({"notebook": [call]}, {"notebook": [run.name for run in recorded]})
        row = table.iloc[0]
        assert row.agreement == "other numbers" and bool(row.expected) == expected
        assert row.limit == pytest.approx(limit) and row.difference == pytest.approx(-change)


def test_one_seed_is_nothing_to_judge_by(studied):
    runs, _, calls = studied
    table = agreement({"notebook": calls}, {"notebook": [runs[0].name]})
    assert np.isnan(table.limit[0]) and table.expected[0] is None
    assert "0 of 0 differ" in summary(table)


def test_another_run_at_the_same_place_is_no_record_of_it(studied):
    runs, _, calls = studied
    table = agreement({"notebook": calls}, {"notebook": [runs[1].name]})
    assert table.agreement.tolist() == ["no record"]
    assert agreement({"another": calls}, {}).agreement.tolist() == ["no record"]
    assert summary(table.iloc[:0]) == "no run was computed anew"


def test_more_beyond_than_chance_allows_is_said():
    rows = [("n", "r", 0, "other genotype", 1.0, 0.0, 1.0, 0.5, False)] * 5
    rows += [("n", "r", 0, "other genotype", 0.1, 0.0, 0.1, 0.5, True)] * 5
    table = pd.DataFrame(
        rows,
        columns=[
            *("notebook", "recipe", "seed", "agreement", "here"),
            *("recorded", "difference", "limit", "expected"),
        ],
    )
    assert "5 of 10 differ by more" in summary(table) and "something but rounding differs" in summary(table)
    assert "as expected" in summary(table.assign(expected=True))
