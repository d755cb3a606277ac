"""Noise: its kinds, and that the ratio asked for is the ratio that comes out."""

import numpy as np
import pytest

from speech2img.audio.augmentation.noise import NoiseSettings, add_noise, babble_noise, noise, pink_noise, white_noise
from speech2img.errors import ConfigError

RATE = 16_000


def active_part_rms(y: np.ndarray) -> float:
    """Root mean square of the words of the made speech, by its own construction."""
    return float(np.sqrt(np.mean(np.square(y[np.arange(len(y)) / RATE % 0.4 < 0.3]))))


def density(y: np.ndarray, low: float, high: float) -> float:
    """Power in a band, in dB per Hz."""
    hertz = np.fft.rfftfreq(len(y), 1 / RATE)
    power = np.square(np.abs(np.fft.rfft(y)))
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].mean()))


@pytest.mark.parametrize("snr_db", [-5, 0, 10, 20, 30])
@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_the_ratio_is_as_asked_for(speech: np.ndarray, kind: str, snr_db: int) -> None:
    settings = NoiseSettings(probability=1, low=snr_db, high=snr_db, kinds=(kind,))
    noisy = noise(speech, RATE, rng=np.random.default_rng(3), settings=settings, babble=[speech[::-1], speech * 2])
    added = (noisy - speech).astype(np.float64)
    # The pauses of 100 ms count as speech (the hangover is 200 ms), so the level is 10 log10(4 / 3) lower.
    level = 20 * np.log10(active_part_rms(speech)) - 10 * np.log10(4 / 3)
    assert level - 10 * np.log10(np.mean(added**2)) == pytest.approx(snr_db, abs=0.3)


def test_a_pause_changes_no_ratio(speech: np.ndarray) -> None:
    paused = np.concatenate((np.zeros(5 * RATE, np.float32), speech))
    for y in (speech, paused):
        hiss = white_noise(len(y), RATE, rng=np.random.default_rng(0))
        added = add_noise(y, hiss, RATE, snr_db=10) - y
        assert 10 * np.log10(np.mean(np.square(added))) == pytest.approx(-30 - 1.25, abs=0.3)


def test_white_is_flat_and_pink_falls_by_three_decibels_an_octave() -> None:
    rng = np.random.default_rng(0)
    white, pink = white_noise(20 * RATE, RATE, rng=rng), pink_noise(20 * RATE, RATE, rng=rng)
    for low in (100, 400, 1600):
        assert density(white, 2 * low, 4 * low) - density(white, low, 2 * low) == pytest.approx(0, abs=0.3)
        assert density(pink, 2 * low, 4 * low) - density(pink, low, 2 * low) == pytest.approx(-3.01, abs=0.3)


def test_babble_is_made_of_all_its_voices_at_one_level(speech: np.ndarray) -> None:
    low = np.sin(np.arange(RATE) * 2 * np.pi * 500 / RATE)
    high = 0.01 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 3000 / RATE)
    mixed = babble_noise(4 * RATE, RATE, rng=np.random.default_rng(0), others=[low, high], voices=40)
    share = density(mixed, 450, 550) - density(mixed, 2950, 3050)
    assert abs(share) < 8  # about as many of each, though one was recorded 40 dB fainter


def test_without_others_babble_is_not_drawn(speech: np.ndarray) -> None:
    only = NoiseSettings(probability=1, kinds=("babble",))
    assert noise(speech, RATE, rng=np.random.default_rng(0), settings=only) is speech
    some = NoiseSettings(probability=1, kinds=("babble", "white"))
    assert noise(speech, RATE, rng=np.random.default_rng(0), settings=some) is not speech


@pytest.mark.parametrize("others", [[np.zeros(0, np.float32)], [np.zeros(100, np.float32)]])
def test_silent_others_make_no_babble(speech: np.ndarray, others: list[np.ndarray]) -> None:
    only = NoiseSettings(probability=1, kinds=("babble",))
    assert noise(speech, RATE, rng=np.random.default_rng(0), settings=only, babble=others) is speech


def test_silence_stays_silent() -> None:
    quiet = np.zeros(RATE, np.float32)
    assert not noise(quiet, RATE, rng=np.random.default_rng(0), settings=NoiseSettings()).any()


@pytest.mark.parametrize(
    "settings",
    [{"low": 10, "high": 5}, {"kinds": ()}, {"kinds": ("brown",)}, {"low_voices": 0}, {"high": float("nan")}],
)
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match="NoiseSettings"):
        NoiseSettings(**settings)
