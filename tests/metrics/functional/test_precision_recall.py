"""Precision and recall: every pair by scipy, closed forms, what they tell apart, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from speech2img.errors import MetricError
from speech2img.metrics.functional.precision_recall import precision_recall


def counted(points: np.ndarray, manifold: np.ndarray, k: int) -> float:
    """Share of the points within the k-th neighbour's distance of a point of the manifold, by exact distances."""
    radii = np.sort(cdist(manifold, manifold), axis=1)[:, k]
    return float((cdist(points, manifold) <= radii).any(axis=1).mean())


@given(st.integers(0, 10_000), st.integers(5, 40), st.integers(5, 40), st.integers(1, 4), st.integers(1, 6))
def test_equals_every_pair(seed: int, num_made: int, num_real: int, k: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    made, real = rng.normal(size=(num_made, dim)) + 40.0, rng.normal(0.5, 0.7, size=(num_real, dim)) + 40.0
    precision, recall = precision_recall(made, real, k=k, equal_sizes=False, num_bootstrap=0)
    assert precision.value == counted(made, real, k)
    assert recall.value == counted(real, made, k)
    swapped = precision_recall(real, made, k=k, equal_sizes=False, num_bootstrap=0)
    assert (swapped[0].value, swapped[1].value) == (recall.value, precision.value)


def test_tells_quality_from_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(200, 8)), rng.normal(9.0, 1.0, size=(200, 8))])
    half = rng.normal(size=(400, 8))
    precision, recall = precision_recall(half, real)
    assert precision.value > 0.7 and 0.3 < recall.value < 0.55
    assert precision.interval is not None and precision.interval[0] < precision.value < precision.interval[1]
    monkeypatch.setattr("speech2img.metrics.functional.neighbours.BLOCK_ROWS", 7)
    assert precision_recall(half, real)[0] == precision


def test_identical_repeated_and_far_sets() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(30, 5)) + 1e3
    repeated = np.repeat(real[:5], 6, axis=0)
    assert [score.value for score in precision_recall(real, real)] == [1.0, 1.0]
    assert [score.value for score in precision_recall(repeated, real)] == [1.0, 5 / 30]
    assert [score.value for score in precision_recall(real + 50.0, real)] == [0.0, 0.0]


def test_unequal_sets_are_cut_or_warned_about() -> None:
    rng = np.random.default_rng(2)
    made, real = rng.normal(size=(20, 2)), rng.normal(size=(10, 2))
    assert "unequal size" in precision_recall(made, real, equal_sizes=False)[0].warnings[0]
    cut = precision_recall(made, real)
    assert not cut[0].warnings and cut[0].num_samples == cut[1].num_samples == 10
    assert precision_recall(made[::-1], real[::-1]) == cut
    names = [f"{row:02d}" for row in range(20)]
    assert precision_recall(made, real, ids_generated=names) == precision_recall(
        made[::-1], real, ids_generated=names[::-1]
    )


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="k = 3 with sets of 3 and 9"):
        precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))
    with pytest.raises(MetricError, match="2 and 3 dimensions"):
        precision_recall(np.zeros((9, 2)), np.zeros((9, 3)))
    with pytest.raises(MetricError, match="generated pictures: row 0 is not finite"):
        precision_recall(np.full((9, 2), np.nan), np.zeros((9, 2)))
