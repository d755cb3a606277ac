"""Values of foreign files: what is small and plain passes, what grows without end when it is looked at does not."""

import time
from typing import Any

import numpy as np
import pytest

from speech2img.storage.foreign.pickle_names import Name, RefusedError
from speech2img.storage.foreign.plain_values import MAX_DEPTH, demand_small


def laugh(times: int, levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value] * times
    return value


def test_plain_values_pass() -> None:
    shared = [1, 2, 3]
    for value in (
        3,
        "text",
        [shared, shared],
        {"a": (1, [2]), 3: {}},
        np.zeros(4),
        {1, 2},
        [np.ones(3)] * 9,
        laugh(2, 5),
    ):
        demand_small(value, 10_000)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (laugh(10, 30), "far more memory"),
        (tuple(laugh(2, 60)), "far more memory"),
        ({"a": laugh(10, 10)}, "far more memory"),
        ([np.zeros(1000)] * 2, "far more memory"),
        ([b"x" * 2000] * 9, "far more memory"),
        (laugh(1, MAX_DEPTH + 1), "nested deeper than"),
        ([1, [Name.NDARRAY]], "a name where data belong"),
        (Name.NDARRAY, "a name where data belong"),
    ],
)
def test_what_grows_or_is_no_data_is_refused_at_once(value: Any, reason: str) -> None:
    start = time.process_time()
    with pytest.raises(RefusedError, match=reason):
        demand_small(value, 10_000 if "deeper" not in reason else 1 << 20)
    assert time.process_time() - start < 5


def test_what_holds_itself_is_refused() -> None:
    ours: list[Any] = [1]
    ours.append({"a": (ours,)})
    with pytest.raises(RefusedError, match="holds itself"):
        demand_small(ours, 10_000)
