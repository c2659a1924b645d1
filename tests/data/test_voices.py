"""Voices: what audio files are read as, which clips there are and in which split, and what their spectrograms show."""

import importlib.machinery
import math
import os
import pickle
import sys
import types
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from nascore.base import paths
from nascore.base.errors import ConfigError, DataError
from nascore.data import (
    Dataset,
    StreamedDataset,
    audio,
    available,
    batches,
    fingerprint,
    fingerprints,
    load,
    read_clip,
    spectrogram,
    voices,
    zipped,
)
from nascore.data.spectrograms import viridis

REAL = os.environ.get("NASCORE_DATA")
SMALL = {"clip_seconds": 0.1, "image_size": 16}
STREAMED = SMALL | {"resident_limit": 0}
PLAIN = {"augment": False, "shuffle": False, "drop_last": False, "generator": None}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """No test reaches the developer's own data or the checkout's downloads folder."""
    monkeypatch.delenv("NASCORE_DATA", raising=False)
    for module in (paths, zipped, fingerprints):
        monkeypatch.setattr(module, "downloads", lambda: tmp_path / "downloads")


def tone(hertz, seconds, rate=16000, peak=0.5):
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(file, samples, rate=16000, width=2):
    """A PCM file of samples (T,) or (T, channels) in [-1, 1)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    samples = np.asarray(samples)
    whole = np.round(samples * 2 ** (8 * width - 1)).astype("<i8") + (128 if width == 1 else 0)
    with wave.open(str(file), "wb") as opened:
        opened.setparams((1 if samples.ndim == 1 else samples.shape[1], width, rate, 0, "NONE", ""))
        opened.writeframes(whole.reshape(-1, 1).view(np.uint8)[:, :width].tobytes())
    return str(file)


def write_speakers(root, recordings, seconds=0.52):
    """As VoxCeleb1 has them: recordings is {"ann": 12, ...}; the tone is the speaker's."""
    for i, (speaker, count) in enumerate(recordings.items()):
        for j in range(count):
            write(root / speaker / f"video{j % 2}" / f"{j:05}.wav", tone(500 * (i + 1), seconds))
    return root


@pytest.fixture
def folder(tmp_path):
    return write_speakers(tmp_path / "root" / "talk", {"bob": 12, "ann": 10, "cy": 3})


def everything(source):
    images, labels = zip(*source, strict=True)
    return torch.cat(images), torch.cat(labels)


def names(dataset):
    return [Path(clip.file).name for clip in dataset.items]


# --- audio ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_every_rate_becomes_16_khz(tmp_path, rate):
    file = write(tmp_path / "a.wav", tone(1000, 0.5, rate), rate)
    held = audio.read(file)
    assert held.dtype == torch.float32 and len(held) == audio.length(file) == pytest.approx(8000, abs=1)
    # away from the ends, where the filter sees beyond the file
    expected = torch.from_numpy(tone(1000, 0.5)).float()
    torch.testing.assert_close(held[200:-200], expected[200 : len(held) - 200], atol=5e-3, rtol=0)
    assert (spectrogram(held)[:, 2:-2].argmax(0) == 32).all()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
def test_a_piece_is_what_reading_all_gives(tmp_path, rate):
    noise = np.random.RandomState(0).uniform(-0.9, 0.9, rate // 3)
    file = write(tmp_path / "a.wav", noise, rate)
    whole = audio.read(file)
    for start, count in [(0, 100), (1, 7), (333, 1600), (len(whole) - 50, 50), (0, len(whole))]:
        torch.testing.assert_close(audio.read(file, start, count), whole[start : start + count], atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_pcm(tmp_path, width):
    values = [-1.0, -0.5, 0.0, 0.25, 1 - 2 ** -(8 * width - 1)]
    assert audio.read(write(tmp_path / "a.wav", values, width=width)).tolist() == pytest.approx(values, abs=1e-7)


def test_channels_are_averaged(tmp_path):
    left, right, third = tone(500, 0.1), tone(3000, 0.1), np.zeros(1600)
    file = write(tmp_path / "a.wav", np.stack([left, right, third], axis=1))
    torch.testing.assert_close(audio.read(file), torch.from_numpy((left + right) / 3).float(), atol=1e-4, rtol=0)


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-1000])


