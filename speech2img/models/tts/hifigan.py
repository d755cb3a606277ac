"""HiFi-GAN's generator (Kong et al. 2020, arXiv:2010.05646): log-mel frames to a waveform, in its three sizes."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Block = Literal["1", "2"]

PUBLISHED: dict[str, dict[str, Any]] = {
    "v1": {"width": 512, "rates": (8, 8, 2, 2), "kernels": (16, 16, 4, 4), "block": "1"},
    "v2": {"width": 128, "rates": (8, 8, 2, 2), "kernels": (16, 16, 4, 4), "block": "1"},
    "v3": {"width": 256, "rates": (8, 8, 4), "kernels": (16, 16, 8), "block": "2"},
}
"""Arguments of ``HifiGan`` for the published sizes; V3's residual kernels and dilations go with its block."""
_RESIDUAL: dict[str, dict[int, tuple[int, ...]]] = {
    "1": {3: (1, 3, 5), 7: (1, 3, 5), 11: (1, 3, 5)},
    "2": {3: (1, 2), 5: (2, 6), 7: (3, 12)},
}
"""Dilations of the residual blocks by kernel, for each kind of block."""
_SLOPE = 0.1
_LAST_SLOPE = 0.01


class ResidualBlock(nn.Module):
    """Dilated convolutions, each added to its input; kind 1 puts an undilated one behind each."""

    def __init__(self, width: int, kernel: int, dilations: Sequence[int], *, block: Block) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(_conv(width, width, kernel, dilation) for dilation in dilations)
        plain = dilations if block == "1" else ()
        self.plain = nn.ModuleList(_conv(width, width, kernel) for _ in plain)

    def forward(self, x_BCT: Tensor) -> Tensor:
        """Activations of the input's shape."""
        for number, dilated in enumerate(self.dilated):
            step_BCT = dilated(F.leaky_relu(x_BCT, _SLOPE))
            if self.plain:
                step_BCT = self.plain[number](F.leaky_relu(step_BCT, _SLOPE))
            x_BCT = x_BCT + step_BCT
        return x_BCT


class HifiGan(nn.Module):
    """The generator: transposed convolutions, behind each the mean of residual blocks of several kernels.

    Parameters
    ----------
    n_mels : int
        Mel bands of a frame.
    width : int
        Channels before the first upsampling; each halves them.
    rates, kernels : sequence of int
        Factor and kernel of each upsampling; the factors' product is the hop in samples.
    block : {"1", "2"}
        Kind of the residual blocks.

    Raises
    ------
    ValueError
        If the width cannot be halved so often or rates and kernels do not go together.

    Notes
    -----
    The published weights come with weight normalisation;
    ``speech2img.models.published.hifigan.convert_hifigan`` multiplies it out.
    """

    def __init__(
        self,
        *,
        n_mels: int = 80,
        width: int = 512,
        rates: Sequence[int] = (8, 8, 2, 2),
        kernels: Sequence[int] = (16, 16, 4, 4),
        block: Block = "1",
    ) -> None:
        super().__init__()
        # Sizes that would change the length are refused.
        if len(rates) != len(kernels) or width % 2 ** len(rates) or block not in _RESIDUAL:
            raise ValueError(f"width {width}, rates {rates}, kernels {kernels} and block {block} do not go together")
        if any(rate < 1 or kernel < rate or (kernel - rate) % 2 for rate, kernel in zip(rates, kernels, strict=True)):
            raise ValueError(f"kernels {kernels} cannot keep the length at rates {rates}")
        # Construction order is the order in which weights are drawn.
        self.hop_length = math.prod(rates)
        self.first = _conv(n_mels, width, 7)
        self.ups = nn.ModuleList()
        self.blocks = nn.ModuleList()
        for rate, kernel in zip(rates, kernels, strict=True):
            width //= 2
            self.ups.append(nn.ConvTranspose1d(2 * width, width, kernel, rate, padding=(kernel - rate) // 2))
            self.blocks.extend(ResidualBlock(width, *sizes, block=block) for sizes in _RESIDUAL[block].items())
        self.last = _conv(width, 1, 7)

    def forward(self, mel_BMT: Tensor) -> Tensor:
        """Waveform of log-mel frames.

        Parameters
        ----------
        mel_BMT : Tensor [shape=(B, n_mels, T)]
            Natural logarithms, as mel preset ``tacotron2`` gives them.

        Returns
        -------
        Tensor [shape=(B, T * hop_length), range -1..1]
        """
        x_BCT = self.first(mel_BMT)
        per_up = len(self.blocks) // len(self.ups)
        for number, up in enumerate(self.ups):
            x_BCT = up(F.leaky_relu(x_BCT, _SLOPE))
            outputs = [block(x_BCT) for block in self.blocks[number * per_up : (number + 1) * per_up]]
            x_BCT = torch.stack(outputs).sum(dim=0) / per_up
        return self.last(F.leaky_relu(x_BCT, _LAST_SLOPE)).tanh()[:, 0]


def _conv(in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    padding = dilation * (kernel - 1) // 2
    return nn.Conv1d(in_channels, out_channels, kernel, dilation=dilation, padding=padding)
