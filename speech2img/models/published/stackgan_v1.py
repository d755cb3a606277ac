"""StackGAN-v1 (Zhang et al. 2017) as its PyTorch port names it, under our names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of

_PARTS = {"1": "conv", "2": "norm"}
_BLOCK = {"0": "first.conv", "1": "first.norm", "3": "conv", "4": "norm"}
_ENCODER = {"0": "from_image", "2": "downs.0.conv", "3": "downs.0.norm", "5": "downs.1.conv", "6": "downs.1.norm"}
_HEAD = {"0": "joint.conv", "1": "joint.norm", "3": "conditional"}
_FIRST = "STAGE1_G."


def convert_stackgan_v1_generator(state: State) -> dict[str, Tensor]:
    """Stage I, or stage II with the stage I that its file carries, to ``StackGANv1``.

    Raises
    ------
    ValueError
        For a key that neither has.
    """
    both = any(key.startswith(_FIRST) for key in state)

    def rename(key: str) -> str | None:
        of_second = both and not key.startswith(_FIRST)
        name = _layer(key.removeprefix(_FIRST), second=of_second)
        return None if name is None else f"{'second' if of_second else 'first'}.{name}"

    return converted(state, rename, "a generator of StackGAN-v1")


def stackgan_v1_generator_settings(state: State, *, stage: int) -> dict[str, Any]:
    """Arguments of ``StackGANv1`` for an output of `convert_stackgan_v1_generator`.

    Parameters
    ----------
    state : Mapping of str to Tensor
        The output.
    stage : {1, 2}
        Which stage it is meant to be.

    Raises
    ------
    ValueError
        If an array is missing, or it is the other stage.
    """
    found = 2 if any(key.startswith("second.") for key in state) else 1
    if found != stage:
        raise ValueError(f"holds stage {'I' if found == 1 else 'II'} of StackGAN-v1: use stackgan-v1-stage{found}")
    twofold, embedding_dim = shape_of(state, "first.augment.project.weight", 2)
    residual = {match[1] for key in state if (match := re.match(r"second\.residual\.(\d+)\.", key))}
    settings: dict[str, Any] = {
        "embedding_dim": embedding_dim,
        "condition_dim": twofold // 2,
        "noise_dim": shape_of(state, "first.project.weight", 2)[1] - twofold // 2,
        "width": 2 * shape_of(state, "first.to_image.weight", 4)[1],
        "stage": stage,
    }
    if settings["noise_dim"] < 1:
        raise ValueError("the noise would have no dimension: the first layer does not fit the condition")
    return settings | ({"residual_blocks": len(residual)} if residual else {})


def convert_stackgan_v1_discriminator(state: State) -> dict[str, Tensor]:
    """A discriminator of stage I or II to ``StackDiscriminator`` with ``code_first``.

    Raises
    ------
    ValueError
        For a key that the published discriminators do not have.
    """

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"encode_img\.(\d+)\.(\w+)", key):
            # Convolutions are at 0, 2, 5, 8, ..., each but the first with its norm behind it.
            place = int(match[1])
            number, part = (0, 0) if place == 0 else ((place + 1) // 3, (place + 1) % 3)
            return f"trunk.{number}.{('conv', 'norm')[part]}.{match[2]}" if part < 2 else None
        if match := re.fullmatch(r"get_cond_logits\.outlogits\.([013])\.(\w+)", key):
            return f"{_HEAD[match[1]]}.{match[2]}"
        if match := re.fullmatch(r"get_uncond_logits\.outlogits\.0\.(\w+)", key):
            return f"unconditional.{match[1]}"
        return None

    return converted(state, rename, "a discriminator of StackGAN-v1")


def _layer(key: str, *, second: bool) -> str | None:
    """Our name of an array within a stage."""
    if match := re.fullmatch(r"ca_net\.fc\.(\w+)", key):
        return f"augment.project.{match[1]}"
    if match := re.fullmatch(r"upsample([1-4])\.([12])\.(\w+)", key):
        return f"ups.{int(match[1]) - 1}.{_PARTS[match[2]]}.{match[3]}"
    if match := re.fullmatch(r"img\.0\.(\w+)", key):
        return f"to_image.{match[1]}"
    if match := re.fullmatch(r"fc\.([01])\.(\w+)", key):
        return None if second else f"{('project', 'norm')[int(match[1])]}.{match[2]}"
    # What only stage II has.
    if not second:
        return None
    if match := re.fullmatch(r"encoder\.([02356])\.(\w+)", key):
        return f"{_ENCODER[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"hr_joint\.([01])\.(\w+)", key):
        return f"joint.{('conv', 'norm')[int(match[1])]}.{match[2]}"
    if match := re.fullmatch(r"residual\.(\d+)\.block\.([0134])\.(\w+)", key):
        return f"residual.{match[1]}.{_BLOCK[match[2]]}.{match[3]}"
    return None
