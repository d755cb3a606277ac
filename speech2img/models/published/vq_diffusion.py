"""The transformers of VQ-Diffusion (Gu et al. 2022) and S2IVQ-D (Saeed et al. 2025), from their checkpoints' arrays."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of

_BESIDE = re.compile(r"content_codec\.|condition_emb\.|log_\w+$|Lt_\w+$")
"""Parts of a checkpoint that are no part of the transformer: codec, CLIP, tables, the history of losses."""
_DEAD = re.compile(r"blocks\.\d+\.(?:attn2\.mask|ln2\.(?:emb|linear)\..*)$")
"""Arrays of a block that nothing reads: a mask, and in S2IVQ-D what was made for class numbers."""
_NAMES = {
    "content_emb.emb": "embedding.tokens",
    "content_emb.height_emb": "embedding.rows",
    "content_emb.width_emb": "embedding.columns",
    "to_logits.0": "norm",
    "to_logits.1": "to_logits",
}
_STEP_NORM = {"emb": "steps", "linear": "to_modulation"}
_TEXT = {
    **{f"ln1.{old}": f"attention_norm.{new}" for old, new in _STEP_NORM.items()},
    **{f"ln1_1.{old}": f"cross_norm.{new}" for old, new in _STEP_NORM.items()},
    "attn1.proj": "attention.out",
    "attn1.qkv": "attention.qkv",
    "attn2.query": "cross_attention.query",
    "attn2.kv": "cross_attention.key_value",
    "attn2.proj": "cross_attention.out",
    "ln2": "mlp_norm",
    "mlp.0": "mlp.inner",
    "mlp.2": "mlp.outer",
}
_SPEECH = {
    **{f"ln1.{old}": f"attention_norm.{new}" for old, new in _STEP_NORM.items()},
    "attn.proj": "attention.out",
    "attn.qkv": "attention.qkv",
    "mlp.conv1": "mlp.inner",
    "mlp.conv2": "mlp.outer",
}
_IN_ONE = {
    "attn1.qkv": ("attn1.query", "attn1.key", "attn1.value"),
    "attn2.kv": ("attn2.key", "attn2.value"),
    "attn.qkv": ("attn.query", "attn.key", "attn.value"),
}
"""Linear maps that we have as one."""
_KEY = re.compile(r"blocks\.(\d+)\.(.+)\.(weight|bias)$")


def convert_text_transformer(state: State) -> dict[str, Tensor]:
    """VQ-Diffusion's transformer to a ``TextTokenTransformer``; ``empty`` is there where guidance was learned.

    Parameters
    ----------
    state : Mapping of str to Tensor
        ``model`` or ``ema`` of a checkpoint, or the transformer alone; codec, CLIP and tables are passed over.

    Raises
    ------
    ValueError
        For an array that it does not have, or one of several that are missing.
    """
    return _convert(state, _TEXT, "VQ-Diffusion's transformer from text")


def convert_speech_transformer(state: State) -> dict[str, Tensor]:
    """S2IVQ-D's transformer to a ``PublishedSpeechTransformer``; arguments and errors as above."""
    return _convert(state, _SPEECH, "S2IVQ-D's transformer from speech")


def transformer_settings(state: State) -> dict[str, Any]:
    """Sizes in an output of either conversion; heads and the side of the grid are not among its arrays.

    Raises
    ------
    ValueError
        If an array is missing.
    """
    states, width = shape_of(state, "embedding.tokens.weight", 2)
    settings = {
        "num_codes": states - 1,
        "width": width,
        "table_side": shape_of(state, "embedding.rows.weight", 2)[0],
        "num_steps": shape_of(state, "blocks.0.attention_norm.steps.weight", 2)[0],
        "depth": 1 + max(int(match[1]) for match in map(_KEY.match, state) if match),
        "embedding_dim": 2 * width,
    }
    if "blocks.0.cross_attention.key_value.weight" in state:
        settings["embedding_dim"] = shape_of(state, "blocks.0.cross_attention.key_value.weight", 2)[1]
        settings["empty_length"] = shape_of(state, "empty", 2)[0] if "empty" in state else 0
    return settings


def with_averages(checkpoint: Any) -> Any:
    """A checkpoint whose averaged transformer has taken the place of the other, as published sampling does.

    Parameters
    ----------
    checkpoint : Any
        Mapping with ``model``, and ``ema`` whose names lack one ``transformer.``; anything else comes back as it is.
    """
    parts = checkpoint if isinstance(checkpoint, Mapping) else {}
    model, average = parts.get("model"), parts.get("ema")
    if not isinstance(model, Mapping) or not isinstance(average, Mapping):
        return checkpoint
    return {"model": {**model, **{f"transformer.{name}": value for name, value in average.items()}}}


def _convert(state: State, names: dict[str, str], what: str) -> dict[str, Tensor]:
    # The transformer's own arrays, without the prefixes that differ between model and ema.
    arrays: dict[str, Tensor] = {}
    for key, value in state.items():
        plain = re.sub(r"^(?:transformer\.){1,2}", "", key)
        if not _BESIDE.match(plain) and not _DEAD.match(plain):
            arrays[plain] = value
    # Join the linear maps of an attention.
    for block in sorted({match[1] for match in map(_KEY.match, arrays) if match}):
        for in_one, parts in _IN_ONE.items():
            for kind in ("weight", "bias"):
                keys = [f"blocks.{block}.{part}.{kind}" for part in parts]
                present = [key for key in keys if key in arrays]
                if present and present != keys:
                    raise ValueError(f"{(set(keys) - set(present)).pop()} is missing")
                if present:
                    arrays[f"blocks.{block}.{in_one}.{kind}"] = torch.cat([arrays.pop(key) for key in keys])

    def rename(key: str) -> str | None:
        if key == "empty_text_embed" and names is _TEXT:
            return "empty"
        match = _KEY.match(key)
        if match:
            return f"blocks.{match[1]}.{names[match[2]]}.{match[3]}" if match[2] in names else None
        stem, _, kind = key.rpartition(".")
        return f"{_NAMES[stem]}.{kind}" if stem in _NAMES else None

    renamed = converted(arrays, rename, what)
    if "empty" in renamed:
        renamed["empty"] = renamed["empty"].float()
    return renamed
