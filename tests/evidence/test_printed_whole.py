"""Printed tables whole, a line a group of trainings; captions; claims by their ids."""

from dataclasses import replace

import pandas as pd
import pytest

from nascore.base import paths
from nascore.base.errors import ConfigError
from nascore.evidence import tables
from nascore.evidence.claims import load_claims
from nascore.evidence.printed import caption, images_tested, judged, trained_on, whole
from nascore.evidence.studies import study
from nascore.records.record import load_run

FIRST = "DSO-NAS-share+c/o"


@pytest.fixture(scope="module")
def runs():
    """Trainings on digits, of the committed ones."""
    every = [load_run(each) for each in sorted(paths.committed_runs().glob("dso-retraining-demo-s0-*"))]
    return [run for run in every if run.settings["dataset"] == "digits"][:3]


def on(run, accuracy=97.0, **changes):
    """The run with another result, or other settings."""
    result = run.result | {"metrics": run.metrics | {"test_accuracy": accuracy}}
    return replace(run, result=result, config=run.config | {"settings": run.settings | changes})


def test_a_table_keeps_all_its_rows_and_has_a_line_for_each_group(runs):
    row = tables.reported("dso_nas", 1)["architecture"].tolist().index(FIRST)
    groups = {row: [[on(runs[0])], [on(runs[0], 90.0, test_images=400), on(runs[0], 92.0, test_images=400)]]}
    table = whole("dso_nas", 1, groups)
    assert len(table) == len(tables.reported("dso_nas", 1)) + 1
    ours = table[table["architecture"] == FIRST]
    assert ours["test_error_percent_mean"].tolist() == [2.84, 2.84]
    assert ours["test error (%), measured"].iloc[1] == tables.with_image_error([10.0, 8.0], 400)
    assert ours["seeds"].tolist() == ["0", "0"]  # twice the same one
    assert table[table["architecture"] != FIRST]["data set"].isna().all()
    with pytest.raises(ConfigError, match="has the rows 0 to 11"):
        whole("dso_nas", 1, {12: [[runs[0]]]})


def test_what_the_ledger_counts_stands_beside_the_printed_number():
    table = whole("dso_nas", 2).set_index("architecture")
    assert table.loc["ShuffleNet-v2 2x (Ma et al. (2018))", "params_million, counted"] == pytest.approx(7.394)
    assert table.loc["MobileNet (Howard et al. (2017))", "flops_million, counted"] == pytest.approx(568.74)
    assert pd.isna(table.loc["DSO-NAS-share", "params_million, counted"])


def test_what_trainings_were_made_on(runs):
    found = trained_on([on(runs[0], 97.0), on(runs[0], 99.0)])
    assert (found["data set"], found["image size"]) == ("digits", "8×8")
    assert found["training images"] == str(runs[0].settings["train_images"])
    assert found["test error (%), measured"] == tables.with_image_error([3.0, 1.0], 1000)
    whole = trained_on([on(runs[0], train_images=None, dataset="folder:not_here")])
    assert (whole["data set"], whole["training images"]) == ("not_here", "all")
    assert "by" not in whole["test error (%), measured"]  # nobody knows how many images it has
    with pytest.raises(ConfigError, match="same data"):
        trained_on([runs[0], on(runs[0], image_size=16)])
    with pytest.raises(ConfigError, match="no runs"):
        trained_on([])


def test_images_tested(runs):
    assert images_tested(on(runs[0], test_images=70)) == 70
    assert images_tested(on(runs[0], test_images=None)) == 1000
    assert images_tested(on(runs[0], test_images=None, dataset="folder:not_here")) is None


def test_claims_are_judged_by_the_studies_given():
    main = [each for each in load_claims("dso_nas") if each.main]
    assert judged("dso_nas").text.count("\n") == len(main) + 2
    chosen = judged("dso_nas", "headline")
    assert chosen.text.count("**holds**") == 3 == sum(e.id.startswith("headline") for e in load_claims("dso_nas"))
    rows = [("DSO-NAS-full", at, "", 1.0 + at / 10) for at in range(5)]
    rows += [("DSO-NAS-share", at, "", 3.0 + at / 9) for at in range(5)]
    made = study("dso_nas_random", pd.DataFrame(rows, columns=["method", "seed", "run", "error"]))
    assert "**holds**" in judged("dso_nas", "measured-sharing", studies=[made]).text
    worse = study("dso_nas_random", made.frame.assign(error=10 - made.frame["error"]))
    assert "**does not hold**" in judged("dso_nas", "measured-sharing", studies=[worse]).text


def test_a_caption_says_what_is_not_the_same(runs):
    said = caption("Figure 4(a)", [on(runs[0], train_images=1200)], "eight channels").text
    assert said == (
        "*Same as in the paper: Figure 4(a). Not the same: digits, 1,200 training images; 1 seed; eight channels.*"
    )
    assert "all training images; 1 seed" in caption("Figure 4(a)", [on(runs[0], train_images=None)]).text
    with pytest.raises(ConfigError, match="no runs"):
        caption("Figure 4(a)", [])
