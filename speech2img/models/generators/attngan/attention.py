"""Attention of the places of an image to words, or to frames of speech (AttnGAN, equations 4 and 5).

Shape letters: B batch, C channels, Q places of the map, S words or frames, D size of one of them.
"""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from speech2img.models.layers.activation_checkpointing import checkpointed

Form = Literal["corrected", "published"]
"""The mask of the padding: of each row its own; or, as published, of place q of row b that of row (b Q + q) mod B."""
PLACES_AT_ONCE = 8192
"""Places whose scores are in memory at a time: a map of 256 px has 65,536."""


class WordAttention(nn.Module):
    """For every place of a map a mean of the projected words, weighted by the softmax of their products with it.

    Parameters
    ----------
    channels : int
        Of the map.
    word_dim : int
        Size of a word or frame.
    form : {"corrected", "published"}
        See `Form`.
    """

    def __init__(self, channels: int, word_dim: int, *, form: Form = "corrected") -> None:
        super().__init__()
        self.form = form
        self.project = nn.Linear(word_dim, channels, bias=False)

    def forward(self, hidden_BCHW: Tensor, words_BDS: Tensor, allowed_BS: Tensor) -> Tensor:
        """Contexts of all places.

        Scores are computed block by block, and again in the backward pass, so that memory does not grow with the map.

        Parameters
        ----------
        hidden_BCHW : Tensor [shape=(B, C, H, W)]
            The map.
        words_BDS : Tensor [shape=(B, D, S)]
            Words or frames, padded.
        allowed_BS : Tensor [shape=(B, S), bool]
            False at the padding; at least one word a row.

        Returns
        -------
        Tensor [shape=(B, C, H, W)]
        """
        words_BSC, places = self.project(words_BDS.transpose(1, 2)), hidden_BCHW[0, 0].numel()
        blocks = [
            checkpointed(
                self, _context, block_BQC, words_BSC, self._allowed(allowed_BS, places, first, block_BQC.shape[1])
            )
            for first, block_BQC in self._blocks(hidden_BCHW)
        ]
        return torch.cat(blocks, dim=1).transpose(1, 2).view(hidden_BCHW.shape)

    def weights(self, hidden_BCHW: Tensor, words_BDS: Tensor, allowed_BS: Tensor) -> Tensor:
        """What each place looks at, (B, S, H, W), 1 in sum over the words; parameters as of `forward`."""
        words_BSC, places = self.project(words_BDS.transpose(1, 2)), hidden_BCHW[0, 0].numel()
        blocks = [
            _weights(block_BQC, words_BSC, self._allowed(allowed_BS, places, first, block_BQC.shape[1]))
            for first, block_BQC in self._blocks(hidden_BCHW)
        ]
        return torch.cat(blocks, dim=1).transpose(1, 2).unflatten(2, hidden_BCHW.shape[2:])

    def _blocks(self, hidden_BCHW: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Number of the first place of each block, and the block (B, Q, C)."""
        places_BQC = hidden_BCHW.flatten(2).transpose(1, 2)
        for number, block_BQC in enumerate(places_BQC.split(PLACES_AT_ONCE, dim=1)):
            yield number * PLACES_AT_ONCE, block_BQC.contiguous()

    def _allowed(self, allowed_BS: Tensor, places: int, first: int, count: int) -> Tensor:
        """Which words ``count`` of a map's places may look at, (B, 1 or Q, S)."""
        if self.form == "corrected":
            return allowed_BS[:, None]
        # As published the mask was repeated as if the batch, and not the places, were the inner axis.
        rows, device = len(allowed_BS), allowed_BS.device
        numbers = torch.arange(rows, device=device)[:, None] * places + torch.arange(
            first, first + count, device=device
        )
        return allowed_BS[numbers % rows]


def _weights(places_BQC: Tensor, words_BSC: Tensor, allowed_BQS: Tensor) -> Tensor:
    """Softmax over the words in float32, (B, Q, S)."""
    scores_BQS = (places_BQC @ words_BSC.transpose(1, 2).to(places_BQC.dtype)).float()
    return scores_BQS.masked_fill(~allowed_BQS, -math.inf).softmax(dim=2)


def _context(places_BQC: Tensor, words_BSC: Tensor, allowed_BQS: Tensor) -> Tensor:
    return _weights(places_BQC, words_BSC, allowed_BQS).to(places_BQC.dtype) @ words_BSC.to(places_BQC.dtype)
