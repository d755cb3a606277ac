"""Char-CNN-RNN (Reed et al. 2016, arXiv:1605.05395): the text encoder behind the embeddings of StackGAN.

Letters as 70 channels, three convolutions over time, a recurrent network of Reed's own form, the mean over its steps.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.text_encoders.base import TextEncoder

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "
"""Letters in the order of their channels; the minus stands there twice, and the second place is the one that counts."""
MAX_LETTERS = 201
"""Letters that are read of a caption; the rest is cut."""
_NUMBERS = {letter: number for number, letter in enumerate(ALPHABET, start=1)}
_THRESHOLD = 1e-6
_CHANNELS = (384, 512)


class CharCnnRnn(TextEncoder):
    """Text encoder over letters.

    Parameters
    ----------
    recurrence : {"gru", "relu"}
        ``gru``: a gated network over 18 steps (ICML, birds); ``relu``: a plain one with a rectifier over 8 (ICML,
        flowers, and both of CVPR).
    width : int
        Channels behind the last convolution, and size of the recurrent state.
    embedding_dim : int
        Size of the sentence vector, which has no unit length.
    """

    has_words = False

    def __init__(
        self, *, recurrence: Literal["gru", "relu"] = "gru", width: int = 512, embedding_dim: int = 1024
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        first, second = _CHANNELS
        self.convs = nn.ModuleList(
            nn.Conv1d(before, after, 4) for before, after in ((len(ALPHABET), first), (first, second), (second, width))
        )
        self.is_gated = recurrence == "gru"
        self.recurrent = GatedRecurrence(width) if self.is_gated else RectifiedRecurrence(width)
        self.project = nn.Linear(width, embedding_dim)

    def tokens(self, text: str) -> list[int]:
        """Numbers of the letters, 0 for what is not in the alphabet; capitals are read as small, white space as blank.

        Raises
        ------
        ValueError
            If no letter but blanks is known.
        """
        letters = " ".join(text.lower().split())[:MAX_LETTERS]
        numbers = [_NUMBERS.get(letter, 0) for letter in letters]
        if not set(numbers) - {0, _NUMBERS[" "]}:
            raise ValueError(f"{text[:60]!r} has no letter that the text encoder knows")
        return numbers

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode captions.

        Parameters
        ----------
        tokens_BT : Tensor [shape=(B, T), int64]
            Numbers of letters, 0 where there is none.
        lengths_B : Tensor
            Not looked at: what lies behind a caption is 0, and the network was trained to see it.

        Returns
        -------
        SpeechEncoding
            Sentences (B, embedding_dim), without words.
        """
        # One channel a letter, and always the same number of places.
        tokens_BT = F.pad(tokens_BT[:, :MAX_LETTERS], (0, max(0, MAX_LETTERS - tokens_BT.shape[1])))
        letters_BTC = F.one_hot(tokens_BT, len(ALPHABET) + 1)[:, :, 1:]
        x = letters_BTC.transpose(1, 2).to(self.project.weight.dtype)
        # Convolutions; the gated network has no pooling behind the third.
        for number, conv in enumerate(self.convs):
            x = F.threshold(conv(x), _THRESHOLD, 0.0)
            if number < 2 or not self.is_gated:
                x = F.max_pool1d(x, 3, stride=3 if number < 2 else 2)
        # The mean over the steps of the recurrent network.
        states_SBD = self.recurrent(x.permute(2, 0, 1))
        return SpeechEncoding.of_sentences(self.project(states_SBD.mean(dim=0)))


class RectifiedRecurrence(nn.Module):
    """``h_t = relu(W x_t + b + U h_(t-1) + c)``, where the first step has no state before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, width)
        self.state = nn.Linear(width, width)

    def forward(self, x_SBD: Tensor) -> Tensor:
        """States of all steps, (S, B, D)."""
        inputs_SBD = self.input(x_SBD)
        states = [F.relu(inputs_SBD[0])]
        for step in inputs_SBD[1:]:
            states.append(F.relu(step + self.state(states[-1])))
        return torch.stack(states)


class GatedRecurrence(nn.Module):
    """Reed's gated recurrent unit: the reset gate stands before the product with the state; the first step has none."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input, self.state = nn.Linear(width, width), nn.Linear(width, width)
        self.input_update, self.state_update = nn.Linear(width, width), nn.Linear(width, width)
        self.input_reset, self.state_reset = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x_SBD: Tensor) -> Tensor:
        """States of all steps, (S, B, D)."""
        inputs = self.input(x_SBD), self.input_update(x_SBD), self.input_reset(x_SBD)
        states = [torch.tanh(inputs[0][0])]
        for step, update, reset in zip(*(part[1:] for part in inputs), strict=True):
            before = states[-1]
            update = torch.sigmoid(update + self.state_update(before))
            reset = torch.sigmoid(reset + self.state_reset(before))
            new = torch.tanh(step + self.state(reset * before))
            states.append(update * new + (1 - update) * before)
        return torch.stack(states)
