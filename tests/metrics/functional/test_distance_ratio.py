"""Ratios of distances: each network's, the worst, intervals, bad input."""

import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.distance_ratio import NetworkDistance, ratio_scores


def test_each_ratio_and_the_worst() -> None:
    distances = {
        "a": NetworkDistance(12.0, 4.0, 100, (10.0, 14.0)),
        "b": NetworkDistance(0.9, 0.1, 100),
        "c": NetworkDistance(5.0, 5.0, 100),
    }
    *each, worst = ratio_scores(distances, what="FID", seed=3)
    assert [score.value for score in each] == pytest.approx([3.0, 9.0, 1.0])
    assert each[0].interval == pytest.approx((2.5, 3.5)) and each[1].interval is None
    assert worst.name == "worst_distance_ratio" and worst.value == pytest.approx(9.0) and "that of b" in worst.protocol
    assert all(score.higher_is_better is False and score.seed == 3 for score in (*each, worst))
    assert each[0].settings == {"distance": 12.0, "floor": 4.0}


@pytest.mark.parametrize("floor", [0.0, -1e-3, float("nan")])
def test_a_floor_that_is_none_is_told(floor: float) -> None:
    with pytest.raises(MetricError, match="distance ratio by a: real pictures have a distance of"):
        ratio_scores({"a": NetworkDistance(1.0, floor, 9)}, what="KID")
    with pytest.raises(MetricError, match="no network"):
        ratio_scores({}, what="KID")