def _claim_alaw(file):
    content = bytearray(file.read_bytes())
    content[20] = 6
    file.write_bytes(content)


def _claim(at, value):
    """Write `value`, bytes, into the header."""

    def claim(file):
        content = bytearray(file.read_bytes())
        content[at : at + len(value)] = value
        file.write_bytes(content)

    return claim


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(b""), "ends too early"),
        (lambda file: file.write_bytes(b"this is no sound at all"), "RIFF"),
        (_truncate, "fewer samples than its header says"),
        (_claim_alaw, "unknown format: 6"),
        (_claim(24, bytes(4)), "0 samples a second"),
        (_claim(24, b"\xfb\xff\xff\xff"), "4,294,967,291 samples a second, which must be from 1,000 to 384,000"),
        (_claim(24, b"\x01\0\0\0"), "1 samples a second, which must be"),
        (_claim(22, bytes(2)), "bad # of channels"),
        (_claim(34, bytes(2)), "bad sample width"),
        (_claim(40, b"\xf0\xff\xff\xff"), "fewer samples than its header says"),
    ],
)
def test_broken_files_are_named(folder, damage, said):
    damage(folder / "bob" / "video1" / "00003.wav")
    with pytest.raises(DataError, match=rf"video1/00003.wav is not a readable recording .*{said}.*: replace or delete"):
        load(f"voices:{folder}", "train", **SMALL)


def test_a_recording_of_days_is_named(folder, monkeypatch):
    monkeypatch.setattr(audio, "_LONGEST", 0.5)
    with pytest.raises(DataError, match=r"00000.wav is not a readable recording \(.* hours, of which"):
        load(f"voices:{folder}", "train", **SMALL)


@pytest.mark.parametrize("kind", ["pipe", "broken link"])
def test_what_is_no_file_is_refused_and_never_opened(folder, kind):
    place = folder / "bob" / "x.wav"
    os.mkfifo(place) if kind == "pipe" else place.symlink_to("nowhere")
    with pytest.raises(DataError, match=r"bob/x.wav is no file that can be read: replace or delete it"):
        load(f"voices:{folder}", "train", **SMALL)
    assert not available(f"voices:{folder}")


def test_no_link_multiplies_recordings(folder):
    for link, target in {"back": folder, "up": "..", "all": "/"}.items():
        (folder / "bob" / link).symlink_to(target)
    (folder / "dan").symlink_to("bob")
    assert len(load(f"voices:{folder}", "train", **SMALL)) == 75


def test_the_fingerprint_is_of_the_recordings_alone(folder, tmp_path):
    found = fingerprint(f"voices:{folder}")
    assert found["files"] == 25 and found["bytes"] == sum(file.stat().st_size for file in folder.rglob("*.wav"))
    zip_of(folder, tmp_path / "zips" / "talk" / "any.zip", "wav/")
    assert fingerprint("voices:talk", root=tmp_path / "zips") == found
    write(folder / "cy" / "video0" / "00000.wav", tone(1501, 0.52))
    assert fingerprint(f"voices:{folder}") != found
    with pytest.raises(DataError, match="no set of voices"):
        fingerprint("voices:nowhere", root=tmp_path)


def test_a_file_that_shrank_after_the_scan_is_named(folder):
    streamed = load(f"voices:{folder}", "train", **STREAMED)
    clip = streamed.items[-1]
    write(Path(clip.file), tone(500, 0.2))
    with pytest.raises(DataError, match=Path(clip.file).name):
        everything(batches(streamed, 8, workers=0, **PLAIN))


