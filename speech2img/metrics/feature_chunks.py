"""Finished parts of a feature extraction: in memory, or in a folder that outlives the process."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from speech2img.storage.atomic import atomic_write_bytes, file_sha256, remove_leftovers
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock


@dataclass(frozen=True, eq=False)
class Chunk:
    """Features of a run of pictures."""

    features: Mapping[str, NDArray[np.float32]]
    """Tap -> (n, width)."""
    hashes: tuple[str, ...]
    """Hash of the content of each picture."""


class Chunks:
    """Finished parts by the number of their first picture, in memory."""

    def __init__(self) -> None:
        self._chunks: dict[int, Chunk] = {}

    def __contains__(self, start: int) -> bool:
        return start in self._chunks

    def add(self, start: int, chunk: Chunk) -> None:
        """Keep a finished part."""
        self._chunks[start] = chunk

    def take(self, start: int) -> Chunk:
        """Give a part back; it is asked for once."""
        return self._chunks.pop(start)


class StoredChunks(Chunks):
    """Finished parts in a folder: a file each, and a journal with the hash that makes a file count.

    Parameters
    ----------
    folder : Path
        Of this extraction alone; the caller holds its lock.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        remove_leftovers(folder)
        self._folder = folder
        self._journal = Journal(folder / "journal.jsonl")
        self._valid = {
            int(key) for key, fields in self._journal.done.items()
            if self._file(int(key)).is_file() and file_sha256(self._file(int(key))) == fields.get("sha256")
        }  # fmt: skip

    def __contains__(self, start: int) -> bool:
        return start in self._valid

    def add(self, start: int, chunk: Chunk) -> None:
        """Keep a finished part; it is on the disk when this returns."""
        data = save({tap: np.ascontiguousarray(values) for tap, values in chunk.features.items()})
        atomic_write_bytes(self._file(start), data)
        self._journal.add(str(start), sha256=hashlib.sha256(data).hexdigest(), hashes=list(chunk.hashes))
        self._valid.add(start)

    def take(self, start: int) -> Chunk:
        """Read a part back."""
        return Chunk(load(self._file(start).read_bytes()), tuple(self._journal.done[str(start)]["hashes"]))

    def _file(self, start: int) -> Path:
        return self._folder / f"chunk-{start:07d}.safetensors"


@contextlib.contextmanager
def open_chunks(folder: Path | None) -> Iterator[Chunks]:
    """Parts in a folder, which is locked meanwhile, or in memory where there is none.

    Raises
    ------
    ConfigError
        If another process works in the folder.
    """
    if folder is None:
        yield Chunks()
        return
    with run_lock(folder):
        yield StoredChunks(folder)
