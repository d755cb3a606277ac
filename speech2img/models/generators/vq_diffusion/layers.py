"""Layers of the published token transformers: tokens at their places, norms by step, and the two kinds of network.

Shape letters: B pictures, N = h * h places, W width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.adaptive_transformer import modulated

_MLP_FACTOR = 4
_GELU_SLOPE = 1.702
_DEVIATION = 0.02


class TokenEmbedding(nn.Module):
    """Vectors of tokens, and of the row and the column that they stand in.

    Parameters
    ----------
    num_codes : int
        K; the mask is token K.
    side : int
        h of the grid, which is written row by row.
    width : int
        W.
    table_side : int, optional
        Rows and columns that the tables hold; by default h. The published tables of 32 are read as if the grid were
        so wide, whatever it is: place number n has row ``n // 32`` and column ``n % 32``, which are not its own on a
        grid of 16.

    Raises
    ------
    ValueError
        If a number is below 1, or ``table_side`` below ``side``.
    """

    def __init__(self, num_codes: int, side: int, width: int, *, table_side: int | None = None) -> None:
        super().__init__()
        self.num_codes, self.side, self.table_side = num_codes, side, side if table_side is None else table_side
        if min(num_codes, side, width) < 1 or self.table_side < side:
            raise ValueError(f"tables of {self.table_side} rows hold no grid of {side}, or a size is below 1")
        self.tokens = nn.Embedding(num_codes + 1, width)
        self.rows = nn.Embedding(self.table_side, width)
        self.columns = nn.Embedding(self.table_side, width)

    def forward(self, tokens_BN: Tensor) -> Tensor:
        """Vectors (B, N, W); ValueError unless there are h * h tokens a picture."""
        if tokens_BN.dim() != 2 or tokens_BN.shape[1] != self.side**2:
            raise ValueError(f"expected {self.side**2} tokens a picture, got {tuple(tokens_BN.shape)}")
        places_N = torch.arange(self.side**2, device=tokens_BN.device)
        position_NW = self.rows(places_N // self.table_side) + self.columns(places_N % self.table_side)
        vectors_BNW: Tensor = self.tokens(tokens_BN) + position_NW
        return vectors_BNW


class StepNorm(nn.Module):
    """Layer norm, scaled and shifted by the step of the diffusion, which has a vector of its own in each.

    Parameters
    ----------
    width : int
        W.
    num_steps : int
        T.
    """

    def __init__(self, width: int, num_steps: int) -> None:
        super().__init__()
        self.steps = nn.Embedding(num_steps, width)
        self.to_modulation = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)

    def forward(self, tokens_BNW: Tensor, time_B: Tensor) -> Tensor:
        """Tokens (B, N, W) at steps (B,), 0 to T - 1."""
        scale, shift = self.to_modulation(F.silu(self.steps(time_B)))[:, None].chunk(2, dim=2)
        return modulated(self.norm(tokens_BNW), shift, scale)


class TokenMlp(nn.Module):
    """Two linear maps, each token by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, _MLP_FACTOR * width)
        self.outer = nn.Linear(_MLP_FACTOR * width, width)

    def forward(self, tokens_BNW: Tensor) -> Tensor:
        """Tokens (B, N, W)."""
        return self.outer(sigmoid_gelu(self.inner(tokens_BNW)))


class GridMlp(nn.Module):
    """Two convolutions of 3 x 3 places over the square grid of tokens; zeros stand around it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, _MLP_FACTOR * width, 3, padding=1)
        self.outer = nn.Conv2d(_MLP_FACTOR * width, width, 3, padding=1)

    def forward(self, tokens_BNW: Tensor) -> Tensor:
        """Tokens (B, N, W)."""
        side = round(tokens_BNW.shape[1] ** 0.5)
        grid_BWhh = tokens_BNW.transpose(1, 2).unflatten(2, (side, side))
        return self.outer(sigmoid_gelu(self.inner(grid_BWhh))).flatten(2).transpose(1, 2)


def sigmoid_gelu(values: Tensor) -> Tensor:
    """GELU as ``x sigmoid(1.702 x)``, by which CLIP approximates it."""
    return values * torch.sigmoid(_GELU_SLOPE * values)


def draw_published_(network: nn.Module) -> None:
    """Draw the weights as VQ-Diffusion does: N(0, 0.02), biases 0, norms 1."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=_DEVIATION)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
