"""A voice made a whisper: no pitch is left, the timbre of each moment is."""

import numpy as np
import pytest
from scipy import signal

from speech2img.tts.kokoro.whispering import whispered

RATE = 24_000


def vowel(formant: float, pitch: float, seconds: float) -> np.ndarray:
    """A pulse train through one resonance."""
    pulses = np.zeros(int(seconds * RATE))
    pulses[:: int(RATE / pitch)] = 1.0
    radius = np.exp(-np.pi * 90 / RATE)
    y = signal.lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], pulses)
    return (0.3 * y / np.abs(y).max()).astype(np.float32)


def periodicity(y: np.ndarray, pitch: float) -> float:
    """Autocorrelation at a period, of that at 0."""
    lag = int(RATE / pitch)
    return float(np.dot(y[lag:], y[:-lag]) / np.dot(y, y))


def loudest(y: np.ndarray) -> float:
    frequencies, power = signal.welch(y, RATE, nperseg=1024)
    return float(frequencies[power.argmax()])


def test_a_whisper_has_no_pitch_and_keeps_the_resonance_of_each_moment() -> None:
    y = np.concatenate([vowel(700.0, 120.0, 0.7), vowel(2200.0, 120.0, 0.7)])
    made = whispered(y, sample_rate=RATE, seed=1)
    half = y.size // 2
    assert made.dtype == np.float32 and made.shape == y.shape
    assert periodicity(y, 120.0) > 0.8 and abs(periodicity(made, 120.0)) < 0.2
    assert loudest(made[:half]) == pytest.approx(700, abs=150)
    assert loudest(made[half:]) == pytest.approx(2200, abs=150)
    assert np.sqrt(np.mean(made**2)) == pytest.approx(0.7 * np.sqrt(np.mean(y**2)), rel=0.01)


def test_the_same_seed_is_the_same_breath_and_silence_stays_silent() -> None:
    y = np.concatenate([vowel(700.0, 120.0, 0.5), np.zeros(RATE // 2, np.float32)])
    made = whispered(y, sample_rate=RATE, seed=1)
    assert (made == whispered(y, sample_rate=RATE, seed=1)).all()
    assert (made != whispered(y, sample_rate=RATE, seed=2)).any()
    assert np.abs(made[-RATE // 4 :]).max() < 1e-3 * np.abs(made).max()
    assert np.isfinite(whispered(np.zeros(RATE, np.float32), sample_rate=RATE, seed=0)).all()
    assert np.abs(whispered(20 * y, sample_rate=RATE, seed=1)).max() <= 1.0
