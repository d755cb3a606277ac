"""The room around a microphone: a made impulse response of direct sound, early reflections and an exponential tail."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve, lfilter

from speech2img.audio.augmentation.active_level import active_level
from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between

EARLY_SECONDS = 0.05
"""Reflections up to then stand apart; behind them there is only the dense tail."""
_DECAY = 3 * np.log(10.0)
"""Of the amplitude over one RT60: 60 dB."""
_TAIL_BEGINS = 0.01
_DAMPING = 0.35


@dataclass(frozen=True, kw_only=True)
class RoomSettings(EffectSettings):
    """Reverberation."""

    probability: float = 0.4
    """Share of the copies."""
    low: float = 0.1
    """Shortest reverberation time (RT60), in seconds."""
    high: float = 0.8
    """Longest reverberation time, in seconds."""
    low_direct_db: float = -3.0
    """Least energy of the direct sound over all that is reflected, in dB: the speaker is far from the microphone."""
    high_direct_db: float = 12.0
    """Greatest energy of the direct sound over all that is reflected, in dB."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=0.02, most=5.0)
        self.demand_range("low_direct_db", "high_direct_db", least=-20.0, most=40.0)


def room(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: RoomSettings, babble: Babble = ()
) -> np.ndarray:
    """Put the speaker into a drawn room; an `Effect`."""
    rt60 = draw_between(rng, settings.low, settings.high)
    direct_db = draw_between(rng, settings.low_direct_db, settings.high_direct_db)
    return reverberate(y, impulse_response(rate, rt60=rt60, direct_db=direct_db, rng=rng), rate)


def impulse_response(rate: int, *, rt60: float, direct_db: float, rng: np.random.Generator) -> np.ndarray:
    """Impulse response of a room that no one has measured.

    Parameters
    ----------
    rate : int
        Samples per second.
    rt60 : float > 0
        Seconds in which the sound falls by 60 dB.
    direct_db : float
        Energy of the direct sound over that of the rest, in dB.
    rng : np.random.Generator
        Draws the reflections.

    Returns
    -------
    np.ndarray [shape=(rt60 * rate,), float64]
        Begins with the direct sound, a single 1.

    Notes
    -----
    The tail is Gaussian noise under an exponential decay (Polack's model), slightly damped at high frequencies; before
    it some ten reflections of either sign lie at drawn moments under the same decay.
    """
    # Exponential decay that has fallen by 60 dB after ``rt60``.
    length = max(2, round(rt60 * rate))
    seconds = np.arange(length) / rate
    decay = np.exp(-_DECAY * seconds / rt60)

    # Dense tail, and single reflections before it.
    tail = rng.standard_normal(length) * decay
    tail[: min(length, round(_TAIL_BEGINS * rate))] = 0.0
    tail = lfilter([1 - _DAMPING], [1, -_DAMPING], tail)
    early = np.zeros(length)
    reach = min(length, round(EARLY_SECONDS * rate))
    moments = rng.integers(1, max(2, reach), size=int(rng.integers(6, 15)))
    np.add.at(early, moments, rng.choice((-1.0, 1.0), size=len(moments)) * rng.uniform(1.0, 4.0, size=len(moments)))
    reflected = tail + early * decay
    reflected[0] = 0.0

    # Scaled so that the reflections lie as far below the direct sound as asked.
    energy = float(np.sum(reflected**2))
    response: np.ndarray = reflected * (np.sqrt(10 ** (-direct_db / 10) / energy) if energy > 0 else 0.0)
    response[0] = 1.0
    return response


def reverberate(y: np.ndarray, response: np.ndarray, rate: int) -> np.ndarray:
    """Convolve speech (n,) with an impulse response; same length, same beginning, same active level, float32."""
    before = active_level(y, rate)
    if before == 0.0:
        return y
    wet = fftconvolve(y, response)[: len(y)]
    after = active_level(wet, rate)
    return np.asarray(wet * (before / after if after > 0 else 1.0), dtype=np.float32)
