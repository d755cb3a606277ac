"""Class centroids: hand-counted values, leaving out, fewer ways are easier, bad input."""

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.class_centroids import (
    class_centroid_scores,
    k_way_centroid_accuracy,
    leave_one_out_centroid_accuracy,
)


def test_class_centroids_hand_counted() -> None:
    speech = np.array([[2.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    images = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 4.0], [0.0, 1.0]])
    scores = class_centroid_scores(images, [7, 7, 9, 9], speech, [7, 7, 9], k=2)
    assert scores.accuracy == 1.0  # centroids (3, 0) and (0, 1): products 3:0, 3:2, 3:4, 0:1
    assert scores.precision_at_k == pytest.approx((2 / 2 + 1 / 2) / 2)
    assert (scores.num_classes, scores.num_images) == (2, 4)


def test_precision_counts_missing_images_as_misses() -> None:
    scores = class_centroid_scores(np.eye(2), [0, 1], np.eye(2), [0, 1], k=50)
    assert scores.precision_at_k == pytest.approx(1 / 50)


def test_k_way_is_easier_than_all_ways() -> None:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(30, 16))
    classes = np.repeat(np.arange(30), 10)
    images = centres[classes] + rng.normal(0, 2.5, (300, 16))
    speech = centres[classes] + rng.normal(0, 2.5, (300, 16))
    everything = class_centroid_scores(images, classes.tolist(), speech, classes.tolist()).accuracy
    twelve, spread = k_way_centroid_accuracy(images, classes.tolist(), speech, classes.tolist(), ways=12)
    assert k_way_centroid_accuracy(images, classes.tolist(), speech, classes.tolist(), ways=30) == (everything, 0.0)
    assert 1 / 30 < everything < twelve < 1.0
    assert 0 < spread < 0.2


def test_leave_one_out_does_not_peek() -> None:
    rng = np.random.default_rng(6)
    noise = rng.normal(size=(200, 64))
    classes = rng.integers(0, 10, 200).tolist()
    alone = leave_one_out_centroid_accuracy(noise, classes, range(200))
    assert alone < 0.2
    # two utterances of one image are nearly equal: without leaving both out, noise would look like skill
    doubled = np.concatenate([noise, noise + 1e-3])
    assert leave_one_out_centroid_accuracy(doubled, classes * 2, [*range(200)] * 2) == pytest.approx(alone, abs=1e-9)
    clear = np.eye(64)[np.asarray(classes)] + noise * 0.01
    assert leave_one_out_centroid_accuracy(clear, classes, range(200)) == 1.0


def test_numbers_for_a_report() -> None:
    rng = np.random.default_rng(7)
    classes = np.repeat(np.arange(6), 20)
    images, speech = (np.eye(8)[classes] + rng.normal(0, 0.7, (120, 8)) for _ in range(2))
    scores = class_centroid_scores(images, classes.tolist(), speech, classes.tolist(), k=10)
    accuracy, precision = scores.scores()
    assert (accuracy.value, precision.value) == (scores.accuracy, scores.precision_at_k)
    assert precision.name == "average_precision_at_10"
    for score in (accuracy, precision):
        assert score.interval is not None and score.interval[0] < score.value < score.interval[1]


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="no utterance"):
        class_centroid_scores(np.eye(2), [0, 1], np.eye(2), [0, 0])
    with pytest.raises(MetricError, match="one label a row"):
        class_centroid_scores(np.eye(2), [0], np.eye(2), [0, 1])
    with pytest.raises(MetricError, match="3-way"):
        k_way_centroid_accuracy(np.eye(2), [0, 1], np.eye(2), [0, 1], ways=3)
    with pytest.raises(MetricError, match="two classes"):
        leave_one_out_centroid_accuracy(np.eye(2), [0, 0], [0, 1])
    with pytest.raises(MetricError, match="two images"):
        leave_one_out_centroid_accuracy(np.eye(2), [0, 1], [0, 1])
