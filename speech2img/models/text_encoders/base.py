"""What every text encoder is: captions in, one vector a caption and perhaps one a word out."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding


class TextEncoder(nn.Module):
    """Base of the text encoders.

    ``forward(tokens_BT, lengths_B)`` takes the numbers that `tokens` gives, padded with 0, and how many each row has.
    It returns a `SpeechEncoding`, as a speech encoder does: a generator takes either.
    """

    embedding_dim: int
    """Size of the sentence vector, and of the vector of a word."""
    has_words: bool
    """Whether it gives a vector a word; without them ``word_lengths`` are 0."""

    @abstractmethod
    def tokens(self, text: str) -> list[int]:
        """Numbers of what the network knows of a text: of its words or letters, from 1.

        Raises
        ------
        ValueError
            If it knows none of it.
        """

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Captions as ``forward`` takes them.

        Parameters
        ----------
        texts : sequence of str
            B captions, one at least.

        Returns
        -------
        tokens_BT : Tensor [shape=(B, T), int64]
            Padded with 0 to the longest.
        lengths_B : Tensor [shape=(B,), int64]
            Both on the CPU.

        Raises
        ------
        ValueError
            If the network knows nothing of one of them.
        """
        rows = [torch.tensor(self.tokens(text), dtype=torch.int64) for text in texts]
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        return nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths

    def encode(self, texts: Sequence[str]) -> SpeechEncoding:
        """Encode captions; parameters and errors as of `batch`. Vectors are where the weights are."""
        tokens_BT, lengths_B = self.batch(texts)
        encoding: SpeechEncoding = self(tokens_BT.to(next(self.parameters()).device), lengths_B)
        return encoding
