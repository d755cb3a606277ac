"""Frechet distance: golden values of pytorch-fid, scipy's matrix root, closed forms, properties, intervals."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from speech2img.errors import MetricError
from speech2img.metrics.functional.feature_statistics import Gaussian
from speech2img.metrics.functional.frechet_distance import (
    LEGACY_EPS,
    fit_gaussian,
    frechet_distance,
    frechet_score,
    influences,
)


@pytest.fixture(scope="module")
def golden(realdata: Path) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Features and the numbers that the peers' own code makes of them."""
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b = arrays["features_a"], arrays["features_b"]
    return a, b, json.loads((realdata / "metric_golden.json").read_text())["numbers"]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return frechet_distance(fit_gaussian(a), fit_gaussian(b))


def by_matrix_root(a: Gaussian, b: Gaussian, eps: float = 0.0) -> float:
    """The formula of the paper with scipy's root of the product."""
    ridge = eps * np.eye(a.dim)
    root = sqrtm((a.covariance + ridge) @ (b.covariance + ridge))
    return float(((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance + b.covariance) - 2 * np.trace(root).real)


def test_equals_the_peers(golden: tuple[np.ndarray, np.ndarray, dict[str, float]]) -> None:
    a, b, numbers = golden
    assert distance(a, b) == pytest.approx(numbers["fid_pytorch_fid"], rel=1e-9)
    assert distance(a, b) == pytest.approx(numbers["fid_torch_fidelity"], rel=1e-9)


def test_equals_the_matrix_root() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(200, 40)) @ rng.normal(size=(40, 40)) + rng.normal(size=40) for _ in range(2))
    first, second = fit_gaussian(a), fit_gaussian(b)
    assert frechet_distance(first, second) == pytest.approx(by_matrix_root(first, second), rel=1e-10)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_commuting_gaussians_have_a_closed_form(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    first, second, offset = rng.uniform(0.0, 3.0, dim), rng.uniform(0.01, 3.0, dim), rng.normal(size=dim)
    a = Gaussian(np.zeros(dim), turn @ np.diag(first**2) @ turn.T)
    b = Gaussian(offset, turn @ np.diag(second**2) @ turn.T)
    assert frechet_distance(a, b) == pytest.approx(
        ((first - second) ** 2).sum() + (offset**2).sum(), rel=1e-9, abs=1e-9
    )


def test_shift_and_identity() -> None:
    features = np.random.default_rng(2).normal(size=(50, 8))
    assert distance(features, features) == pytest.approx(0.0, abs=1e-12)
    assert distance(features, features + 3.0) == pytest.approx(9.0 * 8, rel=1e-12)
    same = np.ones((5, 3))
    assert distance(same, same + 1.0) == pytest.approx(3.0)
    collapsed = frechet_score(
        fit_gaussian(same), fit_gaussian(features[:, :3]), features_a=same, features_b=features[:, :3]
    )
    assert collapsed.interval is not None and collapsed.interval[0] < collapsed.value < collapsed.interval[1]


@pytest.mark.parametrize(("num_a", "num_b"), [(12, 15), (12, 300), (300, 12)])
def test_few_pictures_give_the_same_from_features_and_from_statistics(num_a: int, num_b: int) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(num_a, 60)), rng.normal(1.0, 2.0, size=(num_b, 60))
    centred_a, centred_b = a - a.mean(axis=0), b - b.mean(axis=0)
    # the trace of the root is the sum of singular values of the cross products of the centred features
    root = np.linalg.svd(centred_a @ centred_b.T, compute_uv=False).sum() / np.sqrt((num_a - 1) * (num_b - 1))
    gap = a.mean(axis=0) - b.mean(axis=0)
    expected = gap @ gap + (centred_a**2).sum() / (num_a - 1) + (centred_b**2).sum() / (num_b - 1) - 2 * root
    assert distance(a, b) == pytest.approx(expected, rel=1e-12)
    rounded = [Gaussian(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (a, b)]
    assert frechet_distance(*rounded) == pytest.approx(expected, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_dead_channels() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(90, 20)), rng.normal(1.0, 2.0, size=(90, 20))
    a[:, 3:6] = 0.0
    b[:, 5:9] = 0.5
    alive_a, alive_b = fit_gaussian(a), fit_gaussian(b)
    assert frechet_distance(alive_a, alive_b) == pytest.approx(by_matrix_root(alive_a, alive_b), rel=1e-6)


def test_legacy_eps_is_that_of_pytorch_fid() -> None:
    rng = np.random.default_rng(5)
    few, many = fit_gaussian(rng.normal(size=(12, 30))), fit_gaussian(rng.normal(size=(99, 30)))
    full = fit_gaussian(rng.normal(size=(80, 30)))
    for eps in (LEGACY_EPS, 0.1):
        assert frechet_distance(few, many, legacy_eps=eps) == pytest.approx(by_matrix_root(few, many, eps), rel=1e-8)
        assert frechet_distance(full, many, legacy_eps=eps) == frechet_distance(full, many)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 30), st.integers(1, 12))
