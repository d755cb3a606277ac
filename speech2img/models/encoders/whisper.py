"""Encoder of Whisper (Radford et al. 2022, arXiv:2212.04356) as an acoustic front-end."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.front_end import AcousticFrontEnd, FrontEndStates
from speech2img.models.layers.transformer import HEAD_WIDTH, TransformerBlock, attention_mask, valid_steps


class WhisperEncoder(AcousticFrontEnd):
    """Two convolutions and pre-norm Transformer blocks over log-mels of the preset ``whisper``, 50 steps a second.

    ``speech2img.models.published.whisper`` maps published states to this module. A clip is computed at its own length;
    the published programs fill every clip up to 30 s, which costs as much as 30 s do.

    Parameters
    ----------
    n_mels : int
        Mel bands of the input.
    width : int
        Size of the hidden states, a multiple of 64.
    num_layers : int
        Transformer blocks.
    max_positions : int
        Steps that have a position encoding: 1,500 for 30 s.

    Raises
    ------
    ValueError
        If the width is no multiple of 64, or a number is below 1.
    """

    positions: Tensor
    """(max_positions, width): position encodings."""

    def __init__(self, *, n_mels: int = 80, width: int = 384, num_layers: int = 4, max_positions: int = 1500) -> None:
        super().__init__()
        if min(n_mels, width, num_layers, max_positions) < 1 or width % HEAD_WIDTH:
            raise ValueError(f"width must be a multiple of {HEAD_WIDTH} and all sizes positive, got width {width}")
        self.n_mels, self.width, self.num_layers = n_mels, width, num_layers
        self.max_frames, self.steps_per_second = 2 * max_positions, 50.0
        self.conv1 = nn.Conv1d(n_mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("positions", sinusoids(max_positions, width))
        self.layers = nn.ModuleList(TransformerBlock(width, width // HEAD_WIDTH, 4 * width) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)

    def step_lengths(self, lengths_B: Tensor) -> Tensor:
        """Valid steps of utterances of so many frames: half as many, rounded up."""
        return (lengths_B + 1) // 2

    def forward(self, sound_BMT: Tensor, lengths_B: Tensor) -> FrontEndStates:
        """Hidden states of a padded batch.

        Parameters
        ----------
        sound_BMT : Tensor [shape=(B, n_mels, T), float]
            Log-mel frames, right-padded.
        lengths_B : Tensor [shape=(B,), integer]
            Valid frames of each row, 1..T. On the CPU it saves a wait for the device.

        Returns
        -------
        FrontEndStates
            The last state is the encoder's output: its final normalisation is applied.

        Raises
        ------
        ValueError
            If shapes do not fit, a length is below 1 or above T, or an utterance is longer than 30 s.
        """
        frames_B = self.checked_lengths(sound_BMT, lengths_B)
        lengths = self.step_lengths(frames_B)

        # Convolve: a row sees zeros behind its end, as if it were alone.
        x = sound_BMT[..., : int(frames_B.max())]
        valid_BT = valid_steps(frames_B, x.shape[-1], x.device)
        if valid_BT is not None:
            x = torch.where(valid_BT[:, None], x, 0.0)
        x = F.gelu(self.conv1(x))
        if valid_BT is not None:
            x = torch.where(valid_BT[:, None], x, 0.0)
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]

        # Attend.
        allowed = attention_mask(valid_steps(lengths, x.shape[1], x.device))
        states = [x]
        for layer in self.layers:
            states.append(layer(states[-1], allowed))
        states[-1] = self.norm(states[-1])
        return FrontEndStates(torch.stack(states, dim=1), lengths)


def sinusoids(num_positions: int, width: int) -> Tensor:
    """Position encodings of Whisper's encoder: sines, then cosines, of geometrically spaced rates.

    Parameters
    ----------
    num_positions : int
        Steps.
    width : int
        Size of a step, even.

    Returns
    -------
    Tensor [shape=(num_positions, width)]
        Column i of the first half is sin(t r_i), of the second cos(t r_i), r_i from 1 to 1/10,000.
    """
    # On the CPU also where a network is only laid out: on torch's meta device such products load its compiler.
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2, device="cpu"))
    angles = torch.arange(num_positions, device="cpu")[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
