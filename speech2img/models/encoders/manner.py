"""The manner of speaking, read off the log-mel: loudness, rate, colour, pitch and voicing of each frame."""

import math

import torch
from torch import Tensor

NUM_FEATURES = 7
"""Features of a frame, in the order of `manner_features`."""

_HERTZ_PER_MEL, _TOP_MEL = 200 / 3, 15 + 27 * math.log(8) / math.log(6.4)
_LINEAR_HERTZ = 1000.0
_PITCHES = tuple(90 * 2 ** (step / 6) for step in range(14))
_SHARPNESS = 20.0


def manner_features(mel_BMT: Tensor, lengths_B: Tensor) -> Tensor:
    """What a recogniser of words may have unlearned to hear.

    Parameters
    ----------
    mel_BMT : Tensor [shape=(B, n_mels, T)]
        Log-mels of the preset ``whisper``, right-padded.
    lengths_B : Tensor [shape=(B,), int64, CPU]
        Valid frames of each row.

    Returns
    -------
    Tensor [shape=(B, T, 7), float32]
        Loudness; loudness less the utterance's mean; change of the spectrum since the frame before (rate of speaking);
        centre of the spectrum, 0..1; its upper half less its lower half; octaves of the pitch above 200 Hz; how much of
        the low bands a comb of harmonics explains (near 0 in whispered speech). Zero behind each length.

    Notes
    -----
    The pitch is the mean of `_PITCHES` under a softmax of their combs: cosines over the bands below 1 kHz, which stand
    40 Hz apart. The window of 25 ms blurs the harmonics of low voices, so that this is a coarse measure.
    """
    bands = mel_BMT.shape[1]
    valid = (torch.arange(mel_BMT.shape[-1]) < lengths_B[:, None]).to(mel_BMT.device)
    mel = torch.where(valid[:, None], mel_BMT.float(), 0.0)

    # Loudness and rate.
    loudness = mel.mean(dim=1)
    mean = (loudness * valid).sum(dim=1, keepdim=True) / valid.sum(dim=1, keepdim=True)
    change = torch.zeros_like(loudness)
    change[:, 1:] = (mel[..., 1:] - mel[..., :-1]).abs().mean(dim=1)

    # Colour of the voice.
    share = (4 * math.log(10) * (mel - mel.amax(dim=1, keepdim=True))).exp()
    share = share / share.sum(dim=1, keepdim=True)
    centre = (share * torch.linspace(0, 1, bands, device=mel.device)[:, None]).sum(dim=1)
    tilt = mel[:, bands // 2 :].mean(dim=1) - mel[:, : bands // 2].mean(dim=1)

    # Pitch and voicing.
    combs_PM = _combs(bands).to(mel.device)
    low = mel[:, : combs_PM.shape[1]]
    scores_BPT = torch.einsum("pm,bmt->bpt", combs_PM, low - low.mean(dim=1, keepdim=True))
    octaves = torch.tensor(_PITCHES, device=mel.device).div(200).log2()
    pitch = ((_SHARPNESS * scores_BPT).softmax(dim=1) * octaves[:, None]).sum(dim=1)
    voicing = scores_BPT.amax(dim=1)

    features = torch.stack([loudness, loudness - mean, change, centre, tilt, pitch, voicing], dim=2)
    return torch.where(valid[:, :, None], features, 0.0)


def _combs(bands: int) -> Tensor:
    """(pitches, low bands): cosines that are 1 at the harmonics of each pitch, of mean 0 and unit length."""
    centres = torch.arange(1, bands + 1) * (_TOP_MEL / (bands + 1)) * _HERTZ_PER_MEL
    low = centres[centres <= _LINEAR_HERTZ] if bands > 1 else centres
    combs = torch.cos(2 * math.pi * low / torch.tensor(_PITCHES)[:, None])
    combs = combs - combs.mean(dim=1, keepdim=True)
    return combs / combs.norm(dim=1, keepdim=True).clamp_min(1e-6)
