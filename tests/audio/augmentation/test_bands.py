"""Bands: what lies above the cut is gone, what lies below is as it was."""

import numpy as np
import pytest

from speech2img.audio.augmentation.bands import BandSettings, band, low_pass, mu_law, recorded_at, telephone_line
from speech2img.errors import ConfigError

RATE = 16_000


@pytest.fixture(scope="module")
def hiss() -> np.ndarray:
    return np.float32(0.1 * np.random.default_rng(0).standard_normal(2 * RATE))


def change_db(before: np.ndarray, after: np.ndarray, low: float, high: float) -> float:
    """How the power of a band changed."""
    hertz = np.fft.rfftfreq(len(before), 1 / RATE)
    part = (hertz >= low) & (hertz < high)
    powers = [np.square(np.abs(np.fft.rfft(y)))[part].sum() for y in (before, after)]
    return float(10 * np.log10(powers[1] / powers[0] + 1e-12))


@pytest.mark.parametrize("source_rate", [8000, 11_025])
def test_nothing_above_half_the_rate_of_the_source_is_left(hiss: np.ndarray, source_rate: int) -> None:
    narrow = recorded_at(hiss, RATE, source_rate=source_rate)
    assert len(narrow) == len(hiss) and narrow.dtype == np.float32
    assert change_db(hiss, narrow, source_rate / 2 + 150, 8000) < -45
    assert change_db(hiss, narrow, 50, 0.44 * source_rate) == pytest.approx(0, abs=0.1)


def test_a_code_of_few_bits_adds_noise_within_the_band_only(hiss: np.ndarray) -> None:
    plain, coded = (recorded_at(hiss, RATE, source_rate=8000, coded=coded) for coded in (False, True))
    assert change_db(hiss, coded, 4150, 8000) < -45
    assert -42 < change_db(plain, coded - plain, 100, 3500) < -30


@pytest.mark.parametrize("source_rate", [16_000, 44_100])
def test_a_wider_source_changes_nothing(hiss: np.ndarray, source_rate: int) -> None:
    assert recorded_at(hiss, RATE, source_rate=source_rate) is hiss


def test_a_telephone_passes_300_to_3400_hertz(hiss: np.ndarray) -> None:
    line = telephone_line(hiss, RATE)
    assert change_db(hiss, line, 600, 2600) == pytest.approx(0, abs=0.3)
    assert change_db(hiss, line, 20, 120) < -25
    assert change_db(hiss, line, 6000, 7900) < -20


@pytest.mark.parametrize("cut", [3500, 5500, 7000])
def test_a_codec_cuts_steeply_and_delays_nothing(hiss: np.ndarray, cut: float) -> None:
    coded = low_pass(hiss, RATE, cut=cut)
    assert len(coded) == len(hiss)
    assert change_db(hiss, coded, cut + 400, 8000) < -40
    assert change_db(hiss, coded, 50, cut - 400) == pytest.approx(0, abs=0.1)
    assert np.argmax(np.correlate(coded[200:4000], hiss[100:4100], "valid")) == 100


@pytest.mark.parametrize("cut", [8000, 20_000])
def test_a_cut_above_the_band_changes_nothing(hiss: np.ndarray, cut: float) -> None:
    assert low_pass(hiss, RATE, cut=cut) is hiss


def test_mu_law_has_255_steps_and_keeps_38_decibels() -> None:
    y = np.float32(0.3 * np.sin(np.arange(RATE) * 0.1234))
    coded = mu_law(y)
    assert len(np.unique(mu_law(np.linspace(-1, 1, 100_001)))) == 255
    noise_db = 10 * np.log10(np.mean((coded - y) ** 2) / np.mean(y**2))
    assert -40 < noise_db < -36
    assert mu_law(np.array([0.0, 1.0, -1.0, 3.0])).tolist() == pytest.approx([0, 1, -1, 1])


@pytest.mark.parametrize("kind", ["8khz", "11khz", "telephone", "codec"])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000])
def test_every_kind_keeps_length_and_silence_at_every_rate(kind: str, rate: int) -> None:
    settings = BandSettings(probability=1, kinds=(kind,))
    for length in (1, 2, 1000, 30_001):
        for y in (np.zeros(length, np.float32), np.full(length, 0.25, np.float32)):
            out = band(y, rate, rng=np.random.default_rng(0), settings=settings)
            assert out.shape == y.shape and out.dtype == np.float32 and np.isfinite(out).all()
            assert y.any() or not out.any()


@pytest.mark.parametrize("settings", [{"kinds": ("am",)}, {"low": 10}, {"coded": 2}, {"probability": -1}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match="BandSettings"):
        BandSettings(**settings)
