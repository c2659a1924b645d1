"""Write into README.md what code computes: the table of verdicts, from the ledger of claims."""

from nascore.base import paths
from nascore.evidence import words

README = paths.root() / "README.md"
BEGIN, END = "<!-- {name}: written by tools/readme.py -->", "<!-- end of {name} -->"


def written(text: str) -> str:
    """README's `text` with what code computes in it."""
    return filled(text, "verdicts", str(words.markdown(words.verdict_table())))


def filled(text: str, name: str, content: str) -> str:
    """`text` with `content` between the two marks of `name`; raises `ValueError` where they are not there once each."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    if (text.count(begin), text.count(end)) != (1, 1):
        raise ValueError(f"README.md wants {begin!r} and {end!r} once each")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{content}\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
