"""Cache of a frozen front-end: its mixed frames of every recording and its augmented copies, float16, on the disk."""

import contextlib
import hashlib
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from speech2img.batches.augmented_mels import AugmentedMels
from speech2img.batches.encoding import batches_by_length
from speech2img.batches.frame_copies import FrameCopies
from speech2img.distributed.chunked_work import compute_chunks, resumable_chunks
from speech2img.distributed.collectives import is_main_process, on_main_process
from speech2img.errors import DataError, DiskFullError
from speech2img.features.plain_frames import note_plain_frames
from speech2img.features.speech_frames import FRAMES_FILE, StoredFrames, load_frames, write_frames
from speech2img.models.encoders.pretrained import PretrainedEncoder
from speech2img.storage.chunks import Chunk
from speech2img.storage.notices import notice
from speech2img.training.encoder.outdated_caches import HeardRecordings, note_recordings, remove_outdated

BATCH_FRAMES = 24_000
"""Log-mel frames of a part of the cache, padding included: some fifty utterances."""

_BYTES_PER_NUMBER = 2 + 4  # in the finished file, and in the parts that it is put together from
_LENGTHENED = 1.25  # by slower speech and added silence


class CachedFrames(NamedTuple):
    """Stored frames of recordings and their copies."""

    frames: StoredFrames
    """(S, D) each."""
    utterances: np.ndarray
    """int64, utterance of each of them."""


def cached_frames(
    folder: Path,
    encoder: PretrainedEncoder,
    mels: AugmentedMels,
    *,
    ids: list[str],
    utterances: np.ndarray,
    copies: int,
    source: str,
    recordings: HeardRecordings,
    plain: str = "",
    device: torch.device,
    progress: bool = True,
) -> CachedFrames:
    """Frames of the recordings and of their copies: read where they are complete, computed where they are not.

    Parameters
    ----------
    folder : Path
        Where caches of the corpus lie; each has a folder of its own, named after what it depends on.
    encoder : PretrainedEncoder
        Its front-end and mix make the frames; on ``device``, in evaluation mode.
    mels : AugmentedMels
        Recordings and copies; copy 0 is the recording.
    ids : list of str
        Names of all utterances.
    utterances : ndarray of int64
        Those that are heard, each once.
    copies : int >= 0
        Augmented copies of each.
    source : str
        Digest of everything else that the frames depend on: recordings, front-end, augmentation, seed.
    recordings : HeardRecordings
        Those that lie beside the caches; caches of other ones are removed.
    plain : str
        Key of the frames of recordings as they are (`plain_key`), under which ``extract`` finds them; "" for none.
    device : torch.device
        Where it computes.
    progress : bool
        Show progress, and say how much room is taken.

    Returns
    -------
    CachedFrames
        Of those that are heard: the recording, then its copies.

    Raises
    ------
    DiskFullError
        If there is less room than the cache will need; nothing has been written then.
    DataError
        If frames that were stored are damaged.
    AudioError
        If a recording cannot be used; what is finished stays, and the same call resumes.
    """
    # Which copies, and what they depend on.
    rows = np.repeat(utterances, copies + 1)
    numbers = np.tile(np.arange(copies + 1), len(utterances))
    names = [f"{ids[row]}#{number}" for row, number in zip(rows, numbers, strict=True)]
    mix = encoder.mix.weights.detach().cpu().numpy().astype(np.float32).tobytes().hex()
    key = hashlib.sha256("\n".join([source, mix, str(BATCH_FRAMES), *names]).encode()).hexdigest()
    home = folder / key[:16]
    if is_main_process():
        remove_outdated(folder, recordings, progress=progress)
    fix = f"remove the folder {home} and run it again"
    stored = load_frames(home, names, sha256=key, fix=fix) if home.is_dir() else None

    # Compute what is missing, and put the parts together.
    if stored is None:
        batches = batches_by_length(mels.lengths[rows], BATCH_FRAMES)
        needed = _needed_bytes(encoder, mels.lengths[rows])
        folder.mkdir(parents=True, exist_ok=True)
        if is_main_process():
            _demand_room(folder, needed, progress=progress)

        def compute(number: int) -> Chunk:
            chosen = batches[number]
            frames, lengths = _mixed(encoder, mels, rows[chosen], numbers[chosen], device)
            arrays = {"frames": frames, "steps": lengths[:, None].astype(np.float32)}
            return Chunk(arrays, tuple(names[row] for row in chosen))

        def write() -> None:
            home.mkdir(exist_ok=True)
            note_recordings(home, recordings)
            write_frames(home, chunks, batches, ids=names, sha256=key)
            if plain:
                note_plain_frames(home, key=plain, names=names, sha256=key)

        building = home.with_name(f"{home.name}.building")
        with resumable_chunks(building, source=key) as chunks:
            on_main_process(lambda: note_recordings(building, recordings))
            compute_chunks(chunks, range(len(batches)), compute, desc="front-end", progress=progress)
            on_main_process(write)
        stored = load_frames(home, names, sha256=key, fix=fix)
        assert stored is not None, f"{home / FRAMES_FILE} was written just now"
    elif is_main_process():
        with contextlib.suppress(DataError, DiskFullError):  # an older version wrote none; the frames are as good
            note_recordings(home, recordings)
    return CachedFrames(stored, rows)


