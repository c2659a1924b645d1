"""Who may import whom: from each room of the house only down, so that no circle can be; also for type checkers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nascore

PACKAGE = Path(nascore.__file__).parent

# From the ground up; a room imports those before it alone. CONTRIBUTING.md draws the same house.
FLOORS = (
    "base",
    "networks",
    "data",
    "relaxations",
    "supernets",
    "spaces",
    "records",
    "evidence",
    "optimization",
    "pruning",
    "derivation",
    "training",
    "search",
    "gal",
    "recipes",
    "runs",
)
# Figures are drawn from what is recorded, whatever computed it; and so are the rooms within.
SEEN_BY_FIGURES = ("base", "networks", "records", "evidence")
FIGURES = ("shared", "architectures", "searches", "pruning", "results", "inputs", "methods")
FRONT_DOOR = ("__init__", "__main__")


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The parts of each module of this package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == "nascore":
                yield tuple(parts)


def files(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in (PACKAGE / room).rglob("*.py")]
    return found + [path for room in rooms if (path := PACKAGE / f"{room}.py").is_file()]


def test_every_module_has_a_room():
    rooms = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert rooms - {"py"} == {*FLOORS, "figures", *FRONT_DOOR}
    within = {path.stem for path in (PACKAGE / "figures").iterdir() if path.name != "__pycache__"}
    assert within == {*FIGURES, "__init__"}


@pytest.mark.parametrize("room", FLOORS)
def test_imports_go_down(room):
    allowed = FLOORS[: FLOORS.index(room) + 1]
    wrong = [
        (path.name, parts)
        for path in files(room)
        for parts in imported(path)
        if parts[:1] not in {(a,) for a in allowed}
    ]
    assert not wrong, f"{room} imports what stands above it: {wrong}"


def test_figures_import_nothing_that_computes():
    for path in files("figures"):
        for parts in imported(path):
            assert parts[0] in (*SEEN_BY_FIGURES, "figures"), f"{path} imports nascore.{'.'.join(parts)}"


@pytest.mark.parametrize("room", FIGURES)
def test_imports_within_figures_go_down(room):
    allowed = {*FIGURES[: FIGURES.index(room) + 1]}
    for path in (PACKAGE / "figures" / room).rglob("*.py"):
        for _, *parts in (found for found in imported(path) if found[0] == "figures"):
            assert parts[0] in allowed, f"{path} imports nascore.figures.{'.'.join(parts)}"


def test_no_file_of_a_room_imports_its_own_front():
    for path in PACKAGE.rglob("*.py"):
        room = path.parent.relative_to(PACKAGE).parts
        if path.name != "__init__.py" and room:
            own = [parts for parts in imported(path) if parts[: len(room)] == room and len(parts) == len(room) + 1]
            modules = {each.stem if each.is_file() else each.name for each in path.parent.iterdir()}
            assert all(parts[-1] in modules for parts in own), f"{path} imports names by way of its room's __init__"


def test_fronts_only_hand_on_names():
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent != PACKAGE:
            body = ast.parse(path.read_text()).body
            kinds = {type(node).__name__ for node in body}
            assert kinds <= {"Expr", "ImportFrom", "Assign"}, f"{path} does more than hand names on"
