"""CLIP (Radford et al. 2021) under our names: the text side, also within VQ-Diffusion, and the ResNets' image side."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import MIT, State, converted, shape_of

NOTICE = f"""\
The network is that of https://github.com/openai/CLIP.

CLIP: Copyright (c) 2021 OpenAI. {MIT}"""
"""What must stand wherever the weights do."""
HEAD_WIDTH = 64
"""Of the text side and of the attention behind a ResNet, in all published sizes."""

_WHOLE = {
    "token_embedding.weight": "lookup.weight",
    "positional_embedding": "positions",
    "ln_final.weight": "norm.weight",
    "ln_final.bias": "norm.bias",
    "text_projection": "projection.weight",
}
_BLOCKS = {
    "ln_1.": "attention_norm.",
    "attn.in_proj_": "attention.qkv.",
    "attn.out_proj.": "attention.out.",
    "ln_2.": "mlp_norm.",
    "mlp.c_fc.": "mlp_in.",
    "mlp.c_proj.": "mlp_out.",
}
_KINDS = {"conv": "conv", "bn": "norm"}
_WITHIN = "condition_emb."
_OTHERS = re.compile(r"visual\.|logit_scale$|input_resolution$|context_length$|vocab_size$|empty_text_embed$")
"""What stands beside the text side: the image side and CLIP's own numbers."""


def convert_clip_text(state: State) -> dict[str, Tensor]:
    """A published state to ``CLIPText``.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Of a CLIP, whose image side is passed over; of its text side; or ``model`` of a VQ-Diffusion, whose
        ``transformer.condition_emb.`` is taken.

    Raises
    ------
    ValueError
        For an array that the text side does not have, or if it is missing.
    """
    within = {
        name.rpartition(_WITHIN)[2]: value
        for name, value in state.items()
        if re.fullmatch(rf"(?:transformer\.)?{re.escape(_WITHIN)}.*", name)
    }
    own = {name: value for name, value in (within or state).items() if not _OTHERS.match(name)}
    if "token_embedding.weight" not in own:
        raise ValueError("has no token_embedding, so no text side of CLIP")
    named = converted(own, _renamed, "CLIP's text side")
    # The projection stands on the right as published.
    named = {name: value.T if name == "projection.weight" else value for name, value in named.items()}
    return {name: value.detach().float().contiguous() for name, value in named.items()}


def clip_text_settings(state: State) -> dict[str, Any]:
    """Arguments of ``CLIPText`` but for the vocabulary, for an output of `convert_clip_text`.

    Raises
    ------
    ValueError
        If an array is missing.
    """
    num_tokens, width = shape_of(state, "lookup.weight", 2)
    return {
        "num_tokens": num_tokens,
        "word_dim": width,
        "embedding_dim": shape_of(state, "projection.weight", 2)[0],
        "num_heads": max(1, width // HEAD_WIDTH),
        "num_layers": len({name.split(".")[1] for name in state if name.startswith("blocks.")}),
    }


def convert_clip_image(state: State) -> dict[str, Tensor]:
    """A published CLIP on a ResNet to ``CLIPResNet``.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Of the whole, whose ``visual.`` is taken, or of that part alone.

    Raises
    ------
    ValueError
        For an array that this image side does not have, or if it is missing.
    """
    visual = {name.removeprefix("visual."): value for name, value in state.items() if name.startswith("visual.")}
    named = converted(visual or state, _renamed_image, "the image side of CLIP's ResNets")
    if "pool.positions" not in named:
        raise ValueError("has no image side of one of CLIP's ResNets")
    return {name: value.detach().float() if value.is_floating_point() else value for name, value in named.items()}


def clip_image_settings(state: State) -> dict[str, Any]:
    """Arguments of ``CLIPResNet`` for an output of `convert_clip_image`; ValueError if an array is missing."""
    places, width = shape_of(state, "pool.positions", 2)
    blocks = [len({name.split(".")[2] for name in state if name.startswith(f"stages.{stage}.")}) for stage in range(4)]
    return {
        "blocks": blocks,
        "width": shape_of(state, "stem.2.conv.weight", 4)[0],
        "num_heads": max(1, width // HEAD_WIDTH),
        "embedding_dim": shape_of(state, "pool.out.weight", 2)[0],
        "image_size": 32 * round((places - 1) ** 0.5),
    }


def _renamed_image(name: str) -> str | None:
    layer, _, parameter = name.rpartition(".")
    if name == "attnpool.positional_embedding":
        return "pool.positions"
    if (match := re.fullmatch(r"attnpool\.([qkvc])_proj", layer)) and parameter in ("weight", "bias"):
        return f"pool.{dict(q='query', k='key', v='value', c='out')[match[1]]}.{parameter}"
    if match := re.fullmatch(r"(conv|bn)([123])", layer):
        return f"stem.{int(match[2]) - 1}.{_KINDS[match[1]]}.{parameter}"
    if match := re.fullmatch(r"layer([1-4])\.(\d+)\.(conv|bn)([123])", layer):
        part = ("reduce", "middle", "expand")[int(match[4]) - 1]
        return f"stages.{int(match[1]) - 1}.{match[2]}.{part}.{_KINDS[match[3]]}.{parameter}"
    if match := re.fullmatch(r"layer([1-4])\.(\d+)\.downsample\.([01])", layer):
        return f"stages.{int(match[1]) - 1}.{match[2]}.shortcut.{('conv', 'norm')[int(match[3])]}.{parameter}"
    return None


def _renamed(name: str) -> str | None:
    if name in _WHOLE:
        return _WHOLE[name]
    if match := re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)", name):
        for theirs, ours in _BLOCKS.items():
            if match[2].startswith(theirs) and match[2].removeprefix(theirs) in ("weight", "bias"):
                return f"blocks.{match[1]}.{ours}{match[2].removeprefix(theirs)}"
    return None