def all_cached_frames(parts: Sequence[CachedFrames], *, count: int) -> FrameCopies:
    """Frames of several caches as one source.

    Parameters
    ----------
    parts : sequence of CachedFrames
        One or more, of different utterances.
    count : int
        All utterances, heard or not.
    """
    return FrameCopies(
        _Concatenated([part.frames for part in parts]),
        width=parts[0].frames.width,
        lengths=np.concatenate([part.frames.lengths for part in parts]),
        utterances=np.concatenate([part.utterances for part in parts]),
        count=count,
    )


class _Concatenated(Sequence[np.ndarray]):
    """Several stores of frames behind each other."""

    def __init__(self, stores: Sequence[StoredFrames]) -> None:
        self._stores, self._ends = stores, np.cumsum([len(store) for store in stores])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, place: int) -> np.ndarray:  # type: ignore[override]
        number = int(np.searchsorted(self._ends, place, side="right"))
        return self._stores[number][place - int(self._ends[number])]


@torch.inference_mode()
def _mixed(
    encoder: PretrainedEncoder, mels: AugmentedMels, rows: np.ndarray, numbers: np.ndarray, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Frames of all utterances of a batch behind each other (sum of S, width) float32, and S of each."""
    mel, mel_lengths = mels.copies(rows, numbers)
    mixed = encoder.mixed_frames(torch.from_numpy(mel).to(device), torch.from_numpy(mel_lengths))
    steps = mixed.lengths_B.numpy()
    frames = [row[:length] for row, length in zip(mixed.frames_BSF.float().cpu().numpy(), steps, strict=True)]
    return np.concatenate(frames), steps


def _needed_bytes(encoder: PretrainedEncoder, lengths: np.ndarray) -> int:
    """Most room that the cache takes while it is put together."""
    steps = encoder.front_end.step_lengths(torch.from_numpy(np.ceil(_LENGTHENED * lengths).astype(np.int64)))
    frames = np.minimum(np.ceil(steps.numpy() / encoder.frame_stride), encoder.max_frames).sum()
    return math.ceil(frames * encoder.frame_width * _BYTES_PER_NUMBER)


def _demand_room(folder: Path, needed: int, *, progress: bool) -> None:
    """Say how much room the cache takes; DiskFullError where there is less."""
    free, others = shutil.disk_usage(folder).free, sum(file.stat().st_size for file in folder.glob(f"*/{FRAMES_FILE}"))
    unused = f"; those of other settings, which a training may want again, take {others / 2**30:.1f} GiB in its folders"
    beside = unused if others else ""
    if free < needed:
        raise DiskFullError.about(
            folder,
            f"the front-end's frames take up to {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free{beside}",
            f"make room{' (remove such a folder)' if others else ''}, or set pretrained.copies or augmentation lower",
        )
    if progress:
        room = f"the front-end's frames take up to {needed / 2**30:.1f} GiB while they are put together"
        notice(f"{folder}: {room}{beside}")
