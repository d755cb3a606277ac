"""Reads one row of numbers from a MATLAB file, and nothing else: what could be more than that never reaches the parser.

The lists of Oxford-102 (``imagelabels.mat``, ``setid.mat``) are MATLAB 5 files that hold a few vectors. A guard walks
over the file first: only plain numeric arrays pass, of a size that fits their bytes, unpacked within a limit.
``scipy.io.loadmat`` then reads what is left.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import DataError
from speech2img.storage.reading import read_bytes

MAX_BYTES = 4 << 20
_HEADER = 128
_MATRIX, _COMPRESSED, _FLAGS = 14, 15, 6
_NUMERIC_CLASSES = range(6, 16)
_FIX = "fetch it again from the data set's authors"


def read_mat_vectors(path: str | Path, names: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """Read vectors of whole numbers.

    Parameters
    ----------
    path : str or Path
        A MATLAB 5 file (as MATLAB 5 to 7 save it) of at most 4 MiB, also when unpacked.
    names : tuple of str
        The variables.

    Returns
    -------
    dict of str to np.ndarray [shape=(n,), int64]
        By name.

    Raises
    ------
    DataError
        If the file is missing, damaged, of another version, too large when unpacked, holds anything but numeric
        arrays, or a variable is missing, no vector, or not whole numbers.
    """
    from scipy.io import loadmat

    path = Path(path)
    data = read_bytes(path, max_bytes=MAX_BYTES)
    plain = _guarded(path, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            variables = loadmat(io.BytesIO(plain), variable_names=list(names), mat_dtype=False)
    except Exception as error:  # scipy raises some ten kinds for damaged files, and lists none of them
        raise DataError.about(path, f"damaged ({type(error).__name__}: {error})", _FIX) from error
    return {name: _vector(path, name, variables.get(name)) for name in names}


def _guarded(path: Path, data: bytes) -> bytes:
    """The file with its elements unpacked, if every one of them is a plain numeric array."""
    # Only version 5 has these elements.
    if len(data) < _HEADER or data[:10] != b"MATLAB 5.0" or data[126:128] not in (b"IM", b"MI"):
        raise DataError.about(path, "not a MATLAB 5 file", _FIX)
    # Unpacked here, within bounds; scipy then reads plain numbers only.
    order = "<" if data[126:128] == b"IM" else ">"
    plain = bytearray(data[:_HEADER])
    for kind, content in _elements(path, data, order):
        if kind == _COMPRESSED:
            content = _unpack(path, content)
        else:
            content = struct.pack(f"{order}II", kind, len(content)) + content
        _demand_numeric(path, content, order)
        plain += content
        if len(plain) > MAX_BYTES:
            raise DataError.about(path, f"larger than {MAX_BYTES:,} bytes when unpacked", _FIX)
    return bytes(plain)


def _elements(path: Path, data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    offset = _HEADER
    while offset < len(data):
        if offset + 8 > len(data):
            raise DataError.about(path, "damaged (it ends too early)", _FIX)
        kind, size = struct.unpack_from(f"{order}II", data, offset)
        if kind not in (_MATRIX, _COMPRESSED) or size > len(data) - offset - 8:
            raise DataError.about(path, "damaged (an element is no array, or larger than the file)", _FIX)
        yield kind, data[offset + 8 : offset + 8 + size]
        offset += 8 + size


def _unpack(path: Path, content: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise DataError.about(path, f"damaged ({error})", _FIX) from error
    if not unpacker.eof:
        raise DataError.about(path, f"cut off, or larger than {MAX_BYTES:,} bytes when unpacked", _FIX)
    return plain


def _demand_numeric(path: Path, element: bytes, order: str) -> None:
    """Refuse cells, structures, objects, functions and text: they can hold one another, to any depth."""
    if len(element) < 24:
        raise DataError.about(path, "damaged (an array ends too early)", _FIX)
    kind, size, flags_kind, flags_size, flags = struct.unpack_from(f"{order}5I", element)
    if kind != _MATRIX or size != len(element) - 8 or (flags_kind, flags_size) != (_FLAGS, 8):
        raise DataError.about(path, "damaged (an element is no array)", _FIX)
    if flags & 0xFF not in _NUMERIC_CLASSES:
        raise DataError.about(path, "holds more than arrays of numbers, so it is not read", _FIX)


def _vector(path: Path, name: str, value: object) -> NDArray[np.int64]:
    if not isinstance(value, np.ndarray):
        raise DataError.about(path, f"has no variable {name!r}", _FIX)
    if value.dtype.kind not in "iuf" or value.ndim != 2 or 1 not in value.shape or value.size == 0:
        raise DataError.about(path, f"{name!r} is no vector of numbers", _FIX)
    vector = value.reshape(-1)
    if not np.isfinite(vector).all() or np.abs(vector.astype(np.float64)).max() >= 2**31 or (vector % 1 != 0).any():
        raise DataError.about(path, f"{name!r} holds values that are no whole numbers", _FIX)
    return vector.astype(np.int64)
