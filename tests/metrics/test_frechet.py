"""Frechet and kernel distance: golden values of pytorch-fid and torch-fidelity, closed forms, properties."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.errors import MetricError
from speech2img.metrics.frechet import (
    FeatureStatistics,
    frechet_distance,
    gaussian_frechet_distance,
    kernel_distance,
)


@pytest.fixture(scope="module")
def golden(realdata: Path) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Arrays and the numbers that the peers' own code makes of them."""
    with np.load(realdata / "metric_golden.npz") as arrays:
        data = {name: arrays[name] for name in ("features_a", "features_b")}
    return data, json.loads((realdata / "metric_golden.json").read_text())["numbers"]


def statistics(features: np.ndarray, batch: int = 64) -> FeatureStatistics:
    result = FeatureStatistics()
    for start in range(0, len(features), batch):
        result.update(features[start:start + batch])
    return result


def test_equals_the_peers(golden: tuple[dict[str, np.ndarray], dict[str, float]]) -> None:
    data, numbers = golden
    value = frechet_distance(statistics(data["features_a"]), statistics(data["features_b"]))
    assert value == pytest.approx(numbers["fid_pytorch_fid"], rel=1e-6)
    assert value == pytest.approx(numbers["fid_torch_fidelity"], rel=1e-6)


def test_kernel_distance_agrees_with_torch_fidelity(golden: tuple[dict[str, np.ndarray], dict[str, float]]) -> None:
    data, numbers = golden
    mean, std = kernel_distance(data["features_a"], data["features_b"], num_subsets=20, subset_size=200, seed=2020)
    spread = numbers["kernel_inception_distance_std"]
    assert mean == pytest.approx(numbers["kernel_inception_distance_mean"], abs=3 * spread / np.sqrt(20) * 1.5)
    assert std == pytest.approx(spread, rel=0.6)


def test_statistics_stream_like_numpy() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(1e4, 1.0, (137, 5))
    streamed = statistics(features, batch=10)
    assert streamed.num_samples == 137
    np.testing.assert_allclose(streamed.mean, features.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(streamed.covariance, np.cov(features, rowvar=False), rtol=1e-9, atol=1e-9)


def test_closed_forms() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.uniform(0.1, 3.0, 6), rng.uniform(0.1, 3.0, 6)
    offset = rng.normal(size=6)
    value = gaussian_frechet_distance(np.zeros(6), np.diag(first ** 2), offset, np.diag(second ** 2))
    assert value == pytest.approx(((first - second) ** 2).sum() + (offset ** 2).sum())


def test_shift_and_identity() -> None:
    features = np.random.default_rng(2).normal(size=(50, 8))
    assert frechet_distance(statistics(features), statistics(features)) == pytest.approx(0.0, abs=1e-8)
    assert frechet_distance(statistics(features), statistics(features + 3.0)) == pytest.approx(9.0 * 8)


def test_fewer_pictures_than_dimensions() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(12, 60)), rng.normal(1.0, 2.0, size=(15, 60))
    centred_a, centred_b = a - a.mean(axis=0), b - b.mean(axis=0)
    # the trace of the root is the sum of singular values of the cross products of the centred features
    root = np.linalg.svd(centred_a @ centred_b.T, compute_uv=False).sum() / np.sqrt(11 * 14)
    offset = a.mean(axis=0) - b.mean(axis=0)
    expected = offset @ offset + (centred_a ** 2).sum() / 11 + (centred_b ** 2).sum() / 14 - 2 * root
    assert frechet_distance(statistics(a), statistics(b)) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 30), st.integers(1, 12))
def test_symmetric_never_negative_and_blind_to_order(seed: int, num_a: int, num_b: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(num_a, dim)), rng.normal(0.5, 1.5, size=(num_b, dim))
    value = frechet_distance(statistics(a), statistics(b))
    assert value >= 0.0
    assert value == pytest.approx(frechet_distance(statistics(b), statistics(a)), rel=1e-6, abs=1e-6)
    assert value == pytest.approx(frechet_distance(statistics(rng.permutation(a)), statistics(b)), rel=1e-6, abs=1e-6)


def test_kernel_distance_is_unbiased_around_zero() -> None:
    features = np.random.default_rng(4).normal(size=(400, 10))
    same, std = kernel_distance(features[:200], features[200:], num_subsets=50, subset_size=100)
    far, _ = kernel_distance(features[:200], features[200:] + 1.0, num_subsets=50, subset_size=100)
    assert abs(same) < 3 * std
    assert far > 10 * abs(same)


def test_bad_input() -> None:
    good = FeatureStatistics().update(np.zeros((3, 4)))
    with pytest.raises(MetricError, match="same network"):
        frechet_distance(good, FeatureStatistics().update(np.zeros((3, 5))))
    with pytest.raises(MetricError, match="at least 2 pictures"):
        frechet_distance(good, FeatureStatistics().update(np.zeros((1, 4))))
    with pytest.raises(MetricError, match="row 1 is not finite"):
        FeatureStatistics().update(np.array([[0.0], [np.nan]]))
    with pytest.raises(MetricError, match="non-empty"):
        FeatureStatistics().update(np.zeros((0, 4)))
    with pytest.raises(MetricError, match="after batches of 4"):
        good.update(np.zeros((3, 5)))
    with pytest.raises(MetricError, match="smaller set"):
        kernel_distance(np.zeros((5, 2)), np.zeros((3, 2)), subset_size=4)
    with pytest.raises(MetricError, match="dimensions"):
        kernel_distance(np.zeros((5, 2)), np.zeros((3, 3)))
