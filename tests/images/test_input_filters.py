"""The two ways to 299 px against what they are defined as."""

import numpy as np
import pytest
from PIL import Image

from speech2img.errors import ConfigError
from speech2img.images.input_filters import INPUT_FILTERS, clean, input_filter, legacy


def _random(width: int, height: int, low: int = 0, high: int = 256) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(low, high, (height, width, 3), dtype=np.uint8))


def _bilinear(values: np.ndarray, size: int) -> np.ndarray:
    """Bilinear along the first axis with half-pixel centres and no antialiasing, written from its definition."""
    at = ((np.arange(size) + 0.5) * len(values) / size - 0.5).clip(0, len(values) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    part = (at - low).reshape(-1, 1, 1)
    return values[low] * (1 - part) + values[high] * part


@pytest.mark.parametrize("size", [(64, 64), (500, 375), (1, 1), (1200, 40)])
def test_legacy_is_bilinear_without_antialiasing(size: tuple[int, int]) -> None:
    picture = _random(*size)
    expected = _bilinear(np.asarray(picture, dtype=np.float64) / 255, 299)
    expected = _bilinear(expected.transpose(1, 0, 2), 299).transpose(1, 0, 2)
    found = legacy(picture)
    assert found.shape == (299, 299, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, 2 * expected - 1, atol=1e-3)


def test_clean_removes_what_299_px_cannot_show_and_legacy_folds_it_back() -> None:
    stripes = np.zeros((600, 600, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    picture = Image.fromarray(stripes)
    assert np.abs(clean(picture)[5:-5, 5:-5]).max() < 0.05
    assert np.abs(legacy(picture)).max() > 0.5


def test_clean_is_pils_bicubic_in_float_between_0_and_255() -> None:
    overshooting = clean(_random(80, 50))
    assert overshooting.min() == -1 and overshooting.max() == (255 - 128) / 128
    picture = _random(80, 50, 100, 156)  # far from 0 and 255, where PIL's 8-bit passes cut
    found = clean(picture)
    assert found.shape == (299, 299, 3) and found.dtype == np.float32
    eight_bits = np.asarray(picture.resize((299, 299), Image.Resampling.BICUBIC), dtype=np.float32)
    assert np.abs(found * 128 + 128 - eight_bits).max() < 1.5
    assert len(np.unique(found)) > 10_000


def test_a_picture_of_299_px_only_changes_its_range() -> None:
    picture = _random(299, 299)
    pixels = np.asarray(picture, dtype=np.float32)
    np.testing.assert_allclose(legacy(picture), pixels / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(clean(picture), (pixels - 128) / 128, atol=1e-6)


def test_filters_have_names() -> None:
    assert set(INPUT_FILTERS) == {"legacy", "clean", "centre", "centre-unit"} and input_filter("clean").apply is clean
    with pytest.raises(ConfigError, match="legacy or clean"):
        input_filter("lanczos")
