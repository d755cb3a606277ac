"""Files from anywhere, read with bounds: regular ones only, none larger than asked for, JSON of finite numbers."""

import contextlib
import errno
import hashlib
import importlib.resources
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import IO, Any

from speech2img.errors import DataError

MAX_JSON_BYTES = 256 << 20
MAX_HEADER_BYTES = 4 << 20
"""Longest header of a safetensors file: some forty thousand tensors."""
MAX_DEPTH = 100
"""Deepest nesting of arrays and objects; what this package writes stays below 20."""
MAX_INTEGER = 2**63 - 1
"""Largest absolute whole number: what a 64-bit integer holds."""
TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)
"""Error numbers of a process, or a machine, that has as many open files as it may."""

_LARGE_NUMBER = re.compile(r"[0-9]{16}|[0-9][eE]\+?[0-9]{3}")


def read_bytes(path: str | Path, *, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`; DataError names the file otherwise."""
    with reading_errors(path), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = b""
        while size <= max_bytes and len(data) <= size and (more := file.read(size + 1 - len(data))):
            data += more
    if size > max_bytes or len(data) > max_bytes:
        raise DataError.about(path, f"is larger than {max_bytes:,} bytes", "check that it is the right file")
    return data


@contextlib.contextmanager
def open_regular(path: str | Path) -> Iterator[FileIO]:
    """Open a regular file to read, unbuffered; DataError for a pipe or a device, which could be waited for for ever.

    Raises
    ------
    DataError
        If it is no regular file.
    OSError
        If it cannot be opened; `reading_errors` names it.
    """
    with FileIO(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError.about(path, "is not a regular file", "name a file")
        yield file


def _open_at_once(name: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe."""
    return os.open(name, flags | os.O_NONBLOCK)


@contextlib.contextmanager
def reading_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError inside the block into `DataError` naming `path`; for files to write: `atomic.disk_errors`."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from error


def refused(path: str | Path, error: OSError) -> DataError:
    """The error of a file or folder that the system does not let us have."""
    if error.errno in TOO_MANY_FILES:
        return DataError.about(path, "too many open files", "raise 'ulimit -n' or give fewer --workers")
    return DataError.about(path, error.strerror or error, "check the path and its permissions")


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a regular file as 64 hex digits; DataError if it cannot be read."""
    with reading_errors(path), open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def demand_short_header(file: IO[bytes]) -> None:
    """Raise ValueError where safetensors, in a file at its beginning, name more tensors than any network has."""
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length:,} bytes")
    file.seek(0)


def read_json(path: str | Path, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file of at most `max_bytes`; DataError names the file if it is missing, damaged or larger."""
    try:
        return parse_json(read_bytes(path, max_bytes=max_bytes))
    except ValueError as error:
        raise DataError.about(path, f"is not valid JSON ({error})", "restore it or make it again") from error


def parse_json(text: str | bytes, *, allow_nan: bool = False) -> Any:
    """Parse JSON text whose numbers fit 64 bits and whose nesting is bounded.

    Parameters
    ----------
    text : str or bytes
        One JSON value; bytes are UTF-8.
    allow_nan : bool
        Whether ``NaN`` and ``Infinity``, which JSON does not know but Python writes, are values.

    Returns
    -------
    Any
        Dicts, lists, texts, ints of at most 64 bits, finite floats (unless `allow_nan`), booleans and None.

    Raises
    ------
    ValueError
        For everything else, and only this: broken text, nesting beyond `MAX_DEPTH`, numbers of hundreds of digits.
    """
    if isinstance(text, bytes):
        text = text.decode()
    constants: dict[str, Any] = {} if allow_nan else {"parse_constant": _refuse_constant}
    # Functions of our own for numbers cost a third of the time, so they are used where a number may be large.
    numbers: dict[str, Any] = {"parse_int": _integer, "parse_float": _finite} if _LARGE_NUMBER.search(text) else {}
    try:
        value = json.loads(text, **constants, **numbers)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > MAX_INTEGER:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        containers = (item for item in level if isinstance(item, dict | list))
        level = [part for item in containers for part in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def shipped_folder() -> Path:
    """Folder of the weights that came with the package."""
    return Path(str(importlib.resources.files("speech2img"))) / "released"
