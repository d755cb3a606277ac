"""Speed and pitch of the voice, each within narrow bounds: a manner of speaking may carry meaning.

Songbirds are spoken slowly and low at dusk, fast and high at noon: half as fast again, or half as high again. What is
drawn here stays well below that; whoever trains on a corpus where it matters can switch either off.
"""

from dataclasses import dataclass

import numpy as np

from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between
from speech2img.audio.augmentation.time_stretch import time_stretch
from speech2img.audio.io import resample


@dataclass(frozen=True, kw_only=True)
class SpeedSettings(EffectSettings):
    """Speed of speaking at the same pitch."""

    probability: float = 0.3
    """Share of the copies."""
    low: float = 0.92
    """Slowest, as a factor on the speed."""
    high: float = 1.08
    """Fastest, as a factor on the speed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=0.5, most=2.0)


@dataclass(frozen=True, kw_only=True)
class PitchSettings(EffectSettings):
    """Pitch and colour of the voice at the same speed."""

    probability: float = 0.3
    """Share of the copies."""
    low: float = -1.0
    """Deepest, in semitones."""
    high: float = 1.0
    """Highest, in semitones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=-12.0, most=12.0)


def speed(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: SpeedSettings, babble: Babble = ()
) -> np.ndarray:
    """Speak faster or slower by a drawn factor; an `Effect`."""
    return time_stretch(y, rate, factor=1 / draw_between(rng, settings.low, settings.high))


def pitch(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: PitchSettings, babble: Babble = ()
) -> np.ndarray:
    """Speak higher or deeper by a drawn number of semitones; an `Effect`."""
    return shift_pitch(y, rate, semitones=draw_between(rng, settings.low, settings.high))


def shift_pitch(y: np.ndarray, rate: int, *, semitones: float) -> np.ndarray:
    """Move pitch and formants, as a smaller or larger speaker has them.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    rate : int
        Samples per second.
    semitones : float
        Upwards; 12 are an octave.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
        Stretched in time, then resampled to the old length.
    """
    factor = 2 ** (semitones / 12)
    stretched = time_stretch(y, rate, factor=factor)
    moved = resample(stretched, round(rate * factor), rate)[: len(y)] if stretched.size else stretched
    return np.pad(moved, (0, len(y) - len(moved)))
