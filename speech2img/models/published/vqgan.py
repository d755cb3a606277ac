"""VQGAN and Gumbel VQ of taming-transformers, ITHQ's EMA VQ, alone or within VQ-Diffusion, under our names."""

import re
from typing import Any

import torch
from torch import Tensor

from speech2img.models.codecs.code_reduction import kept_codes
from speech2img.models.published.state_dicts import MIT, State, shape_of

NOTICE = f"""\
The network is that of https://github.com/CompVis/taming-transformers.

taming-transformers: Copyright (c) 2020 Patrick Esser and Robin Rombach and Björn Ommer. {MIT}
The licence of these weights is that of their publisher."""
"""What must stand wherever the weights do."""

_BLOCK = {"nin_shortcut": "shortcut", "norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2"}
_ATTENTION = {"norm": "norm", "q": "query", "k": "key", "v": "value", "proj_out": "out"}
_MIDDLE = {"block_1": "0", "attn_1": "1", "block_2": "2"}
_PLAIN = {
    "encoder.conv_in": "encoder.first",
    "encoder.norm_out": "encoder.norm",
    "encoder.conv_out": "encoder.last",
    "decoder.conv_in": "decoder.first",
    "decoder.norm_out": "decoder.norm",
    "decoder.conv_out": "decoder.last",
    "quant_conv": "to_codes",
    "post_quant_conv": "from_codes",
}
_QUANTIZERS = {
    "vqgan": {"quantize.embedding.weight": "quantizer.codebook.weight"},
    "gumbel-vq": {
        "quantize.embed.weight": "quantizer.codebook.weight",
        "quantize.proj.weight": "quantizer.to_logits.weight",
        "quantize.proj.bias": "quantizer.to_logits.bias",
    },
    "ema-vq": {
        "quantize.embedding": "quantizer.codebook.weight",
        "quantize.cluster_size": "quantizer.counts_K",
        "quantize.embedding_avg": "quantizer.sums_KC",
    },
}
_LEVEL = re.compile(r"(encoder\.down|decoder\.up)\.(\d)\.(block|attn)\.(\d\d?)\.(\w+)\.(weight|bias)")
_RESAMPLE = re.compile(r"(encoder\.down\.(\d)\.downsample|decoder\.up\.(\d)\.upsample)\.conv\.(weight|bias)")
_MID = re.compile(r"(encoder|decoder)\.mid\.(block_1|attn_1|block_2)\.(\w+)\.(weight|bias)")
_PART = re.compile(r"(?:content_codec\.)?(?:enc|dec)\.((?:encoder|decoder|quant_conv|post_quant_conv|quantize)\..*)")
"""VQ-Diffusion keeps encoder and decoder apart, the codebook in both."""


def convert_vqgan(state: State, *, network: str, num_codes: int | None = None) -> dict[str, Tensor]:
    """A published state to ``VQGAN``, ``GumbelVQ`` or ``EMAVQ``, all codes in use.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Of the codec alone, or of its training: what belongs to ``loss.`` (discriminator, perceptual network) and to
        another network beside it is passed over.
    network : {"vqgan", "gumbel-vq", "ema-vq"}
        Which of them it is.
    num_codes : int, optional
        How many codes it must have.

    Raises
    ------
    ValueError
        If it is the other one, or another network, or has another number of codes.
    """
    state = _codec_alone(state)
    # Told apart by the quantiser.
    for other, names in _QUANTIZERS.items():
        if other != network and next(iter(names)) in state:
            raise ValueError(f"its quantiser is that of {other}")
    converted: dict[str, Tensor] = {}
    for name, value in state.items():
        new = _QUANTIZERS[network].get(name) or _renamed(name)
        if new is None:
            raise ValueError(f"{name[:100]!r} is no array of {network}")
        converted[new] = value.detach().float()
    # Both halves: within other checkpoints each may lie alone.
    for half in ("encoder", "decoder"):
        shape_of(converted, f"{half}.first.weight", 4)
    codes, width = shape_of(converted, "quantizer.codebook.weight", 2)
    if num_codes is not None and codes != num_codes:
        raise ValueError(f"has {codes} codes, not {num_codes}")
    return {**converted, "latent_mean": torch.zeros(width), "latent_deviation": torch.ones(width)}


