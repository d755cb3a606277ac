"""Pictures in: any common file becomes 8-bit RGB, or one clear error; and the crop to a bounding box."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.errors import DataError, ImageError
from speech2img.storage.atomic import read_bytes

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
MAX_PIXELS = 25_000_000
MAX_BYTES = 64 << 20
BOX_SCALE = 0.75

_CONVERT = "save it as an 8-bit RGB JPEG or PNG"
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")

Box = tuple[float, float, float, float]


def read_image(source: str | Path | bytes) -> Image.Image:
    """Read a picture as 8-bit RGB.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or the content of one: JPEG, PNG, BMP or WebP of at most 25 million pixels, whatever it is named.

    Returns
    -------
    PIL.Image.Image [mode RGB]
        Grey, palette and CMYK pictures are converted, 16-bit grey is scaled to 8 bits, and transparency is laid on
        white. The orientation tag of cameras is not applied: bounding boxes refer to the stored pixels.

    Raises
    ------
    ImageError
        If the file is missing, empty, no picture of these formats, truncated, too large, or of another pixel type.
    """
    return _read(source)[1]


def probe_image(source: str | Path | bytes) -> tuple[int, int]:
    """Read a picture to its end without keeping it: what :func:`read_image` would refuse is refused here.

    A JPEG is decoded at an eighth of its size only: that finds a cut file as well, and sooner.

    Returns
    -------
    width, height : int
        In pixels.

    Raises
    ------
    ImageError
        As :func:`read_image`.
    """
    return _read(source, eighth=True)[0]


def _read(source: str | Path | bytes, *, eighth: bool = False) -> tuple[tuple[int, int], Image.Image]:
    """Sides of a picture as stored, and the picture as RGB (a JPEG at an eighth of them, if asked)."""
    name, data = _load(source)
    if not data:
        raise ImageError.about(name, "the file is empty", "get the whole file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                fix = f"scale it down to at most {MAX_PIXELS // 1_000_000} million pixels"
                raise ImageError.about(name, f"{width} x {height} pixels", fix)
            if eighth:
                image.draft("RGB", (max(1, width // 8), max(1, height // 8)))
            image.load()
            return (width, height), _to_rgb(name, image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError.about(name, "far too many pixels", "scale it down") from error
    except Image.UnidentifiedImageError as error:
        raise ImageError.about(name, f"not a picture ({', '.join(FORMATS)} are read)", _CONVERT) from error
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, KeyError, OverflowError) as error:
        raise ImageError.about(name, f"damaged ({error})", "get the whole file") from error
    except MemoryError as error:
        raise ImageError.about(name, "too large for the memory", "scale it down") from error


def crop_to_box(image: Image.Image, box: Box) -> Image.Image:
    """Crop a picture to the square around a bounding box, as StackGAN does.

    Parameters
    ----------
    image : PIL.Image.Image
        Any size.
    box : tuple of 4 float
        x, y, width, height in pixels.

    Returns
    -------
    PIL.Image.Image
        The square of side 2 r around the box's centre, r = 0.75 max(width, height), cut off at the picture's edges.

    Raises
    ------
    ImageError
        If the box is not finite, empty, or outside the picture.

    Notes
    -----
    Zhang et al. 2017 (StackGAN): the object then covers about 3/4 of the square.
    """
    x, y, width, height = box
    if not np.isfinite(box).all() or width <= 0 or height <= 0:
        raise ImageError.about(f"bounding box {box}", "not a box", "give x, y, width, height in pixels")
    r = int(BOX_SCALE * max(width, height))
    centre_x, centre_y = int((2 * x + width) / 2), int((2 * y + height) / 2)
    left, upper = max(0, centre_x - r), max(0, centre_y - r)
    right, lower = min(image.width, centre_x + r), min(image.height, centre_y + r)
    if right <= left or lower <= upper:
        reason = f"outside the picture of {image.width} x {image.height} pixels"
        raise ImageError.about(f"bounding box {box}", reason, "check the annotation")
    return image.crop((left, upper, right, lower))


def _load(source: str | Path | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        if len(source) > MAX_BYTES:
            raise ImageError.about("picture", f"{len(source):,} bytes", f"give at most {MAX_BYTES >> 20} MiB")
        return "picture", source
    try:
        return str(source), read_bytes(source, max_bytes=MAX_BYTES)
    except DataError as error:
        raise ImageError(str(error)) from error


def _to_rgb(name: str, image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode in _DEEP_MODES:
        grey = (np.asarray(image, dtype=np.float64) / 257.0).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError.about(name, f"pixels of mode {image.mode} have no known range", _CONVERT)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