class FakeSoundFile:
    """soundfile's reader, as far as it is used here, of WAV files by any name."""

    def __init__(self, file):
        with wave.open(file) as opened:
            self.samplerate, self.frames, self.channels = opened.getframerate(), opened.getnframes(), 1
            self.samples = np.frombuffer(opened.readframes(self.frames), "<i2")[:, None].astype(np.float32) / 2**15

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def seek(self, start):
        self.at = start

    def read(self, frames, dtype, always_2d):
        assert dtype == "float32" and always_2d
        return self.samples[self.at : self.at + frames]


@pytest.fixture
def flac(folder):
    (folder / "cy" / "video0" / "00000.wav").rename(folder / "cy" / "video0" / "00000.FLAC")
    return folder


def test_other_kinds_take_soundfile(flac, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(DataError, match=r"video0/00000.FLAC .*install soundfile .*or save it as WAV"):
        load(f"voices:{flac}", "train", **SMALL)
    assert not available(f"voices:{flac}")


def test_other_kinds_are_read_by_soundfile(flac, monkeypatch):
    fake = types.ModuleType("soundfile")
    fake.__spec__ = importlib.machinery.ModuleSpec("soundfile", None)
    fake.SoundFile = FakeSoundFile
    monkeypatch.setitem(sys.modules, "soundfile", fake)
    assert available(f"voices:{flac}")
    held = [load(f"voices:{flac}", split, **STREAMED) for split in ("train", "test")]
    (clip,) = [clip for part in held for clip in part.items if clip.file.endswith("FLAC") and clip.start == 1600]
    wav = Path(clip.file).with_name("00002.wav")
    assert torch.equal(read_clip(clip), read_clip(clip._replace(file=str(wav))))


# --- layouts --------------------------------------------------------------------------------------------------------


def test_folders_of_speakers(folder, capsys):
    train, test = (load(f"voices:{folder}", split, **SMALL) for split in ("train", "test"))
    assert isinstance(train, Dataset) and train.info.class_names == ("ann", "bob", "cy") and train.info.classes == 3
    assert train.info == test.info and train.info.title == "talk"
    assert not train.info.flip and train.info.crop_padding == 0
    assert train.labels.tolist() == [0] * 30 + [1] * 40 + [2] * 5
    assert test.labels.tolist() == [0] * 20 + [1] * 20 + [2] * 10
    assert not torch.equal(train.images[0], train.images[-1]) and capsys.readouterr().out == ""


def zip_of(folder, target, prefix=""):
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(folder.rglob("*.wav")):
            file.write(path, f"{prefix}{path.relative_to(folder).as_posix()}")
        file.writestr(f"{prefix}about.txt", "recordings")
        file.writestr("__MACOSX/eve/._00000.wav", "no sound")
    return target


@pytest.mark.parametrize("prefix", ["", "wav/"])
def test_a_zip_file_of_speakers(folder, tmp_path, prefix, capsys):
    source = zip_of(folder, tmp_path / "zips" / "talk" / "any.zip", prefix)
    assert available("voices:talk", tmp_path / "zips") and not (tmp_path / "downloads").exists()
    for split in ("train", "test"):
        found = load("voices:talk", split, root=tmp_path / "zips", **SMALL)
        plain = load(f"voices:{folder}", split, **SMALL)
        assert torch.equal(found.images, plain.images) and torch.equal(found.labels, plain.labels)
        assert found.info == plain.info
    assert capsys.readouterr().out.count("Unpacking") == 1 and list(source.parent.iterdir()) == [source]
    assert not list((tmp_path / "downloads").rglob("*.txt"))


def write_flat(root):
    """As the Free Spoken Digit Dataset has them."""
    for i, speaker in enumerate(("theo", "mary_ann")):
        for digit in (0, 7):
            for number in range(4, 12):
                write(root / f"{digit}_{speaker}_{number}.wav", tone(900 * (i + 1), 0.25, 8000), 8000)
    return root


@pytest.mark.parametrize("place", ["", "recordings", "dataset", "dataset/recordings"])
@pytest.mark.parametrize("packed", [False, True])
def test_flat_layout(tmp_path, place, packed):
    folder = write_flat(tmp_path / "flat" / place)
    if place == "recordings":
        for other in ("acquire", "utils"):  # are not taken for speakers
            write(tmp_path / "flat" / other / "jingle.wav", tone(500, 1))
    if packed:
        zip_of(tmp_path / "flat", tmp_path / "packed" / "flat.zip")
        folder.rename(tmp_path / "gone")
    root = tmp_path / ("packed" if packed else "flat")
    assert available(f"voices:{root}")
    train, test = (load(f"voices:{root}", split, **STREAMED) for split in ("train", "test"))
    assert train.info.class_names == ("mary_ann", "theo")
    assert names(test) == [f"{digit}_{speaker}_4.wav" for speaker in ("mary_ann", "theo") for digit in "0077"]
    assert len(train) == 2 * 2 * 7 * 2 and not set(names(train)) & set(names(test))
    assert test.labels.tolist() == [0] * 4 + [1] * 4


def test_what_is_no_set_of_voices_says_what_would_be(folder, tmp_path):
    wanted = r"no set of voices: it must hold <speaker>/<recording>.*<word>_<speaker>_<number>.wav.*"
    for place in (tmp_path / "nowhere", folder / "bob" / "video0"):
        with pytest.raises(DataError, match=rf"{place.name} is {wanted}NASCORE_DATA"):
            load(f"voices:{place}", "train", **SMALL)
        assert not available(f"voices:{place}")
    source = zip_of(folder / "bob", tmp_path / "zips" / "a.zip", "one/two/bob/")
    with pytest.raises(DataError, match=rf"a.zip is {wanted}"):
        load(f"voices:{source.parent}", "train", **SMALL)


def _lead_out(source):
    with zipfile.ZipFile(source, "a") as file:
        file.writestr("bob/../../x.wav", b"x")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda source: source.write_bytes(source.read_bytes()[:-100]), "talk.zip is damaged"),
        (_lead_out, "names a place outside itself"),
        (lambda source: source.with_name("b.zip").write_bytes(source.read_bytes()), r"2 zip files \(b.zip, talk.zip\)"),
    ],
)
def test_zip_files_are_checked(folder, tmp_path, damage, said):
    source = zip_of(folder, tmp_path / "zips" / "talk.zip")
    damage(source)
    with pytest.raises(DataError, match=said):
        load(f"voices:{source.parent}", "train", **SMALL)
    assert not available(f"voices:{source.parent}") and not list((tmp_path / "downloads").glob("[!.]*"))


