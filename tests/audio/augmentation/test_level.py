"""Level: gains as asked for, as many samples cut as asked for, never beyond full scale."""

import numpy as np
import pytest

from speech2img.audio.augmentation.level import (
    ClippingSettings,
    GainSettings,
    clip_peaks,
    clipping,
    gain,
    within_full_scale,
)
from speech2img.errors import ConfigError

RATE = 16_000


@pytest.mark.parametrize("decibels", [-40, -6, 0, 6])
def test_a_gain_is_as_asked_for(speech: np.ndarray, decibels: float) -> None:
    settings = GainSettings(probability=1, low=decibels, high=decibels)
    louder = gain(speech, RATE, rng=np.random.default_rng(0), settings=settings)
    assert np.allclose(louder, speech * 10 ** (decibels / 20), rtol=1e-6) and louder.dtype == np.float32


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3])
def test_as_many_samples_are_cut_as_asked_for(share: float) -> None:
    y = np.float32(0.2 * np.random.default_rng(0).standard_normal(20_000))
    cut = clip_peaks(y, share=share)
    assert np.count_nonzero(cut != y) / len(y) == pytest.approx(share, abs=2e-4)
    assert np.count_nonzero(np.abs(cut) == np.abs(cut).max()) / len(y) == pytest.approx(share, abs=2e-4)


def test_silence_does_not_count_among_the_samples_to_cut() -> None:
    y = np.zeros(10_000, np.float32)
    y[:100] = np.linspace(0.01, 1, 100)
    assert clip_peaks(y, share=0.1).max() == pytest.approx(0.9, abs=0.015)


def test_clipping_keeps_length_and_silence(speech: np.ndarray) -> None:
    settings = ClippingSettings(probability=1)
    assert clipping(speech, RATE, rng=np.random.default_rng(0), settings=settings).shape == speech.shape
    quiet = np.zeros(9, np.float32)
    assert not clipping(quiet, RATE, rng=np.random.default_rng(0), settings=settings).any()


def test_what_exceeds_full_scale_is_made_fainter_as_a_whole() -> None:
    y = np.array([0.5, -2.0, 1.0], np.float32)
    assert within_full_scale(y).tolist() == [0.25, -1, 0.5]
    inside = np.array([0.5, -1.0], np.float32)
    assert within_full_scale(inside) is inside
    assert within_full_scale(np.zeros(0, np.float32)).size == 0


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="GainSettings"):
        GainSettings(low=5, high=1)
    with pytest.raises(ConfigError, match="ClippingSettings"):
        ClippingSettings(high=1.5)
    with pytest.raises(ConfigError, match="probability"):
        ClippingSettings(probability=1.01)
