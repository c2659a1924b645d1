"""pyproject.toml, requirements.lock and environment.yml say the same; the Makefile does what the README says."""

import itertools
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from nascore.base import paths

ROOT = paths.root()


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = itertools.chain(*project["optional-dependencies"].values())
    return [Requirement(line) for line in (*project["dependencies"], *extras)]


def locked():
    lines = [
        line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")
    ]
    return [Requirement(line) for line in lines]


def test_the_lock_pins_every_declared_package_within_its_range():
    pins = {}
    for pin in locked():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        pins.setdefault(pin.name.lower().replace("_", "-"), []).append(specifier.version)
    for requirement in declared():
        versions = pins[requirement.name.lower()]
        assert all(requirement.specifier.contains(version) for version in versions), requirement
    assert pins["torch"] == ["2.14.1"] and pins["torchvision"] == ["0.29.1"]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_has_one_version_a_package_on_each_python(python):
    environment = default_environment() | {"python_version": python, "python_full_version": f"{python}.9"}
    names = [pin.name for pin in locked() if pin.marker is None or pin.marker.evaluate(environment)]
    assert len(names) == len(set(names))
    assert {requirement.name.lower() for requirement in declared()} <= {name.lower() for name in names}


def test_the_conda_environment_names_no_version_of_its_own():
    text = (ROOT / "environment.yml").read_text()
    assert "-r requirements.lock" in text and "-e ." in text
    for requirement in declared():
        assert not re.search(rf"\b{re.escape(requirement.name)}\b\s*[=<>]", text), requirement.name
    python = re.search(r"python=(\d+\.\d+)", text)[1]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"] == f">={python}"


def test_the_installed_packages_are_the_locked_ones():
    from importlib.metadata import version

    if sys.prefix != str(ROOT / ".venv"):
        pytest.skip("not in the project's own environment, which is what the lock describes")
    applying = [pin for pin in locked() if pin.marker is None or pin.marker.evaluate()]
    assert not [
        (str(pin), version(pin.name)) for pin in applying if not pin.specifier.contains(version(pin.name).split("+")[0])
    ]


def test_importing_the_package_is_quick_and_light():
    heavy = ("torchvision", "matplotlib", "sklearn", "seaborn", "papermill")
    code = f"import sys, nascore; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_the_version_is_written_once():

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dynamic"] == ["version"] and "version" not in project


def test_the_readme_names_commands_and_notebooks_that_exist():
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    for command in set(re.findall(r"\bmake ([a-z]+)", readme)):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
    for notebook in set(re.findall(r"notebooks/[\w.]+\.ipynb", readme)):
        assert (ROOT / notebook).is_file(), notebook
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme):
        assert (ROOT / link).exists(), link
