"""Mels on their way into a store: every frame is written once, where the finished file has it, and a journal counts."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any

import h5py
import numpy as np

from speech2img.errors import DataError
from speech2img.storage.atomic import fsync
from speech2img.storage.hdf5.seal import check_of, seal_store
from speech2img.storage.journal import Journal
from speech2img.storage.progress import Progress

FRAMES_AT = 1 << 16
"""Byte of the file at which the frames begin; HDF5 writes its own records before and behind them."""

_ALIGNED_BYTES = 1 << 12  # what is larger, HDF5 puts at a multiple of FRAMES_AT
_BATCH_SECONDS = 0.25  # so little that the disk has hardly anything left to do at the end


class Spool:
    """A mel store in the making: a file that has only frames yet, and a journal that says how many count.

    A batch counts once its frames and then its journal line are on the disk; what lies behind the last counted frame
    is overwritten when a build resumes. The file is named after its source, so that a child which outlives its killed
    parent by a moment cannot write into the file of another build.

    Parameters
    ----------
    folder : Path
        Where both are, made or found again; the caller holds its lock.
    source : str
        Digest of what goes into the store: frames of another source are thrown away.
    n_mels : int
        Bands of a frame.

    Attributes
    ----------
    lengths : list of int
        Frames of each utterance that counts, in order.

    Raises
    ------
    DataError
        If frames that count are not there.
    """

    def __init__(self, folder: Path, source: str, n_mels: int) -> None:
        self.lengths: list[int] = []
        self._checks: list[int] = []
        self._folder, self._n_mels = folder, n_mels
        # The source is in the name: a child that outlives its killed parent writes into another file.
        self._path = folder / f"frames-{source[:16]}.h5"
        self._journal = Journal(folder / "journal.jsonl")
        identity = {"digest": source, "frames_at": FRAMES_AT}
        # Take over what an interrupted build of the same source left, or begin with empty files.
        if self._journal.done.get("source") == identity and self._path.exists():
            self._take_over()
        else:
            for old in folder.glob("[fjs]*"):  # frames, journal, skeleton
                old.unlink()
            self._path.touch()
            fsync(folder)
            self._journal.reload()
            self._journal.add("source", **identity)
        self._rows = sum(self.lengths)
        self._groups: list[tuple[list[int], list[int]]] = []
        self._counted = 0

    def _take_over(self) -> None:
        """Let count what an earlier process's journal says; earlier versions wrote no checksums, frames give them."""
        while batch := self._journal.done.get(str(len(self.lengths))):
            # Numbers of one finished group; a damaged line ends what is taken over.
            lengths, checks = _numbers(batch.get("lengths"), lowest=1), _numbers(batch.get("checks"), lowest=0)
            if not lengths:
                return
            first, rows = sum(self.lengths), sum(lengths)
            # The frames must be there as far as the journal says.
            if self._path.stat().st_size < self._place(first + rows):
                raise DataError.about(
                    self._folder, "the unfinished store is damaged", "delete this folder and try again"
                )
            if len(checks) != len(lengths):
                frames = np.memmap(self._path, np.float16, "r", offset=self._place(first), shape=(rows, self._n_mels))
                checks = [check_of(mel) for mel in np.split(frames, np.cumsum(lengths[:-1]))]
            self.lengths += lengths
            self._checks += checks

    def _place(self, row: int) -> int:
        """Byte at which a frame begins."""
        return FRAMES_AT + 2 * self._n_mels * row

    def take(self, lengths: list[int], checks: list[int]) -> int:
        """Keep a place for the next utterances.

        Parameters
        ----------
        lengths : list of int
            Frames of each.
        checks : list of int
            As `speech2img.storage.hdf5.seal.check_of` gives it of each.

        Returns
        -------
        int
            Number of the first frame.
        """
        row = self._rows
        self._rows += sum(lengths)
        self._groups.append((lengths, checks))
        return row

    def write(self, mels: Sequence[np.ndarray], row: int) -> None:
        """Write utterances to their place; any process may.

        Parameters
        ----------
        mels : sequence of np.ndarray [shape=(frames, n_mels), float16]
            Utterances that follow each other.
        row : int
            Number of the first frame.
        """
        view = np.concatenate(mels).data.cast("B")
        with FileIO(self._path, "r+b") as file:
            file.seek(self._place(row))
            while view:
                view = view[file.write(view) :]

    def fill(self, written: Iterable[int], bar: Progress) -> None:
        """Count what is written, a few times a second; what is written when this ends early counts as well.

        A thread waits for the disk meanwhile, and Ctrl-C cannot reach it between a journal line and what follows.

        Parameters
        ----------
        written : iterable of int
            How many groups, of those that `take` has seen, are written; grows.
        bar : Progress
            Tells of what counts.
        """
        groups, since = 0, monotonic()
        counting: Future[None] | None = None
        with FileIO(self._path, "r+b") as file, ThreadPoolExecutor(1) as thread:
            try:
                for groups in written:
                    if monotonic() - since > _BATCH_SECONDS and (counting is None or counting.done()):
                        _demand_success(counting)
                        counting, since = thread.submit(self._count, groups, file, bar), monotonic()
            finally:
                _demand_success(counting)
                thread.submit(self._count, groups, file, bar).result()

    def _count(self, groups: int, file: FileIO, bar: Progress) -> None:
        """Let this many groups count."""
        counted = self._groups[self._counted : groups]
        lengths = list(chain.from_iterable(lengths for lengths, _ in counted))
        checks = list(chain.from_iterable(checks for _, checks in counted))
        if lengths:
            os.fsync(file)
            self._journal.add(str(len(self.lengths)), lengths=lengths, checks=checks)
            self.lengths += lengths
            self._checks += checks
            self._counted = groups
            bar.update(len(lengths))

    def finish(self, path: Path, ids: Sequence[str], attributes: Mapping[str, str | int]) -> None:
        """Make the store of all that counts: HDF5's records are written around the frames, checksums behind them.

        Parameters
        ----------
        path : Path
            The store, on the disk that has the spool's folder.
        ids : sequence of str
            Names of the utterances.
        attributes : mapping of str to str or int
            What the store says of itself.
        """
        skeleton = self._folder / "skeleton.h5"
        # Without times and fill values the same frames make the same bytes.
        shape = (sum(self.lengths), self._n_mels)
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        layout.set_obj_track_times(False)
        # The records alone: frames that stand already in a file are surrounded, not copied.
        with h5py.File(skeleton, "w", alignment_threshold=_ALIGNED_BYTES, alignment_interval=FRAMES_AT) as file:
            space, kind = h5py.h5s.create_simple(shape), h5py.h5t.py_create(np.dtype(np.float16))
            place = h5py.h5d.create(file.id, b"frames", kind, space, layout).get_offset()
            if place != FRAMES_AT:  # so few frames that they are among the records
                file["frames"][...] = np.memmap(self._path, np.float16, "r", offset=FRAMES_AT, shape=shape)
            file["ids"] = np.array([name.encode() for name in ids])
            file["offsets"] = bounds = np.concatenate(([0], np.cumsum(self.lengths, dtype=np.int64)))
            file.attrs.update(attributes)
        finished = self._surround(skeleton) if place == FRAMES_AT else skeleton
        # Sealed, then complete under the final name or not at all.
        arrays = ("frames", "ids", "offsets")
        seal_store(finished, arrays=arrays, attributes=attributes, rows="frames", bounds=bounds, checks=self._checks)
        fsync(finished)
        os.replace(finished, path)
        fsync(path.parent)

    def _surround(self, skeleton: Path) -> Path:
        """Write the records of a file without frames before and behind the frames."""
        with skeleton.open("rb") as records, self._path.open("r+b") as file:
            file.write(records.read(FRAMES_AT))
            end = self._place(sum(self.lengths))
            records.seek(end)
            file.seek(end)
            shutil.copyfileobj(records, file)
            file.truncate()
        return self._path


def _numbers(value: Any, *, lowest: int) -> list[int]:
    """A journal's field that is a list of whole numbers, as this module writes it; otherwise nothing."""
    right = isinstance(value, list) and all(type(number) is int and number >= lowest for number in value)
    return value if right else []


def _demand_success(counting: Future[None] | None) -> None:
    """Wait for a count, and raise what it raised: after a failed fsync the next one succeeds without the data."""
    if counting is not None:
        counting.result()
