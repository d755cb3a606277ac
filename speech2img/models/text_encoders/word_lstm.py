"""Text encoder of AttnGAN (Xu et al. 2018, arXiv:1711.10485): a bidirectional LSTM over the words of a caption."""

import re

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding, run_packed
from speech2img.models.text_encoders.base import TextEncoder

END = "<end>"
"""First word of every vocabulary: its number, 0, is the padding."""


class WordLSTM(TextEncoder):
    """Text encoder over words.

    Parameters
    ----------
    vocabulary : str
        The words in the order of their numbers, blanks between them; the first is ``<end>``.
    embedding_dim : int, even
        Size of the sentence vector and of the vector of a word, which have no unit length; half of it is of the
        forward network, half of the backward one.
    word_dim : int
        Size of what is looked up for a word.
    dropout : float, 0..1
        Of what is looked up, in training.

    Raises
    ------
    ValueError
        If a word stands twice in the vocabulary, the first is another, or ``embedding_dim`` is odd.
    """

    has_words = True

    def __init__(self, *, vocabulary: str, embedding_dim: int = 256, word_dim: int = 300, dropout: float = 0.5) -> None:
        super().__init__()
        self.words = vocabulary.split(" ")
        self.numbers = {word: number for number, word in enumerate(self.words)}
        if self.words[0] != END or len(self.numbers) != len(self.words):
            raise ValueError(f"the vocabulary must begin with {END} and have no word twice")
        if embedding_dim % 2:
            raise ValueError(f"embedding_dim must be even, got {embedding_dim}")
        self.embedding_dim = embedding_dim
        self.lookup = nn.Embedding(len(self.words), word_dim)
        self.dropout = nn.Dropout(dropout)
        self.rnn = nn.LSTM(word_dim, embedding_dim // 2, batch_first=True, bidirectional=True)
        nn.init.uniform_(self.lookup.weight, -0.1, 0.1)

    def tokens(self, text: str) -> list[int]:
        """Numbers of the known words of a text, in their order; unknown ones are passed over.

        Raises
        ------
        ValueError
            If no word is known.
        """
        numbers = [self.numbers[word] for word in split_words(text) if word in self.numbers]
        if not numbers:
            raise ValueError(f"{text[:60]!r} has no word of the text encoder's vocabulary of {len(self.words):,}")
        return numbers

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode captions.

        Parameters
        ----------
        tokens_BT : Tensor [shape=(B, T), int64]
            Numbers of words, padded with 0.
        lengths_B : Tensor [shape=(B,), int64]
            Words of each, 1..T.

        Returns
        -------
        SpeechEncoding
            Sentences: the last states of both directions, one behind the other.
        """
        lengths = lengths_B.to("cpu", torch.int64)
        looked_up_BTE = self.dropout(self.lookup(tokens_BT))
        words_BTD = run_packed(self.rnn, looked_up_BTE.transpose(1, 2), lengths)
        # The forward network ends at the last word, the backward one at the first.
        half = self.embedding_dim // 2
        rows = torch.arange(len(lengths), device=words_BTD.device)
        last_BD = words_BTD[rows, (lengths - 1).to(words_BTD.device, non_blocking=True), :half]
        sentence_BD = torch.cat([last_BD, words_BTD[:, 0, half:]], dim=1)
        return SpeechEncoding(sentence_BD, words_BTD.transpose(1, 2), lengths)


def split_words(text: str) -> list[str]:
    r"""Words of a caption as AttnGAN takes them: ``\w+`` of the small letters, without what is not ASCII.

    Two replacement characters, which damaged captions of CUB have, are a blank.
    """
    tokens = re.findall(r"\w+", text.replace("\ufffd\ufffd", " ").lower())
    return [word for token in tokens if (word := token.encode("ascii", "ignore").decode())]


def build_vocabulary(texts: list[str]) -> str:
    """A vocabulary of all words of captions, sorted, as `WordLSTM` takes it.

    That of published weights cannot be made so: its numbers follow no order, and it comes in their ``captions.pickle``.
    """
    return " ".join([END, *sorted({word for text in texts for word in split_words(text)})])
