"""Voices: recordings by speaker, cut into clips, each shown as a coloured spectrogram (DARTS-GAL, section 3.4).

PATH/<speaker>/**/<recording>, as VoxCeleb1 has it, or PATH/recordings/<word>_<speaker>_<number>.wav, `recordings/` or
not, as the Free Spoken Digit Dataset has it; either may lie one folder further down, or in one zip file in PATH.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from nascore.base.errors import ConfigError, DataError
from nascore.base.paths import shown
from nascore.data import audio
from nascore.data.info import Info
from nascore.data.listing import files
from nascore.data.spectrograms import Clip, Spectrograms, viridis
from nascore.data.splits import limited
from nascore.data.streaming import AnyDataset, StreamedDataset, decoded
from nascore.data.zipped import Layout, unzipped, zipped_files

CLIP_SECONDS = 3.0  # the paper's, as is the image size
SHORTEST_CLIP = 0.025  # seconds: one window of the spectrogram
TEST_CLIPS = 20  # of each speaker who has twice as many, at least: recordings are not divided
_IMAGE_SIZE = 360
_TEST_NUMBERS = 5  # of each word and speaker: the official test set of the Free Spoken Digit Dataset
_SILENCE = 10 ** (-60 / 20)  # a clip whose peak is below -60 dB of full scale is silent
# measured on the spectrograms of 360 pixels of the Free Spoken Digit Dataset's training clips of 0.4 s
_MEAN, _STD = (0.2422, 0.2646, 0.4250), (0.0917, 0.2794, 0.1054)

_FLAT = re.compile(r"(recordings/)?[^_/]+_(?P<speaker>[^/]+)_(?P<number>\d+)\.\w+")
_WANTED = (
    "<speaker>/<recording>.wav of two speakers or more, or recordings/<word>_<speaker>_<number>.wav (.flac, .ogg and "
    "others, too, where soundfile is installed)"
)


def load_voices(
    path: Path,
    split: str,
    limit: int | None,
    image_size: int | None,
    resident_limit: float,
    clip_seconds: float,
    speakers: int | None,
) -> AnyDataset:
    """The split "train" or "test" of the voices `path`; the other settings are those of `load`.

    Whether it is resident is decided by the number of all training clips, so that both splits are treated alike.
    A line that says what was skipped is printed. Raises `ConfigError` and `DataError` as `load` does.
    """
    scan = _scan(_recordings(path), round(clip_seconds * audio.RATE), speakers)
    if skipped := scan.skipped():
        held = f"{len(scan.speakers)} speakers, {len(scan.train) + len(scan.test):,} clips of {clip_seconds:g} s"
        print(f"voices:{path.name}: {held}; skipped {skipped}", flush=True)
    clips, labels = zip(*(scan.train if split == "train" else scan.test), strict=True)
    info = _info(path.name, scan.speakers, image_size or _IMAGE_SIZE)
    dataset = limited(StreamedDataset(clips, torch.tensor(labels), info, Spectrograms(viridis())), limit)
    return decoded(dataset) if len(scan.train) * 3 * info.image_size**2 <= resident_limit else dataset


def voices_available(path: Path) -> bool:
    """Whether the folder, or its zip file, holds recordings by speaker that what is installed reads, by their names."""
    try:
        names = _LAYOUT.located(_audio_files(path))[1] or zipped_files(path, _LAYOUT)
    except DataError:
        return False
    return bool(names) and audio.readable(names)


def used_recordings(path: Path) -> tuple[Path, list[str]]:
    """The folder with the recordings of the voices `path`, and their names in it. Raises `DataError` as `load` does."""
    folder = unzipped(path, _LAYOUT)
    top, names = _LAYOUT.located(_audio_files(folder))
    if not names:
        where = "at most one folder further down, or in one zip file"
        root = "a relative PATH of voices:PATH starts in the folder that NASCORE_DATA names"
        raise DataError(f"{shown(folder)} is no {_LAYOUT.kind}: it must hold {_WANTED}, {where}; {root}")
    return folder / top, names


def _info(title: str, names: tuple[str, ...], size: int) -> Info:
    return Info(
        title=title,
        classes=len(names),
        class_names=names,
        channels=3,
        image_size=size,
        mean=_MEAN,
        std=_STD,
        crop_padding=0,  # a spectrogram that is shifted or mirrored is one of another sound
        flip=False,
    )


# --- recordings -----------------------------------------------------------------------------------------------------


class _Recording(NamedTuple):
    """An audio file, its speaker, the number in its name in a flat layout, and its size and time of change."""

    file: str
    speaker: str
    number: int | None
    state: tuple[int, int]


def _recordings(path: Path) -> tuple[_Recording, ...]:
    """All recordings, sorted by speaker and then by name."""
    folder, names = used_recordings(path)
    return tuple(sorted((_recording(folder, name) for name in names), key=attrgetter("speaker", "file")))


def _recording(folder: Path, name: str) -> _Recording:
    file = folder / name
    state = file.stat()
    speaker, number = _speaker(name)
    return _Recording(str(file), speaker, number, (state.st_size, state.st_mtime_ns))


def _speaker(name: str) -> tuple[str, int | None]:
    """Speaker and number of a recording, None in the nested layout; speaker "" where the name is of neither layout."""
    if flat := _FLAT.fullmatch(name):
        return flat["speaker"], int(flat["number"])
    return name.rpartition("/")[0].partition("/")[0], None


def _audio_files(path: Path) -> Iterator[str]:
    return files(path, audio.is_audio)


def _chosen(names: list[str]) -> list[str]:
    """The recordings of the flat layout or, without any, of the nested one; none if there are not two speakers."""
    speakers = {name: _speaker(name) for name in names if audio.is_audio(name)}
    flat = [name for name, (_, number) in speakers.items() if number is not None]
    nested = [name for name, (speaker, number) in speakers.items() if speaker and number is None]
    return next((found for found in (flat, nested) if len({speakers[name][0] for name in found}) > 1), [])


_LAYOUT = Layout("set of voices", _WANTED, lambda path: any(_audio_files(path)), _chosen)


# --- clips ----------------------------------------------------------------------------------------------------------


class _Scan(NamedTuple):
    """The speakers, sorted; each split's clips with their speakers' numbers; how much was skipped."""

    speakers: tuple[str, ...]
    train: tuple[tuple[Clip, int], ...]
    test: tuple[tuple[Clip, int], ...]
    short: int
    silent: int

    def skipped(self) -> str:
        short = f"{self.short:,} recording{'s that are' if self.short > 1 else ' that is'} too short"
        silent = f"{self.silent:,} silent clip{'s' if self.silent > 1 else ''}"
        return " and ".join(text for text, count in ((short, self.short), (silent, self.silent)) if count)


@lru_cache(maxsize=4)  # for both splits at once, which are loaded after one another
def _scan(recordings: tuple[_Recording, ...], count: int, speakers: int | None) -> _Scan:
    """The clips of `count` samples of the `speakers` whose recordings' total lengths differ least (None: all)."""
    lengths = {recording: audio.length(recording.file) for recording in recordings}
    held = {speaker: list(group) for speaker, group in groupby(recordings, key=attrgetter("speaker"))}
    names = _closest({speaker: sum(lengths[r] for r in group) for speaker, group in held.items()}, speakers)
    train, test, short, silent = [], [], 0, 0
    for label, name in enumerate(names):
        possible = {recording: lengths[recording] // count for recording in held[name]}
        clips = {recording: _audible(recording, n, count) for recording, n in possible.items() if n}
        to_train, to_test = _split(name, {recording: found for recording, found in clips.items() if found})
        train += [(clip, label) for clip in to_train]
        test += [(clip, label) for clip in to_test]
        short += len(possible) - len(clips)
        silent += sum(possible.values()) - sum(map(len, clips.values()))
    return _Scan(tuple(names), tuple(train), tuple(test), short, silent)


def _closest(totals: dict[str, int], count: int | None) -> list[str]:
    """The `count` names whose totals have the smallest range, sorted; all for None."""
    if count is None:
        return sorted(totals)
    if count > len(totals):
        raise ConfigError(f"speakers must be at most {len(totals)}, which is all there are, not {count}")
    ordered = sorted(totals, key=lambda name: (totals[name], name))
    ranges = [totals[last] - totals[first] for first, last in zip(ordered, ordered[count - 1 :], strict=False)]
    start = ranges.index(min(ranges))
    return sorted(ordered[start : start + count])


def _audible(recording: _Recording, clips: int, count: int) -> list[Clip]:
    peaks = audio.read(recording.file)[: clips * count].view(clips, count).abs().amax(1)
    return [Clip(recording.file, i * count, count) for i, peak in enumerate(peaks.tolist()) if peak >= _SILENCE]


def _split(speaker: str, clips: dict[_Recording, list[Clip]]) -> tuple[list[Clip], list[Clip]]:
    """Training and test clips of one speaker, no recording having some in both."""
    numbers = {recording: recording.number for recording in clips if recording.number is not None}
    first = {recording for recording, number in numbers.items() if number < _TEST_NUMBERS}
    to_test = first if len(numbers) == len(clips) else _drawn(clips)
    train, test = (
        [clip for recording, found in clips.items() if (recording in to_test) == wanted for clip in found]
        for wanted in (False, True)
    )
    if not train or not test:
        lack = f"speaker {speaker!r} has no recording long and loud enough to {'test with' if train else 'train on'}"
        raise DataError(f"{lack}: remove the speaker, or choose a smaller clip_seconds")
    return train, test


def _drawn(clips: dict[_Recording, list[Clip]]) -> set[_Recording]:
    """Recordings with `TEST_CLIPS` clips or more, or at least half of few clips; one recording is always left."""
    wanted = min(TEST_CLIPS, sum(map(len, clips.values())) // 2)
    recordings = list(clips)
    drawn: set[_Recording] = set()
    for i in np.random.RandomState(0).permutation(len(recordings))[:-1]:  # frozen, as in `splits`
        if sum(len(clips[recording]) for recording in drawn) >= wanted:
            break
        drawn.add(recordings[i])
    return drawn
