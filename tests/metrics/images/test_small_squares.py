"""Pictures at one small size: means over areas, any shape, in the order of the names."""

from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.metrics.images.small_squares import small_squares
from speech2img.metrics.images.sources import ArrayImages, folder_images


def test_areas_are_averaged_and_shapes_squashed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    small = small_squares(ArrayImages(large), 4)
    means = large.reshape(2, 4, 4, 4, 4, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(small, means, atol=1)
    Image.fromarray(large[0, :8]).save(tmp_path / "b.png")
    Image.fromarray(large[1]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(small_squares(ArrayImages(large), 4, rows=[1]), small[1:])
    both = small_squares(folder_images(tmp_path))
    assert both.shape == (2, 64, 64, 3) and both.dtype == np.uint8
    np.testing.assert_array_equal(both[0, ::16, ::16], large[1, ::4, ::4])
