"""SpeechCLIP's trained parts (Shih et al. 2022; the speech encoder of S2IVQ-D): mix of layers and parallel branch."""

import re

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted

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


def convert_speechclip_parallel(state: State) -> dict[str, Tensor]:
    """The trained parts of a published checkpoint: ``mix.*`` of a `LayerMix`, ``branch.*`` of a `ParallelBranch`.

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
            return "branch.cls"
        for theirs, ours in _BRANCH.items():
            if branch.startswith(theirs) and branch.removeprefix(theirs) in ("weight", "bias"):
                return f"branch.{ours}{branch.removeprefix(theirs)}"
        return None

    own = {name: value for name, value in state.items() if re.match(r"parallel_branch\.|.*weightedsum_layer\.", name)}
    return converted(own, rename, "SpeechCLIP's parallel branch")
