"""Every public function, called with wrong arguments: what is raised is an error of this package's, never a raw one.

Functions, constructors and classmethods are found by looking, so that new ones are tried by themselves.
"""

import collections
import contextlib
import inspect
import io
import re
import shutil
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import nascore
from nascore.base.errors import NascoreError
from nascore.evidence import (
    claims,
    findings,
    formulas,
    measures,
    nasbench201,
    nasbench301,
    printed,
    statistics,
    studies,
    tables,
    words,
)
from nascore.evidence.checks import common, darts_gal, dso_nas, eoinas, eth_thesis, measured, sparse_darts
from nascore.networks import benchmark_cells

WRONG = [
    None, object(), "x", "", -1, 2**70, 3.5, float("nan"), [], {}, b"", Path("nowhere"), torch.zeros(3), dict,
]  # fmt: skip

MODULES = (  # used by their names
    *(claims, findings, formulas, measures, nasbench201, nasbench301, printed, statistics, studies, tables, words),
    *(common, measured, darts_gal, sparse_darts, dso_nas, eth_thesis, eoinas),
)
METHODS = ("Run", "Genotype", "BenchmarkCell", "Recipe")  # the front door's classes whose methods are called, too


EXCEPTIONS = {
    "supernets.State": "made for each node in each forward pass, where checks would cost time",
    "supernets.as_it_is": "called for each operation in each forward pass, likewise",
}


def public() -> Iterator[tuple[str, Any]]:
    """(name, what can be called) for all that the front door, the rooms and the modules in `MODULES` hand on."""
    rooms = [getattr(nascore, name) for name in (*nascore._ROOMS,)]
    seen = set()
    for owner in (nascore, *rooms, *MODULES):
        for name in getattr(owner, "__all__", dir(owner)):
            found = getattr(owner, name)
            own = getattr(found, "__module__", "").startswith("nascore")
            if name.startswith("_") or not own or not callable(found) or id(found) in seen:
                continue
            if not inspect.isclass(found) and found.__module__ != owner.__name__ and owner in (*MODULES, nascore.runs):
                continue  # what a module imports
            seen.add(id(found))
            yield from called(f"{owner.__name__.removeprefix('nascore.')}.{name}", found)


def called(name: str, found: Any) -> Iterator[tuple[str, Any]]:
    if not inspect.isclass(found):
        yield name, found
        return
    if not getattr(found, "_is_protocol", False) and not issubclass(found, BaseException):
        yield name, found
    for each, value in vars(found).items():
        if not each.startswith("_") and isinstance(value, classmethod):
            yield f"{name}.{each}", getattr(found, each)
    if found.__name__ in METHODS:
        for each, value in inspect.getmembers(found, inspect.isfunction):
            if not each.startswith("_") and value.__module__.startswith("nascore"):
                yield f"{name}.{each}", getattr(example(found), each)


@cache
def record(recipe: str) -> nascore.Run:
    """A record of a recipe, in the project that `project` makes."""
    return nascore.load_run(min(nascore.base.paths.committed_runs().glob(f"{recipe}-demo-s*")))


def project(folder: Path) -> Callable[[], Path]:
    """A project with some committed records and the papers' numbers, where nothing is harmed: its `paths.root`."""
    real, runs = nascore.base.paths.root(), folder / "data" / "runs"
    runs.mkdir(parents=True)
    for part in ("reported", "claims", "studies"):
        (folder / "data" / part).symlink_to(real / "data" / part)
    for recipe in ("darts", "darts-201", "dso-share", "gal-pruning-mnist", "eoinas", "retraining", "pdarts"):
        for seed in (0, 1):
            for path in sorted((real / "data" / "runs").glob(f"{recipe}-demo-s{seed}-*"))[:1]:
                shutil.copytree(path, runs / path.name)
    return lambda: folder


def weights() -> pd.DataFrame:
    return record("darts").architecture_weights.copy()


@cache
def images() -> Any:
    return nascore.data.load("digits", "train", limit=20)


@cache
def architecture() -> nascore.relaxations.Architecture:
    return nascore.spaces.CellSpace(cells=2, channels=2).architecture(nascore.relaxations.Softmax(), torch.Generator())


@cache
def true_accuracies() -> Any:
    """Of the cell that a record has, and of its neighbours."""
    cell = record("darts-201").genotype
    cells = {cell.replaced(*edge, name) for edge in benchmark_cells.EDGES for name in benchmark_cells.OPERATIONS}
    names = [f"{data}{end}" for data in nasbench201.BENCHMARKS for end in nasbench201.MEASURES.values()]
    rows = [
        {"arch_str": each.string, "unique_str": each.unique_string(), **dict.fromkeys(names, 90.0)} for each in cells
    ]
    said = [{"canonical": each.canonical(), "collapse": each.collapse()} for each in cells]
    return nasbench201.Table(pd.DataFrame(rows).join(pd.DataFrame(said)))


