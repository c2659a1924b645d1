"""The papers' figures and tables by number."""

import pytest

from nascore.base import paths
from nascore.base.errors import ConfigError
from nascore.evidence import tables
from nascore.evidence.drawn import draw, drawn


def test_every_figure_and_table_of_the_papers_has_files_or_a_reason():
    rows = drawn().set_index(["paper", "kind", "number"])
    for paper in tables.papers().paper:
        printed = {("figure", str(number)) for number in tables.figures(paper).figure}
        files = paths.reported().glob(f"{paper}_table*.csv")
        printed |= {("table", path.stem.partition("_table")[2].replace("_", ".")) for path in files}
        assert {(kind, number) for at, kind, number in rows.index if at == paper} == printed
    for row in drawn().itertuples():
        assert bool(row.note) != bool(row.files), row
        for name in row.files.split():
            assert list((paths.root() / "figures" / "demo").glob(f"{name}.*")), name
            assert (paths.root() / "notebooks" / f"{row.notebook}.ipynb").is_file()


def test_a_figure_is_made_by_its_number(tmp_path):
    found = draw("sparse_darts", 5, folder=tmp_path)
    assert {path.name for path in found} >= {"sparse_entmax.png", "sparse_entmax.csv"}
    assert all(path.stat().st_size for path in found)
    assert not list(tmp_path.glob("**/sparse_softmax*"))  # no further than it takes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eoinas", 50), "unknown figure of eoinas '50'.*there are 1, 2, 3"),
        (("eoina", 5), "did you mean 'eoinas'"),
        (("sparse_darts", 3), "not drawn: its text describes it nowhere"),
        (("eoinas", 5, "picture"), "draw: kind must be one of"),
    ],
)
def test_what_is_not_there_is_told(arguments, said, tmp_path):
    with pytest.raises(ConfigError, match=f"(?i){said}"):
        draw(*arguments, folder=tmp_path)
