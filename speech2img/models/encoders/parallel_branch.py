"""SpeechCLIP's parallel branch (Shih et al. 2022): a learned step in front of the frames becomes the sentence."""

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.layers.transformer import TransformerBlock, attention_mask, valid_steps


class ParallelBranch(nn.Module):
    """One Transformer block over a learned step and the mixed frames of a front-end, and a linear map.

    Parameters
    ----------
    width : int
        Size of the frames.
    num_heads : int
        Heads of the block.
    embedding_dim : int
        Size of the sentence embedding, and of the frames that are handed on.
    dropout : float
        In the block.
    """

    def __init__(self, width: int, num_heads: int, embedding_dim: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.cls = nn.Parameter(torch.randn(1, 1, width))
        self.block = TransformerBlock(width, num_heads, 4 * width, dropout=dropout, pre_norm=False)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, embedding_dim)

    def forward(self, frames_BSD: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode mixed frames.

        Parameters
        ----------
        frames_BSD : Tensor [shape=(B, S, width)]
            Right-padded.
        lengths_B : Tensor [shape=(B,), int64, CPU]
            Valid frames of each row, 1..S.

        Returns
        -------
        SpeechEncoding
            Sentences of unit length; frames through the same map, as the published code does not use them.
        """
        frames = frames_BSD[:, : int(lengths_B.max())]
        steps = torch.cat([self.cls.expand(len(frames), -1, -1).to(frames.dtype), frames], dim=1)
        valid_BS = valid_steps(lengths_B + 1, steps.shape[1], steps.device)
        projected = self.out(self.norm(self.block(steps, attention_mask(valid_BS))))
        sentence, words = projected[:, 0].float(), projected[:, 1:]
        if valid_BS is not None:
            words = torch.where(valid_BS[:, 1:, None], words, 0.0)
        return SpeechEncoding(sentence / sentence.norm(dim=1, keepdim=True), words.transpose(1, 2), lengths_B)
