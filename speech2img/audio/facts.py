"""What a recording is: its length, its rate, its channels, found by reading it to the end."""

from dataclasses import dataclass
from pathlib import Path

from speech2img.audio.io import decode_audio, load_audio
from speech2img.audio.limits import AudioLimits


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
    """Read a recording to its end without keeping it: what `read_audio` would refuse is refused here.

    Parameters
    ----------
    source, limits
        As for :func:`speech2img.audio.io.read_audio`.

    Returns
    -------
    AudioFacts
        Length as it is there, rate and channels as the file says.

    Raises
    ------
    AudioError
        As :func:`speech2img.audio.io.read_audio`.
    """
    limits = limits or AudioLimits()
    sound = decode_audio(*load_audio(source, limits), limits)
    return AudioFacts(len(sound.mono) / sound.rate, sound.rate, sound.channels)