@cache
def problem() -> Any:
    space = nascore.spaces.CellSpace(cells=2, channels=2)
    return nascore.search.problem.SearchProblem(space.supernet(1, 10), architecture(), torch.Generator(), space=space)


# what annotations allow, by the annotation
EXAMPLES: dict[Any, Callable[[], Any]] = {
    int: lambda: 2,
    float: lambda: 0.5,
    str: lambda: "x",
    bool: lambda: True,
    Any: lambda: 1,
    Path: lambda: Path("nowhere"),
    torch.Tensor: lambda: torch.rand(2, 2, requires_grad=True),
    torch.device: lambda: torch.device("cpu"),
    torch.Generator: torch.Generator,
    torch.optim.SGD: lambda: torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1),
    nn.Module: lambda: nn.Sequential(nn.Conv2d(3, 2, 1)),
    np.ndarray: lambda: np.random.default_rng(0).random((4, 4)),
    pd.DataFrame: weights,
    matplotlib.figure.Figure: plt.figure,
    matplotlib.axes.Axes: lambda: plt.figure().add_subplot(),
    nascore.Run: lambda: record("darts"),
    nascore.Recipe: lambda: nascore.recipes.find("retraining"),
    nascore.Genotype: lambda: nascore.PUBLISHED["DARTS_V2"],
    nascore.networks.AnyGenotype: lambda: nascore.PUBLISHED["DARTS_V2"],
    nascore.BenchmarkCell: lambda: nascore.BenchmarkCell(("skip_connect",) * 6),
    nascore.Cell: lambda: nascore.PUBLISHED["DARTS_V2"].reduce,
    nascore.networks.BlockGenotype: lambda: record("dso-share").genotype,
    nascore.networks.Block: lambda: record("dso-share").genotype.cells()["block"],
    nascore.relaxations.Architecture: architecture,
    nascore.optimization.Problem: problem,
    nascore.optimization.Optimization: nascore.optimization.Bilevel,
    nascore.search.SearchSettings: lambda: nascore.recipes.find("darts").at("smoke"),
    nascore.search.StagedSettings: lambda: nascore.recipes.find("pdarts").at("smoke"),
    nascore.search.RandomSearchSettings: lambda: nascore.recipes.find("random-search").at("smoke"),
    nascore.training.TrainingSettings: lambda: nascore.recipes.find("retraining").at("smoke", network="lenet"),
    nascore.gal.GalSettings: lambda: nascore.recipes.find("gal-pruning-mnist").at("smoke"),
    nascore.data.Dataset: images,
    nascore.supernets.plain_cells.CellLayout: lambda: nascore.spaces.CellSpace(cells=2, channels=2),
    nascore.supernets.plain_cells.BenchmarkLayout: lambda: nascore.spaces.NasBench201(cells=1, channels=2),
    nascore.supernets.plain_blocks.BlockLayout: nascore.spaces.BlockSpace,
    nascore.figures.shared.layout.Drawable: lambda: nascore.PUBLISHED["DARTS_V2"].reduce,
    nascore.figures.architectures.wiring.DrawableBlock: lambda: record("dso-share").genotype.cells()["block"],
    nascore.evidence.nasbench201.Table: true_accuracies,
    findings.Truth: true_accuracies,
    nascore.gal.MaskedNetwork: lambda: nascore.gal.MaskedNetwork(nascore.PUBLISHED["DARTS_V2"], cells=2, channels=2),
    nascore.spaces.BlockSpace: lambda: nascore.spaces.BlockSpace(levels=1, stages=(1,), channels=2),
    pd.Series: lambda: pd.Series([90.0, 91.0, 95.0]),
    nascore.networks.Stack: lambda: nascore.networks.stacked(nascore.PUBLISHED["DARTS_V2"], 3),
    nascore.CellNetwork: lambda: nascore.CellNetwork(nascore.PUBLISHED["DARTS_V2"], 2, 2),
    nascore.Space: nascore.spaces.CellSpace,
    nascore.base.Settings: nascore.pruning.Gradual,
    nascore.relaxations.Relaxation: nascore.relaxations.Softmax,
    nascore.derivation.Derivation: nascore.derivation.StrongestEdges,
}


