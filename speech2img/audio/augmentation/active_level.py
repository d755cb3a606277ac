"""Active speech level: how loud speech is while somebody speaks, after ITU-T P.56, method B.

The root mean square of a whole recording falls with every pause. Ratios of speech to noise are therefore taken from the
level of the active part: the part whose envelope, held for 200 ms, lies less than 15.9 dB below that very level.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

TIME_CONSTANT = 0.03
"""Seconds of each of the two exponential smoothings of the envelope."""
HANGOVER = 0.2
"""Seconds for which speech counts as active behind its last loud moment."""
MARGIN_DB = 15.9
"""Distance of the threshold of activity below the active level."""
SILENCE = 1e-6
"""Largest absolute sample of what counts as silence (full scale is 1): -120 dB."""

_STEPS_DB = np.arange(0.0, 100.0, 3.0)


def active_level(y: np.ndarray, rate: int) -> float:
    """Root mean square of the active part of a recording.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float]
        Sound of full scale 1.
    rate : int
        Samples per second.

    Returns
    -------
    float >= 0
        On the scale of the samples; 0 for silence, and the plain root mean square of what is too short or too even to
        have an active part.

    References
    ----------
    ITU-T Recommendation P.56 (12/2011), Objective measurement of active speech level, method B.
    """
    if not y.size or np.abs(y).max() <= SILENCE:
        return 0.0
    power = float(np.mean(np.square(y, dtype=np.float64)))

    # Envelope, held for the hangover.
    decay = np.exp(-1.0 / (rate * TIME_CONSTANT))
    envelope = np.abs(y, dtype=np.float64)
    for _ in range(2):
        envelope = lfilter([1.0 - decay], [1.0, -decay], envelope)
    hold = max(1, round(HANGOVER * rate))
    held = maximum_filter1d(envelope, size=hold, origin=(hold - 1) // 2, mode="constant")

    # Level of what lies above each threshold, and where it is the margin above its threshold.
    thresholds_db = 20 * np.log10(held.max()) - _STEPS_DB
    active = [np.count_nonzero(held >= threshold) for threshold in 10 ** (thresholds_db / 20)]
    shares = np.maximum(1, active) / y.size
    levels_db = 10 * np.log10(power / shares)
    margins = levels_db - thresholds_db

    # From the lowest threshold upwards to the first whose level is less than the margin above it.
    near = np.flatnonzero(margins < MARGIN_DB)
    if not near.size or near[-1] == len(margins) - 1:
        return float(np.sqrt(power))
    above, below = int(near[-1]), int(near[-1]) + 1
    part = (margins[below] - MARGIN_DB) / (margins[below] - margins[above])
    return float(10 ** ((levels_db[below] + part * (levels_db[above] - levels_db[below])) / 20))
