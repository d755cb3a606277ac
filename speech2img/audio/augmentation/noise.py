"""Noise behind the speech: white, pink, or babble of other utterances, at a ratio to the active speech level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speech2img.audio.augmentation.active_level import active_level
from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between

KINDS = ("white", "pink", "babble")
LOWEST_PINK_HZ = 20.0
"""Below it the density of pink noise rises no further."""


@dataclass(frozen=True, kw_only=True)
class NoiseSettings(EffectSettings):
    """Noise behind the speech."""

    probability: float = 0.6
    """Share of the copies."""
    low: float = 0.0
    """Least ratio of speech to noise, in dB of the active speech level."""
    high: float = 30.0
    """Greatest ratio, in dB."""
    kinds: tuple[str, ...] = KINDS
    """Kinds that are drawn with equal chances: white, pink, babble (where there are other utterances)."""
    low_voices: int = 3
    """Fewest voices of babble."""
    high_voices: int = 6
    """Most voices of babble."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_range("low", "high", least=-20.0, most=80.0)
        self.demand_range("low_voices", "high_voices", least=1, most=32)
        self.demand_kinds(self.kinds, KINDS)


def noise(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: NoiseSettings, babble: Babble = ()
) -> np.ndarray:
    """Add noise of a drawn kind at a drawn ratio; an `Effect`."""
    kinds = [kind for kind in settings.kinds if kind != "babble" or len(babble)]
    snr_db = draw_between(rng, settings.low, settings.high)
    if not kinds:
        return y
    kind = kinds[int(rng.integers(len(kinds)))]
    if kind == "babble":
        voices = int(rng.integers(settings.low_voices, settings.high_voices + 1))
        return add_noise(y, babble_noise(len(y), rate, rng=rng, others=babble, voices=voices), rate, snr_db=snr_db)
    make = white_noise if kind == "white" else pink_noise
    return add_noise(y, make(len(y), rate, rng=rng), rate, snr_db=snr_db)


def add_noise(y: np.ndarray, added: np.ndarray, rate: int, *, snr_db: float) -> np.ndarray:
    """Add noise so that the active speech level lies ``snr_db`` above the noise's root mean square.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Speech; silence stays as it is, since no ratio to it exists.
    added : np.ndarray [shape=(n,)]
        Noise of any level.
    rate : int
        Samples per second.
    snr_db : float
        Ratio in dB.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
        May reach beyond -1..1.
    """
    speech = active_level(y, rate)
    own = float(np.sqrt(np.mean(np.square(added, dtype=np.float64)))) if added.size else 0.0
    if speech == 0.0 or own == 0.0:
        return y
    return np.asarray(y + added * (speech / own * 10 ** (-snr_db / 20)), dtype=np.float32)


def white_noise(length: int, rate: int, *, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of equal density at all frequencies, (length,) float32."""
    return rng.standard_normal(length, dtype=np.float32)


def pink_noise(length: int, rate: int, *, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose density falls by 3 dB an octave from `LOWEST_PINK_HZ` on, (length,) float32."""
    if length < 2:
        return white_noise(length, rate, rng=rng)
    size = 1 << (length - 1).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / rate)
    spectrum = np.fft.rfft(rng.standard_normal(size)) / np.sqrt(np.maximum(hertz, LOWEST_PINK_HZ))
    spectrum[0] = 0.0
    return np.asarray(np.fft.irfft(spectrum, size)[:length], dtype=np.float32)


def babble_noise(
    length: int, rate: int, *, rng: np.random.Generator, others: Sequence[np.ndarray], voices: int
) -> np.ndarray:
    """Several other utterances at once, each at the same active level, repeated from a drawn moment on.

    Parameters
    ----------
    length : int
        Samples wanted.
    rate : int
        Samples per second.
    rng : np.random.Generator
        Chooses utterances and moments.
    others : sequence of np.ndarray
        Waveforms to choose from, with replacement.
    voices : int >= 1
        How many.
    """
    mixed = np.zeros(length, dtype=np.float32)
    for _ in range(voices):
        voice = np.asarray(others[int(rng.integers(len(others)))], dtype=np.float32)
        start = float(rng.random())
        level = active_level(voice, rate)
        if level > 0:
            turned = np.roll(voice, -int(start * len(voice)))
            mixed += np.resize(turned / np.float32(level), length)
    return mixed
