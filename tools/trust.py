"""Count how far records and inputs can be trusted, longer than tests have time for.

`python tools/trust.py kills flips --seconds 600` tries things at random until the time is over, and prints a table of
what became of them: told by an error of nascore's own, right, silently wrong, or raised raw. The last two are to be 0.
What failed is listed by its number: `--seed 0 --first 37 --tries 1` tries that one again, and shows where it failed.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import io
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
import traceback
import urllib.request
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest import mock

os.environ |= {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"}  # such as of semaphores of those that were killed

import numpy as np
import torch
from PIL import Image

import nascore
from nascore.__main__ import main as command
from nascore.base.config import Settings, from_dict, to_dict
from nascore.base.errors import NascoreError
from nascore.networks import PUBLISHED, BenchmarkCell, BlockGenotype, benchmark_cells, stacked
from nascore.networks.genotypes import AnyGenotype
from nascore.recipes.registry import RECIPES
from nascore.records.checkpoints import RunFolder
from nascore.records.record import ARCHITECTURE, CONFIG, HISTORY, RESULT, WEIGHTS
from nascore.search import Stage

HANGS = 30  # seconds after which a try counts as one that hangs
BLOCKS = BlockGenotype(("sep_conv_3x3",), 1, (((0, 1), (1, 2)),))
SEARCH = {"train_images": 40, "epochs": 3, "space__operations": ("none", "skip_connect", "sep_conv_3x3")}
STAGES = (Stage(cells=3, operations=3, skip_dropout=0.5), Stage(cells=4, operations=2, skip_dropout=0.5))
TRAINING = {"epochs": 3, "train_images": 40, "test_images": 20, "batch_size": 20}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "search": ("darts", SEARCH),
    "pruned": ("sparse-darts", SEARCH | {"optimization__learning_rate": 0.01}),
    "training": ("retraining", TRAINING | {"network": "lenet"}),
    "staged": ("pdarts", SEARCH | {"epochs": 2, "space__cells": 3, "stages": STAGES}),
    "nodes": ("gal-pruning-mnist", TRAINING | {"step_epochs": 2, "mask_interval": 3, "sparsity": 3.0}),
    "blocks": ("dso-retraining", TRAINING | {"genotype": BLOCKS, "drop_path": 0.3, "dropout": 0.3}),
}


class Outcome(NamedTuple):
    verdict: str  # told, right, wrong, or raw
    what: str  # was tried
    said: str = ""
    tries: int = 1


class Trial(NamedTuple):
    number: int
    draw: random.Random


class Hangs(BaseException):
    """Not one that the library could catch."""


@contextlib.contextmanager
def silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def judged(what: str, act: Callable[[], bool], tries: int = 1) -> Outcome:
    """What becomes of `act`, which returns whether its result is right."""
    signal.alarm(HANGS)
    try:
        with warnings.catch_warnings(action="ignore"), silent():
            return Outcome("right" if act() else "wrong", what, tries=tries)
    except NascoreError as error:
        return Outcome("told", what, str(error), tries)
    except (Exception, Hangs, SystemExit) as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error}"[:200]
        return Outcome("raw", what, f"{said} ({Path(at.filename).name}:{at.lineno})", tries)
    finally:
        signal.alarm(0)


# -- runs ------------------------------------------------------------------------------------------------------------


def compute(case: str, root: Path, seed: int = 0, after: Path | None = None) -> nascore.Run:
    recipe, settings = CASES[case]
    here = {"device": "cpu", "root": root, "after": after, "fresh": True}
    with silent():
        return nascore.run(recipe, "smoke", seed=seed, **here, **settings)


def trained(case: str, root: Path) -> Path | None:
    """The folder of the run that the case goes on from, where it does."""
    with silent():
        return nascore.run("gal-training-mnist", "smoke", device="cpu", root=root).path if case == "nodes" else None


def content(run: nascore.Run) -> str:
    """All that a run says, apart from when and how fast; and the names of its files, none of which may be left over."""
    weights = [(name, hashlib.sha256(value.numpy().tobytes()).hexdigest()) for name, value in run.weights().items()]
    searched = run.architecture_weights.to_csv() if ARCHITECTURE in run.result["files"] else ""
    history = run.history.drop(columns="seconds").to_csv()
    files = sorted(path.name for path in run.path.iterdir() if path.name not in (".lock", "secret"))
    return repr((run.config, run.metrics, run.genotype, run.remarks, history, searched, weights, files))


def ends_as(expected: str, case: str, root: Path, after: Path | None) -> bool:
    return content(compute(case, root, after=after)) == expected


def dying(operation: Callable[..., Any], left: Iterator[int], late: bool) -> Callable[..., Any]:
    """`operation`, which kills its process where `left` comes to 0: before that one, or after it."""

    def operate(*given: Any, **named: Any) -> Any:
        if (last := next(left) == 0) and not late:
            os.kill(os.getpid(), signal.SIGKILL)
        result = operation(*given, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return operate


def child(case: str, root: Path, after: Path | None, operations: int, late: bool, begins: Any) -> None:
    torch.set_num_threads(1)
    left = itertools.count(operations, -1)
    for name in ("fsync", "replace", "rename", "unlink", "chmod"):
        setattr(os, name, dying(getattr(os, name), left, late))
    begins.send(None)
    compute(case, root, after=after)


def kills(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Runs that are killed at random moments, half of them around an operation on files, and end as if undisturbed."""
    torch.set_num_threads(1)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["__main__", "nascore.recipes", "sklearn.datasets", "torchvision"])
    before = {case: trained(case, root / "before") for case in CASES}
    known: dict[str, tuple[str, float]] = {}
    for number, draw in trials:
        case, killed = draw.choice(list(CASES)), 0
        if case not in known:
            began = time.monotonic()
            known[case] = content(compute(case, root / "known", after=before[case])), time.monotonic() - began
        for _ in range(draw.randint(1, 6)):
            operations, wait = draw.choice([(draw.randrange(45), HANGS), (-1, draw.uniform(0, known[case][1]))])
            given = (case, root / str(number), before[case])
            begun, begins = processes.Pipe(duplex=False)
            process = processes.Process(target=child, args=(*given, operations, draw.random() < 0.5, begins))
            process.start()
            begun.poll(HANGS)
            process.join(wait)
            process.kill()
            process.join()
            killed += process.exitcode == -signal.SIGKILL
        yield judged(case, partial(ends_as, known[case][0], *given), killed)


