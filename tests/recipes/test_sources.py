"""Where values of recipes are from: read from the comments beside them, found for each setting, and all there."""

import importlib.util
import sys

import pytest

from nascore import recipes
from nascore.base.errors import ConfigError
from nascore.recipes import RECIPES, Recipe, darts, registry, sources

WRITTEN = """
from nascore.base import override
from nascore.pruning import Gradual
from nascore.recipes import Recipe, darts
from nascore.search import SearchSettings
from nascore.training import TrainingSettings

_GRADUAL = Gradual(interval=5, warm_up=4)  # algorithm 7
_CHANGES = {"epochs": 33, "space__cells": 5}  # section 9
_NOTHING = override(darts.SEARCH.settings, batch_size=12)  # no word of where from
VARIANTS = {
    "one": {"pruning": _GRADUAL},
    "two": {
        "optimization__learning_rate": 0.5,  # table 2
        "momentum": 0.25,
    },  # code
}
_RETRAINING = TrainingSettings(
    dataset="cifar10",  # section 1
    epochs=33,  # section 2
    batch_size=12,
    learning_rate=0.5,  # not stated
    weight_decay=0.0,
)


def made(name, epochs):
    settings = override(darts.SEARCH.settings, **_CHANGES, **VARIANTS[name])
    return Recipe(name, "mine", "mine", override(settings, epochs=epochs))  # it ends here


RECIPES = (made("one", 33), made("two", 44), Recipe("three", "mine", "mine", _RETRAINING))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A recipe module written for this, known to the package."""
    (tmp_path / "mine.py").write_text(WRITTEN)
    spec = importlib.util.spec_from_file_location("mine", tmp_path / "mine.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mine", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sources, "MODULES", (*registry.MODULES, module))
    return module


def of(recipe):
    table = sources.sources_of(recipe)
    return {row.setting: (row.source, row.origin) for row in table.itertuples()}


@pytest.mark.parametrize("name", RECIPES)
def test_every_value_that_a_recipe_gives_has_its_source(name):
    table = sources.sources_of(name)
    assert table[table.source == ""].setting.tolist() == [], "write the source behind the value in the recipe's module"
    assert set(table.origin) <= {"paper", "authors' code", "cited", "ours"}


def test_the_table_has_every_setting_once_with_its_value():
    table = sources.sources_of("darts").set_index("setting")
    assert table.index.is_unique and {"epochs", "space", "space.cells", "optimization.betas"} <= set(table.index)
    assert table.value["space"] == "CellSpace" and table.value["epochs"] == "50"
    assert table.value["optimization.betas"] == "0.5, 0.999" and table.value["weight_decay"] == "0.0003"
    assert [*table.columns] == ["value", "source", "origin"]


def test_sources_of_published_values():
    found = of("darts")
    assert found["epochs"] == ("appendix, search", "paper") and found["gradient_clip"] == ("code", "authors' code")
    assert found["space.cells"][0].endswith("appendix, search")  # from the answer that it is in
    assert found["optimization.learning_rate"] == ("algorithm 1; Adam for alpha: appendix, search", "paper")
    assert found["precision"] == (sources.DEFAULT, "ours")
    # the same name and value in two statements: that of which the recipe is made
    assert of("retraining")["auxiliary_weight"] == ("appendix, evaluation", "paper")
    assert of("retraining-imagenet")["auxiliary_weight"] == ("appendix, ImageNet", "paper")
    # the same name and value for a search and a training
    assert found["momentum"] == ("appendix, search", "paper") and of("retraining")["momentum"][0] == "code"


def test_what_a_recipe_takes_from_another_paper_is_cited():
    assert of("darts-201")["epochs"] == ("DARTS: appendix, search", "cited")
    sparse = of("sparse-darts-201")
    assert sparse["epochs"] == ("setup", "paper") and sparse["batch_size"] == ("DARTS: appendix, search", "cited")
    assert sparse["relaxation.alpha"][1] == "paper"
    assert of("gdas")["epochs"] == ("GDAS's code", "cited")
    # `method` names the optimization; alpha's rate is as in DARTS, whose the paper's other numbers are
    assert sparse["optimization.learning_rate"] == ("DARTS: algorithm 1; Adam for alpha: appendix, search", "cited")
    # a name alone does not count where the value stands somewhere: these are not what "3.4" leaves
    assert of("pdarts-n3ex")["space.operations"][0].startswith("DARTS: 8 cells")
    assert of("pdarts-without-none")["space.operations"] == ("3.4, 4.2", "paper")
    assert of("sparse-darts-bilevel-second-order")["optimization.order"][0].startswith("introduction")


