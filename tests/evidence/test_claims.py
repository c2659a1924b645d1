"""Claims: files that say what they should, every claim checked, and verdicts that follow their numbers."""

import re

import pandas as pd
import pytest

from nascore.base import paths
from nascore.base.errors import ConfigError, DataError
from nascore.evidence import tables
from nascore.evidence.claims import checkers, ledger, load_claims
from nascore.evidence.studies import Study, load_studies, study
from nascore.evidence.verdicts import VERDICTS

PAPERS = tables.papers()["paper"].tolist()
WRITTEN = [paper for paper in PAPERS if (paths.claims() / f"{paper}.toml").is_file()]

GOOD = """
[[claim]]
id = "gain"
where = "Table 1"
claim = "It gains 0.34 points"
kind = "arithmetic"
check = "equals"
with = { printed = "0.34", formula = "a - b", given = { a = "97.58", b = "97.24" } }
"""


@pytest.mark.parametrize("paper", WRITTEN)
def test_every_claim_is_checked_and_has_a_verdict_and_a_sum(paper):
    rows = ledger(paper)
    assert len(rows) >= 20 and rows["id"].is_unique
    assert set(rows["verdict"]) <= set(VERDICTS) and rows["said"].str.len().min() > 0
    assert rows["main"].sum() == 5
    claims = load_claims(paper)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id) for claim in claims)
    # nothing but a stated reason, or a study that is not there, leaves a claim of another kind untested
    unchecked = {claim.id for claim in claims if claim.unchecked}
    untested = rows[(rows["verdict"] == "not tested here") & (rows["kind"] != "measured")]
    assert set(untested["id"]) <= unchecked


def test_the_committed_studies_have_all_that_claims_are_judged_by():
    """A word mistyped in the ledger would else be a claim that nobody has tested."""
    said = pd.concat([ledger(paper) for paper in WRITTEN])["said"]
    assert not said.str.contains("unknown (?:column|method) of study", regex=True).any()


def test_a_study_that_lacks_what_a_claim_is_judged_by_has_not_tested_it():
    known = load_studies()
    for paper in WRITTEN:
        for claim in load_claims(paper):
            name, column = (claim.arguments.get(each) for each in ("study", "column"))
            if claim.check == "measured" and name in known:
                found = Study(name, known[name].frame.drop(columns=column))
                finding = claim.finding(known | {name: found})
                assert finding.verdict == "not tested here" and repr(column) in finding.said
                return
    raise AssertionError("no claim is judged by a study")


def test_a_file_of_no_papers_is_there():
    assert {path.stem for path in paths.claims().glob("*.toml")} <= set(PAPERS) and "sparse_darts" in WRITTEN


def test_a_ledger_of_all_is_the_ledgers_of_each():
    whole = ledger()
    assert whole["paper"].unique().tolist() == WRITTEN
    part = whole[whole["paper"] == "sparse_darts"].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, ledger("sparse_darts"))


def write(folder, text, paper="sparse_darts"):
    (folder / f"{paper}.toml").write_text(text)
    return ledger(paper, folder=folder)


def test_a_verdict_follows_its_numbers(tmp_path):
    (row,) = write(tmp_path, GOOD).to_dict("records")
    assert row["verdict"] == "holds" and row["said"] == "97.58 - 97.24 = 0.34, 0.34 printed"
    assert row["values"]["computed"] == pytest.approx(0.34)
    (row,) = write(tmp_path, GOOD.replace('"97.24"', '"97.14"')).to_dict("records")
    assert row["verdict"] == "does not hold" and row["said"].startswith("97.58 - 97.14 = 0.44")


