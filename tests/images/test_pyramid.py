"""The pyramid equals PIL; crops and flips cut what they say; grids place what they are given."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.errors import ImageError
from speech2img.images.grid import image_grid, save_grid, to_uint8
from speech2img.images.pyramid import pyramid, random_crop_flip


def batch(count: int, side: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def grey_levels(level: torch.Tensor) -> np.ndarray:
    """float32 (B, 3, S, S) in -1..1 as whole grey levels (B, S, S, 3)."""
    return np.rint((level.permute(0, 2, 3, 1).numpy() + 1) * 127.5).astype(np.int64)


def by_pil(images: torch.Tensor, size: int) -> np.ndarray:
    scaled = [
        Image.fromarray(image.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BILINEAR)
        for image in images
    ]
    return np.stack([np.asarray(one, dtype=np.int64) for one in scaled])


SIDE_AND_SIZES = st.integers(4, 70).flatmap(
    lambda side: st.tuples(st.just(side), st.lists(st.integers(1, side), min_size=1, max_size=3))
)


@given(shape=SIDE_AND_SIZES, count=st.integers(1, 3), seed=st.integers(0, 9), last=st.booleans())
@example(shape=(60, [48]), count=1, seed=3, last=False)  # two levels: both passes round a half the other way
@settings(max_examples=40)
def test_pyramid_is_within_two_grey_levels_of_pil(
    shape: tuple[int, list[int]], count: int, seed: int, last: bool
) -> None:
    side, sizes = shape
    images = batch(count, side, seed)
    if last:
        images = images.contiguous(memory_format=torch.channels_last)
    for size, level in zip(sizes, pyramid(images, sizes), strict=True):
        assert level.dtype == torch.float32
        assert level.shape == (count, 3, size, size)
        assert level.is_contiguous()
        difference = np.abs(grey_levels(level) - by_pil(images, size))
        assert difference.max() <= (2 if size != side else 0)


@given(size=st.integers(1, 40), seed=st.integers(0, 9), coarse=st.booleans())
@settings(max_examples=30)
def test_half_and_quarter_size_equal_pil(size: int, seed: int, coarse: bool) -> None:
    images = batch(1, 4 * size, seed)
    if coarse:
        images = (images > 127).to(torch.uint8) * 255
    half, quarter = pyramid(images, (2 * size, size))
    np.testing.assert_array_equal(grey_levels(half), by_pil(images, 2 * size))
    inner = np.s_[:, 1:-1, 1:-1]
    np.testing.assert_array_equal(grey_levels(quarter)[inner], by_pil(images, size)[inner])


@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_a_large_batch_is_its_pictures_one_by_one(memory: torch.memory_format) -> None:
    images = batch(9, 200).contiguous(memory_format=memory)
    sizes = (100, 200, 64, 100)
    levels = pyramid(images, sizes)
    assert [level.shape for level in levels] == [(9, 3, size, size) for size in sizes]
    for number, image in enumerate(images):
        for level, alone in zip(levels, pyramid(image[None], sizes), strict=True):
            assert torch.equal(level[number], alone[0])
    assert [level.shape for level in pyramid(images[:0], sizes)] == [(0, 3, size, size) for size in sizes]


def test_values_span_minus_one_to_one() -> None:
    images = torch.stack((torch.zeros(3, 8, 8), torch.full((3, 8, 8), 255))).to(torch.uint8)
    black, white = pyramid(images, (4,))[0]
    assert (black == -1).all()
    torch.testing.assert_close(white, torch.ones_like(white))


def test_the_float_path_of_other_devices_agrees() -> None:
    from speech2img.images import pyramid as module

    images = batch(2, 64)
    smooth = torch.nn.functional.interpolate(
        images.float(), size=(16, 16), mode="bilinear", antialias=True, align_corners=False
    ).round()
    assert (module._reduce(images, 16).float() - smooth).abs().max() <= 1


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu() -> None:
    images = batch(4, 256)
    for cpu, cuda in zip(pyramid(images, (64, 128, 256)), pyramid(images.cuda(), (64, 128, 256)), strict=True):
        assert (cpu - cuda.cpu()).abs().max() <= 1.01 / 127.5


def test_crops_and_flips() -> None:
    ramp = torch.arange(20, dtype=torch.uint8)
    images = (ramp[:, None] * 12 + ramp[None, :] % 12).expand(64, 3, 20, 20).contiguous()
    cropped = random_crop_flip(images, 12, np.random.default_rng(3))
    assert cropped.shape == (64, 3, 12, 12)
    assert cropped.is_contiguous(memory_format=torch.channels_last)
    squares = {images[0, :, y : y + 12, x : x + 12].numpy().tobytes() for y in range(9) for x in range(9)}
    mirrored = {images[0, :, y : y + 12, x : x + 12].flip(-1).numpy().tobytes() for y in range(9) for x in range(9)}
    kinds = [square.contiguous().numpy().tobytes() in squares for square in cropped]
    assert all(square.contiguous().numpy().tobytes() in squares | mirrored for square in cropped)
    assert 16 < sum(kinds) < 48
    again = random_crop_flip(images, 12, np.random.default_rng(3))
    assert torch.equal(cropped, again)
    upright = random_crop_flip(images, 12, np.random.default_rng(3), flip=False)
    assert all(square.contiguous().numpy().tobytes() in squares for square in upright)
    middle = random_crop_flip(images, 12, None)
    assert torch.equal(middle, images[:, :, 4:16, 4:16])


@pytest.mark.parametrize("seed", [None, 5])
def test_crops_of_some_rows_are_crops_of_those_pictures(seed: int | None) -> None:
    images = batch(6, 20)
    rows = np.array([4, 0, 4, 5])
    chosen, expected = (None if seed is None else np.random.default_rng(seed) for _ in range(2))
    cropped = random_crop_flip(images, 12, chosen, rows=rows)
    assert cropped.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(cropped, random_crop_flip(images[rows], 12, expected))
    if chosen is not None and expected is not None:
        assert chosen.bit_generator.state == expected.bit_generator.state
    with pytest.raises(IndexError):
        random_crop_flip(images, 12, chosen, rows=np.array([6]))


def test_wrong_batches() -> None:
    images = batch(2, 16)
    for wrong in (images.float(), images[0], images[:, :1], images[:, :, :8]):
        with pytest.raises(ImageError, match="pictures"):
            pyramid(wrong, (4,))
    for size in (0, 17):
        with pytest.raises(ImageError, match=f"size {size}"):
            pyramid(images, (size,))
        with pytest.raises(ImageError, match=f"size {size}"):
            random_crop_flip(images, size, None)


def test_grid_places_pictures(tmp_path: Path) -> None:
    small = torch.full((3, 2, 2), -1.0)
    large = np.full((4, 4, 3), 200, np.uint8)
    sheet = np.asarray(image_grid([small, large, Image.new("RGB", (4, 4), (9, 9, 9))], 2, gap=1))
    assert sheet.shape == (9, 9, 3)
    assert (sheet[:4, :4] == 0).all()
    assert (sheet[:4, 5:] == 200).all()
    assert (sheet[5:, :4] == 9).all()
    assert (sheet[4] == 255).all()
    save_grid(tmp_path / "grid.png", [large, large], 8)
    assert Image.open(tmp_path / "grid.png").size == (10, 4)
    assert image_grid(torch.zeros(5, 3, 4, 4), 3, gap=0).size == (12, 8)


def test_wrong_pictures() -> None:
    for wrong in (torch.zeros(4, 4), torch.full((3, 2, 2), float("nan")), np.zeros((2, 2, 3))):
        with pytest.raises(ImageError):
            to_uint8(wrong)
    with pytest.raises(ImageError, match="0 pictures"):
        image_grid([], 3)
