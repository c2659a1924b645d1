"""The source of readers' code in a run's name: what is another run, and what is the same."""

import functools
import importlib
import json
import subprocess
import sys
import textwrap
import time
from functools import partial

import numpy as np
import pytest
import torch

from nascore.base import paths, sources
from nascore.base.config import from_dict, to_dict
from nascore.base.errors import ConfigError
from nascore.base.sources import fingerprint
from nascore.networks import operations
from nascore.recipes import find
from nascore.records.identity import Identity, _words
from nascore.relaxations import Softmax
from nascore.spaces import CellSpace

HELPERS = """
import enum
import torch

SHIFT = 1
SIZES = {"small": [3, 5]}
KERNEL = torch.tensor([1.0, 2.0])

class Mode(enum.Enum):
    FIRST = 1
    SECOND = 2

MODE = Mode.FIRST

def scale(x):
    return x * 2 + SHIFT

def late(x):
    return x + 7

def unused(x):
    return x
"""
METHOD = '''
import torch
from torch.nn import functional as F
import {helpers}
from {helpers} import SIZES, scale
from nascore.base.config import Settings

RATE = 0.5
TABLE = {{"a": [1, 2]}}
CACHE = {{}}
calls = 0

class Base(Settings):
    """What it is."""
    rate: float = RATE

    def start(self):
        return 1

class Method(Base):
    """A relaxation."""
    steps: int = 3

    def weights(self, x):
        """What it does."""
        global calls
        from {helpers} import late
        calls += 1
        CACHE[calls] = late(x)
        return F.softmax(self.later(scale(x)) + {helpers}.SHIFT, dim=-1)

    def later(self, x):
        return x + TABLE["a"][0] + (Method is Base)

    def sizes(self, x):
        import {helpers} as h
        return SIZES["small"], h.KERNEL, h.MODE
'''
EDITS = {
    "method": ("method", "x + TABLE", "x - TABLE"),
    "helper": ("helpers", "x * 2", "x * 3"),
    "helper's constant": ("helpers", "SHIFT = 1", "SHIFT = 2"),
    "list of a helper's": ("helpers", "[3, 5]", "[3, 7]"),
    "array of a helper's": ("helpers", "[1.0, 2.0]", "[1.0, 3.0]"),
    "choice of a helper's": ("helpers", "MODE = Mode.FIRST", "MODE = Mode.SECOND"),
    "imported within a method": ("helpers", "x + 7", "x + 8"),
    "base": ("method", "return 1", "return 2"),
    "default": ("method", "RATE = 0.5", "RATE = 0.25"),
    "table": ("method", "[1, 2]", "[3, 2]"),
    "import": ("method", "from torch.nn import functional as F", "from torch import nn as F"),
    "elsewhere in a file": ("helpers", "return x\n", "return -x\n"),
}
SAME = {
    "comment": ("method", "    steps: int = 3", "    # how many\n    steps: int = 3  # steps"),
    "docstring": ("method", "What it does.", "What it really does."),
    "class docstring": ("method", '"""A relaxation."""', ""),
    "layout": ("method", "+ (Method is Base)", "+ (\n            Method is Base\n        )"),
    "helper's comment": ("helpers", "def scale(x):", "# doubles\n\n\ndef scale(x):\n    'Twice.'"),
}


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """Write a module and the helpers that it imports, and import it as from a new session."""
    names = {"method": f"method_{tmp_path.name}", "helpers": f"helpers_{tmp_path.name}"}
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(edit=None):
        texts = {"method": METHOD.format(helpers=names["helpers"]), "helpers": HELPERS}
        if edit:
            file, old, new = edit
            assert texts[file].count(old) == 1
            texts[file] = texts[file].replace(old, new)
        for file, text in texts.items():
            (tmp_path / f"{names[file]}.py").write_text(text)
            sys.modules.pop(names[file], None)
        importlib.invalidate_caches()
        return importlib.import_module(names["method"])

    yield write
    for name in names.values():
        sys.modules.pop(name, None)


