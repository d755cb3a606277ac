"""States of published checkpoints under our modules' names: pure functions from dict to dict, strict in every key."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from speech2img.models.published.containers import find_state
from speech2img.models.vision.googlenet import INCEPTION_WIDTHS

State = Mapping[str, Tensor]

LI2020_LAYERS = {1: 0, 2: 1, 4: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7}
LI2020_FRAMES = 2048
CAFFE_BRANCHES = {
    "1x1": "one",
    "3x3_reduce": "three_reduce",
    "3x3": "three",
    "5x5_reduce": "five_reduce",
    "5x5": "five",
    "pool_proj": "pool_projection",
}


def unwrap_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The plain state inside a published checkpoint, where no conversion says which of several it is.

    Parameters
    ----------
    checkpoint : Mapping
        As `find_state` takes.

    Returns
    -------
    dict of str to Tensor
        The one with the most tensors.

    Raises
    ------
    ValueError
        If there are no named tensors.
    """
    return find_state(checkpoint, len).tensors


def convert_li2020_encoder(state: State) -> dict[str, Tensor]:
    """Speech encoder of Li et al. 2020 (``CNNRNN``) to ``Li2020Encoder``.

    Two-dimensional kernels lose the axis of length one, the first the mel axis becomes the input channels.

    Raises
    ------
    ValueError
        For a key or shape that the published encoder does not have.
    """

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"Conv\.0\.(\w+)", key):
            return f"input_norm.{match[1]}"
        if match := re.fullmatch(r"Conv\.(\d+)\.([01])\.(\w+)", key):
            layer = LI2020_LAYERS.get(int(match[1]))
            return None if layer is None else f"layers.{layer}.{('conv', 'norm')[int(match[2])]}.{match[3]}"
        if match := re.fullmatch(r"RNN\.((?:weight|bias)_[ih]h_l\d+(?:_reverse)?)", key):
            return f"rnn.{match[1]}"
        return None

    renamed = converted(state, rename, "the speech encoder of Li et al.")
    for key, value in renamed.items():
        if key.endswith("conv.weight"):
            axis = 1 if key.startswith("layers.0.") else 2
            if value.dim() != 4 or value.shape[axis] != 1:
                raise ValueError(f"{key} has shape {tuple(value.shape)}, not a one-dimensional kernel")
            renamed[key] = value.squeeze(axis)
    return renamed


def li2020_encoder_settings(state: State) -> dict[str, Any]:
    """Arguments of ``Li2020Encoder`` for a published state: its sizes, and the published behaviour.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Output of ``convert_li2020_encoder``.

    Raises
    ------
    ValueError
        If an array is missing or the recurrent part is no LSTM.
    """
    hidden = shape_of(state, "rnn.weight_hh_l0", 2)
    if hidden[0] != 4 * hidden[1]:
        raise ValueError("the recurrent part is no LSTM (its gates are not four times its width)")
    bidirectional = "rnn.weight_hh_l0_reverse" in state
    return {
        "n_mels": shape_of(state, "layers.0.conv.weight", 3)[1],
        "channels": tuple(shape_of(state, f"layers.{i}.conv.weight", 3)[0] for i in range(len(LI2020_LAYERS))),
        "rnn_layers": sum(re.fullmatch(r"rnn\.weight_hh_l\d+", key) is not None for key in state),
        "bidirectional": bidirectional,
        "embedding_dim": hidden[1] * (2 if bidirectional else 1),
        "pooling": "padded_mean",
        "masked": False,
        "padded_frames": LI2020_FRAMES,
        "pad_value": 0.0,
    }


def convert_stackgan_v2_generator(state: State) -> dict[str, Tensor]:
    """Generator of StackGAN-v2 (also as used by Li et al. and, stacked densely, by S2IGAN) to ``StackGenerator``.

    Raises
    ------
    ValueError
        For a key that the published generator does not have.
    """
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


def convert_torchvision_googlenet(state: State) -> dict[str, Tensor]:
    """GoogLeNet of torchvision to ``TorchvisionGoogLeNet``: the auxiliary heads are left out.

    Raises
    ------
    ValueError
        For a key that torchvision's GoogLeNet does not have.
    """
    blocks = "|".join(INCEPTION_WIDTHS)
    known = re.compile(rf"(conv[123]|inception(?:{blocks})\.branch\d(?:\.[01])?)\.(conv|bn)\.\w+|fc\.(weight|bias)")

    def rename(key: str) -> str | None:
        return key if known.fullmatch(key) else None

    main = {key: value for key, value in state.items() if not re.match(r"aux[12]\.", key)}
    return converted(main, rename, "torchvision's GoogLeNet")


def convert_caffe_googlenet(arrays: State) -> dict[str, Tensor]:
    """BVLC GoogLeNet's arrays (``<layer>/weight``, ``<layer>/bias``) to ``BVLCGoogLeNet``.

    Takes what ``read_caffemodel`` gives, or the same arrays from elsewhere as tensors; the auxiliary classifiers of the
    training network are left out.

    Raises
    ------
    ValueError
        For an array that the network does not have.
    """
    plain = {
        "conv1/7x7_s2": "conv1",
        "conv2/3x3_reduce": "conv2_reduce",
        "conv2/3x3": "conv2",
        "loss3/classifier": "classifier",
    }

    def rename(key: str) -> str | None:
        layer, _, part = key.rpartition("/")
        if part not in ("weight", "bias"):
            return None
        if layer in plain:
            return f"{plain[layer]}.{part}"
        match = re.fullmatch(r"inception_(\d\w)/(\w+)", layer)
        if match is None or match[1] not in INCEPTION_WIDTHS or match[2] not in CAFFE_BRANCHES:
            return None
        return f"inception.{match[1]}.{CAFFE_BRANCHES[match[2]]}.{part}"

    main = {key: value for key, value in arrays.items() if not re.match(r"loss[12]/", key)}
    return converted(main, rename, "BVLC GoogLeNet")


def converted(state: State, rename: Callable[[str], str | None], what: str) -> dict[str, Tensor]:
    """Renamed state; BatchNorm counters, which checkpoints from before PyTorch 0.4.1 lack, are added as zero.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Under the publisher's names.
    rename : callable
        Our name of each, or None for a name that the published network does not have.
    what : str
        The published network, for the message.

    Raises
    ------
    ValueError
        For a name without another.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        new = rename(key)
        if new is None:
            raise ValueError(f"{key[:100]!r} is no array of {what}")
        renamed[new] = value
    for key in [key for key in renamed if key.endswith("running_mean")]:
        renamed.setdefault(key.replace("running_mean", "num_batches_tracked"), torch.zeros((), dtype=torch.int64))
    return renamed


def _extra_downs(state: State) -> int:
    """Halvings behind the common trunk: 0 for 64 px, 1 for 128 px, ..."""
    return len({m[1] for key in state if (m := re.match(r"img_code_s(32|64|128)\.", key))})


def shape_of(state: State, key: str, axes: int) -> tuple[int, ...]:
    """Shape of an array that must be there with so many axes, none of them empty; ValueError otherwise."""
    if key not in state or state[key].dim() != axes or not state[key].numel():
        raise ValueError(f"{key} with {axes} axes is missing")
    return tuple(state[key].shape)
