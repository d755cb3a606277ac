"""What people have at hand as a recording, at the rate that a model hears; paths here, other forms in `forms`.

Whatever it is, the same limits hold as for a file (`AudioLimits`).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from speech2img.audio.io import decode_audio, load_path
from speech2img.audio.limits import AudioLimits

Recording: TypeAlias = Any
"""A path (str or path-like), the content of a file (bytes, bytearray, memoryview), a file opened to read bytes, samples
(array, tensor) at the rate that the model hears, samples with their rate as ``(rate, samples)`` or ``(samples, rate)``,
a dict with ``array`` (or ``raw``) and ``sampling_rate``, or with ``bytes`` or ``path``, or what torchcodec (and with it
``datasets``) decodes with: an object with ``get_all_samples()``, or with ``data`` and ``sample_rate``."""

_USUAL = AudioLimits()


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
    if isinstance(audio, str | os.PathLike):
        return [audio], False
    from speech2img.audio.forms import is_one

    return (audio, True) if isinstance(audio, Iterable) and not is_one(audio) else ([audio], False)


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
        name, data = load_path(recording, limits)
        sound = decode_audio(name, data, limits)
    else:  # what understands the other forms is imported for them
        from speech2img.audio.forms import named_sound

        name, sound = named_sound(recording, sample_rate=sample_rate, name=name, limits=limits)
    return Heard(name, sound.at_rate(sample_rate), sound.rate)
