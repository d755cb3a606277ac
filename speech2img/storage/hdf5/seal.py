"""Checksums of every byte of a store, written behind its HDF5: nothing that was damaged since is ever read."""

import hashlib
import json
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from speech2img.storage.hdf5.probe import Place, describe
from speech2img.storage.reading import parse_json

SEALED: Mapping[str, int] = MappingProxyType({"sealed": 1})
"""Attribute of a store whose checksums must be there: without them it was cut, or changed by another program."""

_MAGIC = b"speech2img-seal1"
END_BYTES = len(_MAGIC)
"""How many bytes at the end of a file tell whether it has checksums."""
_END_BYTES = 8 + 32 + len(_MAGIC)  # length of the text, SHA-256 of table, text and length, magic
_MAX_TEXT_BYTES = 1 << 20
_MAX_REST_BYTES = 1 << 30  # names and records of some ten million items
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Seal:
    """What is written behind a store: what it holds, and checksums."""

    attributes: dict[str, str | int]
    """All of them."""
    arrays: dict[str, Place]
    """Place of each array."""
    rows: str
    """Name of the array whose items are checked one at a time; everything else has been checked already."""
    checks: NDArray[np.uint32]
    """CRC-32 of each item of that array."""


def check_of(item: NDArray[Any]) -> int:
    """CRC-32 of an item as it lies on the disk: row after row."""
    return zlib.crc32(np.ascontiguousarray(item).reshape(-1).view(np.uint8).data)


def seal_store(
    path: Path,
    *,
    arrays: Collection[str],
    attributes: Collection[str],
    rows: str,
    bounds: Sequence[int] | NDArray[np.int64] | None = None,
    checks: Sequence[int] | None = None,
) -> None:
    """Write checksums behind a finished store of this process's own making; older ones there are replaced.

    Parameters
    ----------
    path : Path
        The HDF5 file, closed. It stays readable for every program that reads HDF5.
    arrays, attributes : collection of str
        What it holds and readers ask for.
    rows : str
        The array that is read an item at a time.
    bounds : sequence of int, length N + 1, optional
        Where its items begin and end, in rows; without it each row is an item.
    checks : sequence of int, length N, optional
        As `check_of` gave them when the items were computed; without it they are taken from the file.
    """
    # A former seal goes.
    os.truncate(path, _end_of_hdf5(path))
    size = path.stat().st_size
    with h5py.File(path, "r") as file:
        description = describe(file, arrays, attributes, size)
    places = {name: Place.checked(*description["arrays"][name], size=size) for name in arrays}
    place = places[rows]
    # Checksums of the rows, and one of all else.
    if checks is None:
        checks = _checks_of(path, place, range(place.shape[0] + 1) if bounds is None else bounds)
    facts = {
        "attributes": description["attributes"],
        "arrays": description["arrays"],
        "rows": rows,
        "items": len(checks),
        "size": size,
        "rest": _rest_sha256(path, place, size),
    }
    # Behind the HDF5 part: table, facts, their hash, mark.
    text = json.dumps(facts, sort_keys=True).encode()
    body = np.asarray(checks, "<u4").tobytes() + text + len(text).to_bytes(8, "little")
    with FileIO(path, "ab") as file:
        view = memoryview(body + hashlib.sha256(body).digest() + _MAGIC)
        while view:
            view = view[file.write(view) :]


def write_store(
    path: Path, arrays: Mapping[str, NDArray[Any]], ids: Sequence[str], attributes: Mapping[str, str | int]
) -> None:
    """Write a store of a row an item, with checksums.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    arrays : mapping of str to ndarray
        Rows in the order of ``ids``; of the first one each row has a checksum as it is in memory.
    ids : sequence of str
        Name of each item.
    attributes : mapping of str to str or int
        What the store says of itself.
    """
    first = next(iter(arrays))
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
        file["ids"] = np.array([name.encode() for name in ids])
        file.attrs.update({**attributes, **SEALED})
    checks = [check_of(row) for row in arrays[first]]
    seal_store(path, arrays=[*arrays, "ids"], attributes=attributes, rows=first, checks=checks)