def run_name(settings, recipe="darts", seed=0):
    return Identity(recipe, find(recipe).paper, "demo", seed, settings).name


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_another_run(imported, edit):
    before = imported()
    first = fingerprint(before.Method), run_name(before.Method())
    after = imported(edit)
    assert fingerprint(after.Method) != first[0] and run_name(after.Method()) != first[1]


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_comments_docstrings_and_layout_are_the_same_run(imported, edit):
    before = imported()
    first = fingerprint(before.Method), run_name(before.Method())
    after = imported(edit)
    assert (fingerprint(after.Method), run_name(after.Method())) == first


def test_what_a_run_changes_itself_does_not_change_its_name(imported):
    module = imported()
    before = fingerprint(module.Method)
    module.Method().weights(torch.zeros(2))
    assert module.calls == len(module.CACHE) == 1 and fingerprint(module.Method) == before


def test_a_file_edited_after_its_import_does_not_count_as_what_runs(imported):
    module = imported()
    before = fingerprint(module.Method)
    imported(EDITS["method"])
    written = fingerprint(sys.modules[module.__name__].Method)
    assert written != before and fingerprint(module.Method) not in (before, written)


@pytest.mark.parametrize("edit", ["helper", "comment"])
def test_nor_does_one_that_it_imports(imported, tmp_path, edit):
    module = imported()
    before = fingerprint(module.Method)
    helpers = tmp_path / f"helpers_{tmp_path.name}.py"
    helpers.write_text({"helper": HELPERS.replace("x * 2", "x * 3"), "comment": f"# more\n\n{HELPERS}"}[edit])
    runs = fingerprint(module.Method)
    if edit == "comment":
        assert runs == before
    else:
        assert runs not in (before, fingerprint(imported(EDITS["helper"]).Method))


