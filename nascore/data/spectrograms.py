"""Clips of sound as images: coloured spectrograms."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Positive
from nascore.data import audio
from nascore.data.info import Info
from nascore.data.streaming import Reader

_WINDOW, _HOP, _BINS = 400, 160, 512  # samples: 25 ms, 10 ms, and the length of the transform
_DECIBELS = 80.0


class Clip(NamedTuple):
    """A piece of a recording: its file, its first sample and the number of its samples, at 16 kHz."""

    file: str
    start: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which counts nothing in a clip


@checked
def read_clip(clip: Clip) -> Tensor:
    """The samples of a clip at 16 kHz, float32 (count,) in [-1, 1]. Raises `DataError` for a broken file."""
    return audio.read(*clip)


@checked
def spectrogram(wave: Tensor, *, decibels: Positive = _DECIBELS) -> Tensor:
    """The magnitudes of `wave`, (T,) at 16 kHz with T > 256, in dB: (257, T // 160 + 1) from -`decibels` to 0.

    0 dB is the loudest of them; of silence all are -`decibels`. Row k is at k * 31.25 Hz; column t is at t * 10 ms, the
    middle of its Hann window of 25 ms.
    """
    if wave.ndim != 1 or len(wave) <= _BINS // 2:
        raise ConfigError(f"a wave has one dimension of more than {_BINS // 2} samples, not {tuple(wave.shape)}")
    window = torch.hann_window(_WINDOW, device=wave.device)
    magnitudes = torch.stft(wave, _BINS, _HOP, _WINDOW, window, return_complex=True).abs()
    loudest = magnitudes.max().clamp(min=torch.finfo(magnitudes.dtype).tiny)
    return magnitudes.div(loudest).log10().mul(20).clamp(min=-decibels)


@dataclass(frozen=True)
class Spectrograms(Reader):
    """A clip's spectrogram as an image: time to the right, frequency upwards, 80 dB from one end of `colours` to the
    other, uint8 (256, 3).
    """

    colours: Tensor

    def __call__(self, item: Clip, info: Info) -> Tensor:
        levels = spectrogram(read_clip(item)).div(_DECIBELS).add(1).flip(0)
        image = F.interpolate(levels[None, None], (info.image_size,) * 2, mode="bilinear", antialias=True)[0, 0]
        return self.colours[image.mul(255).round().long()].permute(2, 0, 1)


def viridis() -> Tensor:
    """matplotlib's colour map, uint8 (256, 3), from dark to light."""
    from matplotlib import colormaps

    return torch.from_numpy(colormaps["viridis"](range(256), bytes=True)[:, :3].copy())
