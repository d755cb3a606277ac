"""Diversity: closed forms, and a collapsed generator that shows."""

import tracemalloc

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.diversity import diversity, flat_pixels, mean_pairwise_distance


def test_closed_forms() -> None:
    assert mean_pairwise_distance(np.zeros((5, 3))) == 0.0
    assert mean_pairwise_distance(np.array([[0.0], [1.0], [3.0]])) == pytest.approx(2.0)
    black_and_white = np.stack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)])
    assert mean_pairwise_distance(flat_pixels(black_and_white)) == pytest.approx(1.0)


def test_gaussian_pictures() -> None:
    rows = np.random.default_rng(0).normal(0, 2.0, (40, 5000))
    assert mean_pairwise_distance(rows) == pytest.approx(2.0 * np.sqrt(2), rel=0.01)


def test_sets_and_interval() -> None:
    rng = np.random.default_rng(1)
    sets = [rng.normal(0, scale, (6, 50)) for scale in (1.0, 2.0, 3.0, 1.5)]
    result = diversity(sets)
    assert result.value == pytest.approx(np.mean([mean_pairwise_distance(rows) for rows in sets]))
    assert result.interval[0] < result.value < result.interval[1]
    assert (result.num_sets, result.num_images) == (4, 24)
    assert result == diversity(sets)
    assert diversity([np.ones((4, 9))] * 3).value == 0.0


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="at least 2 pictures"):
        diversity([np.zeros((1, 3))])
    with pytest.raises(MetricError, match="no sets"):
        diversity([])


def test_many_large_pictures_need_no_room_for_all_pairs() -> None:
    """200 rows of 20,000 numbers: 32 MB, and 3.2 GB for the differences of all pairs."""
    rows = np.random.default_rng(0).random((200, 20_000))
    tracemalloc.start()
    try:
        distance = mean_pairwise_distance(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 << 20
    assert distance == pytest.approx(np.sqrt(1 / 6), rel=1e-2)
