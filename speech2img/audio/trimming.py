"""Silence before and after what is said: found, and left out up to a margin."""

from dataclasses import dataclass

import numpy as np

LEAST = 0.3
"""Seconds of silence on one side from which on it is left out; less of it stays as it is."""
MARGIN = 0.05
"""Seconds of a silence left out that stay: no speech recorded for a training has much more."""

_FRAME_SECONDS = 0.02
_FALL_DB = 40.0
_FLOOR_DB = 6.0
_FAINTEST_SPEECH_DB = 25.0
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Trimmed:
    """A recording without the silence around it."""

    y: np.ndarray
    """What is left, a view."""
    before: float
    """Seconds left out at the beginning."""
    after: float
    """Seconds left out at the end."""


def trim_silence(y: np.ndarray, rate: int, *, margin: float = MARGIN) -> Trimmed:
    """Leave out the silence around speech, where it is at least `LEAST` seconds, but for a margin.

    Silence are frames of 20 ms that are 40 dB fainter than the loud ones; where there is a steady noise, at least 25 dB
    fainter than the loud frames, those that are less than 6 dB above it. A click of one or two frames is no speech.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    rate : int
        Samples per second.
    margin : float, 0 to `LEAST`
        Seconds that stay of a silence that is left out.

    Returns
    -------
    Trimmed
        All of it where nothing is silent, or nothing else is.
    """
    size = max(1, int(_FRAME_SECONDS * rate))
    frames = y[: len(y) // size * size].reshape(-1, size)
    offset = np.median(y) if len(y) else 0.0  # some sound cards add a constant
    power = np.mean(np.square(frames - offset, dtype=np.float64), axis=1)
    if len(power) < _NEIGHBOURS or not power.any():
        return Trimmed(y, 0.0, 0.0)

    # What counts as silence: below the loud frames, or hardly above a steady noise far below them.
    level_db = 10 * np.log10(np.maximum(power, 1e-20))
    loud_db = float(np.quantile(level_db[power > 0], 0.95))
    floor_db = float(np.quantile(level_db, 0.1))
    threshold_db = loud_db - _FALL_DB
    if floor_db < loud_db - _FAINTEST_SPEECH_DB:
        threshold_db = max(threshold_db, floor_db + _FLOOR_DB)

    # Speech is where most of five frames in a row are above it.
    above = np.convolve(level_db > threshold_db, np.ones(_NEIGHBOURS), mode="same") > _NEIGHBOURS / 2
    spoken = np.flatnonzero(above)
    if not spoken.size:
        return Trimmed(y, 0.0, 0.0)
    start, end = int(spoken[0]) * size, min(len(y), (int(spoken[-1]) + 1) * size)
    start = start - round(margin * rate) if start >= LEAST * rate else 0
    end = end + round(margin * rate) if len(y) - end >= LEAST * rate else len(y)
    return Trimmed(y[start:end], start / rate, (len(y) - end) / rate)
