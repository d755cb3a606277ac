"""What the mel store and the image store have in common: where they come from, how they are filled and how read."""

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

import h5py
import numpy as np

from speech2img.errors import DataError
from speech2img.storage.names import some_of

T = TypeVar("T")
R = TypeVar("R")

REBUILD = "delete it and run 'speech2img features' again"


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
        If there are no files, some are missing (the first five are named), or ids repeat.
    """
    digest = hashlib.sha256(f"{settings}\n".encode())
    missing: list[str] = []
    seen: set[str] = set()
    for name, path, more in sources:
        if name in seen:
            raise DataError.about(path, f"the id {name!r} occurs twice", "give each file its own id")
        seen.add(name)
        try:
            status = path.stat()
        except OSError:
            missing.append(str(path))
            continue
        digest.update(f"{name}\0{more}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    if not seen:
        raise DataError.about("store", "no files are given", fix)
    if missing:
        raise DataError.about(f"{len(missing)} of {len(seen)} files", f"missing: {some_of(missing)}", fix)
    return digest.hexdigest()


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


@contextlib.contextmanager
def open_store(path: Path, kind: str) -> Iterator[h5py.File]:
    """Open a store to read; whatever h5py raises for a missing or damaged file becomes one DataError.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    kind : str
        Its format name, which its attribute ``format`` must equal.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["format"] != kind:
                raise DataError.about(path, f"format {file.attrs['format']!r}, not {kind!r}", REBUILD)
            yield file
    except FileNotFoundError as error:
        raise DataError.about(path, "no such file", "run 'speech2img features'") from error
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise DataError.about(path, f"not a readable store of format {kind} ({error})", REBUILD) from error


@contextlib.contextmanager
def open_results(path: Path, *, fix: str) -> Iterator[h5py.File]:
    """Open an HDF5 file of features or embeddings to read.

    Parameters
    ----------
    path : Path
        The file.
    fix : str
        How it can be made again, for the error.

    Raises
    ------
    DataError
        For whatever h5py raises for a damaged file, or the block for one that lacks something.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise DataError.about(path, f"damaged ({error})", fix) from error


def map_dataset(path: Path, dataset: h5py.Dataset, *, mode: Literal["r", "c"] = "r") -> np.memmap:
    """Map an uncompressed, contiguous dataset into memory: reads cost microseconds and survive fork and threads.

    With mode ``c`` it may be written to, which changes nothing on the disk.

    Raises
    ------
    DataError
        If the dataset is stored otherwise, or the file is shorter than it says.
    """
    offset = dataset.id.get_offset()
    if offset is None or path.stat().st_size < offset + dataset.size * dataset.dtype.itemsize:
        raise DataError.about(path, f"damaged: the dataset {dataset.name} is not all there", REBUILD)
    return np.memmap(path, dataset.dtype, mode, offset=offset, shape=dataset.shape)
