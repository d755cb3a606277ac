"""What an HDF5 file of any origin holds, found out in a child process: plain local arrays and short attributes only."""

import faulthandler
import json
import math
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from speech2img.storage.reading import parse_json

CPU_SECONDS = 1
"""Processor time for finding out, one more for each `_BYTES_A_SECOND`: a file of CUB's size takes a tenth of it."""
MEMORY_BYTES = 320 << 20
"""Memory for finding out, beside a few times the file's strings."""
MAX_ATTRIBUTE_CHARACTERS = 1 << 16

_BYTES_A_SECOND = 256 << 20
_WALL_SECONDS = 60
_KINDS = "iufS"
PLAIN_FAULTS = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError, OverflowError)
"""What h5py raises at files that were tampered with."""


@dataclass(frozen=True)
class Place:
    """Where an array lies in a file."""

    dtype: str
    """NumPy's text for it, such as ``<f4`` or ``|S12``."""
    shape: tuple[int, ...]
    """Sizes, each at least 1."""
    offset: int
    """Byte at which it begins."""

    @classmethod
    def checked(cls, dtype: Any, shape: Any, offset: Any, *, size: int) -> "Place":
        """Take a place from a description that may lie; ValueError unless it lies within ``size`` bytes."""
        try:
            kind = np.dtype(str(dtype))
        except TypeError:
            raise ValueError(f"values of type {str(dtype)[:40]!r}") from None
        whole = isinstance(shape, list) and all(type(side) is int and side >= 1 for side in [*shape, offset])
        if not whole or not shape or kind.kind not in _KINDS or kind.itemsize < 1 or kind.hasobject:
            raise ValueError(f"an array of type {str(dtype)[:40]!r} and shape {str(shape)[:80]}")
        place = cls(kind.str, tuple(shape), offset)
        if offset + place.nbytes > size:
            raise ValueError(f"an array of shape {str(shape)[:80]} that does not fit in the file")
        return place

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * np.dtype(self.dtype).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return self.shape[0] * self.row_bytes


@dataclass(frozen=True)
class Description:
    """What a file holds, as far as it was asked for."""

    attributes: dict[str, str | int]
    """Those that are there."""
    arrays: dict[str, Place | NDArray[Any]]
    """Place of each array, or its content where HDF5 stores it in pieces; texts are in UTF-8."""


def probe(path: Path, *, arrays: Collection[str], attributes: Collection[str]) -> Description:
    """Find out what an HDF5 file holds, without letting it hang, crash or fill this process.

    Parameters
    ----------
    path : Path
        A regular file.
    arrays, attributes : collection of str
        What is looked for in its root.

    Raises
    ------
    ValueError
        If an array is missing, is no plain local one (virtual, external, linked, filtered, compound, a reference),
        has a shape the file cannot hold, or if HDF5 cannot read the file within the limits.

    Notes
    -----
    HDF5's own code has memory bugs that hostile files reach; it runs in a forked child with limits of time and memory.
    """
    size = path.stat().st_size
    # HDF5 runs in a child, since a damaged file may bring it down.
    answer = run_in_child(lambda: _describe(path, tuple(arrays), tuple(attributes), size), size)
    length = int.from_bytes(answer[:8], "little")
    reply = parse_json(answer[8 : 8 + length])
    if "error" in reply:
        raise ValueError(str(reply["error"]))
    # Large arrays are given as places in the file, small ones along with the answer.
    arrays_found: dict[str, Place | NDArray[Any]] = {}
    position = 8 + length
    for name, (kind, shape, offset) in reply["arrays"].items():
        if offset is not None:
            arrays_found[name] = Place.checked(kind, shape, offset, size=size)
            continue
        place = Place.checked(kind, shape, position, size=len(answer))
        arrays_found[name] = np.frombuffer(answer, place.dtype, math.prod(shape), position).reshape(shape)
        position += place.nbytes
    return Description(reply["attributes"], arrays_found)


def describe(file: h5py.File, arrays: Collection[str], attributes: Collection[str], size: int) -> dict[str, Any]:
    """Description of an open file as JSON, and under ``pieces`` the arrays that HDF5 stores in pieces."""
    description: dict[str, Any] = {"attributes": {}, "arrays": {}, "pieces": []}
    for name in attributes:
        if h5py.h5a.exists(file.id, name.encode()):
            description["attributes"][name] = _attribute(h5py.h5a.open(file.id, name.encode()), name)
    for name in arrays:
        place, content = _array(file, name, size)
        description["arrays"][name] = place
        if content is not None:
            description["pieces"].append(content)
    return description


def _describe(path: Path, arrays: Collection[str], attributes: Collection[str], size: int) -> bytes:
    """What the child says: length of a JSON text, the text, arrays."""
    try:
        with h5py.File(path, "r") as file:
            description = describe(file, arrays, attributes, size)
    except PLAIN_FAULTS as error:
        description = {"error": " ".join(str(error).split())[:300] or type(error).__name__, "pieces": []}
    pieces = description.pop("pieces")
    text = json.dumps(description).encode()
    return b"".join([len(text).to_bytes(8, "little"), text, *(piece.tobytes() for piece in pieces)])


