"""Per-sample augmentation of whole batches, on their device and without waiting for it.

What is drawn is kept apart from what is done with it, so that each step can be held against a plain loop.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from nascore.data.info import Info


class Draws(NamedTuple):
    """What chance decides for n images."""

    offsets: Tensor  # (n, 2) int64: row and column of the crop in the padded image, 0 ... 2 * padding
    flips: Tensor  # (n,) bool
    centres: Tensor  # (n, 2) int64: row and column of the cutout's centre, 0 ... size - 1


def draw(count: int, info: Info, generator: torch.Generator) -> Draws:
    """Uniform draws for `count` images of `info`'s size, on the generator's device."""

    def uniform(high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=generator, device=generator.device)

    offsets = uniform(2 * info.crop_padding + 1, count, 2)
    flips = uniform(2 if info.flip else 1, count).bool()
    return Draws(offsets, flips, uniform(info.image_size, count, 2))


def crop_and_flip(images: Tensor, offsets: Tensor, flips: Tensor, padding: int) -> Tensor:
    """Each of (B, C, H, W) padded with `padding` zeros a side, cut to (H, W) at its offset, mirrored if it `flips`.

    The dtype stays; zeros are black pixels in uint8 images.
    """
    count, channels, height, width = images.shape
    device = images.device
    rows = offsets[:, :1] + torch.arange(height, device=device)
    columns = offsets[:, 1:] + torch.arange(width, device=device)
    columns = torch.where(flips[:, None], columns.flip(1), columns)
    pixels = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    padded = F.pad(images, (padding,) * 4).flatten(2)
    return padded.gather(2, pixels.view(count, 1, -1).expand(-1, channels, -1)).view_as(images)


def cut_out(images: Tensor, centres: Tensor, side: int) -> Tensor:
    """(B, C, H, W) with a square of `side` pixels around each centre set to 0, clipped at the border.

    Its rows are centre - side // 2 + (0 ... side - 1), its columns likewise (DeVries and Taylor 2017).
    """
    rows, columns = (
        torch.arange(length, device=images.device) - centre + side // 2
        for length, centre in zip(images.shape[2:], centres.split(1, dim=1), strict=True)
    )
    rows, columns = (rows >= 0) & (rows < side), (columns >= 0) & (columns < side)
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 (B, C, H, W) as float32: scaled to [0, 1], less `mean`, over `std`, both (C, 1, 1)."""
    return images.float().div_(255).sub_(mean).div_(std)
