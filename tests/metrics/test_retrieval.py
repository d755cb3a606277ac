"""Retrieval metrics: hand-counted values, an independent average precision, chance levels, properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from speech2img.errors import MetricError
from speech2img.metrics.retrieval import (
    class_centroid_scores,
    k_way_centroid_accuracy,
    leave_one_out_centroid_accuracy,
    retrieval_scores,
    similarity,
)


def test_hand_counted() -> None:
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    scores = retrieval_scores(np.array([[1.0, 0.1], [0.8, 0.1]]), gallery, ["a", "b"], ["a", "b", "b"], ks=(1, 2))
    assert scores.recall == {1: 0.5, 2: 1.0}
    assert scores.median_rank == 1.5
    assert scores.mean_average_precision == pytest.approx((1.0 + (1 / 2 + 2 / 3) / 2) / 2)


def test_ties_keep_the_order_of_the_gallery() -> None:
    same = np.ones((4, 3))
    assert retrieval_scores(same[:1], same, [2], [0, 1, 2, 2], ks=(2, 3)).recall == {2: 0.0, 3: 1.0}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_average_precision_like_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, gallery = rng.normal(size=(4, 6)), rng.normal(size=(25, 6))
    ids = np.concatenate([np.arange(4), rng.integers(0, 4, 21)])
    expected = np.mean([average_precision_score(ids == query, row)
                        for query, row in enumerate(similarity(queries, gallery))])
    scores = retrieval_scores(queries, gallery, range(4), ids.tolist(), chunk=3)
    assert scores.mean_average_precision == pytest.approx(expected)


def test_chance_of_recall() -> None:
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(100), 5)
    scores = retrieval_scores(rng.normal(size=(2000, 8)), rng.normal(size=(500, 8)), (np.arange(2000) % 100).tolist(),
                              ids.tolist(), ks=(50,))
    assert scores.recall[50] == pytest.approx(1 - 0.9 ** 5, abs=0.04)


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


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="no utterance"):
        class_centroid_scores(np.eye(2), [0, 1], np.eye(2), [0, 0])
    with pytest.raises(MetricError, match="one label a row"):
        class_centroid_scores(np.eye(2), [0], np.eye(2), [0, 1])
    with pytest.raises(MetricError, match="same space"):
        retrieval_scores(np.eye(2), np.eye(3), [0, 1], [0, 1, 1])
    with pytest.raises(MetricError, match="query 5"):
        retrieval_scores(np.eye(2), np.eye(2), [0, 5], [0, 1])
    with pytest.raises(MetricError, match="3-way"):
        k_way_centroid_accuracy(np.eye(2), [0, 1], np.eye(2), [0, 1], ways=3)
    with pytest.raises(MetricError, match="two classes"):
        leave_one_out_centroid_accuracy(np.eye(2), [0, 0], [0, 1])
    with pytest.raises(MetricError, match="two images"):
        leave_one_out_centroid_accuracy(np.eye(2), [0, 1], [0, 1])
