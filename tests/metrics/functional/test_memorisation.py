"""Memorisation: every pair by scipy, copies, honest pictures, bad input."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from speech2img.errors import MetricError
from speech2img.metrics.functional.memorisation import memorisation


def test_equals_every_pair() -> None:
    rng = np.random.default_rng(0)
    made, test, training = rng.normal(size=(30, 4)), rng.normal(size=(25, 4)), rng.normal(size=(60, 4))
    found = memorisation(made, test, training)
    own, others = cdist(made, training).min(axis=1), cdist(test, training).min(axis=1)
    assert found.nearest_rows.tolist() == cdist(made, training).argmin(axis=1).tolist()
    np.testing.assert_allclose(found.distances, own, rtol=1e-9)
    near, copies = found.scores()
    pairs = [(a < b) + (a == b) / 2 for a in own for b in others]
    assert near.value == pytest.approx(np.mean(pairs), abs=1e-12)
    assert copies.value == pytest.approx(np.mean(own < np.quantile(others, 0.01)), abs=1e-12)
    assert near.num_samples == 30 and near.settings == {"num_test": 25, "num_training": 60}


def test_copies_are_told_from_honest_pictures() -> None:
    rng = np.random.default_rng(1)
    training = rng.normal(size=(500, 6))
    test, honest = rng.normal(size=(400, 6)), rng.normal(size=(400, 6))
    near, copies = memorisation(honest, test, training).scores()
    assert near.value == pytest.approx(0.5, abs=0.05) and copies.value < 0.05
    assert near.interval is not None and near.interval[0] < near.value < near.interval[1]
    half = np.concatenate([training[:200] + 1e-3, honest[:200]])
    near, copies = memorisation(half, test, training).scores()
    assert near.value > 0.7 and copies.value == pytest.approx(0.5, abs=0.03)
    # The very training pictures as a test: distances of zero on both sides count half.
    assert memorisation(training, training, training).scores(num_bootstrap=0)[0].value == 0.5


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="features of 3 and 2 dimensions"):
        memorisation(np.zeros((4, 2)), np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(MetricError, match="one test picture"):
        memorisation(np.zeros((4, 2)), np.zeros((1, 2)), np.zeros((4, 2)))