def read_seal(path: Path) -> Seal | None:
    """Read what `seal_store` wrote, and compare everything but the items with it; None if nothing is there.

    Raises
    ------
    ValueError
        If a byte outside the items differs from what was written, or the description does not fit the file.
    """
    with FileIO(path) as file:
        # The mark at the end; a damaged one is not taken for none.
        size = file.seek(0, os.SEEK_END)
        end = _read_at(file, max(0, size - _END_BYTES), _END_BYTES)
        if not resembles_end(end[-len(_MAGIC) :]):
            return None
        if end[-len(_MAGIC) :] != _MAGIC:
            raise ValueError("its checksums are damaged")
        # Table and facts, which must fill the rest exactly.
        length = int.from_bytes(end[:8], "little")
        text_at = size - _END_BYTES - length
        if not 0 < length <= _MAX_TEXT_BYTES or text_at < 0:
            raise ValueError("its checksums are damaged")
        text = _read_at(file, text_at, length)
        facts = _facts(text)
        items, body = facts["items"], facts["size"]
        if body + 4 * items != text_at:
            raise ValueError("its checksums are damaged")
        table = _read_at(file, body, 4 * items)
    # Whether they are what was written.
    if hashlib.sha256(table + text + end[:8]).digest() != end[8:40]:
        raise ValueError("its checksums are damaged")
    arrays = {name: Place.checked(*place, size=body) for name, place in facts["arrays"].items()}
    if facts["rows"] not in arrays:
        raise ValueError("its checksums are damaged")
    if _rest_sha256(path, arrays[facts["rows"]], body) != facts["rest"]:
        raise ValueError("it is not what was written: its names or other records differ from their checksum")
    return Seal(facts["attributes"], arrays, facts["rows"], np.frombuffer(table, "<u4"))


def _facts(text: bytes) -> dict[str, Any]:
    """The description, of the right kinds; ValueError otherwise."""
    try:
        # Every field of the type that is used below.
        facts = parse_json(text)
        right = (
            all(type(facts[name]) is int and facts[name] >= 0 for name in ("items", "size"))
            and all(isinstance(facts[name], dict) for name in ("attributes", "arrays"))
            and all(type(value) in (str, int) for value in facts["attributes"].values())
            and all(isinstance(place, list) and len(place) == 3 for place in facts["arrays"].values())
            and isinstance(facts["rows"], str)
            and isinstance(facts["rest"], str)
        )
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("its checksums are damaged") from error
    if not right:
        raise ValueError("its checksums are damaged")
    return dict(facts)


def resembles_end(magic: bytes) -> bool:
    """Whether a file's end is the mark of checksums, some bytes of it damaged perhaps."""
    return len(magic) == len(_MAGIC) and sum(a == b for a, b in zip(magic, _MAGIC, strict=True)) > len(_MAGIC) // 2


def _read_at(file: FileIO, position: int, count: int) -> bytes:
    """Bytes of a file; fewer at its end."""
    file.seek(position)
    parts = []
    while count > 0 and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _rest_sha256(path: Path, place: Place, size: int) -> str:
    """SHA-256 of the first ``size`` bytes of a file but for one array."""
    digest = hashlib.sha256()
    if size - place.nbytes > _MAX_REST_BYTES:
        raise ValueError(f"it has {size - place.nbytes:,} bytes beside its values")
    with FileIO(path) as file:
        for start, end in ((0, place.offset), (place.offset + place.nbytes, size)):
            for position in range(start, end, _BLOCK):
                digest.update(_read_at(file, position, min(_BLOCK, end - position)))
    return digest.hexdigest()


def _checks_of(path: Path, place: Place, bounds: Sequence[int] | NDArray[np.int64]) -> list[int]:
    """CRC-32 of each item as it is in the file."""
    checks = []
    with FileIO(path) as file:
        for first, end in zip(bounds[:-1], bounds[1:], strict=True):
            start, count = place.offset + int(first) * place.row_bytes, int(end - first) * place.row_bytes
            checks.append(zlib.crc32(_read_at(file, start, count)))
    return checks


def _end_of_hdf5(path: Path) -> int:
    """Bytes of a file that are HDF5's, as its superblock says; what lies behind is not."""
    with FileIO(path) as file:
        head = _read_at(file, 0, 96)
        size = file.seek(0, os.SEEK_END)
    position = {0: 40, 1: 44}.get(head[8], 28)
    return min(size, int.from_bytes(head[position : position + 8], "little"))
