"""Resizing: plain colours stay, reduction is PIL's, any shape goes in."""

import numpy as np
import pytest
from PIL import Image

from speech2img.images.resize import resize, to_network


@pytest.mark.parametrize("size", [20, 48, 77])
def test_plain_colours_stay(size: int) -> None:
    plain = np.full((2, 48, 30, 3), (200, 10, 99), np.uint8)
    np.testing.assert_array_equal(resize(plain, size), np.full((2, size, size, 3), (200, 10, 99), np.uint8))


def test_reduction_is_that_of_pillow() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 90, 60, 3), dtype=np.uint8)
    expected = np.stack(
        [np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)) for image in images]
    )
    assert np.abs(resize(images, 32).astype(int) - expected.astype(int)).max() <= 1


def test_for_the_network() -> None:
    images = np.array([0, 255], np.uint8)[:, None, None, None] * np.ones((2, 8, 8, 3), np.uint8)
    batch = to_network(images, 8)
    assert batch.shape == (2, 3, 8, 8)
    assert batch[0].eq(-1.0).all() and batch[1].eq(1.0).all()
    assert images.max() == 255  # the pictures themselves stay as they were
