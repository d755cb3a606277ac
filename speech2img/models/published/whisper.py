"""Whisper's encoder (Radford et al. 2022) as OpenAI, Hugging Face and CTranslate2 name it, under our names."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from speech2img.models.layers.transformer import HEAD_WIDTH
from speech2img.models.published.state_dicts import MIT, State, shape_of

SIZES: Mapping[str, tuple[int, int]] = {
    "tiny": (384, 4),
    "base": (512, 6),
    "small": (768, 12),
    "medium": (1024, 24),
    "large": (1280, 32),
}
"""Name of a published size -> width and layers of its encoder."""
ENGLISH_WORDS = 51_864
"""Tokens of the models for English alone (``tiny.en``); the others have one more, or two."""
CTRANSLATE2_SPEC, CTRANSLATE2_PART = "WhisperSpec", "encoder/"

NOTICE = f"""\
OpenAI trained these weights on recordings with transcripts. What learns on top of them here uses no text.

Whisper: Copyright (c) 2022 OpenAI. {MIT}"""
"""What must stand wherever the weights do."""

_ATTENTION = {"query": "query", "key": "key", "value": "value", "out": "out"}
_OPENAI = {
    **{f"attn.{theirs}": f"attention.{ours}" for theirs, ours in _ATTENTION.items()},
    "attn_ln": "attention_norm",
    "mlp_ln": "mlp_norm",
    "mlp.0": "mlp_in",
    "mlp.2": "mlp_out",
}
_HUGGING_FACE = {
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.out_proj": "attention.out",
    "self_attn_layer_norm": "attention_norm",
    "final_layer_norm": "mlp_norm",
    "fc1": "mlp_in",
    "fc2": "mlp_out",
}
_CTRANSLATE2 = {
    "self_attention/layer_norm": "attention_norm",
    "self_attention/linear_0": "attention.qkv",
    "self_attention/linear_1": "attention.out",
    "ffn/layer_norm": "mlp_norm",
    "ffn/linear_0": "mlp_in",
    "ffn/linear_1": "mlp_out",
}
_WHOLE = {
    "positional_embedding": "positions",
    "embed_positions.weight": "positions",
    "position_encodings/encodings": "positions",
    "ln_post": "norm",
    "layer_norm": "norm",
}
_LAYERS = {"blocks.": _OPENAI, "layers.": _HUGGING_FACE, "layer_": _CTRANSLATE2}
_PARAMETERS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
_OTHER = re.compile(r"(model\.)?(decoder[./]|proj_out\.|alignment_heads$)")
_VOCABULARY = ("decoder.token_embedding.weight", "decoder.embed_tokens.weight", "decoder/embeddings/weight")


def convert_whisper_encoder(state: State) -> dict[str, Tensor]:
    """A published Whisper, whole or its encoder alone, to ``WhisperEncoder``; types of numbers stay as they are.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Names of OpenAI (``model_state_dict``), Hugging Face or CTranslate2.

    Raises
    ------
    ValueError
        If it holds no encoder, the decoder alone, or an array that Whisper does not have.
    """
    own = {name: value for name, value in state.items() if not _OTHER.match(name)}
    if not any(name.endswith(("conv1.weight", "conv1/weight")) for name in own):
        alone = len(own) < len(state)
        raise ValueError("holds the decoder alone, and no encoder" if alone else "holds no encoder of Whisper")
    parts: dict[str, Tensor] = {}
    for name, value in own.items():
        bare = re.sub(r"^(model\.)?(encoder[./])?", "", name)
        if bare == "num_heads":
            _demand_heads(own, int(value))
        else:
            parts[_renamed(bare, name)] = value.detach()
    return _fused(parts)


def whisper_encoder_settings(state: State) -> dict[str, Any]:
    """Arguments of ``WhisperEncoder`` for an output of ``convert_whisper_encoder``.

    Raises
    ------
    ValueError
        If an array is missing.
    """
    width, n_mels, _ = shape_of(state, "conv1.weight", 3)
    layers = sum(re.fullmatch(r"layers\.\d+\.mlp_in\.weight", name) is not None for name in state)
    if not layers:
        raise ValueError("its encoder has no layers")
    if width % HEAD_WIDTH:
        raise ValueError(f"its encoder is {width} wide, no multiple of {HEAD_WIDTH} as in all sizes of Whisper")
    positions, _ = shape_of(state, "positions", 2)
    return {"n_mels": n_mels, "width": width, "num_layers": layers, "max_positions": positions}


def whisper_size(settings: Mapping[str, Any]) -> str:
    """Name of the size with such settings, as `whisper_encoder_settings` gives them; its measures where it has none."""
    measures = settings["width"], settings["num_layers"]
    names = [name for name, size in SIZES.items() if size == measures]
    return names[0] if names else f"{measures[0]}x{measures[1]}"


def demand_size(state: State, size: str) -> None:
    """Check that a published state is of the size that was asked for.

    Parameters
    ----------
    state : Mapping of str to Tensor
        As `convert_whisper_encoder` takes.
    size : str
        A key of `SIZES`, with ``.en`` behind it for the model of English alone.

    Raises
    ------
    ValueError
        If it is of another size; or if it has a decoder, and that is of other languages.
    """
    found = whisper_size(whisper_encoder_settings(convert_whisper_encoder(state)))
    words = [len(value) for name, value in state.items() if name.endswith(_VOCABULARY) and value.dim()]
    if words and f"{found}.en" in published_names():
        found += ".en" if words[0] == ENGLISH_WORDS else ""
        asked = size
    else:
        asked = size.removesuffix(".en")
    if found != asked:
        raise ValueError(f"is Whisper {found}, and {size} was asked for")


def published_names() -> tuple[str, ...]:
    """Names of the published models, small to large; no large one is of English alone."""
    return tuple(f"{size}{end}" for size in SIZES for end in ("", ".en") if (size, end) != ("large", ".en"))


def _renamed(bare: str, name: str) -> str:
    """Our name of an array, from its name without what stands before the encoder's own."""
    if bare in _WHOLE and not bare.startswith(("ln_post", "layer_norm")):
        return _WHOLE[bare]
    module, _, parameter = bare.replace("/", ".").rpartition(".")
    module = bare[: len(module)]
    if parameter in _PARAMETERS:
        for prefix, names in _LAYERS.items():
            match = re.fullmatch(rf"{re.escape(prefix)}(\d+)[./](.+)", module)
            if match and match[2] in names:
                return f"layers.{int(match[1])}.{names[match[2]]}.{_PARAMETERS[parameter]}"
        if module in ("conv1", "conv2") or module in _WHOLE:
            return f"{_WHOLE.get(module, module)}.{_PARAMETERS[parameter]}"
    raise ValueError(f"{name[:100]!r} is no array of Whisper")


def _fused(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays with query, key and value in one; keys have no bias, and get one of zeros."""
    fused = {name: value for name, value in parts.items() if not re.search(r"\.(query|key|value)\.", name)}
    for name, query in parts.items():
        if ".query." not in name:
            continue
        key, value = (parts.get(name.replace("query", other)) for other in ("key", "value"))
        if name.endswith("bias") and key is None:
            key = torch.zeros_like(query)
        if key is None or value is None or len({(part.shape, part.dtype) for part in (query, key, value)}) > 1:
            raise ValueError(f"{name} has no key or value that fits it")
        fused[name.replace("query", "qkv")] = torch.cat([query, key, value])
    return fused


def _demand_heads(state: State, heads: int) -> None:
    width = next(len(value) for name, value in state.items() if name.endswith(("conv1.weight", "conv1/weight")))
    if heads * HEAD_WIDTH != width:
        raise ValueError(f"its encoder has {heads} heads at a width of {width}, unlike all sizes of Whisper")
