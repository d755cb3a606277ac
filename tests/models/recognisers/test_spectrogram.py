"""The published front-end: golden values, the formula in float64, silence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.golden import load_recipe

from speech2img.models.recognisers.spectrogram import MAX_FRAMES, max_samples, num_frames, published_spectrogram


def by_the_formula(wave: np.ndarray) -> np.ndarray:
    """The front-end in float64, a frame at a time."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    rows = []
    for start in range(0, len(wave) - 199, 80):
        magnitude = np.abs(np.fft.rfft(wave[start : start + 200].astype(float) * window, 256)) ** 0.5
        rows.append((magnitude - magnitude.mean()) / magnitude.std())
    return np.array(rows)


def test_golden_values(realdata: Path) -> None:
    recipe = load_recipe(realdata)
    golden = recipe.values("asr_frontend")
    spectrogram = published_spectrogram(torch.from_numpy(recipe.asr_wave())[None])[0].numpy()
    assert len(spectrogram) == golden["frames"] == num_frames(22_050)
    assert np.abs(spectrogram[::4, ::2] - golden["spectrogram"]).max() < 1e-4
    assert np.abs(spectrogram[0] - golden["first_frame"]).max() < 1e-4


@pytest.mark.parametrize("samples", [200, 279, 280, 1_234])
def test_formula(samples: int) -> None:
    wave = np.random.default_rng(samples).standard_normal(samples).astype(np.float32) * 0.1
    expected = by_the_formula(wave)
    spectrogram = published_spectrogram(torch.from_numpy(wave)[None])[0].numpy()
    assert spectrogram.shape == expected.shape == (num_frames(samples), 129)
    assert np.abs(spectrogram - expected).max() < 1e-4


def test_digital_silence_is_zero_and_short_waves_are_refused() -> None:
    assert published_spectrogram(torch.zeros(1, 400)).abs().max() == 0
    with pytest.raises(ValueError, match="199 samples"):
        published_spectrogram(torch.zeros(1, 199))


def test_most_samples_fill_the_frames() -> None:
    assert num_frames(max_samples()) == MAX_FRAMES and num_frames(max_samples() + 79) == MAX_FRAMES
