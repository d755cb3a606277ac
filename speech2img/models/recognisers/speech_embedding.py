"""Strided convolutions in front of the speech Transformer's encoder: padded as Keras does, or masked."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPSILON = 1e-5


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding of TensorFlow's "same" convolution, left and right: for stride 2 and even lengths one more on the right.

    Parameters
    ----------
    length, kernel, stride : int
        Of input and convolution; the output has ceil(length / stride) steps.
    """
    # Where the number is odd, the one more goes to the right.
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class SpeechEmbedding(nn.Module):
    """Convolutions over time with ReLU; published three of kernel 11 and stride 2.

    Parameters
    ----------
    bands : int
        Bands of a frame.
    width : int
        Channels of every convolution.
    strides : sequence of int
        One of each convolution.
    kernel : int
        Odd.
    """

    def __init__(self, bands: int, width: int, strides: Sequence[int], kernel: int) -> None:
        super().__init__()
        self.kernel, self.strides = kernel, tuple(strides)
        channels = [bands, *[width] * len(strides)]
        self.convs = nn.ModuleList(
            nn.Conv1d(before, after, kernel, stride)
            for before, after, stride in zip(channels, channels[1:], strides, strict=False)
        )

    def published(self, frames_BFT: Tensor) -> Tensor:
        """Steps (B, width, S) of frames, padded as Keras pads them: nothing is masked."""
        for conv, stride in zip(self.convs, self.strides, strict=True):
            padding = same_padding(frames_BFT.shape[2], self.kernel, stride)
            frames_BFT = F.relu(conv(F.pad(frames_BFT, padding)))
        return frames_BFT

    def forward(self, frames_BFT: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Steps of frames; padding of a batch takes no part, so that a row alone gives the same.

        Parameters
        ----------
        frames_BFT : Tensor [shape=(B, bands, T)]
            Frames.
        lengths_B : Tensor [shape=(B,), int64]
            Valid frames of each row.

        Returns
        -------
        steps_BDS : Tensor [shape=(B, width, S)]
        lengths_B : Tensor [shape=(B,), int64]
            Valid steps: ceil(frames / stride) from convolution to convolution.
        """
        # The same on both sides, whatever the length of the batch: rows do not depend on each other.
        side = self.kernel // 2
        for conv, stride in zip(self.convs, self.strides, strict=True):
            inside = F.pad(masked(frames_BFT, lengths_B), (side, side + stride - 1))
            lengths_B = -(-lengths_B // stride)
            frames_BFT = F.relu(conv(inside))[:, :, : -(-frames_BFT.shape[2] // stride)]
        return frames_BFT, lengths_B


def masked(steps_BDS: Tensor, lengths_B: Tensor) -> Tensor:
    """Steps with zeros behind each row's length."""
    places = torch.arange(steps_BDS.shape[2], device=steps_BDS.device)
    return torch.where((places < lengths_B.to(steps_BDS.device, non_blocking=True)[:, None])[:, None], steps_BDS, 0.0)


def normalise_bands(mel_BMT: Tensor, lengths_B: Tensor) -> Tensor:
    """Each band of an utterance less its mean, divided by its deviation over the valid frames; padding becomes zero.

    Parameters
    ----------
    mel_BMT : Tensor [shape=(B, n_mels, T)]
        Log-mel frames of any preset; what stands behind the valid frames does not matter.
    lengths_B : Tensor [shape=(B,), int64]
        Valid frames.
    """
    # Sums over valid frames alone.
    count_B11 = lengths_B.to(mel_BMT.device, mel_BMT.dtype, non_blocking=True)[:, None, None]
    mean_BM1 = masked(mel_BMT, lengths_B).sum(dim=2, keepdim=True) / count_B11
    centred_BMT = masked(mel_BMT - mean_BM1, lengths_B)
    variance_BM1 = centred_BMT.square().sum(dim=2, keepdim=True) / count_B11
    return centred_BMT / (variance_BM1 + _EPSILON).sqrt()


def sinusoids(steps: int, width: int, device: torch.device) -> Tensor:
    """Positional code (Vaswani et al. 2017, section 3.5): sines in the first half of the width, cosines in the second.

    Returns
    -------
    Tensor [shape=(steps, width)]
    """
    # Wavelengths from 2 pi to 10,000 * 2 pi, in equal steps of their logarithm.
    half = width // 2
    rates_K = torch.exp(torch.arange(half, device=device) * (-math.log(10_000.0) / max(1, half - 1)))
    angles_SK = torch.arange(steps, device=device)[:, None] * rates_K
    code_SD = torch.cat([angles_SK.sin(), angles_SK.cos()], dim=1)
    return F.pad(code_SD, (0, width - 2 * half))
