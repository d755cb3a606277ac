"""Checks of recordings: each names what is wrong with made recordings, and none says anything of real speech."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.augmentation.bands import low_pass, recorded_at
from speech2img.audio.augmentation.level import clip_peaks
from speech2img.audio.augmentation.noise import add_noise, pink_noise, white_noise
from speech2img.audio.inputs import Heard
from speech2img.audio.io import read_audio
from speech2img.audio.recording_checks import CHECKS, band_edge

RATE = 16_000


def said(y: np.ndarray, recorded_rate: int = RATE) -> list[str]:
    heard = Heard("bird.wav", np.asarray(y, np.float32), recorded_rate)
    return [text for check in CHECKS if (text := check(heard, RATE)) is not None]


@pytest.fixture(scope="module")
def people(realdata: Path) -> list[np.ndarray]:
    """Ten human captions of SpokenCOCO, recorded at 16 kHz or more."""
    with zipfile.ZipFile(realdata / "spokencoco_10x5.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".wav"))[::5]
        return [read_audio(archive.read(name), sample_rate=RATE) for name in names]


def test_nothing_is_said_of_people(people: list[np.ndarray]) -> None:
    for y in people:
        assert said(y) == []


@pytest.mark.parametrize(("rate", "edge"), [(8000, 4000), (11_025, 5500)])
def test_a_narrow_band_is_said_with_its_edge(people: list[np.ndarray], rate: int, edge: int) -> None:
    for y in people:
        narrow = recorded_at(y, RATE, source_rate=rate)
        assert abs((band_edge(narrow, RATE) or 0) - edge) <= 250
        (line,) = said(narrow)
        assert line.startswith("nothing above about ") and "record at 16,000 Hz or more" in line


def test_a_codec_cuts_too_but_one_that_keeps_seven_kilohertz_is_good(people: list[np.ndarray]) -> None:
    for y in people[:4]:
        assert "nothing above about" in said(low_pass(y, RATE, cut=5000))[0]
        assert said(low_pass(y, RATE, cut=7000)) == []


def test_a_low_rate_is_said_once(people: list[np.ndarray]) -> None:
    (line,) = said(recorded_at(people[0], RATE, source_rate=8000), recorded_rate=8000)
    assert line.startswith("recorded at 8,000 Hz, so nothing above 4,000 Hz is in it")


def test_a_constant_in_the_recording_is_no_noise(people: list[np.ndarray]) -> None:
    for y in people[:4]:
        assert said(0.4 + 0.5 * y / np.abs(y).max()) == []


def test_noise_alone_is_said_and_noise_behind_speech_is_not(people: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    for make in (white_noise, pink_noise):
        noise = make(4 * RATE, RATE, rng=rng)
        (line,) = said(0.05 * noise / noise.std())
        assert line.startswith("steady noise without the rise and fall of speech")
        for y in people[:4]:
            assert said(add_noise(y, make(len(y), RATE, rng=rng), RATE, snr_db=5)) == []


def test_faint_and_overdriven_are_said(people: list[np.ndarray]) -> None:
    for y in people[:4]:
        (line,) = said(1e-3 * y / np.abs(y).max())
        assert line.startswith("very faint, ") and "dB below full scale" in line
        (line,) = said(clip_peaks(y, share=0.02))
        assert line.startswith("overdriven: 2") and "record it more softly" in line


def test_less_than_a_word_is_said() -> None:
    y = 0.3 * np.random.default_rng(0).standard_normal(RATE // 10)
    assert said(y) == ["only 0.10 s long, less than a word; say a whole sentence"]


@pytest.mark.parametrize("rate", [4000, 8000, 16_000, 48_000])
def test_every_sound_can_be_checked(rate: int) -> None:
    rng = np.random.default_rng(0)
    for length in (0, 1, 100, 3000, 5 * rate):
        for y in (np.zeros(length), np.ones(length), rng.standard_normal(length), np.eye(1, max(1, length))[0]):
            for check in CHECKS:
                text = check(Heard("x", np.asarray(y, np.float32), rate), rate)
                assert text is None or "\n" not in text