def test_symmetric_never_negative_and_blind_to_order_and_rotation(seed: int, num_a: int, num_b: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(num_a, dim)), rng.normal(0.5, 1.5, size=(num_b, dim))
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    value = distance(a, b)
    assert value >= 0.0
    for other in (
        distance(b, a),
        distance(rng.permutation(a), b),
        distance(a @ turn + 5.0, b @ turn + 5.0),
        distance(3.0 * a, 3.0 * b) / 9.0,
    ):
        assert other == pytest.approx(value, rel=1e-7, abs=1e-7)


def test_influences_are_the_derivative_by_the_weights() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(70, 9)), rng.normal(0.3, 1.4, size=(50, 9))

    def weighted(rows: np.ndarray, weights: np.ndarray, num: int) -> Gaussian:
        mean = weights @ rows
        return Gaussian(mean, (rows - mean).T @ np.diag(weights) @ (rows - mean) * num / (num - 1))

    both = influences(fit_gaussian(a), fit_gaussian(b), a, b)
    for side, rows in enumerate((a, b)):
        steps = []
        for sign in (1.0, -1.0):
            weights = np.full(len(rows), 1.0 / len(rows)) * (1.0 - sign * 1e-5)
            weights[4] += sign * 1e-5
            parts = [fit_gaussian(a), fit_gaussian(b)]
            parts[side] = weighted(rows, weights, len(rows))
            steps.append(frechet_distance(*parts))
        change = both[side]
        assert change is not None
        # the N / (N - 1) of the covariance is the one difference between a weight's derivative and the influence
        assert change[4] == pytest.approx((steps[0] - steps[1]) / 2e-5, rel=0.1)
        assert change.mean() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("num", [300, 20])
def test_interval_is_as_wide_as_the_spread_of_new_samples(num: int) -> None:
    rng = np.random.default_rng(7)
    values, widths = [], []
    for _ in range(60):
        a, b = rng.normal(size=(num, 24)).clip(0), rng.normal(0.4, 1.3, size=(num, 24)).clip(0)
        score = frechet_score(
            fit_gaussian(a), fit_gaussian(b), features_a=a, features_b=b, allow_small=True, num_bootstrap=200
        )
        assert score.interval is not None and score.interval[0] < score.value < score.interval[1]
        values.append(score.value)
        widths.append(score.interval[1] - score.interval[0])
    assert np.mean(widths) == pytest.approx(3.92 * np.std(values), rel=0.25)


def test_small_sets_are_refused_or_warned_about() -> None:
    rng = np.random.default_rng(8)
    small, real = fit_gaussian(rng.normal(size=(20, 20))), fit_gaussian(rng.normal(size=(50, 20)))
    with pytest.raises(MetricError, match="20 pictures in 20 dimensions: their covariance is singular"):
        frechet_score(small, real)
    with pytest.raises(MetricError, match="real pictures"):
        frechet_score(real, small)
    score = frechet_score(small, real, allow_small=True)
    assert any("kernel distance instead" in warning for warning in score.warnings)
    assert score.interval is None and "no interval" in score.protocol
    unknown = frechet_score(real, Gaussian(real.mean, real.covariance))
    assert any("do not say of how many" in warning for warning in unknown.warnings)


def test_the_same_for_any_file_order() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(60, 10)), rng.normal(0.5, 1.0, size=(70, 10))
    other = rng.permutation(a)
    first, second = (frechet_score(fit_gaussian(x), fit_gaussian(b), features_a=x, features_b=b) for x in (a, other))
    assert second.value == pytest.approx(first.value, rel=1e-9)
    assert second.interval == pytest.approx(first.interval, rel=1e-9)


def test_bad_input() -> None:
    good = fit_gaussian(np.random.default_rng(10).normal(size=(9, 4)))
    with pytest.raises(MetricError, match="same network"):
        frechet_distance(good, fit_gaussian(np.zeros((3, 5))))
    with pytest.raises(MetricError, match="at least 2 pictures"):
        fit_gaussian(np.zeros((1, 4)))
    with pytest.raises(MetricError, match="smallest eigenvalue"):
        frechet_distance(good, Gaussian(np.zeros(4), np.diag([1.0, 1.0, 1.0, -1.0])))
    with pytest.raises(MetricError, match="made of"):
        frechet_score(good, good, features_a=np.zeros((3, 4)))
