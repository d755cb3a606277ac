"""Pictures in: any common file becomes 8-bit RGB, upright, or one clear error; and the crop to a bounding box."""

import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import ExifTags, Image

from speech2img.errors import DataError, ImageError
from speech2img.images.pixels import CONVERT, to_rgb
from speech2img.images.tiff import check_tiff
from speech2img.storage.atomic import disk_errors
from speech2img.storage.media_type import HEAD_BYTES, media_type
from speech2img.storage.reading import open_regular, read_bytes

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
MEDIA_TYPES = frozenset(("image/jpeg", "image/png", "image/bmp", "image/webp", "image/gif", "image/tiff"))
"""What `media_type` calls the formats that are read."""
MAX_PIXELS = 25_000_000
MAX_BYTES = 64 << 20
MAX_SCANNED_PIXELS = 500_000_000
"""Most pixels of a JPEG times the scans it is sent in; progressive photographs have about ten scans."""
BOX_SCALE = 0.75

_UNREAD: Mapping[str, str] = MappingProxyType(
    {
        "image/heic": "a HEIC photograph, as iPhones take them",
        "image/avif": "an AVIF picture",
        "image/jp2": "a JPEG 2000 picture",
        "image/jxl": "a JPEG XL picture",
        "image/vnd.adobe.photoshop": "a Photoshop document",
    }
)
_AS_JPEG = "convert it to JPEG (photo programs export it so; 'heif-convert' and 'magick' do on the command line)"
_TURNS: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_MANY_IN_ONE = ("image/gif", "image/tiff", "image/webp")
_NEXT_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # within a scan, 0 and D0 to D7 belong to it
_ENDS, _SCAN, _STAND_ALONE = 0xD9, 0xDA, frozenset((0x01, *range(0xD0, 0xD9)))

Box = tuple[float, float, float, float]

# Without any handler Python prints its errors on standard error; handlers of the user still get them.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_inside = 0
_outer = ExitStack()


@dataclass(frozen=True, slots=True)
class _Decoded:
    image: Image.Image
    """Mode RGB, as stored (a TIFF: upright)."""
    sides: tuple[int, int]
    """Width and height of it at full size."""
    turn: Image.Transpose | None
    """What makes it upright."""


def read_image(source: str | Path | bytes, *, upright: bool = True) -> Image.Image:
    """Read a picture as 8-bit RGB.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or the content of one: JPEG, PNG, BMP, WebP, GIF or TIFF of at most 25 million pixels, whatever it is
        named. Of an animation or of several pages the first is taken (`holds_several` tells).
    upright : bool
        Turn it as the orientation tag of its camera says; False leaves it as Pillow gives it, which published code does
        (of a TIFF that is upright too).

    Returns
    -------
    PIL.Image.Image [mode RGB]
        Grey, palette and CMYK pictures are converted, 9 to 16 bits of grey are scaled to 8, and transparency is laid on
        white.

    Raises
    ------
    ImageError
        If the file is missing, empty, no picture of these formats, truncated, too large, or of another pixel type.
    """
    decoded = _read(source)
    return _turned(decoded.image, decoded.turn) if upright else decoded.image


def read_cropped(path: str | Path, box: Box | None, *, upright: bool = True) -> Image.Image:
    """Read a picture and crop it to the square around a bounding box (`crop_to_box`), if there is one.

    A box refers to the pixels as they are stored: the picture is cropped first and then turned upright.

    Raises
    ------
    ImageError
        As :func:`read_image` and :func:`crop_to_box`; the file is named.
    """
    decoded = _read(path)
    image = decoded.image
    if box is not None:
        try:
            image = crop_to_box(image, box)
        except ImageError as error:
            raise ImageError(f"{path}: {error}") from error
    return _turned(image, decoded.turn) if upright else image


def probe_image(source: str | Path | bytes, *, upright: bool = True) -> tuple[int, int]:
    """Read a picture to its end without keeping it: what :func:`read_image` would refuse is refused here.

    A JPEG is decoded at an eighth of its size only: that finds a cut file as well, and sooner.

    Returns
    -------
    width, height : int
        In pixels, of the picture turned upright; with ``upright=False`` as stored, to which bounding boxes refer.

    Raises
    ------
    ImageError
        As :func:`read_image`.
    """
    decoded = _read(source, eighth=True)
    return decoded.sides[::-1] if upright and decoded.turn is not None and _swaps(decoded.turn) else decoded.sides


