"""Keras's example ``transformer_asr`` as its ``.weights.h5`` names it, under our names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, shape_of

_PASSED_OVER = re.compile(r"(optimizer|loss_metric)/.+|.+/seed_generator/vars/0|.+/seed_generator/seed_generator_state")
"""What Keras keeps beside weights: the optimizer, the mean of the losses, the random states of dropout."""
_ATTENTION = {"query_dense": "query", "key_dense": "key", "value_dense": "value", "output_dense": "out"}
_FEED_FORWARD = {"dense": "enter", "dense_1": "leave"}
_ENCODER_PARTS = {
    "att": "attention",
    "ffn": "feed_forward",
    "layernorm1": "attention_norm",
    "layernorm2": "feed_forward_norm",
}
_DECODER_PARTS = {
    "self_att": "self_attention",
    "enc_att": "speech_attention",
    "ffn": "feed_forward",
    "layernorm1": "self_norm",
    "layernorm2": "speech_norm",
    "layernorm3": "feed_forward_norm",
}
_WHOLE = {"dec_input/emb": "characters", "dec_input/pos_emb": "positions", "classifier": "classifier"}


def convert_asr_transformer(state: State) -> dict[str, Tensor]:
    """A published recogniser to ``SpeechTransformer`` of the published form.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Paths of the arrays in the file, as ``encoder/layers/transformer_encoder/att/query_dense/vars/0``.

    Raises
    ------
    ValueError
        For an array that it does not have.
    """
    # Every array must be known, but for what Keras keeps of a training.
    converted: dict[str, Tensor] = {}
    for name, value in state.items():
        if _PASSED_OVER.fullmatch(name):
            continue
        layer, _, number = name.rpartition("/vars/")
        module = _module(layer)
        if module is None or number not in ("0", "1"):
            raise ValueError(f"{name[:100]!r} is no array of Keras's transformer_asr")
        parameter = "weight" if number == "0" else "bias"
        try:
            converted[f"{module}.{parameter}"] = _turned(module, parameter, value.detach().float()).contiguous()
        except (IndexError, RuntimeError):
            raise ValueError(f"{name[:100]!r} has the shape {tuple(value.shape)}") from None
    return converted


def asr_transformer_settings(state: State) -> dict[str, Any]:
    """Arguments of ``SpeechTransformer`` for an output of `convert_asr_transformer`; ValueError for none.

    The number of heads is not in the weights: it is the published 2.
    """
    # Sizes by the arrays' shapes.
    _, width = shape_of(state, "characters.weight", 2)
    inner, _ = shape_of(state, "encoder.0.attention.query.weight", 2)
    feed_forward, _ = shape_of(state, "encoder.0.feed_forward.enter.weight", 2)
    max_characters, _ = shape_of(state, "positions.weight", 2)
    *_, kernel = shape_of(state, "speech.convs.0.weight", 3)
    if inner % 2:
        raise ValueError(f"its attention is {inner} wide, which two heads do not divide")
    return {
        "n_mels": 1,
        "form": "published",
        "width": width,
        "num_heads": 2,
        "head_width": inner // 2,
        "feed_forward": feed_forward,
        "encoder_layers": _count(state, r"encoder\.(\d+)\."),
        "decoder_layers": _count(state, r"decoder\.(\d+)\."),
        "strides": [2] * _count(state, r"speech\.convs\.(\d+)\."),
        "kernel": kernel,
        "max_characters": max_characters,
    }


def _module(layer: str) -> str | None:
    """Our name of a layer; None for what is no layer of this network."""
    if match := re.fullmatch(r"enc_input/conv([1-9])", layer):
        return f"speech.convs.{int(match[1]) - 1}"
    if layer in _WHOLE:
        return _WHOLE[layer]
    if match := re.fullmatch(r"encoder/layers/transformer_encoder(?:_([1-9]\d?))?/(.+)", layer):
        return _part(f"encoder.{match[1] or 0}", match[2], _ENCODER_PARTS)
    if match := re.fullmatch(r"dec_layer_(\d{1,2})/(.+)", layer):
        return _part(f"decoder.{match[1]}", match[2], _DECODER_PARTS)
    return None


def _part(layer: str, path: str, parts: dict[str, str]) -> str | None:
    """Our name of a part of an encoder or decoder layer."""
    # Attention and feed-forward have parts of their own; norms have none.
    first, *rest = path.split("/")
    if first not in parts:
        return None
    name = f"{layer}.{parts[first]}"
    if first.endswith("att"):
        return f"{name}.{_ATTENTION[rest[0]]}" if len(rest) == 1 and rest[0] in _ATTENTION else None
    if first == "ffn":
        inside = rest[1] if len(rest) == 2 and rest[0] == "layers" else ""
        return f"{name}.{_FEED_FORWARD[inside]}" if inside in _FEED_FORWARD else None
    return None if rest else name


def _turned(module: str, parameter: str, value: Tensor) -> Tensor:
    """An array as PyTorch lays it out: Keras's kernels have the input first, heads as an axis of their own."""
    # By the last part of the name: what a layer does decides how its kernel lies.
    kind = module.rsplit(".", 1)[-1]
    if parameter == "bias":
        return value.flatten() if kind in ("query", "key", "value") else value
    if module.startswith("speech.convs."):
        return value.permute(2, 1, 0)
    if kind in ("query", "key", "value"):
        return value.flatten(1).T
    if kind == "out":
        return value.flatten(0, 1).T
    return value.T if kind in ("enter", "leave", "classifier") else value


def _count(state: State, pattern: str) -> int:
    """How many layers of a kind there are: numbered from 0 without a gap."""
    numbers = {int(match[1]) for name in state if (match := re.match(pattern, name))}
    if not numbers or numbers != set(range(len(numbers))):
        raise ValueError(f"its layers are numbered {sorted(numbers)[:20]}")
    return len(numbers)
