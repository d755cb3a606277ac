"""How well images come back through a codec: peak signal-to-noise ratio and mean absolute difference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import Interval, mean_interval

PEAK = 255.0
"""Largest grey level."""
SMALLEST_ERROR = 1 / 12
"""Least squared error that counts, grey levels squared: that of rounding to whole ones, 58.9 dB."""


@dataclass(frozen=True)
class Reconstruction:
    """How well a set of images came back."""

    psnr: float
    """Peak signal-to-noise ratio in dB, mean over the images."""
    interval: Interval | None
    """95 % interval of that mean, by resampling the images; None for a single one."""
    l1: float
    """Mean absolute difference in grey levels of 255."""
    num_images: int
    """Number of images."""


def peak_signal_to_noise(real: NDArray[np.uint8], made: NDArray[np.uint8]) -> NDArray[np.float64]:
    """PSNR of each image: ``10 log10(255^2 / mean squared error)`` over its pixels and colours.

    Parameters
    ----------
    real, made : np.ndarray [shape=(N, H, W, 3), uint8]
        Images and what came back of them.

    Returns
    -------
    np.ndarray [shape=(N,), float64]
        In dB; 58.9 for an image that came back as it was.

    Raises
    ------
    MetricError
        If the arrays are no images, or of different shapes.
    """
    _check(real, made)
    squared = (real.astype(np.float64) - made).reshape(len(real), -1) ** 2
    errors: NDArray[np.float64] = np.maximum(squared.mean(axis=1), SMALLEST_ERROR)
    return 10 * np.log10(PEAK**2 / errors)


def reconstruction(real: NDArray[np.uint8], made: NDArray[np.uint8], *, num_bootstrap: int = 1000) -> Reconstruction:
    """Means over a set of images.

    Parameters
    ----------
    real, made : np.ndarray
        As for `peak_signal_to_noise`.
    num_bootstrap : int
        Resamples for the interval; 0 for none.

    Raises
    ------
    MetricError
        As there.
    """
    decibels = peak_signal_to_noise(real, made)
    difference = float(np.abs(real.astype(np.float64) - made).mean())
    interval = mean_interval(decibels, num_bootstrap=num_bootstrap)
    return Reconstruction(float(decibels.mean()), interval, difference, len(real))


def _check(real: NDArray[np.uint8], made: NDArray[np.uint8]) -> None:
    """Raise MetricError unless both are images of the same shape."""
    images = [part for part in (real, made) if part.dtype == np.uint8 and part.ndim == 4 and part.shape[3] == 3]
    if len(images) < 2 or real.shape != made.shape or 0 in real.shape:
        got = f"{real.dtype} {real.shape} and {made.dtype} {made.shape}"
        raise MetricError.about("images", f"got {got}", "give two non-empty uint8 arrays of one shape (N, H, W, 3)")