def holds_several(path: str | Path) -> bool:
    """Whether a file is an animation or has several pages, of which the first is taken; False if it cannot be read."""
    try:
        with disk_errors(path), open_regular(path) as file:
            if media_type(file.read(HEAD_BYTES)) not in _MANY_IN_ONE:
                return False
        data = read_bytes(path, max_bytes=MAX_BYTES)
        check_tiff(str(path), data)
        with _without_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.width * image.height <= MAX_PIXELS and bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged file: reading the picture itself says what is wrong with it
        return False


def crop_to_box(image: Image.Image, box: Box) -> Image.Image:
    """Crop a picture to the square around a bounding box, as StackGAN does.

    Parameters
    ----------
    image : PIL.Image.Image
        Any size.
    box : tuple of 4 float
        x, y, width, height in pixels of the picture as it is stored.

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


def _read(source: str | Path | bytes, *, eighth: bool = False) -> _Decoded:
    """A picture as RGB (a JPEG at an eighth of its sides, if asked)."""
    name, data = _load(source)
    # What Pillow would not refuse by itself.
    if not data:
        raise ImageError.about(name, "the file is empty", "get the whole file")
    check_tiff(name, data)
    try:
        with _without_warnings():
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            # The size by the header, before memory is taken for pixels.
            _check_size(name, image, data)
            if eighth:
                image.draft("RGB", (max(1, width // 8), max(1, height // 8)))
            image.load()
            turn = None if image.format == "TIFF" else _turn(image)  # Pillow has turned a TIFF already
            return _Decoded(to_rgb(name, image), (width, height), turn)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError.about(name, "far too many pixels", "scale it down") from error
    except Image.UnidentifiedImageError as error:
        raise _not_an_image(name, data) from error
    except MemoryError as error:
        raise ImageError.about(name, "too large for the memory", "scale it down") from error
    except Exception as error:  # decoders raise what they like (struct.error, zlib.error, AttributeError, ...)
        reason = f"damaged ({str(error)[:200] or type(error).__name__})"
        raise ImageError.about(name, reason, "get the whole file") from error


def _load(source: str | Path | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        if len(source) > MAX_BYTES:
            raise ImageError.about("picture", f"{len(source):,} bytes", f"give at most {MAX_BYTES >> 20} MiB")
        return "picture", source
    try:
        return str(source), read_bytes(source, max_bytes=MAX_BYTES)
    except DataError as error:
        raise ImageError(str(error)) from error


def _check_size(name: str, image: Image.Image, data: bytes) -> None:
    """Refuse what would take minutes or gigabytes to decode, before it is decoded."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        fix = f"scale it down to at most {MAX_PIXELS // 1_000_000} million pixels"
        raise ImageError.about(name, f"{image.width} x {image.height} pixels", fix)
    if image.format in ("JPEG", "MPO"):
        scans, ends = _scans_of(data)
        if scans * pixels > MAX_SCANNED_PIXELS:
            raise ImageError.about(name, f"a JPEG of {scans} scans", CONVERT)
        if not ends:
            raise ImageError.about(name, "damaged (a JPEG without its end)", "get the whole file")


def _scans_of(data: bytes) -> tuple[int, bool]:
    """How many scans the first picture in a JPEG file has, and whether its end is there.

    What follows the end does not count: telephones put a film there, or more pictures.
    """
    scans, position = 0, 2
    while match := _NEXT_MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _ENDS:
            return scans, True
        scans += marker == _SCAN
        if marker not in _STAND_ALONE:
            position += int.from_bytes(data[position : position + 2], "big")
    return scans, False


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What the orientation tag asks for; a picture whose tags cannot be read stays as it is, as viewers show it."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # of broken tags Pillow raises what it likes
        return None


def _turned(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return image if turn is None else image.transpose(turn)


def _swaps(turn: Image.Transpose) -> bool:
    """Whether width becomes height."""
    return turn not in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM)


def _not_an_image(name: str, data: bytes) -> ImageError:
    """The error of a file of another kind: what it is, as far as its content tells, and the way out."""
    kind = media_type(data[:HEAD_BYTES])
    if kind is not None and kind in _UNREAD:
        return ImageError.about(name, f"{_UNREAD[kind]}, which is not read", _AS_JPEG)
    if kind in MEDIA_TYPES:
        return ImageError.about(name, f"a damaged {kind.removeprefix('image/').upper()} file", "get the whole file")
    reason = f"not a picture but {kind}" if kind is not None else "not a picture"
    return ImageError.about(name, f"{reason} ({', '.join(FORMATS)} are read)", CONVERT)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence Python's warnings while any thread is inside; afterwards the user's own filters are back.

    ``warnings.catch_warnings`` alone restores filters in the wrong order when threads overlap.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _outer.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _outer.close()
