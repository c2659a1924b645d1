"""What is said of results comes from values: no verdict is typed into a notebook's text or README."""

import re
import sys

import nbformat
import pytest

from nascore import recipes
from nascore.base import paths
from nascore.base.config import to_dict

sys.path.insert(0, str(paths.root() / "tools"))
import readme

NOTEBOOKS = sorted((paths.root() / "notebooks").glob("[0-9]*.ipynb"))
# as findings are worded; `holds` of an edge or a file is followed by what it holds
VERDICTS = re.compile(
    r"\b(?:claims? holds?|(?:does not|doesn't|do not|don't|did not|didn't) hold|(?:cannot|can't|could not) be told"
    r"|confirm(?:s|ed)|refute[sd]|(?:is|are|was|were) reproduced)\b|\*\*(?:holds?|yes|no)\*\*",
    re.IGNORECASE,
)
EXPLAINS = "vocabulary"  # the tag of a cell that says what the words mean


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_no_verdict_is_typed(path):
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    said = [cell.source for cell in cells if EXPLAINS in cell.metadata.get("tags", [])]
    assert len(said) <= 1
    found = {text: VERDICTS.findall(text) for text in texts if text not in said}
    assert not {text: words for text, words in found.items() if words}


def test_typed_verdicts_would_be_found():
    typed = [
        "This claim holds.",
        "It **holds**: 0.68",
        "it can't be told",
        "That doesn't hold",
        "is reproduced to a digit",
    ]
    assert all(VERDICTS.search(text) for text in typed)
    assert not VERDICTS.search("Each edge holds a mixture, and the table is told apart by its columns")


PAPERS = {"1": "darts_gal", "2": "sparse_darts", "3": "dso_nas", "4": "eth_thesis", "5": "eoinas"}  # by first digit
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
# what is no number of anybody's results: equations, code, and where in a paper something stands
APART = re.compile(
    r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`"
    r"|\b(?:sections?|tables?|figures?|equations?|version|CC BY-SA)"
    r"\s+\d+(?:\.\d+)+(?:(?:,| and| to)\s+\d+(?:\.\d+)+)*",
    re.IGNORECASE | re.DOTALL,
)
# other papers' numbers and facts of data, by notebook, each with where it is from
ELSEWHERE = {
    "00_tour": {"3.29": "DARTS, Table 1: random search", "2.76": "DARTS, Table 1: second order"},
    "12_darts_gal_data": {"0.3": "VoxCeleb1-Min's stand-in: seconds of a clip"},
    "21_sparse_darts_201": {"0.6": "the table's MB"},
    "90_your_own_method": {"0.85": "FairDARTS, section 4.2: the threshold"},
}


def quoted(paper):
    """The decimals that a paper prints, or that are settings of its recipes at some profile."""
    files = [*paths.reported().glob(f"{paper}*"), paths.claims() / f"{paper}.toml"]
    printed = {number for file in files for number in re.findall(r"\d+\.\d+", file.read_text())}
    chosen = [recipes.find(name) for name in recipes.table().query("paper == @paper")["name"]]
    values = [str(to_dict(recipe.at(profile))) for recipe in chosen for profile in recipe.has()]
    return printed | {number for text in values for number in re.findall(r"\d+\.\d+", text)}


def loose(text, known):
    """Decimals of a text that are nobody's setting and no quotation: results that would go stale."""
    return [number for number in DECIMAL.findall(APART.sub(" ", text)) if number not in known]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_no_result_is_typed(path):
    paper = PAPERS.get(path.stem[0])
    known = (quoted(paper) if paper else set()) | ELSEWHERE.get(path.stem, {}).keys()
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    assert not [(number, text) for text in cells for number in loose(text, known)]


def test_typed_results_would_be_found():
    assert loose("It gains 1.37 points, $0.5 x$, as in section 3.2 and Tables 4.1 to 4.3, and 2.5", {"2.5"}) == ["1.37"]


def test_readme_has_the_verdicts_of_the_ledger():
    text = readme.README.read_text()
    assert readme.written(text) == text, "README.md is out of date: python tools/readme.py writes it"


def test_marks_that_are_not_there_are_told():
    with pytest.raises(ValueError, match="once each"):
        readme.filled("no marks", "verdicts", "a table")
    begin, end = readme.BEGIN.format(name="x"), readme.END.format(name="x")
    assert readme.filled(f"a\n{begin}\nold\n{end}\nb", "x", "new") == f"a\n{begin}\nnew\n{end}\nb"
