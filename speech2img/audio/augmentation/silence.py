"""Silence before, after and within an utterance: who records waits, hesitates, and stops late."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between

FADE = 0.005
"""Seconds over which the sound fades on both sides of a pause that is put into it."""
_AWAY_FROM_ENDS = 0.15
_WINDOW = 0.03
_QUIET_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class SilenceSettings(EffectSettings):
    """Silence around and within the speech."""

    probability: float = 0.4
    """Share of the copies."""
    low: float = 0.0
    """Shortest silence before, and after, in seconds."""
    high: float = 1.5
    """Longest silence before, and after, in seconds."""
    low_pause: float = 0.05
    """Shortest pause within, in seconds."""
    high_pause: float = 0.5
    """Longest pause within, in seconds."""
    most_pauses: int = 2
    """Most pauses within; 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=0.0, most=30.0)
        self.demand_range("low_pause", "high_pause", least=0.0, most=10.0)
        self.demand_range("most_pauses", "most_pauses", least=0, most=100)


def silence(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: SilenceSettings, babble: Babble = ()
) -> np.ndarray:
    """Put drawn silences before, after and within; an `Effect`."""
    before, after = (draw_between(rng, settings.low, settings.high) for _ in range(2))
    for _ in range(int(rng.integers(settings.most_pauses + 1))):
        seconds = draw_between(rng, settings.low_pause, settings.high_pause)
        y = insert_pause(y, rate, place=quiet_place(y, rate, rng=rng), seconds=seconds)
    return surround(y, rate, before=before, after=after)


def surround(y: np.ndarray, rate: int, *, before: float, after: float) -> np.ndarray:
    """The sound with ``before`` and ``after`` seconds of silence around it, float32."""
    return np.pad(np.asarray(y, dtype=np.float32), (round(before * rate), round(after * rate)))


def insert_pause(y: np.ndarray, rate: int, *, place: int, seconds: float) -> np.ndarray:
    """Put silence into a sound.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    rate : int
        Samples per second.
    place : int, 0..n
        The sample before which the silence stands; `FADE` on both sides of it the sound fades.
    seconds : float
        Length of the silence.

    Returns
    -------
    np.ndarray [shape=(n + seconds * rate,), float32]
    """
    left, right = np.array(y[:place], dtype=np.float32), np.array(y[place:], dtype=np.float32)
    for part in (left[::-1], right):  # views: both are changed in place
        fade = min(len(part), max(1, round(FADE * rate)))
        part[:fade] *= np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    return np.concatenate((left, np.zeros(round(seconds * rate), np.float32), right))


def quiet_place(y: np.ndarray, rate: int, *, rng: np.random.Generator) -> int:
    """A drawn place among the quietest of a sound, away from its ends: most often between two words."""
    power = uniform_filter1d(np.square(y, dtype=np.float64), max(1, round(_WINDOW * rate)), mode="nearest")
    away = min(len(y) // 3, round(_AWAY_FROM_ENDS * rate))
    inner = power[away : len(y) - away]
    if not inner.size:
        return 0
    quiet = np.flatnonzero(inner <= np.quantile(inner, _QUIET_SHARE))
    return away + int(quiet[int(rng.integers(len(quiet)))])
