"""Speed and pitch: each changes one and leaves the other, by as much as was asked for."""

import numpy as np
import pytest

from speech2img.audio.augmentation.active_level import active_level
from speech2img.audio.augmentation.speed import PitchSettings, SpeedSettings, pitch, shift_pitch, speed
from speech2img.audio.augmentation.time_stretch import time_stretch
from speech2img.errors import ConfigError

RATE = 16_000


def fundamental(y: np.ndarray) -> float:
    """Hz of the largest peak of a hum's spectrum below 180 Hz."""
    size = 8 * len(y)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), size))
    return float(hertz[np.argmax(spectrum * (hertz < 180))])


@pytest.fixture(scope="module")
def hum() -> np.ndarray:
    seconds = np.arange(2 * RATE) / RATE
    return np.float32(sum(0.1 * np.sin(2 * np.pi * 120 * k * seconds) for k in range(1, 10)))


@pytest.mark.parametrize("factor", [0.75, 0.92, 1.08, 1.4])
def test_stretching_changes_the_length_and_not_the_pitch(hum: np.ndarray, factor: float) -> None:
    longer = time_stretch(hum, RATE, factor=factor)
    assert len(longer) == round(len(hum) * factor) and longer.dtype == np.float32
    assert fundamental(longer) == pytest.approx(120, rel=0.005)
    assert active_level(longer, RATE) == pytest.approx(active_level(hum, RATE), rel=0.05)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_words_move_to_where_they_belong(speech: np.ndarray, factor: float) -> None:
    longer = time_stretch(speech, RATE, factor=factor)
    before, after = ((np.abs(y) > 1e-3).astype(float) for y in (speech, longer))
    moved = np.interp(np.arange(len(after)) / factor, np.arange(len(before)), before)
    assert np.mean(np.abs(moved - after) > 0.5) < 0.12


@pytest.mark.parametrize("semitones", [-3, -1, 1, 3])
def test_pitch_moves_and_the_length_stays(hum: np.ndarray, semitones: float) -> None:
    moved = shift_pitch(hum, RATE, semitones=semitones)
    assert moved.shape == hum.shape and moved.dtype == np.float32
    assert fundamental(moved[2000:-2000]) == pytest.approx(120 * 2 ** (semitones / 12), rel=0.01)


def test_drawn_factors_lie_within_their_ranges(speech: np.ndarray) -> None:
    lengths = [
        len(speed(speech, RATE, rng=np.random.default_rng(n), settings=SpeedSettings(low=0.9, high=1.1)))
        for n in range(20)
    ]
    assert len(speech) / 1.1 - 1 <= min(lengths) < len(speech) < max(lengths) <= len(speech) / 0.9 + 1


def test_one_changes_nothing(speech: np.ndarray) -> None:
    assert np.array_equal(time_stretch(speech, RATE, factor=1), speech)
    assert np.allclose(shift_pitch(speech, RATE, semitones=0), speech)


@pytest.mark.parametrize("length", [1, 2, 100, 481])
def test_short_sounds_and_silence(length: int) -> None:
    for y in (np.zeros(length, np.float32), np.full(length, 0.5, np.float32)):
        for seed in range(4):
            rng = np.random.default_rng(seed)
            longer = speed(y, RATE, rng=rng, settings=SpeedSettings())
            moved = pitch(y, RATE, rng=rng, settings=PitchSettings())
            assert moved.shape == y.shape and len(longer) >= 1
            for out in (longer, moved):
                assert np.isfinite(out).all() and (y.any() or not out.any())


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="SpeedSettings"):
        SpeedSettings(low=0.1)
    with pytest.raises(ConfigError, match="PitchSettings"):
        PitchSettings(high=20)
