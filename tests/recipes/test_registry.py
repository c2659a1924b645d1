"""Recipes by name: the package's own, readers', and those of installed packages."""

import types
from dataclasses import replace
from importlib.metadata import EntryPoint
from itertools import pairwise

import pytest

import nascore
from nascore import Recipe, recipes
from nascore.base.config import choose, unknown
from nascore.base.errors import ConfigError
from nascore.recipes import darts, registry

MINE = Recipe("mine", "my paper", "a recipe of my own", darts.SEARCH.at("smoke"))


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    monkeypatch.setattr(registry, "_added", {})
    registry._add_entry_points.cache_clear()
    yield
    registry._add_entry_points.cache_clear()


def installed(monkeypatch, **entries):
    """As if a package were installed whose entry points name these objects; an exception is raised by its import."""

    def load(entry):
        if isinstance(found := entries[entry.name], Exception):
            raise found
        return found

    found = [EntryPoint(name, f"package:{name}", "nascore.recipes") for name in entries]
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == "nascore.recipes" else [])
    monkeypatch.setattr(EntryPoint, "load", load)


def test_a_recipe_is_registered_and_replaced():
    assert recipes.register(MINE) is MINE and recipes.find("mine") is MINE
    newer = recipes.register(replace(MINE, summary="newer"))
    assert recipes.find("mine") is newer and "mine" not in recipes.RECIPES
    assert recipes.table().iloc[-1].tolist() == ["my paper", "mine", "newer", "paper"]


def test_the_packages_own_names_are_taken():
    with pytest.raises(ConfigError, match="'darts' is one of nascore's own: give yours another name"):
        recipes.register(replace(MINE, name="darts"))
    with pytest.raises(ConfigError, match="register takes a Recipe, not 'mine'"):
        recipes.register("mine")


def test_entry_points_are_a_recipe_several_or_a_module(monkeypatch):
    module = types.ModuleType("package.recipes")
    module.RECIPES = (replace(MINE, name="third"),)
    several = [replace(MINE, name="first"), replace(MINE, name="second")]
    installed(monkeypatch, one=MINE, several=several, module=module)
    assert recipes.find("third") is module.RECIPES[0]
    assert {"mine", "first", "second", "third"} <= {*recipes.table().name}


def test_what_is_registered_stays_before_an_entry_point(monkeypatch):
    installed(monkeypatch, one=replace(MINE, summary="installed"))
    recipes.register(MINE)
    assert "a recipe of my own" in recipes.table().summary.tolist() and recipes.find("mine") is MINE


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (ImportError("no such thing"), "ImportError: no such thing"),
        (3, "TypeError: 3 is no Recipe"),
        ([MINE, "b"], "TypeError: 'b' is no Recipe"),
        (types.ModuleType("package"), "AttributeError"),
        (replace(MINE, name="darts"), "ConfigError: recipe 'darts' is one of nascore's own"),
    ],
)
def test_a_broken_entry_point_is_named_and_left_out(found, said, monkeypatch):
    installed(monkeypatch, broken=found, sound=replace(MINE, name="sound"))
    with pytest.warns(UserWarning, match=r"entry point 'broken' \(package:broken\)") as told:
        assert recipes.find("sound").name == "sound"
    assert said in str(told[0].message) and len(told) == 1
    recipes.table()  # says it once


def test_the_table_has_every_recipe_paper_by_paper():
    table = recipes.table()
    assert [*table] == ["paper", "name", "summary", "profiles"] and {*table.name} == {*recipes.RECIPES}
    papers = table.paper.tolist()
    assert sum(a != b for a, b in pairwise(papers)) + 1 == len({*papers})
    assert table.set_index("name").profiles["darts"] == "smoke, demo, gpu, paper"


def test_a_recipe_without_profiles_is_at_paper_alone(tmp_path):
    assert MINE.at("paper") == darts.SEARCH.at("smoke") and MINE.has() == ("paper",)
    said = r"recipe 'mine' has no profile 'demo': it has paper; give Recipe\(profiles=\.\.\.\)"
    with pytest.raises(ConfigError, match=said):
        nascore.run(MINE, root=tmp_path)
    with pytest.raises(ConfigError, match="unknown profile 'demos': did you mean 'demo'"):
        MINE.at("demos")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "a/b"}, "unlike 'a/b'"),
        ({"name": None}, "unlike None"),
        ({"settings": {}}, "recipe 'mine': settings must be Settings, not dict"),
        ({"profiles": {"smok": {}}}, "unknown profile 'smok': did you mean 'smoke'"),
        ({"profiles": {"paper": {}}}, "unknown profile 'paper': there are smoke, demo, gpu"),
    ],
)
def test_a_wrong_recipe_is_told_where_it_is_made(wrong, said):
    with pytest.raises(ConfigError) as error:
        replace(MINE, **wrong)
    assert said in str(error.value)


def test_an_unknown_name_is_told_with_three_near_ones_and_how_to_see_all():
    with pytest.raises(ConfigError) as error:
        recipes.find("Dart")
    said = str(error.value)
    assert said.startswith("unknown recipe 'Dart': did you mean 'darts', ") and len(said) < 150
    assert said.endswith(f"There are {len(recipes.RECIPES)}: `python -m nascore --list` lists all")


def test_lists_are_shown_whole_where_they_are_short():
    with pytest.raises(ConfigError, match=r"^unknown fruit 'pear': there are apple, plum$"):
        choose("fruit", "pear", {"apple": 1, "plum": 2})
    with pytest.raises(ConfigError, match=r"^unknown fruit 'plums': did you mean 'plum'\? There is plum$"):
        choose("fruit", "plums", {"plum": 2})
    many = [f"apple{i}" for i in range(13)]
    assert unknown("fruit", "pear", many[:12]).endswith("apple11")
    assert unknown("fruit", "pear", many, "look there") == "unknown fruit 'pear': there are 13: look there"
    assert unknown("fruit", "apple", many, "look there").count("'") == 2 * 4
    assert unknown("fruit", "pear", []) == "unknown fruit 'pear': there is none"
