"""CLIP's text transformer (Radford et al. 2021, arXiv:2103.00020), as VQ-Diffusion hears its captions through."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.layers.transformer import SelfAttention
from speech2img.models.text_encoders.base import TextEncoder
from speech2img.models.text_encoders.byte_pairs import BytePairs

CONTEXT = 77
"""Tokens of a text in all published sizes; a longer one is cut, its end token kept."""


class CLIPText(TextEncoder):
    """Text encoder over byte pairs; each token sees those before it.

    Parameters
    ----------
    merges : str
        As of `BytePairs`.
    embedding_dim : int
        Size of the sentence vector, which lies in the space of CLIP's images.
    word_dim : int
        Size of the states of the tokens.
    num_heads, num_layers : int
        Heads of a block (published: 64 numbers a head), and blocks.
    num_tokens : int, optional
        Tokens of the embedding; those of the vocabulary where it is not given.
    form : {"corrected", "published"}
        ``published``: all 77 states count as words of a text, as VQ-Diffusion was trained; otherwise those of its
        tokens.

    Raises
    ------
    ValueError
        If the vocabulary is none or has more tokens than the embedding, or ``num_heads`` divides not ``word_dim``.
    """

    has_words = True

    def __init__(
        self,
        *,
        merges: str,
        embedding_dim: int = 512,
        word_dim: int = 512,
        num_heads: int = 8,
        num_layers: int = 12,
        num_tokens: int | None = None,
        form: Literal["corrected", "published"] = "corrected",
    ) -> None:
        super().__init__()
        self.vocabulary = BytePairs(merges)
        if num_tokens is None:
            num_tokens = len(self.vocabulary)
        if len(self.vocabulary) > num_tokens:
            raise ValueError(f"the vocabulary has {len(self.vocabulary)} tokens, and the network {num_tokens}")
        if form not in ("corrected", "published"):
            raise ValueError(f"form must be corrected or published, got {form!r}")
        self.embedding_dim, self.word_dim, self.form = embedding_dim, word_dim, form
        self.lookup = nn.Embedding(num_tokens, word_dim)
        self.positions = nn.Parameter(0.01 * torch.randn(CONTEXT, word_dim))
        self.blocks = nn.ModuleList(_CLIPBlock(word_dim, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(word_dim)
        self.projection = nn.Linear(word_dim, embedding_dim, bias=False)

    def tokens(self, text: str) -> list[int]:
        """Start, pieces of a text, end: 77 tokens at most."""
        pieces = self.vocabulary.encode(text)[: CONTEXT - 2]
        return [self.vocabulary.start, *pieces, self.vocabulary.end]

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Captions as ``forward`` takes them, (B, 77); contract: `TextEncoder`."""
        tokens_BT, lengths_B = super().batch(texts)
        return nn.functional.pad(tokens_BT, (0, CONTEXT - tokens_BT.shape[1])), lengths_B

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode captions.

        Parameters
        ----------
        tokens_BT : Tensor [shape=(B, T), int64, T <= 77]
            Padded with 0.
        lengths_B : Tensor [shape=(B,), int64]
            Tokens of each, the end token the last, 1..T.

        Returns
        -------
        SpeechEncoding
            Sentences: the state of the end token, projected, of any length. Words: all states at length 1; where the
            form is ``corrected``, 0 behind the tokens.
        """
        steps, lengths = tokens_BT.shape[1], lengths_B.to("cpu", torch.int64)
        x_BTD = self.lookup(tokens_BT) + self.positions[:steps]
        earlier = torch.ones(steps, steps, dtype=torch.bool, device=x_BTD.device).tril()[None, None]
        for block in self.blocks:
            x_BTD = block(x_BTD, earlier)
        x_BTD = self.norm(x_BTD)
        # What the generator takes.
        ends = (lengths - 1).to(x_BTD.device, non_blocking=True)
        sentence_BD = self.projection(x_BTD[torch.arange(len(ends), device=x_BTD.device), ends])
        words_BTD = x_BTD / x_BTD.norm(dim=2, keepdim=True)
        if self.form == "published":
            return SpeechEncoding(sentence_BD, words_BTD.transpose(1, 2), torch.full_like(lengths, steps))
        valid_BT = torch.arange(steps, device=x_BTD.device) <= ends[:, None]
        words_BTD = torch.where(valid_BT[:, :, None], words_BTD, 0.0)
        return SpeechEncoding(sentence_BD, words_BTD.transpose(1, 2), lengths)


class _CLIPBlock(nn.Module):
    """Attention and a network with CLIP's quick GELU, each added to the steps; what goes in is normalised."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, steps_BTD: Tensor, allowed: Tensor) -> Tensor:
        """Arguments and result as of `SelfAttention.forward`; ``allowed`` may be (1, 1, T, T)."""
        steps_BTD = steps_BTD + self.attention(self.attention_norm(steps_BTD), allowed)
        inner = self.mlp_in(self.mlp_norm(steps_BTD))
        return steps_BTD + self.mlp_out(inner * torch.sigmoid(1.702 * inner))
