"""Kernel distance: torch-fidelity's draws and value, a hand-counted sum, chance, intervals, order of the files."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import MetricError
from speech2img.metrics.functional.kernel_distance import kernel_score, unbiased_mmd


def counted(x: np.ndarray, y: np.ndarray) -> float:
    """The formula, pair by pair."""
    size, dim = x.shape

    def kernel(p: np.ndarray, q: np.ndarray) -> float:
        return float((p @ q / dim + 1) ** 3)

    pairs = [(i, j) for i in range(size) for j in range(size) if i != j]
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs) / (size * (size - 1))
    return within - 2 * sum(kernel(p, q) for p in x for q in y) / size**2


def test_equals_torch_fidelity_with_its_own_draws(realdata: Path) -> None:
    numbers = json.loads((realdata / "metric_golden.json").read_text())["numbers"]
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b = arrays["features_a"], arrays["features_b"]
    draws = np.random.RandomState(2020)
    values = [
        unbiased_mmd(a[draws.choice(len(a), 200, replace=False)], b[draws.choice(len(b), 200, replace=False)])
        for _ in range(20)
    ]
    assert np.mean(values) == pytest.approx(numbers["kernel_inception_distance_mean"], rel=1e-6)
    assert np.std(values) == pytest.approx(numbers["kernel_inception_distance_std"], rel=1e-6)


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 5))
def test_equals_the_formula(seed: int, size: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(size, dim)), rng.normal(0.5, 1.0, size=(size, dim))
    assert unbiased_mmd(x, y) == pytest.approx(counted(x, y), rel=1e-9, abs=1e-9)
    assert unbiased_mmd(x, y) == pytest.approx(unbiased_mmd(y, x), rel=1e-9, abs=1e-9)
    whole = kernel_score(x, y, num_bootstrap=0)
    assert whole.value == pytest.approx(counted(x, y), rel=1e-9, abs=1e-9)
    assert whole.spread is None and whole.interval is None


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=(70, 6))
    whole = kernel_score(x, y, num_subsets=5, subset_size=30)
    monkeypatch.setattr("speech2img.metrics.functional.kernel_distance._BLOCK", 100)
    blocks = kernel_score(x, y, num_subsets=5, subset_size=30)
    assert blocks.value == pytest.approx(whole.value, rel=1e-12)
    assert blocks.interval == pytest.approx(whole.interval, rel=1e-9)


def test_unbiased_around_zero() -> None:
    values = []
    for seed in range(60):
        features = np.random.default_rng(seed).normal(size=(60, 10))
        values.append(unbiased_mmd(features[:30], features[30:]))
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)
    far = kernel_score(features[:30], features[30:] + 1.0, num_subsets=20, subset_size=20)
    assert far.interval is not None and far.interval[0] > 3 * np.std(values)


def test_interval_is_as_wide_as_the_spread_of_new_samples() -> None:
    rng = np.random.default_rng(7)
    values, widths = [], []
    for _ in range(50):
        score = kernel_score(
            rng.normal(size=(120, 12)).clip(0), rng.normal(0.4, 1.3, size=(120, 12)).clip(0), num_bootstrap=100
        )
        assert score.interval is not None
        values.append(score.value)
        widths.append(score.interval[1] - score.interval[0])
    assert np.mean(widths) == pytest.approx(3.92 * np.std(values), rel=0.3)


def test_the_same_for_any_file_order() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=(70, 6))
    turn = rng.permutation(50)
    names = [f"{row:03d}.png" for row in range(50)]
    first = kernel_score(x, y, num_subsets=5, subset_size=30, seed=3)
    assert kernel_score(x[turn], y, num_subsets=5, subset_size=30, seed=3).value == pytest.approx(first.value, rel=1e-9)
    assert kernel_score(x, y, num_subsets=5, subset_size=30, seed=4).value != pytest.approx(first.value, rel=1e-3)
    named = kernel_score(x, y, num_subsets=5, subset_size=30, ids_a=names)
    turned = kernel_score(x[turn] * (1 + 1e-9), y, num_subsets=5, subset_size=30, ids_a=[names[row] for row in turn])
    assert turned.value == pytest.approx(named.value, rel=1e-5)
    assert turned.interval == pytest.approx(named.interval, rel=1e-5)


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="smaller set"):
        kernel_score(np.zeros((5, 2)), np.zeros((3, 2)), subset_size=4)
    with pytest.raises(MetricError, match="smaller set"):
        kernel_score(np.zeros((1, 2)), np.zeros((3, 2)))
    with pytest.raises(MetricError, match="2 and 3 dimensions"):
        kernel_score(np.zeros((5, 2)), np.zeros((3, 3)))
    with pytest.raises(MetricError, match="second set: row 0 is not finite"):
        kernel_score(np.zeros((5, 1)), np.full((3, 1), np.nan))
    with pytest.raises(MetricError, match="'?a.png'?: its id occurs twice"):
        kernel_score(np.zeros((2, 2)), np.zeros((3, 2)), ids_a=["a.png", "a.png"])
    with pytest.raises(MetricError, match="2 rows but 1 ids"):
        kernel_score(np.zeros((2, 2)), np.zeros((3, 2)), ids_a=["a.png"])
