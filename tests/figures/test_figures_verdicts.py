"""The figure of verdicts: bars as long as there are claims, numbers where they fit, one scale."""

import matplotlib as mpl

mpl.use("Agg")

import pandas as pd
import pytest
from drawn import check_texts
from matplotlib import pyplot as plt

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.evidence.verdicts import VERDICTS
from nascore.figures import COLUMN, PAGE
from nascore.figures.results.verdicts import _PARTS


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def claims(counts):
    """A row a claim: `counts` maps (paper, kind, verdict) to how many there are."""
    rows = [key for key, count in counts.items() for _ in range(count)]
    return pd.DataFrame(rows, columns=["paper", "kind", "verdict"])


COUNTS = {
    ("One", "own table", "holds"): 12,
    ("One", "own table", "does not hold"): 7,
    ("One", "measured", "cannot be told"): 20,
    ("One", "measured", "not tested here"): 1,
    ("Two", "own table", "does not hold"): 4,
}


def test_every_verdict_has_a_look():
    assert tuple(_PARTS) == VERDICTS and len(set(_PARTS.values())) == len(VERDICTS)


@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_parts_are_as_long_as_there_are_claims(width):
    figure = figures.draw_verdicts(claims(COUNTS), width=width)
    check_texts(figure)
    bars = [[(bar.get_x(), bar.get_width()) for bar in ax.patches] for ax in figure.axes]
    assert bars == [[(0, 12), (12, 7), (0, 20), (20, 1)], [(0, 4)]]
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["One: 40 claims", "Two: 4 claims"]
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert labels == list(VERDICTS)


def test_a_number_that_finds_no_room_is_left_out():
    rows = claims({("One", "measured", "holds"): 200, ("One", "measured", "does not hold"): 1})
    written = [text.get_text() for text in figures.draw_verdicts(rows, width=COLUMN).axes[0].texts]
    assert written == ["200"]


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(ConfigError, match="'maybe'"):
        figures.draw_verdicts(claims({("One", "measured", "maybe"): 1}))
    with pytest.raises(ConfigError, match="'verdict'"):
        figures.draw_verdicts(claims(COUNTS)[["paper", "kind"]])
    with pytest.raises(ConfigError, match="wider"):
        figures.draw_verdicts(claims(COUNTS), width=1.0)
