"""Generators and discriminators of StackGAN-v2 (Zhang et al. 2018, arXiv:1710.10916), also as S2IGAN stacks them."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of


def convert_stackgan_v2_generator(state: State) -> dict[str, Tensor]:
    """Generator of StackGAN-v2 (also as used by Li et al. and, stacked densely, by S2IGAN) to ``StackGenerator``.

    Raises
    ------
    ValueError
        For a key that the published generator does not have.
    """
    # Names.
    conv_norm = {"0": "conv", "1": "norm"}
    up = {"1": "conv", "2": "norm"}
    block = {"0": "gated.conv", "1": "gated.norm", "3": "conv", "4": "norm"}

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"ca_net\.fc\.(\w+)", key):
            return f"augment.project.{match[1]}"
        if match := re.fullmatch(r"h_net1\.fc\.([01])\.(\w+)", key):
            return f"first.{('project', 'norm')[int(match[1])]}.{match[2]}"
        if match := re.fullmatch(r"h_net1\.upsample([1-4])\.([12])\.(\w+)", key):
            return f"first.ups.{int(match[1]) - 1}.{up[match[2]]}.{match[3]}"
        if match := re.fullmatch(r"img_net([1-4])\.img\.0\.(\w+)", key):
            return f"to_image.{int(match[1]) - 1}.{match[2]}"
        if match := re.fullmatch(r"h_net([2-4])\.jointConv\.([01])\.(\w+)", key):
            return f"next.{int(match[1]) - 2}.joint.{conv_norm[match[2]]}.{match[3]}"
        if match := re.fullmatch(r"h_net([2-4])\.upsample\.([12])\.(\w+)", key):
            return f"next.{int(match[1]) - 2}.up.{up[match[2]]}.{match[3]}"
        if match := re.fullmatch(r"h_net([2-4])\.residual\.(\d+)\.block\.([0134])\.(\w+)", key):
            return f"next.{int(match[1]) - 2}.residual.{match[2]}.{block[match[3]]}.{match[4]}"
        return None

    return converted(state, rename, "the generator of StackGAN-v2")


def stackgan_v2_generator_settings(state: State) -> dict[str, Any]:
    """Arguments of ``StackGenerator`` for an output of ``convert_stackgan_v2_generator``.

    Raises
    ------
    ValueError
        If an array is missing or sizes contradict each other.
    """
    # Sizes are read off the arrays.
    fourfold, embedding_dim = shape_of(state, "augment.project.weight", 2)
    condition_dim = fourfold // 4
    residual = {m[1] for key in state if (m := re.match(r"next\.0\.residual\.(\d+)\.", key))}
    width = shape_of(state, "to_image.0.weight", 4)[1]
    settings = {
        "embedding_dim": embedding_dim,
        "condition_dim": condition_dim,
        "noise_dim": shape_of(state, "first.project.weight", 2)[1] - condition_dim,
        "width": width,
        "num_stages": sum(re.fullmatch(r"to_image\.\d\.weight", key) is not None for key in state),
        "residual_blocks": len(residual) or 2,
        "dense": "next.0.up.conv.weight" in state and shape_of(state, "next.0.up.conv.weight", 4)[1] == 2 * width,
    }
    # A generator of another kind gives nonsense here.
    if settings["noise_dim"] < 1:
        raise ValueError("the noise would have no dimension: the first layer does not fit the condition")
    return settings


def convert_stackgan_v2_discriminator(state: State) -> dict[str, Tensor]:
    """Discriminator of StackGAN-v2 (64, 128, 256 or 512 px) to ``StackDiscriminator``.

    Raises
    ------
    ValueError
        For a key that the published discriminators do not have.
    """
    # Names; deeper discriminators number their further levels by the side of the image.
    first = {"0": "0.conv", "2": "1.conv", "3": "1.norm", "5": "2.conv", "6": "2.norm", "8": "3.conv", "9": "3.norm"}
    extra = _extra_downs(state)

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"img_code_s16\.([0235689])\.(\w+)", key):
            return f"trunk.{first[match[1]]}.{match[2]}"
        if match := re.fullmatch(r"img_code_s(32|64|128)(?:_([123]))?\.([01])\.(\w+)", key):
            down = {"32": 0, "64": 1, "128": 2}[match[1]]
            index = 4 + (down if match[2] is None else extra + int(match[2]) - 1)
            return f"trunk.{index}.{('conv', 'norm')[int(match[3])]}.{match[4]}"
        if match := re.fullmatch(r"jointConv\.([01])\.(\w+)", key):
            return f"joint.{('conv', 'norm')[int(match[1])]}.{match[2]}"
        if match := re.fullmatch(r"(uncond_)?logits\.0\.(\w+)", key):
            return f"{'unconditional' if match[1] else 'conditional'}.{match[2]}"
        return None

    return converted(state, rename, "a discriminator of StackGAN-v2")


def stackgan_v2_discriminator_settings(state: State) -> dict[str, Any]:
    """Arguments of ``StackDiscriminator`` for an output of ``convert_stackgan_v2_discriminator``.

    Raises
    ------
    ValueError
        If an array is missing or the trunk has an odd depth.
    """
    depth = len({m[1] for key in state if (m := re.match(r"trunk\.(\d+)\.", key))})
    if depth not in (4, 6, 8, 10):
        raise ValueError(f"the trunk has {depth} layers, not 4, 6, 8 or 10")
    width = shape_of(state, "trunk.0.conv.weight", 4)[0]
    return {
        "size": 64 << (depth - 4) // 2,
        "condition_dim": shape_of(state, "joint.conv.weight", 4)[1] - 8 * width,
        "width": width,
    }


def _extra_downs(state: State) -> int:
    """Halvings behind the common trunk: 0 for 64 px, 1 for 128 px, ..."""
    return len({m[1] for key in state if (m := re.match(r"img_code_s(32|64|128)\.", key))})
