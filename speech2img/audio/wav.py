"""Recordings out: mono sound as 16-bit PCM wav."""

from pathlib import Path

import numpy as np

from speech2img.audio.io import WAV_HEADER
from speech2img.errors import AudioError
from speech2img.storage.atomic import atomic_write_bytes


def encode_wav(y: np.ndarray, *, sample_rate: int) -> bytes:
    """Encode mono sound as the content of a 16-bit PCM wav file.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float]
        Sound; what lies outside -1..1 is clipped.
    sample_rate : int
        Samples per second.

    Raises
    ------
    AudioError
        If `y` is not one-dimensional, empty or not finite.
    """
    if y.ndim != 1 or not y.size or not np.isfinite(y).all():
        raise AudioError.about(f"sound of shape {y.shape}", "not finite mono samples", "give one finite channel")
    samples = np.clip(np.rint(y * 32768.0), -32768, 32767).astype("<i2").tobytes()
    size = len(samples)
    header = WAV_HEADER.pack(
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16, b"data", size
    )
    return header + samples


def write_wav(path: str | Path, y: np.ndarray, *, sample_rate: int) -> None:
    """Write mono sound as a 16-bit PCM wav file, whole or not at all.

    Parameters
    ----------
    path : path
        The file; its folder is made if absent.
    y, sample_rate
        As for :func:`encode_wav`.

    Raises
    ------
    AudioError
        As :func:`encode_wav`.
    DataError, DiskFullError
        If the file cannot be written.
    """
    atomic_write_bytes(path, encode_wav(y, sample_rate=sample_rate))
