"""Retrieval metrics: hand-counted values, an independent average precision, chance levels, ties, properties."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from speech2img.errors import MetricError
from speech2img.metrics.functional.retrieval import (
    chance_average_precision,
    chance_recall,
    queries_of_each_class,
    retrieval_scores,
    similarity,
)


def test_hand_counted() -> None:
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    scores = retrieval_scores(np.array([[1.0, 0.1], [0.8, 0.1]]), gallery, ["a", "b"], ["a", "b", "b"], ks=(1, 2))
    assert scores.recall == {1: 0.5, 2: 1.0}
    assert scores.median_rank == 1.5
    assert scores.mean_average_precision == pytest.approx((1.0 + (1 / 2 + 2 / 3) / 2) / 2)
    backward = retrieval_scores(gallery, np.array([[1.0, 0.1], [0.8, 0.1]]), ["a", "b", "b"], ["a", "b"], ks=(1,))
    assert backward.recall == {1: 1.0}


def test_ties_stand_behind_or_before() -> None:
    same = np.ones((4, 3)) * [[1.0], [2.0], [3.0], [0.7]]  # equal up to rounding
    worst = retrieval_scores(same[:1], same, [2], [0, 2, 1, 2], ks=(1, 2, 3))
    assert worst.recall == {1: 0.0, 2: 0.0, 3: 1.0} and worst.num_tied == 1
    assert worst.mean_average_precision == pytest.approx((1 / 3 + 2 / 4) / 2)
    best = retrieval_scores(same[:1], same, [2], [0, 2, 1, 2], ks=(1,), ties="best")
    assert best.recall == {1: 1.0} and best.mean_average_precision == 1.0
    clear = retrieval_scores(np.eye(3), np.eye(3), range(3), range(3))
    assert clear.num_tied == 0


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_average_precision_like_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, gallery = rng.normal(size=(4, 6)), rng.normal(size=(25, 6))
    ids = np.concatenate([np.arange(4), rng.integers(0, 4, 21)])
    expected = np.mean(
        [average_precision_score(ids == query, row) for query, row in enumerate(similarity(queries, gallery))]
    )
    scores = retrieval_scores(queries, gallery, range(4), ids.tolist())
    assert scores.mean_average_precision == pytest.approx(expected)
    turn = rng.permutation(25)
    turned = retrieval_scores(7.0 * queries, gallery[turn], range(4), ids[turn].tolist())
    assert turned.mean_average_precision == pytest.approx(expected)
    assert turned.recall == scores.recall and turned.median_rank == scores.median_rank


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    queries, gallery = rng.normal(size=(30, 6)), rng.normal(size=(60, 6))
    whole = retrieval_scores(queries, gallery, range(30), [*range(30)] * 2)
    monkeypatch.setattr("speech2img.metrics.functional.retrieval._BLOCK", 200)
    assert retrieval_scores(queries, gallery, range(30), [*range(30)] * 2) == whole


@pytest.mark.parametrize(("size", "relevant"), [(1, 1), (5, 2), (6, 3), (6, 6)])
def test_chance_is_the_mean_over_all_orders(size: int, relevant: int) -> None:
    recalls, precisions = [], []
    for hits in itertools.combinations(range(1, size + 1), relevant):
        recalls.append(hits[0] <= 2)
        precisions.append(np.mean([(place + 1) / rank for place, rank in enumerate(hits)]))
    assert chance_recall(size, relevant, 2) == pytest.approx(np.mean(recalls))
    assert chance_average_precision(size, relevant) == pytest.approx(np.mean(precisions))


def test_chance_of_the_published_galleries() -> None:
    assert chance_recall(4970, 5, 50) == pytest.approx(0.049, abs=0.001)
    assert chance_average_precision(1000, 20) == pytest.approx(0.026, abs=0.001)
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(100), 5)
    scores = retrieval_scores(
        rng.normal(size=(2000, 8)), rng.normal(size=(500, 8)), (np.arange(2000) % 100).tolist(), ids.tolist(), ks=(50,)
    )
    assert scores.recall[50] == pytest.approx(scores.chance_recall[50], abs=0.04)
    assert scores.mean_average_precision == pytest.approx(scores.chance_average_precision, abs=0.005)


def test_queries_of_each_class() -> None:
    items = [f"{row:02d}" for row in range(30)]
    classes = [row % 3 for row in range(30)]
    chosen = queries_of_each_class(items, classes, per_class=2)
    assert sorted(int(item) % 3 for item in chosen) == [0, 0, 1, 1, 2, 2]
    assert queries_of_each_class(items[::-1], classes[::-1], per_class=2) == chosen
    assert queries_of_each_class(items, classes, per_class=2, seed=1) != chosen
    with pytest.raises(MetricError, match="class 0: 10 pictures, 11"):
        queries_of_each_class(items, classes, per_class=11)


def test_numbers_for_a_report() -> None:
    rng = np.random.default_rng(2)
    gallery = rng.normal(size=(40, 6))
    scores = retrieval_scores(gallery + rng.normal(0, 1, (40, 6)), gallery, range(40), range(40), ks=(1, 5))
    rows = {score.name: score for score in scores.scores("real_to_generated", groups=[*range(20)] * 2)}
    assert list(rows) == [
        "recall_at_1_real_to_generated",
        "recall_at_5_real_to_generated",
        "mean_average_precision_real_to_generated",
        "median_rank_real_to_generated",
    ]
    first = rows["recall_at_1_real_to_generated"]
    assert first.value == scores.recall[1] and first.num_samples == 40 and first.settings["gallery_size"] == 40
    assert first.interval is not None and first.interval[0] < first.value < first.interval[1]
    assert first.settings["chance"] == pytest.approx(1 / 40)
    assert rows["median_rank_real_to_generated"].higher_is_better is False


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="same space"):
        retrieval_scores(np.eye(2), np.eye(3), [0, 1], [0, 1, 1])
    with pytest.raises(MetricError, match="query 5"):
        retrieval_scores(np.eye(2), np.eye(2), [0, 5], [0, 1])
    with pytest.raises(MetricError, match="one label a row"):
        retrieval_scores(np.eye(2), np.eye(2), [0], [0, 1])
    with pytest.raises(MetricError, match="K of at least 1"):
        retrieval_scores(np.eye(2), np.eye(2), [0, 1], [0, 1], ks=(0,))
    with pytest.raises(MetricError, match="gallery: row 1 is not finite"):
        retrieval_scores(np.eye(2), np.diag([1.0, np.nan]), [0, 1], [0, 1])
