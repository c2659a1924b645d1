import base64
import dataclasses
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from matplotlib import pyplot as plt
from PIL import Image

import nascore
from nascore import recipes, spaces
from nascore.base import display, paths
from nascore.base.config import digest, to_dict
from nascore.base.display import Displayed, picture_html, table_html, title_html
from nascore.networks.benchmark_cells import BenchmarkCell
from nascore.networks.blocks import BlockGenotype
from nascore.networks.cells import Stack
from nascore.recipes import PROFILES, Recipe
from nascore.spaces.base import Space

EVIL = '<script>alert("&")</script>'
RECORD = min(path.name for path in paths.committed_runs().glob("darts-201-demo-s0-*"))


class Page(HTMLParser):
    """What a browser makes of HTML: tables as lists of rows, pictures, and all text; tags are checked to be closed."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.pictures, self.text, self.open, self.tags = [], [], "", [], set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "img":
            self.pictures.append(base64.b64decode(dict(attrs)["src"].removeprefix("data:image/png;base64,")))
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    monkeypatch.setattr(display, "draw", None)
    display.drawn_by("nascore.figures.architectures.html", "png")


def page(value):
    return Page(value._repr_html_())


def genotypes(genotype):
    cell = genotype.normal[0]
    return [
        genotype,
        Stack((cell, None, genotype.reduce), (2,)),
        BenchmarkCell(("skip_connect", "none", "nor_conv_3x3", "none", "avg_pool_3x3", "nor_conv_1x1")),
        BlockGenotype(("sep_conv_3x3", "max_pool_3x3"), 2, (((0, 1), (1, 5)),)),
        BlockGenotype(("sep_conv_3x3",), 2, (((0, 1), (1, 3)), ())),
    ]


@pytest.mark.parametrize("at", range(5))
def test_genotypes_are_drawn(genotype, at):
    (png,) = page(genotypes(genotype)[at]).pictures
    image = Image.open(io.BytesIO(png)).convert("L")
    assert image.size[0] >= 3 * display.PIXELS and len(image.getcolors()) > 10
    assert not plt.get_fignums()


def test_pictures_have_the_size_that_they_are_printed_in(genotype):
    wide = Image.open(io.BytesIO(display.draw(genotype))).size[0] * 96 / display.PIXELS
    assert f"width: {wide:.0f}px" in picture_html(genotype)
    assert f"width: {wide / 2:.0f}px" in picture_html(genotype, share=0.5)


def test_figures_of_ones_own_stay_open(genotype):
    mine = plt.figure()
    page(genotype)
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_text_where_there_is_no_drawing(genotype, monkeypatch):
    empty = Stack((None, None), ())
    assert repr(empty) in page(empty).text and "no cells to draw" in page(empty).text
    monkeypatch.setattr(display, "draw", None)
    assert page(genotype).text.strip() == repr(genotype) and not page(genotype).pictures


def test_a_drawing_that_fails_leaves_no_figure(genotype, monkeypatch):
    from nascore.figures.architectures import html

    def broken(_):
        plt.figure()
        raise RuntimeError(EVIL)

    monkeypatch.setattr(html, "draw_genotype", broken)
    found = page(genotype)
    assert repr(genotype) in found.text and EVIL in found.text and "script" not in found.tags
    assert not plt.get_fignums()


def test_figures_are_imported_when_something_is_drawn():
    code = """
import sys, nascore
from nascore.base import display
display.drawn_by("nascore.figures.architectures.html", "png")
assert "matplotlib" not in sys.modules
print(len(nascore.PUBLISHED and next(iter(nascore.PUBLISHED.values()))._repr_html_()))
assert "matplotlib" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) > 10_000, done.stderr


def test_marked_names_look_like_code():
    assert "<code>cells</code> cells in each" in spaces.NasBench201()._repr_html_()
    assert "script" not in Page(title_html("a", f"`{EVIL}`")).tags


def test_tables_are_escaped():
    (table,) = Page(table_html([(EVIL, EVIL, 0.1234567, 12345, True, None, ("a", EVIL), (1,))], (EVIL, "b"))).tables
    assert table == [[EVIL, "b"], [EVIL, EVIL, "0.123457", "12345", "True", "None", f"a, {EVIL}", "(1,)"]]
    assert "<script" not in table_html([(EVIL,)], (EVIL,))


