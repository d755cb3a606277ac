"""Intervals: as wide as they should be, the same in every order, and in every number of a report."""

import numpy as np
import pytest

from speech2img.metrics.functional.bootstrap import median_interval
from speech2img.metrics.functional.class_centroids import (
    k_way_centroid_accuracy,
    k_way_interval,
    leave_one_out_centroid_accuracy,
    leave_one_out_hits,
)
from speech2img.metrics.functional.spoken_attributes import score_mentions


def test_median_of_a_sample_lies_within_and_narrows() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for size in (50, 5000):
        values = rng.exponential(size=size)
        low, high = median_interval(values, seed=1) or (0.0, 0.0)
        assert low <= np.median(values) <= high
        widths.append(high - low)
    assert widths[1] < 0.2 * widths[0] and widths[1] == pytest.approx(2 * 1.96 / np.sqrt(5000), rel=0.3)


def test_median_interval_knows_no_order_and_resamples_groups() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 9, 60).astype(float)
    groups = [f"g{number // 3}" for number in range(60)]
    order = rng.permutation(60)
    shuffled = [groups[row] for row in order]
    assert median_interval(values, groups=groups) == median_interval(values[order], groups=shuffled)
    alike = np.repeat(np.arange(8.0), 100)
    one, many = (median_interval(alike, groups=labels) or (0.0, 0.0) for labels in (np.repeat(range(8), 100), None))
    assert one[1] - one[0] > many[1] - many[0]
    assert median_interval(np.array([3.0])) is None and median_interval(alike, num_bootstrap=0) is None


def test_centroid_intervals_hold_their_values() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 8))
    classes = np.arange(120) % 6
    images, speech = (centres[classes] + 1.2 * rng.normal(size=(120, 8)) for _ in range(2))
    low, high = k_way_interval(images, classes.tolist(), speech, classes.tolist(), ways=3, num_subsets=20)
    value, _ = k_way_centroid_accuracy(images, classes.tolist(), speech, classes.tolist(), ways=3, num_subsets=20)
    assert low < value < high < low + 0.3
    items = [number % 60 for number in range(120)]
    right, about = leave_one_out_hits(speech, classes.tolist(), items)
    assert right.mean() == leave_one_out_centroid_accuracy(speech, classes.tolist(), items)
    assert len(right) == len(about) == 120 and sorted(about) == sorted(items)


def test_chance_and_real_pictures_have_intervals_too() -> None:
    rng = np.random.default_rng(0)
    said = [{"crown": str(rng.integers(3))} for _ in range(80)]
    seen = [mention if rng.random() < 0.6 else {"crown": "0"} for mention in said]
    score = score_mentions(seen, said, real_readings=said)
    assert score.chance_interval is not None and score.real_interval == (1.0, 1.0)
    assert score.chance_interval[0] < score.chance < score.chance_interval[1]
    assert score_mentions(seen, said).real_interval is None
