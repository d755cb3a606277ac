"""Long recordings divided where nobody speaks, so that no word is cut."""

import numpy as np

_FRAME_SECONDS = 0.02
_PAUSE_SECONDS = 0.2
_EARLIEST = 0.4
"""Part of the longest length before which no division is looked for."""


def split_at_pauses(wave: np.ndarray, rate: int, *, max_seconds: float) -> list[tuple[int, int]]:
    """Divide a recording at its quietest places.

    Parameters
    ----------
    wave : np.ndarray [shape=(n,)]
        Sound.
    rate : int
        Samples per second.
    max_seconds : float
        Longest part.

    Returns
    -------
    list of (int, int)
        First sample and end of each part, without gaps: the whole recording where it is short enough. Each
        division lies in the quietest 0.2 s of what may be the last 60 % of a part.
    """
    most = int(max_seconds * rate)
    if most < 1:
        raise ValueError(f"max_seconds must leave a sample, got {max_seconds}")
    parts: list[tuple[int, int]] = []
    start = 0
    while len(wave) - start > most:
        # No part may be the shorter for nothing: the rest is divided evenly where it is less than two parts long.
        left = len(wave) - start
        latest = most if left >= 2 * most else min(most, left - int(_EARLIEST * most))
        earliest = max(int(_EARLIEST * most), left - most if left < 2 * most else 0)
        earliest = min(earliest, latest)
        end = start + earliest + _quietest(wave[start + earliest : start + latest + 1], rate)
        parts.append((start, max(end, start + 1)))
        start = parts[-1][1]
    return [*parts, (start, len(wave))]


def _quietest(wave: np.ndarray, rate: int) -> int:
    """Middle of the quietest stretch of a pause's length; of several that are alike the latest."""
    size = max(1, int(_FRAME_SECONDS * rate))
    count = len(wave) // size
    if count < 2:
        return len(wave) - 1
    # Power of short frames, added up over a pause's length.
    power = np.square(wave[: count * size].reshape(count, size), dtype=np.float64).mean(axis=1)
    width = min(count, max(1, round(_PAUSE_SECONDS / _FRAME_SECONDS)))
    level = np.convolve(power, np.ones(width), mode="valid")
    place = len(level) - 1 - int(np.argmin(level[::-1]))
    return min(len(wave) - 1, place * size + width * size // 2)
