"""All arrays of an HDF5 file of any origin, read in a child process: plain numbers behind plain names, nothing else."""

import json
import math
import os
import stat
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from speech2img.storage.hdf5.probe import PLAIN_FAULTS, run_in_child
from speech2img.storage.reading import parse_json

MAX_ARRAYS = 10_000
"""Arrays of one file; networks have hundreds."""
MAX_DEPTH = 12
"""Groups within groups."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file."""
_KINDS = "iuf"
_MAX_RANK = 8


def read_arrays(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """All arrays of an open file.

    Parameters
    ----------
    file : binary file
        Of any origin. HDF5's code, which has memory bugs that hostile files reach, runs in a forked child that is
        limited in time and memory.

    Returns
    -------
    dict of str to np.ndarray
        By path, as ``encoder/layers/dense/vars/0``.

    Raises
    ------
    ValueError
        If it is no HDF5 file, is damaged, or has anything but hard links to groups and to plain arrays of numbers that
        lie in it and fit in it.
    """
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("is no HDF5 file")
    size = file.seek(0, os.SEEK_END)
    # The child opens the file by itself: its place in it must not be shared.
    answer = run_in_child(lambda: _all(_path_of(file), size), size)
    length = int.from_bytes(answer[:8], "little")
    reply = parse_json(answer[8 : 8 + length])
    if "error" in reply:
        raise ValueError(str(reply["error"]))
    # The arrays stand one behind the other.
    arrays: dict[str, NDArray[Any]] = {}
    position = 8 + length
    for name, (kind, shape) in reply["arrays"].items():
        dtype, count = np.dtype(kind), math.prod(shape)
        if dtype.kind not in _KINDS or position + count * dtype.itemsize > len(answer):
            raise ValueError(f"its {name[:80]!r} was cut")
        arrays[name] = np.frombuffer(answer, dtype, count, position).reshape(shape).copy()
        position += count * dtype.itemsize
    return arrays


def _path_of(file: IO[bytes]) -> str | IO[bytes]:
    """A path by which a child opens the file anew, or the file itself where the system has none."""
    try:
        number = file.fileno()
    except OSError:
        return file
    path = Path(f"/proc/self/fd/{number}")
    return str(path) if path.exists() and stat.S_ISREG(os.fstat(number).st_mode) else file


def _all(source: str | IO[bytes], size: int) -> bytes:
    """What the child says: length of a JSON text, the text, arrays."""
    arrays: dict[str, NDArray[Any]] = {}
    reply: dict[str, Any] = {"arrays": {}}
    try:
        with h5py.File(source, "r") as opened:
            _walk(opened.id, "", arrays, [size], 0)
        reply["arrays"] = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    except PLAIN_FAULTS as error:
        reply, arrays = {"error": " ".join(str(error).split())[:300] or type(error).__name__}, {}
    text = json.dumps(reply).encode()
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays.values())])


def _walk(group: Any, prefix: str, arrays: dict[str, NDArray[Any]], left: list[int], depth: int) -> None:
    """Add the arrays below a group; ``left`` holds the bytes that may still be read."""
    if depth > MAX_DEPTH:
        raise ValueError(f"its groups lie more than {MAX_DEPTH} deep")
    for key in group:
        name = f"{prefix}{key.decode(errors='replace')}"
        if group.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise ValueError(f"its {name[:80]!r} is a link, which may lead to another file")
        member = h5py.h5o.open(group, key)
        if isinstance(member, h5py.h5g.GroupID):
            _walk(member, f"{name}/", arrays, left, depth + 1)
        elif isinstance(member, h5py.h5d.DatasetID):
            arrays[name] = _plain(member, name, left)
        else:
            raise ValueError(f"its {name[:80]!r} is neither a group nor an array")
        if len(arrays) > MAX_ARRAYS:
            raise ValueError(f"it has more than {MAX_ARRAYS} arrays")


def _plain(dataset: Any, name: str, left: list[int]) -> NDArray[Any]:
    """Content of an array of numbers that lies in the file as it is."""
    # Its bytes lie here plainly.
    layout = dataset.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise ValueError(f"its {name[:80]!r} lies in other files")
    if layout.get_nfilters():
        raise ValueError(f"its {name[:80]!r} is compressed or filtered")
    # Numbers that fit in the file, all arrays together.
    dtype, shape = dataset.dtype, dataset.shape
    if dtype.kind not in _KINDS or dtype.itemsize > 8 or shape is None or len(shape) > _MAX_RANK:
        raise ValueError(f"its {name[:80]!r} is of a type that is not read here")
    left[0] -= math.prod(shape) * dtype.itemsize
    if left[0] < 0:
        raise ValueError(f"its {name[:80]!r} has the shape {str(shape)[:80]}, which does not fit in the file")
    content = np.empty(shape, dtype)
    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, content)
    return content
