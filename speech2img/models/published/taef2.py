"""TAEF2 (madebyollin/taesd) as published, its encoder and decoder in a file each, under the names of ``TAEF2``."""

import re
from typing import Any

import torch
from torch import Tensor

from speech2img.models.codecs.taef2 import LATENT_DEVIATION
from speech2img.models.published.state_dicts import MIT, State, shape_of

NOTICE = f"""\
From https://github.com/madebyollin/taesd.

TAEF2: Copyright (c) 2023 Ollin Boer Bohan. {MIT}"""
"""What must stand wherever the weights do."""

CHANNELS = 32
"""Of the latents of TAEF2."""
_OTHERS = {4: "TAESD or TAESDXL", 16: "TAESD3 or TAEF1"}  # relatives with the same layers, but for the pools
_LATENTS = {"encoder": ("14.weight", 0), "decoder": ("1.weight", 1)}  # where the channels of the latents are seen
_OWN_LAST = {"encoder": "14.bias", "decoder": "19.bias"}
_NAME = re.compile(r"\d+\.(conv\.[024]\.|pool\.[013]\.)?(weight|bias)")


def convert_taef2_encoder(state: State) -> dict[str, Tensor]:
    """The published encoder, and the scale of its latents, to ``TAEF2``.

    Raises
    ------
    ValueError
        If it is the decoder, the encoder of a relative with other latents, or of another network.
    """
    scale = {"latent_mean": torch.zeros(CHANNELS), "latent_deviation": torch.full((CHANNELS,), LATENT_DEVIATION)}
    return {**_converted(state, "encoder"), **scale}


def convert_taef2_decoder(state: State) -> dict[str, Tensor]:
    """The published decoder to ``TAEF2``; errors as of `convert_taef2_encoder`."""
    return _converted(state, "decoder")


def taef2_settings(converted: State) -> dict[str, Any]:
    """Arguments of ``TAEF2`` for both parts together.

    Raises
    ------
    ValueError
        If an array is missing.
    """
    latent_channels, width, _, _ = shape_of(converted, "encoder.14.weight", 4)
    pool_width, _, _, _ = shape_of(converted, "encoder.11.pool.0.weight", 4)
    return {"latent_channels": latent_channels, "width": width, "pool_width": pool_width}


def _converted(state: State, part: str) -> dict[str, Tensor]:
    for name in state:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:100]!r} is no array of TAEF2")
    # Which of the two files it is: their layers have numbers of their own.
    other = {"encoder": "decoder", "decoder": "encoder"}[part]
    if _OWN_LAST[part] not in state and _OWN_LAST[other] in state:
        raise ValueError(f"holds the {other} of TAEF2 or a relative, where the {part} belongs")
    # Relatives have the same layers and other latents.
    key, axis = _LATENTS[part]
    channels = shape_of(state, key, 4)[axis]
    if channels != CHANNELS:
        relative = f", those of {_OTHERS[channels]}" if channels in _OTHERS else ""
        raise ValueError(f"its latents have {channels} channels{relative}, and TAEF2's have {CHANNELS}")
    return {f"{part}.{name}": value.detach() for name, value in state.items()}
