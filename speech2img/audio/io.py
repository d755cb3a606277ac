"""Recordings in and out: any common file becomes finite mono float32 at one rate, or one clear error."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speech2img.audio.decoders.chunks import checked_chunks, refuse_concatenated, refuse_cut
from speech2img.audio.decoders.ffmpeg import KINDS, decode_foreign
from speech2img.audio.decoders.flac import flac_parts
from speech2img.audio.decoders.mp3 import after_tags, mp3_parts
from speech2img.audio.decoders.ogg import ogg_streams
from speech2img.audio.limits import CONVERT, AudioLimits, check_header, check_samples, to_mono
from speech2img.errors import AudioError, DataError
from speech2img.storage.atomic import atomic_write_bytes
from speech2img.storage.media_type import HEAD_BYTES, media_type
from speech2img.storage.reading import read_bytes

__all__ = [
    "AudioFacts",
    "AudioLimits",
    "Sound",
    "checked_sound",
    "decode_audio",
    "encode_wav",
    "load_audio",
    "probe_audio",
    "read_audio",
    "resample",
    "write_wav",
]

FORMATS = ("WAV", "WAVEX", "AIFF", "FLAC", "OGG", "MP3")
RESAMPLER = "soxr HQ"

_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BROKEN = (soundfile.SoundFileError, ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError)
"""What soundfile raises at files that nobody thought of."""
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
    sound = decode_audio(*load_audio(source, limits or _USUAL), limits or _USUAL)
    return AudioFacts(len(sound.mono) / sound.rate, sound.rate, sound.channels)


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
    data, kind = _without_tag(data)
    decoded = [_decode_part(name, part, kind, limits) for part in _parts(name, data, kind)]
    return checked_sound(name, *_concatenated(name, decoded), limits)


def _parts(name: str, data: bytes, kind: str | None) -> list[bytes]:
    """The recordings that a file joins, mostly one, after a check that the file is whole."""
    if kind in ("audio/wav", "audio/aiff") and data[:4] != b"RF64" or data[:4] == b"RIFX":
        return [checked_chunks(name, data)]
    if kind == "audio/flac":
        return flac_parts(name, data)
    if kind == "audio/ogg":
        return ogg_streams(name, data)
    if kind in KINDS:
        refuse_concatenated(name, data, kind)
    return mp3_parts(name, data) if kind == "audio/mpeg" else [data]


def _without_tag(data: bytes) -> tuple[bytes, str | None]:
    """A file and what it is; one that begins with a tag of MP3 files, though it is none, begins behind it."""
    kind = media_type(data[:HEAD_BYTES])
    if not data.startswith(b"ID3"):
        return data, kind
    begin = after_tags(data, 0)
    other = media_type(data[begin : begin + HEAD_BYTES])
    return (data[begin:], other) if other not in (None, "audio/mpeg") else (data, kind)


def _concatenated(name: str, parts: list[tuple[np.ndarray, int]]) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of all parts: those of the first part, or one channel where others differ."""
    if not parts:
        raise AudioError.about(name, "no samples", "record it again")
    rate = parts[0][1]
    sounds = [sound for sound, _ in parts]
    if len({(sound.shape[1], of_part) for sound, of_part in parts}) > 1:
        sounds = [resample(sound.mean(axis=1), of_part, rate)[:, None] for sound, of_part in parts]
    return (sounds[0] if len(sounds) == 1 else np.concatenate(sounds)), rate


def _decode_part(name: str, data: bytes, kind: str | None, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of one recording."""
    if kind is not None and not kind.startswith(("audio/", "video/")):
        raise AudioError.about(name, f"is no recording but {kind}", "give a recording")
    if kind in KINDS and kind != "audio/ogg":
        sound = decode_foreign(name, data, kind, limits)
        refuse_cut(name, data, kind)
        return sound
    plain = _plain_wav(name, data, limits)
    return plain if plain is not None else _by_libsndfile(name, data, kind, limits)


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
    check_header(name, rate, channels, size // block, limits)
    samples = np.frombuffer(data, "<i2", size // 2, _WAV_HEADER.size)
    return (samples * np.float32(1 / 32768)).reshape(-1, channels), rate


def _by_libsndfile(name: str, data: bytes, kind: str | None, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of any recording that libsndfile decodes, else of what others decode."""
    try:
        # The header is checked before memory is taken for the sound.
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in FORMATS:
                raise AudioError.about(name, f"format {file.format} is not supported", CONVERT)
            check_header(name, file.samplerate, file.channels, len(file), limits)
            rate, promised, coding = file.samplerate, len(file), file.subtype
            sound = file.read(promised, dtype="float32", always_2d=True)
    except _BROKEN as error:
        if kind in KINDS:
            return decode_foreign(name, data, kind, limits)
        reason = getattr(error, "error_string", error)
        raise AudioError.about(name, f"not a readable recording ({reason})", CONVERT) from error
    # MPEG promises an estimate only.
    if len(sound) != promised and not coding.startswith("MPEG"):
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
