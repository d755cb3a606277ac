"""Rounding to float16 against NumPy's own, which is slower."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speech2img.audio.half import half_frames

_LARGEST = 65504.0


def test_every_float16_and_what_lies_between() -> None:
    there = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = (there[:-1] + there[1:]) / 2
    values = np.concatenate([there, between, *(np.nextafter(between, np.float32(end)) for end in (0, _LARGEST))])
    values = np.concatenate([values, -values])
    rounded, expected = half_frames(values[None])[:, 0], values.astype(np.float16)
    usual = (np.abs(values) >= 2.0**-14) | np.isin(np.abs(values), there)
    np.testing.assert_array_equal(rounded[usual].view(np.uint16), expected[usual].view(np.uint16))
    assert np.abs(rounded.astype(np.float32) - values).max(where=~usual, initial=0) <= 2.0**-25 + 2.0**-37


def test_frames_come_first() -> None:
    mel = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)
    half = half_frames(mel)
    assert half.dtype == np.float16
    assert half.flags.c_contiguous
    np.testing.assert_array_equal(half, mel.T)


@given(st.lists(st.floats(-_LARGEST, _LARGEST, width=32), min_size=1))
def test_any_number_like_numpy(numbers: list[float]) -> None:
    mel = np.array([numbers], np.float32)
    np.testing.assert_allclose(half_frames(mel).T, mel.astype(np.float16), rtol=0, atol=2.0**-24)
