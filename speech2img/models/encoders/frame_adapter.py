"""The small trained network on top of a pretrained front-end: convolution, Transformer blocks, attention pooling."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.layers.transformer import TransformerBlock, attention_mask, valid_steps


class AttentionPooling(nn.Module):
    """Weighted means over the valid frames, one a head, joined and mapped (Santos et al. 2016; several heads).

    Parameters
    ----------
    width : int
        Size of the frames.
    num_heads : int
        Distributions over the frames.
    embedding_dim : int
        Size of the result.
    """

    def __init__(self, width: int, num_heads: int, embedding_dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, num_heads)
        self.out = nn.Linear(num_heads * width, embedding_dim)

    def forward(self, frames_BSD: Tensor, valid_BS: Tensor | None) -> Tensor:
        """Pool over time.

        Parameters
        ----------
        frames_BSD : Tensor [shape=(B, S, D)]
            Frames, finite in the padding too.
        valid_BS : Tensor [shape=(B, S), bool], optional
            Frames that may receive weight; None: all.

        Returns
        -------
        Tensor [shape=(B, embedding_dim)]
        """
        scores_BSH = self.score(frames_BSD).float()
        if valid_BS is not None:
            scores_BSH = scores_BSH.masked_fill(~valid_BS[:, :, None], float("-inf"))
        weights_BHS = scores_BSH.softmax(dim=1).transpose(1, 2).to(frames_BSD.dtype)
        return self.out((weights_BHS @ frames_BSD).flatten(1))


class FrameAdapter(nn.Module):
    """From mixed frames of a front-end to a `SpeechEncoding`.

    Parameters
    ----------
    input_width : int
        Size of the front-end's frames.
    manner_width : int
        Features of manner behind them in each frame; 0 for none. They go round the blocks, straight to the pooling.
    width : int
        Size of the frames inside.
    num_layers, num_heads : int
        Transformer blocks, and heads of each and of the pooling.
    feed_forward : int
        Width of the layer inside a block, in widths.
    kernel : int
        Frames that the convolution at the entrance sees; odd.
    embedding_dim : int
        Size of the sentence embedding and of the frames that are handed on.
    centred : bool
        Take the mean frame of an utterance off its frames (cepstral mean normalisation, Atal 1974, of hidden states):
        what a voice, a room and a line leave in them is much the same from beginning to end.
    dropout : float
        In the blocks.
    unit_length : bool
        Whether sentences have unit length.
    """

    def __init__(
        self,
        *,
        input_width: int,
        manner_width: int,
        width: int,
        num_layers: int,
        num_heads: int,
        feed_forward: int = 4,
        centred: bool = False,
        kernel: int,
        embedding_dim: int,
        dropout: float,
        unit_length: bool,
    ) -> None:
        super().__init__()
        self.manner_width, self.unit_length, self.centred = manner_width, unit_length, centred
        self.conv = nn.Conv1d(input_width, width, kernel, padding=kernel // 2)
        self.layers = nn.ModuleList(
            TransformerBlock(width, num_heads, feed_forward * width, dropout=dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.manner_norm = nn.LayerNorm(manner_width) if manner_width else None
        self.frames = nn.Linear(width + manner_width, embedding_dim)
        self.pooling = AttentionPooling(width + manner_width, num_heads, embedding_dim)

    def forward(self, frames_BSF: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode mixed frames.

        Parameters
        ----------
        frames_BSF : Tensor [shape=(B, S, input_width + manner_width)]
            Right-padded.
        lengths_B : Tensor [shape=(B,), int64, CPU]
            Valid frames of each row, 1..S.
        """
        # Convolve: a row sees zeros behind its end, as if it were alone.
        x = frames_BSF[:, : int(lengths_B.max())]
        valid_BS = valid_steps(lengths_B, x.shape[1], x.device)
        if valid_BS is not None:
            x = torch.where(valid_BS[:, :, None], x, 0.0)
        split = x.shape[2] - self.manner_width
        x, manner_BSF = x[..., :split], x[..., split:]
        if self.centred:
            mean_BF = x.sum(dim=1, keepdim=True) / lengths_B.to(x.device, x.dtype)[:, None, None]
            x = x - mean_BF if valid_BS is None else torch.where(valid_BS[:, :, None], x - mean_BF, 0.0)
        x = F.gelu(self.conv(x.transpose(1, 2))).transpose(1, 2)

        # Attend.
        allowed = attention_mask(valid_BS)
        for layer in self.layers:
            x = layer(x, allowed)
        x = self.norm(x)
        if self.manner_norm is not None:
            x = torch.cat([x, self.manner_norm(manner_BSF)], dim=2)

        # Pool, and hand the frames on.
        sentence = self.pooling(x, valid_BS)
        if self.unit_length:
            sentence = F.normalize(sentence.float(), dim=1)
        words_BSD = self.frames(x)
        if valid_BS is not None:
            words_BSD = torch.where(valid_BS[:, :, None], words_BSD, 0.0)
        return SpeechEncoding(sentence, words_BSD.transpose(1, 2), lengths_B)
