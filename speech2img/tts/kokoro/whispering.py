"""A whisper made of a voice: the noise of breath in the shape of its vocal tract, without any pitch."""

import numpy as np
from scipy import signal

_HOP_SECONDS, _HOPS = 0.00625, 4
"""Frames of four hops."""
_QUEFRENCY_SECONDS = 0.0015
"""Cepstrum above it is pitch (up to 400 Hz has its peak at 2.5 ms and later), below it the vocal tract."""
_PREEMPHASIS = 0.9
"""Takes away the fall of a voice towards high frequencies, which breath has not."""
_LOUDNESS = 0.7
"""RMS of a whisper, of the voice it is made of: that of espeak-ng's whispers."""


def whispered(y: np.ndarray, *, sample_rate: int, seed: int) -> np.ndarray:
    """Turn speech into a whisper: white noise takes the place of the voice.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32, range -1..1]
        Speech.
    sample_rate : int
        Its rate in Hz.
    seed : int
        Chooses the noise.

    Returns
    -------
    np.ndarray [shape=(n,), float32, range -1..1]
        The same words at the same times, at 0.7 of the RMS, or less where a peak would pass full scale.

    Notes
    -----
    Spectral envelopes are those of the real cepstrum without its high quefrencies (Oppenheim and Schafer, Discrete-Time
    Signal Processing, ch. 13), per frame of 25 ms; they filter white noise by overlap and add.
    """
    hop = round(_HOP_SECONDS * sample_rate)
    window = _HOPS * hop
    if y.size < window:
        return y
    # The envelope of each frame: low quefrencies of its real cepstrum.
    sloped = np.append(y[:1], y[1:] - _PREEMPHASIS * y[:-1]).astype(np.float64)
    stft = {"nperseg": window, "noverlap": window - hop, "window": "hann"}
    spectrum_FT = signal.stft(sloped, **stft)[2]
    cepstrum_QT = np.fft.irfft(np.log(np.abs(spectrum_FT) + 1e-7), n=window, axis=0)
    kept = round(_QUEFRENCY_SECONDS * sample_rate)
    cepstrum_QT[kept : window - kept + 1] = 0.0
    envelope_FT = np.exp(np.fft.rfft(cepstrum_QT, axis=0).real)
    # White noise under these envelopes.
    noise = np.random.default_rng(seed).standard_normal(y.size)
    noise_FT = signal.stft(noise, **stft)[2]
    breath = signal.istft(noise_FT * envelope_FT, **stft)[1][: y.size]
    # As loud as a whisper is.
    breath *= _LOUDNESS * np.sqrt(np.mean(np.square(y, dtype=np.float64)) / max(np.mean(breath**2), 1e-12))
    return (breath / max(1.0, float(np.abs(breath).max()))).astype(np.float32)