def test_a_paper_that_gives_no_number_leaves_it_to_us():
    assert of("dso-imagenet-retraining")["label_smoothing"] == ("section 4.3 gives no number", "ours")


@pytest.mark.parametrize(
    ("comment", "kind"),
    [
        ("section 4.1", "paper"),
        ("4.2", "paper"),
        ("A.1 (and 32); P-DARTS: 96", "paper"),
        ("method; how often is not stated", "paper"),
        ("code; the appendix says zero", "authors' code"),
        ("P-DARTS, of each stage", "cited"),
        ("not stated: DARTS's", "ours"),
        ("equation 6 gives no number", "ours"),
        ("what is left", None),
        ("", None),
    ],
)
def test_the_first_word_says_where_from(comment, kind):
    assert sources.origin(comment) == kind


def test_comments_stand_beside_values(mine):
    found = {(each.group, each.path): (each.value, each.source) for each in sources.citations(mine)}
    assert found["_GRADUAL", ()] == (mine._GRADUAL, "algorithm 7")
    assert found["_CHANGES", ("epochs",)] == (33, "section 9")
    assert found["_CHANGES", ("space", "cells")] == (5, "section 9")
    # a comment at the end counts for what has none of its own
    assert found["VARIANTS", ("optimization", "learning_rate")] == (0.5, "table 2")
    assert found["VARIANTS", ("momentum",)] == (0.25, "code")
    scopes = {each.group: each.scope for each in sources.citations(mine)}
    assert scopes["_RETRAINING"] is type(mine._RETRAINING) and scopes["_CHANGES"] is None
    assert not [group for group, _ in found if group in ("_NOTHING", "made")]


def test_sources_are_found_however_a_recipe_is_put_together(mine):
    one, two, three = map(of, mine.RECIPES)
    assert one["pruning"] == one["pruning.interval"] == ("algorithm 7", "paper")
    assert one["epochs"] == ("section 9", "paper") and one["space.cells"] == ("section 9", "paper")
    assert two["optimization.learning_rate"] == ("table 2", "paper") and two["momentum"] == ("code", "authors' code")
    assert one["momentum"] == ("DARTS: appendix, search", "cited")
    assert three["epochs"] == ("section 2", "paper")  # not `_CHANGES`'s 33: that is no statement it is made of
    assert three["learning_rate"] == ("not stated", "ours")


def test_a_value_without_a_source_is_seen(mine):
    one, two, three = map(of, mine.RECIPES)
    assert two["epochs"] == ("", "")  # 44 stands nowhere
    assert three["batch_size"] == ("", "")
    assert [name for name, (source, _) in one.items() if not source] == []


def test_all_recipes_of_a_paper_in_one_table():
    whole = sources.sources_of_paper("sparse_darts")
    names = {recipe.name for recipe in RECIPES.values() if recipe.paper == "sparse_darts"}
    assert set(whole.source) & {"", sources.DEFAULT} == set()
    for setting, rows in whole.groupby("setting"):
        listed = [name for row in rows.recipes for name in (names if row == "all" else row.split(", "))]
        assert len(listed) == len(set(listed)) and set(listed) <= names, setting
    epochs = whole[whole.setting == "epochs"].set_index("value")
    assert "sparse-darts" in epochs.recipes["200"].split(", ") and "setup" in epochs.source["200"]
    more = sources.sources_of_paper("sparse_darts", defaults=True)
    assert len(more) > len(whole) and sources.DEFAULT in set(more.source)
    with pytest.raises(ConfigError, match="unknown paper with recipes 'sparse': did you mean 'sparse_darts'"):
        sources.sources_of_paper("sparse")


def test_a_recipe_of_ones_own_has_no_comments_to_read():
    own = Recipe("my-own", "mine", "mine", darts.SEARCH.at("smoke"))
    with pytest.raises(ConfigError, match=r"recipe 'my-own' is in no module of nascore\.recipes"):
        recipes.sources_of(own)
