"""Recordings in and out: any common file becomes finite mono float32 at one rate, or one clear error."""

import io
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speech2img.errors import AudioError, DataError
from speech2img.storage.atomic import atomic_write_bytes, read_bytes

FORMATS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3")
RESAMPLER = "soxr HQ"

_FULL_SCALE = 0.999
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CONVERT = "convert it, for example: ffmpeg -i INPUT -ac 1 -ar 16000 out.wav"


@dataclass(frozen=True, kw_only=True)
class AudioLimits:
    """What a recording may be; anything outside is an :class:`~speech2img.errors.AudioError`."""

    max_bytes: int = 10 << 20
    """Size of the file."""
    max_seconds: float = 30.0
    """Length, checked on the header before a sample is decoded."""
    min_sample_rate: int = 4_000
    """Lowest sample rate of the file, in Hz."""
    max_sample_rate: int = 192_000
    """Highest sample rate of the file, in Hz."""
    max_channels: int = 8
    """Most channels; they are averaged to one."""
    max_amplitude: float = 1.5
    """Largest absolute sample of a float file (1 is full scale)."""
    min_swing: float = 2e-4
    """Smallest difference between loudest and lowest sample: below it a recording is silent."""
    max_clipped: float = 0.05
    """Largest share of samples at full scale: above it a recording is overdriven."""


_USUAL = AudioLimits()


