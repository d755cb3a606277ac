"""What a recording may be: the limits, and the checks of a header and of samples that hold for files and arrays."""

import math
from dataclasses import dataclass

import numpy as np

from speech2img.errors import AudioError

CONVERT = "convert it, for example: ffmpeg -i INPUT -ac 1 -ar 16000 out.wav"
"""The way out of a file that is not read as it is."""

_FULL_SCALE = 0.999


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


def check_header(name: str, rate: int, channels: int, samples: int, limits: AudioLimits) -> None:
    """Raise AudioError unless rate (Hz), channels and length (samples of one channel) are within the limits."""
    if not limits.min_sample_rate <= rate <= limits.max_sample_rate:
        reason = f"sample rate {rate} Hz, outside {limits.min_sample_rate}-{limits.max_sample_rate} Hz"
        raise AudioError.about(name, reason, CONVERT)
    if not 1 <= channels <= limits.max_channels:
        raise AudioError.about(name, f"{channels} channels, outside 1-{limits.max_channels}", CONVERT)
    if samples == 0:
        raise AudioError.about(name, "no samples", "record it again")
    if samples > limits.max_seconds * rate:
        raise AudioError.about(name, f"{samples / rate:,.0f} s long", f"cut it to at most {limits.max_seconds:g} s")


def check_samples(name: str, sound: np.ndarray, limits: AudioLimits) -> float:
    """Check the samples (n, channels) of all channels, full scale 1; gives their peak.

    Raises
    ------
    AudioError
        If they are not finite, beyond full scale, silent or overdriven.
    """
    low, high = float(sound.min()), float(sound.max())  # NaN goes through both
    if not (math.isfinite(low) and math.isfinite(high)):
        raise AudioError.about(name, "samples that are not finite (NaN or infinite)", "export it again")
    peak = max(-low, high)
    if peak > limits.max_amplitude:
        raise AudioError.about(name, f"samples up to {peak:.3g} (full scale is 1)", "normalise the float samples to 1")
    if high - low < limits.min_swing:
        raise AudioError.about(name, "silent", "check the microphone and record it again")
    if peak >= _FULL_SCALE:
        clipped = (np.count_nonzero(sound >= _FULL_SCALE) + np.count_nonzero(sound <= -_FULL_SCALE)) / sound.size
        if clipped > limits.max_clipped:
            raise AudioError.about(name, f"overdriven: {clipped:.0%} of it is at full scale", "record it more softly")
    return peak


def to_mono(name: str, sound: np.ndarray, limits: AudioLimits) -> np.ndarray:
    """Mean (n,) of the channels of checked sound (n, channels); AudioError where they cancel each other out."""
    if sound.shape[1] == 1:
        return sound[:, 0]
    mono: np.ndarray = sound.mean(axis=1, dtype=np.float32)
    if np.ptp(mono) < limits.min_swing:
        raise AudioError.about(name, "silent once its channels are averaged", "give one channel only")
    return mono