PACKAGE = {
    "__init__": "",
    "method": """
from nascore.base.config import Settings
from . import constants
class Method(Settings):
    def weights(self, x):
        from .deep.helpers import scale
        return scale(x) + constants.SHIFT
""",
    "constants": "SHIFT = 1",
    "unused": "SHIFT = 1",
    "deep/__init__": "",
    "deep/helpers": "import {name}.deep.more as more\ndef scale(x): return more.scale(x)",
    "deep/more": "def scale(x): return 2 * x\nif __name__ == '__main__':\n    import {name}.guarded",
    "guarded": "raise SystemExit",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package, and import its method as from a new session."""
    name = f"package_{tmp_path.name}"

    def write(folder="", **edits):
        for file, text in PACKAGE.items():
            path = tmp_path / folder / name / f"{file}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(edits.get(file.replace("/", "_"), text).replace("{name}", name))
        monkeypatch.syspath_prepend(tmp_path / folder)
        for module in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[module]
        return importlib.import_module(f"{name}.method")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]


@pytest.mark.parametrize("folder", ["", "site-packages"])  # one's own package counts where it is installed, too
def test_relative_imports_count_and_theirs_without_being_run(package, folder):
    before = fingerprint(package(folder).Method)
    assert fingerprint(package(folder, unused="SHIFT = 2").Method) == before
    edits = {"constants": "SHIFT = 2", "deep_more": "def scale(x): return 3 * x", "deep___init__": "import torch"}
    edits["guarded"] = "raise SystemExit(1)"
    assert len({before, *(fingerprint(package(folder, **{file: text}).Method) for file, text in edits.items())}) == 5
    module = package(folder)
    name = module.__package__
    assert f"{name}.deep" not in sys.modules  # what a method imports, or a script, is read and not run
    assert module.Method().weights(1) == 3 and fingerprint(module.Method) == before


def test_an_installed_package_of_others_does_not_count(imported, tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    edit = ("method", "import torch\n", "import torch\nimport installed_of_others\n")
    found = set()
    for text in ("x = 1", "x = 2"):
        (tmp_path / "site-packages" / "installed_of_others.py").write_text(text)
        found.add(fingerprint(imported(edit).Method))
        del sys.modules["installed_of_others"]
    assert len(found) == 1


def test_what_is_put_into_a_class_counts(imported):
    module = imported()
    before = fingerprint(module.Method)
    module.Method.later = remembering
    assert fingerprint(module.Method) != before


def test_a_fingerprint_takes_milliseconds(imported):
    module = imported()
    fingerprint(module.Method)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        fingerprint(module.Method)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.01


def test_settings_from_outside_come_back(imported):
    module = imported()
    method = module.Method(rate=0.1)
    shown = json.loads(json.dumps(to_dict(method)))
    assert shown["type"] == f"{module.__name__}:Method" and shown["source"] == fingerprint(module.Method)
    assert from_dict(shown) == from_dict(shown | {"source": "of another day"}) == method
    newest = imported(EDITS["method"])
    assert type(from_dict(shown)) is newest.Method is not module.Method
    assert to_dict(Softmax()) == {"type": "Softmax"}
    assert sources.outside(module.Method) and not sources.outside(Softmax)


def test_two_modules_classes_of_one_name_are_told_apart(imported, tmp_path):
    one = imported()
    (tmp_path / "twin_method.py").write_text((tmp_path / f"{one.__name__}.py").read_text())
    two = importlib.import_module("twin_method")
    try:
        assert type(from_dict(to_dict(one.Method()))) is one.Method
        assert type(from_dict(to_dict(two.Method()))) is two.Method
        assert run_name(one.Method()) != run_name(two.Method())
    finally:
        del sys.modules["twin_method"]


def test_what_is_not_imported_is_told_and_not_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "never_imported.py").write_text("raise SystemExit")
    with pytest.raises(ConfigError, match="`import never_imported`"):
        from_dict({"type": "never_imported:Method", "source": "0"})


def test_a_field_that_records_need_is_refused():
    from nascore.base.config import Settings

    class Reads(Settings):
        source: str = "x"

    with pytest.raises(ConfigError, match=r"Reads\.source.*rename"):
        to_dict(Reads())


def remembering(name, cache={}):  # noqa: B006 # a cache, as readers write one
    cache[name] = True
    return cache


def test_a_cache_among_the_defaults_may_fill():
    before = fingerprint(remembering)
    assert remembering("a") and fingerprint(remembering) == before


def test_lists_that_hold_themselves_and_arrays_in_defaults_do_no_harm():
    ring = [1]
    ring.append(ring)

    def reads(x, kernel=torch.ones(2)):  # noqa: B008
        return x, ring, kernel

    assert fingerprint(reads) == fingerprint(reads)


# -- notebooks -------------------------------------------------------------------------------------------------------

CELLS = '''
import importlib, os, sys
os.environ["IPYTHONDIR"] = sys.argv[1]
from IPython.core.interactiveshell import InteractiveShell
from nascore.base.config import Settings, from_dict, to_dict
from nascore.base.sources import fingerprint

shell = InteractiveShell.instance()

def cell(text):
    shell.run_cell(text, store_history=True).raise_error()
    return fingerprint(shell.user_ns["Method"])

HELPER = "from nascore.base.config import Settings\\ndef helper(x): return x * 2"
CLASS = """class Method(Settings):
    'What it is.'
    rate: float = 0.5
    def weights(self, x):
        'Does it.'
        return helper(x)"""
shell.run_cell(HELPER).raise_error()
first = cell(CLASS)
shown = to_dict(shell.user_ns["Method"](rate=0.25))
assert shown["type"] == "__main__:Method"
assert cell(CLASS) == cell("x = 1\\n" + CLASS) == cell(CLASS.replace("Does it.", "Other.") + "  # more") == first
assert from_dict(shown) == shell.user_ns["Method"](rate=0.25)  # the newest
assert cell(CLASS.replace("0.5", "0.75")) != first and cell(CLASS.replace("helper(x)", "-helper(x)")) != first
shell.run_cell("SIZES = [3, 5]").raise_error()
sized = cell(CLASS.replace("helper(x)", "helper(x) + SIZES[0]"))
shell.run_cell("SIZES = [3, 7]").raise_error()  # in a cell of its own
assert fingerprint(shell.user_ns["Method"]) != sized
assert cell(CLASS) == first and cell(HELPER.replace("2", "3")) != first
bare = cell("class Method(Settings):\\n    rate: float = 0.5")
assert cell("class Method(Settings):\\n    rate: float = 0.25") != bare
assert cell("class Method(Settings):\\n    rate: int = 5") != bare
shell.run_cell("RATE = 0.5").raise_error()
given = cell("class Method(Settings):\\n    rate: float = RATE\\n    def weights(self): return 1")
shell.run_cell("RATE = 0.75").raise_error()
late = fingerprint(shell.user_ns["Method"])  # whose default is still what it was
assert cell("class Method(Settings):\\n    rate: float = RATE\\n    def weights(self): return 1") != late
two = cell("a = 1; make = lambda x: x + 1\\n" + CLASS.replace("helper(x)", "make(x)"))
assert cell("a = 1; make = lambda x: x + 2\\n" + CLASS.replace("helper(x)", "make(x)")) != two
file = os.path.join(sys.argv[1], "of_cells.py")
within = []
for text in ("def scale(x): return x", "def scale(x): return 2 * x"):
    open(file, "w").write(text)
    importlib.invalidate_caches(), sys.modules.pop("of_cells", None)
    within.append(cell(CLASS.replace("helper(x)", "of_cells.scale(x)").replace("'Does", "import of_cells; 'Does")))
    within.append(cell("import of_cells\\n" + CLASS.replace("helper(x)", "of_cells.scale(x)")))
assert len(set(within)) == 4
exec("class Method(Settings):\\n    def weights(self): return 1", shell.user_ns)  # nowhere written
nowhere = fingerprint(shell.user_ns["Method"])
exec("class Method(Settings):\\n    def weights(self): return 2", shell.user_ns)
assert fingerprint(shell.user_ns["Method"]) != nowhere
print(fingerprint(shell.user_ns["Method"]), first)
'''


def test_classes_of_notebook_cells_have_their_cells_source(tmp_path):
    pytest.importorskip("IPython")
    (tmp_path / "cells.py").write_text(CELLS)
    said = set()
    for _ in range(2):  # the same in each session, whatever the seed of hashes
        done = subprocess.run(
            [sys.executable, "-W", "ignore", tmp_path / "cells.py", tmp_path],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said.add(done.stdout.splitlines()[-1])
    assert len(said) == 1


def test_a_script_s_own_classes(tmp_path):
    text = """
    from nascore.base.config import Settings, from_dict, to_dict
    class Method(Settings):
        def weights(self): return {value}  # {comment}
    shown = to_dict(Method())
    assert from_dict(shown) == Method() and shown["type"] == "__main__:Method"
    print(shown["source"])
    """
    script = tmp_path / "script.py"

    def source(**edit):
        script.write_text(textwrap.dedent(text).format(**edit))
        return subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout

    assert source(value=1, comment="a") == source(value=1, comment="b") != source(value=2, comment="a")


def test_a_spawned_process_says_the_same_of_a_script(tmp_path):
    text = """
    import multiprocessing
    from nascore.base.config import Settings
    from nascore.base.sources import fingerprint, place
    class Method(Settings):
        def weights(self): return 1
    def said(_):
        return fingerprint(Method), place(Method)
    if __name__ == "__main__":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.map(said, [0]) == [said(0)] and said(0)[1] == "__main__:Method"
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(text))
    subprocess.run([sys.executable, tmp_path / "script.py"], check=True, timeout=120)


