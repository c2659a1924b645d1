"""Data sets by name, resident on the device or streamed from files, and batches of them.

train = load("cifar10", "train").to(device)
weights, architecture = split_indices(len(train), 0.5, seed)
for images, labels in batches(train, 64, indices=weights, augment=True, shuffle=True, drop_last=True, generator=g):
"""

from nascore.data.info import DATASETS, Info
from nascore.data.resident import WHOLE, Batches, Dataset, Share
from nascore.data.sources import available, fingerprint, load
from nascore.data.spectrograms import Clip, read_clip, spectrogram
from nascore.data.splits import split_indices
from nascore.data.streaming import AnyBatches, AnyDataset, StreamedBatches, StreamedDataset, batches

__all__ = [
    "DATASETS",
    "WHOLE",
    "AnyBatches",
    "AnyDataset",
    "Batches",
    "Clip",
    "Dataset",
    "Info",
    "Share",
    "StreamedBatches",
    "StreamedDataset",
    "available",
    "batches",
    "fingerprint",
    "load",
    "read_clip",
    "spectrogram",
    "split_indices",
]