def read_audio(source: str | Path | bytes, *, sample_rate: int, limits: AudioLimits | None = None) -> np.ndarray:
    """Read a recording as one channel at the wanted rate.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or the content of one: wav, flac, ogg or mp3, whatever it is named.
    sample_rate : int
        Rate of the result in Hz; another rate of the file is resampled by soxr, quality HQ.
    limits : AudioLimits, optional
        Other limits than the usual ones.

    Returns
    -------
    np.ndarray [shape=(n,), float32, finite, range -1..1]
        Mean of all channels.

    Raises
    ------
    AudioError
        If the recording is missing, not sound, damaged (header and data disagree), empty, silent, overdriven, not
        finite, or outside the limits.
    """
    mono, rate, _, peak = _decode(source, limits or _USUAL)
    if rate != sample_rate:
        mono = resample(mono, rate, sample_rate)
    if peak > 1 or rate != sample_rate:
        mono.clip(-1, 1, out=mono)
    return mono


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What a recording is, as its file says."""

    seconds: float
    """Length."""
    sample_rate: int
    """Of the file, in Hz."""
    channels: int
    """Of the file."""


def probe_audio(source: str | Path | bytes, *, limits: AudioLimits | None = None) -> AudioFacts:
    """Read a recording to its end without keeping it: what :func:`read_audio` would refuse is refused here.

    Parameters
    ----------
    source, limits
        As for :func:`read_audio`.

    Raises
    ------
    AudioError
        As :func:`read_audio`.
    """
    mono, rate, channels, _ = _decode(source, limits or _USUAL)
    return AudioFacts(len(mono) / rate, rate, channels)


def _decode(source: str | Path | bytes, limits: AudioLimits) -> tuple[np.ndarray, int, int, float]:
    """Mean of the channels (n,), rate in Hz, number of channels and peak of all of a recording within the limits."""
    name, data = _load(source, limits)
    if not data:
        raise AudioError.about(name, "the file is empty", "record it again")
    if data[:4] == b"RIFF":
        _check_riff(name, data)
    sound, rate = _plain_wav(name, data, limits) or _by_libsndfile(name, data, limits)
    peak = _check_sound(name, sound, limits)
    if sound.shape[1] == 1:
        return sound[:, 0], rate, 1, peak
    mono: np.ndarray = sound.mean(axis=1)
    if np.ptp(mono) < limits.min_swing:
        raise AudioError.about(name, "silent once its channels are averaged", "give one channel only")
    return mono, rate, sound.shape[1], peak


def _plain_wav(name: str, data: bytes, limits: AudioLimits) -> tuple[np.ndarray, int] | None:
    """Sound (n, channels) and rate of 16-bit PCM behind the usual 44 bytes, which needs no decoder; None of all else.

    The samples are those of libsndfile, bit for bit, in a fifth of its time.
    """
    if len(data) < _WAV_HEADER.size:
        return None
    riff, _, wave, fmt, length, coding, channels, rate, _, block, bits, chunk, size = _WAV_HEADER.unpack_from(data)
    usual = (riff, wave, fmt, length, coding, bits, chunk) == (b"RIFF", b"WAVE", b"fmt ", 16, 1, 16, b"data")
    if not usual or not channels or block != 2 * channels or size % block:
        return None
    _check_header(name, "WAV", rate, channels, size // block, limits)
    samples = np.frombuffer(data, "<i2", size // 2, _WAV_HEADER.size)
    return (samples * np.float32(1 / 32768)).reshape(-1, channels), rate


def _by_libsndfile(name: str, data: bytes, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of any recording that libsndfile decodes."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(name, file.format, file.samplerate, file.channels, len(file), limits)
            rate, kind, promised = file.samplerate, file.format, len(file)
            sound = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError.about(name, f"not a readable recording ({error.error_string})", _CONVERT) from error
    if len(sound) != promised and kind != "MP3":
        raise AudioError.about(name, f"damaged: {len(sound)} of {promised} samples are there", "get the whole file")
    return sound, rate


def resample(y: np.ndarray, source_rate: int, target_rate: int) -> np.ndarray:
    """Change the sample rate of mono float32 sound by soxr HQ, the resampler that all mel presets are defined with."""
    if source_rate == target_rate:
        return y
    return np.asarray(soxr.resample(y, source_rate, target_rate, quality="HQ"), dtype=np.float32)


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
    header = _WAV_HEADER.pack(
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16, b"data", size
    )
    return header + samples


def write_wav(path: str | Path, y: np.ndarray, *, sample_rate: int) -> None:
    """Write mono sound as a 16-bit PCM wav file, whole or not at all; see :func:`encode_wav`."""
    atomic_write_bytes(path, encode_wav(y, sample_rate=sample_rate))


def _load(source: str | Path | bytes, limits: AudioLimits) -> tuple[str, bytes]:
    too_long = f"give at most {limits.max_bytes >> 20} MB"
    if isinstance(source, bytes):
        if len(source) > limits.max_bytes:
            raise AudioError.about("recording", f"{len(source):,} bytes", too_long)
        return "recording", source
    try:
        return str(source), read_bytes(source, max_bytes=limits.max_bytes)
    except DataError as error:
        raise AudioError(str(error)) from error


def _check_riff(name: str, data: bytes) -> None:
    """Compare the chunk lengths of a wav file with its size: the decoder would quietly read what is there."""
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        there = len(data) - position - 8
        if kind == b"fmt " and size >= 4 and there >= 4 and struct.unpack_from("<H", data, position + 10)[0] == 0:
            raise AudioError.about(name, "the header says 0 channels", _CONVERT)
        if kind == b"data":
            if size > there:
                reason = f"damaged: the header promises {size:,} bytes of sound, the file has {there:,}"
                raise AudioError.about(name, reason, f"get the whole file, or {_CONVERT}")
            return
        position += 8 + size + size % 2
    raise AudioError.about(name, "damaged: a wav file without a data chunk", "get the whole file")


def _check_header(name: str, kind: str, rate: int, channels: int, samples: int, limits: AudioLimits) -> None:
    if kind not in FORMATS:
        raise AudioError.about(name, f"format {kind} is not supported", _CONVERT)
    if not limits.min_sample_rate <= rate <= limits.max_sample_rate:
        reason = f"sample rate {rate} Hz, outside {limits.min_sample_rate}-{limits.max_sample_rate} Hz"
        raise AudioError.about(name, reason, _CONVERT)
    if not 1 <= channels <= limits.max_channels:
        raise AudioError.about(name, f"{channels} channels, outside 1-{limits.max_channels}", _CONVERT)
    if samples == 0:
        raise AudioError.about(name, "no samples", "record it again")
    seconds = samples / rate
    if seconds > limits.max_seconds:
        raise AudioError.about(name, f"{seconds:.0f} s long", f"cut it to at most {limits.max_seconds:g} s")


def _check_sound(name: str, sound: np.ndarray, limits: AudioLimits) -> float:
    """Check the samples of all channels; gives their peak."""
    low, high = float(sound.min()), float(sound.max())  # NaN goes through both
    if not (math.isfinite(low) and math.isfinite(high)):
        raise AudioError.about(name, "samples that are not finite (NaN or infinite)", "export it again")
    peak = max(-low, high)
    if peak > limits.max_amplitude:
        raise AudioError.about(name, f"samples up to {peak:.3g} (full scale is 1)", "normalise the float samples to 1")
    if high - low < limits.min_swing:
        raise AudioError.about(name, "silent", "check the microphone and record it again")
    if peak >= _FULL_SCALE:
        clipped = float(np.mean(np.abs(sound) >= _FULL_SCALE))
        if clipped > limits.max_clipped:
            raise AudioError.about(name, f"overdriven: {clipped:.0%} of it is at full scale", "record it more softly")
    return peak
