"""Grids take pictures in every form that this package has, and nothing that would be misread."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.errors import ImageError
from speech2img.images.grid import image_grid, to_uint8


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.zeros(3, 4, 4, dtype=torch.int64), "values of type torch.int64"),
        (torch.ones(3, 4, 4, dtype=torch.bool), "values of type torch.bool"),
        (torch.full((3, 4, 4), torch.nan), "not finite"),
        (torch.zeros(4, 4), "a tensor of shape"),
        (torch.zeros(3, 0, 4), "of shape"),
        (np.zeros((0, 5, 3), np.uint8), "of shape"),
        (np.zeros((5, 5, 3), np.float32), "float32"),
        (Image.new("RGB", (0, 5)), "of shape"),
        (Image.new("F", (4, 4)), "no known range"),
        ([[1]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_picture_is_refused(bad: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        image_grid([bad], 1)


def test_sixteen_bits_are_scaled_not_cut() -> None:
    deep = Image.fromarray(np.full((2, 2), 32_896, np.uint16))
    assert to_uint8(deep)[0, 0].tolist() == [128, 128, 128]
