"""`import nascore` itself: what it has, and what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from test_rooms import FLOORS

import nascore

HEAVY = ("torch", "pandas", "matplotlib", "seaborn", "sklearn", "torchvision")


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_it_imports_nothing_heavy():
    assert in_a_new_process(f"import nascore, sys; print([n for n in {HEAVY} if n in sys.modules])") == "[]\n"


def test_one_import_reaches_everything():
    code = "import nascore; names = [getattr(nascore, name) for name in dir(nascore)]; print(len(names))"
    assert int(in_a_new_process(code)) > 40
    assert {*FLOORS, "figures", "tables", "findings", "run", "Recipe", "Space"} <= {*dir(nascore)}
    code = "from nascore import tables, figures; import nascore; print(nascore.evidence.findings.__name__)"
    assert in_a_new_process(code) == "nascore.evidence.findings\n"
    assert nascore.Recipe is nascore.recipes.Recipe and nascore.Space is nascore.spaces.Space


def test_genotypes_are_drawn_and_records_are_listed_without_further_imports():
    code = """
import sys, nascore
genotype = nascore.PUBLISHED["DARTS_V2"]
assert "matplotlib" not in sys.modules and genotype._repr_html_().count("<img") == 1
table = nascore.all_runs(recipe="darts")
run = nascore.load_run(table.path.iloc[0])
print(len(table) > 0 and "<img" in run._repr_html_())
"""
    assert in_a_new_process(code) == "True\n"


def test_type_checkers_see_the_same_names():
    (block,) = [node for node in ast.parse(Path(nascore.__file__).read_text()).body if isinstance(node, ast.If)]
    told = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == {*nascore._ROOMS, *nascore._NAMES}


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        _ = nascore.runn
    with pytest.raises(ImportError, match="cannot import name 'runn'"):
        from nascore import runn  # noqa: F401


def test_a_record_knows_the_settings_of_recipes_without_further_imports():
    code = (
        "import nascore; nascore.load_run; from nascore.base.config import _kinds, Settings; print(*_kinds(Settings))"
    )
    assert {"Bilevel", "CellSpace", "GalSettings", "TrainingSettings"} <= {*in_a_new_process(code).split()}
