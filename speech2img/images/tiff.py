"""TIFF files: their first directory, checked before a decoder believes it; and libtiff's own messages, silenced."""

import contextlib
import ctypes
import functools
import struct

from PIL import Image

from speech2img.errors import ImageError

MAX_TAGS = 1000
"""Most entries of a directory; cameras and scanners write fewer than a hundred."""
MAX_VALUES = 1_000_000
"""Most values of one entry that is not text or plain bytes: decoders make an object of each."""

_FIX = "get the whole file, or save it as an 8-bit RGB JPEG or PNG"
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES = (1, 2, 6, 7)


def check_tiff(name: str, data: bytes) -> None:
    """Refuse a TIFF whose first directory asks for more than the file holds.

    Parameters
    ----------
    name : str
        What messages call the file.
    data : bytes
        All of it; what is no TIFF passes.

    Raises
    ------
    ImageError
        If the directory, or what an entry points to, lies outside the file, or there is too much of it.
    """
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return
    _silence_libtiff()
    # Byte order, and whether offsets have eight bytes (BigTIFF).
    order, big = ("<" if data[:1] == b"I" else ">"), b"+" in data[2:4]
    entry, room = (order + "HHQ", 8) if big else (order + "HHI", 4)
    try:
        # First directory.
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        if count > MAX_TAGS:
            raise ImageError.about(name, f"damaged (a directory of {count:,} entries)", _FIX)
        first = start + (8 if big else 2)
        for number in range(count):
            # Each entry: its values must be few, and lie within the file.
            entry_start = first + number * (struct.calcsize(entry) + room)
            tag, kind, values = struct.unpack_from(entry, data, entry_start)
            size = values * _SIZES.get(kind, 1)
            if kind not in _BYTES and values > MAX_VALUES:
                raise ImageError.about(name, f"damaged (entry {tag} of {values:,} values)", _FIX)
            if size > room:
                offset = entry_start + struct.calcsize(entry)
                (offset,) = struct.unpack_from(order + ("Q" if big else "I"), data, offset)
                if offset + size > len(data):
                    raise ImageError.about(name, f"damaged (entry {tag} lies outside the file)", _FIX)
    except (struct.error, OverflowError) as error:
        raise ImageError.about(name, "damaged (its directory lies outside the file)", _FIX) from error


@functools.cache
def _silence_libtiff() -> None:
    """Keep libtiff from printing on standard error what becomes an error of ours; once a process.

    Pillow has no option for it. Where its libtiff cannot be reached from outside, the lines stay.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(Image.core.__file__)
        for function in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)