def test_available_reads_nothing(folder, monkeypatch):
    monkeypatch.setattr(audio, "_opened", None)
    assert available(f"voices:{folder}") and available("voices:talk", folder.parent)
    assert not available("voices:walk", folder.parent)
    with pytest.raises(ConfigError, match="voices:PATH"):
        available("voice:talk", folder.parent)


# --- clips and splits -----------------------------------------------------------------------------------------------


def test_no_recording_is_in_both_splits(folder):
    train, test = (load(f"voices:{folder}", split, **STREAMED) for split in ("train", "test"))
    files = [{clip.file for clip in part.items} for part in (train, test)]
    assert not files[0] & files[1] and len(files[0] | files[1]) == 25
    assert len({*train.items, *test.items}) == len(train) + len(test) == 125
    assert all(clip.count == 1600 and clip.start % 1600 == 0 for clip in train.items)


def test_the_split_is_the_same_for_everyone(folder):
    test = load(f"voices:{folder}", "test", **STREAMED)
    drawn = {
        (test.info.class_names[label], int(Path(clip.file).stem))
        for clip, label in zip(test.items, test.labels, strict=True)
    }
    assert {number for name, number in drawn if name == "ann"} == {4, 7, 8, 9}
    assert {number for name, number in drawn if name == "cy"} == {1, 2}


