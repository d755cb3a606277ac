"""NVIDIA's Tacotron 2 checkpoints under our module's names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of

_PLAIN = {
    "embedding": "embedding",
    "decoder.attention_layer.query_layer.linear_layer": "decoder.attention.query",
    "decoder.attention_layer.memory_layer.linear_layer": "decoder.attention.memory",
    "decoder.attention_layer.v.linear_layer": "decoder.attention.score",
    "decoder.attention_layer.location_layer.location_conv.conv": "decoder.attention.location_conv",
    "decoder.attention_layer.location_layer.location_dense.linear_layer": "decoder.attention.location_dense",
    "decoder.linear_projection.linear_layer": "decoder.to_mel",
    "decoder.gate_layer.linear_layer": "decoder.to_gate",
}


def convert_tacotron2(state: State) -> dict[str, Tensor]:
    """Tacotron 2 of NVIDIA to ``Tacotron2``.

    Raises
    ------
    ValueError
        For a key that the published network does not have.
    """

    # Names.
    def rename(key: str) -> str | None:
        layer, _, part = key.rpartition(".")
        if layer in _PLAIN:
            return f"{_PLAIN[layer]}.{part}"
        if match := re.fullmatch(r"(encoder|postnet)\.convolutions\.(\d+)\.(0\.conv|1)\.(\w+)", key):
            return f"{match[1]}.layers.{match[2]}.{'norm' if match[3] == '1' else 'conv'}.{match[4]}"
        if match := re.fullmatch(r"encoder\.lstm\.(\w+)", key):
            return f"encoder.rnn.{match[1]}"
        if match := re.fullmatch(r"decoder\.prenet\.layers\.([01])\.linear_layer\.weight", key):
            return f"decoder.prenet.layers.{match[1]}.weight"
        if match := re.fullmatch(r"decoder\.attention_rnn\.(\w+)", key):
            return f"decoder.attention_rnn.{match[1]}"
        if match := re.fullmatch(r"decoder\.decoder_rnn\.((?:weight|bias)_[ih]h)", key):
            return f"decoder.decoder_rnn.{match[1]}_l0"
        return None

    return converted(state, rename, "NVIDIA's Tacotron 2")


def tacotron2_settings(state: State) -> dict[str, Any]:
    """Arguments of ``Tacotron2`` for an output of ``convert_tacotron2``: its sizes, and masked as when it speaks alone.

    Raises
    ------
    ValueError
        If an array is missing.
    """
    # Sizes are read off the arrays.
    symbols, encoder_dim = shape_of(state, "embedding.weight", 2)
    prenet_dim, frame_dim = shape_of(state, "decoder.prenet.layers.0.weight", 2)
    postnet_dim, n_mels, _ = shape_of(state, "postnet.layers.0.conv.weight", 3)
    if frame_dim % n_mels:
        raise ValueError(f"a step of {frame_dim} values is no whole number of frames of {n_mels} mel bands")
    attention_dim, filters = shape_of(state, "decoder.attention.location_dense.weight", 2)
    return {
        "num_symbols": symbols,
        "n_mels": n_mels,
        "encoder_dim": encoder_dim,
        "encoder_layers": _layers(state, "encoder"),
        "attention_dim": attention_dim,
        "location_filters": filters,
        "location_kernel": shape_of(state, "decoder.attention.location_conv.weight", 3)[2],
        "prenet_dim": prenet_dim,
        "attention_rnn_dim": shape_of(state, "decoder.attention_rnn.weight_hh", 2)[1],
        "decoder_rnn_dim": shape_of(state, "decoder.decoder_rnn.weight_hh_l0", 2)[1],
        "frames_per_step": frame_dim // n_mels,
        "postnet_dim": postnet_dim,
        "postnet_layers": _layers(state, "postnet"),
        "masked": True,
    }


def _layers(state: State, part: str) -> int:
    return sum(re.fullmatch(rf"{part}\.layers\.\d+\.conv\.weight", key) is not None for key in state)
