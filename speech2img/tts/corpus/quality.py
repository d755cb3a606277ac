"""What sound must be like to pass as a text spoken: its length, its level, its pauses."""

from dataclasses import dataclass

import numpy as np

from speech2img.errors import SynthesisError

_FRAMES_PER_SECOND = 50
_FULL_SCALE = 0.999


@dataclass(frozen=True, kw_only=True)
class QualityLimits:
    """The bounds of :func:`check_speech`."""

    min_seconds_per_character: float = 0.015
    """Faster than that nobody speaks: the end is missing."""
    max_seconds_per_character: float = 0.35
    """Slower than that (beyond ``pauses``) the engine babbles or stalls."""
    pauses: float = 1.0
    """Seconds of pauses that even the shortest text may have."""
    max_seconds: float = 30.0
    """Longest recording; :class:`speech2img.audio.io.AudioLimits` reads no longer one."""
    max_silence: float = 2.0
    """Longest stretch, in seconds, below ``silence_level``."""
    silence_level: float = 0.01
    """What counts as silence, as a part of the peak."""
    min_peak: float = 0.01
    """Smallest peak (1 is full scale) that is not silence altogether."""
    max_clipped: float = 0.01
    """Largest share of samples at full scale."""


DEFAULT_LIMITS = QualityLimits()


def check_speech(y: np.ndarray, sample_rate: int, text: str, *, limits: QualityLimits = DEFAULT_LIMITS) -> None:
    """Refuse sound that cannot be this text spoken.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        What the engine gave.
    sample_rate : int
        Its rate in Hz.
    text : str
        What it was asked to say.
    limits : QualityLimits
        Where plausible ends.

    Raises
    ------
    SynthesisError
        If the sound is empty, not finite, silent altogether or for long, clipped, or impossibly short or long.
    """
    # A sound, and not silence.
    subject = f"text {text[:60]!r}"
    if y.ndim != 1 or not y.size or not np.isfinite(y).all():
        raise SynthesisError.about(subject, f"no finite mono sound (shape {y.shape})", "change the text or the voice")
    magnitude = np.abs(y)
    peak, seconds = float(magnitude.max()), y.size / sample_rate
    if peak < limits.min_peak:
        raise SynthesisError.about(subject, f"silent (peak {peak:.4f})", "change the text or the voice")
    # Not distorted.
    clipped = float(np.mean(magnitude >= _FULL_SCALE)) if peak >= _FULL_SCALE else 0.0
    if clipped > limits.max_clipped:
        raise SynthesisError.about(subject, f"{clipped:.1%} of the samples are clipped", "use another voice")
    # As long as such a text takes.
    shortest = limits.min_seconds_per_character * len(text)
    longest = min(limits.pauses + limits.max_seconds_per_character * len(text), limits.max_seconds)
    if not shortest <= seconds <= longest:
        reason = f"not plausible as speech: {seconds:.2f} s for {len(text)} characters ({longest:.1f} s at most)"
        raise SynthesisError.about(subject, reason, "change the rate or the text")
    # Without a hole.
    silence = _longest_silence(magnitude, sample_rate, limits.silence_level * peak)
    if silence > limits.max_silence:
        reason = f"{silence:.1f} s of silence in one stretch"
        raise SynthesisError.about(subject, reason, "change the text or the voice")


def _longest_silence(magnitude: np.ndarray, sample_rate: int, level: float) -> float:
    """Longest stretch of frames below a level, in seconds."""
    size = max(1, sample_rate // _FRAMES_PER_SECOND)
    whole = magnitude.size // size
    frames = magnitude[: whole * size].reshape(whole, size).max(axis=1)
    loud = np.flatnonzero(frames >= level)
    edges = np.concatenate([[-1], loud, [whole]])
    return float(np.diff(edges).max() - 1) * size / sample_rate
