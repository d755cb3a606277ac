"""Recordings that are no path: bytes, an open file, an array with or without its rate, a tensor, a dict, a decoder."""

import array
import math
import numbers
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from speech2img.audio.io import KNOWN_FORMS, LONGEST_NAME, Sound, checked_sound, decode_audio, load_path
from speech2img.audio.limits import AudioLimits, check_header
from speech2img.errors import AudioError
from speech2img.storage.media_type import HEAD_BYTES, media_type

_PCM = {"i2": (0, 1 << 15), "i4": (0, 1 << 31), "u1": (128, 1 << 7)}
"""Kinds of integers that sound is stored in: what stands for silence, and full scale."""
_A_FEW = 64  # values, of which one cannot tell samples from channels
_AS_STORED = "give floats of -1..1, or int16, int32 or uint8 as a wav file has them"


def is_one(audio: Any) -> bool:
    """Whether something that is no path is one recording, where it might be several of them."""
    one = _is_bytes(audio) or _is_samples(audio) or _is_pair(audio) or isinstance(audio, Mapping)
    return one or hasattr(audio, "read") or _is_decoded(audio)


def named_sound(recording: Any, *, sample_rate: int, name: str, limits: AudioLimits) -> tuple[str, Sound]:
    """Take a recording in any of the forms of `speech2img.audio.inputs.Recording` but a path.

    Parameters
    ----------
    recording : Recording
        The recording.
    sample_rate : int
        Rate in Hz of samples that come without one.
    name : str
        What messages call it where it has no name of its own.
    limits : AudioLimits
        What it may be.

    Returns
    -------
    name : str
        What messages call it.
    sound : Sound
        At its own rate.

    Raises
    ------
    AudioError
        If it is none of these forms, or `read_audio` would refuse it as a file.
    """
    # A dict, or the content of a file in whatever holds bytes.
    if isinstance(recording, Mapping):
        return _of_mapping(recording, sample_rate, name, limits)
    recording = _as_file(recording)
    if _is_bytes(recording):
        return name, decode_audio(name, _plain_bytes(name, memoryview(recording), limits), limits)

    # Samples, with their rate or without.
    if _is_samples(recording):
        return name, _of_samples(recording, sample_rate, name, limits, with_rate=False)
    if _is_pair(recording):
        rate, samples = recording if _is_number(recording[0]) else reversed(recording)
        return name, _of_samples(samples, rate, name, limits)

    # An open file, or what a library decodes with.
    if hasattr(recording, "read"):
        own = getattr(recording, "name", None)
        name = own[:LONGEST_NAME] if isinstance(own, str) and own else name
        return name, decode_audio(name, _read(name, recording, limits), limits)
    if _is_decoded(recording):
        return name, _of_decoded(recording, name, limits)
    raise AudioError.about(name, f"{_kind(recording)} is no recording", KNOWN_FORMS)


def _of_mapping(recording: Mapping[str, Any], sample_rate: int, name: str, limits: AudioLimits) -> tuple[str, Sound]:
    """The recording in a dict, as ``datasets`` and ``transformers`` hand them out."""
    path = recording.get("path")
    name = path[:LONGEST_NAME] if isinstance(path, str) and path else name
    samples = recording.get("array", recording.get("raw"))
    if samples is not None:
        if recording.get("sampling_rate") is None:
            raise AudioError.about(name, "a dict without 'sampling_rate'", "add it, in Hz")
        return name, _of_samples(samples, recording["sampling_rate"], name, limits)
    content = recording.get("bytes") if recording.get("bytes") is not None else path
    if content is None or not (_is_bytes(content) or isinstance(content, str | os.PathLike)):
        keys = ", ".join(repr(key)[:40] for key in list(recording)[:5])
        raise AudioError.about(name, f"a dict of {keys or 'nothing'}", "give 'array' and 'sampling_rate', or 'path'")
    if isinstance(content, str | os.PathLike):
        path, data = load_path(content, limits)
        return path, decode_audio(path, data, limits)
    return named_sound(content, sample_rate=sample_rate, name=name, limits=limits)


def _of_samples(samples: Any, rate: Any, name: str, limits: AudioLimits, *, with_rate: bool = True) -> Sound:
    """Samples as a recording; those with a rate of their own may have channels."""
    try:
        hertz = float(rate) if _is_number(rate) and not isinstance(rate, bool) else math.nan
    except (ArithmeticError, TypeError, ValueError, RuntimeError):  # too large, or no value behind it
        hertz = math.nan
    if not hertz.is_integer():
        shown = "of hundreds of digits" if isinstance(rate, int) and abs(rate) > 1 << 999 else f"of {rate!r:.40}"
        raise AudioError.about(name, f"a sample rate {shown}", "give it in Hz, as a whole number")
    channels = limits.max_channels if with_rate else 1
    sound = _samples_of(name, samples, rate=int(hertz), max_channels=channels, limits=limits)
    return checked_sound(name, sound, int(hertz), limits)


