"""What the mel store and the image store have in common: where they come from, and how they are filled."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.hdf5.seal import END_BYTES, resembles_end
from speech2img.storage.names import some_of
from speech2img.storage.reading import open_regular

T = TypeVar("T")
R = TypeVar("R")

REBUILD = "delete it and run 'speech2img features' again"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEAD_BYTES = 1 << 16


def digest_sources(settings: str, sources: Iterable[tuple[str, Path, str]], *, fix: str) -> str:
    """Digest of what a store is made of: if it is the same, so is the store.

    Parameters
    ----------
    settings : str
        Everything that decides the content beside the files.
    sources : iterable of (id, Path, str)
        Id and file of each item, and what else decides its content. Of a file, size and time of change count.
    fix : str
        How missing files come into being, for the error.

    Raises
    ------
    DataError
        If there are no files, some are missing (the first are named), or ids repeat or are no texts.
    """
    digest = hashlib.sha256(f"{settings}\n".encode())
    missing: list[str] = []
    seen: set[str] = set()
    for name, path, more in sources:
        # Names that can be stored and found again.
        if not is_text(name):
            raise DataError.about(path, f"the id {name!r} is not UTF-8", "rename the file and prepare the corpus again")
        if name in seen:
            raise DataError.about(path, f"the id {name!r} occurs twice", "give each file its own id")
        seen.add(name)
        # Size and time stand for the content, which would take hours to read.
        try:
            status = path.stat()
        except OSError:
            missing.append(str(path))
            continue
        digest.update(f"{name}\0{more}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    # All must be there.
    if not seen:
        raise DataError.about("store", "no files are given", fix)
    if missing:
        raise DataError.about(f"{len(missing)} of {len(seen)} files", f"missing: {some_of(missing)}", fix)
    return digest.hexdigest()


def is_text(name: str) -> bool:
    """Whether UTF-8 can write a name: Python keeps bytes of a file name that are none as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def demand_store_or_nothing(path: Path) -> None:
    """Raise DataError where a folder, pipe or device has the name of a store: it is neither read nor replaced."""
    if path.exists() and not path.is_file():
        raise DataError.about(path, "is not a regular file", "move it away and run 'speech2img features' again")


def demand_own_store(path: Path, *, names: Collection[str]) -> None:
    """Raise DataError where something has the name of a store that no store of this package is.

    Parameters
    ----------
    path : Path
        Where a verb will write a store; a link is followed.
    names : collection of str
        What the head of such a store names: its arrays, perhaps attributes. A damaged store that still names them, or
        still ends in its checksums, is one of ours.
    """
    demand_store_or_nothing(path)
    if path.exists() and not _was_written_here(path, names):
        reason = "is there already, and no store of this package"
        raise DataError.about(path, reason, "move it away and run the command again")


def _was_written_here(path: Path, names: Collection[str]) -> bool:
    """Whether a file is a store of this package, be it damaged; an empty one holds nothing that could be lost."""
    with disk_errors(path), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD_BYTES)
        file.seek(max(0, size - END_BYTES))
        if not size or resembles_end(file.read(END_BYTES)):
            return True
    return head.startswith(_HDF5) and all(f"{name}\0".encode() in head for name in names)


def map_in_order(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """Map on threads; results come in the order of the items, and only a few of them wait at any time.

    Parameters
    ----------
    function : callable
        Called once an item; what it raises is raised at the item's turn, and nothing new is begun.
    items : sequence
        Its arguments.
    workers : int >= 1
        Number of threads.
    """
    pending = iter(items)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting = deque(pool.submit(function, item) for item in islice(pending, 8 * max(1, workers)))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(pending, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
