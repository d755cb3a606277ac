"""Arrays from ``.npz`` files of any origin: plain arrays, or one reason why not."""

import io
import math
import re
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from speech2img.storage.bounded import most_bytes, open_bounded
from speech2img.storage.foreign.pickle_names import KINDS
from speech2img.storage.foreign.zips import ZIP_DAMAGE, open_zip

MAX_ARRAYS = 10_000
"""Arrays in one file; networks have hundreds."""

_MAX_HEADER = 4096
_MAX_AXES = 32
_CHUNK = 1 << 20
_MAGIC = b"\x93NUMPY"
_PARTS = {"descr": "text", "fortran_order": "flag", "shape": "shape"}
"""Entries of a header, and the part of `_ENTRY` that the value of each must be."""
_ENTRY = re.compile(
    r"\s*(?P<quote>['\"])(?P<key>\w+)(?P=quote)\s*:\s*"
    r"(?:(?P<mark>['\"])(?P<text>[<>=|]?[a-zA-Z]\d{0,6})(?P=mark)|(?P<flag>True|False)|\((?P<shape>[\d,\sL]*)\))\s*(?:,|$)"
)


def load_arrays(source: str | Path | bytes | IO[bytes], *, max_bytes: int = 4 << 30) -> dict[str, NDArray[Any]]:
    """All arrays of an ``.npz`` file.

    Parameters
    ----------
    source : path, bytes or binary file
        The file, or its content.
    max_bytes : int
        How large the arrays may be together. Beyond that no file may unfold to more than `most_bytes` of its size: a
        few kilobytes can promise more than there is memory.

    Returns
    -------
    dict of str to np.ndarray
        By name; never arrays of Python objects, which would be unpickled.

    Raises
    ------
    OSError, DataError
        If the file cannot be read, is a pipe or a device, or consists of holes.
    ValueError
        If it is no such file, is damaged, or its arrays are too large; says which.
    """
    # From a path, bytes or an open file.
    if isinstance(source, str | Path):
        if not Path(source).exists():
            raise FileNotFoundError(2, "No such file or directory", str(source))
        with open_bounded(source) as file:
            return load_arrays(file, max_bytes=max_bytes)
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    # The directory, then a bound on all arrays together.
    try:
        archive = open_zip(opened, max_members=MAX_ARRAYS)
    except ValueError as error:
        opened.seek(0)
        reason = f"a damaged .npz archive ({error})" if opened.read(2) == b"PK" else "no .npz archive of arrays"
        raise ValueError(reason) from error
    with archive:
        members = archive.infolist()
        _demand_small(members, opened.seek(0, 2), max_bytes)
        return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}


def _demand_small(members: list[zipfile.ZipInfo], size: int, max_bytes: int) -> None:
    """Raise ValueError if the archive holds anything but arrays, one twice, or would unfold to too much."""
    names = [member.filename for member in members]
    if others := [name for name in names if not name.endswith(".npy")]:
        raise ValueError(f"an archive that holds {others[0][:80]!r}, which is no array")
    if len(set(names)) < len(names):
        raise ValueError("an archive that holds an array twice")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise ValueError("an archive that is compressed as NumPy never does")
    unfolded = sum(member.file_size for member in members)
    most = min(max_bytes, most_bytes(size))
    if unfolded > most:
        raise ValueError(f"its arrays have {unfolded:,} bytes, more than {most:,}")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    name = member.filename.removesuffix(".npy")[:80]
    try:
        with archive.open(member) as file:
            return _read_array(file, member.file_size)
    except ZIP_DAMAGE as error:
        raise ValueError(f"its array {name!r} is damaged or not of plain numbers ({error})") from error


def _read_array(file: IO[bytes], size: int) -> NDArray[Any]:
    """Read an array in NumPy's format, if it is exactly as large as the file that holds it."""
    # Read the header with our own eyes: Python's parser can be brought down by what it is given.
    head = _read_exactly(file, 8)
    if head[:6] != _MAGIC or head[6] not in (1, 2, 3):
        raise ValueError("it does not begin as an array")
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(_read_exactly(file, width), "little")
    if length > _MAX_HEADER:
        raise ValueError(f"its header has {length:,} bytes")
    dtype, fortran, shape = _parse_header(_read_exactly(file, length).decode("latin1" if head[6] < 3 else "utf-8"))
    # Take memory only for what is there.
    content = size - 8 - width - length
    if math.prod(shape) * dtype.itemsize != content:
        raise ValueError(f"its shape {shape} of {dtype} does not go with {content:,} bytes")
    array = np.empty(math.prod(shape), dtype)
    view: NDArray[np.uint8] = array.view(np.uint8) if array.size else np.empty(0, np.uint8)
    for start in range(0, content, _CHUNK):
        piece = view[start : start + _CHUNK]
        piece[:] = np.frombuffer(_read_exactly(file, len(piece)), np.uint8)
    # It must end where its header says, and hold characters where it says text.
    if file.read(1):
        raise ValueError("it goes on behind its end")
    if dtype.kind == "U" and array.size and array.view(f"{dtype.byteorder}u4").max() > 0x10FFFF:
        raise ValueError("a text holds no characters")
    return array.reshape(shape, order="F" if fortran else "C")


def _read_exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    while len(data) < count and (more := file.read(count - len(data))):
        data += more
    if len(data) < count:
        raise ValueError("it ends too early")
    return data


def _parse_header(text: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """Data type, whether in Fortran's order, and shape of an array, as NumPy and its kin write them."""
    # A dict of three known parts, without a parser of Python.
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise ValueError("its header is none")
    body, position, entries = body[1:-1].rstrip(), 0, {}
    while position < len(body):
        entry = _ENTRY.match(body, position)
        if entry is None or entry["key"] in entries:
            raise ValueError("its header is none, or its type is not of plain numbers")
        entries[entry["key"]] = entry
        position = entry.end()
    if entries.keys() != _PARTS.keys() or any(entries[key][part] is None for key, part in _PARTS.items()):
        raise ValueError("its header lacks a part")
    # The type holds plain numbers.
    dtype = np.dtype(entries["descr"]["text"])
    if dtype.kind not in KINDS or not dtype.itemsize:
        raise ValueError(f"it holds {dtype}, no plain numbers")
    # The shape is one that can be.
    axes = [axis.strip().removesuffix("L") for axis in entries["shape"]["shape"].split(",") if axis.strip()]
    if len(axes) > _MAX_AXES or any(not axis.isdecimal() or len(axis) > 15 for axis in axes):
        raise ValueError("its shape is none")
    shape = tuple(map(int, axes))
    if math.prod(max(axis, 1) for axis in shape) * dtype.itemsize > 1 << 60:
        raise ValueError(f"its shape {shape} is none")
    return dtype, entries["fortran_order"]["flag"] == "True", shape