# what makes sense, by "function.parameter" or by the parameter's name: a call gets as far as it can
MEANT: dict[str, Callable[[], Any]] = {
    "BenchmarkCell.operations": lambda: ("none",) * 6,
    "BenchmarkNetwork.channels": lambda: 2,
    "Block.candidates": lambda: ("sep_conv_3x3",),
    "Block.kept": lambda: ((0, 1), (1, 3)),
    "BlockGenotype.blocks": lambda: (((0, 1), (1, 3)),),
    "BlockGenotype.candidates": lambda: ("sep_conv_3x3",),
    "BlockNetwork.channels": lambda: 2,
    "BlockNetwork.stages": lambda: (1, 1),
    "Cell.concat": lambda: (2,),
    "Cell.nodes": lambda: ((("skip_connect", 0),),),
    "CellNetwork.cells": lambda: 2,
    "CellNetwork.channels": lambda: 2,
    "CellNetwork.genotype": lambda: nascore.PUBLISHED["DARTS_V2"],
    "Discriminator.hidden": lambda: (4,),
    "MaskedNetwork.cells": lambda: 2,
    "MaskedNetwork.channels": lambda: 2,
    "SearchCell.names": lambda: ["skip_connect"],
    "Stack.reductions": lambda: (),
    "all_runs.recipe": lambda: "darts",
    "available.name": lambda: "digits",
    "best.metric": lambda: "valid_accuracy",
    "by_skip_limit.run": lambda: record("pdarts"),
    "draw_growth.cell": lambda: "normal",
    "draw_stages.cell": lambda: "normal",
    "draw_weights.cell": lambda: "normal",
    "count.shape": lambda: (3, 8, 8),
    "dataset": lambda: "cifar10",
    "draw_blocks.genotype": lambda: record("dso-share").genotype,
    "draw_growth.kinds": lambda: [["normal", "reduce"]],
    "draw_growth.starts": lambda: [0],
    "draw_images.images": lambda: images().images[:4],
    "draw_kept.kinds": lambda: ["normal", "reduce"],
    "draw_kept.rows": lambda: {"one": ((0, 1), (2,))},
    "draw_masks.table": lambda: nascore.findings.masks(record("gal-pruning-mnist")),
    "draw_network.kinds": lambda: ["normal", "reduce", "normal"],
    "draw_scales.cell": lambda: "block",
    "draw_scales.weights": lambda: record("dso-share").architecture_weights,
    "draw_speed.history": lambda: record("darts").history,
    "draw_stages.weights": lambda: record("pdarts").architecture_weights,
    "file": lambda: "nowhere.wav",
    "find.name": lambda: "darts",
    "fitted_channels.parameters": lambda: 100,
    "fitted_channels.make": lambda: lambda channels: nn.Conv2d(1, channels, 1),
    "fitted_channels.shape": lambda: (1, 2, 2),
    "draw_flow.arrows": lambda: [nascore.figures.Arrow("x", "x")],
    **{
        f"{name}.groups": lambda: {"one": [record("darts-201")], "two": [record("darts-201")]}
        for name in ("agreement", "at_end", "judged", "pace", "points", "strongest", "swapped")
    },
    "kept_nodes.run": lambda: record("gal-pruning-mnist"),
    "load.limit": lambda: 8,
    "load.name": lambda: "digits",
    "load.split": lambda: "train",
    "magnitudes.network": lambda: nascore.CellNetwork(nascore.PUBLISHED["DARTS_V2"], 2, 2),
    "masks.run": lambda: record("gal-pruning-mnist"),
    "metric": lambda: "test_accuracy",
    "gradients_of.loss": lambda: torch.ones(1, requires_grad=True).sum(),
    "measured_latency.batch_size": lambda: 1,
    "measured_latency.image_size": lambda: 8,
    "measured_latency.repeats": lambda: 1,
    "draw_landscape.found": lambda: pd.DataFrame({"method": ["one", "two"], "accuracy": [90.0, 91.0]}),
    "momentum": lambda: 0.0,
    "networks": lambda: {"one": ["normal", "reduce"]},
    "paper": lambda: "eoinas",
    "looked_up.cell": lambda: record("darts-201").genotype,  # of which `true_accuracies` knows
    "points.metric": lambda: "valid_accuracy",
    "profile": lambda: "smoke",
    "progress": lambda: False,
    "register.recipe": lambda: nascore.Recipe("mine", "none", "mine", nascore.recipes.find("darts").settings),
    "reported.table": lambda: 1,
    "reductions": lambda: (1,),
    "rederived.run": lambda: record("darts"),
    "run.recipe": lambda: "darts-no-such",
    "spectrogram.wave": lambda: torch.zeros(16_000),
    "trained.groups": lambda: {"one": [record("retraining")], "two": [record("retraining")]},
    "compared.first": lambda: "one",
    "compared.groups": lambda: {"one": [record("darts")] * 2, "two": [record("darts")] * 2},
    "compared.metric": lambda: "valid_accuracy",
    "compared.second": lambda: "two",
    "verdict.first": lambda: "one",
    "verdict.groups": lambda: {"one": [record("darts")] * 2, "two": [record("darts")] * 2},
    "verdict.metric": lambda: "valid_accuracy",
    "verdict.second": lambda: "two",
}