def _attribute(attribute: h5py.h5a.AttrID, name: str) -> str | int:
    """A short text or a whole number."""
    kind = attribute.get_type().get_class()
    short = attribute.shape == () and attribute.get_storage_size() <= MAX_ATTRIBUTE_CHARACTERS
    if not short or kind not in (h5py.h5t.STRING, h5py.h5t.INTEGER):
        raise ValueError(f"its attribute {name!r} is neither a short text nor a number")
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    plain = value[()]
    if kind == h5py.h5t.INTEGER:
        return int(plain)
    text = plain.decode() if isinstance(plain, bytes) else str(plain)
    if len(text) > MAX_ATTRIBUTE_CHARACTERS:
        raise ValueError(f"its attribute {name!r} has {len(text):,} characters")
    return text


def _array(file: h5py.File, name: str, size: int) -> tuple[list[Any], NDArray[Any] | None]:
    """Type, shape and place of an array; its content where it has no single place."""
    # The name leads to an array in this file.
    key = name.encode()
    if not file.id.links.exists(key):
        raise ValueError(f"it has no {name!r}")
    if file.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise ValueError(f"its {name!r} is a link, which may lead to another file")
    dataset = h5py.h5o.open(file.id, key)
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise ValueError(f"its {name!r} is no array")
    # Its bytes lie there plainly, neither elsewhere nor compressed.
    layout, shape, kind = dataset.get_create_plist(), list(dataset.shape), dataset.get_type()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise ValueError(f"its {name!r} lies in other files")
    if layout.get_nfilters():
        raise ValueError(f"its {name!r} is compressed or filtered")
    if isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str():
        return _texts(dataset, name, shape, size)
    # Its type and shape are possible in a file of this size.
    dtype = kind.dtype
    if dtype.kind not in _KINDS or not h5py.h5t.py_create(dtype).equal(kind) and dtype.kind != "S":
        raise ValueError(f"its {name!r} is of a type that is not read here")
    if not shape or min(shape) < 1 or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"its {name!r} has the shape {str(tuple(shape))[:80]}, which does not fit in the file")
    # Contiguous: its place; in chunks: its content.
    offset = dataset.get_offset() if layout.get_layout() == h5py.h5d.CONTIGUOUS else None
    if offset is not None or layout.get_layout() == h5py.h5d.CONTIGUOUS:
        return [dtype.str, shape, offset or size + 1], None
    content = np.empty(shape, dtype)
    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, content)
    return [dtype.str, shape, None], content


def _texts(dataset: h5py.h5d.DatasetID, name: str, shape: list[int], size: int) -> tuple[list[Any], NDArray[Any]]:
    """Texts of any length, as earlier versions wrote ids; together they are shorter than the file."""
    if len(shape) != 1 or not 1 <= 16 * shape[0] <= size:
        raise ValueError(f"its {name!r} has the shape {str(tuple(shape))[:80]}, which does not fit in the file")
    content = h5py.Dataset(dataset)[()].tolist()
    if sum(map(len, content)) > size:
        raise ValueError(f"its {name!r} are longer than the file")
    for text in content:
        text.decode()
    longest = max(map(len, content))
    if longest * len(content) > max(4 * size, 1 << 20):
        raise ValueError(f"its {name!r} have very different lengths")
    texts = np.array(content, dtype=f"S{max(1, longest)}")
    return [texts.dtype.str, shape, None], texts


def run_in_child(work: Callable[[], bytes], size: int) -> bytes:
    """What a function gives in a forked child with limits; ValueError if it dies or takes too long."""
    # The child answers through a pipe, within bounds of memory and time.
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _limit(size)
            data = memoryview(work())
            while data:
                data = data[os.write(theirs, data) :]
        finally:
            os._exit(0)  # the answer is cut short where something went wrong
    # The parent takes what comes; whatever ends it ends the child.
    os.close(theirs)
    try:
        return _all_of(ours)
    finally:
        os.close(ours)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _all_of(pipe: int) -> bytes:
    """Everything that comes through a pipe until its other end is closed."""
    parts: list[bytes] = []
    until = time.monotonic() + _WALL_SECONDS
    while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(pipe, 1 << 20)
        if part:
            parts.append(part)
            continue
        answer = b"".join(parts)
        if len(answer) < 8 or len(answer) < 8 + int.from_bytes(answer[:8], "little"):
            break
        return answer
    raise ValueError("HDF5 fails on it")


def _limit(size: int) -> None:
    """Make a fresh child quiet, and its time and memory short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, CPU_SECONDS + size // _BYTES_A_SECOND)
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # no Linux
        return
    _lower(resource.RLIMIT_AS, used + MEMORY_BYTES + 2 * size)


def _lower(limit: int, value: int) -> None:
    """Lower a limit of this process; one that is lower already stays."""
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, hard))
