"""Layers of the speech Transformer: attention with heads of any width, encoder and decoder layers, and their caches.

Shape letters: B batch, N queries, S steps that are attended to, D width, H heads, K width of a head.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.attention import attend

NORM_EPSILON = 1e-6


class HeadedAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) whose heads need not divide the width.

    Parameters
    ----------
    width : int
        Size of the steps.
    num_heads, head_width : int
        Heads and the size of each; published 2 of 200 for a width of 200.
    """

    def __init__(self, width: int, num_heads: int, head_width: int) -> None:
        super().__init__()
        # Heads as wide as is asked for: together they may be wider than the steps.
        inner = num_heads * head_width
        self.num_heads, self.head_width = num_heads, head_width
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.out = nn.Linear(inner, width)

    def keys_and_values(self, steps_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of steps, (B, H, S, K) each: what a cache holds."""
        return self._heads(self.key(steps_BSD)), self._heads(self.value(steps_BSD))

    def forward(self, queries_BND: Tensor, cached: tuple[Tensor, Tensor], allowed: Tensor | None = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        queries_BND : Tensor [shape=(B, N, D)]
            What asks.
        cached : tuple of Tensor
            From `keys_and_values`.
        allowed : Tensor [broadcast to (B, H, N, S), bool], optional
            False where a query may not attend; None: all.

        Returns
        -------
        Tensor [shape=(B, N, D)]
        """
        attended_BHNK = attend(self._heads(self.query(queries_BND)), *cached, allowed)
        return self.out(attended_BHNK.transpose(1, 2).flatten(2))

    def _heads(self, steps_BSE: Tensor) -> Tensor:
        return steps_BSE.unflatten(2, (self.num_heads, self.head_width)).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear maps with a ReLU between."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, steps_BND: Tensor) -> Tensor:
        """Steps of the same shape."""
        return self.leave(F.relu(self.enter(steps_BND)))


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each added to the steps and then normalised (post-norm).

    Parameters
    ----------
    width, num_heads, head_width : int
        As for `HeadedAttention`.
    feed_forward : int
        Inner width.
    dropout : float
        On what is added.
    """

    def __init__(self, width: int, num_heads: int, head_width: int, feed_forward: int, *, dropout: float) -> None:
        super().__init__()
        self.attention = HeadedAttention(width, num_heads, head_width)
        self.attention_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(width, feed_forward)
        self.feed_forward_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps_BSD: Tensor, allowed_B11S: Tensor | None) -> Tensor:
        """Steps of the same shape; ``allowed_B11S`` False where a step is padding."""
        attended_BSD = self.attention(steps_BSD, self.attention.keys_and_values(steps_BSD), allowed_B11S)
        steps_BSD = self.attention_norm(steps_BSD + self.dropout(attended_BSD))
        return self.feed_forward_norm(steps_BSD + self.dropout(self.feed_forward(steps_BSD)))


@dataclass
class DecoderCache:
    """What a decoder layer keeps between two characters."""

    memory: tuple[Tensor, Tensor]
    """Keys and values of the encoded speech."""
    written: tuple[Tensor, Tensor] | None = field(default=None)
    """Keys and values of the characters so far; None before the first."""

    def choose(self, rows_R: Tensor) -> "DecoderCache":
        """The cache of these rows, in this order; a row may be taken several times."""
        # The speech is the same for all beginnings of a row, but each row of the batch has its own.
        memory = self.memory[0][rows_R], self.memory[1][rows_R]
        written = None if self.written is None else (self.written[0][rows_R], self.written[1][rows_R])
        return DecoderCache(memory, written)


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoded speech, and feed-forward, each added and then normalised.

    Parameters
    ----------
    width, num_heads, head_width, feed_forward, dropout
        As for `EncoderLayer`.
    self_dropout : float
        On what the self-attention adds; 0.5 as published, whatever else is asked for.
    """

    def __init__(
        self, width: int, num_heads: int, head_width: int, feed_forward: int, *, dropout: float, self_dropout: float
    ) -> None:
        super().__init__()
        self.self_attention = HeadedAttention(width, num_heads, head_width)
        self.self_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.speech_attention = HeadedAttention(width, num_heads, head_width)
        self.speech_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(width, feed_forward)
        self.feed_forward_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.dropout, self.self_dropout = nn.Dropout(dropout), nn.Dropout(self_dropout)

    def forward(self, steps_BND: Tensor, cache: DecoderCache, allowed_B11S: Tensor | None) -> Tensor:
        """Steps of the same shape, and the cache with their keys and values added.

        Parameters
        ----------
        steps_BND : Tensor [shape=(B, N, D)]
            All characters of a text where the cache is fresh, else the next one.
        cache : DecoderCache
            Changed in place.
        allowed_B11S : Tensor, optional
            False where the encoded speech is padding.
        """
        # Characters see themselves and those before them.
        fresh = self.self_attention.keys_and_values(steps_BND)
        if cache.written is not None:
            fresh = torch.cat([cache.written[0], fresh[0]], 2), torch.cat([cache.written[1], fresh[1]], 2)
        # A single new character may see all that is cached; of several, each sees those up to itself.
        causal, count = None, steps_BND.shape[1]
        if count > 1:
            causal = torch.ones(count, fresh[0].shape[2], dtype=torch.bool, device=steps_BND.device)
            causal = causal.tril(fresh[0].shape[2] - count)
        cache.written = fresh
        attended_BND = self.self_dropout(self.self_attention(steps_BND, fresh, causal))
        steps_BND = self.self_norm(steps_BND + attended_BND)

        # Then the speech, then the feed-forward network.
        attended_BND = self.speech_attention(steps_BND, cache.memory, allowed_B11S)
        steps_BND = self.speech_norm(steps_BND + self.dropout(attended_BND))
        return self.feed_forward_norm(steps_BND + self.dropout(self.feed_forward(steps_BND)))
