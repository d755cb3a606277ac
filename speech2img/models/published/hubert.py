"""HuBERT (Hsu et al. 2021) as fairseq, Hugging Face and SpeechCLIP name it, under our names."""

import re
from typing import Any

import torch
from torch import Tensor

from speech2img.models.published.hifigan import fold_weight_norm
from speech2img.models.published.state_dicts import State, shape_of

_UNUSED = re.compile(r"(mask_emb|masked_spec_embed|label_embs_concat|final_proj\..*)$")
_BLOCKS = {
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.out_proj": "attention.out",
    "self_attn_layer_norm": "attention_norm",
    "attention.q_proj": "attention.query",
    "attention.k_proj": "attention.key",
    "attention.v_proj": "attention.value",
    "attention.out_proj": "attention.out",
    "layer_norm": "attention_norm",
    "fc1": "mlp_in",
    "fc2": "mlp_out",
    "feed_forward.intermediate_dense": "mlp_in",
    "feed_forward.output_dense": "mlp_out",
    "final_layer_norm": "mlp_norm",
}
_WHOLE = {
    "layer_norm": "feature_norm",
    "feature_projection.layer_norm": "feature_norm",
    "post_extract_proj": "projection",
    "feature_projection.projection": "projection",
    "encoder.pos_conv.0": "position_conv",
    "encoder.pos_conv_embed.conv": "position_conv",
    "encoder.layer_norm": "norm",
}


def convert_hubert(state: State) -> dict[str, Tensor]:
    """A published HuBERT to ``HubertBase`` or ``HubertLarge``.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Names of fairseq or Hugging Face; what stands before them (``audio_encoder.encoder.`` in SpeechCLIP's file) has
        been taken off.

    Raises
    ------
    ValueError
        For an array that HuBERT does not have.
    """
    parts: dict[str, Tensor] = {}
    for name, value in _folded(state).items():
        if not _UNUSED.match(name):
            parts[_renamed(name)] = value.detach()
    if is_large(parts):
        parts = {name: value for name, value in parts.items() if not name.startswith("norm.")}
    return _fused(parts)


def hubert_settings(state: State) -> dict[str, Any]:
    """Arguments of ``HubertBase`` or ``HubertLarge`` for an output of `convert_hubert`; ValueError for none."""
    width, conv_width = shape_of(state, "projection.weight", 2)
    layers = sum(re.fullmatch(r"layers\.\d+\.mlp_in\.weight", name) is not None for name in state)
    return {"width": width, "num_layers": layers, "conv_width": conv_width}


def is_large(state: State) -> bool:
    """Whether a converted state is of the form of ``HubertLarge``: a normalisation in every convolution."""
    return "conv_norms.1.weight" in state


def _renamed(name: str) -> str:
    module, _, parameter = name.rpartition(".")
    if match := re.fullmatch(r"feature_extractor\.conv_layers\.(\d+)\.(0|conv)", module):
        return f"convs.{match[1]}.{parameter}"
    if match := re.fullmatch(r"feature_extractor\.conv_layers\.(\d+)\.(2\.1|2|layer_norm)", module):
        return f"conv_norms.{match[1]}.{parameter}"
    if match := re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)", module):
        if match[2] in _BLOCKS:
            return f"layers.{match[1]}.{_BLOCKS[match[2]]}.{parameter}"
    elif module in _WHOLE:
        return f"{_WHOLE[module]}.{parameter}"
    raise ValueError(f"{name[:100]!r} is no array of HuBERT")


def _folded(state: State) -> dict[str, Tensor]:
    """The state with the weight normalisation of the positions, which is over the last axis, multiplied out."""
    turned = {
        name: value.transpose(0, 2) if re.search(r"pos_conv.*(weight_[gv]|original[01])$", name) else value
        for name, value in state.items()
    }
    folded = fold_weight_norm(turned)
    return {
        name: value.transpose(0, 2).contiguous()
        if "pos_conv" in name and name.endswith("weight") and name not in state
        else value
        for name, value in folded.items()
    }


def _fused(parts: State) -> dict[str, Tensor]:
    """The arrays with query, key and value in one."""
    fused = {name: value for name, value in parts.items() if not re.search(r"\.(query|key|value)\.", name)}
    for name, query in parts.items():
        if ".query." in name:
            key, value = (parts.get(name.replace("query", other)) for other in ("key", "value"))
            if key is None or value is None or len({(part.shape, part.dtype) for part in (query, key, value)}) > 1:
                raise ValueError(f"{name} has no key or value that fits it")
            fused[name.replace("query", "qkv")] = torch.cat([query, key, value])
    return fused
