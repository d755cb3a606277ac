"""What every pretrained acoustic front-end is: sound in, the hidden states of all its layers out."""

from abc import abstractmethod
from typing import Literal, NamedTuple

from torch import Tensor, nn

from speech2img.models.encoders.base import checked_lengths


class FrontEndStates(NamedTuple):
    """What a front-end makes of a batch of utterances."""

    states_BLTD: Tensor
    """(B, num_layers + 1, T, width): input of the first layer and what each layer gives; any value behind a length."""
    lengths_B: Tensor
    """(B,) int64 on the CPU: valid steps of each row, 1 or more."""


class AcousticFrontEnd(nn.Module):
    """Base of the pretrained front-ends.

    ``forward(sound_BMT, lengths_B)`` takes right-padded log-mels (B, n_mels, T), or waveforms (B, 1, T) where ``takes``
    says so, and the valid frames or samples of each row, and returns `FrontEndStates`. What stands behind a length, and
    what else is in the batch, changes no valid step of a row.
    """

    takes: Literal["mel", "waveform"] = "mel"
    """What goes in."""
    n_mels: int
    """Mel bands of the input; 1 for a waveform."""
    width: int
    """Size of the hidden states."""
    num_layers: int
    """Transformer layers; there is one hidden state more."""
    steps_per_second: float
    """Rate of the hidden states, in Hz."""
    max_frames: int
    """Most frames (or samples) of an utterance."""

    @abstractmethod
    def step_lengths(self, lengths_B: Tensor) -> Tensor:
        """Valid steps of utterances of so many frames or samples."""

    def checked_lengths(self, sound_BMT: Tensor, lengths_B: Tensor) -> Tensor:
        """Lengths as int64 on the CPU.

        Raises
        ------
        ValueError
            If shapes do not fit, or a length is below 1, above T or above ``max_frames``.
        """
        lengths = checked_lengths(sound_BMT, lengths_B, n_mels=self.n_mels)
        if int(lengths.max()) > self.max_frames:
            raise ValueError(f"utterances may have {self.max_frames} frames, got {int(lengths.max())}")
        return lengths