@pytest.mark.parametrize(
    ("clips", "to_test"),
    [
        ([10, 10, 10, 10], 20),
        ([1] * 39, 19),
        ([1] * 41, 20),
        ([15] * 4, 30),  # the second recording takes it from 15 to more than 20
        ([1, 60], None),  # whichever is drawn: one is left to train on
        ([50, 1], None),
        ([1, 1], 1),
    ],
)
def test_how_many_clips_are_to_test_with(clips, to_test):
    held = {
        voices._Recording(f"{i}.wav", "ann", None, (0, 0)): [voices.Clip(f"{i}.wav", j, 1) for j in range(count)]
        for i, count in enumerate(clips)
    }
    train, test = voices._split("ann", held)
    assert train and len(train) + len(test) == sum(clips) and len(test) == (to_test or len(test)) > 0
    assert not {clip.file for clip in train} & {clip.file for clip in test}


@pytest.mark.parametrize(("recordings", "said"), [(1, "to test with"), (0, "to train on")])
def test_a_speaker_with_too_few_recordings_is_named(folder, recordings, said):
    write_speakers(folder, {"dee": recordings})
    write(folder / "dee" / "short.wav", tone(500, 0.05))
    with pytest.raises(DataError, match=rf"speaker 'dee' has no recording .*{said}: remove .*clip_seconds"):
        load(f"voices:{folder}", "train", **SMALL)


def test_a_flat_speaker_without_training_recordings_is_named(tmp_path):
    for number in range(4, 6):
        write(tmp_path / f"one_ann_{number}.wav", tone(500, 0.2))
        write(tmp_path / f"one_bob_{number}.wav", tone(500, 0.2 if number == 4 else 0.05))
    with pytest.raises(DataError, match=r"speaker 'bob' has no recording .*to train on"):
        load(f"voices:{tmp_path}", "test", **SMALL)


def test_what_is_skipped_is_counted_and_said(folder, capsys):
    loud, faint, fainter = tone(500, 0.1), tone(500, 0.1, peak=0.0011), tone(500, 0.1, peak=0.0009)
    mixed = write(folder / "cy" / "mixed.wav", np.concatenate([loud, np.zeros(1600), faint, fainter, loud[:800]]))
    write(folder / "cy" / "short.wav", loud[:1599])
    for split in ("train", "test"):
        load(f"voices:{folder}", split, **SMALL)
        said = "voices:talk: 3 speakers, 127 clips of 0.1 s; skipped 1 recording that is too short and 2 silent clips\n"
        assert capsys.readouterr().out == said
    held = [load(f"voices:{folder}", split, **STREAMED) for split in ("train", "test")]
    assert [clip.start for part in held for clip in part.items if clip.file == mixed] == [0, 3200]
    Path(mixed).unlink()
    write(folder / "cy" / "empty.wav", [])
    capsys.readouterr()
    load(f"voices:{folder}", "train", **SMALL)
    assert capsys.readouterr().out.endswith("125 clips of 0.1 s; skipped 2 recordings that are too short\n")


def test_both_splits_are_scanned_for_once_and_anew_after_a_change(folder, monkeypatch):
    scanned = []
    length = audio.length
    monkeypatch.setattr(audio, "length", lambda file: scanned.append(file) or length(file))
    for split in ("train", "test"):
        load(f"voices:{folder}", split, **STREAMED)
    assert len(scanned) == 25
    write(folder / "cy" / "new.wav", tone(500, 0.5))
    assert len(load(f"voices:{folder}", "train", **STREAMED)) + len(load(f"voices:{folder}", "test", **STREAMED)) == 130
    assert len(scanned) == 25 + 26
    write(folder / "cy" / "new.wav", tone(500, 0.2))
    assert len(load(f"voices:{folder}", "train", **STREAMED)) + len(load(f"voices:{folder}", "test", **STREAMED)) == 127


