"""The published sets that torchvision reads: finding, fetching and checking their files."""

import hashlib
import lzma
import os
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

# data set -> file -> MD5: of what scikit-learn and torchvision read, unpacked; MD5 is what CIFAR is published with
SUMS = {
    "digits": {"digits": "7696c07daa6d85010f8268703ab8b067"},
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    "cifar10": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    "cifar100": {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
}

_MOST_BYTES = 2**28  # no file of these sets has more
_READERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


def read(name: str, split: str, root: Path) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images (N, C, H, W) uint8, labels (N,) int64 and class names of a split, whose files are fetched where missing.

    No file of the other split is opened. Raises `DataError` for files that are not the published ones, and missing ones
    that cannot be fetched.
    """
    source = _Source(name, split, root)
    source.fetch()
    data = source.read()
    images, labels = torch.as_tensor(data.data), torch.as_tensor(data.targets, dtype=torch.int64)
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return images, labels, tuple(data.classes)


def present(name: str, root: Path) -> bool:
    """Whether the files of both splits are in `root`, as torchvision wants them or xz-compressed; they are not read."""
    sources = [_Source(name, split, root) for split in ("train", "test")]
    return all(not source.missing() or source.packed() for source in sources)


class _Source:
    """One split of one set; its `files` are relative to `root`, each with its MD5 sum."""

    def __init__(self, name: str, split: str, root: Path):
        self.name, self.train, self.root, self.info = name, split == "train", root, DATASETS[name]
        self.reader = _narrowed(name, self.train)
        if name.startswith("cifar"):
            folder, listed = Path(self.reader.base_folder), [*self.reader.train_list, *self.reader.test_list]
            names = [self.reader.meta["filename"], *(file for file, _ in listed)]
        else:
            folder = Path(self.reader.__name__, "raw")
            names = [Path(packed).stem for packed, _ in self.reader.resources]
        self.files = {folder / file: SUMS[name][file] for file in names}

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
        """torchvision's data set. None of its files is opened, pickles above all, before all have the right sum."""
        for file, md5 in self.files.items():
            if _md5(self.root / file) != md5:
                remedy = "delete it, and the next load fetches it again; images of your own go into folder:PATH"
                raise DataError(f"{shown(self.root / file)} is damaged or not the published file: {remedy}")
        try:
            return self.reader(self.root, train=self.train)
        except Exception as error:  # files that changed since, say
            raise DataError(
                f"{self.name} cannot be read from {shown(self.root)} ({error}): delete its files"
            ) from error

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


def _narrowed(name: str, train: bool) -> Any:
    """torchvision's class for the files of one split alone: of itself it also looks at, or sums up, the other's."""
    from torchvision import datasets

    whole = getattr(datasets, _READERS[name])
    if name.startswith("cifar"):
        return type(whole.__name__, (whole,), {"test_list" if train else "train_list": []})
    own = [resource for resource in whole.resources if resource[0].startswith("train" if train else "t10k")]
    # the legacy form of these sets (processed/*.pt) would be read instead of the files that are checked here
    return type(whole.__name__, (whole,), {"resources": own, "_check_legacy_exist": lambda self: False})


def _md5(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{shown(file)} cannot be read ({error}): replace or delete it") from error


def _unpack(source: Path, target: Path, md5: str) -> None:
    """Decompress `source`; `target` appears whole and with the right sum, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    total = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file, lzma.open(source) as packed:
            while chunk := packed.read(1 << 20):
                total.update(chunk)
                file.write(chunk)
                if file.tell() > _MOST_BYTES:
                    raise EOFError(f"more than {_MOST_BYTES:,} bytes in it, which no file of these sets has")
        if md5 != total.hexdigest():
            raise DataError(f"{shown(source)} does not hold the published {target.name}: replace it")
        os.chmod(scratch, 0o644)
        os.replace(scratch, target)
    except (lzma.LZMAError, EOFError, MemoryError) as error:
        raise DataError(f"{shown(source)} is damaged ({error}): replace it") from error
    finally:
        Path(scratch).unlink(missing_ok=True)