def test_a_verdict_follows_the_printed_table(tmp_path, monkeypatch):
    place = tmp_path / "data" / "reported"
    place.mkdir(parents=True)
    for path in paths.reported().glob("*.csv"):
        text = path.read_text()
        (place / path.name).write_text(text.replace("98.32", "97.32") if "sparse_darts_table1" in path.name else text)
    claims, before = paths.claims(), ledger("sparse_darts").set_index("id")["verdict"]
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    after = ledger("sparse_darts", studies=[], folder=claims).set_index("id")["verdict"]
    assert before["best-cifar10"] == "does not hold" and after["best-cifar10"] == "holds"
    assert before["best-cifar100"] == after["best-cifar100"] == "does not hold"
    assert after["better-than-darts-201"] == "not tested here"  # no study is there


def test_a_verdict_follows_a_study_that_is_given():
    def verdict(gain):
        own = load_studies()["sparse_darts_201_cifar10"].frame.copy()
        ours = own["method"] == "3-entmax, prune, single-level"
        own.loc[ours, "cifar10_without_none"] = own.loc[own["method"] == "vanilla DARTS", "cifar10_without_none"].values
        own.loc[ours, "cifar10_without_none"] += [gain, gain + 0.1, gain - 0.1]
        rows = ledger("sparse_darts", [study("sparse_darts_201_cifar10", own)]).set_index("id")
        return rows.loc["better-than-darts-201", "verdict"]

    assert [verdict(gain) for gain in (3.0, 0.0, -3.0)] == ["holds", "cannot be told", "does not hold"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "arithmetic"', 'kind = "guess"', "claim 'gain': kind must be one of"),
        ('kind = "arithmetic"', 'kind = "arithmetic"\nsort = "x"', "claim 'gain': unknown key 'sort'"),
        ('where = "Table 1"', "", "claim 'gain': it needs where"),
        ('id = "gain"', "", "claim number 1: it needs id"),
        ('id = "gain"', "id = 3", "claim 3: id must be str"),
        ('check = "equals"', "", "claim 'gain': it needs a checker"),
        ('check = "equals"', 'check = "equals"\nunchecked = "x"', "claim 'gain': it needs a checker"),
        ('check = "equals"', 'unchecked = "no numbers"', "what is not checked has no `with`"),
        ('check = "equals"', 'check = "equal"', "unknown checker of sparse_darts 'equal': did you mean 'equals'"),
        ("formula =", "formulae =", "equals: missing a required argument: 'formula'; it takes printed, formula"),
        ("printed =", 'colour = "red", printed =', "equals: got an unexpected keyword argument 'colour'"),
        ('formula = "a - b"', "formula = 3", "equals: formula must be str, not 3"),
        ("printed =", "sources = 1, printed =", "`sources` is what every checker is given"),
        ("[[claim]]", "[[claims]]", "unknown claims"),
        ("[[claim]]", "[claim]", r"claims are tables \[\[claim\]\]"),
        ("[[claim]]", "[[claim]", "Expected"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(DataError, match=f"sparse_darts.toml: .*{message}"):
        write(tmp_path, GOOD.replace(old, new))


def test_two_claims_of_one_id_and_numbers_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="claim 'gain' is there twice"):
        write(tmp_path, GOOD + GOOD)
    with pytest.raises(ConfigError, match="claim gain of sparse_darts: 'a - c' names 'c'"):
        write(tmp_path, GOOD.replace("a - b", "a - c"))
    with pytest.raises(ConfigError, match="unknown paper 'x'"):
        load_claims("x")
    assert load_claims("eoinas", tmp_path) == []


def test_a_reason_stands_for_a_checker(tmp_path):
    text = re.sub(r"check = .*\nwith = .*", 'unchecked = "nothing is printed"', GOOD)
    (row,) = write(tmp_path, text).to_dict("records")
    assert (row["verdict"], row["said"]) == ("not tested here", "nothing is printed")


def test_a_paper_has_its_own_checkers_beside_the_general_ones():
    assert {"equals", "ranks", "measured", "cited_as"} <= checkers("sparse_darts").keys()
    assert "cited_as" not in checkers("dso_nas") and "whether" not in checkers("dso_nas")
