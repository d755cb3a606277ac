"""The feed-forward parts of Tacotron 2: convolution stacks of encoder and postnet, the encoder, the prenet."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import run_packed
from speech2img.models.layers.masked_batch_norm import FrameMask, MaskedBatchNorm

Activation = Literal["relu", "tanh", "linear"]
KERNEL = 5


class ConvNorm(nn.Module):
    """Convolution over time (kernel 5, same length), batch normalisation, activation, dropout."""

    def __init__(self, in_channels: int, out_channels: int, *, activation: Activation, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, KERNEL, padding=KERNEL // 2)
        self.norm = MaskedBatchNorm(out_channels)
        self.activation = activation
        self.dropout = dropout
        nn.init.xavier_uniform_(self.conv.weight, gain=nn.init.calculate_gain(activation))

    def forward(self, x_BCT: Tensor, mask: FrameMask | None) -> Tensor:
        """Activations; with a mask they are zero in the padding, and the statistics leave it out."""
        x_BCT = self.norm(self.conv(x_BCT), mask)
        if self.activation != "linear":
            x_BCT = x_BCT.relu() if self.activation == "relu" else x_BCT.tanh()
        x_BCT = F.dropout(x_BCT, self.dropout, self.training)
        return x_BCT if mask is None else x_BCT * mask.valid


class TextEncoder(nn.Module):
    """Three convolutions and a bidirectional LSTM over symbol embeddings (Shen et al. 2018, sec. 2.2).

    Parameters
    ----------
    dim : int
        Width of the embedding, the convolutions and, both directions together, the LSTM; even.
    layers : int
        Convolutions.
    dropout : float
        Behind each convolution.
    """

    def __init__(self, dim: int, *, layers: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvNorm(dim, dim, activation="relu", dropout=dropout) for _ in range(layers))
        self.rnn = nn.LSTM(dim, dim // 2, batch_first=True, bidirectional=True)

    def forward(self, embedded_BDS: Tensor, lengths_B: Tensor, *, masked: bool) -> Tensor:
        """Encode a padded batch.

        Parameters
        ----------
        embedded_BDS : Tensor [shape=(B, D, S)]
            Symbol embeddings, right-padded.
        lengths_B : Tensor [shape=(B,), int64, on the CPU]
            Valid symbols.
        masked : bool
            Keep the padding out of the convolutions, so that a row does not depend on how far it was padded.

        Returns
        -------
        Tensor [shape=(B, S, D)]
            Zero behind each length.
        """
        mask = None
        if masked:
            mask = FrameMask.of(lengths_B, embedded_BDS)
            embedded_BDS = embedded_BDS * mask.valid
        for layer in self.layers:
            embedded_BDS = layer(embedded_BDS, mask)
        return run_packed(self.rnn, embedded_BDS, lengths_B)


class Prenet(nn.Module):
    """Two linear layers with ReLU and dropout that stays on when speaking: the noise the decoder was trained with.

    Parameters
    ----------
    frame_dim, dim : int
        Input and both layers' width.
    dropout : float
        Share of units dropped, in training and in use alike (Shen et al. 2018, sec. 2.2).
    """

    def __init__(self, frame_dim: int, dim: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        first, second = nn.Linear(frame_dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.layers = nn.ModuleList([first, second])
        self.dim, self.dropout = dim, dropout
        nn.init.xavier_uniform_(first.weight)
        nn.init.xavier_uniform_(second.weight)

    def forward(self, frame_BM: Tensor, kept_B2P: Tensor | None = None) -> Tensor:
        """Process frames.

        Parameters
        ----------
        frame_BM : Tensor [shape=(..., M)]
            Log-mel frames.
        kept_B2P : Tensor [shape=(..., 2, P)], optional
            Factor of every unit of both layers (0, or 1 / (1 - dropout)); drawn again where not given.
        """
        for number, layer in enumerate(self.layers):
            frame_BM = layer(frame_BM).relu()
            if kept_B2P is None:
                frame_BM = F.dropout(frame_BM, self.dropout, training=True)
            else:
                frame_BM = frame_BM * kept_B2P[..., number, :]
        return frame_BM


class Postnet(nn.Module):
    """Five convolutions whose output is added to the decoder's frames (Shen et al. 2018, sec. 2.2)."""

    def __init__(self, n_mels: int, dim: int, *, layers: int = 5, dropout: float = 0.5) -> None:
        super().__init__()
        widths = (n_mels, *[dim] * (layers - 1), n_mels)
        self.layers = nn.ModuleList(
            ConvNorm(widths[i], widths[i + 1], activation="tanh" if i < layers - 1 else "linear", dropout=dropout)
            for i in range(layers)
        )

    def forward(self, mel_BMT: Tensor, mask: FrameMask | None = None) -> Tensor:
        """The refined frames, of the input's shape."""
        refined_BMT = mel_BMT
        for layer in self.layers:
            refined_BMT = layer(refined_BMT, mask)
        return mel_BMT + refined_BMT
