"""The state of S2IGAN's published speech encoder (``best_audio_model.pth``) under our module's names."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import converted, shape_of

State = Mapping[str, Tensor]


def convert_s2igan_sen(state: State) -> dict[str, Tensor]:
    """Speech encoder "CRNN" of S2IGAN to ``S2IGANEncoder``.

    Raises
    ------
    ValueError
        For a key that the published encoder does not have.
    """

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"Conv([12])\.(weight|bias)", key):
            return f"convs.{int(match[1]) - 1}.{match[2]}"
        if match := re.fullmatch(r"bnorm([12])\.(\w+)", key):
            return f"norms.{int(match[1]) - 1}.{match[2]}"
        if match := re.fullmatch(r"rnn\.((?:weight|bias)_[ih]h_l\d+(?:_reverse)?)", key):
            return f"rnn.{match[1]}"
        if match := re.fullmatch(r"att\.att_heads\.0\.(hidden|out)\.(weight|bias)", key):
            return f"attention.{match[1]}.{match[2]}"
        return None

    return converted(state, rename, "the speech encoder of S2IGAN (CRNN, one attention head)")


def s2igan_sen_settings(state: State) -> dict[str, Any]:
    """Arguments of ``S2IGANEncoder`` for an output of ``convert_s2igan_sen``.

    ``masked`` is True: the published embeddings are computed one utterance at a time, without padding, and so is every
    utterance here, whatever it shares a batch with.

    Raises
    ------
    ValueError
        If an array is missing, or the recurrent part is no bidirectional GRU.
    """
    gates, hidden = shape_of(state, "rnn.weight_hh_l0", 2)
    if gates != 3 * hidden or "rnn.weight_hh_l0_reverse" not in state:
        raise ValueError("the recurrent part is no bidirectional GRU (its gates are not three times its width)")
    return {
        "n_mels": shape_of(state, "convs.0.weight", 3)[1],
        "channels": [shape_of(state, f"convs.{i}.weight", 3)[0] for i in range(2)],
        "rnn_layers": sum(re.fullmatch(r"rnn\.weight_hh_l\d+", key) is not None for key in state),
        "embedding_dim": 2 * hidden,
        "attention_dim": shape_of(state, "attention.hidden.weight", 2)[0],
        "masked": True,
    }
