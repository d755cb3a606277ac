"""What a network that writes characters gives, and what decoding asks of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speech2img.models.recognisers.characters import CharacterTable
from speech2img.models.recognisers.layers import DecoderCache


@dataclass(frozen=True)
class EncodedUtterances:
    """Recordings as the encoder leaves them."""

    steps_BSD: Tensor
    """Steps of the encoder."""
    lengths_B: Tensor
    """int64, valid steps of each row."""
    masked: bool
    """Whether what lies behind them may not be attended to; published forms take it for speech."""

    def allowed_B11S(self) -> Tensor | None:
        """Mask for attention; None where all may be attended to."""
        if not self.masked:
            return None
        places = torch.arange(self.steps_BSD.shape[1], device=self.steps_BSD.device)
        return (places < self.lengths_B.to(places.device, non_blocking=True)[:, None])[:, None, None]


@dataclass
class DecodingState:
    """How far texts are written."""

    caches: list[DecoderCache]
    """One of each decoder layer."""
    allowed_B11S: Tensor | None
    """As from `EncodedUtterances.allowed_B11S`."""
    position: int = 0
    """Characters that were read."""

    def choose(self, rows_R: Tensor) -> "DecodingState":
        """State of these rows, in this order; a row may be taken several times."""
        allowed = None if self.allowed_B11S is None else self.allowed_B11S[rows_R]
        return DecodingState([cache.choose(rows_R) for cache in self.caches], allowed, self.position)


class CharacterRecogniser(nn.Module, ABC):
    """Log-mels (or samples) in, characters out, one after the other.

    Attributes
    ----------
    table : CharacterTable
        Numbers of its characters.
    n_mels : int
        Bands that it takes.
    max_characters : int
        Longest text, start and end included.
    max_frames : int
        Longest recording, in frames of its front-end.
    """

    table: CharacterTable
    n_mels: int
    max_characters: int
    max_frames: int

    @abstractmethod
    def encode(self, mel_BMT: Tensor, lengths_B: Tensor) -> EncodedUtterances:
        """Hear.

        Parameters
        ----------
        mel_BMT : Tensor [shape=(B, n_mels, T)]
            Padded log-mels, or samples (``n_mels`` 1).
        lengths_B : Tensor [shape=(B,), int64]
            Valid frames.
        """

    @abstractmethod
    def begin(self, encoded: EncodedUtterances) -> DecodingState:
        """State before the first character."""

    @abstractmethod
    def read(self, numbers_BN: Tensor, state: DecodingState) -> Tensor:
        """Read characters and say what may follow each; the state goes on with them.

        Parameters
        ----------
        numbers_BN : Tensor [shape=(B, N), int64]
            The whole beginning where the state is fresh, else the next character.
        state : DecodingState
            Changed in place.

        Returns
        -------
        Tensor [shape=(B, N, V)]
            Logits of the characters that follow.
        """

    def ctc_log_probabilities(self, encoded: EncodedUtterances) -> Tensor | None:
        """What a second head on the encoder says of each step, (B, S, V), padding as the blank; None without one."""
        return None
