"""Speech encoder of Li et al. 2020 (arXiv:2004.03413): a CNN over log-mel frames, an LSTM, a mean over time."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding, run_packed
from speech2img.models.layers.masked_batch_norm import FrameMask, MaskedBatchNorm

Pooling = Literal["masked_mean", "padded_mean"]

KERNELS = (1, 3, 17, 13, 3, 9, 3, 5)
STRIDES = (1, 1, 2, 2, 1, 2, 1, 2)
POOL_AFTER = frozenset({1, 5})
PUBLISHED_CHANNELS = (64, 64, 128, 256, 256, 512, 512, 1024)


class EncoderLayer(nn.Module):
    """Convolution over time without bias, batch normalisation, ReLU, optionally a max pool of 3 by 2."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int, pool: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = MaskedBatchNorm(out_channels)
        self.stride = stride
        self.pool = pool

    def forward(self, x_BCT: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Activations and valid lengths (CPU) after the layer; ``lengths_B`` None means that padding is not masked."""
        x_BCT = self._convolved(x_BCT)
        mask = None
        if lengths_B is not None:
            lengths_B = -(-lengths_B // self.stride)
            mask = FrameMask.of(lengths_B, x_BCT)
        x_BCT = F.relu(self.norm(x_BCT, mask))
        if mask is not None:
            x_BCT = x_BCT * mask.valid
        if self.pool:
            x_BCT = F.max_pool1d(x_BCT, 3, stride=2, padding=1)
            if lengths_B is not None:
                lengths_B = -(-lengths_B // 2)
                x_BCT = x_BCT * FrameMask.of(lengths_B, x_BCT).valid  # the last window may reach over the end
        return x_BCT, lengths_B

    def _convolved(self, x_BCT: Tensor) -> Tensor:
        """The convolution; a single frame meets its middle tap only.

        That case is written out because torch (2.13, CPU, bfloat16) gives a wrong gradient of the weights for it, off
        by any factor up to infinity.
        """
        if x_BCT.shape[-1] > 1:
            return self.conv(x_BCT)
        middle = self.conv.kernel_size[0] // 2
        return F.conv1d(x_BCT, self.conv.weight[..., middle : middle + 1])


class Li2020Encoder(SpeechEncoder):
    """Log-mel spectrograms to speech embeddings.

    The published (40, 1) and (1, k) two-dimensional convolutions are written as one-dimensional ones: the same numbers,
    less work. ``speech2img.models.published.li2020.convert_li2020_encoder`` maps a published state to this module.

    Parameters
    ----------
    n_mels : int
        Mel bands of the input.
    channels : sequence of 8 int
        Widths of the eight convolutions; the published ones may be scaled down for small machines.
    rnn_layers : int, >= 1
        LSTM layers.
    bidirectional : bool
        Two directions of ``embedding_dim // 2`` each.
    embedding_dim : int
        Size of the embedding, whatever the last convolution's width.
    pooling : {"masked_mean", "padded_mean"}
        ``masked_mean`` averages the valid steps. ``padded_mean``, as published, divides by all steps, so that the norm
        of a vector tells how long the utterance was.
    dropout : float
        Between LSTM layers; without effect for one layer.
    masked : bool
        Zero the activations behind each length after every layer and leave them out of the batch statistics: a result
        does not depend on the other utterances of the batch. The published network does neither (False).
    last_stride : {1, 2}
        Stride of the last convolution: 2 as published (one step for 64 frames), 1 gives a step for 32 frames.
    padded_frames : int, optional
        Pad or cut every input to this many frames, as published (2048). None takes the batch as it comes.
    pad_value : float
        What stands behind each length when ``padded_frames`` is set; published 0.0, which is the loudest value in dB.

    Raises
    ------
    ValueError
        For contradictory settings, at construction.
    """

    def __init__(
        self,
        *,
        n_mels: int = 40,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        rnn_layers: int = 1,
        bidirectional: bool = True,
        embedding_dim: int = 1024,
        pooling: Pooling = "masked_mean",
        dropout: float = 0.5,
        masked: bool = True,
        last_stride: int = 2,
        padded_frames: int | None = None,
        pad_value: float = 0.0,
    ) -> None:
        super().__init__()
        _check_settings(channels, rnn_layers, bidirectional, embedding_dim, pooling, last_stride, padded_frames)
        self.n_mels = n_mels
        self.embedding_dim = embedding_dim
        self.pooling: Pooling = pooling
        self.masked = masked
        self.padded_frames = padded_frames
        self.pad_value = pad_value
        self.time_reduction = 32 * last_stride
        self.input_norm = MaskedBatchNorm(1)
        strides = (*STRIDES[:-1], last_stride)
        widths = (n_mels, *channels)
        self.layers = nn.ModuleList(
            EncoderLayer(widths[i], widths[i + 1], kernel=KERNELS[i], stride=strides[i], pool=i in POOL_AFTER)
            for i in range(len(KERNELS))
        )
        self.rnn = nn.LSTM(
            channels[-1],
            embedding_dim // (2 if bidirectional else 1),
            num_layers=rnn_layers,
            bidirectional=bidirectional,
            batch_first=True,
            dropout=dropout if rnn_layers > 1 else 0.0,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Published start: convolutions N(0, 0.02), norms N(1, 0.02) and 0; the LSTM as PyTorch makes it."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, MaskedBatchNorm):
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

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
            ``word_lengths = max(1, lengths // time_reduction)``: the published rule drops the last incomplete step, and
            here a clip too short for one whole step keeps the one it has. ``S = ceil(T / time_reduction)``.

        Raises
        ------
        ValueError
            If shapes do not fit or a length is below 1 or above T.
        """
        lengths_cpu = self.checked_lengths(mel_BMT, lengths_B)
        if self.padded_frames is not None:
            mel_BMT, lengths_cpu = self._pad_as_published(mel_BMT, lengths_cpu, self.padded_frames)
        word_lengths = (lengths_cpu // self.time_reduction).clamp_min(1)
        words_BSD = run_packed(self.rnn, self._run_cnn(mel_BMT, lengths_cpu), word_lengths)
        total = words_BSD.sum(dim=1)
        if self.pooling == "masked_mean":
            sentence = total / word_lengths.to(total.device, total.dtype, non_blocking=True)[:, None]
        else:
            sentence = total / words_BSD.shape[1]
        return SpeechEncoding(sentence, words_BSD.transpose(1, 2), word_lengths)

    def _run_cnn(self, mel_BMT: Tensor, lengths_cpu: Tensor) -> Tensor:
        lengths, mask = None, None
        if self.masked:
            lengths, mask = lengths_cpu, FrameMask.of(lengths_cpu, mel_BMT)
            mel_BMT = mel_BMT.masked_fill(mask.valid == 0, 0.0)
        x = self.input_norm(mel_BMT[:, None], mask)[:, 0]
        if mask is not None:
            x = x * mask.valid
        for layer in self.layers:
            x, lengths = layer(x, lengths)
        return x

    def _pad_as_published(self, mel_BMT: Tensor, lengths: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        lengths = lengths.clamp_max(frames)
        mel_BMT = mel_BMT[..., :frames]
        mel_BMT = F.pad(mel_BMT, (0, frames - mel_BMT.shape[-1]))
        return mel_BMT.masked_fill(FrameMask.of(lengths, mel_BMT).valid == 0, self.pad_value), lengths


def _check_settings(
    channels: Sequence[int],
    rnn_layers: int,
    bidirectional: bool,
    embedding_dim: int,
    pooling: str,
    last_stride: int,
    padded_frames: int | None,
) -> None:
    if len(channels) != len(KERNELS):
        raise ValueError(f"channels needs {len(KERNELS)} widths, got {len(channels)}")
    if rnn_layers < 1:
        raise ValueError(f"rnn_layers must be at least 1, got {rnn_layers}")
    if bidirectional and embedding_dim % 2:
        raise ValueError(f"embedding_dim must be even for two directions, got {embedding_dim}")
    if pooling not in ("masked_mean", "padded_mean"):
        raise ValueError(f"pooling must be masked_mean or padded_mean, got {pooling!r}")
    if last_stride not in (1, 2):
        raise ValueError(f"last_stride must be 1 or 2, got {last_stride}")
    if padded_frames is not None and padded_frames < 1:
        raise ValueError(f"padded_frames must be at least 1, got {padded_frames}")
