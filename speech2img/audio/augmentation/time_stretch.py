"""Time stretching by WSOLA: speech becomes longer or shorter, and keeps its pitch and its voice."""

import numpy as np

WINDOW = 0.03
"""Seconds of the windows that are overlapped by half."""
TOLERANCE = 0.01
"""Seconds by which a window may move to fit the one before it: a period of a voice of 100 Hz."""


def time_stretch(y: np.ndarray, rate: int, *, factor: float) -> np.ndarray:
    """Change the length of speech without changing its pitch.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Sound.
    rate : int
        Samples per second.
    factor : float > 0
        Length of the result over that of ``y``; 1 changes nothing.

    Returns
    -------
    np.ndarray [shape=(round(n * factor),), float32]

    References
    ----------
    Verhelst and Roelands 1993, An overlap-add technique based on waveform similarity (WSOLA) for high quality
    time-scale modification of speech, ICASSP.
    """
    length = max(1, round(len(y) * factor)) if y.size else 0
    half = max(1, round(WINDOW * rate / 2))
    reach = round(TOLERANCE * rate)
    if length == len(y) or len(y) < 2 * half:
        return np.resize(np.asarray(y, dtype=np.float32), length)

    # Room on both sides, so that every window that may be asked for is there.
    steps = -(-length // half) + 1
    margin = half + reach
    padded = np.pad(np.asarray(y, dtype=np.float32), (margin, margin + 3 * half + reach))
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)
    out = np.zeros((steps + 1) * half, dtype=np.float32)

    # Each window is taken near its place in the source, where it fits best behind the one before it.
    last = len(padded) - 2 * half
    wanted: np.ndarray | None = None
    for step in range(steps):
        ideal = min(margin + round((step - 1) * half / factor), last - reach)
        start = max(0, ideal - reach)
        if wanted is not None:
            start += _best_fit(padded[start : min(ideal + reach, last) + half], wanted)
        out[step * half : (step + 2) * half] += window * padded[start : start + 2 * half]
        wanted = padded[start + half : start + 2 * half]
    return out[half : half + length]


def _best_fit(source: np.ndarray, wanted: np.ndarray) -> int:
    """Place in a source where its next samples are most like those that are wanted (normalised correlation)."""
    if len(source) <= len(wanted):
        return 0
    products = np.correlate(source, wanted, mode="valid")
    energy = np.cumsum(np.concatenate(([0.0], np.square(source, dtype=np.float64))))
    sizes = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 1e-12))
    return int(np.argmax(products / sizes))
