"""Words with values in them: what is said is computed, and what cannot be said is told."""

import pandas as pd
import pytest

from nascore.base.errors import ConfigError
from nascore.evidence import words
from nascore.evidence.claims import ledger
from nascore.evidence.words import claims_table, markdown, say, verdict_table


def test_values_are_said_in_their_format():
    said = say(
        "**{gain:+.2f}** points, {verdict}; ${{x}}^2$, {n.real:>{width}d}", gain=0.144, verdict="holds", n=3, width=2
    )
    assert said._repr_markdown_() == str(said) == repr(said) == "**+0.14** points, holds; ${x}^2$,  3"


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("{gain}", {}, "gain has no value"),
        ("nothing", {"gain": 1}, "gain is given and not said"),
        ("{}", {}, "placeholders have names"),
        ("{0}", {}, "placeholders have names"),
        ("{gain:.2f}", {"gain": "much"}, "format code"),
        ("{gain.no_such}", {"gain": 1}, "no attribute"),
        ("{gain", {"gain": 1}, "doubled"),
    ],
)
def test_placeholders_and_values_must_fit(text, values, message):
    with pytest.raises(ConfigError, match=message):
        say(text, **values)


def test_a_papers_claims_are_its_ledger():
    table, rows = claims_table("sparse_darts"), ledger("sparse_darts")
    assert table["verdict"].tolist() == rows["verdict"].tolist() and len(table) == len(rows)
    assert table["because"][0].startswith(rows["said"][0]) and "our reading: " in table["because"].str.cat()
    assert markdown(table).text.count("\n") == len(rows) + 2


def test_the_table_of_verdicts_has_the_main_claims_of_each_paper():
    rows = ledger()
    table = verdict_table()
    assert table["paper"].tolist() == [words.NAMES[paper] for paper in dict.fromkeys(rows["paper"])]
    for _, row in table.iterrows():
        assert row.iloc[1].count("**") == 2 * 5
    counted = rows[rows["paper"] == "sparse_darts"]["verdict"].value_counts()
    assert (
        f"{counted['holds']} holds"
        in table["all claims"].iloc[list(dict.fromkeys(rows["paper"])).index("sparse_darts")]
    )
    assert isinstance(table, pd.DataFrame)
