"""Density and coverage: every pair by scipy, what they tell apart, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from speech2img.errors import MetricError
from speech2img.metrics.functional.density_coverage import density_coverage


def counted(made: np.ndarray, real: np.ndarray, k: int) -> tuple[float, float]:
    """The two formulas over every pair, with exact distances."""
    radii = np.sort(cdist(real, real), axis=1)[:, k]
    inside = cdist(made, real) < radii
    return float(inside.sum(axis=1).mean() / k), float(inside.any(axis=0).mean())


@given(st.integers(0, 10_000), st.integers(3, 40), st.integers(6, 40), st.integers(1, 5), st.integers(1, 6))
def test_equal_every_pair(seed: int, num_made: int, num_real: int, k: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    made, real = rng.normal(size=(num_made, dim)) + 40.0, rng.normal(0.5, 0.7, size=(num_real, dim)) + 40.0
    density, coverage = density_coverage(made, real, k=k, equal_sizes=False, num_bootstrap=0)
    assert (density.value, coverage.value) == pytest.approx(counted(made, real, k), abs=1e-12)


def test_equal_the_formula_on_the_golden_features(realdata) -> None:
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b = arrays["features_a"], arrays["features_b"]
    density, coverage = density_coverage(a, b)
    assert (density.value, coverage.value) == pytest.approx(counted(a, b, 5), abs=1e-12)
    assert 0 < coverage.value < 1 and coverage.interval is not None and coverage.interval[0] < coverage.value


def test_tell_outliers_and_missing_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(200, 8)), rng.normal(9.0, 1.0, size=(200, 8))])
    same = np.concatenate([rng.normal(size=(200, 8)), rng.normal(9.0, 1.0, size=(200, 8))])
    density, coverage = density_coverage(same, real)
    assert density.value == pytest.approx(1.0, abs=0.15) and coverage.value > 0.9 and density.higher_is_better is None
    half = density_coverage(rng.normal(size=(400, 8)), real)
    assert 0.4 < half[1].value < 0.55
    assert [score.value for score in density_coverage(real + 99.0, real)] == [0.0, 0.0]
    monkeypatch.setattr("speech2img.metrics.functional.neighbours.BLOCK_ROWS", 7)
    assert density_coverage(same, real)[0].value == pytest.approx(density.value, abs=1e-12)


def test_the_larger_set_is_cut_by_the_seed_alone() -> None:
    rng = np.random.default_rng(2)
    made, real = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    cut = density_coverage(made, real)
    assert cut[0].num_samples == cut[1].num_samples == 20
    turned = density_coverage(made[::-1], real[::-1])
    assert [score.value for score in turned] == [score.value for score in cut]


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="k = 5 with 9 generated and 5 real pictures"):
        density_coverage(np.zeros((9, 2)), np.zeros((5, 2)), equal_sizes=False)
    with pytest.raises(MetricError, match="2 and 3 dimensions"):
        density_coverage(np.zeros((9, 2)), np.zeros((9, 3)))