def test_speakers_whose_totals_are_closest(tmp_path):
    for name, seconds in {"a": 0.3, "b": 1.0, "c": 0.5, "d": 0.55, "e": 0.6, "f": 1.02}.items():
        for i in range(2):
            write(tmp_path / name / f"{i}.wav", tone(500, seconds))
    for count, chosen in {2: "bf", 3: "cde", 4: "acde", 6: "abcdef"}.items():
        train = load(f"voices:{tmp_path}", "train", speakers=count, **STREAMED)
        assert train.info.class_names == tuple(chosen) and train.info.classes == count
        assert set(train.labels.tolist()) == set(range(count))
    with pytest.raises(ConfigError, match="at most 6, which is all there are, not 7"):
        load(f"voices:{tmp_path}", "train", speakers=7, **STREAMED)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *(({"clip_seconds": value}, "clip_seconds must be at least 0.025, not ") for value in (0, -1, 0.02)),
        *(
            ({"clip_seconds": value}, "must be finite in float32 and at least 0.025, not ")
            for value in (math.nan, math.inf)
        ),
        ({"speakers": 1}, "speakers must be at least 2, not 1"),
        ({"fit": "square"}, "fit='square' is for image folders"),
    ],
)
def test_settings_that_make_no_sense(folder, given, said):
    with pytest.raises(ConfigError, match=said):
        load(f"voices:{folder}", "train", **given)


def test_limit_is_balanced(folder):
    part = load(f"voices:{folder}", "train", limit=9, **SMALL)
    assert part.labels.bincount().tolist() == [3, 3, 3] and len(part) == 9
    with pytest.raises(ConfigError, match=r"1 to 75 \(all of talk\)"):
        load(f"voices:{folder}", "train", limit=76, **SMALL)


# --- spectrograms ---------------------------------------------------------------------------------------------------


def test_spectrogram_of_two_tones():
    sound = torch.from_numpy(tone(1000, 0.5) + tone(3000, 0.5, peak=0.05)).float()
    found = spectrogram(sound)
    assert found.shape == (257, 51) and found.max() == 0 and found.min() == -80
    middle = found[:, 5:-5]
    assert (middle.argmax(0) == 32).all() and (middle[64:].argmax(0) == 32).all()  # 64 + 32 at 31.25 Hz are 3 kHz
    torch.testing.assert_close(middle[96], torch.full_like(middle[96], -20), atol=0.05, rtol=0)
    assert spectrogram(sound, decibels=50).min() == -50
    torch.testing.assert_close(spectrogram(sound * 0.01), found, atol=0.01, rtol=0)  # loudness does not matter


def test_spectrogram_is_the_plain_transform():
    sound = np.random.RandomState(0).uniform(-1, 1, 4000)
    window = np.zeros(512)
    window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    columns = [np.abs(np.fft.rfft(window * sound[160 * t - 256 : 160 * t + 256])) for t in range(2, 23)]
    found = spectrogram(torch.from_numpy(sound)).numpy()[:, 2:23]
    plain = 20 * np.log10(columns).T
    np.testing.assert_allclose(found - found.max(), plain - plain.max(), atol=1e-3)


def test_spectrogram_of_silence():
    assert (spectrogram(torch.zeros(4000)) == -80).all()


def test_images_show_time_to_the_right_and_frequency_upwards(tmp_path):
    for speaker in ("a", "b"):
        for i in range(2):
            write(tmp_path / speaker / f"{i}.wav", np.concatenate([tone(1000, 0.25), tone(6000, 0.25)]))
    image = load(f"voices:{tmp_path}", "train", clip_seconds=0.5, image_size=64).images[0]
    assert torch.equal(image[:, 0, 16], viridis()[0])  # the dark end: nothing at 8 kHz
    levels = (image.permute(1, 2, 0)[:, :, None].int() - viridis().int()).abs().sum(3).argmin(2)
    assert set(levels[:, 5:27].argmax(0).tolist()) <= {55, 56}  # 1 of 8 kHz from below
    assert set(levels[:, 37:59].argmax(0).tolist()) <= {15, 16}  # 6 of 8
    assert levels.max() > 200  # near the bright end: scaling down dims a line


