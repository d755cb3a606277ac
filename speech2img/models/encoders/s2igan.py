"""Speech encoder of S2IGAN (Wang et al. 2020): two strided convolutions, a bidirectional GRU, attention over time."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding, run_packed
from speech2img.models.layers.masked_batch_norm import FrameMask, MaskedBatchNorm

AttentionStart = Literal["orthogonal", "published"]

KERNEL = 6
STRIDE = 2
SHORTEST = 16
"""Frames that give one step: shorter clips are filled up with zeros."""


class SelfAttention(nn.Module):
    """A weighted sum over time, with a distribution over the steps of its own for each dimension.

    ``sum_t softmax_t(W2 tanh(W1 h_t)) * h_t``: as many distributions as the steps have dimensions.

    Parameters
    ----------
    dim : int
        Size of the steps.
    hidden_dim : int
        Width between the two linear maps.
    start : {"orthogonal", "published"}
        Weights of both maps orthogonal at the start. As published, the first only: that code initialises it twice
        and the second never.
    """

    def __init__(self, dim: int, hidden_dim: int = 128, *, start: AttentionStart = "orthogonal") -> None:
        super().__init__()
        if start not in ("orthogonal", "published"):
            raise ValueError(f"start must be orthogonal or published, got {start!r}")
        self.hidden = nn.Linear(dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, dim)
        nn.init.orthogonal_(self.hidden.weight)
        if start == "orthogonal":
            nn.init.orthogonal_(self.out.weight)

    def forward(self, steps_BSD: Tensor, valid_BS: Tensor | None) -> Tensor:
        """Pool over time.

        Parameters
        ----------
        steps_BSD : Tensor [shape=(B, S, D)]
            Time steps, zero in the padding.
        valid_BS : Tensor [shape=(B, S), bool], optional
            Steps that may receive weight; None: all of them, padding included.

        Returns
        -------
        Tensor [shape=(B, D)]
        """
        scores = self.out(torch.tanh(self.hidden(steps_BSD)))
        if valid_BS is not None:
            scores = scores.masked_fill(~valid_BS[:, :, None], float("-inf"))
        return (scores.float().softmax(dim=1) * steps_BSD).sum(dim=1)


class S2IGANEncoder(SpeechEncoder):
    """Log-mel spectrograms to speech embeddings of unit length ("CRNN" of the published code).

    No activation stands between the convolutions, as published. ``speech2img.models.published.s2igan`` maps a published
    state to this module.

    Parameters
    ----------
    n_mels : int
        Mel bands of the input.
    channels : sequence of 2 int
        Widths of the two convolutions (kernel 6, stride 2, no padding).
    rnn_layers : int, >= 1
        GRU layers, each in both directions.
    embedding_dim : int
        Size of the embedding, even: half of it from each direction.
    attention_dim : int
        Width inside the attention.
    masked : bool
        Keep padding out of the attention and of the batch statistics. The published training does neither (False), so
        that an embedding depends on the rest of the batch; but the published embeddings are computed one utterance at a
        time, and so in evaluation mode every utterance is computed as if alone in either case.
    attention_start : {"orthogonal", "published"}
        As for `SelfAttention`.

    Raises
    ------
    ValueError
        For contradictory settings, at construction.
    """

    def __init__(
        self,
        *,
        n_mels: int = 40,
        channels: Sequence[int] = (64, 128),
        rnn_layers: int = 2,
        embedding_dim: int = 1024,
        attention_dim: int = 128,
        masked: bool = True,
        attention_start: AttentionStart = "orthogonal",
    ) -> None:
        super().__init__()
        if len(channels) != 2:
            raise ValueError(f"channels needs 2 widths, got {len(channels)}")
        if rnn_layers < 1:
            raise ValueError(f"rnn_layers must be at least 1, got {rnn_layers}")
        if embedding_dim < 2 or embedding_dim % 2:
            raise ValueError(f"embedding_dim must be even for two directions, got {embedding_dim}")
        self.n_mels, self.embedding_dim, self.masked = n_mels, embedding_dim, masked
        widths = (n_mels, *channels)
        self.convs = nn.ModuleList(nn.Conv1d(widths[i], widths[i + 1], KERNEL, stride=STRIDE) for i in range(2))
        self.norms = nn.ModuleList(MaskedBatchNorm(width) for width in channels)
        self.rnn = nn.GRU(channels[-1], embedding_dim // 2, num_layers=rnn_layers, bidirectional=True, batch_first=True)
        self.attention = SelfAttention(embedding_dim, attention_dim, start=attention_start)

    def forward(self, mel_BMT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode a padded batch.

        Parameters
        ----------
        mel_BMT : Tensor [shape=(B, n_mels, T), float]
            Log-mel frames, right-padded.
        lengths_B : Tensor [shape=(B,), integer]
            Valid frames of each row, 1..T. On the CPU it saves a wait for the device.

        Returns
        -------
        SpeechEncoding
            Sentences have unit length. ``word_lengths`` is ``(n - 4) // 2`` taken twice, at least 1; ``S`` is the
            largest of them.

        Raises
        ------
        ValueError
            If shapes do not fit or a length is below 1 or above T.
        """
        lengths = self.checked_lengths(mel_BMT, lengths_B)
        masked = self.masked or not self.training
        x = mel_BMT[..., : int(lengths.max())]
        if masked:
            x = x.masked_fill(FrameMask.of(lengths, x).valid == 0, 0.0)
        x = F.pad(x, (0, max(0, SHORTEST - x.shape[-1])))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = conv(x)
            lengths = ((lengths - KERNEL + STRIDE) // STRIDE).clamp_min(1)
            x = norm(x, FrameMask.of(lengths, x) if masked else None)
        steps_BSD = run_packed(self.rnn, x, lengths)
        valid = FrameMask.of(lengths, x).valid[:, 0] > 0 if masked else None
        sentence = F.normalize(self.attention(steps_BSD, valid).float(), dim=1)
        return SpeechEncoding(sentence, steps_BSD.transpose(1, 2), lengths)
