"""SpeechCLIP's speech encoder (Shih et al. 2022; S2IVQ-D's too): HuBERT, mix of its layers, parallel branch."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.hubert import convert_hubert, hubert_settings, is_large
from speech2img.models.published.state_dicts import State, converted, shape_of

NUM_HEADS = 8
"""Of the branch, in all published sizes."""
MAX_STEPS = 1500
"""30 s at HuBERT's rate."""

_BRANCH = {
    "self_att.model.layers.0.self_attn.in_proj_": "block.attention.qkv.",
    "self_att.model.layers.0.self_attn.out_proj.": "block.attention.out.",
    "self_att.model.layers.0.linear1.": "block.mlp_in.",
    "self_att.model.layers.0.linear2.": "block.mlp_out.",
    "self_att.model.layers.0.norm1.": "block.attention_norm.",
    "self_att.model.layers.0.norm2.": "block.mlp_norm.",
    "self_att.model.norm.": "norm.",
    "linear_proj.": "out.",
}


_HUBERT = "audio_encoder.encoder."


def convert_speechclip(state: State) -> dict[str, Tensor]:
    """A published checkpoint, HuBERT included, to a ``PretrainedEncoder`` with a parallel branch.

    Parameters
    ----------
    state : Mapping of str to Tensor
        ``state_dict`` of the checkpoint; CLIP and the loss's own arrays are passed over.

    Raises
    ------
    ValueError
        If HuBERT or the branch is missing, or for an array that they do not have.
    """
    trained = convert_speechclip_parallel(state)
    hubert = {name.removeprefix(_HUBERT): value for name, value in state.items() if name.startswith(_HUBERT)}
    if not hubert or "adapter.cls" not in trained:
        raise ValueError("holds no HuBERT with a parallel branch on it")
    return {**{f"front_end.{name}": value for name, value in convert_hubert(hubert).items()}, **trained}


def speechclip_settings(state: State) -> dict[str, Any]:
    """Arguments of ``PretrainedEncoder`` for an output of `convert_speechclip`; ValueError if an array is missing."""
    front_end = {name.removeprefix("front_end."): value for name, value in state.items()}
    large = is_large(front_end)
    return {
        "front_end": "hubert-large" if large else "hubert-base",
        "front_end_config": hubert_settings(front_end),
        "adapter": "parallel",
        "num_heads": NUM_HEADS,
        "embedding_dim": shape_of(state, "adapter.out.weight", 2)[0],
        "frame_stride": 1,
        "max_frames": MAX_STEPS,
        "normalized": large,
    }


def convert_speechclip_parallel(state: State) -> dict[str, Tensor]:
    """The trained parts of a published checkpoint: ``mix.*`` of a `LayerMix`, ``adapter.*`` of a `ParallelBranch`.

    Parameters
    ----------
    state : Mapping of str to Tensor
        ``state_dict`` of the checkpoint; HuBERT, CLIP and the loss's own arrays are passed over.

    Raises
    ------
    ValueError
        For an array of these parts that the published network does not have.
    """

    def rename(name: str) -> str | None:
        if name == "audio_encoder.weightedsum_layer.weights":
            return "mix.weights"
        branch = name.removeprefix("parallel_branch.")
        if branch == "cls":
            return "adapter.cls"
        for theirs, ours in _BRANCH.items():
            if branch.startswith(theirs) and branch.removeprefix(theirs) in ("weight", "bias"):
                return f"adapter.{ours}{branch.removeprefix(theirs)}"
        return None

    own = {name: value for name, value in state.items() if re.match(r"parallel_branch\.|.*weightedsum_layer\.", name)}
    return converted(own, rename, "SpeechCLIP's parallel branch")
