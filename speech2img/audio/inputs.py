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

Recording: TypeAlias = Any
"""A path (str or path-like), the content of a file (bytes, bytearray, memoryview), a file opened to read bytes, samples
(array, tensor) at the rate that the model hears, samples with their rate as ``(rate, samples)`` or ``(samples, rate)``,
or a dict with ``array`` (or ``raw``) and ``sampling_rate``, or with ``bytes`` or ``path``."""

_USUAL = AudioLimits()
_KNOWN = "give a path, bytes, an open file, an array, or a pair of rate and array"


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
    one = one or isinstance(audio, str | os.PathLike | Mapping) or hasattr(audio, "read")
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
    if isinstance(recording, str | os.PathLike):
        return _heard(*_of_path(recording, limits), sample_rate, limits)
    if isinstance(recording, Mapping):
        return _of_mapping(recording, sample_rate, name, limits)
    if _is_bytes(recording):
        return _heard(name, _plain_bytes(name, memoryview(recording), limits), sample_rate, limits)
    if _is_samples(recording):
        return _of_samples(recording, sample_rate, sample_rate, name, limits, with_rate=False)
    if _is_pair(recording):
        rate, samples = recording if isinstance(recording[0], numbers.Real) else reversed(recording)
        return _of_samples(samples, rate, sample_rate, name, limits)
    if hasattr(recording, "read"):
        name = recording.name if isinstance(getattr(recording, "name", None), str) else name
        return _heard(name, _read(name, recording, limits), sample_rate, limits)
    raise AudioError.about(name, f"{_kind(recording)} is no recording", _KNOWN)


def _heard(name: str, data: bytes, sample_rate: int, limits: AudioLimits) -> Heard:
    return _at_rate(name, decode_audio(name, data, limits), sample_rate)


def _at_rate(name: str, sound: Sound, sample_rate: int) -> Heard:
    return Heard(name, sound.at_rate(sample_rate), sound.rate)


def _of_path(path: str | os.PathLike[Any], limits: AudioLimits) -> tuple[str, bytes]:
    text = os.fsdecode(path)
    if not text:
        raise AudioError.about("''", "is no file name", "name a file")
    return load_audio(Path(text), limits)


def _of_mapping(recording: Mapping[str, Any], sample_rate: int, name: str, limits: AudioLimits) -> Heard:
    """The recording in a dict, as ``datasets`` and ``transformers`` hand them out."""
    path = recording.get("path")
    name = path if isinstance(path, str) and path else name
    samples = recording.get("array", recording.get("raw"))
    if samples is not None:
        if recording.get("sampling_rate") is None:
            raise AudioError.about(name, "a dict without 'sampling_rate'", "add it, in Hz")
        return _of_samples(samples, recording["sampling_rate"], sample_rate, name, limits)
    content = recording.get("bytes") if recording.get("bytes") is not None else path
    if content is None:
        found = ", ".join(repr(key) for key in list(recording)[:5])
        raise AudioError.about(name, f"a dict of {found or 'nothing'}", "give 'array' and 'sampling_rate', or 'path'")
    return hear(content, sample_rate=sample_rate, name=name, limits=limits)


def _of_samples(
    samples: Any, rate: Any, sample_rate: int, name: str, limits: AudioLimits, *, with_rate: bool = True
) -> Heard:
    """Samples as a recording; those with a rate of their own may have channels."""
    hertz = float(rate) if isinstance(rate, numbers.Real) and not isinstance(rate, bool) else math.nan
    if not hertz.is_integer():
        raise AudioError.about(name, f"a sample rate of {rate!r:.40}", "give it in Hz, as a whole number")
    channels = limits.max_channels if with_rate else 1
    sound = samples_of(name, samples, rate=int(hertz), max_channels=channels, limits=limits)
    return _at_rate(name, checked_sound(name, sound, int(hertz), limits), sample_rate)


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
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise AudioError.about(name, f"cannot be read ({error})", "open it to read bytes: open(path, 'rb')") from error
    return _plain_bytes(name, memoryview(data), limits)


def _is_bytes(value: Any) -> bool:
    """Whether a value is the content of a file, not numbers that happen to lie in a buffer."""
    return isinstance(value, bytes | bytearray) or (isinstance(value, memoryview) and value.format in ("B", "b", "c"))


def _is_samples(value: Any) -> bool:
    return isinstance(value, np.ndarray | array.array | memoryview) or hasattr(value, "__array__")


def _is_pair(value: Any) -> bool:
    """Whether a value is a sample rate and samples, in either order."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    numeric = [isinstance(one, numbers.Real) for one in value]
    other = value[0] if numeric[1] else value[1]
    return sum(numeric) == 1 and (_is_samples(other) or isinstance(other, list | tuple))


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
