"""Streamed mean and covariance: numpy's own, merging, few pictures, bad features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import MetricError
from speech2img.metrics.functional.feature_statistics import FeatureStatistics, check_features
from speech2img.metrics.functional.frechet_distance import fit_gaussian


@given(
    st.integers(0, 10_000),
    st.integers(1, 8),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_any_batches_and_merges_equal_numpy(seed: int, dim: int, sizes: list[int], others: list[int]) -> None:
    rng = np.random.default_rng(seed)
    batches = [rng.normal(1e4, 1.0, (size, dim)) for size in (*sizes, *others)]
    first, second = FeatureStatistics(), FeatureStatistics()
    for batch in batches[: len(sizes)]:
        first.update(batch)
    for batch in batches[len(sizes) :]:
        second.update(batch)
    features = np.concatenate(batches)
    merged = first.merge(second).gaussian()
    assert merged.num_samples == len(features) == first.num_samples
    np.testing.assert_allclose(merged.mean, features.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        merged.covariance, np.cov(features, rowvar=False).reshape(dim, dim), rtol=1e-8, atol=1e-8
    )


def test_few_pictures_keep_a_low_rank_root() -> None:
    features = np.random.default_rng(1).normal(size=(7, 12))
    few = fit_gaussian(features)
    assert few.root is not None and few.root.shape == (7, 12)
    np.testing.assert_allclose(few.root.T @ few.root, few.covariance, atol=1e-12)
    assert fit_gaussian(np.random.default_rng(1).normal(size=(13, 12))).root is None


def test_the_caller_may_use_its_array_again() -> None:
    buffer = np.ones((3, 4))
    statistics = FeatureStatistics().update(buffer)
    buffer[:] = 7.0
    np.testing.assert_array_equal(statistics.update(np.ones((1, 4))).gaussian().mean, np.ones(4))


def test_large_arrays_go_in_blocks() -> None:
    features = np.random.default_rng(2).normal(size=(3000, 3)).astype(np.float32)
    np.testing.assert_allclose(fit_gaussian(features).covariance, np.cov(features, rowvar=False), rtol=1e-6)
    features[2500, 1] = np.nan
    with pytest.raises(MetricError, match="row 2500 is not finite"):
        fit_gaussian(features)


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="row 1 is not finite"):
        FeatureStatistics().update(np.array([[0.0], [np.nan]]))
    with pytest.raises(MetricError, match="non-empty"):
        FeatureStatistics().update(np.zeros((0, 4)))
    with pytest.raises(MetricError, match="non-empty"):
        FeatureStatistics().update(np.zeros(4))
    with pytest.raises(MetricError, match="not an array of numbers"):
        check_features(np.array([["a"]]), "features")  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="5 dimensions after batches of 4"):
        FeatureStatistics().update(np.zeros((3, 4))).update(np.zeros((3, 5)))
    with pytest.raises(MetricError, match="5 dimensions merged with 4"):
        FeatureStatistics().update(np.zeros((3, 4))).merge(FeatureStatistics().update(np.zeros((9, 5))))
    with pytest.raises(MetricError, match="1 pictures"):
        FeatureStatistics().update(np.zeros((1, 4))).gaussian()
