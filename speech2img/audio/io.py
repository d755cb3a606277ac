"""Recordings in: any common file becomes finite mono float32 at one rate, or one clear error.

Plain wav files are read here; what checks and decodes the other formats lies in ``decoders/`` and is imported for them.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from speech2img.audio.limits import AudioLimits, check_header, check_samples, to_mono
from speech2img.errors import AudioError, DataError
from speech2img.storage.reading import read_bytes

RESAMPLER = "soxr HQ"
KNOWN_FORMS = "give a path, bytes, an open file, an array, or a pair of rate and array"
LONGEST_NAME = 4096
"""Characters of a file's name."""
WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_USUAL = AudioLimits()


def read_audio(source: str | Path | bytes, *, sample_rate: int, limits: AudioLimits | None = None) -> np.ndarray:
    """Read a recording as one channel at the wanted rate.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or the content of one, whatever it is named: wav, aiff, flac, ogg or mp3; and what phones and browsers
        record (m4a, webm, aac, 3gp, amr) where ffmpeg or PyAV is installed.
    sample_rate : int
        Rate of the result in Hz; another rate of the file is resampled by soxr, quality HQ.
    limits : AudioLimits, optional
        Other limits than the usual ones.

    Returns
    -------
    np.ndarray [shape=(n,), float32, finite, range -1..1]
        Mean of all channels; where several recordings are joined in one file, all of them.

    Raises
    ------
    AudioError
        If the recording is missing, not sound, damaged (header and data disagree, the end is missing), empty, silent,
        overdriven, not finite, or outside the limits.
    """
    sound = decode_audio(*load_audio(source, limits or _USUAL), limits or _USUAL)
    return sound.at_rate(sample_rate)


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording within the limits."""

    mono: np.ndarray
    """Mean of the channels, (n,) float32; beyond -1..1 up to `AudioLimits.max_amplitude`."""
    rate: int
    """Samples per second."""
    channels: int
    """How many there were."""
    peak: float
    """Largest absolute sample of any channel."""

    def at_rate(self, sample_rate: int) -> np.ndarray:
        """The sound at another rate, within -1..1."""
        mono = resample(self.mono, self.rate, sample_rate)
        if self.peak > 1 or self.rate != sample_rate:
            mono = mono.clip(-1, 1)
        return mono


def checked_sound(name: str, sound: np.ndarray, rate: int, limits: AudioLimits) -> Sound:
    """Samples (n, channels) float32 of full scale 1 as a recording; AudioError if they are outside the limits."""
    check_header(name, rate, sound.shape[1], len(sound), limits)
    peak = check_samples(name, sound, limits)
    return Sound(to_mono(name, sound, limits), rate, sound.shape[1], peak)


def decode_audio(name: str, data: bytes, limits: AudioLimits) -> Sound:
    """Decode the content of a file; `name` is what messages call it. Errors as :func:`read_audio`."""
    if not data:
        raise AudioError.about(name, "the file is empty", "record it again")
    plain = _plain_wav(name, data, limits)
    if plain is not None:
        return checked_sound(name, *plain, limits)
    # Any other file: what checks and decodes its format is imported now.
    from speech2img.audio.decoders.formats import decode_parts

    return checked_sound(name, *_concatenated(name, decode_parts(name, data, limits)), limits)


def _plain_wav(name: str, data: bytes, limits: AudioLimits) -> tuple[np.ndarray, int] | None:
    """Sound (n, channels) and rate of 16-bit PCM behind the usual 44 bytes and nothing else; None of all other files.

    It needs no decoder: the samples are those of libsndfile, bit for bit, in a fifth of its time.
    """
    if len(data) < WAV_HEADER.size:
        return None
    riff, _, wave, fmt, length, coding, channels, rate, _, block, bits, chunk, size = WAV_HEADER.unpack_from(data)
    usual = (riff, wave, fmt, length, coding, bits, chunk) == (b"RIFF", b"WAVE", b"fmt ", 16, 1, 16, b"data")
    if not usual or not channels or block != 2 * channels or size % block or WAV_HEADER.size + size != len(data):
        return None
    check_header(name, rate, channels, size // block, limits)
    samples = np.frombuffer(data, "<i2", size // 2, WAV_HEADER.size)
    return (samples * np.float32(1 / 32768)).reshape(-1, channels), rate


def _concatenated(name: str, parts: list[tuple[np.ndarray, int]]) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of all parts: those of the first part, or one channel where others differ."""
    if not parts:
        raise AudioError.about(name, "no samples", "record it again")
    rate = parts[0][1]
    sounds = [sound for sound, _ in parts]
    if len({(sound.shape[1], of_part) for sound, of_part in parts}) > 1:
        sounds = [resample(sound.mean(axis=1), of_part, rate)[:, None] for sound, of_part in parts]
    return (sounds[0] if len(sounds) == 1 else np.concatenate(sounds)), rate


def resample(y: np.ndarray, source_rate: int, target_rate: int) -> np.ndarray:
    """Change the sample rate of mono float32 sound by soxr HQ, the resampler that all mel presets are defined with."""
    if source_rate == target_rate:
        return y
    return np.asarray(soxr.resample(y, source_rate, target_rate, quality="HQ"), dtype=np.float32)


def load_audio(source: str | Path | bytes, limits: AudioLimits) -> tuple[str, bytes]:
    """What messages call a recording, and its content; AudioError if it cannot be read or is too large."""
    if isinstance(source, bytes):
        if len(source) > limits.max_bytes:
            raise AudioError.about("recording", f"{len(source):,} bytes", f"give at most {limits.max_bytes >> 20} MB")
        return "recording", source
    try:
        return str(source), read_bytes(source, max_bytes=limits.max_bytes)
    except DataError as error:
        raise AudioError(str(error)) from error
    except ValueError as error:  # a name that cannot be one: zero bytes, lone surrogates
        raise AudioError.about(repr(str(source)), f"is no file name ({error})", "name a file") from error


def load_path(path: str | os.PathLike[Any], limits: AudioLimits) -> tuple[str, bytes]:
    """As `load_audio`, of a path in any of its forms; AudioError also for what is none."""
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        raise AudioError.about("recording", f"is no path ({error})", KNOWN_FORMS) from error
    if not text or len(text) > LONGEST_NAME:
        reason = f"is no file name ({len(text):,} characters)"
        raise AudioError.about(repr(text[:40]), reason, "name a file, or give its content as bytes")
    return load_audio(Path(text), limits)
