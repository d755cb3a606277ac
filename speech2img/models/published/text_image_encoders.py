"""Published encoders of text and of images under our names: char-CNN-RNN (Reed et al. 2016) as the PyTorch port of its
Torch weights names it, and what AttnGAN's DAMSM compares (Xu et al. 2018).
"""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.inception import convert_torchvision_inception
from speech2img.models.published.state_dicts import State, converted, shape_of

_LAYERS = {
    "emb_features.weight": "project_regions.weight",
    "emb_cnn_code.weight": "project_image.weight",
    "emb_cnn_code.bias": "project_image.bias",
}
_RECURRENCE = {
    "i2h": "input",
    "h2h": "state",
    "i2h_update": "input_update",
    "h2h_update": "state_update",
    "i2h_reset": "input_reset",
    "h2h_reset": "state_reset",
}


def convert_attngan_text_encoder(state: State) -> dict[str, Tensor]:
    """A published text encoder (``text_encoder<n>.pth``) to ``WordLSTM``; its vocabulary is another file.

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


def convert_attngan_image_encoder(state: State) -> dict[str, Tensor]:
    """A published image encoder (``image_encoder<n>.pth``) to ``DAMSMImageEncoder``.

    Its Inception is not torchvision's own any more: the statistics of the frozen network moved in its training, and are
    taken as they are.

    Raises
    ------
    ValueError
        For a key that it does not have, a convolution without its norm, or if one of the two layers is missing.
    """
    if missing := [key for key in _LAYERS if key not in state]:
        raise ValueError(f"{missing[0]} is missing")
    layers = {ours: state[theirs] for theirs, ours in _LAYERS.items()}
    trunk = convert_torchvision_inception({key: value for key, value in state.items() if key not in _LAYERS})
    return {**{f"trunk.{name}": value for name, value in trunk.items()}, **layers}


def attngan_image_encoder_settings(state: State) -> dict[str, Any]:
    """Arguments of ``DAMSMImageEncoder`` for an output of `convert_attngan_image_encoder`; ValueError for none."""
    embedding_dim = shape_of(state, "project_regions.weight", 4)[0]
    return {"trunk": "inception", "embedding_dim": embedding_dim, "align_corners": True}


def convert_char_cnn_rnn(state: State) -> dict[str, Tensor]:
    """A published text encoder to ``CharCnnRnn``.

    Raises
    ------
    ValueError
        For a key that it does not have.
    """

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"conv([1-3])\.(weight|bias)", key):
            return f"convs.{int(match[1]) - 1}.{match[2]}"
        if (match := re.fullmatch(r"rnn\.(\w+)\.(weight|bias)", key)) and match[1] in _RECURRENCE:
            return f"recurrent.{_RECURRENCE[match[1]]}.{match[2]}"
        if match := re.fullmatch(r"emb_proj\.(weight|bias)", key):
            return f"project.{match[1]}"
        return None

    return converted(state, rename, "a char-CNN-RNN")


def char_cnn_rnn_settings(state: State) -> dict[str, Any]:
    """Arguments of ``CharCnnRnn`` for an output of `convert_char_cnn_rnn`; ValueError if an array is missing."""
    embedding_dim, width = shape_of(state, "project.weight", 2)
    recurrence = "gru" if "recurrent.input_update.weight" in state else "relu"
    return {"recurrence": recurrence, "width": width, "embedding_dim": embedding_dim}
