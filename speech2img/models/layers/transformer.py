"""Transformer blocks, masked by length."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.attention import attend

HEAD_WIDTH = 64
"""Width of an attention head in all published sizes of Whisper and HuBERT."""


class SelfAttention(nn.Module):
    """Multi-head attention of steps to all valid steps of the same row (Vaswani et al. 2017).

    Parameters
    ----------
    width : int
        Size of the steps.
    num_heads : int
        Heads; a divisor of ``width``.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or width % num_heads:
            raise ValueError(f"num_heads must divide the width {width}, got {num_heads}")
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, steps_BTD: Tensor, allowed_B11T: Tensor | None) -> Tensor:
        """Attend.

        Parameters
        ----------
        steps_BTD : Tensor [shape=(B, T, D)]
            Steps.
        allowed_B11T : Tensor [shape=(B, 1, 1, T), bool], optional
            Steps that may be attended to, as `attention_mask` gives them; None: all.

        Returns
        -------
        Tensor [shape=(B, T, D)]
        """
        batch, steps, width = steps_BTD.shape
        heads = self.qkv(steps_BTD).view(batch, steps, 3, self.num_heads, width // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attended = attend(query, key, value, allowed_B11T)
        return self.out(attended.transpose(1, 2).reshape(batch, steps, width))


class TransformerBlock(nn.Module):
    """Attention and a two-layer network with GELU, each added to the steps.

    Parameters
    ----------
    width, num_heads : int
        As for `SelfAttention`.
    mlp_width : int
        Width between the two linear maps.
    dropout : float
        On what is added to the steps.
    pre_norm : bool
        Normalise what goes into each of both; otherwise the sums, as in the first Transformer.
    """

    def __init__(
        self, width: int, num_heads: int, mlp_width: int, *, dropout: float = 0.0, pre_norm: bool = True
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, mlp_width)
        self.mlp_out = nn.Linear(mlp_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps_BTD: Tensor, allowed_B11T: Tensor | None) -> Tensor:
        """Arguments and result as for `SelfAttention.forward`."""
        if self.pre_norm:
            steps_BTD = steps_BTD + self.dropout(self.attention(self.attention_norm(steps_BTD), allowed_B11T))
            return steps_BTD + self.dropout(self._mlp(self.mlp_norm(steps_BTD)))
        steps_BTD = self.attention_norm(steps_BTD + self.dropout(self.attention(steps_BTD, allowed_B11T)))
        return self.mlp_norm(steps_BTD + self.dropout(self._mlp(steps_BTD)))

    def _mlp(self, steps_BTD: Tensor) -> Tensor:
        return self.mlp_out(F.gelu(self.mlp_in(steps_BTD)))


def valid_steps(lengths_B: Tensor, num_steps: int, device: torch.device) -> Tensor | None:
    """Which steps of a padded batch are valid.

    Parameters
    ----------
    lengths_B : Tensor [shape=(B,), int64, CPU]
        Valid steps of each row.
    num_steps : int
        Steps of the batch, T.
    device : torch.device
        Where the result is wanted.

    Returns
    -------
    Tensor [shape=(B, T), bool] or None
        None where all are valid, which is quicker to compute with.
    """
    if int(lengths_B.min()) == num_steps:
        return None
    return torch.arange(num_steps, device=device) < lengths_B.to(device, non_blocking=True)[:, None]


def attention_mask(valid_BT: Tensor | None) -> Tensor | None:
    """`valid_steps` in the shape that attention takes, (B, 1, 1, T)."""
    return None if valid_BT is None else valid_BT[:, None, None]
