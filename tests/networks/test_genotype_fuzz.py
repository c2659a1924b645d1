"""Thousands of damaged genotypes: each is refused by a `GenotypeError`, or read as one that is written the same."""

import copy
import json
import random

import pytest

from nascore.base.errors import ConfigError, GenotypeError
from nascore.networks import PUBLISHED, BenchmarkCell, BlockGenotype, Cell, Genotype, Stack, read, stacked
from nascore.networks.genotypes import AnyGenotype

KINDS = [
    PUBLISHED["DARTS_V2"],
    stacked(PUBLISHED["PNASNet_5"], 3),
    BenchmarkCell(("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "none")),
    BlockGenotype(("sep_conv_3x3", "max_pool_3x3"), 2, (((0, 1), (1, 5)),)),
]
VALUES = [
    None, True, -1, 0, 1, 2, 3, 2**70, 1.0, float("nan"), "", "x", "none", "skip_connect", "٣", "a" * 100_000, [], {},
    [[]], ["x", 0], [0, 1], {"nodes": [], "concat": []}, "0" * 5000,
]  # fmt: skip
PIECES = ["", "[", "]", "{", "9", "-", "٣", "\\", '"', ",", "e9", "\0", "NaN"]
STRINGS = ["|none~0|+" * 9, "|none~" + "9" * 5000 + "|", "|" * 100_000, "|none~٠|", "\0", "", "é"]


def places(data, way=()):
    yield way
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from places(value, (*way, key))


def damaged(data, draw):
    """A copy with something replaced, left out, added or doubled."""
    data = copy.deepcopy(data)
    *way, last = draw.choice([way for way in places(data) if way])
    inner = data
    for key in way:
        inner = inner[key]
    kind = draw.randrange(4)
    if kind == 0:
        del inner[last]
    elif kind == 1 and isinstance(inner, list):
        inner.insert(last, copy.deepcopy(inner[last]))
    elif kind == 2 and isinstance(inner, dict):
        inner[draw.choice(["x", "", "normal", "stack"])] = draw.choice(VALUES)
    else:
        inner[last] = draw.choice(VALUES)
    return data


def check(given, make):
    """Whether it is read; if so, what is read is written as it was given."""
    try:
        found = make(given)
    except (GenotypeError, ConfigError) as error:
        return len(str(error)) > 1000  # which nobody reads
    assert isinstance(found, AnyGenotype | Cell) and found.to_dict() == given
    hash(found)
    return True


@pytest.mark.parametrize("genotype", KINDS, ids=lambda genotype: type(genotype).__name__)
def test_damaged_dicts(genotype):
    draw, whole = random.Random(0), genotype.to_dict()
    readers = (read, type(genotype).from_dict, Genotype.from_dict, Stack.from_dict, BlockGenotype.from_dict)
    counts = 0
    for _ in range(700):
        given = damaged(whole, draw)
        if draw.random() < 0.5 and given:
            given = damaged(given, draw) if len(list(places(given))) > 1 else given
        counts += sum(check(given, reader) for reader in readers)
    assert counts < 2000  # of 3500: most are refused


@pytest.mark.parametrize("genotype", KINDS, ids=lambda genotype: type(genotype).__name__)
def test_damaged_texts(genotype, tmp_path):
    draw, whole = random.Random(1), genotype.to_json()
    for _ in range(700):
        text, at = whole, draw.randrange(len(whole))
        for _ in range(draw.randint(1, 3)):
            text = (
                text[:at]
                + draw.choice(["", "[", "]", "{", "9", "-", "٣", "\\", '"', ",", "e9", "\0", "NaN"])
                + text[at + 1 :]
            )
            at = draw.randrange(len(text))
        try:
            found = type(genotype).from_json(text)
        except GenotypeError:
            continue
        assert found.to_dict() == json.loads(text)


@pytest.mark.parametrize(
    "text", ["|none~0|+" * 9, "|none~" + "9" * 5000 + "|", "|" * 100_000, "|none~٠|", "\0", "", "é"]
)
def test_strings_that_are_no_cell(text):
    with pytest.raises((GenotypeError, ConfigError)):
        AnyGenotype.from_text(text)
    with pytest.raises(GenotypeError):
        BenchmarkCell.parse(text)


def test_a_cells_string_has_one_spelling():
    text = BenchmarkCell(("none",) * 6).string
    with pytest.raises(GenotypeError, match="names node 00"):
        BenchmarkCell.parse(text.replace("~0", "~00", 1))
