"""Samples in memory as sound of full scale 1: only where it is beyond doubt what the numbers mean."""

from typing import Any

import numpy as np

from speech2img.audio.limits import AudioLimits, check_header
from speech2img.errors import AudioError

_PCM = {"i2": (0, 1 << 15), "i4": (0, 1 << 31), "u1": (128, 1 << 7)}
"""Kinds of integers that sound is stored in: what stands for silence, and full scale."""
_A_FEW = 64  # values, of which one cannot tell samples from channels
_FIX = "give floats of -1..1, or int16, int32 or uint8 as a wav file has them"


def samples_of(name: str, values: Any, *, rate: int, max_channels: int, limits: AudioLimits) -> np.ndarray:
    """Sound (n, channels) float32 of an array, a tensor or a list of numbers.

    Parameters
    ----------
    name : str
        What messages call it.
    values : array-like
        Shape (n,), or (n, channels) or (channels, n) where channels are allowed; floats of full scale 1, or int16,
        int32 and uint8 as PCM.
    rate : int
        Samples per second; the length is checked before anything is copied.
    max_channels : int
        With 1, only axes of length 1 may be added.
    limits : AudioLimits
        What it may be.

    Raises
    ------
    AudioError
        If it is of another shape or kind, or too long.
    """
    array = _as_array(name, values)
    sound = array.reshape(-1, 1) if array.ndim == 1 or (array.ndim == 2 and 1 in array.shape) else array
    if sound.ndim == 2 and sound.shape[0] < sound.shape[1]:
        sound = sound.T
    # More than one channel only with a rate: what comes without one may as well be a batch of recordings.
    fits = sound.ndim == 2 and sound.size and sound.shape[1] <= max_channels
    fits = fits and (sound.shape[1] == 1 or sound.size > _A_FEW)
    if fits:
        check_header(name, rate, sound.shape[1], sound.shape[0], limits)
    if not fits or (sound.dtype.kind == "f" and not np.isfinite(sound).all()):
        fix = f"give shape (samples,), -1..1, at {rate} Hz, or a pair (rate, samples)"
        raise AudioError.about(f"{name}, of shape {array.shape}", "not a finite mono waveform", fix)
    return _full_scale_one(name, sound, limits)


def _as_array(name: str, values: Any) -> np.ndarray:
    """Values as a numpy array without gaps."""
    if np.ma.isMaskedArray(values):
        if np.ma.getmaskarray(values).any():
            raise AudioError.about(name, "masked samples", "fill the gaps, or cut them out")
        values = values.data
    try:
        if hasattr(values, "detach"):  # a tensor of PyTorch, on any device, with or without gradient
            values = values.detach().cpu()
            values = values.float() if values.is_floating_point() else values
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        if isinstance(values, memoryview):
            raise AudioError.about(name, f"cannot be read ({error})", "give it before it is released") from error
        raise AudioError.about(name, f"is no array of samples ({error})", _FIX) from error


def _full_scale_one(name: str, sound: np.ndarray, limits: AudioLimits) -> np.ndarray:
    """Samples as float32 of full scale 1."""
    # Floats: full scale is 1, so that what is far above it was never scaled.
    if sound.dtype.kind == "f":
        peak = float(np.abs(sound).max())
        if peak > limits.max_amplitude:  # before float32, which has an end
            fix = "divide them by their full scale (32768 for 16 bits)"
            raise AudioError.about(name, f"samples up to {peak:.3g} (full scale is 1)", fix)
        return np.ascontiguousarray(sound, dtype=np.float32)
    # Integers: by their type; int32 that keep to the range of int16 were widened, not recorded so.
    scale = _PCM.get(sound.dtype.str[1:])
    if scale is None:
        fix = "give paths as a list: paths.tolist()" if sound.dtype.kind in "US" else _FIX
        raise AudioError.about(name, f"samples of type {sound.dtype}, whose full scale is not known", fix)
    silence, full = scale
    pcm = (sound.astype(np.float64) - silence) / full
    if sound.dtype.itemsize == 4 and 0 < np.abs(pcm).max() < 2**-16:
        raise AudioError.about(name, "int32 samples that fit into int16", "give them as int16: .astype(np.int16)")
    return pcm.astype(np.float32)
