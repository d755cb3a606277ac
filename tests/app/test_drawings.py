"""Waveform, mel and previews as parts of a page, with nothing to fetch."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from speech2img.app.drawings import mel_image, preview_image, sheet_png, waveform_svg


def _image(tag: str) -> Image.Image:
    data = re.search(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', tag)
    assert data
    return Image.open(io.BytesIO(base64.b64decode(data[1])))


def test_a_waveform_keeps_to_its_box() -> None:
    wave = np.array([[-1.0, -0.5, 0.0], [1.0, 0.2, 0.0]], np.float32)
    svg = ElementTree.fromstring(waveform_svg(wave))
    assert svg.get("viewBox") == "0 0 3 100" and svg.get("aria-label") == "waveform of what was heard"
    points = [float(pair.split(",")[1]) for pair in svg[0].get("points", "").split()]
    assert len(points) == 6 and min(points) == 4 and max(points) == 96


def test_loud_is_light_and_low_is_below() -> None:
    mel = np.zeros((40, 100), np.float32)
    mel[:10] = 1
    image = _image(mel_image(mel)).convert("L")
    assert image.size == (100, 80)
    assert image.getpixel((50, 79)) > image.getpixel((50, 0)) + 80


@pytest.mark.parametrize("mel", [np.zeros((40, 1), np.float32), np.full((80, 7), -80.0, np.float32)])
def test_a_mel_without_contrast_is_drawn(mel: np.ndarray) -> None:
    assert _image(mel_image(mel)).size == (mel.shape[1], 2 * mel.shape[0])


def test_a_preview_is_the_picture_in_short() -> None:
    pixels = np.full((32, 32, 3), (200, 30, 30), np.uint8)
    tag = preview_image(pixels, 'a "red" one')
    assert 'alt="a &quot;red&quot; one"' in tag
    assert np.abs(np.asarray(_image(tag)).astype(int) - pixels).max() < 8


def test_a_sheet_keeps_every_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(sheet_png(pixels)))), pixels)
