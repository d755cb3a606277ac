"""The published recogniser's front-end: a waveform into square roots of magnitudes, each frame normalised by itself."""

import torch
from torch import Tensor
from torch.nn import functional as F

SAMPLE_RATE = 22_050
"""Rate of LJ Speech, which the published front-end takes as it is."""
WINDOW, HOP, TRANSFORM = 200, 80, 256
"""Samples of a frame, from one frame to the next, and of the transform; they look like those of 8 or 16 kHz."""
NUM_BINS = TRANSFORM // 2 + 1
MAX_FRAMES = 2_754
"""Frames that the published network is given of every recording: 9.99 s."""


def num_frames(samples: int) -> int:
    """Frames of so many samples: none reaches beyond the end."""
    return 1 + (samples - WINDOW) // HOP


def max_samples() -> int:
    """Most samples of `MAX_FRAMES` frames."""
    return (MAX_FRAMES - 1) * HOP + WINDOW


def published_spectrogram(wave_BN: Tensor) -> Tensor:
    """Spectrogram of the Keras example ``transformer_asr``, which takes TensorFlow's framing.

    Parameters
    ----------
    wave_BN : Tensor [shape=(B, N), range -1..1]
        Waveforms at 22,050 Hz, 200 samples at least; frames begin at sample 0.

    Returns
    -------
    Tensor [shape=(B, T, 129)]
        |STFT| ** 0.5, each frame less its mean over the bins and divided by its deviation. A frame of digital silence,
        where the published division gives NaN, is zero.

    Raises
    ------
    ValueError
        If the waveforms are shorter than one frame.
    """
    if wave_BN.shape[1] < WINDOW:
        raise ValueError(f"{wave_BN.shape[1]} samples are shorter than one frame of {WINDOW}")
    # Frames under a periodic Hann window, zeros behind it.
    frames_BTW = wave_BN.unfold(1, WINDOW, HOP)
    window = torch.hann_window(WINDOW, periodic=True, dtype=wave_BN.dtype, device=wave_BN.device)
    magnitude_BTF = torch.fft.rfft(F.pad(frames_BTW * window, (0, TRANSFORM - WINDOW))).abs().sqrt()
    # Each frame over its bins, by the deviation of all (not n - 1).
    centred_BTF = magnitude_BTF - magnitude_BTF.mean(dim=2, keepdim=True)
    deviation_BT1 = centred_BTF.square().mean(dim=2, keepdim=True).sqrt()
    return centred_BTF / deviation_BT1.clamp_min(torch.finfo(wave_BN.dtype).tiny)
