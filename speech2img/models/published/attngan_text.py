"""AttnGAN's text encoder (Xu et al. 2018, ``text_encoder<n>.pth``) under our names; its vocabulary is another file."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of


def convert_attngan_text_encoder(state: State) -> dict[str, Tensor]:
    """A published text encoder to ``WordLSTM``.

    Raises
    ------
    ValueError
        For a key that it does not have.
    """

    def rename(key: str) -> str | None:
        if key == "encoder.weight":
            return "lookup.weight"
        return key if re.fullmatch(r"rnn\.(weight|bias)_[ih]h_l0(_reverse)?", key) else None

    return converted(state, rename, "AttnGAN's text encoder")


def attngan_text_encoder_settings(state: State, vocabulary: str) -> dict[str, Any]:
    """Arguments of ``WordLSTM`` for an output of `convert_attngan_text_encoder`.

    Parameters
    ----------
    state : Mapping of str to Tensor
        The output.
    vocabulary : str
        The words in the order of their numbers, blanks between them.

    Raises
    ------
    ValueError
        If an array is missing, the recurrent part is no bidirectional LSTM, or the weights have another number of words
        than the vocabulary.
    """
    count, word_dim = shape_of(state, "lookup.weight", 2)
    gates, half = shape_of(state, "rnn.weight_hh_l0", 2)
    if gates != 4 * half or "rnn.weight_hh_l0_reverse" not in state:
        raise ValueError("the recurrent part is no bidirectional LSTM (its gates are not four times its width)")
    words = len(vocabulary.split(" "))
    if count != words:
        raise ValueError(f"has {count:,} words, the vocabulary {words:,}: they must come from the same download")
    return {"vocabulary": vocabulary, "embedding_dim": 2 * half, "word_dim": word_dim}
