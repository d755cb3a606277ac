"""HuBERT (Hsu et al. 2021, arXiv:2106.07447) as an acoustic front-end: waveforms in, 50 steps a second."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.front_end import AcousticFrontEnd, FrontEndStates
from speech2img.models.layers.transformer import HEAD_WIDTH, TransformerBlock, attention_mask, valid_steps

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
SHORTEST = 400
"""Samples that give one step."""
POSITION_KERNEL, POSITION_GROUPS = 128, 16
MAX_SAMPLES = 480_000
"""Longest utterance: 30 s at 16 kHz."""


class HubertEncoder(AcousticFrontEnd):
    """Seven convolutions, a convolution for the positions, and Transformer blocks; base of the two published forms.

    ``speech2img.models.published.hubert`` maps published states to this module. Its final normalisation is left out:
    SpeechCLIP, whose encoder of speech this is, does not apply it.

    Parameters
    ----------
    width : int
        Size of the hidden states, a multiple of 64.
    num_layers : int
        Transformer blocks.
    conv_width : int
        Channels of the convolutions.

    Raises
    ------
    ValueError
        If the width is no multiple of 64, or a number is below 1.
    """

    large: ClassVar[bool]
    """Whether every convolution and block normalises its input; otherwise the first convolution, and the sums."""
    takes: Literal["mel", "waveform"] = "waveform"

    def __init__(self, *, width: int, num_layers: int, conv_width: int = 512) -> None:
        super().__init__()
        if min(width, num_layers, conv_width) < 1 or width % HEAD_WIDTH:
            raise ValueError(f"width must be a multiple of {HEAD_WIDTH} and all sizes positive, got width {width}")
        self.n_mels, self.width, self.num_layers = 1, width, num_layers
        self.max_frames, self.steps_per_second = MAX_SAMPLES, 50.0
        self.convs = nn.ModuleList(
            nn.Conv1d(conv_width if number else 1, conv_width, kernel, stride=stride, bias=self.large)
            for number, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True))
        )
        self.conv_norms = nn.ModuleList(
            nn.LayerNorm(conv_width) if self.large else nn.GroupNorm(conv_width, conv_width)
            for _ in (KERNELS if self.large else KERNELS[:1])
        )
        self.feature_norm = nn.LayerNorm(conv_width)
        self.projection = nn.Linear(conv_width, width)
        self.position_conv = nn.Conv1d(
            width, width, POSITION_KERNEL, padding=POSITION_KERNEL // 2, groups=POSITION_GROUPS
        )
        self.norm = None if self.large else nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            TransformerBlock(width, width // HEAD_WIDTH, 4 * width, pre_norm=self.large) for _ in range(num_layers)
        )

    def step_lengths(self, lengths_B: Tensor) -> Tensor:
        """Valid steps of utterances of so many samples; 1 of one that is too short for a step."""
        for kernel, stride in zip(KERNELS, STRIDES, strict=True):
            lengths_B = (lengths_B - kernel) // stride + 1
        return lengths_B.clamp_min(1)

    def forward(self, sound_BMT: Tensor, lengths_B: Tensor) -> FrontEndStates:
        """Hidden states of a padded batch.

        Parameters
        ----------
        sound_BMT : Tensor [shape=(B, 1, T), float]
            Waveforms at 16 kHz, right-padded; shorter ones than 25 ms are filled up with silence.
        lengths_B : Tensor [shape=(B,), integer]
            Valid samples of each row, 1..T.

        Returns
        -------
        FrontEndStates
            The first state is what the first block gets.

        Raises
        ------
        ValueError
            If shapes do not fit, a length is below 1 or above T, or an utterance is longer than 30 s.
        """
        samples_B = self.checked_lengths(sound_BMT, lengths_B)
        x = F.pad(sound_BMT[..., : int(samples_B.max())], (0, max(0, SHORTEST - int(samples_B.max()))))
        valid_BT = valid_steps(samples_B, x.shape[-1], x.device)
        if valid_BT is not None:
            x = torch.where(valid_BT[:, None], x, 0.0)
        if self.large:  # its sounds were brought to mean 0 and deviation 1
            x = _normalized_in_time(x, samples_B)

        # Convolve, then add what tells the positions; a row sees zeros behind its end, as if it were alone.
        steps_BTC = self._convolved(x, samples_B).transpose(1, 2)
        x = self.projection(self.feature_norm(steps_BTC))
        lengths = self.step_lengths(samples_B)
        valid_BS = valid_steps(lengths, x.shape[1], x.device)
        if valid_BS is not None:
            x = torch.where(valid_BS[:, :, None], x, 0.0)
        x = x + F.gelu(self.position_conv(x.transpose(1, 2))[..., :-1]).transpose(1, 2)

        # Attend.
        states = [x if self.norm is None else self.norm(x)]
        for layer in self.layers:
            states.append(layer(states[-1], attention_mask(valid_BS)))
        return FrontEndStates(torch.stack(states, dim=1), lengths)

    def _convolved(self, x: Tensor, lengths_B: Tensor) -> Tensor:
        """(B, C, S): the seven convolutions, with their normalisation and GELU."""
        for number, conv in enumerate(self.convs):
            x = conv(x)
            lengths_B = ((lengths_B - KERNELS[number]) // STRIDES[number] + 1).clamp_min(1)
            norm = self.conv_norms[number] if number < len(self.conv_norms) else None
            if isinstance(norm, nn.LayerNorm):
                x = norm(x.transpose(1, 2)).transpose(1, 2)
            elif isinstance(norm, nn.GroupNorm):  # over the valid part of each channel
                x = _normalized_in_time(x, lengths_B) * norm.weight[:, None] + norm.bias[:, None]
            x = F.gelu(x)
        return x


class HubertBase(HubertEncoder):
    """HuBERT base: 12 blocks of 768."""

    large = False

    def __init__(self, *, width: int = 768, num_layers: int = 12, conv_width: int = 512) -> None:
        super().__init__(width=width, num_layers=num_layers, conv_width=conv_width)


class HubertLarge(HubertEncoder):
    """HuBERT large: 24 blocks of 1,024."""

    large = True

    def __init__(self, *, width: int = 1024, num_layers: int = 24, conv_width: int = 512) -> None:
        super().__init__(width=width, num_layers=num_layers, conv_width=conv_width)


def _normalized_in_time(x_BCT: Tensor, lengths_B: Tensor) -> Tensor:
    """Each channel at mean 0 and deviation 1 over the valid part of its row; zero behind it."""
    valid_BT = valid_steps(lengths_B, x_BCT.shape[-1], x_BCT.device)
    if valid_BT is None:
        return F.layer_norm(x_BCT, x_BCT.shape[-1:])
    valid_B1T = valid_BT[:, None].to(x_BCT.dtype)
    count = valid_B1T.sum(dim=2, keepdim=True)
    mean = (x_BCT * valid_B1T).sum(dim=2, keepdim=True) / count
    centred = (x_BCT - mean) * valid_B1T
    return centred * (centred.square().sum(dim=2, keepdim=True) / count + 1e-5).rsqrt()
