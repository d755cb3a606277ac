"""Frechet wavelet distance: the transform by hand, the formula packet by packet, what it sees, bad input."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from speech2img.errors import MetricError
from speech2img.metrics.functional.wavelet_distance import packets, wavelet_score


def split(image: np.ndarray) -> list[np.ndarray]:
    """One level of Haar's transform of a plane, by its four filters."""
    a, b, c, d = image[::2, ::2], image[::2, 1::2], image[1::2, ::2], image[1::2, 1::2]
    return [(a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]


def by_hand(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Packets (N, numbers) of every plane, split again and again; in any order of the packets."""
    planes = [[image[:, :, channel] / 255 for channel in range(3)] for image in images]
    level = [planes]
    for _ in range(levels):
        level = [[[split(plane)[band] for plane in image] for image in packet] for packet in level for band in range(4)]
    return [
        np.array([[plane.ravel() for plane in image] for image in packet]).reshape(len(images), -1) for packet in level
    ]


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    covariances = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(axis=0) - y.mean(axis=0)
    root = sqrtm(covariances[0] @ covariances[1])
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * np.real(root)))


def pictures(seed: int, count: int = 40, side: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_the_transform_is_haars() -> None:
    images = pictures(0, 3)
    ours = packets(images, 2)
    assert ours.shape == (16, 3, 12)
    # The same packets, whatever their order and that of the numbers in them.
    theirs = [np.sort(packet, axis=1) for packet in by_hand(images, 2)]
    for packet in ours:
        gaps = [np.abs(np.sort(packet, axis=1) - other).max() for other in theirs]
        assert min(gaps) < 1e-5
    np.testing.assert_allclose((ours**2).sum(axis=(0, 2)), ((images / 255) ** 2).sum(axis=(1, 2, 3)), rtol=1e-5)


def test_equals_the_formula() -> None:
    x, y = pictures(1), (pictures(2) // 2 + 30).astype(np.uint8)
    score = wavelet_score(x, y, levels=2, num_bootstrap=4)
    expected = np.mean([by_scipy(a, b) for a, b in zip(by_hand(x, 2), by_hand(y, 2), strict=True)])
    assert score.value == pytest.approx(expected, rel=1e-5)
    assert score.interval is not None and score.interval[0] < score.value < score.interval[1]
    turned = wavelet_score(x[::-1], y, levels=2, num_bootstrap=4)
    assert turned.value == pytest.approx(score.value, rel=1e-9)
    assert wavelet_score(x, x, levels=2, num_bootstrap=0).value == pytest.approx(0.0, abs=1e-6)


def test_it_sees_a_fine_pattern_and_a_shade_alike() -> None:
    real, same = pictures(3, 60), pictures(4, 60)
    chance = wavelet_score(same, real, levels=2, num_bootstrap=0).value
    striped = same.copy()
    striped[:, ::2] //= 2
    for other in (striped, same // 2):
        assert wavelet_score(other, real, levels=2, num_bootstrap=0).value > 2 * chance


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="one multiple of 16 px"):
        wavelet_score(pictures(0), pictures(1))
    with pytest.raises(MetricError, match="give squares"):
        wavelet_score(pictures(0), pictures(1, side=16), levels=2)
    with pytest.raises(MetricError, match="12 pictures, packets of 12 numbers"):
        wavelet_score(pictures(0, 12), pictures(1), levels=2)
