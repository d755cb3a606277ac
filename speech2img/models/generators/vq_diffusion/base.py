"""What a token transformer is: tokens, a step and a condition in, logits of the clean codes out."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.vq_diffusion.layers import TokenEmbedding
from speech2img.models.layers.activation_checkpointing import checkpointed


class TokenTransformer(Protocol):
    """What `VQDiffusionGenerator` draws with; an ``nn.Module``.

    Shape letters: B pictures, N places, K codes.
    """

    needs_frames: bool
    """Whether it looks at ``speech.words``."""
    has_empty: bool
    """Whether it learns an empty condition, so that there can be guidance."""

    def condition(self, speech: SpeechEncoding, conditional_B: Tensor | None = None) -> Any:
        """What was said, as all steps take it; where ``conditional_B`` (B,), bool, is False, the empty condition."""

    def __call__(self, tokens_BN: Tensor, time_B: Tensor, condition: Any) -> Tensor:
        """Logits (B, N, K) of x_0, from x_t of 0..K (K is the mask) and steps t (B,), 0 to T - 1."""


class PublishedTransformer(nn.Module):
    """Base of the two published forms: embedding, blocks ``block(tokens, time, condition)``, norm, logits.

    Parameters
    ----------
    embedding : TokenEmbedding
    blocks : list of nn.Module
    width : int
        W.
    """

    recompute = False
    """Compute activations of the blocks again in the backward pass: less memory, more time."""

    def __init__(self, embedding: TokenEmbedding, blocks: list[nn.Module], *, width: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.to_logits = nn.Linear(width, embedding.num_codes)

    def condition(self, speech: SpeechEncoding, conditional_B: Tensor | None = None) -> Tensor:
        """Contract: `TokenTransformer`."""
        raise NotImplementedError

    def forward(self, tokens_BN: Tensor, time_B: Tensor, condition: Tensor) -> Tensor:
        """Contract: `TokenTransformer`."""
        tokens_BNW = self.embedding(tokens_BN)
        for block in self.blocks:
            inputs = tokens_BNW, time_B, condition
            tokens_BNW = checkpointed(block, block, *inputs) if self.recompute else block(*inputs)
        logits_BNK: Tensor = self.to_logits(self.norm(tokens_BNW))
        return logits_BNK


def demand_sizes(**sizes: int) -> None:
    """Raise ValueError for a size below 1, by its name."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, got {size}")


def replaced_by(empty: Tensor, values: Tensor, conditional_B: Tensor | None) -> Tensor:
    """Conditions, with the empty one in the rows where ``conditional_B`` is False."""
    if conditional_B is None:
        return values
    rows = conditional_B.view(-1, *(1,) * (values.dim() - 1))
    return torch.where(rows, values, empty.to(values.dtype))
