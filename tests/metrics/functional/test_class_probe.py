"""The described class in generated images, by a regression on real ones."""

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.class_probe import class_probe


def _clouds(seed: int, count: int, *, apart: float) -> tuple[np.ndarray, list[int]]:
    """Three classes, 5, 7 and 9, around corners of a cube, in six dimensions of different size."""
    rng = np.random.default_rng(seed)
    classes = [5, 7, 9] * count
    rows = rng.normal(size=(len(classes), 6))
    rows[np.arange(len(classes)), [(one - 5) // 2 for one in classes]] += apart
    return rows * np.array([1, 10, 0.1, 1, 5, 1]), classes


def test_classes_that_lie_apart_are_found() -> None:
    real, generated = _clouds(0, 30, apart=8), _clouds(1, 20, apart=8)
    probe = class_probe(*generated, *real)
    assert probe.found.mean() == probe.real_found.mean() == 1
    assert (probe.num_classes, probe.num_fitted, len(probe.real_found), len(probe.found)) == (3, 45, 45, 60)


def test_a_generator_that_ignores_what_is_described_is_at_chance() -> None:
    rows, classes = _clouds(1, 200, apart=8)
    shuffled = np.random.default_rng(2).permutation(classes).tolist()
    found = class_probe(rows, shuffled, *_clouds(0, 30, apart=8)).found.mean()
    assert abs(found - 1 / 3) < 0.08


def test_features_without_classes_are_at_chance_for_real_images_too() -> None:
    probe = class_probe(*_clouds(1, 200, apart=0), *_clouds(0, 200, apart=0))
    assert abs(probe.real_found.mean() - 1 / 3) < 0.1


def test_it_is_the_regression_of_another_program() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    (real, classes), (generated, described) = _clouds(0, 40, apart=1.5), _clouds(1, 300, apart=1.5)
    probe = class_probe(generated, described, real, classes, seed=3)
    # The same halves: half of each class, drawn in the order of the classes.
    rng, is_fitted = np.random.default_rng(3), np.zeros(len(real), dtype=bool)
    for name in (5, 7, 9):
        is_fitted[rng.permutation(np.flatnonzero(np.array(classes) == name))[:20]] = True
    mean, deviation = real[is_fitted].mean(axis=0), real[is_fitted].std(axis=0)
    model = linear_model.LogisticRegression(C=1.0, tol=1e-8, max_iter=2000)
    model.fit((real[is_fitted] - mean) / deviation, np.array(classes)[is_fitted])
    expected = model.predict((generated - mean) / deviation) == np.array(described)
    assert 0.5 < expected.mean() < 0.95 and (expected == probe.found).mean() > 0.995


def test_the_rows_say_what_was_done() -> None:
    found, real = class_probe(*_clouds(1, 20, apart=8), *_clouds(0, 30, apart=8)).scores()
    assert (found.name, real.name) == ("described_class_accuracy", "described_class_real")
    assert (found.num_samples, real.num_samples, real.higher_is_better) == (60, 45, None)
    assert "of 3 (chance 33.3%)" in found.protocol and "on 45 real images" in found.protocol


@pytest.mark.parametrize(
    "real_classes, classes, reason",
    [
        ([1] * 8, [1], "1 classes"),
        ([1, 1, 1, 1, 1, 2, 2, 2], [1], "the smallest of 3 real images"),
        ([1, 1, 1, 1, 2, 2, 2, 2], [3], "no real images of class 3"),
        ([1, 1, 1, 1, 2, 2, 2], [1], "features of real images"),
    ],
)
def test_what_cannot_be_told_apart(real_classes: list[int], classes: list[int], reason: str) -> None:
    with pytest.raises(MetricError, match=reason):
        class_probe(np.zeros((1, 3)), classes, np.random.default_rng(0).normal(size=(8, 3)), real_classes)


def test_features_of_two_networks() -> None:
    with pytest.raises(MetricError, match="read both with the same network"):
        class_probe(np.zeros((1, 3)), [1], np.zeros((8, 4)), [1, 2] * 4)
