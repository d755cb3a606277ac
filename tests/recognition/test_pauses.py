"""Division of long recordings: at the quiet places, whole, and no part too long."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.recognition.pauses import split_at_pauses

RATE = 1000


@given(st.integers(1, 30_000), st.floats(0.5, 9.0), st.integers(0, 5))
def test_parts_are_the_whole_and_short_enough(samples: int, seconds: float, seed: int) -> None:
    wave = np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
    parts = split_at_pauses(wave, RATE, max_seconds=seconds)
    assert parts[0][0] == 0 and parts[-1][1] == samples
    assert all(end == start for (_, end), (start, _) in zip(parts, parts[1:], strict=False))
    assert all(0 < end - start <= int(seconds * RATE) for start, end in parts)
    assert len(parts) == 1 or samples > int(seconds * RATE)


@pytest.mark.parametrize("pause", [5.2, 6.0, 7.9])
def test_it_divides_in_the_pause(pause: float) -> None:
    wave = np.random.default_rng(0).standard_normal(14 * RATE).astype(np.float32)
    wave[int(pause * RATE) : int((pause + 0.4) * RATE)] *= 0.001
    parts = split_at_pauses(wave, RATE, max_seconds=9.0)
    assert len(parts) == 2
    assert pause + 0.05 <= parts[0][1] / RATE <= pause + 0.35


def test_no_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="max_seconds"):
        split_at_pauses(np.zeros(5), RATE, max_seconds=0.0)
