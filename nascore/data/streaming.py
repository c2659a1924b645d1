"""Large image folders: files read by worker processes while the device trains."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nascore.data.info import Info
from nascore.data.resident import Batches, Dataset
from nascore.errors import DataError
from nascore.paths import shown

# evaluation shows the central 7/8 of the shorter side (224 of 256 pixels), as is the custom with random resized crops
_EVALUATION_ZOOM = 8 / 7


@dataclass(frozen=True)
class StreamedDataset:
    """N image files, their labels, (N,) int64 in main memory, and the device that batches are put on."""

    files: tuple[str, ...]
    labels: Tensor
    info: Info
    device: torch.device = field(default=torch.device("cpu"))

    def __len__(self) -> int:
        return len(self.files)

    def to(self, device: torch.device | str) -> "StreamedDataset":
        """The same set with its batches on `device`."""
        return replace(self, device=torch.device(device))

    def subset(self, indices: Tensor | Sequence[int]) -> "StreamedDataset":
        """The files at `indices`, in that order."""
        chosen = torch.as_tensor(indices, device="cpu")
        return replace(self, files=tuple(self.files[i] for i in chosen.tolist()), labels=self.labels[chosen])


class StreamedBatches(Batches):
    """As `Batches`, of a streamed set: random resized crops and flips with `augment`, else the resized image's centre.

    `workers` processes read the files (None: one a core, at most 8). Each image draws from a seed of its own that comes
    from `generator`, so that their number changes nothing. A broken file raises `DataError` when its batch is due.
    """

    def __init__(self, dataset: StreamedDataset, batch_size: int, *, workers: int | None = None, **settings):
        super().__init__(dataset, batch_size, **settings)
        self.workers = _workers() if workers is None else workers

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = self._order()
        order = range(len(self.dataset)) if order is None else order.tolist()
        plan = list(zip(order, self._seeds(), strict=True))
        loader = torch.utils.data.DataLoader(
            _Samples(self.dataset, self.augment),
            batch_sampler=[plan[positions] for positions in self._positions()],
            num_workers=self.workers,
            pin_memory=self.dataset.device.type == "cuda",
            generator=torch.Generator(),  # without one it draws from torch's global generator
        )
        return (self._on_device(*batch) for batch in loader)

    def _seeds(self) -> list[int]:
        if not self.augment:
            return [0] * self.count
        device = self.generator.device
        return torch.randint(2**63 - 1, (self.count,), generator=self.generator, device=device).tolist()

    def _on_device(self, *batch: Tensor) -> tuple[Tensor, Tensor]:
        images, labels, centres = (part.to(self.dataset.device, non_blocking=True) for part in batch)
        return self._finished(images, centres), labels


def batches(dataset: Dataset | StreamedDataset, batch_size: int, *, workers: int | None = None, **settings) -> Batches:
    """The batches of either kind of set; `settings` are those of `Batches`, `workers` is for a streamed set."""
    if isinstance(dataset, StreamedDataset):
        return StreamedBatches(dataset, batch_size, workers=workers, **settings)
    return Batches(dataset, batch_size, **settings)


def decoded(dataset: StreamedDataset) -> Dataset:
    """All images in memory, scaled to the set's image size and cut to the centre; `DataError` if one is broken."""
    size = dataset.info.image_size
    fitted = _evaluation(size, shorter=size)
    images = torch.empty(len(dataset), 3, size, size, dtype=torch.uint8)

    def fill(index: int) -> None:
        images[index] = fitted(_image(dataset.files[index]))

    with ThreadPoolExecutor(_workers()) as pool:
        list(pool.map(fill, range(len(dataset))))
    return Dataset(images, dataset.labels, dataset.info)


class _Samples(torch.utils.data.Dataset):
    """(index, seed) -> uint8 image (3, S, S), label, cutout centre (2,)."""

    def __init__(self, dataset: StreamedDataset, augment: bool):
        size = dataset.info.image_size
        self.dataset = dataset
        self.transform = (
            _training(size, dataset.info.flip) if augment else _evaluation(size, round(size * _EVALUATION_ZOOM))
        )

    def __getitem__(self, index_and_seed: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        index, seed = index_and_seed
        image = _image(self.dataset.files[index])
        with torch.random.fork_rng(devices=[]):
            # torchvision draws from torch's global CPU generator; torch.manual_seed would reseed the accelerators' too
            torch.default_generator.manual_seed(seed)
            return self.transform(image), self.dataset.labels[index], torch.randint(self.dataset.info.image_size, (2,))


def _image(file: str):
    from torchvision.datasets.folder import pil_loader

    with naming(file):
        return pil_loader(file)


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Turn what Pillow raises for a broken image into a `DataError` that names `file`."""
    try:
        yield
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{shown(file)} is not a readable image ({error}): replace or delete it") from error


def _training(size: int, flip: bool):
    from torchvision import transforms as t

    return t.Compose([t.RandomResizedCrop(size), t.RandomHorizontalFlip(flip / 2), t.PILToTensor()])


def _evaluation(size: int, shorter: int):
    from torchvision import transforms as t

    return t.Compose([t.Resize(shorter), t.CenterCrop(size), t.PILToTensor()])


def _workers() -> int:
    return min(8, os.cpu_count() or 1)
