"""Char-CNN-RNN (Reed et al. 2016) as the PyTorch port of its Torch weights names it, under our names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of

_LAYERS = {
    "i2h": "input",
    "h2h": "state",
    "i2h_update": "input_update",
    "h2h_update": "state_update",
    "i2h_reset": "input_reset",
    "h2h_reset": "state_reset",
}


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
        if (match := re.fullmatch(r"rnn\.(\w+)\.(weight|bias)", key)) and match[1] in _LAYERS:
            return f"recurrent.{_LAYERS[match[1]]}.{match[2]}"
        if match := re.fullmatch(r"emb_proj\.(weight|bias)", key):
            return f"project.{match[1]}"
        return None

    return converted(state, rename, "a char-CNN-RNN")


def char_cnn_rnn_settings(state: State) -> dict[str, Any]:
    """Arguments of ``CharCnnRnn`` for an output of `convert_char_cnn_rnn`; ValueError if an array is missing."""
    embedding_dim, width = shape_of(state, "project.weight", 2)
    recurrence = "gru" if "recurrent.input_update.weight" in state else "relu"
    return {"recurrence": recurrence, "width": width, "embedding_dim": embedding_dim}
