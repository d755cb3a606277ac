"""Trimming: silence around speech goes but for a margin, speech stays, and what has no silence is not touched."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.io import read_audio
from speech2img.audio.trimming import LEAST, MARGIN, trim_silence

RATE = 16_000


def voice(seconds: float = 2.0, level: float = 0.2) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return np.float32(level * np.sin(400 * np.pi * t) * (0.3 + 0.7 * np.square(np.sin(2 * np.pi * t))))


def hiss(seconds: float, level: float) -> np.ndarray:
    return np.float32(level * np.random.default_rng(0).standard_normal(int(seconds * RATE)))


@pytest.mark.parametrize(("before", "after"), [(5, 0), (0, 2), (0.35, 0.4), (20, 5)])
@pytest.mark.parametrize("floor", [0.0, 1e-4])
def test_silence_goes_and_speech_stays(before: float, after: float, floor: float) -> None:
    y = np.concatenate((np.zeros(int(before * RATE)), voice(), np.zeros(int(after * RATE))))
    trimmed = trim_silence(np.float32(y + hiss(len(y) / RATE, floor)[: len(y)]), RATE)
    assert trimmed.before == pytest.approx(max(0, before - MARGIN), abs=0.045)
    assert trimmed.after == pytest.approx(max(0, after - MARGIN), abs=0.045)
    assert len(trimmed.y) == len(y) - round((trimmed.before + trimmed.after) * RATE)


def test_a_constant_in_the_recording_is_no_sound() -> None:
    y = np.concatenate((np.zeros(3 * RATE), voice(), np.zeros(2 * RATE)))
    plain, shifted = trim_silence(np.float32(y), RATE), trim_silence(np.float32(0.3 * y + 0.5), RATE)
    assert (shifted.before, shifted.after) == (plain.before, plain.after) and plain.before > 2.5


@pytest.mark.parametrize("silence", [0.0, 0.1, 0.25])
def test_a_little_silence_changes_nothing(silence: float) -> None:
    pad = np.zeros(int(silence * RATE), np.float32)
    y = np.concatenate((pad, voice(), pad))
    trimmed = trim_silence(y, RATE)
    assert trimmed.y is not None and len(trimmed.y) == len(y) and (trimmed.before, trimmed.after) == (0, 0)


def test_a_steady_noise_far_below_the_speech_is_silence_too() -> None:
    y = np.concatenate((np.zeros(3 * RATE), voice(), np.zeros(RATE))).astype(np.float32) + hiss(6, 0.003)
    trimmed = trim_silence(y, RATE)
    assert trimmed.before == pytest.approx(3 - MARGIN, abs=0.1) and trimmed.after == pytest.approx(1 - MARGIN, abs=0.1)


def test_loud_noise_is_left_alone() -> None:
    y = np.concatenate((np.zeros(3 * RATE), voice())).astype(np.float32) + hiss(5, 0.05)
    assert len(trim_silence(y, RATE).y) == len(y)


def test_a_click_is_no_speech_and_a_pause_within_stays() -> None:
    y = np.concatenate((np.zeros(2 * RATE, np.float32), voice(1), np.zeros(2 * RATE, np.float32), voice(1)))
    y[1000:1100] = 0.9
    trimmed = trim_silence(y, RATE)
    assert trimmed.before == pytest.approx(2 - MARGIN, abs=0.045) and trimmed.after == 0


def test_the_level_does_not_matter() -> None:
    y = np.concatenate((np.zeros(RATE, np.float32), voice()))
    assert trim_silence(1e-3 * y, RATE).before == trim_silence(y, RATE).before > LEAST


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros(9), np.zeros(RATE), np.ones(RATE), np.eye(1, RATE)[0]])
def test_without_speech_all_of_it_stays(y: np.ndarray) -> None:
    assert len(trim_silence(np.float32(y), RATE).y) == len(y)


def test_people_lose_no_word(realdata: Path) -> None:
    with zipfile.ZipFile(realdata / "ljspeech8.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".wav"))
        for name in names:
            y = read_audio(archive.read(name), sample_rate=RATE)
            assert len(trim_silence(y, RATE).y) == len(y)
            padded = np.concatenate((np.zeros(5 * RATE, np.float32), y))
            assert abs(trim_silence(padded, RATE).before - 5) < 0.25
