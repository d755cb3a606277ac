"""Waveform, mel and pictures as parts of a page: nothing in them is fetched from anywhere."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

_RAMP = np.array(
    [(16, 20, 38), (38, 44, 92), (58, 78, 140), (46, 122, 158), (46, 163, 148), (122, 199, 120), (235, 222, 120)],
    dtype=np.float32,
)
"""Colours from the faintest to the loudest, of rising lightness."""
_BAND_PIXELS = 2
_JPEG_QUALITY = 88


def waveform_svg(wave: np.ndarray) -> str:
    """Outline of a recording as an SVG that takes the colour of the text around it.

    Parameters
    ----------
    wave : np.ndarray [shape=(2, n), range -1..1]
        Lowest and highest sample of each stretch.
    """
    low, high = wave
    top = [f"{x},{50 - 46 * y:.1f}" for x, y in enumerate(np.maximum(high, 0.01))]
    bottom = [f"{x},{50 - 46 * y:.1f}" for x, y in reversed(list(enumerate(np.minimum(low, -0.01))))]
    return (
        f'<svg class="s2i-wave" role="img" aria-label="waveform of what was heard" viewBox="0 0 {wave.shape[1]} 100" '
        f'preserveAspectRatio="none"><polygon points="{" ".join(top + bottom)}"/></svg>'
    )


def mel_image(mel: np.ndarray) -> str:
    """A log-mel (bands, columns) as an ``img``, low bands at the bottom."""
    low, high = np.quantile(mel, (0.05, 0.995))
    level = np.clip((mel - low) / max(1e-6, float(high - low)), 0, 1)[::-1]
    places = level * (len(_RAMP) - 1)
    index = np.minimum(places.astype(int), len(_RAMP) - 2)
    share = (places - index)[..., None]
    pixels = (_RAMP[index] * (1 - share) + _RAMP[index + 1] * share).astype(np.uint8)
    image = Image.fromarray(pixels.repeat(_BAND_PIXELS, axis=0))
    alt = "log-mel spectrogram of what was heard, low sounds below"
    return f'<img class="s2i-mel" alt="{alt}" src="{_data(image, "PNG")}">'


def preview_image(pixels: np.ndarray, alt: str) -> str:
    """A picture (S, S, 3) uint8 that is still being painted."""
    return f'<img alt="{escape(alt)}" src="{_data(Image.fromarray(pixels), "JPEG")}">'


def sheet_png(pixels: np.ndarray) -> bytes:
    """A drawing (H, W, 3) uint8 as the bytes of a file."""
    return _encoded(Image.fromarray(pixels), "PNG")


def _data(image: Image.Image, kind: str) -> str:
    return f"data:image/{kind.lower()};base64,{base64.b64encode(_encoded(image, kind)).decode('ascii')}"


def _encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **({"quality": _JPEG_QUALITY} if kind == "JPEG" else {}))
    return buffer.getvalue()
