"""FD-infinity: the same draws by scipy's root and numpy's line, what it takes off the bias, bad input."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import canonical_order
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.functional.frechet_infinity import frechet_infinity_score, intercept


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    """The customary formula."""
    covariances = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(axis=0) - y.mean(axis=0)
    root = sqrtm(covariances[0] @ covariances[1])
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * np.real(root)))


def extrapolated(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Eight sizes evenly spaced in 1/N, drawn in the same order, and numpy's line through them."""
    rng, size = np.random.default_rng(seed), min(len(x), len(y))
    sizes = sorted({round(1 / part) for part in np.linspace(1 / size, 1 / np.ceil(0.4 * size), 8)})
    orders = canonical_order(x), canonical_order(y)
    values = []
    for count in sizes:
        rows = [rng.permutation(len(part))[:count] for part in (x, y)]
        values.append(by_scipy(x[orders[0][rows[0]]], y[orders[1][rows[1]]]))
    return float(np.polyfit(1 / np.array(sizes), values, 1)[1])


def test_equals_the_formula() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 5)), rng.normal(0.4, 1.3, size=(90, 5))
    assert frechet_infinity_score(x, y, seed=2).value == pytest.approx(extrapolated(x, y, 2), rel=1e-6)


def test_equals_the_formula_on_the_golden_features(realdata) -> None:
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b = arrays["features_a"], arrays["features_b"]
    score = frechet_infinity_score(a, b)
    assert score.value == pytest.approx(extrapolated(a, b, 0), rel=1e-5)
    assert score.settings["sizes"][-1] == 300 and score.warnings


def test_it_is_nearer_to_the_truth_than_the_plain_distance() -> None:
    rng, errors = np.random.default_rng(1), []
    covered = 0
    for seed in range(12):
        x, y = rng.normal(size=(400, 20)), rng.normal(size=(400, 20)) + 0.1
        score = frechet_infinity_score(x, y, seed=seed)
        errors.append((score.value - 0.2, frechet_distance(fit_gaussian(x), fit_gaussian(y)) - 0.2))
        assert score.interval is not None
        covered += score.interval[0] <= 0.2 <= score.interval[1]
    ours, plain = np.abs(np.mean(errors, axis=0))
    assert ours < plain / 4 and covered >= 10


def test_the_line() -> None:
    x = np.array([1.0, 2.0, 4.0, 5.0])
    assert intercept(x, 3 + 2 * x) == pytest.approx((3.0, 0.0), abs=1e-12)
    y = 3 + 2 * x + np.array([0.1, -0.1, 0.1, -0.1])
    slope, covariance = np.polyfit(x, y, 1, cov=True)
    assert intercept(x, y) == pytest.approx((slope[1], np.sqrt(covariance[1, 1])), rel=1e-9)


def test_bad_input() -> None:
    rng = np.random.default_rng(3)
    few = rng.normal(size=(30, 40))
    with pytest.raises(MetricError, match="30 pictures in 40 dimensions"):
        frechet_infinity_score(few, few)
    assert frechet_infinity_score(few, few + 1, allow_small=True).warnings
    with pytest.raises(MetricError, match="sets of 6"):
        frechet_infinity_score(few[:6, :2], few[:, :2])
