"""What every speech encoder is: padded log-mels in, one vector an utterance and one a time step out."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class SpeechEncoding(NamedTuple):
    """What the encoder makes of a batch of utterances."""

    sentence: Tensor
    """(B, D): one vector an utterance; the network says whether it has unit length."""
    words: Tensor
    """(B, D, S): one vector a time step, zero behind ``word_lengths``."""
    word_lengths: Tensor
    """(B,) int64 on the CPU: valid steps, 1 or more; 0 where only the sentence is known."""

    @classmethod
    def of_sentences(cls, sentence_BD: Tensor) -> "SpeechEncoding":
        """Sentences without their time steps: S is 0."""
        words = sentence_BD.new_zeros(*sentence_BD.shape, 0)
        return cls(sentence_BD, words, torch.zeros(len(sentence_BD), dtype=torch.int64))


class SpeechEncoder(nn.Module):
    """Base of the speech encoders.

    ``forward(mel_BMT, lengths_B)`` takes log-mels (B, n_mels, T), right-padded, and the valid frames of each row, and
    returns a `SpeechEncoding`.
    """

    n_mels: int
    """Mel bands of the input."""
    embedding_dim: int
    """Size of the embedding."""

    def checked_lengths(self, mel_BMT: Tensor, lengths_B: Tensor) -> Tensor:
        """Lengths as int64 on the CPU.

        Raises
        ------
        ValueError
            If shapes do not fit or a length is below 1 or above T.
        """
        return checked_lengths(mel_BMT, lengths_B, n_mels=self.n_mels)


def checked_lengths(mel_BMT: Tensor, lengths_B: Tensor, *, n_mels: int) -> Tensor:
    """Lengths of a padded batch as int64 on the CPU.

    Parameters
    ----------
    mel_BMT : Tensor [shape=(B, n_mels, T)]
        Right-padded log-mels.
    lengths_B : Tensor [shape=(B,), integer]
        Valid frames of each row.
    n_mels : int
        Bands that there must be.

    Raises
    ------
    ValueError
        If shapes do not fit or a length is below 1 or above T.
    """
    if mel_BMT.dim() != 3 or mel_BMT.shape[1] != n_mels or 0 in mel_BMT.shape:
        raise ValueError(f"expected mel of shape (B, {n_mels}, T), got {tuple(mel_BMT.shape)}")
    lengths = lengths_B.to("cpu", torch.int64)
    if lengths.shape != mel_BMT.shape[:1]:
        raise ValueError(f"expected {mel_BMT.shape[0]} lengths, got shape {tuple(lengths.shape)}")
    if int(lengths.min()) < 1 or int(lengths.max()) > mel_BMT.shape[-1]:
        raise ValueError(f"lengths must be 1..{mel_BMT.shape[-1]}, got {int(lengths.min())}..{int(lengths.max())}")
    return lengths


def run_packed(rnn: nn.LSTM | nn.GRU, features_BCS: Tensor, word_lengths: Tensor) -> Tensor:
    """Run a recurrent network over the valid steps only.

    In float32: on the CPU the packed bfloat16 networks are slower and coarser than the float32 ones.

    Parameters
    ----------
    rnn : nn.LSTM or nn.GRU
        With ``batch_first``.
    features_BCS : Tensor [shape=(B, C, S)]
        Input steps.
    word_lengths : Tensor [shape=(B,), int64, CPU]
        Valid steps, 1..S.

    Returns
    -------
    Tensor [shape=(B, S, D), float32]
        Zero behind each length.
    """
    with torch.autocast(features_BCS.device.type, enabled=False):
        sorted_lengths, order = torch.sort(word_lengths, descending=True)
        places = torch.argsort(order)
        # torch can sort by itself, but then the host waits until the device has computed all that it was given.
        order, places = (index.to(features_BCS.device, non_blocking=True) for index in (order, places))
        steps_BSC = features_BCS.transpose(1, 2).float().index_select(0, order)
        output, _ = rnn(pack_padded_sequence(steps_BSC, sorted_lengths, batch_first=True))
        words_BSD, _ = pad_packed_sequence(output, batch_first=True, total_length=features_BCS.shape[-1])
    return words_BSD.index_select(0, places)
