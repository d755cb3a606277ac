"""Transformer blocks of diffusion models: norms that a condition shifts and scales, and attention to a sequence.

The condition of a sample (its time, and what is said) gives six vectors, which all blocks share; each block adds six
of its own (adaLN-single of PixArt-alpha, arXiv:2310.00426, after adaLN-zero of DiT, arXiv:2212.09748).

Shape letters: B samples, N tokens, S steps of the sequence that is attended to, D width.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.attention import attend
from speech2img.models.layers.transformer import SelfAttention

NUM_MODULATIONS = 6
"""Shift, scale and gate of the attention, and the same of the network behind it."""
_FREQUENCIES = 128
_TIME_SCALE = 1000.0
_LONGEST_PERIOD = 10_000.0


class TimeEmbedding(nn.Module):
    """Times 0..1 as sines and cosines of many periods, and a network of two layers.

    Parameters
    ----------
    width : int
        D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * _FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time_B: Tensor) -> Tensor:
        """Embeddings (B, D)."""
        powers = torch.arange(_FREQUENCIES, device=time_B.device) / _FREQUENCIES
        angles = _TIME_SCALE * time_B[:, None] * torch.exp(-math.log(_LONGEST_PERIOD) * powers)
        embedding: Tensor = self.layers(torch.cat([angles.cos(), angles.sin()], dim=1))
        return embedding


class CrossAttention(nn.Module):
    """Multi-head attention of tokens to the valid steps of a sequence.

    Parameters
    ----------
    width : int
        Size of tokens and steps.
    num_heads : int
        Heads; a divisor of ``width``.
    steps_width : int, optional
        Size of the steps, where they have another.
    """

    def __init__(self, width: int, num_heads: int, *, steps_width: int | None = None) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width if steps_width is None else steps_width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens_BND: Tensor, steps_BSD: Tensor, allowed_B11S: Tensor | None) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens_BND : Tensor [shape=(B, N, D)]
        steps_BSD : Tensor [shape=(B, S, D)]
        allowed_B11S : Tensor [shape=(B, 1, 1, S), bool], optional
            As `transformer.attention_mask` gives it; at least one step a row. None: all.

        Returns
        -------
        Tensor [shape=(B, N, D)]
        """
        query = self.query(tokens_BND).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        key, value = self.key_value(steps_BSD).unflatten(2, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = attend(query, key, value, allowed_B11S)
        return self.out(attended.transpose(1, 2).flatten(2))


class AdaptiveBlock(nn.Module):
    """Self-attention, cross-attention and a two-layer network, added to the tokens; at the start they add nothing.

    Parameters
    ----------
    width, num_heads : int
        As for `CrossAttention`.
    mlp_width : int
        Width between the two linear maps.
    dropout : float
        On what is added to the tokens.
    cross_attention : bool
        Whether tokens attend to a sequence; otherwise the six vectors alone say what is wanted.
    """

    def __init__(
        self, width: int, num_heads: int, mlp_width: int, *, dropout: float = 0.0, cross_attention: bool = True
    ) -> None:
        super().__init__()
        self.offsets = nn.Parameter(torch.zeros(NUM_MODULATIONS, width))
        self.attention_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = SelfAttention(width, num_heads)
        self.cross_attention: CrossAttention | None = None
        if cross_attention:
            self.cross_norm = nn.LayerNorm(width)
            self.cross_attention = CrossAttention(width, num_heads)
            nn.init.zeros_(self.cross_attention.out.weight)
        self.mlp_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp_in = nn.Linear(width, mlp_width)
        self.mlp_out = nn.Linear(mlp_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens_BND: Tensor, modulation_B6D: Tensor, steps_BSD: Tensor, allowed_B11S: Tensor | None
    ) -> Tensor:
        """Tokens as they come out.

        Parameters
        ----------
        tokens_BND : Tensor [shape=(B, N, D)]
        modulation_B6D : Tensor [shape=(B, 6, D)]
            What the condition gives to all blocks; zero gates leave the tokens alone.
        steps_BSD, allowed_B11S
            As for `CrossAttention.forward`; left alone without it.

        Returns
        -------
        Tensor [shape=(B, N, D)]
        """
        modulation = (modulation_B6D + self.offsets)[:, :, None]
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = modulation.unbind(dim=1)
        heard = modulated(self.attention_norm(tokens_BND), shift, scale)
        tokens_BND = tokens_BND + gate * self.dropout(self.attention(heard, None))
        if self.cross_attention is not None:
            attended = self.cross_attention(self.cross_norm(tokens_BND), steps_BSD, allowed_B11S)
            tokens_BND = tokens_BND + self.dropout(attended)
        hidden = self.mlp_in(modulated(self.mlp_norm(tokens_BND), mlp_shift, mlp_scale))
        return tokens_BND + mlp_gate * self.dropout(self.mlp_out(F.gelu(hidden)))


def modulated(normal_BND: Tensor, shift_B1D: Tensor, scale_B1D: Tensor) -> Tensor:
    """Normalised tokens, scaled and shifted as the condition says."""
    return normal_BND * (1 + scale_B1D) + shift_B1D
