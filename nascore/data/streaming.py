"""Large data sets: files read by worker processes while the device trains."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.data.augment import crop_and_flip, draw
from nascore.data.info import Info
from nascore.data.resident import BaseBatches, Batches, Dataset


class Reader:
    """How an item of a streamed set becomes an image, uint8 (C, S, S) with S of the set's `info`.

    Workers are sent it, so it must be picklable.
    """

    def __call__(self, item: Any, info: Info) -> Tensor:
        """The image as it is evaluated, and as a resident set holds it. Raises `DataError` for a broken file."""
        raise NotImplementedError

    def augmented(self, item: Any, info: Info) -> Tensor:
        """The image as it is trained on, with draws from torch's default generator: here, as of a resident set."""
        offsets, flips, _ = draw(1, info, torch.default_generator)
        return crop_and_flip(self(item, info)[None], offsets, flips, info.crop_padding)[0]


@dataclass(frozen=True)
class StreamedDataset:
    """N items that `reader` reads (names of image files, or clips), their labels, (N,) int64 in main memory, and the
    device that batches are put on.
    """

    items: tuple[Any, ...]
    labels: Tensor
    info: Info
    reader: Reader
    device: torch.device = field(default=torch.device("cpu"))

    def __len__(self) -> int:
        return len(self.items)

    def to(self, device: torch.device | str) -> "StreamedDataset":
        """The same set with its batches on `device`."""
        return replace(self, device=torch.device(device))

    def subset(self, indices: Tensor | Sequence[int]) -> "StreamedDataset":
        """The items at `indices`, in that order."""
        chosen = torch.as_tensor(indices, device="cpu")
        return replace(self, items=tuple(self.items[i] for i in chosen.tolist()), labels=self.labels[chosen])


AnyDataset = Dataset | StreamedDataset


class StreamedBatches(BaseBatches[StreamedDataset]):
    """As `BaseBatches`, of a streamed set, whose reader says what `augment` does.

    `workers` processes read the files (None: one a core, at most 8). Each image draws from a seed of its own that comes
    from `generator`, so that their number changes nothing. A broken file raises `DataError` when its batch is due.
    """

    def __init__(self, dataset: StreamedDataset, batch_size: int, *, workers: int | None = None, **settings: Any):
        super().__init__(dataset, batch_size, **settings)
        self.workers = _workers() if workers is None else workers

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = self._order()
        indices = range(len(self.dataset)) if order is None else order.tolist()
        plan = list(zip(indices, self._seeds(), strict=True))
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
        source = self._source()
        return torch.randint(2**63 - 1, (self.count,), generator=source, device=source.device).tolist()

    def _on_device(self, *batch: Tensor) -> tuple[Tensor, Tensor]:
        images, labels, centres = (part.to(self.dataset.device, non_blocking=True) for part in batch)
        return self._finished(images, centres), labels


AnyBatches = Batches | StreamedBatches


@checked
def batches(dataset: AnyDataset, batch_size: int, *, workers: int | None = None, **settings: Any) -> AnyBatches:
    """The batches of either kind of set; `settings` are those of `BaseBatches`, `workers` is for a streamed set."""
    if isinstance(dataset, StreamedDataset):
        return StreamedBatches(dataset, batch_size, workers=workers, **settings)
    return Batches(dataset, batch_size, **settings)


def decoded(dataset: StreamedDataset) -> Dataset:
    """All images in memory, as they are evaluated; `DataError` if one is broken."""
    info = dataset.info
    images = torch.empty(len(dataset), info.channels, info.image_size, info.image_size, dtype=torch.uint8)

    def fill(index: int) -> None:
        images[index] = dataset.reader(dataset.items[index], info)

    with ThreadPoolExecutor(_workers()) as pool:
        list(pool.map(fill, range(len(dataset))))
    return Dataset(images, dataset.labels, info)


class _Samples(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):
    """(index, seed) -> uint8 image (C, S, S), label, cutout centre (2,)."""

    def __init__(self, dataset: StreamedDataset, augment: bool):
        self.dataset = dataset
        self.read = dataset.reader.augmented if augment else dataset.reader

    def __getitem__(self, index_and_seed: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        index, seed = index_and_seed
        info = self.dataset.info
        with torch.random.fork_rng(devices=[]):
            # torchvision draws from torch's global CPU generator; torch.manual_seed would reseed the accelerators' too
            torch.default_generator.manual_seed(seed)
            image = self.read(self.dataset.items[index], info)
            return image, self.dataset.labels[index], torch.randint(info.image_size, (2,))


def _workers() -> int:
    return min(8, os.cpu_count() or 1)
