"""The token transformers of VQ-Diffusion (from text) and of S2IVQ-D (from speech), as published.

Gu et al., arXiv:2111.14822; Saeed et al., arXiv:2601.00827. Shape letters: B pictures, N places, K codes, S steps of
the text, C their size, D size of the speech embedding, W width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.vq_diffusion.base import PublishedTransformer, demand_sizes, replaced_by
from speech2img.models.generators.vq_diffusion.layers import (
    GridMlp,
    StepNorm,
    TokenEmbedding,
    TokenMlp,
    draw_published_,
)
from speech2img.models.layers.adaptive_transformer import CrossAttention, modulated
from speech2img.models.layers.transformer import SelfAttention


class TextBlock(nn.Module):
    """Self-attention, cross-attention to the text and a network, each added to the tokens."""

    def __init__(self, width: int, num_heads: int, num_steps: int, text_dim: int) -> None:
        super().__init__()
        self.attention_norm = StepNorm(width, num_steps)
        self.attention = SelfAttention(width, num_heads)
        self.cross_norm = StepNorm(width, num_steps)
        self.cross_attention = CrossAttention(width, num_heads, steps_width=text_dim)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = TokenMlp(width)

    def forward(self, tokens_BNW: Tensor, time_B: Tensor, text_BSC: Tensor) -> Tensor:
        """Tokens (B, N, W)."""
        tokens_BNW = tokens_BNW + self.attention(self.attention_norm(tokens_BNW, time_B), None)
        tokens_BNW = tokens_BNW + self.cross_attention(self.cross_norm(tokens_BNW, time_B), text_BSC, None)
        return tokens_BNW + self.mlp(self.mlp_norm(tokens_BNW))


class TextTokenTransformer(PublishedTransformer):
    """VQ-Diffusion's transformer: tokens attend to the states of a text, the padded ones included.

    Parameters
    ----------
    embedding_dim : int
        C; the states are unit vectors of CLIP's text transformer, 512 as published.
    num_codes, side : int
        K, and the side of the grid.
    num_steps : int
        T.
    width, depth, num_heads : int
        W, blocks, heads; 1,024, 19 and 16 as published for CUB.
    table_side : int, optional
        As of `TokenEmbedding`.
    empty_length : int
        Steps of the learned empty text; 77 as published, 0 for none, and then there is no guidance.

    Raises
    ------
    ValueError
        If a size is below 1, or ``num_heads`` divides not ``width``.
    """

    needs_frames = True

    def __init__(
        self,
        *,
        embedding_dim: int,
        num_codes: int,
        side: int,
        num_steps: int = 100,
        width: int = 1024,
        depth: int = 19,
        num_heads: int = 16,
        table_side: int | None = None,
        empty_length: int = 0,
    ) -> None:
        demand_sizes(embedding_dim=embedding_dim, num_steps=num_steps, depth=depth)
        super().__init__(
            TokenEmbedding(num_codes, side, width, table_side=table_side),
            [TextBlock(width, num_heads, num_steps, embedding_dim) for _ in range(depth)],
            width=width,
        )
        draw_published_(self)
        self.has_empty = empty_length > 0
        if self.has_empty:
            self.empty = nn.Parameter(torch.randn(empty_length, embedding_dim))

    def condition(self, speech: SpeechEncoding, conditional_B: Tensor | None = None) -> Tensor:
        """Contract: `TokenTransformer`; the states of the text stand in ``speech.words``."""
        text_BSC = speech.words.transpose(1, 2)
        if conditional_B is None:
            return text_BSC
        if not self.has_empty or text_BSC.shape[1] != len(self.empty):
            wanted = f"texts of {len(self.empty)} steps" if self.has_empty else "an empty_length above 0"
            raise ValueError(f"an empty text needs {wanted}, got texts of {text_BSC.shape[1]}")
        return replaced_by(self.empty, text_BSC, conditional_B)


class SpeechBlock(nn.Module):
    """Self-attention, and convolutions over the grid, which the speech embedding itself scales and shifts."""

    def __init__(self, width: int, num_heads: int, num_steps: int) -> None:
        super().__init__()
        self.attention_norm = StepNorm(width, num_steps)
        self.attention = SelfAttention(width, num_heads)
        self.mlp = GridMlp(width)

    def forward(self, tokens_BNW: Tensor, time_B: Tensor, sentence_BD: Tensor) -> Tensor:
        """Tokens (B, N, W)."""
        tokens_BNW = tokens_BNW + self.attention(self.attention_norm(tokens_BNW, time_B), None)
        scale, shift = sentence_BD[:, None].chunk(2, dim=2)
        return tokens_BNW + self.mlp(modulated(F.layer_norm(tokens_BNW, tokens_BNW.shape[2:]), shift, scale))


class PublishedSpeechTransformer(PublishedTransformer):
    """S2IVQ-D's transformer: the speech embedding is scale and shift of the second norm of every block, as it is.

    Nothing projects it: its entries are about 1/32 in size, half of its coordinates only scale, and those are the same
    in all blocks. `SpeechTokenTransformer` is the corrected form. There is no empty condition, so no guidance.

    Parameters
    ----------
    embedding_dim : int
        D, twice the width.
    num_codes, side : int
        K, and the side of the grid.
    num_steps : int
        T.
    width, depth, num_heads : int
        W, blocks, heads; 512, 24 and 16 as published.
    table_side : int
        Rows of the position tables, as of `TokenEmbedding`: 32 as published, for a grid of 16.

    Raises
    ------
    ValueError
        If a size is below 1, ``embedding_dim`` is not twice the width, or ``num_heads`` divides not ``width``.
    """

    needs_frames, has_empty = False, False

    def __init__(
        self,
        *,
        embedding_dim: int,
        num_codes: int,
        side: int,
        num_steps: int = 100,
        width: int = 512,
        depth: int = 24,
        num_heads: int = 16,
        table_side: int = 32,
    ) -> None:
        demand_sizes(embedding_dim=embedding_dim, num_steps=num_steps, depth=depth)
        if embedding_dim != 2 * width:
            raise ValueError(f"embedding_dim must be twice the width, {2 * width}, got {embedding_dim}")
        super().__init__(
            TokenEmbedding(num_codes, side, width, table_side=table_side),
            [SpeechBlock(width, num_heads, num_steps) for _ in range(depth)],
            width=width,
        )
        draw_published_(self)

    def condition(self, speech: SpeechEncoding, conditional_B: Tensor | None = None) -> Tensor:
        """Contract: `TokenTransformer`; the sentence alone."""
        if conditional_B is not None:
            raise ValueError("the published form has no empty condition")
        return speech.sentence
