"""Finished parts of a feature extraction: in memory, or in a folder that outlives the process."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from speech2img.errors import DataError
from speech2img.storage.atomic import atomic_write_bytes, remove_leftovers
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.storage.reading import file_sha256, read_bytes

MAX_PART_BYTES = 1 << 30
"""Largest file of a part that is read; those written here have some megabytes."""


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

    def hashes(self, start: int) -> tuple[str, ...]:
        """Hash of the content of each picture of a part."""
        return self._chunks[start].hashes

    def features(self, tap: str, start: int) -> NDArray[np.float32]:
        """Features (n, width) of a part at an output."""
        return self._chunks[start].features[tap]


class StoredChunks(Chunks):
    """Finished parts in a folder: a file each, and a journal with the hash that makes a file count.

    Parameters
    ----------
    folder : Path
        Of this extraction alone; the caller holds its lock.
    shared : bool
        Whether other processes of the same job add parts too; theirs are seen after `reload`.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        super().__init__()
        if not shared:
            remove_leftovers(folder)
        self._folder = folder
        self._journal = Journal(folder / "journal.jsonl", shared=shared)
        self._valid = self._intact()

    def reload(self) -> None:
        """Take in the parts that other processes have added."""
        self._journal.reload()
        self._valid = self._intact()

    def _intact(self) -> set[int]:
        """Numbers of the parts whose line and file are what was written."""
        valid = set()
        for key, fields in self._journal.done.items():
            if key.isascii() and key.isdigit() and len(key) < 16 and _is_sound(fields):
                path = self._file(int(key))
                small = path.is_file() and path.stat().st_size <= MAX_PART_BYTES
                if small and file_sha256(path) == fields["sha256"]:
                    valid.add(int(key))
        return valid

    def __contains__(self, start: int) -> bool:
        return start in self._valid

    def add(self, start: int, chunk: Chunk) -> None:
        """Keep a finished part; it is on the disk when this returns."""
        data = save({tap: np.ascontiguousarray(values) for tap, values in chunk.features.items()})
        atomic_write_bytes(self._file(start), data)
        hashes = list(chunk.hashes)
        sha256 = hashlib.sha256(data).hexdigest()
        self._journal.add(str(start), sha256=sha256, hashes=hashes, hashes_sha256=_sha256_of(hashes))
        self._valid.add(start)

    def hashes(self, start: int) -> tuple[str, ...]:
        """As the journal has them."""
        return tuple(self._journal.done[str(start)]["hashes"])

    def features(self, tap: str, start: int) -> NDArray[np.float32]:
        """Read back from the disk; DataError if the part is gone or differs from what was written."""
        path = self._file(start)
        try:
            data = read_bytes(path, max_bytes=MAX_PART_BYTES)
            if hashlib.sha256(data).hexdigest() != self._journal.done[str(start)]["sha256"]:
                raise ValueError("it differs from its checksum")
            values: NDArray[np.float32] = load(data)[tap]
            if values.dtype != np.float32 or values.ndim < 2:
                raise ValueError(f"its features have shape {values.shape} and type {values.dtype}")
        except (DataError, LookupError, TypeError, ValueError, SafetensorError) as error:
            reason = f"a finished part can no longer be read ({error})"
            raise DataError.about(path, reason, "run the same command again") from error
        return values

    def _file(self, start: int) -> Path:
        return self._folder / f"chunk-{start:07d}.safetensors"


def _is_sound(fields: Mapping[str, Any]) -> bool:
    """Whether a line of the journal is what was written; earlier versions wrote no checksum of the hashes."""
    hashes = fields.get("hashes")
    if not isinstance(hashes, list) or not all(isinstance(name, str) for name in hashes):
        return False
    return fields.get("hashes_sha256", _sha256_of(hashes)) == _sha256_of(hashes) and "sha256" in fields


def _sha256_of(hashes: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(hashes).encode("utf-8", "surrogatepass")).hexdigest()


class TapFeatures(Mapping[str, NDArray[np.float32]]):
    """Features of all parts by output, put together when they are asked for; only the last ones are held.

    Parameters
    ----------
    chunks : Chunks
        With every part.
    starts : sequence of int
        Numbers of the parts.
    taps : sequence of str
        The outputs.
    """

    def __init__(self, chunks: Chunks, starts: Sequence[int], taps: Sequence[str]) -> None:
        self._chunks, self._starts, self._taps = chunks, tuple(starts), tuple(taps)
        self._held: tuple[str, NDArray[np.float32]] | None = None

    def __getitem__(self, tap: str) -> NDArray[np.float32]:
        """(N, width); DataError if a part has been removed or damaged meanwhile."""
        if tap not in self._taps:
            raise KeyError(tap)
        if self._held is None or self._held[0] != tap:
            self._held = None
            self._held = tap, np.concatenate([self._chunks.features(tap, start) for start in self._starts])
        return self._held[1]

    def __contains__(self, tap: object) -> bool:
        return tap in self._taps

    def __iter__(self) -> Iterator[str]:
        return iter(self._taps)

    def __len__(self) -> int:
        return len(self._taps)


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
