"""Arrays from ``.npz`` files of any origin: plain arrays, or one reason why not."""

import io
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DAMAGED = (
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What NumPy and zipfile raise at members that were tampered with."""


def load_arrays(source: str | Path | bytes, *, max_bytes: int = 4 << 30) -> dict[str, NDArray[Any]]:
    """All arrays of an ``.npz`` file.

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    max_bytes : int
        How large the arrays may be together: a file of a few kilobytes can promise more than there is memory.

    Returns
    -------
    dict of str to np.ndarray
        By name; never arrays of Python objects, which would be unpickled.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such file, is damaged, or its arrays are too large; says which.
    """
    opened: Any = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with zipfile.ZipFile(opened) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile:
        raise ValueError("no .npz archive of arrays") from None
    except _DAMAGED as error:
        raise ValueError(f"a damaged .npz archive ({type(error).__name__})") from error
    if others := [member.filename for member in members if not member.filename.endswith(".npy")]:
        raise ValueError(f"an archive that holds {others[0][:80]!r}, which is no array")
    size = sum(member.file_size for member in members)
    if size > max_bytes:
        raise ValueError(f"its arrays have {size:,} bytes, more than {max_bytes:,}")
    name = ""
    try:
        with np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as arrays:
            loaded = {}
            for name in arrays.files:
                loaded[name] = arrays[name]
            return loaded
    except _DAMAGED as error:
        raise ValueError(f"its array {name[:80]!r} is damaged or not of plain numbers") from error
