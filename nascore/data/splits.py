"""Which images: a fixed order that is the same for everyone, and random partitions that follow a seed."""

from typing import Annotated, TypeVar

import numpy as np
import torch
from torch import Tensor

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Finite, Range, Seed
from nascore.data.resident import Dataset
from nascore.data.streaming import StreamedDataset

Kind = TypeVar("Kind", Dataset, StreamedDataset)


def balanced_order(labels: Tensor) -> Tensor:
    """A fixed order of all images, (N,) int64; each of its beginnings holds the classes as evenly as there are images.

    It depends on `labels`, (N,) int64, alone: no seed and no version of torch or NumPy changes it.
    """
    # RandomState's stream is frozen for good, which neither torch nor numpy.random.Generator promises
    order = np.random.RandomState(0).permutation(len(labels))
    shuffled = labels.cpu().numpy()[order]
    turn = np.empty(len(order), dtype=np.int64)
    for label in np.unique(shuffled):
        members = shuffled == label
        turn[members] = np.arange(members.sum())
    return torch.from_numpy(order[np.argsort(turn, kind="stable")]).long()


def limited(dataset: Kind, limit: int | None) -> Kind:
    """`dataset` cut to the first `limit` of its balanced order, if one is given; `ConfigError` where it has fewer."""
    if limit is None:
        return dataset
    if not 1 <= limit <= len(dataset):
        raise ConfigError(f"limit must be from 1 to {len(dataset)} (all of {dataset.info.title}), not {limit}")
    return dataset.subset(balanced_order(dataset.labels)[:limit])


@checked
def split_indices(n: Annotated[int, Range(0, 1e9)], fraction: Finite, seed: Seed) -> tuple[Tensor, Tensor]:
    """0 ... n - 1 in two random parts, round(n * fraction) and the rest: for weights and for architecture parameters.

    The partition follows `seed` alone. Raises `ConfigError` where a part would be empty.
    """
    first = round(n * fraction)
    if not 0 < first < n:
        raise ConfigError(f"fraction {fraction} of {n} images leaves a part empty: {first} and {n - first}")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[:first], order[first:]