def _of_decoded(recording: Any, name: str, limits: AudioLimits) -> Sound:
    """The recording in an object of a library that decodes sound."""
    try:
        decoded = recording.get_all_samples() if hasattr(recording, "get_all_samples") else recording
        samples, rate = decoded.data, decoded.sample_rate
    except Exception as error:  # decoders raise what they like
        raise AudioError.about(
            name, f"cannot be decoded ({str(error)[:200] or type(error).__name__})", KNOWN_FORMS
        ) from error
    return _of_samples(samples, rate, name, limits)


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
                fix = "open it to read bytes: open(path, 'rb')" if text else KNOWN_FORMS
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


def _samples_of(name: str, values: Any, *, rate: int, max_channels: int, limits: AudioLimits) -> np.ndarray:
    """Sound (n, channels) float32 of an array, a tensor or a list of numbers.

    Parameters
    ----------
    name : str
        What messages call it.
    values : array-like
        Shape (n,), or (n, channels) or (channels, n) where channels are allowed; floats of full scale 1, or int16,
        int32 and uint8 as PCM.
    rate : int
        Samples per second; the length is checked before anything is copied.
    max_channels : int
        With 1, only axes of length 1 may be added.
    limits : AudioLimits
        What it may be.

    Raises
    ------
    AudioError
        If it is of another shape or kind, or too long.
    """
    array = _as_array(name, values)
    sound = array.reshape(-1, 1) if array.ndim == 1 or (array.ndim == 2 and 1 in array.shape) else array
    if sound.ndim == 2 and sound.shape[0] < sound.shape[1]:
        sound = sound.T
    # More than one channel only with a rate: what comes without one may as well be a batch of recordings.
    fits = sound.ndim == 2 and sound.size and sound.shape[1] <= max_channels
    fits = fits and (sound.shape[1] == 1 or sound.size > _A_FEW)
    if fits:
        check_header(name, rate, sound.shape[1], sound.shape[0], limits)
    if not fits or (sound.dtype.kind == "f" and not np.isfinite(sound).all()):
        fix = f"give shape (samples,), -1..1, at {rate} Hz, or a pair (rate, samples)"
        raise AudioError.about(f"{name}, of shape {array.shape}", "not a finite mono waveform", fix)
    return _full_scale_one(name, sound, limits)


def _as_array(name: str, values: Any) -> np.ndarray:
    """Values as a numpy array without gaps."""
    if np.ma.isMaskedArray(values):
        if np.ma.getmaskarray(values).any():
            raise AudioError.about(name, "masked samples", "fill the gaps, or cut them out")
        values = values.data
    try:
        if hasattr(values, "detach"):  # a tensor of PyTorch, on any device, with or without gradient
            values = values.detach().cpu()
            values = values.float() if values.is_floating_point() else values
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        if isinstance(values, memoryview):
            raise AudioError.about(name, f"cannot be read ({error})", "give it before it is released") from error
        raise AudioError.about(name, f"is no array of samples ({error})", _AS_STORED) from error


def _full_scale_one(name: str, sound: np.ndarray, limits: AudioLimits) -> np.ndarray:
    """Samples as float32 of full scale 1."""
    # Floats: full scale is 1, so that what is far above it was never scaled.
    if sound.dtype.kind == "f":
        peak = float(np.abs(sound).max())
        if peak > limits.max_amplitude:  # before float32, which has an end
            fix = "divide them by their full scale (32768 for 16 bits)"
            raise AudioError.about(name, f"samples up to {peak:.3g} (full scale is 1)", fix)
        return np.ascontiguousarray(sound, dtype=np.float32)
    # Integers: by their type; int32 that keep to the range of int16 were widened, not recorded so.
    scale = _PCM.get(sound.dtype.str[1:])
    if scale is None:
        fix = "give paths as a list: paths.tolist()" if sound.dtype.kind in "US" else _AS_STORED
        raise AudioError.about(name, f"samples of type {sound.dtype}, whose full scale is not known", fix)
    silence, full = scale
    pcm = (sound.astype(np.float64) - silence) / full
    if sound.dtype.itemsize == 4 and 0 < np.abs(pcm).max() < 2**-16:
        raise AudioError.about(name, "int32 samples that fit into int16", "give them as int16: .astype(np.int16)")
    return pcm.astype(np.float32)
