"""Frames of stored speech embeddings: one vector a time step of each utterance, ragged, float16, with checksums."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from speech2img.errors import DataError
from speech2img.storage.atomic import atomic_path
from speech2img.storage.chunks import Chunks
from speech2img.storage.hdf5.opener import CheckedRows, open_store
from speech2img.storage.hdf5.seal import SEALED, check_of, seal_store

FRAMES_FILE = "frames.h5"
"""Beside ``embeddings.h5``, where frames were asked for."""
FORMAT = "speech2img-frames-1"
_FIX = "run 'speech2img extract --frames' again"
_ARRAYS = ("frames", "ids", "offsets")


def write_frames(
    folder: Path, chunks: Chunks, batches: Sequence[np.ndarray], *, ids: Sequence[str], sha256: str
) -> None:
    """Write ``frames.h5``; no more than one part is in memory.

    Parameters
    ----------
    folder : Path
        Of the embeddings.
    chunks : Chunks
        Parts with the outputs ``frames`` (steps of all utterances, D) and ``steps`` (utterances, 1).
    batches : sequence of ndarray of int
        Rows of the utterances of each part.
    ids : sequence of str
        Names of the utterances by row.
    sha256 : str
        Hash of the encoder's weights.

    Raises
    ------
    DataError
        If a value is beyond what float16 holds.
    """
    # Where each utterance lies: in the order of the rows.
    steps = np.zeros(len(ids), dtype=np.int64)
    for number, rows in enumerate(batches):
        steps[rows] = chunks.features("steps", number)[:, 0].astype(np.int64)
    offsets = np.concatenate(([0], np.cumsum(steps)))
    width = chunks.features("frames", 0).shape[1]

    # Written row by row, so that the file never lies in memory.
    checks = [0] * len(ids)
    attributes: dict[str, str | int] = {"format": FORMAT, "sha256": sha256}
    with atomic_path(folder / FRAMES_FILE) as temporary:
        with h5py.File(temporary, "w") as file:
            file["ids"] = np.array([name.encode() for name in ids])
            file["offsets"] = offsets
            frames = file.create_dataset("frames", shape=(int(offsets[-1]), width), dtype=np.float16)
            for number, rows in enumerate(batches):
                ends = np.cumsum(steps[rows])
                for row, part in zip(rows, np.split(chunks.features("frames", number), ends[:-1]), strict=True):
                    half = _half(part, ids[row], folder)
                    frames[offsets[row] : offsets[row + 1]] = half
                    checks[row] = check_of(half)
            file.attrs.update({**attributes, **SEALED})
        seal_store(temporary, arrays=_ARRAYS, attributes=attributes, rows="frames", bounds=offsets, checks=checks)


def _half(frames: np.ndarray, name: str, folder: Path) -> np.ndarray:
    """Frames as float16, all finite."""
    with np.errstate(over="ignore"):
        half = frames.astype(np.float16)
    if not np.isfinite(half).all():
        reason = f"the encoder's frames of {name!r} are beyond what float16 holds"
        raise DataError.about(folder / FRAMES_FILE, reason, "extract without --frames")
    return half


class StoredFrames(Sequence[np.ndarray]):
    """Frames (S, D) float32 of each utterance, read from the disk and compared with their checksum when asked for.

    Parameters
    ----------
    rows : CheckedRows
        The open array.
    lengths : ndarray of int64, shape (N,)
        Time steps of each utterance.
    """

    def __init__(self, rows: CheckedRows, lengths: np.ndarray) -> None:
        self._rows, self.lengths = rows, lengths
        self.width = int(rows.shape[1])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override]
        """Frames of one utterance."""
        return self._rows.item(range(len(self))[row]).astype(np.float32)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))


def load_frames(folder: Path, ids: Sequence[str], *, sha256: str, fix: str = _FIX) -> StoredFrames | None:
    """Open ``frames.h5``; None where there is none.

    Parameters
    ----------
    folder : Path
        Of the embeddings.
    ids, sha256
        Names of the utterances and hash of the encoder's weights, as the embeddings beside it have them.
    fix : str
        What to do where the file is damaged, for the message.

    Raises
    ------
    DataError
        If the file is damaged or belongs to other embeddings.
    """
    # Frames are optional, and must belong to these embeddings.
    path = folder / FRAMES_FILE
    if not path.exists():
        return None
    store = open_store(path, kind=FORMAT, arrays=_ARRAYS, attributes=("sha256",), fix=fix)
    if store.ids() != list(ids) or store.text("sha256") != sha256:
        raise store.damaged("it belongs to other embeddings")
    # Bounds must rise from 0 to the number of frames.
    bounds = store.read("offsets", kinds="i", ndim=1).astype(np.int64)
    whole = bounds.shape == (len(ids) + 1,) and bounds[0] == 0 and bool((bounds[1:] > bounds[:-1]).all())
    if not whole:
        raise store.damaged("damaged: its parts do not fit together")
    rows = CheckedRows(store, "frames", kind="utterance", ids=ids, bounds=bounds)
    if rows.dtype != np.float16 or len(rows.shape) != 2 or rows.shape[0] != bounds[-1]:
        raise store.damaged("damaged: its parts do not fit together")
    return StoredFrames(rows, np.diff(bounds))
