"""MIND: the sorted projections one by one, a shift in closed form, chance, intervals, bad input."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from speech2img.errors import MetricError
from speech2img.metrics.functional.sliced_wasserstein import mind_score, random_directions


def counted(x: np.ndarray, y: np.ndarray, num_projections: int, seed: int) -> float:
    """The formula, direction by direction, with the same directions."""
    rng = np.random.default_rng(seed)
    total = 0.0
    for direction in rng.standard_normal((num_projections, x.shape[1])):
        unit = direction / np.sqrt((direction**2).sum())
        total += float(np.mean((np.array(sorted(x @ unit)) - np.array(sorted(y @ unit))) ** 2))
    return 3 * x.shape[1] * total / num_projections


def test_equals_the_formula() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 7)), rng.gamma(2.0, size=(30, 7))
    score = mind_score(x, y, num_projections=230, seed=3)
    assert score.value == pytest.approx(counted(x, y, 230, 3), rel=1e-9)
    assert score.interval is not None and score.interval[0] < score.value < score.interval[1]
    # Along one direction it is the square of what scipy has for a plain shift.
    line = random_directions(1, 7, np.random.default_rng(3))[0]
    shifted = mind_score(x, x + line, num_projections=1, seed=3, num_bootstrap=0).value
    assert shifted == pytest.approx(3 * 7 * wasserstein_distance(x @ line, (x + line) @ line) ** 2, rel=1e-9)


def test_equals_the_formula_on_the_golden_features(realdata) -> None:
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b = arrays["features_a"], arrays["features_b"]
    score = mind_score(a.astype(np.float32), b.astype(np.float32), num_bootstrap=0)
    assert score.value == pytest.approx(counted(a, b, 1000, 0), rel=1e-5)


def test_a_shift_is_three_times_its_square() -> None:
    rng = np.random.default_rng(1)
    x, shift = rng.normal(size=(200, 16)), rng.normal(size=16)
    value = mind_score(x, x + shift, num_projections=4000, num_bootstrap=0).value
    assert value == pytest.approx(3 * float(shift @ shift), rel=0.1)
    assert mind_score(x, x, num_bootstrap=0).value == 0.0


def test_moments_alone_do_not_fool_it() -> None:
    rng = np.random.default_rng(2)
    real = rng.choice([-1.0, 1.0], size=(2000, 4))
    same, gaussian = rng.choice([-1.0, 1.0], size=(2000, 4)), rng.normal(size=(2000, 4))
    assert mind_score(gaussian, real, num_bootstrap=0).value > 4 * mind_score(same, real, num_bootstrap=0).value


def test_the_larger_set_is_cut_by_the_seed_alone() -> None:
    rng = np.random.default_rng(3)
    made, real = rng.normal(size=(40, 3)), rng.normal(size=(25, 3))
    score = mind_score(made, real, num_projections=50)
    assert score.num_samples == 25
    assert mind_score(made[::-1], real[::-1], num_projections=50).value == pytest.approx(score.value, rel=1e-12)


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="1 pictures"):
        mind_score(np.zeros((1, 2)), np.zeros((9, 2)))
    with pytest.raises(MetricError, match="MIND: features of 2 and 3 dimensions"):
        mind_score(np.zeros((9, 2)), np.zeros((9, 3)))
