"""Reading pictures: every pixel type comes out right, every bad file is one clear error."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.errors import ImageError
from speech2img.images.io import crop_to_box, probe_image, read_image

RAMP = np.linspace(0, 255, 20 * 30 * 3).reshape(20, 30, 3).astype(np.uint8)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_header_of(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_are_exact_whatever_the_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(Image.fromarray(RAMP), kind, **({"lossless": True} if kind == "WEBP" else {})))
    image = read_image(path)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), RAMP)
    np.testing.assert_array_equal(np.asarray(read_image(path.read_bytes())), RAMP)


def test_jpeg() -> None:
    image = read_image(encode(Image.fromarray(RAMP), "JPEG", quality=95, subsampling=0))
    assert np.abs(np.asarray(image).astype(int) - RAMP).mean() < 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_probe_finds_a_cut_file(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 200, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), kind)
    assert probe_image(data) == (200, 120)
    for cut in (len(data) // 2, 30, 0):
        with pytest.raises(ImageError):
            probe_image(data[:cut])


def test_probe_of_a_picture_smaller_than_its_eighth() -> None:
    assert probe_image(encode(Image.new("L", (1, 5)), "JPEG")) == (1, 5)


def test_every_pixel_type_comes_out_right() -> None:
    grey = RAMP[:, :, 0]
    grey_rgb = np.repeat(grey[:, :, None], 3, axis=2)
    for mode in ("L", "LA"):
        image = Image.fromarray(grey).convert(mode)
        np.testing.assert_array_equal(np.asarray(read_image(encode(image))), grey_rgb)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(np.asarray(read_image(encode(deep))), grey_rgb)
    palette = Image.fromarray(RAMP // 128 * 255).quantize(8)
    np.testing.assert_array_equal(np.asarray(read_image(encode(palette))), np.asarray(palette.convert("RGB")))
    bilevel = Image.fromarray(grey).convert("1")
    assert set(np.asarray(read_image(encode(bilevel))).ravel().tolist()) == {0, 255}
    cmyk = Image.fromarray(RAMP // 4 + 90).convert("CMYK")
    difference = np.asarray(read_image(encode(cmyk, "JPEG", quality=98))).astype(int) - (RAMP // 4 + 90)
    assert np.abs(difference).mean() < 3


def test_transparency_is_laid_on_white() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[:2, :, 3] = 255
    pixels = np.asarray(read_image(encode(Image.fromarray(rgba))))
    assert pixels[0, 0].tolist() == [200, 0, 0]
    assert pixels[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"not a picture at all", "not a picture"),
        (encode(Image.fromarray(RAMP), "GIF"), "not a picture"),
        (encode(Image.fromarray(RAMP), "TIFF"), "not a picture"),
        (encode(Image.effect_noise((200, 200), 60), "JPEG")[:4000], "damaged"),
        (encode(Image.fromarray(RAMP))[:-40], "damaged"),
        (png_header_of(6000, 5000), "6000 x 5000 pixels"),
        (png_header_of(60_000, 60_000), "far too many pixels"),
    ],
)
def test_bad_files(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert "bad.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(ImageError, match=path.name):
            read_image(path)


@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "BMP", "WEBP"]))
@settings(max_examples=120, deadline=None)
def test_damaged_files_give_a_picture_or_one_error(data: st.DataObject, kind: str) -> None:
    content = bytearray(encode(Image.fromarray(RAMP), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    try:
        assert read_image(bytes(content)).mode == "RGB"
    except ImageError as error:
        assert str(error)


def test_crop_follows_the_published_rule() -> None:
    image = Image.fromarray(np.arange(100 * 200, dtype=np.uint32).reshape(100, 200).astype(np.uint8))
    assert crop_to_box(image, (50.0, 30.0, 40.0, 20.0)).size == (60, 60)
    left, upper = 70 - 30, 40 - 30
    np.testing.assert_array_equal(
        np.asarray(crop_to_box(image, (50.0, 30.0, 40.0, 20.0))),
        np.asarray(image)[upper : upper + 60, left : left + 60],
    )
    assert crop_to_box(image, (0.0, 0.0, 200.0, 100.0)).size == (200, 100)


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.0, 5.0), (0.0, 0.0, float("nan"), 5.0), (900.0, 0.0, 5.0, 5.0), (-50.0, -50.0, 5.0, 5.0)]
)
def test_impossible_boxes(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ImageError, match="bounding box"):
        crop_to_box(Image.new("RGB", (100, 100)), box)


@given(
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    box=st.tuples(*[st.floats(-100, 200)] * 2, *[st.floats(0.1, 200)] * 2),
)
@settings(max_examples=100, deadline=None)
def test_a_crop_lies_inside_the_picture(size: tuple[int, int], box: tuple[float, float, float, float]) -> None:
    try:
        cropped = crop_to_box(Image.new("RGB", size), box)
    except ImageError:
        return
    assert 1 <= cropped.width <= size[0]
    assert 1 <= cropped.height <= size[1]