def example(hint: Any, name: str = "") -> Any:
    """A value that an annotation allows."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in EXAMPLES:
        return EXAMPLES[hint]()
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return example(inner[0])
    if origin is typing.Literal:
        return inner[0]
    if origin is tuple:
        return tuple(example(each) for each in inner if each is not Ellipsis)
    if origin is collections.abc.Callable:
        return lambda *_, **__: torch.zeros((), requires_grad=True).sum()
    if origin is type:
        return inner[0]
    if origin is not None and issubclass(origin, Mapping):
        return {example(inner[0]): example(inner[1])}
    if origin is not None and issubclass(origin, Iterable):
        return [example(inner[0])]
    if isinstance(hint, typing.TypeVar):
        return example(hint.__bound__ or hint.__constraints__[0])
    if getattr(hint, "_is_protocol", False):
        return None
    return hint(**filled(hint.__name__, hint)) if inspect.isclass(hint) else None


def hints(found: Any) -> dict[str, Any]:
    if inspect.isclass(found) and issubclass(found, (nascore.base.Settings, tuple)):
        return typing.get_type_hints(found)
    if inspect.isclass(found):
        found = found.__new__ if found.__init__ is object.__init__ else found.__init__
    return typing.get_type_hints(found)


def parameters(found: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(found).parameters.values())


def filled(name: str, found: Any) -> dict[str, Any]:
    """Arguments for what has no default, as their annotations allow."""
    of, given = hints(found), {}
    for each in parameters(found):
        known = next((MEANT[key] for key in (f"{name}.{each.name}", each.name) if key in MEANT), None)
        if known:
            given[each.name] = known()
        elif each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            given[each.name] = example(of.get(each.name, Any))
    return given


def tried(name: str, found: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what is wrong, arguments): each parameter in turn, and all at once."""
    names = [each.name for each in parameters(found) if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    several = [each.name for each in parameters(found) if each.kind is each.VAR_KEYWORD]
    of = hints(found)
    for value in WRONG:
        for each in names:
            if callable(value) and "Callable" in str(of.get(each)):
                continue  # a right type, and what it raises when it is called is its own
            yield f"{each}={value!r:.20}", filled(name, found) | {each: value}
        for each in several:
            yield f"**{each}={value!r:.20}", filled(name, found) | {"some": value}
        yield f"all={value!r:.20}", dict.fromkeys(names, value)


def call(found: Any, given: dict[str, Any]) -> None:
    ordered = parameters(found)
    alone = [given.pop(each.name) for each in ordered if each.kind is each.POSITIONAL_ONLY and each.name in given]
    made = found(*alone, **given)
    if isinstance(made, contextlib.AbstractContextManager):
        with made:
            pass
    elif isinstance(made, Iterator):
        next(made, None)


def fits(found: Any, given: dict[str, Any]) -> bool:
    """Whether Python itself lets it be called so: one argument that goes further down may be missing there."""
    try:
        inspect.signature(found).bind(**given)
    except TypeError:
        return False
    return True


def raised(name: str, found: Any) -> Iterator[str]:
    """What is raw, of all calls."""
    for what, given in tried(name.rpartition(".")[2], found):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                call(found, given)
        except NascoreError:
            pass
        except Exception as error:
            called_wrongly = isinstance(error, TypeError) and re.search(
                "unexpected keyword|missing .* argument", str(error)
            )
            if not called_wrongly:  # which is Python's to tell
                yield f"{name}({what}): {type(error).__name__}: {error!s:.100}"
        finally:
            plt.close("all")


@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(nascore.base.paths, "root", project(tmp_path / "project"))
    monkeypatch.chdir(tmp_path)
    record.cache_clear()
    found = {name: value for name, value in public() if name not in EXCEPTIONS}
    assert len(found) > 150 and not EXCEPTIONS.keys() - {name for name, _ in public()}
    raw = [each for name, value in found.items() for each in raised(name, value)]
    record.cache_clear()
    assert not raw, f"{len(raw)} raw errors:\n" + "\n".join(raw[:40])