def interrupted(case: str, root: Path, after: Path | None) -> Path:
    """The folder of a run of which all epochs but the last are done."""
    save = RunFolder.save_history

    def stop(self: RunFolder, rows: list[dict[str, float]]) -> str:
        if len(rows) == 2:
            raise KeyboardInterrupt
        return save(self, rows)

    with mock.patch.object(RunFolder, "save_history", stop), contextlib.suppress(KeyboardInterrupt):
        compute(case, root, after=after)
    return next(root.iterdir())


def flip(path: Path, draw: random.Random, _: Path) -> None:
    whole = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 3) if whole else 0):
        whole[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
    path.write_bytes(whole)


def put(make: Callable[[Path, Path], Any]) -> Callable[[Path, random.Random, Path], None]:
    """A damage that puts something else in a file's place."""

    def damage(path: Path, draw: random.Random, other: Path) -> None:
        path.unlink()
        make(path, other)

    return damage


DAMAGES: dict[str, Callable[[Path, random.Random, Path], Any]] = {
    "truncated": lambda path, draw, _: os.truncate(path, draw.randint(0, path.stat().st_size)),
    "flipped": flip,
    "emptied": lambda path, *_: path.write_bytes(b""),
    "zeroed": lambda path, *_: path.write_bytes(bytes(path.stat().st_size)),
    "doubled": lambda path, *_: path.write_bytes(2 * path.read_bytes()),
    "another run's": put(lambda path, other: (other / path.name).exists() and shutil.copy(other / path.name, path)),
    "deleted": put(lambda *_: None),
    "a folder": put(lambda path, _: path.mkdir()),
    "a full folder": put(lambda path, other: shutil.copytree(other, path)),
    "a pipe": put(lambda path, _: os.mkfifo(path)),
    "a link to another": put(lambda path, other: path.symlink_to(other / path.name)),
    "a link to a secret": put(lambda path, _: path.symlink_to(path.parents[1] / "secret")),
    "a link to nothing": put(lambda path, _: path.symlink_to("nothing")),
    "a link to itself": put(lambda path, _: path.symlink_to(path)),
    "a link upwards": put(lambda path, _: path.symlink_to("..")),
}


def damages(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Files of finished and of interrupted runs that are damaged; then the run is asked for, and everything read."""
    cases = ("search", "training", "nodes")
    before = {case: trained(case, root / "before") for case in cases}
    finished = {case: compute(case, root / "finished", after=before[case]) for case in cases}
    others = {case: compute(case, root / "others", seed=1, after=before[case]).path for case in cases}
    unfinished = {case: interrupted(case, root / f"unfinished-{case}", before[case]) for case in cases}
    known = {case: content(finished[case]) for case in cases}
    for number, draw in trials:
        case, state = draw.choice(cases), draw.choice(("finished", "unfinished", "renamed"))
        source = {"finished": finished[case].path, "unfinished": unfinished[case], "renamed": others[case]}[state]
        here = root / str(number)
        shutil.copytree(source, folder := here / finished[case].name)
        (here / "secret").write_text("secret")
        done = []
        for path in draw.sample(sorted(folder.iterdir()), draw.randint(state != "renamed", 2)):
            done.append(f"{path.name} {(damage := draw.choice(list(DAMAGES)))}")
            DAMAGES[damage](path, draw, others[case])
        outcome = judged(f"{case}, {state}: {', '.join(done)}", partial(ends_as, known[case], case, here, before[case]))
        kept = (here / "secret").read_text() == "secret" and content(compute(case, root / "others", 1, before[case]))
        yield outcome if kept else outcome._replace(verdict="wrong", said="a file was written through a link")
        shutil.rmtree(here)


def flips(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Every bit of a finished run's text files once, in no order; of its other files, bits at random, for ever."""
    run = compute("search", root)
    said = content(run)
    sizes = {name: 8 * (run.path / name).stat().st_size for name in (RESULT, CONFIG, HISTORY)}
    bits = [(name, bit) for name, size in sizes.items() for bit in range(size)]
    random.Random(0).shuffle(bits)
    for number, draw in trials:
        name, bit = bits[number] if number < len(bits) else (draw.choice((ARCHITECTURE, WEIGHTS)), None)
        whole = (path := run.path / name).read_bytes()
        bit = draw.randrange(8 * len(whole)) if bit is None else bit
        path.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        yield judged(f"{name}, bit {bit}", lambda: content(nascore.load_run(run.path)) == said)
        path.write_bytes(whole)


# -- values ----------------------------------------------------------------------------------------------------------

NUMBERS = (0, 1, -1, 2, 3, 7, 1000, 10**6, 10**30, 0.0, -0.0, 0.5, 1.5, 1e-30, 1e308, -1e308, 5e-324)
PLAIN = (None, True, False, *NUMBERS, "", "x", "DARTS_V2", "none", "skip_connect", "1", "\0", "é" * 9, [], {})
ODD = (
    float("nan"),
    float("inf"),
    b"x",
    1j,
    object(),
    set(),
    int,
    len,
    np.float32(1),
    np.ones(3),
    torch.ones(2),
    Path(),
)
VALUES = (*PLAIN, *ODD, *PUBLISHED.values(), BLOCKS, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")


def varied(draw: random.Random, value: Any, junk: Iterable[Any] = VALUES) -> Any:
    """A value that is much like `value`, or nothing like it."""
    if draw.random() < 0.4:
        return draw.choice(list(junk))
    if isinstance(value, (bool, type(None))):
        return draw.choice([True, False, None, 1])
    if isinstance(value, (int, float)):
        return draw.choice([-value, value + 1, value - 1, value * draw.uniform(-2, 2), float(value), str(value)])
    if isinstance(value, str):
        at, end = draw.randint(0, len(value)), draw.randint(0, len(value))
        middle = draw.choice([value[end:], draw.choice("|~+_ 0139é\0[{"), value * 2, value[at:end] * 3000])
        return (value[:at] + middle)[:100_000]
    if isinstance(value, tuple) and value:
        return draw.choice([value[1:], (value * 2)[:1000], value[::-1], (*value, varied(draw, value[0])), list(value)])
    return draw.choice(list(junk))


def mutated(draw: random.Random, data: Any) -> Any:
    """JSON with a change somewhere in it."""
    if not isinstance(data, (list, dict)) or not data or draw.random() < 0.1:
        return varied(draw, data, PLAIN)
    items = dict(enumerate(data)) if isinstance(data, list) else dict(data)
    key, other = draw.choice(list(items)), draw.choice(list(items))
    match draw.randrange(8):
        case 0:
            del items[key]
        case 1:
            items[key] = items[other]
        case 2:
            items[len(items) if isinstance(data, list) else draw.choice(("x", "type", ""))] = items[key]
        case _:
            items[key] = mutated(draw, items[key])
    return items if isinstance(data, dict) else list(items.values())


def within(whole: Settings, name: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of all settings, and of those within them, by the names that overrides have."""
    for field in dataclasses.fields(whole):
        yield (inner := f"{name}{field.name}"), (value := getattr(whole, field.name))
        yield from within(value, f"{inner}__") if isinstance(value, Settings) else ()


def read_back(make: Callable[..., Settings], given: dict[str, Any]) -> bool:
    """Whether the settings that are made are what their JSON says; those with genotypes are only written."""
    made = make(**given)
    text = json.dumps(to_dict(made), allow_nan=False)
    return getattr(made, "genotype", None) is not None or from_dict(json.loads(text)) == made


def settings(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Settings of every class with fields changed, recipes with overrides, and mutated JSON of settings."""
    known = [(recipe, profile) for recipe in RECIPES.values() for profile in recipe.has()]
    kinds: dict[type[Settings], list[Settings]] = {}
    for recipe, profile in known:
        whole = recipe.at(profile)
        for each in (whole, *(value for _, value in within(whole) if isinstance(value, Settings))):
            kinds.setdefault(type(each), []).append(each)
    for _, draw in trials:
        one, (recipe, profile) = draw.choice(kinds[draw.choice(list(kinds))]), draw.choice(known)
        fields = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
        ways = (
            (f"replace({one}", partial(dataclasses.replace, one), fields),
            (f"recipe({recipe.name!r}).at({profile!r}", partial(recipe.at, profile), dict(within(recipe.at(profile)))),
            ("from_dict(", lambda **data: from_dict(data), to_dict(one)),
        )
        what, make, fields = draw.choice(ways)
        names = draw.sample(list(fields), min(len(fields), draw.randint(1, 2)))
        given = {name: varied(draw, fields[name]) for name in names}
        given = mutated(draw, fields) if "type" in fields else given
        yield judged(f"{what}, {given})", partial(read_back, make, given if isinstance(given, dict) else {}))


def alike(read: Callable[[Any], AnyGenotype], write: Callable[[Any], Any], given: Any) -> bool:
    """Whether the genotype that was read is written as it was given; it can be drawn and compared, too."""
    found = read(given)
    drawn = [list(cell.arrows()) for cell in found.cells().values()]
    same = hash(found) == hash(read(given)) and bool(drawn)
    if isinstance(given, str) and given.lstrip().startswith("{"):  # blanks say nothing
        given = json.loads(given)
    return same and json.dumps(write(found), sort_keys=True) == json.dumps(given, sort_keys=True)


def known_genotypes() -> list[AnyGenotype]:
    stack = stacked(PUBLISHED["DARTS_V2"], 4)
    pruned = dataclasses.replace(stack, stack=(None, *stack.stack[1:]))
    return [*PUBLISHED.values(), BLOCKS, BLOCKS, BenchmarkCell(("none", "skip_connect") * 3), stack, pruned]


def genotypes(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """JSON of genotypes of every kind, mutated: what is accepted is written back as it was."""
    known = known_genotypes()
    for _, draw in trials:
        one = draw.choice(known)
        data = one.to_dict()
        for _ in range(draw.randint(1, 3)):
            data = mutated(draw, data)
        read = draw.choice([nascore.networks.read, one.from_dict, partial(from_json, type(one))])
        yield judged(f"{type(one).__name__}, {data}", partial(alike, read, type(one).to_dict, data))


def from_json(kind: type[AnyGenotype], data: Any) -> AnyGenotype:
    return kind.from_json(json.dumps(data))


def written(found: AnyGenotype) -> str:
    return found.string if isinstance(found, BenchmarkCell) else next(n for n, g in PUBLISHED.items() if g == found)


def strings(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Strings of NAS-Bench-201's cells, names of published genotypes, and JSON text, with something else in them."""
    texts = [(one.to_json(), type(one).from_json, type(one).to_dict) for one in known_genotypes()]
    for _, draw in trials:
        cell = BenchmarkCell(tuple(draw.choices(benchmark_cells.OPERATIONS, k=6)))
        ways = [(cell.string, read, written) for read in (cell.parse, cell.from_text)]
        ways += [(draw.choice(list(PUBLISHED)), cell.from_text, written), draw.choice(texts)]
        text, read, write = draw.choice(ways)
        for _ in range(draw.randint(1, 2)):
            text = varied(draw, text, PLAIN)
        yield judged(f"{getattr(read, '__qualname__', read)}({text!r})", partial(alike, read, write, text))


WORDS = ("", "x", "0", "-1", "1.5", "nan", "1e400", "null", "true", "[]", "{}", "[1, 2]", "[" * 9999, "/dev/null", "=")
WORDS += ('{"type": "Entmax"}', '{"type": "Settings"}', '{"type": 1}', "DARTS_V2", "digits", "é", "os:path", ":", "a:b")
FLAGS = ("--profile", "--seed", "--device", "--wait", "--after", "--genotype", "--set", "--root", "--list", "--fresh")
FLAGS += ("--recompute", "--help", "--unknown", "-x", "--")


def exits(arguments: list[str]) -> bool:
    """Whether a command line ends as it should; raises where it is told that it is wrong."""
    try:
        status = command(arguments)
    except SystemExit as end:
        status = end.code
    if status == 2:
        raise NascoreError("exit status 2")
    return status == 0


def commands(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Command lines; what can be computed is: two epochs at most of a few images."""
    known = {name: dict(within(recipe.at("smoke"))) for name, recipe in RECIPES.items() if "smoke" in recipe.has()}
    os.chdir(root)
    for _, draw in trials:
        name, junk = draw.choice(list(known)), partial(draw.choice, WORDS)
        line = [name if draw.random() < 0.8 else varied(draw, name, WORDS)]
        for _ in range(draw.randint(0, 2)):
            line += [draw.choice(FLAGS), *draw.choices(WORDS, k=draw.randint(0, 2))]
        chosen = [draw.choice(list(known[name])) for _ in range(draw.randint(0, 2))]
        line += ["--set", *(f"{each}{draw.choice(('=', '=', '=', ''))}{junk()}" for each in chosen)] if chosen else []
        line += ["--profile", "smoke", "--root", "runs", "--wait", "1"] if draw.random() < 0.9 else []
        small = [f"{each}={size}" for each, size in (("epochs", 2), ("train_images", 24)) if each not in chosen]
        line += ["--set", "dataset=digits", *small]
        with mock.patch.object(urllib.request, "urlopen", side_effect=OSError("no network")):
            yield judged(" ".join(line), partial(exits, line))


# -- image folders ---------------------------------------------------------------------------------------------------


def picture(path: Path, draw: random.Random, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> int:
    """Noise around the middle of its range, at every depth; returns that it is one image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(draw.getrandbits(32)).uniform(0.1, 0.9, size[::-1])
    if mode in ("I;16", "F"):
        Image.fromarray((65535 * values).astype(np.uint16) if mode == "I;16" else values.astype(np.float32)).save(path)
    else:
        Image.fromarray((255 * values).astype(np.uint8)).convert(mode).save(path)
    return 1


@cache
def bombs() -> tuple[bytes, bytes]:
    """A zip file of 1 MiB that unpacks to 1 GiB, and an image of as few bytes that has 200 million pixels."""
    zipped, image = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("train/cat/0.png", "w") as file:
        for _ in range(1024):
            file.write(bytes(2**20))
    Image.new("L", (20000, 10000), 128).save(image, "PNG")
    return zipped.getvalue(), image.getvalue()


# each does something to an image folder, and returns how many images more there are to train on
JUNK: dict[str, Callable[[Path, random.Random], Any]] = {
    "nothing": lambda path, draw: 0,
    "no image": lambda path, draw: (path / "train/cat/10.png").write_text("no image") and 1,
    "an empty image": lambda path, draw: (path / "train/cat/11.png").touch() or 1,
    "half an image": lambda path, draw: os.truncate(path / "train/cat/0.png", draw.randint(1, 200)),
    "a text": lambda path, draw: (path / "train/cat/notes.txt").write_text("text") and 0,
    "a file between the classes": lambda path, draw: (path / "train/.DS_Store").touch(),
    "a hidden file": lambda path, draw: (path / "train/cat/._0.png").write_text("of a Mac") and 0,
    "a hidden class": lambda path, draw: picture(path / "train/.cache/a.png", draw) - 1,
    "an empty class": lambda path, draw: (path / "train/empty").mkdir(),
    "a class to train on alone": lambda path, draw: picture(path / "train/cow/a.png", draw),
    "a class to test on alone": lambda path, draw: picture(path / "test/cow/a.png", draw) - 1,
    "a lost class": lambda path, draw: shutil.rmtree(path / "test/dog"),
    "one class": lambda path, draw: [shutil.rmtree(path / split / "dog", True) for split in ("train", "test")] and -3,
    "a pipe": lambda path, draw: os.mkfifo(path / "train/cat/12.png"),
    "a pipe for a class": lambda path, draw: os.mkfifo(path / "train/a"),
    "a link upwards": lambda path, draw: (path / "train/cat/up").symlink_to("../.."),
    "a link to itself": lambda path, draw: (path / "train/cat/13.png").symlink_to(path / "train/cat/13.png"),
    "a link to nothing": lambda path, draw: (path / "train/cat/14.png").symlink_to("nothing"),
    "a folder within a class": lambda path, draw: picture(path / "train/cat/more/a.png", draw),
    "a folder like an image": lambda path, draw: (path / "train/cat/15.png").mkdir(),
    "strange names": lambda path, draw: picture(path / "train/cat/é ☃\n.PNG", draw),
    "bytes for a name": lambda path, draw: picture(path / os.fsdecode(b"train/cat/\xff.png"), draw),
    "another size": lambda path, draw: picture(path / "train/cat/16.png", draw, size=(draw.randint(1, 40), 9)),
    "a huge image": lambda path, draw: (path / "train/cat/17.png").write_bytes(bombs()[1]) and 1,
    "a zip file that unpacks to more": lambda path, draw: (path / "a.zip").write_bytes(bombs()[0]) and 0,
    "nothing but such a file": lambda path, draw: (
        shutil.rmtree(path / "train") or (path / "a.zip").write_bytes(bombs()[0])
    ),
    "no rights": lambda path, draw: (path / "train/cat/0.png").chmod(0),
} | {
    f"an image of {mode}": lambda path, draw, mode=mode: picture(path / f"train/cat/mode {mode}.png", draw, mode)
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "I")
}


def loads(path: Path, expected: int, size: int | None) -> bool:
    """Whether there are so many images, none lost in black or white, and a class without test images is told."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        train, test = (nascore.data.load(f"folder:{path}", split, image_size=size) for split in ("train", "test"))
    lost = set(range(train.info.classes)) - set(test.labels.tolist())
    said = all(train.info.class_names[label] in printed.getvalue() for label in lost)
    means = train.images.float().mean(dim=(1, 2, 3))
    return len(train) == expected and train.info.classes > 1 and said and bool(((means > 50) & (means < 205)).all())


def folders(root: Path, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """Image folders with junk in them."""
    for number, draw in trials:
        path = root / str(number)
        names = itertools.product(("train", "test"), ("cat", "dog"), ("0.png", "1.png", "2.png"))
        expected = sum(picture(path.joinpath(*name), draw) for name in names) // 2
        junk = list(JUNK)[number : number + 1] or draw.sample(list(JUNK), 2)
        for each in junk:
            with contextlib.suppress(OSError):  # where one did away with what the other needs
                expected += int(JUNK[each](path, draw) or 0)
        yield judged(", ".join(junk), partial(loads, path, expected, draw.choice((8, None))))
        shutil.rmtree(path)


# -- the table -------------------------------------------------------------------------------------------------------

PROBES = {each.__name__: each for each in (kills, damages, flips, settings, genotypes, strings, commands, folders)}


def begun(name: str, given: argparse.Namespace) -> Iterator[Trial]:
    """Trials until the time is over, counted from when the first is asked for."""
    end = time.monotonic() + given.seconds
    for number in range(given.first, given.first + given.tries):
        if time.monotonic() > end:
            return
        yield Trial(number, random.Random(f"{given.seed} {name} {number}"))


def count(name: str, given: argparse.Namespace) -> tuple[Counter[str], dict[str, str]]:
    """How many tries of a probe came to what; and what failed, the first of each kind."""
    counts, failed = Counter(), {}
    with TemporaryDirectory() as root:
        for number, found in enumerate(PROBES[name](Path(root), begun(name, given)), start=given.first):
            counts.update({"tried": found.tries, found.verdict: found.tries})
            if found.verdict in ("wrong", "raw"):
                again = f"{name} --seed {given.seed} --first {number} --tries 1"
                failed.setdefault(found.said or found.what, f"{again}: {found.verdict} {found.said}: {found.what}")
    return counts, failed


def out_of_time(*_: Any) -> None:
    signal.alarm(HANGS)  # once more, for what waits for its threads
    raise Hangs(f"after {HANGS} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("probes", nargs="*", choices=[*PROBES, []], metavar="PROBE", help=", ".join(PROBES))
    parser.add_argument("--seconds", type=float, default=60, help="for each probe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first try")
    parser.add_argument("--tries", type=int, default=sys.maxsize, help="at most so many")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, out_of_time)
    here, failed = os.getcwd(), False
    columns = {"tried": "tried", "told": "told", "right": "right", "wrong": "silently wrong", "raw": "raw"}
    table = ["what".ljust(12) + "".join(title.rjust(16) for title in columns.values())]
    for name in given.probes or PROBES:
        counts, found = count(name, given)
        os.chdir(here)
        failed |= bool(found)
        print(*(each[:1000] + "\n" for each in list(found.values())[:10]), sep="", end="", flush=True)
        table.append(name.ljust(12) + "".join(str(counts[each]).rjust(16) for each in columns))
    print(*table, sep="\n")
    return int(failed)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # without waiting for a thread that hangs
