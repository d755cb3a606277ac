"""Narrow bands: recordings made at 8 or 11.025 kHz, telephone lines, and the low-pass of codecs such as mp3."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, firwin, sosfilt

from speech2img.audio.augmentation.effect import Babble, EffectSettings, draw_between
from speech2img.audio.io import resample

KINDS = ("8khz", "11khz", "telephone", "codec")
SOURCE_RATES = {"8khz": 8_000, "11khz": 11_025, "telephone": 8_000}
TELEPHONE_HZ = (300.0, 3_400.0)
"""Band of a telephone line."""
MU = 255
_TAPS = 255


@dataclass(frozen=True, kw_only=True)
class BandSettings(EffectSettings):
    """Bands narrower than what the model hears."""

    probability: float = 0.4
    """Share of the copies."""
    kinds: tuple[str, ...] = KINDS
    """Kinds that are drawn with equal chances: 8khz, 11khz (sample rates of the source), telephone, codec."""
    low: float = 3_500.0
    """Lowest cut of a codec, in Hz."""
    high: float = 7_500.0
    """Highest cut of a codec, in Hz."""
    coded: float = 0.5
    """Share of the 8 kHz sources and telephones that are coded by mu-law, 0..1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand_kinds(self.kinds, KINDS)
        self.demand_range("low", "high", least=1_000.0, most=24_000.0)
        self.demand_range("coded", "coded", least=0.0, most=1.0)


def band(
    y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: BandSettings, babble: Babble = ()
) -> np.ndarray:
    """Narrow the band in a drawn way; an `Effect`."""
    kind = settings.kinds[int(rng.integers(len(settings.kinds)))]
    cut = draw_between(rng, settings.low, settings.high)
    coded = bool(rng.random() < settings.coded) and kind != "11khz"
    if kind == "codec":
        return low_pass(y, rate, cut=cut)
    if kind == "telephone":
        y = telephone_line(y, rate)
    return recorded_at(y, rate, source_rate=SOURCE_RATES[kind], coded=coded)


def recorded_at(y: np.ndarray, rate: int, *, source_rate: int, coded: bool = False) -> np.ndarray:
    """As a recording at a lower sample rate sounds once it is resampled: nothing above half that rate is left.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound at ``rate``.
    rate : int
        Samples per second, of the result too.
    source_rate : int
        Samples per second of the recording; one not below ``rate`` changes nothing.
    coded : bool
        Whether the recording's samples are coded by `mu_law`.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
    """
    if source_rate >= rate or not y.size:
        return y
    low = resample(np.asarray(y, dtype=np.float32), rate, source_rate)
    back = resample(mu_law(low) if coded else low, source_rate, rate)[: len(y)]
    return np.pad(back, (0, len(y) - len(back)))


def telephone_line(y: np.ndarray, rate: int) -> np.ndarray:
    """Only 300 to 3,400 Hz, (n,) float32; Butterworth of order 4 a side."""
    low, high = TELEPHONE_HZ
    high = min(high, 0.49 * rate)
    filtered = sosfilt(butter(4, (low, high), btype="bandpass", fs=rate, output="sos"), y)
    return np.asarray(filtered, dtype=np.float32)


def low_pass(y: np.ndarray, rate: int, *, cut: float) -> np.ndarray:
    """The steep low-pass of a codec of few bits, (n,) float32: linear phase, -6 dB at ``cut`` Hz.

    A cut that is not below half the rate changes nothing.
    """
    if cut >= 0.49 * rate or not y.size:
        return y
    taps = firwin(_TAPS, cut, window=("kaiser", 8.0), fs=rate)
    return np.asarray(fftconvolve(y, taps)[_TAPS // 2 :][: len(y)], dtype=np.float32)


def mu_law(y: np.ndarray) -> np.ndarray:
    """Eight bits a sample by the mu-law of North American telephones (ITU-T G.711, continuous form), (n,) float32."""
    inside = np.clip(np.asarray(y, dtype=np.float64), -1, 1)
    code = np.round(np.sign(inside) * np.log1p(MU * np.abs(inside)) / np.log1p(MU) * (MU // 2))
    steps = code / (MU // 2)
    return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU, dtype=np.float32)
