"""Small data sets: all images as uint8 on the training device, and batches of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError, DataError
from nascore.base.ranges import Index
from nascore.data.augment import Draws, crop_and_flip, cut_out, draw, normalise
from nascore.data.info import Info


@checked
@dataclass(frozen=True)
class Dataset:
    """Images, (N, C, H, W) uint8, and labels, (N,) int64, on one device; `DataError` for other shapes or types."""

    images: Tensor
    labels: Tensor
    info: Info

    def __post_init__(self) -> None:
        shape = (len(self.labels), self.info.channels, self.info.image_size, self.info.image_size)
        held = (tuple(self.images.shape), self.images.dtype, self.labels.dtype)
        if held != (shape, torch.uint8, torch.int64):
            raise DataError(f"{self.info.title}: images and labels must be {shape}, uint8 and int64, not {held}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    def to(self, device: torch.device | str) -> "Dataset":
        """The same set on `device`."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def subset(self, indices: Tensor | Sequence[int]) -> "Dataset":
        """The images at `indices`, in that order."""
        chosen = torch.as_tensor(indices, device=self.device)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen])


class Share(NamedTuple):
    """The part of every batch that one of several processes takes: each `size`-th image, from number `rank` on.

    A last batch with fewer than `least` images for each process is joined to the one before it: 2 to train with, since
    BatchNorm has nothing to average over one image of a single pixel. What is empty is left out.
    """

    rank: int = 0
    size: int = 1
    least: int = 0

    def of(self, start: int, end: int) -> slice | None:
        """This part of the batch from image `start` up to `end`."""
        return slice(start + self.rank, end, self.size) if end - start > self.rank else None


WHOLE = Share()  # one process takes all


@runtime_checkable
class Images(Protocol):
    """What batches ask of a data set of either kind."""

    @property
    def info(self) -> Info: ...

    @property
    def device(self) -> torch.device: ...

    def __len__(self) -> int: ...


Kind = TypeVar("Kind", bound=Images)


@checked
class BaseBatches(Generic[Kind]):
    """Batches of a set of either kind, as often as it is iterated: normalised float32 (B, C, H, W) and int64 (B,).

    `indices` restricts them to some images. `augment` crops and flips as the set's `info` says and then cuts out
    squares of `cutout` pixels. Whatever chance decides is drawn from `generator` when an iteration starts, all at once:
    from the same generator state come the same bits, and how far an iteration gets does not matter to the next. The
    generator lives on the set's device; its state is the caller's to save and restore.

    `share` gives each of several processes its part of every batch: with equal generators they draw the same for all
    images, so that their number changes neither the augmentation nor the batches, but for a last one that is joined.

    Raises `ConfigError` for settings that make no sense, such as a batch size that `drop_last` leaves no batch of, or
    fewer images than `share` asks for.
    """

    def __init__(
        self,
        dataset: Kind,
        batch_size: int,
        *,
        indices: Tensor | Sequence[int] | None = None,
        augment: bool,
        cutout: Index = 0,
        shuffle: bool,
        drop_last: bool,
        generator: torch.Generator | None,
        share: Share = WHOLE,
    ):
        self.share = share
        self.dataset, self.batch_size, self.generator = dataset, batch_size, generator
        self.augment, self.cutout, self.shuffle, self.drop_last = augment, cutout, shuffle, drop_last
        self.indices = None if indices is None else torch.as_tensor(indices, dtype=torch.int64, device=dataset.device)
        self.count = len(dataset) if indices is None else len(indices)
        self._check()
        self._mean, self._std = (
            torch.tensor(values, device=dataset.device)[:, None, None]
            for values in (dataset.info.mean, dataset.info.std)
        )

    def __len__(self) -> int:
        """The number of batches of one iteration."""
        return len(self._bounds())

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        raise NotImplementedError

    def forever(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without end, a new iteration starting where one runs out.

        A generator's state does not say how far such an iteration was: to resume exactly, start a new one each epoch.
        """
        while True:
            yield from self

    def _check(self) -> None:
        size, count, generator = self.batch_size, self.count, self.generator
        if size < 1 or count < 1 or len(self) < 1:
            raise ConfigError(f"no batch of {size} can be made of {count} images with drop_last={self.drop_last}")
        if count < self._least:
            raise ConfigError(f"there must be at least {self._least} images to train on, not {count}")
        if self.indices is not None and not 0 <= self.indices.min() <= self.indices.max() < len(self.dataset):
            raise ConfigError(f"indices must be from 0 to {len(self.dataset) - 1}, the last image")
        if self.cutout < 0 or (self.cutout and not self.augment):
            raise ConfigError(f"cutout must be at least 0, and 0 without augment, not {self.cutout}")
        if generator is None and (self.shuffle or self.augment):
            raise ConfigError("shuffle and augment need a generator to draw from")
        if generator is not None and generator.device.type != self.dataset.device.type:
            raise ConfigError(f"the generator is on {generator.device}, the images are on {self.dataset.device}")

    def _source(self) -> torch.Generator:
        """What is drawn from."""
        assert self.generator is not None  # `_check` has seen to it where anything is drawn
        return self.generator

    def _order(self) -> Tensor | None:
        """This iteration's images; None for all of them as they are, which saves a copy."""
        if not self.shuffle:
            return self.indices
        source = self._source()
        order = torch.randperm(self.count, generator=source, device=source.device)
        return order if self.indices is None else self.indices[order]

    @property
    def _least(self) -> int:
        return self.share.least * self.share.size

    def _bounds(self) -> list[tuple[int, int]]:
        """The first image of each batch, and the one after its last."""
        if self.drop_last:
            edges = list(range(0, self.count + 1, self.batch_size))
        else:
            edges = [*range(0, self.count, self.batch_size), self.count]
            if len(edges) > 2 and edges[-1] - edges[-2] < min(self._least, self.batch_size):
                del edges[-2]
        return list(pairwise(edges))

    def _positions(self) -> list[slice]:
        parts = [self.share.of(*bounds) for bounds in self._bounds()]
        return [part for part in parts if part is not None]

    def whole(self) -> list[int]:
        """How many images each batch that this process has a part of has in all processes together."""
        return [end - start for start, end in self._bounds() if self.share.of(start, end) is not None]

    def _finished(self, images: Tensor, centres: Tensor) -> Tensor:
        images = normalise(images, self._mean, self._std)
        return cut_out(images, centres, self.cutout) if self.cutout else images


class Batches(BaseBatches[Dataset]):
    """As `BaseBatches`, of a resident set."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # returns a generator instead of being one: the draws are made now, not when the first batch is asked for
        order = self._order()
        drawn = draw(self.count, self.dataset.info, self._source()) if self.augment else None
        return (self._batch(order, drawn, positions) for positions in self._positions())

    def _batch(self, order: Tensor | None, drawn: Draws | None, positions: slice) -> tuple[Tensor, Tensor]:
        chosen = positions if order is None else order[positions]
        images, labels = self.dataset.images[chosen], self.dataset.labels[chosen]
        if drawn is None:
            return normalise(images, self._mean, self._std), labels
        offsets, flips, centres = (decisions[positions] for decisions in drawn)
        images = crop_and_flip(images, offsets, flips, self.dataset.info.crop_padding)
        return self._finished(images, centres), labels
