"""Inception Score: golden values of torch-fidelity, closed forms, properties."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.errors import MetricError
from speech2img.metrics.inception_score import inception_score


@pytest.mark.parametrize("num_splits", [1, 10])
def test_equals_torch_fidelity(realdata: Path, num_splits: int) -> None:
    numbers = json.loads((realdata / "metric_golden.json").read_text())["numbers"]
    with np.load(realdata / "metric_golden.npz") as arrays:
        mean, std = inception_score(arrays["logits_b"], num_splits=num_splits, seed=None)
    assert mean == pytest.approx(numbers[f"is_splits{num_splits}_mean"], rel=1e-6)
    assert std == pytest.approx(numbers[f"is_splits{num_splits}_std"], rel=1e-6, abs=1e-9)


def test_closed_forms() -> None:
    assert inception_score(np.zeros((40, 7)), num_splits=4) == pytest.approx((1.0, 0.0))
    certain = np.eye(5)[np.arange(100) % 5] * 1e3
    assert inception_score(certain, num_splits=1) == pytest.approx((5.0, 0.0))
    assert inception_score(certain[::5], num_splits=1) == pytest.approx((1.0, 0.0))


def test_file_order_depresses_the_score() -> None:
    by_class = np.eye(10)[np.arange(200) // 20] * 20.0
    assert inception_score(by_class, seed=None)[0] == pytest.approx(1.0, abs=1e-6)
    assert inception_score(by_class, seed=0)[0] > 5.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 9), st.floats(0.1, 50.0))
def test_bounds_and_order(seed: int, count: int, num_classes: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (count, num_classes))
    mean, _ = inception_score(logits, num_splits=1)
    assert 1.0 - 1e-9 <= mean <= num_classes + 1e-9
    assert mean == pytest.approx(inception_score(rng.permutation(logits), num_splits=1)[0])


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="11 splits of 10"):
        inception_score(np.zeros((10, 3)), num_splits=11)
    with pytest.raises(MetricError, match="not finite"):
        inception_score(np.full((10, 3), np.inf))
