"""Reading pictures: every pixel type comes out right, every bad file is one clear error."""

import io
import os
import resource
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.errors import ImageError
from speech2img.images.io import crop_to_box, holds_several, probe_image, read_cropped, read_image

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
        (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC photograph.*convert it to JPEG"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "an AVIF picture.*convert it to JPEG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "a JPEG 2000 picture"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "not a picture but audio/wav"),
        (encode(Image.fromarray(RAMP), "TIFF")[:-40], "damaged"),
        (encode(Image.fromarray(RAMP).convert("F"), "TIFF"), "pixels of mode F have no known range"),
        (encode(Image.new("1", (30_000, 30_000)), "TIFF", compression="group4"), "far too many pixels"),
        (encode(Image.new("1", (6000, 5000)), "TIFF", compression="group4"), "6000 x 5000 pixels"),
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


def tagged(orientation: int, kind: str = "JPEG") -> bytes:
    """The ramp as a camera that was held so would store it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(Image.fromarray(RAMP), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))


UPRIGHT = {
    1: RAMP,
    2: RAMP[:, ::-1],
    3: RAMP[::-1, ::-1],
    4: RAMP[::-1],
    5: RAMP.swapaxes(0, 1),
    6: RAMP.swapaxes(0, 1)[:, ::-1],
    7: RAMP.swapaxes(0, 1)[::-1, ::-1],
    8: RAMP.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_by_the_tag_of_their_camera(orientation: int, kind: str) -> None:
    data, expected = tagged(orientation, kind), UPRIGHT[orientation]
    pixels = np.asarray(read_image(data)).astype(int)
    assert pixels.shape == expected.shape and probe_image(data) == expected.shape[1::-1]
    assert np.abs(pixels - expected).max() <= (40 if kind == "JPEG" else 0)
    if kind in ("PNG", "WEBP"):
        np.testing.assert_array_equal(np.asarray(read_image(data, upright=False)), RAMP)


def test_tags_that_say_nonsense_turn_nothing() -> None:
    for orientation in (0, 9, 60_000):
        np.testing.assert_array_equal(np.asarray(read_image(tagged(orientation, "PNG"))), RAMP)
    broken = tagged(6).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0\0").replace(b"Exif\0\0II*\0", b"Exif\0\0II\0\0")
    assert read_image(broken).size == (30, 20)


def test_an_eighth_of_a_large_photograph_says_its_turned_sides() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.new("RGB", (640, 400)), "JPEG", exif=exif)
    assert probe_image(data) == (400, 640) and probe_image(data, upright=False) == (640, 400)


def test_a_box_refers_to_stored_pixels_and_what_it_cuts_out_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "bird.png"
    path.write_bytes(tagged(6, "PNG"))
    stored = crop_to_box(Image.fromarray(RAMP), (10.0, 4.0, 8.0, 6.0))
    np.testing.assert_array_equal(
        np.asarray(read_cropped(path, (10.0, 4.0, 8.0, 6.0))), np.asarray(stored).swapaxes(0, 1)[:, ::-1]
    )
    as_stored = read_cropped(path, (10.0, 4.0, 8.0, 6.0), upright=False)
    np.testing.assert_array_equal(np.asarray(as_stored), np.asarray(stored))
    assert read_cropped(path, None).size == (20, 30)
    with pytest.raises(ImageError, match=r"bird\.png: bounding box .*outside"):
        read_cropped(path, (900.0, 0.0, 5.0, 5.0))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG", "MPO"])
def test_the_first_of_several_pictures_is_taken_and_that_is_told(kind: str, tmp_path: Path) -> None:
    grey = Image.fromarray(RAMP[:, :, 0])
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / "a.gif"
    path.write_bytes(
        encode(grey, kind, save_all=True, append_images=[grey.transpose(Image.Transpose.ROTATE_180)], **options)
    )
    assert np.abs(np.asarray(read_image(path))[:, :, 0].astype(int) - RAMP[:, :, 0]).max() <= (
        10 if kind == "MPO" else 0
    )
    assert holds_several(path) == (kind in ("GIF", "TIFF", "WEBP"))
    path.write_bytes(encode(grey, "TIFF"))
    assert not holds_several(path)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_of_every_pixel_type(compression: str | None) -> None:
    options = {} if compression is None else {"compression": compression}
    grey = RAMP[:, :, 0]
    grey_rgb = np.repeat(grey[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(np.asarray(read_image(encode(Image.fromarray(RAMP), "TIFF", **options))), RAMP)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(np.asarray(read_image(encode(deep, "TIFF", **options))), grey_rgb)
    cmyk = Image.fromarray(RAMP).convert("CMYK")
    np.testing.assert_array_equal(
        np.asarray(read_image(encode(cmyk, "TIFF", **options))), np.asarray(cmyk.convert("RGB"))
    )
    rgba = Image.fromarray(RAMP).convert("RGBA")
    rgba.putalpha(0)
    assert np.asarray(read_image(encode(rgba, "TIFF", **options))).min() == 255


def test_sixteen_bits_that_mean_something_else() -> None:
    grey = Image.fromarray(np.array([[0, 4095]], dtype=np.uint16))
    inverted = bytearray(encode(grey, "TIFF", tiffinfo={262: 1}))
    place = inverted.index(struct.pack("<HHI", 262, 3, 1)) + 8
    inverted[place] = 0  # white is zero
    assert np.asarray(read_image(bytes(inverted)))[0, :, 0].tolist() == [255, 255 - 16]


def test_a_directory_that_asks_for_more_than_the_file_is_refused_before_decoding() -> None:
    data = bytearray(encode(Image.fromarray(RAMP), "TIFF"))
    place = data.index(struct.pack("<HH", 273, 4))
    data[place + 4 : place + 8] = struct.pack("<I", 2_000_000)  # strip offsets
    with pytest.raises(ImageError, match="entry 273 of 2,000,000 values"):
        read_image(bytes(data))


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    data = encode(Image.new("RGB", (2000, 2000)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(ImageError, match="scans"):
        read_image(data[:-2] + data[last:-2] * 1000 + b"\xff\xd9")


def test_what_follows_the_end_of_a_jpeg_does_not_count() -> None:
    image = Image.new("RGB", (3000, 4000), (200, 30, 30))
    film = np.random.default_rng(0).bytes(4_000_000)  # telephones put one there; it has the bytes of sixty scans
    for data in (encode(image, "JPEG"), encode(image, "JPEG", progressive=True)):
        assert read_image(data + film).size == probe_image(data + film) == (3000, 4000)


def test_a_jpeg_without_its_end_is_cut_whatever_fills_its_place() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(noise), "JPEG")
    for filled in (data[:-2] + bytes(500), data[: len(data) // 2] + bytes(len(data) // 2), data[:-2] + b"\xff" * 9):
        with pytest.raises(ImageError, match="damaged"):
            read_image(filled)


def test_pipes_and_devices_are_no_pictures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(ImageError, match="not a regular file"):
            read_image(path)


def _real_files() -> list[bytes]:
    """One file of each kind of compression."""
    picture = Image.fromarray(RAMP)
    grey = picture.convert("L")
    files = [encode(picture, kind) for kind in ("PNG", "JPEG", "BMP", "WEBP", "GIF", "MPO")]
    files += [tagged(6), tagged(6, "PNG"), encode(picture, "JPEG", progressive=True), encode(grey.convert("P"), "PNG")]
    files += [
        encode(picture, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "packbits")
    ]
    files += [encode(grey.convert("1"), "TIFF", compression=name) for name in ("group3", "group4")]
    files += [encode(grey, kind, save_all=True, append_images=[grey.rotate(90)]) for kind in ("GIF", "TIFF", "WEBP")]
    return files


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_and_any_damaged_file_give_a_picture_or_one_error(
    data: st.DataObject, capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(data.draw(st.one_of(st.sampled_from(_FILES), st.binary(min_size=1, max_size=200))))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        some = data.draw(
            st.sampled_from([b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff", b"\0\0\x10\0"]) | st.binary(max_size=3)
        )
        content[place : place + len(some)] = some
    content = content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content
    started, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (read_image, probe_image):
        try:
            read(bytes(content))
        except ImageError as error:
            assert "\n" not in str(error)
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 512 << 10
    assert capfd.readouterr().err == ""


_FILES = _real_files()


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