def vqgan_settings(converted: State) -> dict[str, Any]:
    """Arguments of the network for an output of `convert_vqgan`; ValueError if an array is missing."""
    width = shape_of(converted, "encoder.first.weight", 4)[0]
    numbers = sorted({int(name.split(".")[2]) for name in converted if name.startswith("encoder.levels.")})
    if numbers != list(range(len(numbers))) or not numbers:
        raise ValueError(f"its encoder has the levels {numbers}")
    multipliers, attention = [], []
    for level in numbers:
        channels = shape_of(converted, f"encoder.levels.{level}.blocks.0.conv1.weight", 4)[0]
        if channels % width:
            raise ValueError(f"level {level} has {channels} channels, no multiple of {width}")
        multipliers.append(channels // width)
        if f"encoder.levels.{level}.attentions.0.norm.weight" in converted:
            attention.append(level)
    codes, code_dim = shape_of(converted, "quantizer.codebook.weight", 2)
    settings = {
        "num_codes": codes,
        "code_dim": code_dim,
        "width": width,
        "multipliers": multipliers,
        "blocks": len({name.split(".")[4] for name in converted if name.startswith("encoder.levels.0.blocks.")}),
        "attention_levels": attention,
        "latent_channels": shape_of(converted, "encoder.last.weight", 4)[0],
    }
    # The published loss weighs the other of its two parts; told so that training on would keep it.
    nearest = not {"quantizer.to_logits.weight", "quantizer.counts_K"} & converted.keys()
    return {**settings, "form": "published"} if nearest else settings


def reduced_state(converted: State, table_K: Tensor) -> dict[str, Tensor]:
    """The same codec with the codes in use of a mapping file.

    Raises
    ------
    ValueError
        If the table is none, or of another number of codes.
    """
    codes, _ = shape_of(converted, "quantizer.codebook.weight", 2)
    if len(table_K) != codes:
        raise ValueError(f"has {codes} codes, and its mapping is of {len(table_K)}")
    return {**converted, "reduction.codes_R": kept_codes(table_K)}


def _codec_alone(state: State) -> State:
    """The arrays of encoder, quantiser and decoder by their names in the codec's own checkpoint."""
    codec = {name: value for name, value in state.items() if not name.startswith("loss.")}
    if not any(name.startswith("content_codec.") for name in codec):
        return codec
    parts: dict[str, Tensor] = {}
    for name, value in codec.items():
        if (match := _PART.fullmatch(name)) is None:
            continue
        if match[1] in parts and not torch.equal(parts[match[1]], value):
            raise ValueError(f"{match[1][:100]!r} of its encoder and of its decoder differ")
        parts[match[1]] = value
    return parts


def _renamed(name: str) -> str | None:
    """Our name of an array outside the quantiser; None where there is none."""
    layer, _, last = name.rpartition(".")
    if layer in _PLAIN and last in ("weight", "bias"):
        return f"{_PLAIN[layer]}.{last}"
    if match := _LEVEL.fullmatch(name):
        part, level, kind, number, inner, last = match.groups()
        names, ours = (_BLOCK, "blocks") if kind == "block" else (_ATTENTION, "attentions")
        known = f"{part.split('.')[0]}.levels.{level}.{ours}.{number}.{names.get(inner)}.{last}"
        return known if inner in names else None
    if match := _RESAMPLE.fullmatch(name):
        return f"{match[1].split('.')[0]}.levels.{match[2] or match[3]}.resample.conv.{match[4]}"
    if match := _MID.fullmatch(name):
        part, block, inner, last = match.groups()
        names = _ATTENTION if block == "attn_1" else _BLOCK
        return f"{part}.middle.{_MIDDLE[block]}.{names[inner]}.{last}" if inner in names else None
    return None
