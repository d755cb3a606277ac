"""Kernel distance with a Gaussian kernel: the formula pair by pair, chance, what the cubic kernel misses."""

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.rbf_distance import rbf_score


def counted(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    """The unbiased formula, pair by pair."""
    size = len(x)

    def kernel(p: np.ndarray, q: np.ndarray) -> float:
        return float(np.exp(-((p - q) ** 2).sum() / (2 * bandwidth**2)))

    pairs = [(i, j) for i in range(size) for j in range(size) if i != j]
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs) / (size * (size - 1))
    return within - 2 * sum(kernel(p, q) for p in x for q in y) / size**2


@pytest.mark.parametrize("bandwidth", [1.5, 10.0])
def test_equals_the_formula(bandwidth: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.normal(0.5, 1.0, size=(12, 5))
    score = rbf_score(x, y, bandwidth=bandwidth, num_bootstrap=0)
    assert score.name == "rbf_kernel_distance" and score.settings["bandwidth"] == bandwidth
    assert score.value == pytest.approx(counted(x, y, bandwidth), rel=1e-9, abs=1e-12)


def test_equals_the_formula_on_the_golden_features(realdata) -> None:
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b = arrays["features_a"], arrays["features_b"]
    score = rbf_score(a, b, num_bootstrap=50)
    assert score.value == pytest.approx(counted(a, b, 10.0), rel=1e-5) and score.spread is None
    assert score.interval is not None and score.interval[0] < score.value < score.interval[1]


def test_chance_is_zero_and_a_shift_is_not() -> None:
    rng = np.random.default_rng(1)
    values = [rbf_score(*rng.normal(size=(2, 40, 6)), bandwidth=2.0, num_bootstrap=0).value for _ in range(40)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(40)
    x, y = rng.normal(size=(2, 40, 6))
    assert rbf_score(x, y + 1, bandwidth=2.0, num_bootstrap=0).value > 5 * np.std(values)


def test_a_useless_bandwidth_is_told() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 20, 4))
    assert "too wide" in rbf_score(x / 1000, y / 1000, num_bootstrap=0).warnings[0]
    assert (
        "too narrow" in rbf_score(x * 1e6, np.repeat(y, 20, axis=0) * 1e6 + np.arange(400)[:, None] * 1e3).warnings[0]
    )
    assert not rbf_score(x, y, bandwidth=2.0, num_bootstrap=0).warnings
    with pytest.raises(MetricError, match="4 and 3 dimensions"):
        rbf_score(x, y[:, :3])
