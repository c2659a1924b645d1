"""The published sets that torchvision reads: finding, fetching and checking their files."""

import hashlib
import lzma
import math
import os
import struct
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from nascore.base.errors import DataError
from nascore.base.paths import downloads, shown
from nascore.data.info import DATASETS

_READERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


def read(name: str, split: str, root: Path) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images (N, C, H, W) uint8, labels (N,) int64 and class names of a split, whose files are fetched where missing.

    No file of the other split is opened. Raises `DataError` for damaged files and missing ones that cannot be fetched.
    """
    source = _Source(name, split, root)
    source.fetch()
    data = source.read()
    images, labels = torch.as_tensor(data.data), torch.as_tensor(data.targets, dtype=torch.int64)
    if wrong := ((labels < 0) | (labels >= source.info.classes)).nonzero().flatten().tolist():
        held = f"label {int(labels[wrong[0]])} at image {wrong[0]}, not one of 0 to {source.info.classes - 1}"
        raise source.damaged(list(source.files)[-1], held)
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return images, labels, tuple(data.classes)


def present(name: str, root: Path) -> bool:
    """Whether the files of both splits are in `root`, as torchvision wants them or xz-compressed; they are not read."""
    sources = [_Source(name, split, root) for split in ("train", "test")]
    return all(not source.missing() or source.packed() for source in sources)


class _Source:
    """One split of one set; its `files` are relative to `root`, each with its MD5 sum where torchvision knows that."""

    def __init__(self, name: str, split: str, root: Path):
        self.name, self.train, self.root, self.info = name, split == "train", root, DATASETS[name]
        self.reader = _narrowed(name, self.train)
        if name.startswith("cifar"):
            meta = (self.reader.meta["filename"], self.reader.meta["md5"])
            sums = dict([meta, *self.reader.train_list, *self.reader.test_list])
            folder = Path(self.reader.base_folder)
            self.files: dict[Path, str | None] = {folder / file: md5 for file, md5 in sums.items()}
        else:
            folder = Path(self.reader.__name__, "raw")
            self.files = {folder / Path(packed).stem: None for packed, _ in self.reader.resources}

    def missing(self) -> list[Path]:
        return [file for file in self.files if not (self.root / file).is_file()]

    def packed(self) -> dict[Path, Path]:
        """The xz form of each file; empty unless all are there."""
        packed = {file: self.root / self.name / f"{file.name}.xz" for file in self.files}
        return packed if all(source.is_file() for source in packed.values()) else {}

    def fetch(self) -> None:
        """Make sure that the files are in `root`, which becomes the downloads folder for what is unpacked."""
        packed = self.packed() if self.missing() else {}
        self.root = downloads() if packed else self.root
        if not self.missing():
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / f".{self.name}.lock"):
                if missing := self.missing():  # else another process was faster
                    self._unpack(missing, packed) if packed else self._download()
        except DataError:
            raise
        except (OSError, RuntimeError, HTTPException) as error:
            raise self._unavailable(error) from error

    def read(self) -> Any:
        """torchvision's data set. It sums up CIFAR's pickles before it opens any, but takes idx files as they are."""
        counts = [self._idx_count(file) for file, md5 in self.files.items() if md5 is None]
        if len(set(counts)) > 1:
            raise self.damaged(list(self.files)[-1], f"{counts[-1]} labels for {counts[0]} images")
        try:
            return self.reader(self.root, train=self.train)
        except RuntimeError as error:
            from torchvision.datasets.utils import check_integrity

            wrong = [file for file, md5 in self.files.items() if not check_integrity(self.root / file, md5)]
            raise self.damaged(wrong[0] if wrong else Path(), "not the published file") from error

    def damaged(self, file: Path, why: str) -> DataError:
        remedy = "delete it, and the next load fetches it again"
        return DataError(f"{shown(self.root / file)} is damaged ({why}): {remedy}")

    def _unavailable(self, error: Exception) -> DataError:
        names = ", ".join(file.name for file in self.missing())
        looked = shown(self.root / next(iter(self.files)).parent)
        remedy = "Put the files there, set NASCORE_DATA to a folder that has them, or choose"
        lack = f"{self.name}: {looked} lacks {names}, which could not be fetched ({' '.join(str(error).split())})"
        return DataError(f'{lack}. {remedy} the data set "digits", which needs no download')

    def _download(self) -> None:
        """Download aside and then move the files into place whole, so that none is ever seen half written."""
        origin = getattr(self.reader, "url", None) or self.reader.mirrors[0]
        print(f"Downloading {self.info.title} from {origin} to {shown(self.root)}", flush=True)
        folder = next(iter(self.files)).parent
        with tempfile.TemporaryDirectory(prefix=f".{self.name}-", dir=self.root) as scratch:
            self.reader(scratch, train=self.train, download=True)
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            for file in Path(scratch, folder).iterdir():
                if file.suffix != ".gz":
                    os.replace(file, self.root / folder / file.name)

    def _unpack(self, missing: list[Path], packed: dict[Path, Path]) -> None:
        print(f"Unpacking {self.info.title} from {shown(packed[missing[0]].parent)} to {shown(self.root)}", flush=True)
        for file in missing:
            _unpack(packed[file], self.root / file, self.files[file])

    def _idx_count(self, file: Path) -> int:
        """The number of items in an idx file of bytes. Raises `DataError` where its header and its size disagree."""
        sides = (self.info.image_size,) * 2 if "idx3" in file.name else ()
        length = 8 + 4 * len(sides)
        with (self.root / file).open("rb") as opened:
            magic, *shape = struct.unpack(f">{length // 4}I", opened.read(length).ljust(length, b"\0"))
        expected, held = length + math.prod(shape), (self.root / file).stat().st_size
        if magic != 0x801 + len(sides) or tuple(shape[1:]) != sides or held != expected:
            raise self.damaged(file, f"{held} bytes where its header of {[hex(magic), *shape]} makes it {expected}")
        return shape[0]


def _narrowed(name: str, train: bool) -> Any:
    """torchvision's class for the files of one split alone: of itself it also looks at, or sums up, the other's."""
    from torchvision import datasets

    whole = getattr(datasets, _READERS[name])
    if name.startswith("cifar"):
        return type(whole.__name__, (whole,), {"test_list" if train else "train_list": []})
    own = [resource for resource in whole.resources if resource[0].startswith("train" if train else "t10k")]
    # the legacy form of these sets (processed/*.pt) would be read instead of the files that are checked here
    return type(whole.__name__, (whole,), {"resources": own, "_check_legacy_exist": lambda self: False})


def _unpack(source: Path, target: Path, md5: str | None) -> None:
    """Decompress `source`; `target` appears whole and with the right sum, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    total = hashlib.md5(usedforsecurity=False)
    try:
        with lzma.open(source) as packed, scratch.open("wb") as file:
            while chunk := packed.read(1 << 20):
                total.update(chunk)
                file.write(chunk)
        if md5 not in (None, total.hexdigest()):
            raise DataError(f"{shown(source)} does not hold the published {target.name}: replace it")
        os.replace(scratch, target)
    except (lzma.LZMAError, EOFError) as error:
        raise DataError(f"{shown(source)} is damaged ({error}): replace it") from error
    finally:
        scratch.unlink(missing_ok=True)
