"""The speech encoder of Li et al. (2020, arXiv:2004.03413) under the names of ``Li2020Encoder``."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of

LI2020_LAYERS = {1: 0, 2: 1, 4: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7}
LI2020_FRAMES = 2048


def convert_li2020_encoder(state: State) -> dict[str, Tensor]:
    """Speech encoder of Li et al. 2020 (``CNNRNN``) to ``Li2020Encoder``.

    Two-dimensional kernels lose the axis of length one, the first the mel axis becomes the input channels.

    Raises
    ------
    ValueError
        For a key or shape that the published encoder does not have.
    """

    # Names.
    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"Conv\.0\.(\w+)", key):
            return f"input_norm.{match[1]}"
        if match := re.fullmatch(r"Conv\.(\d+)\.([01])\.(\w+)", key):
            layer = LI2020_LAYERS.get(int(match[1]))
            return None if layer is None else f"layers.{layer}.{('conv', 'norm')[int(match[2])]}.{match[3]}"
        if match := re.fullmatch(r"RNN\.((?:weight|bias)_[ih]h_l\d+(?:_reverse)?)", key):
            return f"rnn.{match[1]}"
        return None

    renamed = converted(state, rename, "the speech encoder of Li et al.")
    # Two-dimensional kernels of height 1 become one-dimensional.
    for key, value in renamed.items():
        if key.endswith("conv.weight"):
            axis = 1 if key.startswith("layers.0.") else 2
            if value.dim() != 4 or value.shape[axis] != 1:
                raise ValueError(f"{key} has shape {tuple(value.shape)}, not a one-dimensional kernel")
            renamed[key] = value.squeeze(axis)
    return renamed


def li2020_encoder_settings(state: State) -> dict[str, Any]:
    """Arguments of ``Li2020Encoder`` for a published state: its sizes, and the published behaviour.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Output of ``convert_li2020_encoder``.

    Raises
    ------
    ValueError
        If an array is missing or the recurrent part is no LSTM.
    """
    # Sizes are read off the arrays; what the file does not say is as published.
    hidden = shape_of(state, "rnn.weight_hh_l0", 2)
    if hidden[0] != 4 * hidden[1]:
        raise ValueError("the recurrent part is no LSTM (its gates are not four times its width)")
    bidirectional = "rnn.weight_hh_l0_reverse" in state
    return {
        "n_mels": shape_of(state, "layers.0.conv.weight", 3)[1],
        "channels": tuple(shape_of(state, f"layers.{i}.conv.weight", 3)[0] for i in range(len(LI2020_LAYERS))),
        "rnn_layers": sum(re.fullmatch(r"rnn\.weight_hh_l\d+", key) is not None for key in state),
        "bidirectional": bidirectional,
        "embedding_dim": hidden[1] * (2 if bidirectional else 1),
        "pooling": "padded_mean",
        "masked": False,
        "padded_frames": LI2020_FRAMES,
        "pad_value": 0.0,
    }
