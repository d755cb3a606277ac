"""Finished parts of a feature extraction: in memory, or in a folder that outlives the process."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from speech2img.errors import DataError
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
        return {
            int(key)
            for key, fields in self._journal.done.items()
            if self._file(int(key)).is_file() and file_sha256(self._file(int(key))) == fields.get("sha256")
        }

    def __contains__(self, start: int) -> bool:
        return start in self._valid

    def add(self, start: int, chunk: Chunk) -> None:
        """Keep a finished part; it is on the disk when this returns."""
        data = save({tap: np.ascontiguousarray(values) for tap, values in chunk.features.items()})
        atomic_write_bytes(self._file(start), data)
        self._journal.add(str(start), sha256=hashlib.sha256(data).hexdigest(), hashes=list(chunk.hashes))
        self._valid.add(start)

    def hashes(self, start: int) -> tuple[str, ...]:
        """As the journal has them."""
        return tuple(self._journal.done[str(start)]["hashes"])

    def features(self, tap: str, start: int) -> NDArray[np.float32]:
        """Read back from the disk, this output alone."""
        with safe_open(self._file(start), framework="np") as file:
            values: NDArray[np.float32] = file.get_tensor(tap)
        return values

    def _file(self, start: int) -> Path:
        return self._folder / f"chunk-{start:07d}.safetensors"


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
            try:
                self._held = tap, np.concatenate([self._chunks.features(tap, start) for start in self._starts])
            except (OSError, SafetensorError) as error:
                raise DataError.about(
                    "finished features", f"a part can no longer be read ({error})", "run the same command again"
                ) from error
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
