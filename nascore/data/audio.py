"""Audio files as mono samples at 16 kHz: WAV by the standard library, other kinds where `soundfile` is installed."""

import importlib.util
import math
import wave
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nascore.base.errors import DataError
from nascore.base.paths import shown

RATE = 16_000  # samples a second of everything that is read
_LOWEST, _HIGHEST = 1_000, 384_000  # samples a second of what is read: others would take memory without bounds
_LONGEST = 6 * 3600  # seconds, likewise
_WAV = ".wav"
_SUFFIXES = (_WAV, ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff")


def is_audio(name: str) -> bool:
    """Whether a file's name is that of an audio file."""
    return PurePath(name).suffix.lower() in _SUFFIXES


def readable(names: Iterable[str]) -> bool:
    """Whether what is installed reads audio files of these kinds."""
    return _has_soundfile() or all(PurePath(name).suffix.lower() == _WAV for name in names)


def length(file: str) -> int:
    """How many samples `read` makes of the whole file, from its header alone. Raises `DataError` as `read` does."""
    with _opened(file) as source:
        return source.length


def read(file: str, start: int = 0, count: int | None = None) -> Tensor:
    """The `count` samples (None: all) from number `start` on, float32 (count,) in [-1, 1]: channels averaged, 16 kHz.

    Only these samples are read of a longer file, and are what reading all of it gives. Raises `DataError` for files
    that are damaged, too short, or no audio, and where `soundfile` is needed and missing.
    """
    from scipy.signal import resample_poly

    with _opened(file) as source:
        count = source.length - start if count is None else count
        # the filter of resample_poly reaches this many blocks of `down` samples, which become `up`, to either side
        reach = 10 * max(source.up, source.down) // (source.up * source.down) + 1
        first = max(0, start // source.up - reach)
        last = min(source.frames, (-(-(start + count) // source.up) + reach) * source.down)
        mono = source.read(first * source.down, last - first * source.down).mean(axis=1)
        start -= first * source.up
        samples = resample_poly(mono, source.up, source.down)[start : start + count]
        if not len(samples) == count > 0:
            raise ValueError("it holds fewer samples than it should")
    return torch.from_numpy(samples.copy())


class _Source(NamedTuple):
    """An opened file; `read(start, count)` gives float32 (count, channels), all at the file's own rate."""

    frames: int
    rate: int
    read: Callable[[int, int], np.ndarray]

    @property
    def up(self) -> int:
        return RATE // math.gcd(self.rate, RATE)

    @property
    def down(self) -> int:
        return self.rate // math.gcd(self.rate, RATE)

    @property
    def length(self) -> int:
        return self.frames * self.up // self.down


@contextmanager
def _opened(file: str) -> Iterator[_Source]:
    """`file` to be read; whatever goes wrong while it is open becomes a `DataError` that names it."""
    wav = PurePath(file).suffix.lower() == _WAV
    if not wav and not _has_soundfile():
        remedy = "install soundfile (pip install soundfile), or save it as WAV"
        raise DataError(f"{shown(Path(file))} is no WAV file, which takes the package soundfile to read: {remedy}")
    try:
        with _wav(file) if wav else _other(file) as source:
            if not _LOWEST <= source.rate <= _HIGHEST:
                raise ValueError(f"{source.rate:,} samples a second, which must be from {_LOWEST:,} to {_HIGHEST:,}")
            if source.frames > _LONGEST * source.rate:
                raise ValueError(f"{source.frames / source.rate / 3600:,.0f} hours, of which {_LONGEST // 3600} may be")
            yield source
    except (wave.Error, EOFError, OSError, RuntimeError, ValueError, MemoryError) as error:
        why = str(error) or "it ends too early"
        remedy = "replace or delete it, or save it as PCM WAV"
        raise DataError(f"{shown(Path(file))} is not a readable recording ({why}): {remedy}") from error


@contextmanager
def _wav(file: str) -> Iterator[_Source]:
    with wave.open(file, "rb") as opened:
        size = opened.getnchannels() * opened.getsampwidth()
        if opened.getnframes() * size > Path(file).stat().st_size:
            raise ValueError("it holds fewer samples than its header says")

        def read(start: int, count: int) -> np.ndarray:
            opened.setpos(start)
            held = opened.readframes(count)
            if len(held) < count * size:
                raise ValueError("it holds fewer samples than its header says")
            return _decoded(held, opened.getsampwidth()).reshape(-1, opened.getnchannels())

        yield _Source(opened.getnframes(), opened.getframerate(), read)


@contextmanager
def _other(file: str) -> Iterator[_Source]:
    import soundfile

    with soundfile.SoundFile(file) as opened:

        def read(start: int, count: int) -> np.ndarray:
            opened.seek(start)
            return opened.read(count, dtype="float32", always_2d=True)

        yield _Source(opened.frames, opened.samplerate, read)


def _decoded(content: bytes, width: int) -> np.ndarray:
    """PCM of `width` bytes a sample as float32 in [-1, 1)."""
    samples = np.frombuffer(content, np.uint8).reshape(-1, width)
    if width == 1:
        samples = samples ^ np.uint8(0x80)  # 8 bits alone are unsigned
    words = np.zeros((len(samples), 4), np.uint8)
    words[:, 4 - width :] = samples
    return words.view("<i4")[:, 0].astype(np.float32) / 2**31


def _has_soundfile() -> bool:
    return importlib.util.find_spec("soundfile") is not None
