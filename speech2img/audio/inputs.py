"""What people have at hand as a recording: a path, bytes, an open file, an array with or without its rate, a tensor.

Whatever it is, the same limits hold as for a file (`AudioLimits`).
"""

import array
import math
import numbers
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from speech2img.audio.arrays import samples_of
from speech2img.audio.io import Sound, checked_sound, decode_audio, load_audio
from speech2img.audio.limits import AudioLimits
from speech2img.errors import AudioError
from speech2img.storage.media_type import HEAD_BYTES, media_type

Recording: TypeAlias = Any
"""A path (str or path-like), the content of a file (bytes, bytearray, memoryview), a file opened to read bytes, samples
(array, tensor) at the rate that the model hears, samples with their rate as ``(rate, samples)`` or ``(samples, rate)``,
a dict with ``array`` (or ``raw``) and ``sampling_rate``, or with ``bytes`` or ``path``, or what torchcodec (and with it
``datasets``) decodes with: an object with ``get_all_samples()``, or with ``data`` and ``sample_rate``."""

_USUAL = AudioLimits()
_KNOWN = "give a path, bytes, an open file, an array, or a pair of rate and array"
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording at the rate that a model hears."""

    name: str
    """What messages call it."""
    y: np.ndarray
    """Mono, (n,) float32, -1..1."""
    recorded_rate: int
    """Samples per second before."""


def recordings_in(audio: Recording | Iterable[Recording]) -> tuple[Iterable[Recording], bool]:
    """The recordings of an argument that is one recording or several.

    Returns
    -------
    recordings : iterable
        One where one was given; a generator is not run.
    several : bool
        Whether a list, a generator or another iterable of recordings was given.
    """
    one = _is_bytes(audio) or _is_samples(audio) or _is_pair(audio)
    one = one or isinstance(audio, str | os.PathLike | Mapping) or hasattr(audio, "read") or _is_decoded(audio)
    return ([audio], False) if one or not isinstance(audio, Iterable) else (audio, True)


def hear(recording: Recording, *, sample_rate: int, name: str = "recording", limits: AudioLimits = _USUAL) -> Heard:
    """Take a recording in any of the forms of `Recording`.

    Parameters
    ----------
    recording : Recording
        The recording.
    sample_rate : int
        Rate of the result in Hz, and of samples that come without a rate.
    name : str
        What messages call it where it has no name of its own.
    limits : AudioLimits
        What it may be.

    Raises
    ------
    AudioError
        If it is none of these forms, or `read_audio` would refuse it as a file.
    """
    # A path.
    if isinstance(recording, str | os.PathLike):
        return _heard(*_of_path(recording, limits), sample_rate, limits)
    if isinstance(recording, Mapping):
        return _of_mapping(recording, sample_rate, name, limits)
    # Bytes, also behind a buffer or a response.
    recording = _as_file(recording)
    if _is_bytes(recording):
        return _heard(name, _plain_bytes(name, memoryview(recording), limits), sample_rate, limits)
    # Samples, alone or with their rate in either order.
    if _is_samples(recording):
        return _of_samples(recording, sample_rate, sample_rate, name, limits, with_rate=False)
    if _is_pair(recording):
        rate, samples = recording if _is_number(recording[0]) else reversed(recording)
        return _of_samples(samples, rate, sample_rate, name, limits)
    # An open file, read from where it stands.
    if hasattr(recording, "read"):
        own = getattr(recording, "name", None)
        name = own[:_LONGEST_NAME] if isinstance(own, str) and own else name
        return _heard(name, _read(name, recording, limits), sample_rate, limits)
    # What libraries of datasets give: a decoder object.
    if _is_decoded(recording):
        return _of_decoded(recording, sample_rate, name, limits)
    raise AudioError.about(name, f"{_kind(recording)} is no recording", _KNOWN)


def _heard(name: str, data: bytes, sample_rate: int, limits: AudioLimits) -> Heard:
    return _at_rate(name, decode_audio(name, data, limits), sample_rate)


def _at_rate(name: str, sound: Sound, sample_rate: int) -> Heard:
    return Heard(name, sound.at_rate(sample_rate), sound.rate)


def _of_path(path: str | os.PathLike[Any], limits: AudioLimits) -> tuple[str, bytes]:
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        raise AudioError.about("recording", f"is no path ({error})", _KNOWN) from error
    if not text or len(text) > _LONGEST_NAME:
        reason = f"is no file name ({len(text):,} characters)"
        raise AudioError.about(repr(text[:40]), reason, "name a file, or give its content as bytes")
    return load_audio(Path(text), limits)


def _of_mapping(recording: Mapping[str, Any], sample_rate: int, name: str, limits: AudioLimits) -> Heard:
    """The recording in a dict, as ``datasets`` and ``transformers`` hand them out."""
    path = recording.get("path")
    name = path[:_LONGEST_NAME] if isinstance(path, str) and path else name
    samples = recording.get("array", recording.get("raw"))
    if samples is not None:
        if recording.get("sampling_rate") is None:
            raise AudioError.about(name, "a dict without 'sampling_rate'", "add it, in Hz")
        return _of_samples(samples, recording["sampling_rate"], sample_rate, name, limits)
    content = recording.get("bytes") if recording.get("bytes") is not None else path
    if content is None or not (_is_bytes(content) or isinstance(content, str | os.PathLike)):
        keys = ", ".join(repr(key)[:40] for key in list(recording)[:5])
        raise AudioError.about(name, f"a dict of {keys or 'nothing'}", "give 'array' and 'sampling_rate', or 'path'")
    return hear(content, sample_rate=sample_rate, name=name, limits=limits)


def _of_samples(
    samples: Any, rate: Any, sample_rate: int, name: str, limits: AudioLimits, *, with_rate: bool = True
) -> Heard:
    """Samples as a recording; those with a rate of their own may have channels."""
    try:
        hertz = float(rate) if _is_number(rate) and not isinstance(rate, bool) else math.nan
    except (ArithmeticError, TypeError, ValueError, RuntimeError):  # too large, or no value behind it
        hertz = math.nan
    if not hertz.is_integer():
        shown = "of hundreds of digits" if isinstance(rate, int) and abs(rate) > 1 << 999 else f"of {rate!r:.40}"
        raise AudioError.about(name, f"a sample rate {shown}", "give it in Hz, as a whole number")
    channels = limits.max_channels if with_rate else 1
    sound = samples_of(name, samples, rate=int(hertz), max_channels=channels, limits=limits)
    return _at_rate(name, checked_sound(name, sound, int(hertz), limits), sample_rate)


def _of_decoded(recording: Any, sample_rate: int, name: str, limits: AudioLimits) -> Heard:
    """The recording in an object of a library that decodes sound."""
    try:
        decoded = recording.get_all_samples() if hasattr(recording, "get_all_samples") else recording
        samples, rate = decoded.data, decoded.sample_rate
    except Exception as error:  # decoders raise what they like
        raise AudioError.about(
            name, f"cannot be decoded ({str(error)[:200] or type(error).__name__})", _KNOWN
        ) from error
    return _of_samples(samples, rate, sample_rate, name, limits)


def _plain_bytes(name: str, view: memoryview, limits: AudioLimits) -> bytes:
    if view.nbytes > limits.max_bytes:
        raise AudioError.about(name, f"{view.nbytes:,} bytes", f"give at most {limits.max_bytes >> 20} MB")
    return view.tobytes()


def _read(name: str, file: Any, limits: AudioLimits) -> bytes:
    """The rest of an open file, as far as the limit."""
    data = bytearray()
    try:
        while len(data) <= limits.max_bytes and (part := file.read(limits.max_bytes + 1 - len(data))):
            if not _is_bytes(part):
                text = isinstance(part, str)
                fix = "open it to read bytes: open(path, 'rb')" if text else _KNOWN
                raise AudioError.about(name, f"its read() gives {'text' if text else _kind(part)}, not bytes", fix)
            data += part
        if not data and file.seekable() and file.tell():
            raise AudioError.about(name, "nothing is left to read", "go to its beginning first: file.seek(0)")
    except AudioError:
        raise
    except Exception as error:  # what reads from archives, lines and services raises what it likes
        reason = f"cannot be read ({str(error)[:200] or type(error).__name__})"
        raise AudioError.about(name, reason, "open it to read bytes: open(path, 'rb')") from error
    return _plain_bytes(name, memoryview(data), limits)


def _is_bytes(value: Any) -> bool:
    """Whether a value is the content of a file, not numbers that happen to lie in a buffer."""
    try:
        return isinstance(value, bytes | bytearray) or (
            isinstance(value, memoryview) and value.format in ("B", "b", "c")
        )
    except ValueError:  # a view that was released
        return False


def _as_file(value: Any) -> Any:
    """The content of a file where it came as numbers, which many programs read it as; any other value as it is."""
    if _is_bytes(value) or not _is_samples(value):
        return value
    one_byte = str(getattr(value, "dtype", getattr(value, "typecode", ""))) in ("uint8", "torch.uint8", "B")
    try:
        numbers_of = value.detach().cpu() if one_byte and hasattr(value, "detach") else value
        row = np.asarray(numbers_of) if one_byte else np.empty(0)
        is_file = row.ndim == 1 and row.dtype == np.uint8 and media_type(row[:HEAD_BYTES].tobytes()) is not None
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return value
    # A frame of MPEG audio is known by eleven bits, and loud samples may have them.
    return row.tobytes() if is_file and row[0] != 0xFF else value


def _is_samples(value: Any) -> bool:
    return isinstance(value, np.ndarray | array.array | memoryview) or hasattr(value, "__array__")


def _is_decoded(value: Any) -> bool:
    """Whether a value is sound in an object of torchcodec or ``datasets``."""
    if isinstance(value, type):
        return False
    return hasattr(value, "get_all_samples") or (hasattr(value, "data") and hasattr(value, "sample_rate"))


def _is_number(value: Any) -> bool:
    """Whether a value is a number, maybe in an array or tensor without axes."""
    return isinstance(value, numbers.Real) or (_is_samples(value) and getattr(value, "shape", None) == ())


def _is_pair(value: Any) -> bool:
    """Whether a value is a sample rate and samples, in either order."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    numeric = [_is_number(one) for one in value]
    other = value[0] if numeric[1] else value[1]
    return sum(numeric) == 1 and (_is_samples(other) or isinstance(other, list | tuple))


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
