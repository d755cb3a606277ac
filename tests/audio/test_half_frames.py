"""Rounding to float16 against NumPy's own, which is slower."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speech2img.audio.store import half_frames

_LARGEST = 65504.0


def test_every_float16_and_what_lies_between() -> None:
    there = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = (there[:-1] + there[1:]) / 2
    below, above = np.nextafter(between, np.float32(0)), np.nextafter(between, np.float32(_LARGEST))
    np.testing.assert_array_equal(half_frames(there[None])[:, 0].astype(np.float32), there)
    np.testing.assert_array_equal(half_frames(-there[None])[:, 0].astype(np.float32), -there)
    np.testing.assert_array_equal(half_frames(above[None])[:, 0].astype(np.float32), there[1:])
    usual = there[:-1] >= 2.0**-14  # below, the sum of both halves of a float32's rounding may pass the middle
    np.testing.assert_array_equal(half_frames(below[None])[usual, 0].astype(np.float32), there[:-1][usual])
    np.testing.assert_array_equal(half_frames(-between[None])[usual, 0].astype(np.float32), -there[1:][usual])


def test_frames_come_first() -> None:
    mel = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)
    half = half_frames(mel)
    assert half.dtype == np.float16
    assert half.flags.c_contiguous
    np.testing.assert_array_equal(half, mel.T)


@given(st.lists(st.floats(-_LARGEST, _LARGEST, width=32), min_size=1))
def test_any_number_as_near_as_by_numpy(numbers: list[float]) -> None:
    mel = np.array([numbers], np.float32)
    error, least = (np.abs(half.astype(np.float64) - mel) for half in (half_frames(mel).T, mel.astype(np.float16)))
    assert (error <= least + 2.0**-37).all()
