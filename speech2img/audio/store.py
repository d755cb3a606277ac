"""The mel store of a corpus: one HDF5 file of ragged float16 log-mels, built so that a crash loses nothing reported."""

import contextlib
import json
import shutil
from collections.abc import Generator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel
from speech2img.audio.store_writer import Spool
from speech2img.errors import AudioError, DataError, RunInterrupted
from speech2img.storage.atomic import disk_errors
from speech2img.storage.fork_map import fork_map_with_reply
from speech2img.storage.hdf5.opener import CheckedRows, open_store
from speech2img.storage.hdf5.seal import SEALED, check_of
from speech2img.storage.hdf5.sources import REBUILD, demand_store_or_nothing, digest_sources
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import Progress

FORMAT = "speech2img-mels-1"

_GROUP_ITEMS = 32  # that one process computes before it hands them over

Entry = tuple[str, Path]
"""Name and recording of an utterance."""
Measures = tuple[list[int], list[int]]
"""Frames and checksum of each utterance of a group."""


def build_mel_store(
    path: str | Path, entries: Sequence[Entry], *, preset: MelPreset, workers: int = 2, progress: bool = True
) -> "MelStore":
    """Compute the log-mels of many recordings and keep them in one file.

    Parameters
    ----------
    path : path
        The HDF5 file. While it is being built, finished mels lie in the folder ``<path>.building``, from which an
        interrupted build resumes; the file itself appears complete or not at all.
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
        (size and time of each) by the same preset, and built again otherwise.

    Raises
    ------
    DataError
        If recordings are missing or ids repeat; the first few are named. If a folder, pipe or device has the name.
    AudioError
        If a recording cannot be used; it is named.
    DiskFullError, RunInterrupted
        On a full disk and on Ctrl-C: what is finished stays, the same call resumes.
    """
    # Reuse a store of the same recordings and preset.
    path = Path(path)
    sources = ((name, file, "") for name, file in entries)
    source = digest_sources(preset.fingerprint, sources, fix="speak the corpus first: 'speech2img synthesize'")
    demand_store_or_nothing(path)
    if path.exists() and (store := _up_to_date(path, source)) is not None:
        return store
    # Compute what is missing; finished groups of an interrupted call are kept.
    building = path.with_name(f"{path.name}.building")
    with run_lock(building), disk_errors(path):
        spool = Spool(building, source, preset.n_mels)
        done = len(spool.lengths)
        bar = Progress(total=len(entries), initial=done, what=f"mels {preset.name}", unit="utt", progress=progress)
        groups = [entries[start : start + _GROUP_ITEMS] for start in range(done, len(entries), _GROUP_ITEMS)]
        job = partial(_write_mels, preset=preset, spool=spool)

        def take(group: Measures) -> int:
            return spool.take(*group)

        try:
            with bar, contextlib.closing(fork_map_with_reply(job, groups, workers, answer=take)) as written:
                spool.fill(written, bar)
        except KeyboardInterrupt:
            reason = f"interrupted after {len(spool.lengths)} of {len(entries)} recordings"
            raise RunInterrupted.about(path, reason, "run the same command again to go on") from None
        # Put the parts together under the final name.
        spool.finish(path, [name for name, _ in entries], _attributes(preset, source))
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
        attributes = ("preset", "preset_fingerprint", "source")
        arrays = ("frames", "ids", "offsets")
        # Only a store of this version's front-end may be used.
        store = open_store(self.path, kind=FORMAT, arrays=arrays, attributes=attributes, fix=REBUILD)
        name, fingerprint, self.source = map(store.text, attributes)
        preset = MEL_PRESETS.get(name)
        if preset is None or preset.fingerprint != fingerprint:
            raise store.damaged(f"made by another front-end than this version's {name[:80]!r}")
        self.preset = preset
        # Utterances and frames must fit together before anything is read by them.
        self.ids = store.ids()
        bounds = store.read("offsets", kinds="i", ndim=1).astype(np.int64)
        whole = bounds.shape == (len(self.ids) + 1,) and bounds[0] == 0 and (bounds[1:] > bounds[:-1]).all()
        self._mels = CheckedRows(store, "frames", kind="utterance", ids=self.ids, bounds=bounds)
        if not whole or self._mels.dtype != np.float16 or self._mels.shape != (bounds[-1], preset.n_mels):
            raise store.damaged("damaged: its parts do not fit together")
        self.lengths = np.diff(bounds)
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

        Raises
        ------
        DataError
            If it differs from what was written.
        """
        if not 0 <= position < len(self.ids):
            raise IndexError(f"{self.path} holds {len(self.ids)} utterances, not number {position}")
        mel = np.asarray(self._mels.item(position), dtype=np.float32)
        if not self._mels.sealed and not np.isfinite(mel).all():  # checksums say as much of newer stores
            reason = f"damaged: utterance {self.ids[position]!r} (number {position}) is not finite"
            raise DataError.about(self.path, reason, REBUILD)
        return mel


def _write_mels(entries: Sequence[Entry], *, preset: MelPreset, spool: Spool) -> Generator[Measures, int, None]:
    """Compute a group of log-mels, say their lengths and checksums, and write them where they belong."""
    mels = [_read_mel(entry, preset) for entry in entries]
    spool.write(mels, (yield [len(mel) for mel in mels], [check_of(mel) for mel in mels]))


def _read_mel(entry: Entry, preset: MelPreset) -> np.ndarray:
    """Log-mel of one recording as float16 (frames, n_mels)."""
    path = entry[1]
    y = read_audio(path, sample_rate=preset.sample_rate)
    try:
        return half_frames(log_mel(y, preset=preset))
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error


def _attributes(preset: MelPreset, source: str) -> dict[str, str | int]:
    """What a store says of itself."""
    settings = json.dumps(asdict(preset), sort_keys=True)
    return {
        "format": FORMAT,
        "preset": preset.name,
        "preset_fingerprint": preset.fingerprint,
        "preset_settings": settings,
        "source": source,
        **SEALED,
    }


def _up_to_date(path: Path, source: str) -> MelStore | None:
    try:
        store = MelStore(path)
    except DataError:
        return None
    return store if store.source == source else None


def half_frames(mel: np.ndarray) -> np.ndarray:
    """Transpose a log-mel and round it to float16, in a third of the time that ``mel.T.astype(np.float16)`` takes.

    Parameters
    ----------
    mel : np.ndarray [shape=(n_mels, frames), float32, range -65504..65504]
        Finite numbers.

    Returns
    -------
    np.ndarray [shape=(frames, n_mels), float16, C order]
        The nearest float16; of two that are equally near the one farther from 0, where NumPy takes the even one.

    Notes
    -----
    IEEE 754: a float16 has 10 bits of fraction where a float32 has 23, and an exponent that begins 112 lower.
    """
    bits = (mel * np.float32(2.0**-112)).view(np.uint32)
    bits += 1 << 12  # half of the last bit that stays
    sign = bits >> 16
    sign &= 0x8000
    bits >>= 13
    bits &= 0x7FFF
    bits |= sign
    frames = np.empty(mel.shape[::-1], np.uint16)
    np.copyto(frames, bits.T, casting="unsafe")
    return frames.view(np.float16)
