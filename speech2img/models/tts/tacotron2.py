"""Tacotron 2 (Shen et al. 2018, arXiv:1712.05884): text symbols to log-mel frames."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from speech2img.models.layers.masked_batch_norm import FrameMask
from speech2img.models.tts.decoder import Decoder
from speech2img.models.tts.layers import Postnet, TextEncoder

NUM_SYMBOLS = 148


class SpokenFrames(NamedTuple):
    """What the network makes of a batch of texts and the true frames."""

    mel_BMT: Tensor
    """Log-mel frames before the postnet."""
    refined_BMT: Tensor
    """Log-mel frames after the postnet: the result."""
    gate_BT: Tensor
    """Stop logits, one a step of the decoder (frames / frames_per_step, rounded up)."""
    alignment_BTS: Tensor
    """Attention weights, one row a step."""


class Tacotron2(nn.Module):
    """Encoder, location-sensitive attention, decoder and postnet.

    Frames are those of the mel preset ``tacotron2``. In use, see :mod:`speech2img.models.tts.inference`.

    Parameters
    ----------
    num_symbols : int
        Size of the alphabet; number 0 is padding.
    n_mels : int
        Mel bands of a frame.
    encoder_dim, encoder_layers : int
        Width of embedding and encoder, and its convolutions.
    attention_dim, location_filters, location_kernel : int
        The attention's sizes.
    prenet_dim, attention_rnn_dim, decoder_rnn_dim, postnet_dim, postnet_layers : int
        The decoder's and the postnet's sizes.
    dropout : float
        Behind the convolutions, in training.
    prenet_dropout : float
        In the prenet, always on.
    rnn_dropout : float
        Behind the decoder's LSTMs, in training.
    frames_per_step : int
        Frames that one step of the decoder gives; published 1.
    masked : bool
        Keep padding out of every layer: a row does not depend on the other rows of the batch, and equals what the
        published network gives for it alone. The published training did not (False).

    Raises
    ------
    ValueError
        For an odd ``encoder_dim``, an even ``location_kernel`` or no frame a step.
    """

    def __init__(
        self,
        *,
        num_symbols: int = NUM_SYMBOLS,
        n_mels: int = 80,
        encoder_dim: int = 512,
        encoder_layers: int = 3,
        attention_dim: int = 128,
        location_filters: int = 32,
        location_kernel: int = 31,
        prenet_dim: int = 256,
        attention_rnn_dim: int = 1024,
        decoder_rnn_dim: int = 1024,
        postnet_dim: int = 512,
        postnet_layers: int = 5,
        dropout: float = 0.5,
        prenet_dropout: float = 0.5,
        rnn_dropout: float = 0.1,
        frames_per_step: int = 1,
        masked: bool = True,
    ) -> None:
        super().__init__()
        # What the decoder cannot take.
        if encoder_dim % 2:
            raise ValueError(f"encoder_dim must be even for two directions, got {encoder_dim}")
        if frames_per_step < 1:
            raise ValueError(f"frames_per_step must be at least 1, got {frames_per_step}")
        # Construction order is the order in which weights are drawn.
        self.n_mels = n_mels
        self.masked = masked
        self.embedding = nn.Embedding(num_symbols, encoder_dim)
        reach = math.sqrt(3.0) * math.sqrt(2.0 / (num_symbols + encoder_dim))
        nn.init.uniform_(self.embedding.weight, -reach, reach)
        self.encoder = TextEncoder(encoder_dim, layers=encoder_layers, dropout=dropout)
        self.decoder = Decoder(
            n_mels=n_mels,
            memory_dim=encoder_dim,
            prenet_dim=prenet_dim,
            attention_rnn_dim=attention_rnn_dim,
            decoder_rnn_dim=decoder_rnn_dim,
            attention_dim=attention_dim,
            location_filters=location_filters,
            location_kernel=location_kernel,
            prenet_dropout=prenet_dropout,
            rnn_dropout=rnn_dropout,
            frames_per_step=frames_per_step,
        )
        self.postnet = Postnet(n_mels, postnet_dim, layers=postnet_layers, dropout=dropout)

    def encode(self, ids_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """Encoder outputs [shape=(B, S, D)] of symbol numbers, zero behind each length.

        Raises
        ------
        ValueError
            If shapes do not fit or a length is below 1 or above S.
        """
        lengths = _checked_lengths(lengths_B, ids_BS, "symbols")
        return self.encoder(self.embedding(ids_BS).transpose(1, 2), lengths, masked=self.masked)

    def forward(self, ids_BS: Tensor, lengths_B: Tensor, mel_BMT: Tensor, mel_lengths_B: Tensor) -> SpokenFrames:
        """Predict every frame from the text and the true frames before it (teacher forcing).

        Parameters
        ----------
        ids_BS : Tensor [shape=(B, S), int64]
            Symbol numbers, right-padded.
        lengths_B : Tensor [shape=(B,), int64]
            Valid symbols, 1..S.
        mel_BMT : Tensor [shape=(B, n_mels, T)]
            True log-mel frames, right-padded.
        mel_lengths_B : Tensor [shape=(B,), int64]
            Valid frames, 1..T.

        Raises
        ------
        ValueError
            If shapes do not fit or a length is out of range.
        """
        frames = _checked_lengths(mel_lengths_B, mel_BMT, "frames")
        if mel_BMT.dim() != 3 or mel_BMT.shape[:2] != (ids_BS.shape[0], self.n_mels):
            raise ValueError(f"expected mel of shape ({ids_BS.shape[0]}, {self.n_mels}, T), got {tuple(mel_BMT.shape)}")
        memory = self.decoder.attention.prepare(self.encode(ids_BS, lengths_B), lengths_B)
        output = self.decoder.teacher_forced(mel_BMT, memory)
        mask = FrameMask.of(frames, mel_BMT) if self.masked else None
        mel = output.mel_BMT if mask is None else output.mel_BMT * mask.valid
        return SpokenFrames(mel, self.postnet(mel, mask), output.gate_BT, output.alignment_BTS)


def _checked_lengths(lengths_B: Tensor, padded: Tensor, what: str) -> Tensor:
    lengths = lengths_B.to("cpu", torch.int64)
    if lengths.shape != padded.shape[:1] or not padded.shape[0]:
        raise ValueError(f"expected {padded.shape[0]} lengths in {what}, got shape {tuple(lengths.shape)}")
    if int(lengths.min()) < 1 or int(lengths.max()) > padded.shape[-1]:
        raise ValueError(f"lengths in {what} must be 1..{padded.shape[-1]}")
    return lengths
