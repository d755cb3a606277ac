"""Inception Score: golden values of torch-fidelity, closed forms, the peers' ways of cutting, order of the files."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from speech2img.errors import MetricError
from speech2img.metrics.functional.inception_score import inception_score


def counted(p: np.ndarray) -> float:
    """Mean divergence from the marginal by scipy's entropy, as sbarratt computes it."""
    return float(np.exp(np.mean([entropy(row, p.mean(axis=0)) for row in p])))


@pytest.mark.parametrize("num_splits", [1, 10])
def test_equals_torch_fidelity(realdata: Path, num_splits: int) -> None:
    numbers = json.loads((realdata / "metric_golden.json").read_text())["numbers"]
    with np.load(realdata / "metric_golden.npz") as arrays:
        logits = arrays["logits_b"]
    for outputs, are_probabilities in ((logits, False), (softmax(logits.astype(float), axis=1), True)):
        score = inception_score(outputs, num_splits=num_splits, order="given", are_probabilities=are_probabilities)
        assert score.value == pytest.approx(numbers[f"is_splits{num_splits}_mean"], rel=1e-6)
        assert score.spread == pytest.approx(numbers[f"is_splits{num_splits}_std"], rel=1e-6, abs=1e-9)


def test_closed_forms() -> None:
    assert inception_score(np.zeros((40, 7)), num_splits=4).value == pytest.approx(1.0)
    certain = np.eye(5)[np.arange(100) % 5]
    assert inception_score(certain * 1e3, num_splits=1).value == pytest.approx(5.0)
    assert inception_score(certain, num_splits=1, are_probabilities=True).value == pytest.approx(5.0)
    assert inception_score(certain[::5] * 1e3, num_splits=1).value == pytest.approx(1.0)


def test_background_class_is_left_out_before_the_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (60, 21))
    score = inception_score(logits, num_splits=1, leave_out_first=1)
    assert score.value == pytest.approx(counted(softmax(logits[:, 1:], axis=1)))
    whole = softmax(logits, axis=1)
    same = inception_score(whole, num_splits=1, leave_out_first=1, are_probabilities=True)
    assert same.value == pytest.approx(score.value, rel=1e-6)


def test_peers_ways_of_cutting() -> None:
    p = softmax(np.random.default_rng(1).normal(0, 2, (139, 6)), axis=1)
    equal = inception_score(p, num_splits=10, order="given", equal_splits=True, are_probabilities=True)
    assert equal.value == pytest.approx(np.mean([counted(p[13 * k : 13 * (k + 1)]) for k in range(10)]))
    assert equal.num_samples == 130
    whole = inception_score(p, num_splits=3, order="given", whole_batches_of=64, are_probabilities=True)
    parts = [counted(p[128 * k // 3 : 128 * (k + 1) // 3]) for k in range(3)]
    assert (whole.value, whole.spread) == (pytest.approx(np.mean(parts)), pytest.approx(np.std(parts)))
    assert whole.settings["pictures_dropped"] == 11


def test_order_of_the_files() -> None:
    classes = np.arange(200) // 20
    by_class = np.eye(10)[classes] * 20.0
    names = [f"{row // 20:03d}/{row:03d}.png" for row in range(200)]
    turn = np.random.default_rng(2).permutation(200)
    turned, turned_names = by_class[turn], [names[row] for row in turn]
    assert inception_score(by_class, order="given").value == pytest.approx(1.0, abs=1e-6)
    assert inception_score(turned, order="sorted", ids=turned_names).value == pytest.approx(1.0, abs=1e-6)
    shuffled = inception_score(by_class, ids=names)
    assert shuffled.value > 5.0
    assert inception_score(turned, ids=turned_names).value == pytest.approx(shuffled.value, rel=1e-12)
    assert inception_score(turned).value == pytest.approx(inception_score(by_class).value, rel=1e-12)
    assert inception_score(by_class, ids=names, seed=1).value != pytest.approx(shuffled.value, rel=1e-6)


def test_interval_is_as_wide_as_the_spread_of_new_samples() -> None:
    rng = np.random.default_rng(3)
    values, widths = [], []
    for _ in range(80):
        score = inception_score(rng.normal(0, 3, (150, 8)), num_splits=2, num_bootstrap=100)
        assert score.interval is not None and score.interval[0] < score.value < score.interval[1]
        values.append(score.value)
        widths.append(score.interval[1] - score.interval[0])
    assert np.mean(widths) == pytest.approx(3.92 * np.std(values), rel=0.25)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 9), st.floats(0.1, 50.0))
def test_bounds_and_order(seed: int, count: int, num_classes: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (count, num_classes))
    value = inception_score(logits, num_splits=1).value
    assert 1.0 - 1e-9 <= value <= min(num_classes, count) + 1e-9
    assert value == pytest.approx(inception_score(rng.permutation(logits), num_splits=1).value)


def test_few_pictures_are_warned_about() -> None:
    assert "cannot exceed 4" in inception_score(np.zeros((40, 7))).warnings[0]
    assert not inception_score(np.zeros((70, 7))).warnings


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="11 splits of 10"):
        inception_score(np.zeros((10, 3)), num_splits=11)
    with pytest.raises(MetricError, match="10 splits of 0"):
        inception_score(np.zeros((10, 3)), whole_batches_of=64)
    with pytest.raises(MetricError, match="batches of 0"):
        inception_score(np.zeros((10, 3)), whole_batches_of=0)
    with pytest.raises(MetricError, match="not finite"):
        inception_score(np.full((10, 3), np.inf))
    with pytest.raises(MetricError, match="a row is negative or sums to 3"):
        inception_score(np.ones((10, 3)), are_probabilities=True)
    with pytest.raises(MetricError, match="at least two classes"):
        inception_score(np.zeros((10, 3)), leave_out_first=2)
    with pytest.raises(MetricError, match="without ids"):
        inception_score(np.zeros((10, 3)), order="sorted")
