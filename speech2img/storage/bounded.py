"""Files that unfold: how much may come out of how little, be it compressed or full of holes."""

import contextlib
import errno
import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.reading import open_regular

SPARE_BYTES = 64 << 20
MAX_RATIO = 100
_CHUNK = 1 << 20
_MAX_PIECES = 10_000
_GZIP = b"\x1f\x8b"
_FIX = "check that it is the right file, or fetch it again"


def most_bytes(size: int) -> int:
    """How many bytes may come out of so many: `MAX_RATIO` times as many, and `SPARE_BYTES`."""
    return SPARE_BYTES + MAX_RATIO * size


@contextlib.contextmanager
def open_bounded(path: str | Path, *, max_bytes: int | None = None) -> Iterator[IO[bytes]]:
    """Open a regular file to read, if it is no larger than it may be and does not consist of holes.

    Parameters
    ----------
    path : path
        The file.
    max_bytes : int, optional
        Largest size.

    Raises
    ------
    DataError
        If it cannot be opened, is a pipe, a device or a folder, is larger, or takes far less of the disk than its size.
    """
    with disk_errors(path):
        opened = contextlib.ExitStack()
        file = io.BufferedReader(opened.enter_context(open_regular(path)))
    with opened, file:
        # A file that is far too large, or is nearly all hole, would fill the memory.
        size = os.fstat(file.fileno()).st_size
        if max_bytes is not None and size > max_bytes:
            raise DataError.about(path, f"is larger than {max_bytes:,} bytes", "check that it is the right file")
        if size > SPARE_BYTES and _consists_of_holes(file.fileno(), size):
            raise DataError.about(path, f"consists of holes: of its {size:,} bytes next to none are there", _FIX)
        file.seek(0)
        # What the reader raises about a format is its own; what the disk says names the file.
        try:
            yield file
        except OSError as error:
            if error.errno is None:  # an error of a format, and none of the disk
                raise
            with disk_errors(path):
                raise


@contextlib.contextmanager
def open_unpacked(path: str | Path, *, max_bytes: int | None = None) -> Iterator[IO[bytes]]:
    """Open a regular file as `open_bounded` does, and unpack it if it is compressed with gzip, whatever its name.

    Yields
    ------
    file : binary file
        Its content, which can be sought in.

    Raises
    ------
    DataError
        As `open_bounded`; or if what is compressed is damaged or grows beyond `most_bytes` or ``max_bytes``.
    DiskFullError
        If there is no room to unpack it.
    """
    with open_bounded(path, max_bytes=max_bytes) as file:
        # Not packed: as it is.
        if file.read(2) != _GZIP:
            file.seek(0)
            yield file
            return
        # Unpacked into a file without a name, no further than a packed file may grow.
        size = os.fstat(file.fileno()).st_size
        most = min(most_bytes(size), most_bytes(size) if max_bytes is None else max_bytes)
        file.seek(0)
        with disk_errors(tempfile.gettempdir()):
            unpacked = tempfile.TemporaryFile()
        with unpacked:
            _unpack(path, file, unpacked, most)
            unpacked.seek(0)
            yield unpacked


def _unpack(path: str | Path, file: IO[bytes], unpacked: IO[bytes], most: int) -> None:
    left = most
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as source:
            while data := source.read(_CHUNK):
                left -= len(data)
                if left < 0:
                    raise DataError.about(path, f"would grow beyond {most:,} bytes when unpacked", _FIX)
                with disk_errors(tempfile.gettempdir()):
                    unpacked.write(data)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError.about(path, f"is compressed and damaged ({error})", _FIX) from error


def _consists_of_holes(descriptor: int, size: int) -> bool:
    """Whether a file system that knows holes has less data of a file than could unfold to its size."""
    position = data = 0
    try:
        for _ in range(_MAX_PIECES):
            start = os.lseek(descriptor, position, os.SEEK_DATA)
            position = os.lseek(descriptor, start, os.SEEK_HOLE)
            data += position - start
            if size <= most_bytes(data) or position >= size:
                break
    except OSError as error:
        if error.errno != errno.ENXIO:  # ENXIO: no data up to the end; all else: no file system that knows
            return False
    return size > most_bytes(data)