# -- operations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def register():
    yield operations.register
    del operations.OPERATIONS["mine"], sources.registered["mine"]


class Maker:
    def __init__(self, kernel):
        self.kernel = kernel

    def __call__(self, channels, stride, searching):
        return torch.nn.Conv2d(channels, channels, self.kernel, stride, self.kernel // 2)


def make_with(kernel):
    return lambda channels, stride, searching: torch.nn.Conv2d(channels, channels, kernel, stride, kernel // 2)


def test_an_operation_s_source_is_part_of_the_run_that_has_it(register):
    darts = find("darts").at("smoke")
    plain = run_name(darts)

    def with_operation():
        space = CellSpace(operations=("none", "skip_connect", "mine"))
        return run_name(find("darts").at("smoke", space=space))

    register("mine", make_with(3))
    first = with_operation()
    register("mine", make_with(5))
    other = with_operation()
    register("mine", make_with(3))
    assert with_operation() == first != other
    register("mine", lambda channels, stride, searching: torch.nn.Identity())
    assert with_operation() not in (first, other)
    assert run_name(darts) == plain  # it has no such operation


def test_operations_that_differ_in_what_they_were_given_are_told_apart():
    kinds = (make_with, Maker, lambda kernel: partial(make, kernel), lambda kernel: make_with([kernel]))
    makers = [kind(kernel) for kind in kinds for kernel in (3, 5)]
    assert len({fingerprint(maker) for maker in makers}) == 8 and fingerprint(Maker(3)) == fingerprint(makers[2])


def scaled(function, factor):
    @functools.wraps(function)
    def wrapper(*arguments):
        return factor * function(*arguments)

    return wrapper


@torch.no_grad()
def without_gradients(channels, stride, searching):
    return Maker(3)(channels, stride, searching)


class Kernel(torch.nn.Module):
    def __init__(self, values, dtype=torch.float32):
        super().__init__()
        self.register_buffer("kernel", torch.tensor(values, dtype=dtype))


def method_of(kind, factor):
    class Made(kind):
        competes = factor > 3

        def make(self):
            return factor

    return Made


GIVEN = {
    "wrapped": lambda value: scaled(make, value),
    "cached": lambda value: functools.cache(make_with(value)),
    "bound": lambda value: Maker(value).__call__,
    "keyword": lambda value: partial(make, kernel=value),
    "order": lambda value: partial(make, *(make_with(each) for each in (value, 4))),
    "default": lambda value: lambda channels, stride, searching, kernel=value: kernel,
    "array": lambda value: partial(make, np.array([value, 1])),
    "dtype": lambda value: partial(make, torch.float32 if value == 3 else torch.float64),
    "tensor": lambda value: partial(make, torch.tensor([1.0, value], requires_grad=True)),
    "bfloat16": lambda value: partial(make, torch.tensor([1, value], dtype=torch.bfloat16)),
    "module": lambda value: partial(make, Kernel([value])),
    "class": lambda value: method_of(Maker, value),
    "of a library's": lambda value: partial(make, torch.nn.LeakyReLU(value)),
    "set": lambda value: partial(make, {value, "a", (1, "b")}),
    "function": lambda value: partial(make, torch.relu if value == 3 else torch.tanh),
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_what_a_callable_was_given_counts(given):
    assert fingerprint(given(3)) == fingerprint(given(3)) != fingerprint(given(5))


def test_what_a_library_s_decorator_makes_counts_as_what_it_was_made_of():
    before = fingerprint(without_gradients)
    without_gradients(1, 1, False)
    assert fingerprint(without_gradients) == before != fingerprint(torch.no_grad()(make))


def make(kernel, channels, stride, searching):
    return Maker(kernel)(channels, stride, searching)


def test_an_operation_within_a_genotype_counts():
    shown = {"genotype": {"nasbench201": "|mine~0|+|none~0|mine~1|"}, "names": ["a b"], "size": 3}
    assert set(_words(shown)) >= {"mine", "none", "a", "b"} and "size" not in set(_words(shown))


# -- the package's own -----------------------------------------------------------------------------------------------


def test_the_names_of_committed_records_have_not_changed():
    same = 0
    for folder in sorted(paths.committed_runs().iterdir()):
        config = json.loads((folder / "config.json").read_text())
        if '"source": ' in json.dumps(config):  # of a notebook's own classes
            continue
        if "after" not in config and config["settings"].get("genotype") is None:
            settings = from_dict({name: value for name, value in config["settings"].items() if name != "genotype"})
            labels = [config[name] for name in ("recipe", "paper", "profile", "seed")]
            identity = Identity(*labels, settings, data=config.get("data"))
            assert folder.name == (identity.name if "data" in config else identity.unsealed_name)
            same += 1
    assert same >= 10