def test_image_size_is_360_unless_given(folder):
    streamed = load(f"voices:{folder}", "train", clip_seconds=0.1, resident_limit=0)
    assert streamed.info.image_size == 360
    images, _ = next(iter(batches(streamed, 2, workers=0, **PLAIN)))
    assert images.shape == (2, 3, 360, 360)


# --- streaming ------------------------------------------------------------------------------------------------------


def test_large_sets_are_streamed(folder):
    for split, count in (("train", 75), ("test", 50)):
        assert isinstance(load(f"voices:{folder}", split, **SMALL, resident_limit=75 * 3 * 16**2), Dataset)
        streamed = load(f"voices:{folder}", split, **SMALL, resident_limit=75 * 3 * 16**2 - 1)
        assert isinstance(streamed, StreamedDataset) and len(streamed) == count


def test_streamed_and_resident_sets_are_the_same(folder):
    resident, streamed = (load(f"voices:{folder}", "test", **settings) for settings in (SMALL, STREAMED))
    found, plain = everything(batches(streamed, 8, workers=0, **PLAIN)), everything(batches(resident, 8, **PLAIN))
    assert torch.equal(found[0], plain[0]) and torch.equal(found[1], plain[1])


@pytest.mark.parametrize("settings", [SMALL, STREAMED])
def test_augmentation_is_cutout_alone(folder, settings):
    dataset = load(f"voices:{folder}", "test", **settings)
    plain, _ = everything(batches(dataset, 8, workers=0, **PLAIN))
    augmented = {**PLAIN, "augment": True, "workers": 0}
    same, _ = everything(batches(dataset, 8, **augmented | {"generator": torch.Generator().manual_seed(1)}))
    assert torch.equal(same, plain)
    cut, _ = everything(batches(dataset, 8, cutout=6, **augmented | {"generator": torch.Generator().manual_seed(1)}))
    changed = (cut != plain).any(1)
    assert (cut[changed[:, None].expand_as(cut)] == 0).all() and changed.flatten(1).any(1).all()
    assert changed.sum() <= len(plain) * 36


def test_workers_are_sent_the_set(folder):
    streamed = pickle.loads(pickle.dumps(load(f"voices:{folder}", "test", **STREAMED)))
    settings = {"augment": True, "cutout": 4, "shuffle": True, "drop_last": False}
    by_workers = [
        everything(batches(streamed, 8, workers=count, generator=torch.Generator().manual_seed(2), **settings))
        for count in (0, 2)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*by_workers, strict=True))


# --- real recordings ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL, reason="NASCORE_DATA does not name a folder of real data sets")
def test_real_recordings(capsys):
    if not list(Path(REAL, "fsdd").glob("*.zip")):
        pytest.skip("NASCORE_DATA holds no zipped Free Spoken Digit Dataset, fsdd")
    assert available("voices:fsdd", REAL)
    train = load("voices:fsdd", "train", root=REAL, clip_seconds=0.4)
    assert "6 speakers, 884 clips of 0.4 s; skipped 654 recordings that are" in capsys.readouterr().out
    assert train.labels.bincount().tolist() == [149, 172, 210, 56, 81, 41]
    assert train.info.class_names == ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    counts = torch.stack([channel.flatten().bincount(minlength=256) for channel in train.images.unbind(1)]).double()
    shares, values = counts / counts.sum(1, keepdim=True), torch.arange(256).double() / 255
    mean = shares @ values
    std = (shares @ values**2 - mean**2).sqrt()
    for found, stated in ((mean, train.info.mean), (std, train.info.std)):
        torch.testing.assert_close(found, torch.tensor(stated).double(), atol=6e-5, rtol=0)
    test = load("voices:fsdd", "test", root=REAL, clip_seconds=0.4, resident_limit=0)
    assert len(test) == 175 and {name[-5] for name in names(test)} == set("01234")
