"""Decibels and grey levels of what comes back, against values worked out by hand."""

import math

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.reconstruction import peak_signal_to_noise, reconstruction


def grey(*levels: int) -> np.ndarray:
    """One image of 4 x 4 pixels a level."""
    return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])


def test_by_hand() -> None:
    real, made = grey(100, 0, 7), grey(110, 255, 7)
    decibels = peak_signal_to_noise(real, made)
    np.testing.assert_allclose(decibels, [10 * math.log10(255**2 / 100), 0, 10 * math.log10(255**2 * 12)])
    half = real[:1].copy()
    half[:, :2] += 20  # squared error 200 on the mean
    assert peak_signal_to_noise(real[:1], half)[0] == pytest.approx(10 * math.log10(255**2 / 200))


def test_a_set_is_the_mean_of_its_images_with_an_interval() -> None:
    rng = np.random.default_rng(0)
    real = rng.integers(50, 200, (12, 8, 8, 3)).astype(np.uint8)
    made = (real + rng.integers(-9, 10, (12, 1, 1, 1))).astype(np.uint8)
    scores = reconstruction(real, made)
    decibels = peak_signal_to_noise(real, made)
    assert scores.psnr == pytest.approx(decibels.mean()) and scores.num_images == 12
    assert scores.l1 == pytest.approx(np.abs(real.astype(int) - made).mean())
    assert scores.interval is not None and scores.interval[0] < scores.psnr < scores.interval[1]
    assert reconstruction(real, made, num_bootstrap=0).interval is None
    assert reconstruction(real, real).l1 == 0.0


def test_what_cannot_be_compared_is_refused() -> None:
    for real, made in (
        (grey(1), grey(1, 2)),
        (grey(1), grey(1).astype(np.float32)),
        (grey(1)[..., :1], grey(1)[..., :1]),
        (grey(1)[:0], grey(1)[:0]),
    ):
        with pytest.raises(MetricError, match="two non-empty uint8 arrays"):
            reconstruction(real, made)
