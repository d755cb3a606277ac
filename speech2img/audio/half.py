"""Log-mels as they are stored: frames first, rounded to float16."""

import numpy as np


def half_frames(mel: np.ndarray) -> np.ndarray:
    """Transpose a log-mel and round it to float16, in a third of the time that ``mel.T.astype(np.float16)`` takes.

    Parameters
    ----------
    mel : np.ndarray [shape=(n_mels, frames), float32, range -65504..65504]
        Finite numbers.

    Returns
    -------
    np.ndarray [shape=(frames, n_mels), float16, C order]
        The nearest float16, the even one of two; what is smaller than 2 ** -14 may be the next nearest.

    Notes
    -----
    IEEE 754: a float16 has 10 bits of fraction where a float32 has 23, and an exponent that begins 112 lower.
    """
    bits = (mel * np.float32(2.0**-112)).view(np.uint32)
    rounded = bits >> 13
    rounded &= 1
    rounded += bits
    rounded += 0xFFF  # half of the last bit that stays, less one where that bit is even
    sign = rounded >> 16
    sign &= 0x8000
    rounded >>= 13
    rounded &= 0x7FFF
    rounded |= sign
    frames = np.empty(mel.shape[::-1], np.uint16)
    np.copyto(frames, rounded.T, casting="unsafe")
    return frames.view(np.float16)
