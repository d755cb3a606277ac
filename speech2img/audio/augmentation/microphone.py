"""Colour of microphones: a smooth random frequency response, as of a telephone held close or a laptop far away."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between

LOWEST_HZ = 80.0
"""Lowest frequency at which a gain is drawn; below it the response is constant."""
_POINTS = 7


@dataclass(frozen=True, kw_only=True)
class MicrophoneSettings(EffectSettings):
    """Frequency response of microphone and loudspeaker."""

    probability: float = 0.5
    """Share of the copies."""
    low: float = 1.0
    """Least swing of the response, in dB up and down."""
    high: float = 9.0
    """Greatest swing of the response, in dB up and down."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=0.0, most=40.0)


def microphone(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: MicrophoneSettings, babble: Babble = ()
) -> np.ndarray:
    """Colour the sound by a drawn response; an `Effect`."""
    swing_db = draw_between(rng, settings.low, settings.high)
    return equalize(y, rate, gains_db=swing_db * rng.uniform(-1, 1, size=_POINTS))


def equalize(y: np.ndarray, rate: int, *, gains_db: np.ndarray) -> np.ndarray:
    """Filter by a smooth response without delay, and keep the root mean square.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    rate : int
        Samples per second.
    gains_db : np.ndarray [shape=(k,), k >= 2]
        Gains in dB at k frequencies, equally spaced in octaves from `LOWEST_HZ` to half the rate; between them a cubic
        spline.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
    """
    power = float(np.sum(np.square(y, dtype=np.float64)))
    if power == 0.0:
        return y
    size = 1 << (len(y) + rate // 4).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / rate)
    top = max(rate / 2, 2 * LOWEST_HZ)
    points = np.linspace(np.log2(LOWEST_HZ), np.log2(top), len(gains_db))
    places = np.log2(np.clip(hertz, LOWEST_HZ, top))
    response_db = np.clip(CubicSpline(points, gains_db, bc_type="natural")(places), gains_db.min(), gains_db.max())
    colored = np.fft.irfft(np.fft.rfft(y, size) * 10 ** (response_db / 20), size)[: len(y)]
    after = float(np.sum(colored**2))
    return np.asarray(colored * (np.sqrt(power / after) if after > 0 else 1.0), dtype=np.float32)
