"""``CHECKS``: what may be wrong with a recording that is heard nevertheless, each in words that name it and a way out.

Thresholds were set on people (SpokenCOCO, LJ Speech, Places) and on seven engines: of their recordings none is named.
"""

from collections.abc import Callable

import numpy as np

from speech2img.audio.inputs import Heard

FULL_BAND = 16_000
"""Sample rate in Hz from which on all of speech is heard; every front-end listens up to 8,000 Hz or more."""
BAND_DB = 60.0
"""What lies further below the loudest frequencies of the loud moments is not in a recording."""
LOWEST_EDGE, HIGHEST_EDGE = 3_000, 5_900
"""Upper ends of a band in Hz that speech has only where a line, a codec or a low sample rate cut it."""
LEAST_SECONDS = 0.2
"""Length below which not even a word fits into a recording."""
FAINTEST_DB = -50.0
"""Level of the loud frames, in dB of full scale, below which a recording is called faint."""
LEAST_RANGE_DB = 4.5
"""Least distance from the faint to the loud frames of speech, even in noise of its own level."""
MOST_CLIPPED = 0.005
"""Share of the samples within 3 % of the peak from which on peaks were cut; speech has a tenth of a per cent."""
LONG_SILENCE = 3.0
"""Seconds of silence in one piece from which on it is said."""

_FRAME_SECONDS = 0.02
_STEADY_SECONDS = 1.0
_NEAR_PEAK = 0.97
_DIGITAL_SILENCE_DB = -200.0
_FALL_DB = 40.0
_BAND_HZ = 250

Check = Callable[[Heard, int], str | None]
"""(recording, its rate in Hz) -> what is said of it, or None."""


def narrow_band(heard: Heard, rate: int) -> str | None:
    """A low sample rate, or nothing above some 4 or 5 kHz although the rate is higher."""
    words = f"words may be misheard; record at {FULL_BAND:,} Hz or more"
    if heard.recorded_rate < FULL_BAND:
        half = heard.recorded_rate // 2
        return f"recorded at {heard.recorded_rate:,} Hz, so nothing above {half:,} Hz is in it and {words}"
    edge = band_edge(heard.y, rate)
    if edge is None or not LOWEST_EDGE <= edge <= HIGHEST_EDGE:
        return None
    return f"nothing above about {edge:,} Hz is in it, as if it was recorded at {2 * edge:,} Hz, and {words}"


def band_edge(y: np.ndarray, rate: int) -> int | None:
    """Upper end in Hz, in steps of 250 Hz, of what is in the loud moments; None where nothing can be said."""
    size = 2 * rate // _BAND_HZ
    if len(y) < 4 * size or rate < 2 * HIGHEST_EDGE:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(y, size)[:: 2 * size] * np.hanning(size).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(windows)))
    level = power.sum(axis=1)
    mean = power[level >= 10 ** (-_FALL_DB / 10) * np.quantile(level, 0.95)].mean(axis=0)
    bands = mean[: len(mean) // 2 * 2].reshape(-1, 2).mean(axis=1)
    if not bands.any():
        return None
    return int(np.flatnonzero(bands > bands.max() * 10 ** (-BAND_DB / 10))[-1] + 1) * _BAND_HZ


def no_speech(heard: Heard, rate: int) -> str | None:
    """A sound as steady as noise."""
    level_db = _frame_levels(heard.y, rate)
    if len(level_db) * _FRAME_SECONDS < _STEADY_SECONDS:
        return None
    low, high = np.quantile(level_db, (0.1, 0.95))
    if high - low >= LEAST_RANGE_DB:
        return None
    return "steady noise without the rise and fall of speech; check that somebody speaks, close to the microphone"


def faint(heard: Heard, rate: int) -> str | None:
    """A very low level."""
    level_db = _frame_levels(heard.y, rate)
    if not len(level_db) or (loud := float(np.quantile(level_db, 0.95))) >= FAINTEST_DB:
        return None
    return f"very faint, {-loud:.0f} dB below full scale; record it louder or closer to the microphone"


def clipped(heard: Heard, rate: int) -> str | None:
    """Peaks cut off, at whatever level."""
    sizes = np.abs(heard.y)
    peak = float(sizes.max()) if sizes.size else 0.0
    share = np.count_nonzero(sizes > _NEAR_PEAK * peak) / max(1, sizes.size)
    level_db = _frame_levels(heard.y, rate)
    steady = len(level_db) == 0 or np.ptp(np.quantile(level_db, (0.1, 0.95))) < LEAST_RANGE_DB
    if share <= MOST_CLIPPED or steady:  # a tone is near its peak for long, and no speech
        return None
    return f"overdriven: {share:.1%} of it is cut off at the peak; record it more softly"


def short(heard: Heard, rate: int) -> str | None:
    """Less than a word."""
    seconds = len(heard.y) / rate
    return None if seconds >= LEAST_SECONDS else f"only {seconds:.2f} s long, less than a word; say a whole sentence"


def long_silence(heard: Heard, rate: int) -> str | None:
    """A long silence: no frame of 20 ms comes within 40 dB of the loud ones."""
    level_db = _frame_levels(heard.y, rate)
    if len(level_db) * _FRAME_SECONDS < LONG_SILENCE:
        return None
    sounding = level_db[level_db > _DIGITAL_SILENCE_DB]
    loud_db = np.quantile(sounding, 0.95) if len(sounding) else 0.0
    edges = np.concatenate(([-1], np.flatnonzero(level_db > loud_db - _FALL_DB), [len(level_db)]))
    seconds = float(np.diff(edges).max() - 1) * _FRAME_SECONDS
    if seconds < LONG_SILENCE:
        return None
    whole = len(heard.y) / rate
    return f"{seconds:.0f} s of its {whole:.0f} s are silence in one piece, which is heard too; cut it out"


def _frame_levels(y: np.ndarray, rate: int) -> np.ndarray:
    """Level of every frame of 20 ms in dB of full scale; `_DIGITAL_SILENCE_DB` at least."""
    size = int(_FRAME_SECONDS * rate)
    frames = y[: len(y) // size * size].reshape(-1, size)
    offset = np.median(y) if len(y) else 0.0  # some sound cards add a constant
    power = np.mean(np.square(frames - offset, dtype=np.float64), axis=1)
    level_db: np.ndarray = 10 * np.log10(np.maximum(power, 10 ** (_DIGITAL_SILENCE_DB / 10)))
    return level_db


CHECKS: tuple[Check, ...] = (narrow_band, no_speech, faint, clipped, short, long_silence)
"""In the order in which they are said."""
