"""What is said of results comes from values: no verdict is typed into a notebook's text or README."""

import re
import sys

import nbformat
import pytest

from nascore.base import paths

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


def test_readme_has_the_verdicts_of_the_ledger():
    text = readme.README.read_text()
    assert readme.written(text) == text, "README.md is out of date: python tools/readme.py writes it"


def test_marks_that_are_not_there_are_told():
    with pytest.raises(ValueError, match="once each"):
        readme.filled("no marks", "verdicts", "a table")
    begin, end = readme.BEGIN.format(name="x"), readme.END.format(name="x")
    assert readme.filled(f"a\n{begin}\nold\n{end}\nb", "x", "new") == f"a\n{begin}\nnew\n{end}\nb"
