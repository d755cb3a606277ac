"""Microphones: the response is the one drawn, and the level stays."""

import numpy as np
import pytest

from speech2img.audio.augmentation.microphone import LOWEST_HZ, MicrophoneSettings, equalize, microphone

RATE = 16_000


def gains_at(hertz: list[float], gains_db: np.ndarray) -> np.ndarray:
    """What a response does to tones, in dB, read off an impulse."""
    click = np.zeros(RATE, np.float32)
    click[RATE // 2] = 1
    spectrum = np.abs(np.fft.rfft(equalize(click, RATE, gains_db=gains_db)))
    return 20 * np.log10(spectrum[[round(f) for f in hertz]])


def test_a_response_has_the_gains_asked_for() -> None:
    gains = np.array([-6.0, 6.0, 0.0])
    middle = float(np.sqrt(LOWEST_HZ * RATE / 2))
    found = gains_at([LOWEST_HZ, middle, 7950.0], gains)
    assert found[1] - found[0] == pytest.approx(12, abs=0.3)
    assert found[1] - found[2] == pytest.approx(6, abs=0.3)
    assert gains_at([5.0], gains)[0] - found[0] == pytest.approx(0, abs=0.3)


def test_the_response_is_smooth() -> None:
    found = gains_at(list(range(100, 7900, 50)), np.array([-9.0, 9, -9, 9, -9, 9, -9]))
    octaves = np.diff(np.log2(np.arange(100, 7900, 50)))
    assert np.abs(np.diff(found) / octaves).max() < 60  # dB an octave, of 18 dB in nine tenths of one


def test_equal_gains_change_nothing(speech: np.ndarray) -> None:
    assert np.allclose(equalize(speech, RATE, gains_db=np.full(7, 5.0)), speech, atol=1e-6)


def test_length_and_power_stay(speech: np.ndarray) -> None:
    settings = MicrophoneSettings(probability=1, low=9, high=9)
    colored = microphone(speech, RATE, rng=np.random.default_rng(0), settings=settings)
    assert colored.shape == speech.shape and colored.dtype == np.float32
    assert np.sum(colored.astype(float) ** 2) == pytest.approx(np.sum(speech.astype(float) ** 2), rel=1e-3)
    assert not np.allclose(colored, speech, atol=0.01)


@pytest.mark.parametrize("length", [1, 2, 77])
@pytest.mark.parametrize("rate", [4000, 16_000, 48_000])
def test_short_sounds_and_silence(length: int, rate: int) -> None:
    for y in (np.zeros(length, np.float32), np.full(length, 0.5, np.float32)):
        out = microphone(y, rate, rng=np.random.default_rng(0), settings=MicrophoneSettings())
        assert out.shape == y.shape and np.isfinite(out).all() and out.any() == y.any()
