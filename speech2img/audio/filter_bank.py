"""The mel filter bank: triangles on Slaney's scale."""

import numpy as np

_HERTZ_PER_MEL, _BREAK_HERTZ = 200.0 / 3.0, 1000.0
_BREAK_MEL = _BREAK_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def mel_filter_bank(*, sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> np.ndarray:
    """Triangular mel filters of equal area on Slaney's scale.

    Parameters
    ----------
    sample_rate, n_fft : int
        Rate in Hz and length of the transform.
    n_mels : int
        Number of bands.
    fmin, fmax : float
        Edges of the lowest and the highest band, in Hz.

    Returns
    -------
    np.ndarray [shape=(n_mels, 1 + n_fft // 2), float32]
        Weights of the spectrum's bins.

    Notes
    -----
    Slaney, Auditory Toolbox version 2 (1998): linear below 1 kHz (200/3 Hz a mel), logarithmic above (27 mel for a
    factor of 6.4); each triangle is scaled to unit area (2 / width in Hz).
    """
    low, high = hertz_to_mel(np.array([fmin, fmax])).tolist()
    edges = mel_to_hertz(np.linspace(low, high, n_mels + 2))
    bins = np.arange(1 + n_fft // 2) * (sample_rate / n_fft)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    return np.asarray(np.maximum(0.0, triangles) * (2.0 / (right - left)), dtype=np.float32)


def hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """Frequencies on Slaney's scale, of any shape; see `mel_filter_bank`."""
    above = _BREAK_MEL + np.log(np.maximum(hertz, _BREAK_HERTZ) / _BREAK_HERTZ) / _LOG_STEP
    return np.where(hertz < _BREAK_HERTZ, hertz / _HERTZ_PER_MEL, above)


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """Frequencies in Hz of places on Slaney's scale, of any shape."""
    above = _BREAK_HERTZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HERTZ_PER_MEL, above)
