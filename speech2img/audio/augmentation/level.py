"""Level: recordings that are louder or fainter, and those whose peaks were cut."""

from dataclasses import dataclass

import numpy as np

from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between


@dataclass(frozen=True, kw_only=True)
class GainSettings(EffectSettings):
    """Loudness of the whole recording."""

    probability: float = 0.5
    """Share of the copies."""
    low: float = -24.0
    """Least gain, in dB."""
    high: float = 6.0
    """Greatest gain, in dB; what would exceed full scale is made fainter as a whole."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=-60.0, most=40.0)


@dataclass(frozen=True, kw_only=True)
class ClippingSettings(EffectSettings):
    """Peaks that an overdriven input cut off."""

    probability: float = 0.1
    """Share of the copies."""
    low: float = 0.001
    """Least share of the samples that are cut, 0..1."""
    high: float = 0.04
    """Greatest share of the samples that are cut, 0..1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=0.0, most=0.9)


def gain(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: GainSettings, babble: Babble = ()
) -> np.ndarray:
    """Multiply by a drawn gain; an `Effect`."""
    return np.asarray(y * 10 ** (draw_between(rng, settings.low, settings.high) / 20), dtype=np.float32)


def clipping(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: ClippingSettings, babble: Babble = ()
) -> np.ndarray:
    """Cut a drawn share of the samples; an `Effect`."""
    return clip_peaks(y, share=draw_between(rng, settings.low, settings.high))


def clip_peaks(y: np.ndarray, *, share: float) -> np.ndarray:
    """Cut the loudest samples to the level of the next.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    share : float, 0..1
        Part of the samples, zeros not counted, that is cut.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
    """
    sizes = np.abs(y[y != 0])
    if not sizes.size:
        return y
    limit = float(np.quantile(sizes, 1 - share, method="lower"))
    return np.asarray(np.clip(y, -limit, limit), dtype=np.float32)


def within_full_scale(y: np.ndarray) -> np.ndarray:
    """Sound whose peak is at most 1: what exceeds it is made fainter as a whole, never cut."""
    peak = float(np.abs(y).max()) if y.size else 0.0
    return y if peak <= 1 else np.asarray(y / np.float32(peak), dtype=np.float32).clip(-1, 1)