def test_a_value_that_says_nothing_of_its_html():
    class Thing(Displayed):
        def __repr__(self):
            return EVIL

    assert page(Thing()).text == EVIL and "script" not in page(Thing()).tags


def test_runs():
    run = nascore.load_run(paths.committed_runs() / RECORD)
    found = page(run)
    about, numbers = map(dict, found.tables)
    assert (about["recipe"], about["profile"], about["seed"]) == ("darts-201", "demo", "0")
    assert list(numbers) == list(run.metrics)
    assert all(float(numbers[name].replace(",", "")) == pytest.approx(run.metrics[name], rel=1e-5) for name in numbers)
    assert len(found.pictures) == 1 and RECORD in found.text


@pytest.mark.parametrize("found", [None, {"nasbench201": EVIL}])
def test_runs_without_a_genotype_that_can_be_read(found):
    run = nascore.load_run(paths.committed_runs() / RECORD)
    run = dataclasses.replace(run, result=run.result | {"genotype": found, "remarks": [EVIL]})
    assert not page(run).pictures and len(page(run).tables) == 2
    assert f"note: {EVIL}" in page(run).text and "script" not in page(run).tags
    assert ("cannot be read" in page(run).text) == (found is not None)


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_recipes(name):
    recipe = recipes.find(name)
    ((head, *rows),) = page(recipe).tables
    assert head == ["", "paper", *(each for each in PROFILES if each in recipe.profiles)]
    cells = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
    assert {field.name for field in dataclasses.fields(recipe.settings)} <= set(cells)
    for profile, changes in recipe.profiles.items():
        for setting in changes:
            differs = _reached(recipe.at(profile), setting) != _reached(recipe.settings, setting)
            assert (cells[setting][profile] != "") == differs
    assert int(cells["epochs"]["paper"]) == recipe.settings.epochs if "epochs" in cells else True


def _reached(settings, name):
    for part in name.split("__"):
        settings = getattr(settings, part)
    return settings


def test_recipes_are_escaped():
    assert (
        "<script"
        not in Recipe("mine", EVIL, EVIL, spaces.NasBench201(operations=("none", "skip_connect")))._repr_html_()
    )


@pytest.mark.parametrize("space", [spaces.CellSpace(), spaces.NasBench201(cells=2), spaces.BlockSpace()])
def test_spaces(space):
    (rows,) = page(space).tables
    shown = dict(rows)
    assert {field.name for field in dataclasses.fields(space)} <= set(shown) and len(rows) == len(shown)
    assert shown["operations"] == ", ".join(space.operations)
    assert shown["cell types"] == ", ".join(space.cell_types())
    count, first = shown["edges of a cell"].split(": ")
    assert int(count) == len(space.edges()) and re.match(r"0→\d+, ", first)


@pytest.mark.parametrize(
    ("space", "shown"),
    [
        (spaces.NasBench201(), "15,625: one operation on each edge"),  # as its authors count
        (spaces.CellSpace(nodes=1), "4,096: one operation on each edge"),  # 8 on 2 edges, in 2 cell types
        (spaces.CellSpace(), "about 10^25: one operation on each edge"),  # 8^28
        (spaces.BlockSpace(candidates=("max_pool_3x3",), levels=2), "32: each connection kept or not"),
        (spaces.BlockSpace(shared=False), "about 10^925: each connection kept or not"),  # 2^(24 x 128)
    ],
)
def test_spaces_say_how_many_architectures_they_hold(space, shown):
    assert dict(page(space).tables[0])["architectures"] == shown


def test_a_space_that_is_being_written():
    class Half(Space):
        operations: tuple[str, ...] = ("one", EVIL)
        cells: int = 3

        def cell_types(self):
            return (EVIL,)

    assert page(Half()).tables == [[["cells", "3"], ["operations", f"one, {EVIL}"], ["cell types", EVIL]]]
    assert page(Half()).text.startswith("Half cells")


def test_the_look_is_no_setting():
    space = spaces.NasBench201()
    assert [field.name for field in dataclasses.fields(space)] == ["operations", "cells", "channels"]
    assert set(to_dict(space)) == {"type", "operations", "cells", "channels"}
    assert digest(to_dict(space, defaults=False)) == digest({"type": "NasBench201"})
