"""Generator and discriminators of AttnGAN (Xu et al. 2018, arXiv:1711.10485) under our names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.stackgan_v2 import (
    convert_stackgan_v2_discriminator,
    convert_stackgan_v2_generator,
    stackgan_v2_discriminator_settings,
    stackgan_v2_generator_settings,
)
from speech2img.models.published.state_dicts import State, shape_of

_HEADS = {
    "COND_DNET.jointConv.": "jointConv.",
    "COND_DNET.outlogits.": "logits.",
    "UNCOND_DNET.outlogits.": "uncond_logits.",
}


def convert_attngan_generator(state: State) -> dict[str, Tensor]:
    """A published generator of any number of stages to ``AttnGANGenerator``.

    Parameters
    ----------
    state : Mapping of str to Tensor
        ``netG_epoch_<n>.pth``, ``bird_AttnGAN2.pth``: names are StackGAN-v2's but for those of the attention.

    Raises
    ------
    ValueError
        For a key that the published generator does not have.
    """
    attention: dict[str, Tensor] = {}
    rest: dict[str, Tensor] = {}
    for key, value in state.items():
        match = re.fullmatch(r"h_net([2-4])\.att\.conv_context\.weight", key)
        if match:
            attention[f"next.{int(match[1]) - 2}.attention.project.weight"] = value.flatten(1)
        elif "jointConv" in key:
            raise ValueError(f"{key[:100]!r} is no array of AttnGAN's generator, but of StackGAN-v2's")
        else:
            rest[key] = value
    return convert_stackgan_v2_generator(rest) | attention


def attngan_generator_settings(state: State) -> dict[str, Any]:
    """Arguments of ``AttnGANGenerator`` for an output of `convert_attngan_generator`, with the published mask.

    Raises
    ------
    ValueError
        If an array is missing or sizes contradict each other.
    """
    if not any(".attention." in key for key in state):
        raise ValueError("it has no attention: is it StackGAN-v2's?")
    sizes = stackgan_v2_generator_settings(state)
    shape_of(state, "next.0.attention.project.weight", 2)
    names = ("embedding_dim", "condition_dim", "noise_dim", "width", "num_stages", "residual_blocks")
    return {**{name: sizes[name] for name in names}, "form": "published"}


def convert_attngan_discriminator(state: State) -> dict[str, Tensor]:
    """A published discriminator of 64, 128, 256 or 512 px to ``StackDiscriminator`` with ``code_first``.

    Raises
    ------
    ValueError
        For a key that the published discriminators do not have.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        head = next((theirs for theirs in _HEADS if key.startswith(theirs)), None)
        if head is None and not key.startswith("img_code_"):
            raise ValueError(f"{key[:100]!r} is no array of AttnGAN's discriminators")
        renamed[key if head is None else _HEADS[head] + key.removeprefix(head)] = value
    return convert_stackgan_v2_discriminator(renamed)


def attngan_discriminator_settings(state: State) -> dict[str, Any]:
    """Arguments of ``StackDiscriminator`` for an output of `convert_attngan_discriminator`; ValueError for none."""
    return {
        **stackgan_v2_discriminator_settings(state),
        "code_first": True,
        "unconditional": "unconditional.weight" in state,
    }
