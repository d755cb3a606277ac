"""Pixels of any type that Pillow reads, turned into 8-bit RGB in little memory."""

import numpy as np
from PIL import Image, TiffImagePlugin

from speech2img.errors import ImageError

CONVERT = "save it as an 8-bit RGB JPEG or PNG"
"""The way out for pictures that are not read."""

_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_BITS_TAG, _PHOTOMETRIC_TAG, _WHITE_IS_ZERO = 258, 262, 0
_STRIP_PIXELS = 1_000_000


def to_rgb(name: str, image: Image.Image) -> Image.Image:
    """Convert a decoded picture.

    Parameters
    ----------
    name : str
        What messages call it.
    image : PIL.Image.Image
        Any mode.

    Returns
    -------
    PIL.Image.Image [mode RGB]
        Grey, palette, YCbCr and CMYK are converted, 9 to 16 bits of grey are scaled to 8, transparency is laid on
        white.

    Raises
    ------
    ImageError
        For pixels without a known range (32 bits, float) and other colour spaces.
    """
    if image.mode == "RGB":
        return image
    if image.mode in _DEEP_MODES:
        return Image.fromarray(_deep_table(image)[np.asarray(image)]).convert("RGB")
    if image.mode not in _MODES:
        raise ImageError.about(name, f"pixels of mode {image.mode} have no known range", CONVERT)
    return _on_white(image) if image.has_transparency_data else image.convert("RGB")


def _deep_table(image: Image.Image) -> np.ndarray:
    """8-bit grey of each 16-bit value: scaled by the bits that a TIFF says are used, white where it says so."""
    bits, white_is_zero = 16, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits_tag = image.tag_v2.get(_BITS_TAG, (16,))
        bits = bits_tag[0] if isinstance(bits_tag, tuple) and bits_tag and bits_tag[0] in range(9, 16) else 16
        white_is_zero = image.tag_v2.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO
    values = np.minimum(np.arange(1 << 16), (1 << bits) - 1)
    grey = (values / ((1 << bits) - 1) * 255.0).round().astype(np.uint8)
    return 255 - grey if white_is_zero else grey


def _on_white(image: Image.Image) -> Image.Image:
    """Lay transparent pixels on white, strip by strip: three more copies of a large picture would be hundreds of MB."""
    result = Image.new("RGB", image.size)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, (255, 255, 255, 255))
        result.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, top))
    return result
