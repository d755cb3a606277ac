"""The mel store of a corpus: one HDF5 file of ragged float16 log-mels, built so that a crash loses nothing reported."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

import h5py
import numpy as np
from tqdm import tqdm

from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel
from speech2img.errors import AudioError, DataError, RunInterrupted
from speech2img.storage.atomic import atomic_path, disk_errors, disk_full
from speech2img.storage.forks import map_in_forks
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.storage.stores import REBUILD, digest_sources, map_dataset, open_store

FORMAT = "speech2img-mels-1"

_GROUP_ITEMS = 16  # that one process computes before it hands them over
_BATCH_ITEMS, _BATCH_SECONDS = 1024, 1.0
_COPY_ROWS = 1 << 19

Entry = tuple[str, Path]
Mels = tuple[list[int], np.ndarray]
"""Frames of each utterance of a group, and all of them, float16 (frames, n_mels)."""


def build_mel_store(
    path: str | Path, entries: Sequence[Entry], *, preset: MelPreset, workers: int = 2, progress: bool = True
) -> "MelStore":
    """Compute the log-mels of many recordings and keep them in one file.

    Parameters
    ----------
    path : path
        The HDF5 file. While it is being built, finished mels lie in the folder ``<path>.building``, from which an
        interrupted build goes on; the file itself appears complete or not at all.
    entries : sequence of (id, Path)
        Name and recording of each utterance; the order is the store's order.
    preset : MelPreset
        The front-end.
    workers : int
        Processes; the content does not depend on their number.
    progress : bool
        Whether to show a progress bar; it counts what is on the disk.

    Returns
    -------
    MelStore
        The finished store. One that is there already is returned at once if it holds the same ids of the same files
        (size and time of each) by the same preset, and built anew otherwise.

    Raises
    ------
    DataError
        If recordings are missing or ids repeat; the first few are named.
    AudioError
        If a recording cannot be used; it is named.
    DiskFullError, RunInterrupted
        On a full disk and on Ctrl-C: what is finished stays, the same call goes on.
    """
    path = Path(path)
    sources = ((name, file, "") for name, file in entries)
    source = digest_sources(preset.fingerprint, sources, fix="speak the corpus first: 'speech2img synthesize'")
    if path.is_file() and (store := _up_to_date(path, source)) is not None:
        return store
    building = path.with_name(f"{path.name}.building")
    with run_lock(building), disk_errors(path):
        spool = _Spool(building, source, preset.n_mels)
        done = len(spool.lengths)
        bar = tqdm(total=len(entries), initial=done, desc=f"mels {preset.name}", unit="utt", disable=not progress)
        groups = [entries[start : start + _GROUP_ITEMS] for start in range(done, len(entries), _GROUP_ITEMS)]
        try:
            with bar, contextlib.closing(map_in_forks(partial(_read_mels, preset=preset), groups, workers)) as mels:
                spool.fill(mels, bar)
        except KeyboardInterrupt:
            reason = f"interrupted after {len(spool.lengths)} of {len(entries)} recordings"
            raise RunInterrupted.about(path, reason, "run the same command again to go on") from None
        _write(path, [name for name, _ in entries], spool, preset, source)
        shutil.rmtree(building)
    return MelStore(path)


class MelStore:
    """Log-mels of a corpus, read one at a time through memory mapping.

    Parameters
    ----------
    path : path
        What :func:`build_mel_store` wrote.

    Attributes
    ----------
    preset : MelPreset
        The front-end that made the mels.
    ids : list of str
        Names of the utterances, in the store's order.
    lengths : np.ndarray [shape=(N,), int64]
        Frames of each utterance.

    Raises
    ------
    DataError
        If the file is missing, damaged or made by a front-end that this version does not know.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with open_store(self.path, FORMAT) as file:
            name, fingerprint = str(file.attrs["preset"]), str(file.attrs["preset_fingerprint"])
            self.source = str(file.attrs["source"])
            self._offsets = file["offsets"][()].astype(np.int64)
            self.ids = [name.decode() for name in file["ids"][()]]
            self._frames: np.memmap | None = map_dataset(self.path, file["frames"])
        preset = MEL_PRESETS.get(name)
        if preset is None or preset.fingerprint != fingerprint:
            raise DataError.about(self.path, f"made by another front-end than this version's {name!r}", REBUILD)
        self.preset = preset
        self.lengths = np.diff(self._offsets)
        whole = self._offsets.shape == (len(self.ids) + 1,) and self._offsets[0] == 0 and (self.lengths >= 1).all()
        shape, kind = self._frames.shape, self._frames.dtype
        if not whole or kind != np.float16 or shape != (self._offsets[-1], preset.n_mels):
            raise DataError.about(self.path, "damaged: its parts do not fit together", REBUILD)
        self._index: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def index(self, name: str) -> int:
        """Position of an utterance; DataError if the store does not hold it."""
        if self._index is None:
            self._index = {name: position for position, name in enumerate(self.ids)}
        try:
            return self._index[name]
        except KeyError:
            raise DataError.about(self.path, f"holds no utterance {name!r}", REBUILD) from None

    def read(self, position: int) -> np.ndarray:
        """Read one log-mel.

        Parameters
        ----------
        position : int
            0 to N - 1.

        Returns
        -------
        np.ndarray [shape=(frames, n_mels), float32]
            As the preset gives it, rounded to float16.
        """
        if not 0 <= position < len(self.ids):
            raise IndexError(f"{self.path} holds {len(self.ids)} utterances, not number {position}")
        if self._frames is None:
            with open_store(self.path, FORMAT) as file:
                self._frames = map_dataset(self.path, file["frames"])
        return np.asarray(self._frames[self._offsets[position] : self._offsets[position + 1]], dtype=np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_frames": None}


class _Spool:
    """Finished mels on their way into a store: raw frames in one file, and a journal that says how many count.

    A batch counts once its frames and then its journal line are on the disk; what lies behind the last counted frame
    is cut off when a build goes on.
    """

    def __init__(self, folder: Path, source: str, n_mels: int) -> None:
        self.frames_path = folder / "frames.f16"
        self._row_bytes = 2 * n_mels
        journal_path = folder / "journal.jsonl"
        self._journal = Journal(journal_path)
        self.lengths: list[int] = []
        if self._journal.done.get("source", {}).get("digest") == source:
            while batch := self._journal.done.get(str(len(self.lengths))):
                self.lengths += batch["lengths"]
        else:
            journal_path.unlink()
            self._journal = Journal(journal_path)
            self._journal.add("source", digest=source)
        with self.frames_path.open("ab") as file:
            there = file.tell()
        if there < self._counted:
            raise DataError.about(folder, "the unfinished store is damaged", "delete this folder and try again")
        os.truncate(self.frames_path, self._counted)

    @property
    def _counted(self) -> int:
        return self._row_bytes * sum(self.lengths)

    def fill(self, groups: Iterable[Mels], bar: tqdm) -> None:
        """Take the missing mels in order; the bar tells of those that count.

        What does not count yet is dropped if this ends early: going on in the middle of a batch could count it twice.
        """
        lengths: list[int] = []
        since = monotonic()
        with self.frames_path.open("ab") as file:
            for more, frames in groups:
                file.write(frames.data)
                lengths += more
                if len(lengths) >= _BATCH_ITEMS or monotonic() - since > _BATCH_SECONDS:
                    self._count(file, lengths, bar)
                    lengths, since = [], monotonic()
            self._count(file, lengths, bar)

    def _count(self, file: BinaryIO, lengths: list[int], bar: tqdm) -> None:
        if not lengths:
            return
        file.flush()
        os.fsync(file.fileno())
        self._journal.add(str(len(self.lengths)), lengths=lengths)
        self.lengths += lengths
        bar.update(len(lengths))


def _read_mels(entries: Sequence[Entry], *, preset: MelPreset) -> Mels:
    """Log-mels of a group of recordings."""
    mels = [_read_mel(entry, preset) for entry in entries]
    return [len(mel) for mel in mels], np.concatenate(mels)


def _read_mel(entry: Entry, preset: MelPreset) -> np.ndarray:
    """Log-mel of one recording as float16 (frames, n_mels)."""
    path = entry[1]
    y = read_audio(path, sample_rate=preset.sample_rate)
    try:
        return np.ascontiguousarray(log_mel(y, preset=preset).astype(np.float16).T)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error


def _write(path: Path, ids: list[str], spool: _Spool, preset: MelPreset, source: str) -> None:
    """Write the finished store from its spool."""
    size = spool.frames_path.stat().st_size
    if shutil.disk_usage(path.parent).free < size:
        raise disk_full(path, size)
    offsets = np.concatenate(([0], np.cumsum(spool.lengths, dtype=np.int64)))
    with atomic_path(path, bytes_needed=size) as temp, h5py.File(temp, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["preset"] = preset.name
        file.attrs["preset_fingerprint"] = preset.fingerprint
        file.attrs["preset_settings"] = json.dumps(asdict(preset), sort_keys=True)
        file.attrs["source"] = source
        file["ids"] = np.array([name.encode() for name in ids])
        file["offsets"] = offsets
        frames = file.create_dataset("frames", (offsets[-1], preset.n_mels), np.float16)
        raw = np.memmap(spool.frames_path, np.float16, "r", shape=frames.shape)
        for start in range(0, len(raw), _COPY_ROWS):
            frames[start : start + _COPY_ROWS] = raw[start : start + _COPY_ROWS]


def _up_to_date(path: Path, source: str) -> MelStore | None:
    try:
        store = MelStore(path)
    except DataError:
        return None
    return store if store.source == source else None
